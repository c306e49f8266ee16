// The map of the race: the surface as filled contours, and every runner's way over it.

import {
  cividis,
  clamp,
  contextOf,
  createElement,
  createSvg,
  createTitle,
  formatNumber,
  packColors,
  setAttributes,
  setText,
} from "./drawing.mjs";
import { pathOf, RUNNERS, SURFACES } from "./race_rules.mjs";

/** @typedef {import("./race_rules.mjs").Point} Point */
/** @typedef {import("./race_rules.mjs").State} State */
/** @typedef {import("./race_rules.mjs").Numbers} Numbers */
/** @typedef {import("./race_rules.mjs").Surface} Surface */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const [WIDTH, HEIGHT] = [400, 300]; // of the map, in its own units
const FINE = 1.5; // pixels of the canvas for each of them
const [COLUMNS, ROWS] = [100, 75]; // of the grid on which the loss is asked
const BANDS = 16;
const LABEL_HEIGHT = 15;

// -------------------------------------------------------------------------------------------- marks

const [R, T] = [6, 5.5]; // radius of a marker, and of one with corners
/** @type {Record<string, [string, string]>} */
const LOOKS = {
  SGD: ["#5790fc", `M ${R} 0 A ${R} ${R} 0 1 1 ${-R} 0 A ${R} ${R} 0 1 1 ${R} 0 Z`],
  momentum: ["#f89c20", `M ${-T} ${-T} H ${T} V ${T} H ${-T} Z`],
  Nesterov: ["#e42536", `M 0 ${-R - 1} L ${R + 1} ${T} H ${-R - 1} Z`],
  AdaGrad: ["#964a8b", `M 0 ${-R - 2} L ${R + 2} 0 L 0 ${R + 2} L ${-R - 2} 0 Z`],
  RMSprop: ["#9c9ca1", `M 0 ${R + 1} L ${R + 1} ${-T} H ${-R - 1} Z`],
  Adam: ["#7a21dd", "M -2.5 -7 H 2.5 V -2.5 H 7 V 2.5 H 2.5 V 7 H -2.5 V 2.5 H -7 V -2.5 H -2.5 Z"],
};

/**
 * Ink and shape of a runner; the misprinted ones look like the runner they are named after.
 * @param {string} runner
 */
function lookOf(runner) {
  const [color, shape] = LOOKS[runner.split(",")[0]];
  const ink = `color-mix(in oklab, ${color} 82%, var(--ink))`;
  return { ink, shape, isPrinted: runner.includes("printed") };
}

/**
 * A runner's marker: filled, or hollow where the rule is misprinted.
 * @param {string} runner
 */
export function runnerMark(runner) {
  const { ink, shape, isPrinted } = lookOf(runner);
  const kind = `course-mark ${isPrinted ? "course-printed" : ""}`;
  const mark = createSvg("path", { d: shape, class: kind });
  mark.style.fill = isPrinted ? "var(--paper)" : ink;
  if (isPrinted) mark.style.stroke = ink;
  return mark;
}

/**
 * What a runner has on the map: its trail, and its mark with a label.
 * @param {string} runner
 */
function runnerParts(runner) {
  const { ink, isPrinted } = lookOf(runner);
  const casing = createSvg("polyline", { class: "course-casing" });
  const trail = createSvg("polyline", { class: "course-trail" });
  trail.style.stroke = ink;
  if (isPrinted) trail.setAttribute("stroke-dasharray", "5 4");
  const leader = createSvg("line", { class: "course-leader" });
  const [mark, text] = [runnerMark(runner), createSvg("text")];
  return {
    runner,
    leader,
    mark,
    text,
    lines: [casing, trail],
    trails: createSvg("g", {}, casing, trail),
    label: createSvg("g", {}, leader, mark, text),
  };
}
/** @typedef {ReturnType<typeof runnerParts>} RunnerParts */

// ----------------------------------------------------------------------------------------- contours

/**
 * The loss at the corners of a grid over the map.
 * @param {Surface} surface
 */
function lossField({ low, high, loss }) {
  const field = new Float64Array((COLUMNS + 1) * (ROWS + 1));
  for (let row = 0, at = 0; row <= ROWS; row++) {
    const y = high[1] - ((high[1] - low[1]) * row) / ROWS;
    for (let column = 0; column <= COLUMNS; column++, at++) {
      field[at] = loss(low[0] + ((high[0] - low[0]) * column) / COLUMNS, y);
    }
  }
  return field;
}

