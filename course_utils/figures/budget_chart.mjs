// The budget board: trained networks as dots of accuracy against parameters.

import { formatWhole } from "./architecture_ledger.mjs";
import {
  ACCURACY,
  goalsReached,
  INPUT,
  MOST_WORK,
  OPENING_WORK,
  PARAMETERS,
  SHAPE,
} from "./budget_goals.mjs";
import { clamp, createElement, createSvg, createTitle, setText } from "./drawing.mjs";

/** @typedef {import("./architecture_ledger.mjs").State} State */
/** @typedef {import("./budget_goals.mjs").Run} Run */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const [WIDTH, HEIGHT] = [284, 205];
const [LEFT, RIGHT, TOP, BOTTOM] = [54, 12, 10, 44]; // margins
const [LOW, HIGH] = [2, 5.3]; // powers of ten of the parameters
const PATIENCE = 6000; // ms for Python to answer
const SILENT =
  "Python does not answer: its kernel is busy, or this page has none. The dots are recorded runs.";

/** @param {number} parameters */
const xOf = (parameters) => {
  const share = (Math.log10(clamp(parameters, 10 ** LOW, 10 ** HIGH)) - LOW) / (HIGH - LOW);
  return LEFT + share * (WIDTH - LEFT - RIGHT);
};

/** @param {number} accuracy  in % */
const yOf = (accuracy) => TOP + ((100 - accuracy) / 100) * (HEIGHT - TOP - BOTTOM);

/**
 * @param {string} words
 * @param {number} x
 * @param {number} y
 * @param {string} anchor
 */
const text = (words, x, y, anchor) => createSvg("text", { x, y, "text-anchor": anchor }, words);

/** Axes, their numbers, and the corner that is to be reached. */
function frame() {
  const [right, bottom] = [WIDTH - RIGHT, HEIGHT - BOTTOM];
  const corner = { x: LEFT, y: TOP, width: xOf(PARAMETERS) - LEFT, height: yOf(ACCURACY) - TOP };
  const parts = [
    createSvg("rect", { ...corner, class: "course-goal" }),
    text("goal", LEFT + 6, TOP + 15, "start"),
    createSvg("path", { d: `M${LEFT} ${TOP}V${bottom}H${right}`, class: "course-axis" }),
    text("parameters", (LEFT + right) / 2, HEIGHT - 6, "middle"),
  ];
  for (const count of [100, 1000, PARAMETERS, 100_000]) {
    parts.push(text(formatWhole(count), xOf(count), bottom + 18, "middle"));
  }
  for (const percent of [10, 25, 50, ACCURACY, 100]) {
    parts.push(text(`${percent} %`, LEFT - 5, yOf(percent) + 5, "end"));
  }
  return parts;
}

/**
 * A dot with its number: hollow where it was recorded, a diamond where both goals are reached.
 * @param {Run} run
 * @param {number} at
 */
function dot(run, at) {
  const [x, y] = [xOf(run.parameters), yOf(run.accuracy)];
  const radius = goalsReached(run) === 2 ? 7 : 5;
  const d =
    goalsReached(run) === 2
      ? `M${x} ${y - radius}l${radius} ${radius}l${-radius} ${radius}l${-radius} ${-radius}z`
      : `M${x - radius} ${y}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0z`;
  const kind = run.recorded ? "course-dot course-recorded" : "course-dot";
  return [createSvg("path", { d, class: kind }), text(String(at + 1), x + 9, y + 4, "start")];
}

/** @param {Run} run */
const runInWords = ({ parameters, multiply_adds, accuracy }) =>
  `${formatWhole(parameters)} parameters, ${formatWhole(multiply_adds)} multiply-adds, ${accuracy.toFixed(1)} %`;

/**
 * What the latest network has reached, or which number it misses.
 * @param {Run} run
 */
function verdict(run) {
  const { parameters, multiply_adds, accuracy } = run;
  if (goalsReached(run) === 2) return "Both goals are reached.";
  if (goalsReached(run) === 1) {
    return `The first goal is reached; the second allows ${formatWhole(OPENING_WORK / 10)} multiply-adds, not ${formatWhole(multiply_adds)}.`;
  }
  const missed = [
    accuracy <= ACCURACY ? `more than ${ACCURACY} %` : "",
    parameters >= PARAMETERS ? `fewer than ${formatWhole(PARAMETERS)} parameters` : "",
  ].filter(Boolean);
  return `The first goal needs ${missed.join(" and ")}.`;
}

