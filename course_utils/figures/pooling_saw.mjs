import { courseFigure } from "./base.mjs";
import {
  clamp,
  createElement,
  createSvg,
  createTitle,
  formatFixed,
  formatNumber,
  makeMatrix,
  picture,
  setText,
  sum,
} from "./drawing.mjs";
import { accuracyChart, HEADS, POOLS, SIZES } from "./saw_chart.mjs";

/**
 * @typedef {object} State
 * @property {number} digit
 * @property {number} shift
 * @property {string} pool
 * @property {string} size
 * @property {string} head
 * @property {number[]} visited        setting · SHIFTS + shift of every accuracy that was seen
 * @property {number[][][]} digits     (10, 8, 8), 0 to 255
 * @property {number[][]} kernel       (5, 5)
 * @property {number[][]} accuracies   (settings, SHIFTS) in percent
 * @property {number[][][]} answers    (settings, SHIFTS, 10) classes read
 */
/** @typedef {ReturnType<typeof numbers>} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const SHIFTS = 9;
const [HEIGHT, WIDTH, TOP, LEFT] = [20, 32, 6, 8]; // of the frame; of the digit before it moves
const THRESHOLD = 0.3;
const SCALE = 7; // CSS pixels for each of the frame

// -------------------------------------------------------------------------------------- arithmetic

/** @param {State} state */
const settingOf = ({ pool, size, head }) =>
  (POOLS.indexOf(pool) * SIZES.length + SIZES.indexOf(size)) * HEADS.length + HEADS.indexOf(head);

/**
 * What is seen in any case: where the curve begins, and where it is now.
 * @param {State} state
 */
function seenPlaces(state) {
  const first = settingOf(state) * SHIFTS;
  return [first, first + state.shift];
}

/**
 * The digit in its frame, 0 to 1.
 * @param {State} state
 * @param {number} shift
 */
const framed = ({ digits, digit }, shift) =>
  makeMatrix(
    HEIGHT,
    WIDTH,
    (row, column) => (digits[digit][row - TOP]?.[column - LEFT - shift] ?? 0) / 255,
  );

/**
 * The filter's answers to the moved digit, above the threshold.
 * @param {State} state
 * @param {number} shift
 */
function filterMap(state, shift) {
  const image = framed(state, shift);
  return makeMatrix(HEIGHT, WIDTH, (row, column) => {
    let total = 0;
    for (let i = 0; i < 5; i++) {
      for (let j = 0; j < 5; j++) {
        total += (image[row + i - 2]?.[column + j - 2] ?? 0) * state.kernel[i][j];
      }
    }
    return Math.max(total - THRESHOLD, 0);
  });
}

/**
 * The numbers of a window, line by line; what lies outside the map is left out.
 * @param {number[][]} values
 * @param {number} row
 * @param {number} column
 * @param {number} size
 */
function windowAt(values, row, column, size) {
  const lines = values.slice(Math.max(row, 0), Math.max(row + size, 0));
  return lines.flatMap((line) => line.slice(Math.max(column, 0), Math.max(column + size, 0)));
}

/**
 * One output of the blur pool: the maxima of all windows around, weighted 1 2 1 along each axis.
 * @param {number[][]} values
 * @param {number} row
 * @param {number} column
 * @param {number} size
 */
function blurred(values, row, column, size) {
  const steps = Array.from({ length: 2 * size - 1 }, (_, at) => at + 1 - size);
  let total = 0;
  for (const i of steps) {
    for (const j of steps) {
      const weight = (size - Math.abs(i)) * (size - Math.abs(j));
      total += weight * Math.max(0, ...windowAt(values, row + i, column + j, size));
    }
  }
  return total / size ** 4;
}

/**
 * @param {State} state
 * @param {number[][]} values
 */
function poolMap({ pool, size: name }, values) {
  const size = Number(name);
  return makeMatrix(HEIGHT / size, WIDTH / size, (i, j) => {
    if (pool === "blur") return blurred(values, i * size, j * size, size);
    const window = windowAt(values, i * size, j * size, size);
    return pool === "max" ? Math.max(...window) : sum(window) / size ** 2;
  });
}

/** @param {number[][]} values */
const meanOf = (values) => sum(values.map((line) => sum(line))) / values.length / values[0].length;

/** @param {State} state */
function numbers(state) {
  const { shift, digit, visited } = state;
  const setting = settingOf(state);
  const pooled = poolMap(state, filterMap(state, shift));
  const [mean, start] = [meanOf(pooled), meanOf(poolMap(state, filterMap(state, 0)))];
  const known = new Set([...visited, ...seenPlaces(state)]);
  const recorded = state.accuracies[setting];
  return {
    pooled,
    mean,
    change: (100 * (mean - start)) / start,
    accuracy: recorded[shift],
    answer: state.answers[setting][shift][digit],
    curve: recorded.map((value, at) => (known.has(setting * SHIFTS + at) ? value : null)),
  };
}

// ------------------------------------------------------------------------------------------- state

/**
 * Mark what is seen now.
 * @param {State} next
 */
