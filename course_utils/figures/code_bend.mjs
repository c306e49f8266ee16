import { courseFigure } from "./base.mjs";
import { numbers, picturesOf, project, realPicture, WAYS } from "./bend_numbers.mjs";
import {
  cividis,
  clamp,
  createElement,
  createSvg,
  createTitle,
  formatNumber,
  picture,
  setAttributes,
  setText,
} from "./drawing.mjs";

/** @typedef {import("./bend_numbers.mjs").State} State */
/** @typedef {import("./bend_numbers.mjs").Run} Run */
/** @typedef {import("./bend_numbers.mjs").Numbers} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const SIDE = 340; // of the chart
const MARGIN = 24; // for labels
const PICTURE = 124; // CSS pixels
const NAMES = { network: "network", line: "PCA" };

/** @param {number} error */
const formatError = (error) => error.toFixed(4);

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary({ code }, { code: value, errors }) {
  const where = `Code ${formatNumber(value)}, ${code} % of the way`;
  const far = WAYS.map((way) => `${NAMES[way]} ${formatError(errors[way])}`).join(", ");
  return `${where}. Mean squared difference from the most similar real picture: ${far}.`;
}

// ---------------------------------------------------------------------------------------- controls

/** @param {View} view */
function controls(view) {
  const run = view.select(
    "the bar turns",
    ({ runs }) => runs.map(({ name }) => name),
    (state) => state.runs[state.run].name,
    (name, { runs }) => ({ run: runs.findIndex((run) => run.name === name) }),
  );
  const code = view.slider(
    "code",
    { low: 0, high: 100, step: 1, words: (value) => `${value} %` },
    (state) => state.code,
    (value) => ({ code: value }),
  );
  const degrees = (/** @type {number} */ value) => `${formatNumber(value)}°`;
  const turn = view.slider(
    "turn the view",
    { low: -180, high: 180, step: 5, words: degrees },
    (state) => state.turn,
    (value) => ({ turn: value }),
  );
  const tilt = view.slider(
    "tilt the view",
    { low: 0, high: 90, step: 5, words: degrees },
    (state) => state.tilt,
    (value) => ({ tilt: value }),
  );
  return createElement("div", { class: "course-controls" }, run, code, turn, tilt);
}

// ------------------------------------------------------------------------------------------- space

/**
 * How many units of the axes make one unit of the drawing, so that a run always fits.
 * @param {Run} run
 * @param {number[][]} curve
 */
function scaleOf({ places }, curve) {
  const lengths = [...places, ...curve].map((place) => Math.hypot(...place));
  return (SIDE / 2 - MARGIN) / Math.max(...lengths);
}

/**
 * A path through places as they are seen.
 * @param {number[][]} points
 */
