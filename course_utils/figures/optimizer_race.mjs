import { courseFigure } from "./base.mjs";
import { clamp, createElement, createSvg, formatNumber, MINUS, setText } from "./drawing.mjs";
import { raceMap, runnerMark } from "./race_map.mjs";
import { BEST, numbers, ONE, RUNNERS, STEPS, SURFACES } from "./race_rules.mjs";

/** @typedef {import("./race_rules.mjs").State} State */
/** @typedef {import("./race_rules.mjs").Numbers} Numbers */
/** @typedef {import("./race_rules.mjs").Standing} Standing */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const PACE = 30; // steps a second
const TAILS = [0, 0.5, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999]; // of β₂, for its slider
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

// ---------------------------------------------------------------------------------------- in words

/**
 * A loss as people write it: 0.123, or 1.2·10⁻⁷ where it is small.
 * @param {number} value
 */
function formatLoss(value) {
  if (value === 0 || Math.abs(value) >= 0.001) {
    return formatNumber(value, Math.abs(value) < 10 ? 3 : 1);
  }
  const [digits, power] = value.toExponential(1).split("e-");
  const exponent = [...power].map((digit) => SUPERSCRIPTS[Number(digit)]).join("");
  return `${digits.replace("-", MINUS)}·10⁻${exponent}`;
}

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary({ surface, step }, { runners }) {
  const racing = Object.entries(runners).flatMap(([name, { loss }]) =>
    loss === null ? [] : [{ name, loss }],
  );
  const gone = Object.entries(runners).filter(([, { left }]) => left !== null);
  const where = `After ${step === 1 ? "1 step" : `${step} steps`} on the ${surface}`;
  const order = racing
    .sort((a, b) => a.loss - b.loss)
    .map(({ name, loss }) => `${name} ${formatLoss(loss)}`);
  const first = order.length ? `: ${order.join("; ")}.` : ".";
  const lost = gone.map(([name, { left }]) => ` ${name} left the map at step ${left}.`).join("");
  return `${where}, lowest loss first${first}${lost}`;
}

// ------------------------------------------------------------------------------------------- state

/**
 * Another surface brings its own start and learning rate.
 * @param {State} next
 * @param {Partial<State>} changes
 * @returns {State}
 */
function normalizeState(next, changes) {
  const { low, high, ...own } = SURFACES[next.surface];
  const isOther = "surface" in changes;
  const [x, y] = isOther && !changes.start ? own.start : next.start;
  const stranger = next.shown.find((name) => !RUNNERS.includes(name));
  if (stranger) throw new Error(`Refused: runner ${stranger} is none of ${RUNNERS.join(", ")}.`);
  const eta = isOther && changes.eta === undefined ? own.eta : next.eta;
  return { ...next, eta, start: [clamp(x, low[0], high[0]), clamp(y, low[1], high[1])] };
}

/**
 * @param {State} state
 * @param {number} dRow
 * @param {number} dColumn
 * @returns {Partial<State>}
 */
function move({ surface, start: [x, y] }, dRow, dColumn) {
  const { low, high } = SURFACES[surface];
  const by = (high[0] - low[0]) / 40;
  return { start: [Number((x + dColumn * by).toFixed(6)), Number((y - dRow * by).toFixed(6))] };
}

// ---------------------------------------------------------------------------------------- controls

/** @param {View} view */
function mainControls(view) {
  const part = { low: 0, high: 0.99, step: 0.01 };
  /** @type {(label: string, name: "alpha" | "beta1" | "rho") => HTMLElement} */
  const share = (label, name) =>
    view.slider(
      label,
      part,
      (state) => state[name],
      (value) => ({ [name]: value }),
    );
  return createElement(
    "div",
    { class: "course-controls" },
    view.select(
      "surface",
      () => Object.keys(SURFACES),
      ({ surface }) => surface,
      (surface) => ({ surface }),
    ),
    view.select(
      "learning rates",
      () => [BEST, ONE],
      ({ rates }) => rates,
      (rates) => ({ rates }),
    ),
    rateSlider(view),
    share("α, momentum", "alpha"),
    share("β₁, Adam", "beta1"),
    view.slider(
      "β₂, Adam",
      { low: 0, high: TAILS.length - 1, step: 1, words: (at) => formatNumber(TAILS[at], 4) },
      ({ beta2 }) => nearestTail(beta2),
      (at) => ({ beta2: TAILS[at] }),
    ),
    share("ρ, RMSprop", "rho"),
  );
}

/**
 * The one rate for all; nothing to move while each runner has its own.
 * @param {View} view
 */
function rateSlider(view) {
  const slider = view.slider(
    "η",
    { low: -3, high: 0.5, step: 0.05, words: (power) => formatNumber(10 ** power, 4) },
    ({ eta }) => Math.log10(eta),
    (power) => ({ eta: Number((10 ** power).toPrecision(2)) }),
  );
  view.controls.push(({ rates }) => {
    slider.hidden = rates !== ONE;
  });
  return slider;
}

/** @param {number} beta */
function nearestTail(beta) {
  const distances = TAILS.map((tail) => Math.abs(tail - beta));
  return distances.indexOf(Math.min(...distances));
}

/**
 * Play, step, reset and the slider of time. While the race runs, only the browser knows the step;
 * the kernel hears of the end.
 */