/**
 * In which band of the loss every pixel lies; between the grid's corners it is interpolated.
 * @param {Surface} surface
 * @param {number} width
 * @param {number} height
 */
function lossBands(surface, width, height) {
  const field = lossField(surface);
  const deepest = surface.loss(...surface.lowest[0]);
  const span = field.reduce((most, value) => Math.max(most, value), -Infinity) - deepest;
  const bands = new Uint8Array(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    const v = ((y + 0.5) / height) * ROWS;
    for (let x = 0; x < width; x++, at++) {
      const u = ((x + 0.5) / width) * COLUMNS;
      const corner = Math.floor(v) * (COLUMNS + 1) + Math.floor(u);
      const [right, down] = [u % 1, v % 1];
      const upper = field[corner] * (1 - right) + field[corner + 1] * right;
      const lower = field[corner + COLUMNS + 1] * (1 - right) + field[corner + COLUMNS + 2] * right;
      const part = Math.max(0, (upper * (1 - down) + lower * down - deepest) / span);
      bands[at] = Math.min(BANDS - 1, Math.floor(BANDS * part ** 0.4)); // narrow bands below
    }
  }
  return bands;
}

/**
 * Paint the surface as filled contours, dark where a band ends.
 * @param {HTMLCanvasElement} canvas
 * @param {Surface} surface
 */
function paintContours(canvas, surface) {
  const { width, height } = canvas;
  const bands = lossBands(surface, width, height);
  /** @param {number} light */
  const shades = (light) =>
    packColors(BANDS, (band) => {
      const [red, green, blue] = cividis((band + 0.5) / BANDS);
      return [light * red, light * green, light * blue];
    });
  const [plain, dark] = [shades(1), shades(0.7)];
  const context = contextOf(canvas);
  const pixels = context.createImageData(width, height);
  const colors = new Uint32Array(pixels.data.buffer);
  for (let at = 0; at < colors.length; at++) {
    const band = bands[at];
    const isEdge = band !== (bands[at + 1] ?? band) || band !== (bands[at + width] ?? band);
    colors[at] = (isEdge ? dark : plain)[band];
  }
  context.putImageData(pixels, 0, 0);
}

// ------------------------------------------------------------------------------------------ places

/**
 * Where a point of the plane lies on the map.
 * @param {string} surface
 * @param {Point} point
 * @returns {Point}
 */
function onMap(surface, [x, y]) {
  const { low, high } = SURFACES[surface];
  return [
    ((x - low[0]) / (high[0] - low[0])) * WIDTH,
    ((high[1] - y) / (high[1] - low[1])) * HEIGHT,
  ];
}

/**
 * The point of the plane at a place of the map, in fractions of it.
 * @param {string} surface
 * @param {number} y
 * @param {number} x
 * @returns {Point}
 */
function pointUnder(surface, y, x) {
  const { low, high } = SURFACES[surface];
  const point = [low[0] + x * (high[0] - low[0]), high[1] - y * (high[1] - low[1])];
  return [Number(point[0].toFixed(3)), Number(point[1].toFixed(3))];
}

/**
 * Move labels apart, up and down, until none lies over another.
 * @param {{x: number, y: number, width: number}[]} labels
 */
function spreadLabels(labels) {
  /** @type {(a: typeof labels[0], b: typeof labels[0]) => boolean} */
  const touch = (a, b) =>
    Math.min(a.x + a.width, b.x + b.width) > Math.max(a.x, b.x) &&
    Math.abs(a.y - b.y) < LABEL_HEIGHT;
  const ordered = [...labels].sort((a, b) => a.y - b.y);
  for (let round = 0; round < 40; round++) {
    ordered.forEach((upper, i) => {
      for (const lower of ordered.slice(i + 1)) {
        if (!touch(upper, lower)) continue;
        const push = (LABEL_HEIGHT - (lower.y - upper.y)) / 2;
        upper.y -= push;
        lower.y += push;
      }
    });
    for (const label of ordered) {
      label.y = clamp(label.y, LABEL_HEIGHT / 2, HEIGHT - LABEL_HEIGHT / 2);
    }
  }
}

// ------------------------------------------------------------------------------------- the picture

