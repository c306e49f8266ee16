// A chart of accuracy against shift for the pooling saw: one curve for each setting that was seen.

import { createSvg } from "./drawing.mjs";

/** @typedef {(number | null)[]} Curve  percent at each shift; null where it was not seen yet */
/** @typedef {{mark: string, ink: string, dash: string, words: string}} Look */

export const POOLS = ["max", "mean", "blur"];
export const SIZES = ["2", "4"];
export const HEADS = ["flatten", "global average"];
const AREA = { wide: 400, tall: 225, left: 38, right: 134, top: 10, bottom: 44 }; // with margins
const NAME_HEIGHT = 16;
const INKS = ["var(--mark)", "#d06400", "#8064c8"]; // of max, mean, blur
const MARKS = ["●", "▲", "■"];

/**
 * How a setting is drawn; settings are counted by pool, then size, then head.
 * @param {number} setting
 * @returns {Look}
 */
function lookOf(setting) {
  const [pool, size, head] = [Math.floor(setting / 4), Math.floor(setting / 2) % 2, setting % 2];
  const words = `${POOLS[pool]} ${SIZES[size]}${HEADS[head] === "flatten" ? ", flatten" : ""}`;
  return { mark: MARKS[pool], ink: INKS[pool], dash: size ? "7 3" : "none", words };
}

/**
 * @param {string} words
 * @param {number} x
 * @param {number} y
 * @param {string} anchor
 */
const text = (words, x, y, anchor, kind = "") =>
  createSvg("text", { x, y, "text-anchor": anchor, class: kind }, words);

/** @param {number} percent */
const yOf = (percent) => AREA.top + ((100 - percent) / 100) * (AREA.tall - AREA.top - AREA.bottom);

/** @param {number} shifts */
function chartFrame(shifts) {
  const svg = createSvg("svg", {
    class: "course-chart course-saw",
    viewBox: `0 0 ${AREA.wide} ${AREA.tall}`,
    "aria-hidden": "true",
  });
  /** @param {number} shift */
  const xOf = (shift) => AREA.left + (shift / (shifts - 1)) * (AREA.wide - AREA.left - AREA.right);
  for (const percent of [0, 25, 50, 75, 100]) {
    const y = yOf(percent);
    svg.append(
      createSvg("line", {
        class: "course-axis",
        x1: AREA.left,
        y1: y,
        x2: AREA.wide - AREA.right,
        y2: y,
      }),
      text(String(percent), AREA.left - 6, y + 5, "end"),
    );
  }
  for (let shift = 0; shift < shifts; shift++) {
    svg.append(text(String(shift), xOf(shift), AREA.tall - AREA.bottom + 18, "middle"));
  }
  svg.append(text("shift in pixels", xOf((shifts - 1) / 2), AREA.tall - 4, "middle"));
  return { svg, xOf };
}

/**
 * Points, and lines between those that stand side by side.
 * @param {Curve} curve
 * @param {Look} look
 * @param {boolean} isMine
 * @param {(shift: number) => number} xOf
 */
function drawCurve(curve, { mark, ink, dash }, isMine, xOf) {
  const path = curve
    .map((percent, shift) => {
      if (percent === null) return "";
      const isJoined = shift > 0 && curve[shift - 1] !== null;
      return `${isJoined ? "L" : "M"}${xOf(shift)} ${yOf(percent)}`;
    })
    .join("");
  const kind = `course-curve ${isMine ? "course-mine" : ""}`;
  const signs = curve.flatMap((percent, shift) => {
    if (percent === null) return [];
    const sign = text(mark, xOf(shift), yOf(percent) + 4, "middle", kind);
    sign.style.fill = ink;
    return [sign];
  });
  const line = createSvg("path", { d: path, class: kind, stroke: ink, "stroke-dasharray": dash });
  return [line, ...signs];
}

/**
 * Names at the right edge, at the height of each curve's last point; none covers another.
 * @param {{look: Look, percent: number, isMine: boolean}[]} curves
 */
function curveNames(curves) {
  const sorted = curves.sort((a, b) => b.percent - a.percent);
  let lowest = AREA.top - NAME_HEIGHT + 4;
  return sorted.map(({ look: { mark, ink, words }, percent, isMine }) => {
    lowest = Math.max(yOf(percent) + 4, lowest + NAME_HEIGHT);
    const x = AREA.wide - AREA.right + 10;
    const name = text(` ${words}`, x, lowest, "start", isMine ? "course-mine" : "");
    name.prepend(createSvg("tspan", { style: `fill:${ink}` }, mark));
    return name;
  });
}

/**
 * draw(curves, mine, shift) draws every curve that has a point; the one of the setting `mine` in
 * bold, with the present shift marked.
 * @param {number} shifts
 */
export function accuracyChart(shifts) {
  const { svg, xOf } = chartFrame(shifts);
  const content = createSvg("g");
  svg.append(content);
  /**
   * @param {Curve[]} curves
   * @param {number} mine
   * @param {number} shift
   */
  const draw = (curves, mine, shift) => {
    const shown = curves
      .map((curve, setting) => {
        const [isMine, seen] = [setting === mine, curve.filter((percent) => percent !== null)];
        return { curve, look: lookOf(setting), isMine, percent: seen[seen.length - 1] ?? -1 };
      })
      .filter(({ percent }) => percent >= 0);
    const x = xOf(shift);
    const now = createSvg("line", { class: "course-now", x1: x, y1: AREA.top, x2: x, y2: yOf(0) });
    const drawn = shown.flatMap(({ curve, look, isMine }) => drawCurve(curve, look, isMine, xOf));
    content.replaceChildren(now, ...drawn, ...curveNames(shown));
  };
  return { svg, draw };
}
