// A chart of PSNR for the recovery camera: one curve for each prior, filled in as it is computed.

import { clamp, createSvg } from "./drawing.mjs";
import { DCT, HAAR, NONE, VARIATION } from "./recovery_solvers.mjs";

/** @typedef {[number, number]} Point  a place between 0 and 1, and dB there */
/** @typedef {[string, Point[]]} Curve  a prior, and its points */

const [WIDTH, HEIGHT] = [330, 190];
const [LEFT, RIGHT, TOP, BOTTOM] = [30, 66, 26, 44]; // margins
const NAME_HEIGHT = 15;
const MARKS = { [NONE]: "", [DCT]: "●", [HAAR]: "■", [VARIATION]: "▲" };
const SHORT = { [NONE]: "none", [DCT]: "DCT", [HAAR]: "Haar", [VARIATION]: "TV" };
const INKS = {
  [NONE]: "var(--soft)",
  [DCT]: "var(--mark)",
  [HAAR]: "#8064c8",
  [VARIATION]: "#d06400",
};

/** @param {number} part  a place between 0 and 1 */
const xOf = (part) => LEFT + part * (WIDTH - LEFT - RIGHT);

/** The scale of the chart's height, in dB. */
class Scale {
  low = 0;
  high = 50;

  /** @param {number} level */
  y(level) {
    const share = (this.high - clamp(level, this.low, this.high)) / (this.high - this.low);
    return TOP + share * (HEIGHT - TOP - BOTTOM);
  }

  /**
   * Show what the curves reach, in whole steps of 5 dB.
   * @param {Curve[]} curves
   */
  fit(curves) {
    const levels = curves.flatMap(([, points]) => points.map(([, level]) => level));
    this.low = 5 * Math.max(0, Math.floor(Math.min(...levels) / 5));
    this.high = Math.max(this.low + 10, 5 * Math.ceil(Math.max(...levels) / 5));
  }

  ticks() {
    const step = this.high - this.low > 25 ? 10 : 5;
    const count = Math.floor((this.high - this.low) / step) + 1;
    return Array.from({ length: count }, (_, at) => this.low + at * step);
  }
}

/**
 * @param {string} kind
 * @param {number} x1
 * @param {number} y1
 * @param {number} x2
 * @param {number} y2
 */
const line = (kind, x1, y1, x2, y2) => createSvg("line", { class: kind, x1, y1, x2, y2 });

/**
 * @param {string} words
 * @param {number} x
 * @param {number} y
 * @param {string} anchor
 */
const text = (words, x, y, anchor, kind = "") =>
  createSvg("text", { x, y, "text-anchor": anchor, class: kind }, words);

/**
 * A curve with the marks of its prior.
 * @param {Curve} curve
 * @param {Scale} scale
 * @param {number} here
 * @param {boolean} isMine  whether it is the curve of the prior that is chosen
 */
function drawCurve([prior, points], scale, here, isMine) {
  const [ink, mark] = [INKS[prior], MARKS[prior]];
  const line = createSvg("polyline", {
    points: points.map(([part, level]) => `${xOf(part)},${scale.y(level)}`).join(" "),
    class: `course-curve ${isMine ? "course-mine" : ""}`,
    stroke: ink,
    "stroke-dasharray": prior === NONE ? "2 4" : "none",
  });
  const marks = (mark ? points : []).map(([part, level]) => {
    const sign = text(mark, xOf(part), scale.y(level) + 3, "middle");
    const size = part === here && isMine ? 15 : 8;
    sign.setAttribute("style", `fill:${ink};font-size:${size}px`);
    return sign;
  });
  return [line, ...marks];
}

/**
 * The prior's name at the end of its curve, and the height it would like.
 * @param {Curve} curve
 * @param {Scale} scale
 * @param {boolean} isMine
 */
function curveName([prior, points], scale, isMine) {
  const [part, level] = points[points.length - 1];
  const name = text("", xOf(part) + 7, 0, "start", isMine ? "course-mine" : "");
  const mark = createSvg("tspan", { style: `fill:${INKS[prior]}` }, MARKS[prior]);
  name.replaceChildren(mark, ` ${SHORT[prior]}`);
  return { name, y: scale.y(level) + 4 };
}

/**
 * Names on top of one another would cover each other.
 * @param {ReturnType<typeof curveName>[]} names
 */
function spreadNames(names) {
  let lowest = 0;
  for (const { name, y } of names.sort((a, b) => a.y - b.y)) {
    lowest = Math.max(y, lowest + NAME_HEIGHT);
    name.setAttribute("y", String(lowest));
  }
  return names.map(({ name }) => name);
}

/**
 * @param {string} title
 * @param {[number, string][]} ticks  place and words
 * @param {Scale} scale
 */
function chartFrame(title, ticks, scale) {
  const attributes = { class: "course-chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}` };
  const svg = createSvg("svg", { ...attributes, "aria-hidden": "true" });
  const bottom = scale.y(0);
  for (const [part, words] of ticks) {
    const tick = line("course-axis", xOf(part), bottom, xOf(part), bottom + 4);
    svg.append(tick, text(words, xOf(part), bottom + 19, "middle"));
  }
  svg.append(text("PSNR in dB", 2, 12, "start"), text(title, xOf(0.5), HEIGHT - 6, "middle"));
  return svg;
}

/**
 * A chart of PSNR against some places between 0 and 1; draw(curves, here, mine) redraws it. It
 * shows 0 to 50 dB; a close one shows what the priors reach, in whole steps of 5 dB.
 * @param {string} title
 * @param {[number, string][]} ticks
 */
export function psnrChart(title, ticks, close = false) {
  const scale = new Scale();
  const svg = chartFrame(title, ticks, scale);
  const content = createSvg("g");
  svg.append(content);
  /**
   * @param {Curve[]} curves
   * @param {number} here   the present place
   * @param {string} mine   the prior that is chosen
   */
  const draw = (curves, here, mine) => {
    const shown = close ? curves.filter(([prior]) => prior !== NONE || prior === mine) : curves;
    if (close) scale.fit(shown);
    const grid = scale.ticks().flatMap((level) => {
      const y = scale.y(level);
      const rule = line("course-axis", LEFT, y, WIDTH - RIGHT, y);
      return [rule, text(`${level}`, LEFT - 6, y + 5, "end")];
    });
    const now = line("course-now", xOf(here), scale.y(scale.low), xOf(here), TOP);
    const drawn = shown.flatMap((curve) => drawCurve(curve, scale, here, curve[0] === mine));
    const names = shown.map((curve) => curveName(curve, scale, curve[0] === mine));
    content.replaceChildren(...grid, now, ...drawn, ...spreadNames(names));
  };
  /** The place on the axis of a fraction of the chart's width. */
  const partAt = /** @param {number} x */ (x) =>
    clamp((x * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT), 0, 1);
  return { svg, draw, partAt };
}
