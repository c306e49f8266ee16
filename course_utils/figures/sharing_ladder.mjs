import { courseFigure } from "./base.mjs";
import { clamp, createElement, createTitle, setText, sum } from "./drawing.mjs";
import { barChart, countInWords, linkDrawing } from "./ladder_panels.mjs";

/**
 * @typedef {object} State
 * @property {number} rung
 * @property {string} pixels
 * @property {number} checkpoint
 * @property {number} unit
 * @property {number[]} visited            order · 4 + rung of what was seen
 * @property {number[][][][]} accuracies   (2, 4, checkpoints, 2) in percent: training, test
 */
/** @typedef {ReturnType<typeof numbers>} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const RUNGS = ["dense", "local", "first layer shared", "all shared"];
const KINDS = [
  ["dense", "dense"],
  ["local", "local"],
  ["shared", "local"],
  ["shared", "shared"],
];
const PIXELS = ["as they are", "shuffled"];
const CHECKPOINTS = [1, 2, 4, 7, 11, 16, 24]; // epochs
const [SIDE, CHANNELS, CLASSES] = [16, [3, 8, 16], 10];
const PLACES = 9; // of the drawing

// -------------------------------------------------------------------------------------- arithmetic

/** @param {number} rung */
function countParameters(rung) {
  const counts = KINDS[rung].map((kind, layer) => {
    const [inputs, filters] = [CHANNELS[layer], CHANNELS[layer + 1]];
    const places = (SIDE / 2 ** layer) ** 2;
    if (kind === "dense") return (inputs * places + 1) * filters * places;
    return (9 * inputs + 1) * filters * (kind === "local" ? places : 1);
  });
  return [...counts, (CHANNELS[2] * (SIDE / 4) ** 2 + 1) * CLASSES];
}

/**
 * [input, weight] of every link into a unit of the drawing.
 * @param {string} kind
 * @param {number} unit
 */
function drawLinks(kind, unit) {
  const places = Array.from({ length: PLACES }, (_, place) => place);
  if (kind === "dense") return places.map((place) => [place, PLACES * unit + place]);
  const first = kind === "local" ? 3 * unit : 0;
  return places
    .filter((place) => Math.abs(place - unit) <= 1)
    .map((place) => [place, first + place - unit + 1]);
}

/** @param {State} state */
const placeOf = ({ pixels, rung }) => PIXELS.indexOf(pixels) * RUNGS.length + rung;

/** @param {State} state */
function numbers(state) {
  const { rung, pixels, checkpoint, unit } = state;
  const order = PIXELS.indexOf(pixels);
  const known = new Set([...state.visited, placeOf(state)]);
  const parameters = countParameters(rung);
  return {
    epoch: CHECKPOINTS[checkpoint],
    parameters,
    total: sum(parameters),
    links: KINDS[rung].map((kind) => drawLinks(kind, unit)),
    bars: RUNGS.map((_, at) =>
      known.has(order * RUNGS.length + at) ? state.accuracies[order][at][checkpoint] : null,
    ),
  };
}

// ------------------------------------------------------------------------------------------- state

/** @param {State} next */
function normalizeState(next) {
  const outside = next.visited.find((at) => at < 0 || at >= PIXELS.length * RUNGS.length);
  if (outside !== undefined) throw new Error(`Refused: visited ${outside} is no rung.`);
  const place = placeOf(next);
  const visited = next.visited.includes(place) ? next.visited : [...next.visited, place];
  return { ...next, visited };
}

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary({ rung, pixels }, { epoch, total, bars }) {
  const [train, test] = bars[rung] ?? [0, 0];
  const after = epoch === 1 ? "after 1 epoch" : `after ${epoch} epochs`;
  const accuracy = `${train.toFixed(0)} % of the training and ${test.toFixed(0)} % of the test images right`;
  return `Rung ${rung + 1}, ${RUNGS[rung]}, pixels ${pixels}: ${countInWords(total)} parameters; ${after} ${accuracy}.`;
}

// ------------------------------------------------------------------------------------- the picture

/** @param {View} view */
function controls(view) {
  const rung = view.select(
    "rung",
    () => RUNGS,
    (state) => RUNGS[state.rung],
    (name) => ({ rung: RUNGS.indexOf(name) }),
  );
  const epochs = view.slider(
    "epochs",
    {
      low: 0,
      high: CHECKPOINTS.length - 1,
      step: 1,
      words: (checkpoint) => String(CHECKPOINTS[checkpoint]),
    },
    ({ checkpoint }) => checkpoint,
    (checkpoint) => ({ checkpoint }),
  );
  return createElement(
    "div",
    { class: "course-controls" },
    rung,
    view.traitSelect("pixels", "pixels"),
    epochs,
  );
}

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  const drawing = linkDrawing(PLACES);
  const totals = RUNGS.map((_, rung) => sum(countParameters(rung)));
  const chart = barChart(RUNGS, totals);
  const titles = [createTitle(), createTitle("right answers in %, and parameters")];
  view.stage.append(titles[0], ...drawing.parts);
  view.draggable(chart.svg, (y) => ({ rung: RUNGS.length - 1 - Math.floor(y * RUNGS.length) }));
  const panel = createElement("div", { class: "course-panel" }, titles[1], chart.svg);
  view.root.prepend(
    controls(view),
    createElement("div", { class: "course-panels" }, view.stage, panel),
  );
  return (state, numbers) => {
    setText(titles[0], `${RUNGS[state.rung]}: what the marked units read`);
    drawing.draw(KINDS[state.rung], state.unit, numbers.links);
    chart.draw(numbers.bars, state.rung);
  };
}

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "sharing_ladder",
  traits: ["rung", "pixels", "checkpoint", "unit", "visited", "accuracies"],
  large: ["accuracies"],
  limits: {
    rung: [0, RUNGS.length - 1],
    checkpoint: [0, CHECKPOINTS.length - 1],
    unit: [0, PLACES - 1],
  },
  choices: { pixels: PIXELS },
  label: "The ladder. Up and down arrows climb it; left and right mark another unit.",
  numbers,
  summary,
  normalizeState,
  move: ({ rung, unit }, dRow, dColumn) => ({
    rung: clamp(rung - dRow, 0, RUNGS.length - 1),
    unit: clamp(unit + dColumn, 0, PLACES - 1),
  }),
  build,
};

export default courseFigure(figure);
