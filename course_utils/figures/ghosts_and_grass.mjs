import { courseFigure } from "./base.mjs";
import {
  clamp,
  createElement,
  createSvg,
  createTitle,
  setAttributes,
  setText,
} from "./drawing.mjs";
import { masksOf, numbers, runsOf, SAMPLES, SIZE, STEPS, spikesOf } from "./ghosts_numbers.mjs";

/** @typedef {import("./ghosts_numbers.mjs").State} State */
/** @typedef {import("./ghosts_numbers.mjs").Numbers} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const SIDES = ["equispaced", "at random"];
const [WIDTH, HEIGHT, STRIP] = [640, 150, 10]; // of a panel, in CSS pixels
const [WIDE, TALL] = [190, 250]; // of the chart of errors
const [LEFT, BOTTOM] = [50, 22]; // its margins
const MOST = 1.1; // the highest bar that is drawn
const MOST_OFF = 1.2;
const JUMP = 10; // steps an arrow key goes

/** @param {number} share */
const percent = (share) => `${share < 0.1 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`;

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary({ samples, spikes, steps }, { off, standing }) {
  const signal = `${samples} of ${SIZE} samples of ${spikes} ${spikes === 1 ? "spike" : "spikes"}`;
  const [even, random] = SIDES.map(
    (side, i) => `${side}: ${percent(off[i])} off, ${standing[i]} above the threshold`,
  );
  return `${signal}, after ${steps} steps; ${even}; ${random}.`;
}

/** @param {View} view */
function controls(view) {
  return createElement(
    "div",
    { class: "course-controls" },
    view.slider(
      "steps",
      { low: 0, high: STEPS, step: 1 },
      ({ steps }) => steps,
      (steps) => ({ steps }),
    ),
    view.slider(
      "samples",
      { low: 0, high: SAMPLES.length - 1, step: 1, words: (at) => `${SAMPLES[at]}` },
      ({ samples }) => SAMPLES.indexOf(samples),
      (at) => ({ samples: SAMPLES[at] }),
    ),
    view.slider(
      "spikes",
      { low: 1, high: 16, step: 1 },
      ({ spikes }) => spikes,
      (spikes) => ({ spikes }),
    ),
    view.button("Other random samples", ({ seed }) => ({ seed: (seed + 1) % 1000 })),
  );
}

/**
 * An SVG that shrinks with the page.
 * @param {number} width
 * @param {number} height
 * @param {string} name
 */
function canvas(width, height, name) {
  const viewBox = `0 0 ${width} ${height}`;
  const svg = createSvg("svg", { viewBox, class: name, "aria-hidden": "true" });
  svg.style.width = `${width}px`;
  return svg;
}

/**
 * The bars of one pattern, its threshold, where the spikes are, and which samples are taken.
 * @param {string} side
 */
function panel(side) {
  const svg = canvas(WIDTH, HEIGHT + STRIP + 6, "course-bars");
  const slot = WIDTH / SIZE;
  /** @param {number} height */
  const up = (height) => HEIGHT / 2 - (clamp(height, -MOST, MOST) * HEIGHT) / (2 * MOST);
  /** @type {(places: number[], bottom: number, tops: (place: number) => number) => string} */
  const lines = (places, bottom, tops) =>
    places.map((at) => `M ${(at + 0.5) * slot} ${bottom} V ${tops(at).toFixed(2)}`).join(" ");
  const [low, high, threshold, truth, taken] = ["low", "high", "threshold", "truth", "taken"].map(
    (name) => createSvg("path", { class: `course-${name}` }),
  );
  svg.append(createSvg("path", { d: `M 0 ${up(0)} H ${WIDTH}`, class: "course-ground" }));
  svg.append(truth, low, high, threshold, taken);
  /** @type {(state: State, bars: number[], limit: number, mask: boolean[]) => void} */
  const draw = (state, bars, limit, mask) => {
    const places = bars.map((_, at) => at);
    const stands = (/** @type {number} */ at) => Math.abs(bars[at]) > limit * (1 + 1e-9);
    const top = (/** @type {number} */ at) => up(bars[at]);
    const d = {
      low: lines(
        places.filter((at) => !stands(at)),
        up(0),
        top,
      ),
      high: lines(places.filter(stands), up(0), top),
      threshold: `M 0 ${up(limit)} H ${WIDTH} M 0 ${up(-limit)} H ${WIDTH}`,
      truth: spikesOf(state.spikes)
        .map(([at, height]) => `M ${(at + 0.5) * slot - 4} ${up(height)} h 8`)
        .join(" "),
      taken: lines(
        places.filter((at) => mask[at]),
        HEIGHT + STRIP + 6,
        () => HEIGHT + 6,
      ),
    };
    setAttributes(low, { d: d.low });
    setAttributes(high, { d: d.high });
    setAttributes(threshold, { d: d.threshold });
    setAttributes(truth, { d: d.truth });
    setAttributes(taken, { d: d.taken });
  };
  const title = createTitle(side);
  return { box: createElement("div", { class: "course-panel" }, title, svg), title, draw };
}