/**
 * Why the network cannot be trained; nothing if it can.
 * @param {State} state
 * @param {number} work
 */
function reasonNotToTrain(state, work) {
  const { size, channels, classes } = INPUT;
  if (state.size !== size || state.channels !== channels || state.classes !== classes) {
    return `The board trains networks for ${channels} channels of ${size} × ${size} and ${classes} classes.`;
  }
  const most = formatWhole(MOST_WORK);
  return work > MOST_WORK ? `The board trains networks of at most ${most} multiply-adds.` : "";
}

/**
 * What the board says under its chart.
 * @param {State} state
 * @param {string} reason
 * @param {string} waiting
 */
function boardInWords({ runs, training }, reason, waiting) {
  if (training.share !== undefined) return `Training: ${Math.round(100 * training.share)} %.`;
  if (waiting) return waiting;
  if (training.note) return training.note;
  if (reason) return reason;
  const latest = runs.findLastIndex((run) => !run.recorded);
  if (latest < 0) return "Hollow dots are recorded runs. Change the network and train it.";
  return `Network ${latest + 1}: ${runInWords(runs[latest])}. ${verdict(runs[latest])}`;
}

/**
 * The button that trains and cancels, and what is said while nothing is heard from Python.
 * @param {View} view
 */
function trainButton(view) {
  let waiting = "";
  const button = view.button("Train", (state) => {
    const isTraining = state.training.share !== undefined;
    const network = Object.fromEntries(
      [...SHAPE, "size", "channels", "classes"].map((name) => [name, view.model.get(name)]),
    );
    view.model.send(isTraining ? { action: "cancel" } : { action: "train", ...network });
    if (isTraining) return;
    const { runs, training } = state;
    waiting = "Waiting for Python …";
    const timer = setTimeout(() => {
      const now = view.read();
      waiting = now.runs === runs && now.training === training ? SILENT : "";
      view.drawLater();
    }, PATIENCE);
    view.closing.signal.addEventListener("abort", () => clearTimeout(timer));
    view.drawLater();
  });
  view.model.on("change:training", () => {
    waiting = "";
  });
  return { button, waiting: () => waiting };
}

/**
 * A button for every run: its network is shown again.
 * @param {View} view
 */
function runButtons(view) {
  const list = createElement("ol", { class: "course-runs course-note" });
  /** @type {Run[]} */
  let shown = [];
  /** @param {Run[]} runs */
  const draw = (runs) => {
    if (shown === runs) return;
    shown = runs;
    const items = runs.map((run) => {
      const shape = Object.fromEntries(SHAPE.map((name) => [name, run[name]]));
      const button = view.button(`${run.recorded ? "○" : "●"} ${runInWords(run)}`, () => ({
        ...shape,
        ...INPUT,
        row: 0,
      }));
      if (run.recorded) button.setAttribute("aria-label", `${runInWords(run)}, recorded`);
      return createElement("li", {}, button);
    });
    list.replaceChildren(...items);
  };
  return { list, draw };
}

/**
 * Chart, button and runs; draw(state, work) brings them up to a state.
 * @param {View} view
 */
export function budgetBoard(view) {
  const dots = createSvg("g");
  const svg = createSvg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "course-board-chart", "aria-hidden": "true" },
    ...frame(),
    dots,
  );
  const { button, waiting } = trainButton(view);
  const words = createElement("span", { class: "course-board-line", "aria-live": "polite" });
  const { list, draw: drawRuns } = runButtons(view);
  const box = createElement(
    "div",
    { class: "course-board" },
    createTitle("Accuracy of trained networks"),
    svg,
    createElement("div", { class: "course-board-row" }, button, words),
    list,
  );
  /** @type {Run[]} */
  let drawn = [];
  /**
   * @param {State} state
   * @param {number} work
   */
  const draw = (state, work) => {
    box.hidden = !state.board;
    if (!state.board) return;
    const isTraining = state.training.share !== undefined;
    const reason = isTraining ? "" : reasonNotToTrain(state, work);
    button.disabled = Boolean(reason);
    setText(button, isTraining ? "Cancel" : "Train");
    setText(words, boardInWords(state, reason, waiting()));
    if (drawn !== state.runs) dots.replaceChildren(...state.runs.flatMap(dot));
    drawn = state.runs;
    drawRuns(state.runs);
  };
  return { box, draw };
}