class Player {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    /** @type {number | undefined} */
    this.frame = undefined; // the number of the next frame while the race runs
    this.isHalfway = false; // Play goes on from here, and else from the start
    this.play = view.button("Play", (state) => {
      if (this.frame === undefined) return this.start(state);
      this.pause();
      return { step: state.step };
    });
    const range = { low: 0, high: STEPS, step: 1 };
    this.box = createElement(
      "div",
      { class: "course-buttons" },
      this.play,
      view.button("Step", ({ step }) => this.goTo(step + 1)),
      view.button("Reset", () => this.goTo(0)),
      view.slider(
        "step",
        range,
        ({ step }) => step,
        (step) => this.goTo(step),
      ),
    );
  }

  /** @param {number} step */
  goTo(step) {
    this.pause();
    return { step };
  }

  pause() {
    if (this.frame !== undefined) cancelAnimationFrame(this.frame);
    this.frame = undefined;
    this.isHalfway = true;
    this.view.statusLine.setAttribute("aria-live", "polite");
  }

  /** @param {State} state */
  start({ step }) {
    const from = this.isHalfway && step < STEPS ? step : 0;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return { step: STEPS };
    this.view.statusLine.setAttribute("aria-live", "off"); // the end is told, not every step
    /** @type {number | undefined} */
    let began;
    /** @param {number} now */
    const tick = (now) => {
      if (!this.view.root.isConnected) return;
      began ??= now;
      const at = Math.min(STEPS, from + Math.floor(((now - began) / 1000) * PACE));
      this.frame = requestAnimationFrame(tick);
      if (at < STEPS) this.view.model.set("step", at);
      else this.view.set(this.goTo(at));
    };
    this.frame = requestAnimationFrame(tick);
    return { step: from };
  }
}

// ------------------------------------------------------------------------------------------- board

/**
 * A runner's line on the board, with the box that shows or hides it.
 * @param {View} view
 * @param {string} runner
 */
function boardLine(view, runner) {
  const attributes = { "aria-label": runner, "data-lm-suppress-shortcuts": "true" };
  const box = createElement("input", { type: "checkbox", ...attributes });
  view.listen(box, "change", () => {
    const { shown } = view.read();
    const isShown = /** @param {string} name */ (name) =>
      name === runner ? box.checked : shown.includes(name);
    view.set({ shown: RUNNERS.filter(isShown) });
  });
  const drawing = { viewBox: "-9 -9 18 18", "aria-hidden": "true" };
  const mark = createSvg("svg", drawing, runnerMark(runner));
  const label = createElement("label", {}, box, mark, runner);
  const cells = [0, 1, 2].map(() => createElement("td"));
  const head = createElement("th", { scope: "row" }, label);
  return { runner, box, cells, line: createElement("tr", {}, head, ...cells) };
}

/**
 * @param {ReturnType<typeof boardLine>} parts
 * @param {Standing | undefined} standing  nothing where the runner is hidden
 */
function drawBoardLine({ box, cells, line }, standing) {
  const [eta, loss, arrived] = cells;
  const isAway = Boolean(standing && !standing.position);
  box.checked = Boolean(standing);
  line.classList.toggle("course-away", isAway);
  loss.colSpan = isAway ? 2 : 1;
  arrived.hidden = isAway;
  setText(eta, standing ? formatNumber(standing.eta, 4) : "");
  setText(loss, isAway ? `left the map at step ${standing?.left}` : lossInWords(standing));
  const since = standing?.arrived === null ? "not yet" : `step ${standing?.arrived}`;
  setText(arrived, standing ? since : "");
}

/** @param {Standing | undefined} standing */
const lossInWords = (standing) =>
  standing && standing.loss !== null ? formatLoss(standing.loss) : "";

/** @param {View} view */
function raceBoard(view) {
  const lines = RUNNERS.map((runner) => boardLine(view, runner));
  const heads = ["runner", "η", "loss", "there since"].map((words) =>
    createElement("th", { scope: "col" }, words),
  );
  const note = createElement("div", { class: "course-note" });
  const head = createElement("thead", {}, createElement("tr", {}, ...heads));
  const body = createElement("tbody", {}, ...lines.map(({ line }) => line));
  const table = createElement("table", {}, head, body);
  /** @param {Numbers} numbers */
  const draw = ({ runners, enough }) => {
    for (const line of lines) drawBoardLine(line, runners[line.runner]);
    setText(
      note,
      `Flag: the start, click or drag to move it. White cross: lowest loss. There: at a loss of ${formatLoss(enough)} or less, with a thousandth of the way down left. Best rates: from the surface's own start, α, β and ρ as set at first.`,
    );
  };
  return { box: createElement("div", { class: "course-board" }, table, note), draw };
}

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  view.root.classList.add("course-race");
  const controls = mainControls(view);
  const map = raceMap(view);
  const player = new Player(view);
  const board = raceBoard(view);
  view.stage.append(map.title, map.box, player.box);
  const panels = createElement("div", { class: "course-panels" }, view.stage, board.box);
  view.root.prepend(controls, panels);
  return (state, numbers) => {
    setText(player.play, player.frame === undefined ? "Play" : "Pause");
    map.draw(state, numbers);
    board.draw(numbers);
  };
}

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "optimizer_race",
  traits: ["surface", "start", "rates", "eta", "alpha", "beta1", "beta2", "rho", "shown", "step"],
  limits: {
    eta: [1e-4, 10],
    alpha: [0, 1],
    beta1: [0, 0.9999],
    beta2: [0, 0.9999],
    rho: [0, 0.9999],
    step: [0, STEPS],
  },
  choices: { surface: Object.keys(SURFACES), rates: [BEST, ONE] },
  label:
    "Map of the loss. Arrow keys move the start; full stop and comma step on and back; Home and End go to the first and last step.",
  numbers,
  summary,
  normalizeState,
  move,
  keys: {
    ".": ({ step }) => ({ step: step + 1 }),
    ",": ({ step }) => ({ step: step - 1 }),
    Home: () => ({ step: 0 }),
    End: () => ({ step: STEPS }),
  },
  build,
};

export default courseFigure(figure);