/** How far both estimates are off, over the steps. */
function errorChart() {
  const svg = canvas(WIDE + LEFT, TALL + BOTTOM, "course-errors");
  /** @type {(step: number, off: number) => [number, number]} */
  const place = (step, off) => [
    LEFT + (step / STEPS) * (WIDE - 8),
    TALL - (Math.min(off, MOST_OFF) / MOST_OFF) * TALL,
  ];
  svg.append(createSvg("path", { d: `M ${LEFT} 0 V ${TALL} H ${LEFT + WIDE}` }));
  for (const off of [0, 0.5, 1]) {
    const [x, y] = place(0, off);
    svg.append(createSvg("text", { x: x - 4, y: y + 5, "text-anchor": "end" }, `${100 * off} %`));
  }
  const [end] = place(STEPS, 0);
  const below = { x: end, y: TALL + 18, "text-anchor": "end" };
  svg.append(createSvg("text", below, `${STEPS} steps`));
  const curves = SIDES.map((_, i) => createSvg("polyline", { class: `course-side-${i}` }));
  const dots = SIDES.map((_, i) => createSvg("circle", { r: 5, class: `course-side-${i}` }));
  const names = SIDES.map((side) => createSvg("text", { "text-anchor": "end" }, side));
  svg.append(...curves, ...dots, ...names);
  /** @param {State} state */
  const draw = (state) => {
    runsOf(state).forEach(({ off }, i) => {
      const points = off.map((value, step) =>
        place(step, value)
          .map((n) => n.toFixed(1))
          .join(),
      );
      curves[i].setAttribute("points", points.join(" "));
      const [cx, cy] = place(state.steps, off[state.steps]);
      setAttributes(dots[i], { cx, cy });
      const [, y] = place(STEPS, off[STEPS]);
      setAttributes(names[i], { x: end, y: clamp(i ? y - 8 : y - 10, 12, TALL - 8) });
    });
  };
  const box = createElement("div", {}, createTitle("how far x̂ is off"), svg);
  return { box, svg, draw };
}

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  view.root.classList.add("course-ghosts");
  const panels = SIDES.map(panel);
  const errors = errorChart();
  const boxes = createElement("div", {}, ...panels.map(({ box }) => box));
  view.stage.append(boxes, errors.box);
  view.root.prepend(controls(view));
  view.draggable(errors.svg, (_, x) => ({
    steps: clamp(Math.round(((x * (WIDE + LEFT) - LEFT) / (WIDE - 8)) * STEPS), 0, STEPS),
  }));
  return (state, { bars, thresholds }) => {
    const masks = masksOf(state);
    panels.forEach(({ title, draw }, i) => {
      const chosen = i ? "at random" : `every ${ordinal(SIZE / state.samples)}`;
      setText(title, `${state.samples} samples, ${chosen}`);
      draw(state, bars[i], thresholds[i], masks[i]);
    });
    errors.draw(state);
  };
}

/** @param {number} n  a power of two */
const ordinal = (n) => ({ 1: "one", 2: "second", 4: "fourth", 8: "eighth" })[n] ?? `${n}th`;

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "ghosts_and_grass",
  traits: ["samples", "steps", "spikes", "seed"],
  limits: { steps: [0, STEPS], spikes: [1, 16], seed: [0, 999] },
  choices: { samples: SAMPLES },
  label: "Spikes before the threshold. Left and right change the steps, up and down the samples.",
  numbers,
  summary,
  move: ({ samples, steps }, dRow, dColumn) => ({
    samples: SAMPLES[clamp(SAMPLES.indexOf(samples) - dRow, 0, SAMPLES.length - 1)],
    steps: clamp(steps + JUMP * dColumn, 0, STEPS),
  }),
  build,
};

export default courseFigure(figure);
