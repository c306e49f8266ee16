// The panels of the sharing ladder: which weights a unit reads with, and bars of accuracy.

import { createElement, createSvg, setAttributes, setText } from "./drawing.mjs";

/** @typedef {[number, number] | number[]} Pair */

const CHART = { wide: 410, row: 62, left: 164, right: 104 }; // a bar of 100 % fills what is between
const STEP = 32; // between two places of the drawing
const HEIGHTS = [196, 104, 12]; // of the image, the first and the second layer, from the top
const BOX = 22;
const INKS = ["var(--mark)", "#d06400", "#8064c8"]; // of the three weights of a kernel
const LETTERS = "abc";
const SUBSCRIPTS = "₁₂₃₄₅₆₇₈₉";

/** @param {number} count */
export const countInWords = (count) => count.toLocaleString("en-US");

/**
 * @param {string} words
 * @param {number} x
 * @param {number} y
 * @param {string} anchor
 */
const text = (words, x, y, anchor, kind = "") =>
  createSvg("text", { x, y, "text-anchor": anchor, class: kind }, words);

// --------------------------------------------------------------------------------- links of a unit

/** @param {number} place */
const xOf = (place) => 76 + place * STEP;

/**
 * What a weight is called: the letters of a kernel, with the unit's number where it is its own.
 * @param {string} kind
 * @param {number} unit
 * @param {number} weight
 */
function weightName(kind, unit, weight) {
  if (kind === "dense") return "";
  return LETTERS[weight % 3] + (kind === "local" ? SUBSCRIPTS[unit] : "");
}

/**
 * What stands in a unit of a layer: = where it has the marked unit's weights.
 * @param {string} kind
 * @param {number} place
 * @param {number} unit
 */
const unitSign = (kind, place, unit) => (place === unit ? "●" : kind === "shared" ? "=" : "");

/**
 * @param {number} layer  0 for the first
 * @param {string} kind
 * @param {number} unit
 * @param {number[][]} links
 */
function linksOf(layer, kind, unit, links) {
  const [low, high] = [HEIGHTS[layer], HEIGHTS[layer + 1] + BOX];
  return links.flatMap(([place, weight]) => {
    const ink = kind === "dense" ? "var(--soft)" : INKS[weight % 3];
    const ends = { x1: xOf(place), y1: low, x2: xOf(unit), y2: high };
    const line = createSvg("line", { ...ends, class: "course-link", stroke: ink });
    const [x, y] = [xOf(place) + 0.22 * (xOf(unit) - xOf(place)), low + 0.22 * (high - low)];
    const name = text(weightName(kind, unit, weight), x + 8, y + 4, "start", "course-weight");
    return [line, name];
  });
}

/** @type {Record<string, string>} */
const NOTES = {
  dense: "each unit reads everything, with weights of its own",
  local: "each unit reads 3 neighbours, with weights of its own",
  shared: "each unit reads 3 neighbours, all with the same weights (=)",
};

/**
 * Three rows of units; draw(kinds, unit, links) shows what the marked units read.
 * @param {number} places
 */
export function linkDrawing(places) {
  const [width, height] = [xOf(places - 1) + BOX, HEIGHTS[0] + BOX + 8];
  const svg = createSvg("svg", {
    class: "course-links",
    viewBox: `0 0 ${width} ${height}`,
    "aria-hidden": "true",
  });
  const content = createSvg("g");
  svg.append(content);
  const rows = ["image", "layer 1", "layer 2"];
  rows.forEach((words, row) => {
    svg.append(text(words, 0, HEIGHTS[row] + 15, "start", "course-row"));
  });
  const signs = rows.map((_, row) =>
    Array.from({ length: places }, (_, place) => {
      const [x, y] = [xOf(place), HEIGHTS[row]];
      const box = createSvg("rect", { x: x - BOX / 2, y, width: BOX, height: BOX });
      const sign = text("", x, y + 16, "middle");
      svg.append(box, sign);
      return { box, sign };
    }),
  );
  const notes = [0, 1].map(() => createElement("p", { class: "course-note" }));
  /** @type {(kinds: string[], unit: number, links: number[][][]) => void} */
  const draw = (kinds, unit, links) => {
    kinds.forEach((kind, layer) => {
      setText(notes[layer], `Layer ${layer + 1}: ${NOTES[kind]}.`);
      signs[layer + 1].forEach(({ box, sign }, place) => {
        sign.textContent = unitSign(kind, place, unit);
        box.setAttribute("class", place === unit ? "course-unit-marked" : "");
      });
    });
    content.replaceChildren(
      ...kinds.flatMap((kind, layer) => linksOf(layer, kind, unit, links[layer])),
    );
  };
  return { parts: [svg, ...notes], draw };
}

// -------------------------------------------------------------------------------------------- bars

/** @param {number} percent */
const lengthOf = (percent) => (percent / 100) * (CHART.wide - CHART.left - CHART.right);

/** @param {number} y */
function bar(y, kind = "") {
  const rect = createSvg("rect", { x: CHART.left, y, height: 15, class: kind });
  const value = text("", CHART.left, y + 12, "start");
  return { rect, value };
}

/**
 * A bar as long as its percentage, which stands behind it.
 * @param {ReturnType<typeof bar>} parts
 * @param {string} name
 * @param {number | undefined} percent
 */
function stretch({ rect, value }, name, percent) {
  const length = percent === undefined ? 0 : lengthOf(percent);
  rect.setAttribute("width", String(length));
  value.setAttribute("x", String(CHART.left + length + 5));
  value.textContent = percent === undefined ? "" : `${name} ${percent.toFixed(0)}`;
}

/**
 * Four rungs, the first at the bottom; draw(bars, mine) fills those that were seen.
 * @param {string[]} names
 * @param {number[]} totals  parameters of each rung
 */
export function barChart(names, totals) {
  const svg = createSvg("svg", {
    class: "course-ladder",
    viewBox: `0 0 ${CHART.wide} ${names.length * CHART.row}`,
    "aria-hidden": "true",
  });
  const rows = names.map((name, rung) => {
    const top = (names.length - 1 - rung) * CHART.row;
    const frame = createSvg("rect", { class: "course-rung", y: top + 2, x: 1 });
    setAttributes(frame, { width: CHART.wide - 2, height: CHART.row - 4 });
    const train = bar(top + 10, "course-train");
    const test = bar(top + 30, "course-test");
    const unknown = text("?", CHART.left + 6, top + 36, "start", "course-unknown");
    svg.append(
      frame,
      text(name, 8, top + 26, "start", "course-name"),
      text(countInWords(totals[rung]), 8, top + 44, "start"),
      train.rect,
      train.value,
      test.rect,
      test.value,
      unknown,
    );
    return { frame, train, test, unknown };
  });
  /** @type {(bars: (Pair | null)[], mine: number) => void} */
  const draw = (bars, mine) => {
    rows.forEach(({ frame, train, test, unknown }, rung) => {
      frame.setAttribute("class", `course-rung ${rung === mine ? "course-mine" : ""}`);
      stretch(train, "training", bars[rung]?.[0]);
      stretch(test, "test", bars[rung]?.[1]);
      unknown.textContent = bars[rung] ? "" : "?";
    });
  };
  return { svg, draw };
}
