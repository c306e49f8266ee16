import { courseFigure } from "./base.mjs";
import {
  clamp,
  createElement,
  createSvg,
  createTitle,
  formatNumber,
  setAttributes,
} from "./drawing.mjs";

/**
 * @typedef {object} State
 * @property {number} grown  per cent of the radius at which a ball touches the line
 * @property {number} angle  of the line's normal, in degrees
 */
/** @typedef {ReturnType<typeof numbers>} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const DISTANCE = 2; // as in growing_balls.py, like the next
const EDGE = 1e-9;
const NORMS = ["ℓ₁", "ℓ₂"];
const SIDE = 260; // CSS pixels
const REACH = 3.2; // the axes go from -REACH to REACH

/** @param {number} angle */
function normalOf(angle) {
  const radians = (angle * Math.PI) / 180;
  return [Math.cos(radians), Math.sin(radians)];
}

/** @param {State} state */
function numbers({ grown, angle }) {
  const normal = normalOf(angle);
  const steepest = Math.max(...normal.map(Math.abs));
  const corners = [0, 1]
    .filter((axis) => Math.abs(normal[axis]) > steepest - EDGE)
    .map((axis) => [0, 1].map((other) => (other === axis ? DISTANCE / normal[axis] : 0)));
  const touching = [corners, [normal.map((factor) => DISTANCE * factor)]];
  return {
    radii: [DISTANCE / steepest, DISTANCE].map((radius) => (grown / 100) * radius),
    touching: grown === 100 ? touching : [[], []],
  };
}

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary({ grown }, { radii, touching }) {
  const sizes = `ℓ₁ ball: r = ${formatNumber(radii[0])}, ℓ₂ ball: r = ${formatNumber(radii[1])}`;
  if (grown < 100) return `${sizes}. Neither touches the line yet.`;
  const [first, last] = touching[0];
  const point = (/** @type {number[]} */ h) =>
    `(${h.map((part) => formatNumber(part)).join("; ")})`;
  const edge =
    last === undefined ? `in ${point(first)}` : `along an edge, ${point(first)} to ${point(last)}`;
  return `${sizes}. ℓ₁ touches the line ${edge}, ℓ₂ in ${point(touching[1][0])}.`;
}

/** @param {View} view */
function controls(view) {
  return createElement(
    "div",
    { class: "course-controls" },
    view.slider(
      "grown",
      { low: 0, high: 100, step: 1, words: (value) => `${value} %` },
      ({ grown }) => grown,
      (grown) => ({ grown }),
    ),
    view.slider(
      "tilt",
      { low: 0, high: 180, step: 5, words: (value) => `${value}°` },
      ({ angle }) => angle,
      (angle) => ({ angle }),
    ),
  );
}

/** @type {(point: number[]) => [number, number]} */
const onPage = ([across, up]) => [
  (SIDE * (REACH + across)) / (2 * REACH),
  (SIDE * (REACH - up)) / (2 * REACH),
];

/** @param {number[][]} points */
const pathThrough = (points) => `M ${points.map((point) => onPage(point).join(" ")).join(" L ")}`;

/** A plane with its axes. */
function plane() {
  const svg = createSvg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, "aria-hidden": "true" });
  svg.style.width = `${SIDE}px`;
  for (const axis of [0, 1]) {
    const end = [0, 0];
    end[axis] = REACH;
    const d = pathThrough([end.map((part) => -part), end]);
    const [x, y] = onPage(axis ? [0.12, 2.9] : [2.8, 0.12]);
    svg.append(createSvg("path", { d, class: "course-axes" }));
    svg.append(createSvg("text", { x, y }, axis ? "h₂" : "h₁"));
  }
  return svg;
}

/**
 * One norm's ball, the line, and where they touch.
 * @param {string} norm
 * @param {number} which
 */
function panel(norm, which) {
  const svg = plane();
  const ball = which ? createSvg("circle") : createSvg("path");
  const [line, touch] = [createSvg("path"), createSvg("path")];
  setAttributes(ball, { class: "course-ball" });
  setAttributes(line, { class: "course-solutions" });
  setAttributes(touch, { class: "course-touch" });
  svg.append(ball, line, touch);
  /** @type {(state: State, numbers: Numbers) => void} */
  const draw = ({ angle }, { radii, touching }) => {
    const [across, up] = normalOf(angle);
    const ends = [-9, 9].map((t) => [DISTANCE * across - t * up, DISTANCE * up + t * across]);
    setAttributes(line, { d: pathThrough(ends) });
    const r = radii[which];
    const [cx, cy] = onPage([0, 0]);
    const corners = [
      [r, 0],
      [0, r],
      [-r, 0],
      [0, -r],
    ];
    if (which) setAttributes(ball, { cx, cy, r: (r * SIDE) / (2 * REACH) });
    else setAttributes(ball, { d: `${pathThrough(corners)} Z` });
    const points = touching[which];
    const last = points[points.length - 1];
    setAttributes(touch, { d: points.length ? pathThrough([points[0], last]) : "" });
  };
  return { box: createElement("div", {}, createTitle(`${norm} ball`), svg), svg, draw };
}

/**
 * The tilt at which the line is nearest to the origin on the pointer's side.
 * @param {number} y
 * @param {number} x
 */
function angleTo(y, x) {
  const degrees = (Math.atan2(1 - 2 * y, 2 * x - 1) * 180) / Math.PI;
  const angle = degrees < -90 ? 180 : Math.max(degrees, 0);
  return { angle: Math.round(angle) };
}

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  view.root.classList.add("course-balls");
  const panels = NORMS.map(panel);
  view.stage.append(...panels.map(({ box }) => box));
  for (const { svg } of panels) view.draggable(svg, angleTo);
  view.root.prepend(controls(view));
  return (state, shown) => {
    for (const { draw } of panels) draw(state, shown);
  };
}

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "growing_balls",
  traits: ["grown", "angle"],
  limits: { grown: [0, 100], angle: [0, 180] },
  label: "Two balls and a line. Left and right let the balls grow, up and down tilt the line.",
  numbers,
  summary,
  move: ({ grown, angle }, dRow, dColumn) => ({
    grown: clamp(grown + 5 * dColumn, 0, 100),
    angle: clamp(angle - 5 * dRow, 0, 180),
  }),
  build,
};

export default courseFigure(figure);