/**
 * Draw a runner's trail up to the present step; returns where it ends, within the map's frame.
 * @param {RunnerParts} parts
 * @param {State} state
 * @returns {Point}
 */
function drawTrail({ runner, lines }, state) {
  const places = pathOf(runner, state)
    .places.slice(0, state.step + 1)
    .map((place) => onMap(state.surface, place));
  const points = places.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  for (const line of lines) line.setAttribute("points", points);
  const [x, y] = places[places.length - 1];
  return [clamp(x, 7, WIDTH - 7), clamp(y, 7, HEIGHT - 7)];
}

/**
 * A label right of its mark, or left where there is no room.
 * @param {RunnerParts} parts
 * @param {Point} place
 */
function labelAt(parts, place) {
  const width = 7.4 * parts.runner.length + 12;
  const isRight = place[0] + 12 + width < WIDTH;
  const x = isRight ? place[0] + 12 : place[0] - 12 - width;
  return { parts, place, isRight, width, x, y: place[1] };
}

/** @param {ReturnType<typeof labelAt>} label */
function drawLabel({ parts, place, isRight, width, x, y }) {
  const { runner, leader, mark, text } = parts;
  const side = isRight ? x : x + width;
  mark.setAttribute("transform", `translate(${place})`);
  setText(text, runner);
  setAttributes(text, { x: side, y: y + 4, "text-anchor": isRight ? "start" : "end" });
  const isFar = Math.abs(y - place[1]) > 6;
  const ends = isFar
    ? { x1: place[0], y1: place[1], x2: side, y2: y }
    : { x1: 0, y1: 0, x2: 0, y2: 0 };
  setAttributes(leader, ends);
}

/**
 * @param {string} surface
 * @param {Point} lowest
 */
function lowestCross(surface, lowest) {
  const [x, y] = onMap(surface, lowest);
  const d = `M ${x - 6} ${y} H ${x + 6} M ${x} ${y - 6} V ${y + 6}`;
  return createSvg("path", { d, stroke: "#fff", "stroke-width": 2 });
}

/**
 * The map; draw(state, numbers) brings it up to date.
 * @param {View} view
 */
export function raceMap(view) {
  const canvas = createElement("canvas", { width: WIDTH * FINE, height: HEIGHT * FINE });
  const svg = createSvg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" });
  const box = createElement("div", { class: "course-map" }, canvas, svg);
  const title = createTitle();
  const pole = { d: "M 0 0 V -16 L 11 -12 L 0 -8", fill: "none", stroke: "var(--ink)" };
  const flag = createSvg("path", { ...pole, "stroke-width": 2 });
  const crosses = createSvg("g");
  const runners = RUNNERS.map(runnerParts);
  svg.append(crosses, ...runners.map(({ trails }) => trails), flag);
  svg.append(...runners.map(({ label }) => label));
  view.draggable(box, (y, x, { surface }) => ({ start: pointUnder(surface, y, x) }));
  let painted = "";
  /** @param {string} surface */
  const paint = (surface) => {
    const { low, high, lowest } = SURFACES[surface];
    paintContours(canvas, SURFACES[surface]);
    const [left, bottom, right, top] = [...low, ...high].map((edge) => formatNumber(edge));
    title.textContent = `w₁ across, ${left} to ${right}; w₂ up, ${bottom} to ${top}`;
    crosses.replaceChildren(...lowest.map((place) => lowestCross(surface, place)));
    painted = surface;
  };
  /**
   * @param {State} state
   * @param {Numbers} numbers
   */
  const draw = (state, numbers) => {
    if (painted !== state.surface) paint(state.surface);
    drawRunners(runners, state, numbers);
    flag.setAttribute("transform", `translate(${onMap(state.surface, state.start)})`);
  };
  return { title, box, draw };
}

/**
 * @param {RunnerParts[]} runners
 * @param {State} state
 * @param {Numbers} numbers
 */
function drawRunners(runners, state, numbers) {
  const labels = runners.flatMap((parts) => {
    const isShown = parts.runner in numbers.runners;
    for (const group of [parts.trails, parts.label]) group.style.display = isShown ? "" : "none";
    return isShown ? [labelAt(parts, drawTrail(parts, state))] : [];
  });
  spreadLabels(labels);
  labels.forEach(drawLabel);
}