const pathOf = (points) =>
  `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;

/**
 * Three axes, the pictures as points, PCA's line and the network's curve.
 * @param {View} view
 */
function space(view) {
  const viewBox = `0 0 ${SIDE} ${SIDE}`;
  const svg = createSvg("svg", { viewBox, class: "course-space", "aria-hidden": "true" });
  const frame = createSvg("rect", { width: SIDE, height: SIDE, class: "course-frame" });
  const axes = createSvg("path", { class: "course-axes" });
  const names = [1, 2, 3].map((axis) => createSvg("text", {}, `axis ${axis}`));
  const points = createSvg("g");
  const line = createSvg("path", { class: "course-line" });
  const curve = createSvg("path", { class: "course-curve" });
  const gaps = createSvg("path", { class: "course-gaps" });
  const marks = {
    network: createSvg("circle", { r: 8, class: "course-network" }),
    line: createSvg("rect", { width: 14, height: 14, class: "course-pca" }),
  };
  const labels = WAYS.map((way) => createSvg("text", { class: "course-name" }, NAMES[way]));
  svg.append(frame, axes, ...names, line, curve, points, gaps, ...Object.values(marks), ...labels);

  /** @type {(state: State, numbers: Numbers) => void} */
  const draw = (state, { places, nearest, curve: route }) => {
    const run = state.runs[state.run];
    const scale = scaleOf(run, route);
    /** @param {number[]} place */
    const at = (place) => {
      const [across, up] = project(state, place);
      return [SIDE / 2 + scale * across, SIDE / 2 - scale * up];
    };
    const reach = (SIDE / 2 - MARGIN) / scale;
    const tips = [0, 1, 2].map((axis) => [0, 1, 2].map((i) => (i === axis ? reach : 0)));
    axes.setAttribute("d", tips.map((tip) => pathOf([at([0, 0, 0]), at(tip)])).join(""));
    tips.forEach((tip, axis) => {
      const [x, y] = at(tip);
      setAttributes(names[axis], { x: clamp(x, 20, SIDE - 20), y: clamp(y - 4, 12, SIDE - 6) });
    });
    line.setAttribute("d", pathOf(run.line_between.map((along) => at([along, 0, 0]))));
    curve.setAttribute("d", pathOf(route.map(at)));
    drawPoints(points, run, at);
    const pairs = WAYS.map((way) => pathOf([at(places[way]), at(run.places[nearest[way]])]));
    gaps.setAttribute("d", pairs.join(""));
    const [[cx, cy], [x, y]] = [at(places.network), at(places.line)];
    setAttributes(marks.network, { cx, cy });
    setAttributes(marks.line, { x: x - 7, y: y - 7 });
    setAttributes(labels[0], { x: clamp(cx, 34, SIDE - 34), y: clamp(cy - 14, 14, SIDE - 6) });
    setAttributes(labels[1], { x: clamp(x, 34, SIDE - 34), y: clamp(y + 24, 14, SIDE - 6) });
  };
  view.draggable(svg, (y, x, _, start) => ({
    turn: Math.round(clamp(start.state.turn + 180 * (x - start.x), -180, 180)),
    tilt: Math.round(clamp(start.state.tilt + 90 * (y - start.y), 0, 90)),
  }));
  return { svg, draw };
}

/**
 * The real pictures: the higher its code, the larger and brighter the point.
 * @param {SVGElement} group
 * @param {Run} run
 * @param {(place: number[]) => number[]} at
 */
function drawPoints(group, { places, codes }, at) {
  const [low, high] = [Math.min(...codes), Math.max(...codes)];
  while (group.childElementCount < places.length) group.append(createSvg("circle"));
  while (group.childElementCount > places.length) group.lastElementChild?.remove();
  places.forEach((place, index) => {
    const share = (codes[index] - low) / (high - low || 1);
    const [cx, cy] = at(place);
    const fill = `rgb(${cividis(share).map(Math.round).join(" ")})`;
    setAttributes(group.children[index], { cx, cy, r: 2.5 + 3 * share, fill });
  });
}

// ---------------------------------------------------------------------------------------- pictures

/** @param {State} state */
function pictures({ runs }) {
  const side = runs[0].pictures.shape[2];
  const panels = ["network", "real", "line"].map((name) => {
    const [title, image] = [createTitle(), picture(side, side, PICTURE)];
    return { name, title, image, box: createElement("div", {}, title, image.frame) };
  });
  const box = createElement("div", { class: "course-three" }, ...panels.map(({ box }) => box));
  /** @type {(state: State, numbers: Numbers) => void} */
  const draw = (state, { nearest }) => {
    const run = state.runs[state.run];
    const pixels = { ...picturesOf(state), real: realPicture(run, nearest.network) };
    const titles = {
      network: "one number, decoded",
      real: `real picture, ${formatNumber(run.angles[nearest.network])}°`,
      line: "one number, PCA",
    };
    for (const { name, title, image } of panels) {
      const key = /** @type {"network" | "real" | "line"} */ (name);
      setText(title, titles[key]);
      image.paint((row, column) =>
        Array(3).fill(255 * clamp(pixels[key][row * side + column], 0, 1)),
      );
    }
  };
  return { box, draw };
}

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  view.root.classList.add("course-bend");
  const [map, three] = [space(view), pictures(view.read())];
  view.root.prepend(controls(view));
  const note = "Points are real pictures: the larger and brighter, the higher the code.";
  const panel = createElement(
    "div",
    { class: "course-panel" },
    three.box,
    createElement("p", { class: "course-note" }, note),
  );
  view.stage.append(map.svg, panel);
  return (state, numbers) => {
    map.draw(state, numbers);
    three.draw(state, numbers);
  };
}

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "code_bend",
  traits: ["runs", "run", "code", "turn", "tilt"],
  large: ["runs"],
  limits: { code: [0, 100], turn: [-180, 180], tilt: [0, 90] },
  label:
    "Pictures, the network's curve and PCA's line on three axes. Left and right arrows change the code, up and down turn the view.",
  numbers,
  summary,
  normalizeState(next) {
    const last = next.runs.length - 1;
    if (next.run < 0 || next.run > last) {
      throw new Error(`Refused: run ${next.run} lies outside 0 to ${last}.`);
    }
    return next;
  },
  move: ({ code, turn }, dRow, dColumn) => ({ code: code + 2 * dColumn, turn: turn + 5 * dRow }),
  build,
};

export default courseFigure(figure);