function normalizeState(next) {
  const outside = next.visited.find((at) => at < 0 || at >= next.accuracies.length * SHIFTS);
  if (outside !== undefined) throw new Error(`Refused: visited ${outside} was not recorded.`);
  const places = seenPlaces(next).filter((at) => !next.visited.includes(at));
  return { ...next, visited: [...next.visited, ...new Set(places)] };
}

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary({ digit, shift, pool, size, head }, { accuracy, answer, change }) {
  const read =
    answer === digit ? `is read as ${answer}, correctly` : `is read as ${answer}, wrongly`;
  const signed = `${change > 0 ? "+" : ""}${formatNumber(change, 1)}`;
  const mean = shift ? ` Mean of the pooled map against shift 0: ${signed} %.` : "";
  return `Shift ${shift}, ${pool} pool of ${size}, ${head}: this ${digit} ${read}; ${formatFixed(accuracy, 0)} % of all test digits are read correctly.${mean}`;
}

// ------------------------------------------------------------------------------------- the picture

/** @param {View} view */
function controls(view) {
  const slider = view.slider(
    "shift",
    { low: 0, high: SHIFTS - 1, step: 1 },
    ({ shift }) => shift,
    (shift) => ({ shift }),
  );
  const menus = /** @type {const} */ (["pool", "size", "head"]).map((name) =>
    view.traitSelect(name, name),
  );
  const digit = view.traitInput("digit", "digit");
  return createElement("div", { class: "course-controls" }, slider, digit, ...menus);
}

/** @param {View} view */
function curveButtons(view) {
  const all = view.button("Draw the curve", (state) => {
    const first = settingOf(state) * SHIFTS;
    const curve = Array.from({ length: SHIFTS }, (_, at) => first + at);
    return { visited: [...new Set([...state.visited, ...curve])] };
  });
  const none = view.button("Clear", () => ({ visited: [] }));
  return createElement("div", { class: "course-buttons" }, all, none);
}

/**
 * A picture in grey whose cuts, if it has any, are drawn over it; draw(values, largest, step).
 * @param {number} rows
 * @param {number} columns
 */
function greyPicture(rows, columns) {
  const image = picture(rows, columns, WIDTH * SCALE);
  const cuts = createSvg("path", { class: "course-cuts" });
  const [width, height] = [WIDTH * SCALE, HEIGHT * SCALE];
  image.frame.append(
    createSvg("svg", { viewBox: `0 0 ${width} ${height}`, class: "course-over" }, cuts),
  );
  /**
   * @param {number[][]} values
   * @param {number} largest
   * @param {number} [step]  pixels between two cuts
   */
  const draw = (values, largest, step = 0) => {
    image.paint((row, column) => Array(3).fill(255 * Math.min(1, values[row][column] / largest)));
    const lines = [];
    for (let at = step; step && at < WIDTH; at += step) lines.push(`M${at * SCALE} 0V${height}`);
    for (let at = step; step && at < HEIGHT; at += step) lines.push(`M0 ${at * SCALE}H${width}`);
    cuts.setAttribute("d", lines.join(""));
  };
  return { ...image, draw };
}

/** @param {View} view */
function pictures(view) {
  const [digit, map] = [0, 1].map(() => greyPicture(HEIGHT, WIDTH));
  const pooled = Object.fromEntries(
    SIZES.map((size) => [size, greyPicture(HEIGHT / Number(size), WIDTH / Number(size))]),
  );
  const titles = [0, 1, 2].map(() => createTitle());
  const last = createElement("div");
  view.draggable(digit.frame, (_, x, __, start) => ({
    shift: start.state.shift + Math.round((x - start.x) * WIDTH),
  }));
  view.stage.append(titles[0], digit.frame, titles[1], map.frame, titles[2], last);
  /** @type {(state: State, numbers: Numbers) => void} */
  return (state, { pooled: values, mean }) => {
    const { shift, pool, size } = state;
    digit.draw(framed(state, shift), 1);
    map.draw(filterMap(state, shift), 1, Number(size));
    pooled[size].draw(values, 1);
    if (last.firstChild !== pooled[size].frame) last.replaceChildren(pooled[size].frame);
    setText(titles[0], `the digit, ${shift} px right`);
    setText(titles[1], "one of its 32 maps, and its cuts");
    setText(titles[2], `after the ${pool} pool: mean ${formatFixed(mean, 4)}`);
  };
}

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  const chart = accuracyChart(SHIFTS);
  const drawPictures = pictures(view);
  const title = createTitle("test digits read correctly, in %");
  const panel = createElement("div", { class: "course-panel" }, title, chart.svg);
  panel.append(curveButtons(view));
  view.root.prepend(
    controls(view),
    createElement("div", { class: "course-panels" }, view.stage, panel),
  );
  return (state, numbers) => {
    drawPictures(state, numbers);
    const seen = new Set([...state.visited, ...seenPlaces(state)]);
    const curves = state.accuracies.map((line, setting) =>
      line.map((value, at) => (seen.has(setting * SHIFTS + at) ? value : null)),
    );
    chart.draw(curves, settingOf(state), state.shift);
  };
}

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "pooling_saw",
  traits: [
    "digit",
    "shift",
    "pool",
    "size",
    "head",
    "visited",
    "digits",
    "kernel",
    "accuracies",
    "answers",
  ],
  large: ["digits", "kernel", "accuracies", "answers"],
  limits: { digit: [0, 9], shift: [0, SHIFTS - 1] },
  choices: { pool: POOLS, size: SIZES, head: HEADS },
  label: "The digit in its frame. Left and right arrows move it; up and down show another digit.",
  numbers,
  summary,
  normalizeState,
  move: ({ digit, shift }, dRow, dColumn) => ({
    digit: clamp(digit + dRow, 0, 9),
    shift: clamp(shift + dColumn, 0, SHIFTS - 1),
  }),
  build,
};

export default courseFigure(figure);
