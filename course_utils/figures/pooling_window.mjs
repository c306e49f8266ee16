import { courseFigure, placeIn } from "./base.mjs";
import {
  clamp,
  createElement,
  createTitle,
  formatFactor,
  formatNumber,
  MINUS,
  makeMatrix,
  matrixSize,
  numberTable,
  sum,
  tint,
} from "./drawing.mjs";

/**
 * @typedef {object} State
 * @property {number[][]} image
 * @property {string} pool
 * @property {number} size
 * @property {number} stride
 * @property {string} ties
 * @property {number} row
 * @property {number} column
 * @property {number[][]} sent  [row, column] of the outputs that send a gradient
 * @property {boolean} gradients  whether anything is shown of gradients
 */
/** @typedef {ReturnType<typeof numbers>} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const POOLS = ["max", "average", "L2"];
const FIRST = "first takes all"; // as max_pool2d does
const SHARED = "shared"; // as amax does
/** @type {Record<"size" | "stride", [number, number]>} */
const LIMITS = { size: [1, 6], stride: [1, 6] };

const NOTHING = "\u00a0"; // keeps the numbers of all cells at one size
/** @type {Record<number, string>} */
const FRACTIONS = { 0.5: "½", 0.25: "¼", 0.75: "¾" };

// -------------------------------------------------------------------------------------- arithmetic

/** @param {State} state */
const outputSize = ({ image, size, stride }) =>
  matrixSize(image).map((n) => Math.floor((n - size) / stride) + 1);

/**
 * The inputs that output (row, column) sees, line by line.
 * @param {State} state
 * @param {number} row
 * @param {number} column
 */
function windowAt({ image, size, stride }, row, column) {
  const lines = image.slice(row * stride, row * stride + size);
  return lines.flatMap((line) => line.slice(column * stride, column * stride + size));
}

/**
 * @param {State} state
 * @param {number[]} window
 */
function poolWindow({ pool }, window) {
  if (pool === "max") return Math.max(...window);
  if (pool === "average") return sum(window) / window.length;
  return Math.sqrt(sum(window.map((x) => x * x)));
}

/**
 * The derivative of an output with respect to each input of its window.
 * @param {State} state
 * @param {number[]} window
 */
function windowGradient(state, window) {
  const value = poolWindow(state, window);
  if (state.pool === "average") return window.map(() => 1 / window.length);
  if (state.pool === "L2") return window.map((x) => (value ? x / value : 0));
  const tied = [...window.keys()].filter((at) => window[at] === value);
  const winners = state.ties === FIRST ? tied.slice(0, 1) : tied;
  return window.map((_, at) => (winners.includes(at) ? 1 / winners.length : 0));
}

/**
 * What every input receives from the outputs that send.
 * @param {State} state
 */
function inputGradient(state) {
  const { image, size, stride, sent } = state;
  const gradient = image.map((line) => line.map(() => 0));
  for (const [i, j] of sent) {
    windowGradient(state, windowAt(state, i, j)).forEach((share, at) => {
      gradient[i * stride + Math.floor(at / size)][j * stride + (at % size)] += share;
    });
  }
  return gradient;
}

/** @param {State} state */
function numbers(state) {
  const { pool, stride, row, column } = state;
  const [rows, columns] = outputSize(state);
  const window = windowAt(state, row, column);
  const value = poolWindow(state, window);
  return {
    output_size: [rows, columns],
    corner: [row * stride, column * stride],
    window,
    value,
    tied: pool === "max" ? window.filter((x) => x === value).length : 1,
    share: windowGradient(state, window),
    output: makeMatrix(rows, columns, (i, j) => poolWindow(state, windowAt(state, i, j))),
    gradient: inputGradient(state),
  };
}

// ------------------------------------------------------------------------------------------- state

/**
 * @param {State} state
 * @param {number} row
 * @param {number} column
 */
const isSent = ({ sent }, row, column) => sent.some(([i, j]) => i === row && j === column);

/**
 * Let output (row, column) send its gradient, or take it back.
 * @param {State} state
 * @param {number} row
 * @param {number} column
 */
function toggleSent(state, row, column) {
  const others = state.sent.filter(([i, j]) => i !== row || j !== column);
  return { row, column, sent: isSent(state, row, column) ? others : [...others, [row, column]] };
}

/**
 * What a click on an output does, or Enter: send its gradient, or go there where none are shown.
 * @param {State} state
 * @param {number} row
 * @param {number} column
 */
const press = (state, row, column) =>
  state.gradients ? toggleSent(state, row, column) : { row, column };

/** @param {State} next */
function normalizeState(next) {
  const [rows, columns] = outputSize(next);
  if (Math.min(rows, columns) < 1) {
    const window = `${next.size} × ${next.size}`;
    const image = matrixSize(next.image).join(" × ");
    throw new Error(`Refused: a window of ${window} does not fit into ${image}.`);
  }
  return {
    ...next,
    row: clamp(next.row, 0, rows - 1),
    column: clamp(next.column, 0, columns - 1),
    sent: next.sent.filter(([i, j]) => i >= 0 && i < rows && j >= 0 && j < columns),
  };
}

/**
 * Centre the window on the pointer, at (y, x) of the input.
 * @param {number} y
 * @param {number} x
 * @param {State} state
 */
function windowUnder(y, x, { image, size, stride }) {
  const [row, column] = matrixSize(image).map((n, axis) =>
    Math.round((Math.floor([y, x][axis] * n) - (size - 1) / 2) / stride),
  );
  return { row, column };
}

// ---------------------------------------------------------------------------------------- in words

/**
 * A gradient with its sign: +2, +½, −0.8.
 * @param {number} value
 */
function formatSigned(value) {
  const size = Math.abs(value);
  const [whole, part] = [Math.floor(size), FRACTIONS[size % 1]];
  return (value < 0 ? MINUS : "+") + (part ? (whole || "") + part : formatNumber(size));
}

/**
 * @param {string} pool
 * @param {Numbers} numbers
 */
function poolingInWords(pool, { window, value }) {
  const few = window.length <= 9;
  const result = formatNumber(value);
  const list = few ? window.map((x) => formatNumber(x)).join(", ") : `${window.length} numbers`;
  const factors = window.map((x) => formatFactor(x));
  if (pool === "max") return `the largest of ${list} is ${result}`;
  if (pool === "average") {
    const mean = few ? `(${factors.join(" + ")}) / ${window.length}` : `the mean of ${list}`;
    return `${mean} = ${result}`;
  }
  const root = few
    ? `√(${factors.map((x) => `${x}²`).join(" + ")})`
    : `the root of the summed squares of ${list}`;
  return `${root} = ${result}`;
}

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function gradientInWords({ ties, sent }, { tied, gradient }) {
  const rule = ties === FIRST ? "the first takes the gradient" : "they share the gradient";
  const tie = tied > 1 ? ` ${tied} inputs tie: ${rule}.` : "";
  if (!sent.length) return `${tie} No gradient sent yet.`;
  const total = formatNumber(sum(gradient.flat()));
  const senders = `${sent.length} output${sent.length > 1 ? "s" : ""}`;
  return `${tie} Gradient sent by ${senders}; at the inputs it adds up to ${total}.`;
}

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary(state, numbers) {
  const { pool, row, column } = state;
  const pooled = `Output (${row}, ${column}): ${poolingInWords(pool, numbers)}.`;
  return state.gradients ? pooled + gradientInWords(state, numbers) : pooled;
}

// ------------------------------------------------------------------------------------- the picture

/** @param {View} view */
function mainControls(view) {
  const ties = view.traitSelect("ties", "ties");
  view.controls.push(({ gradients }) => {
    ties.hidden = !gradients;
  });
  return createElement(
    "div",
    { class: "course-controls" },
    view.traitSelect("pool", "pool"),
    view.traitInput("size k", "size"),
    view.traitInput("stride s", "stride"),
    ties,
  );
}

/** @param {View} view */
function sendButtons(view) {
  const all = view.button("Send from all", (state) => {
    const [rows, columns] = outputSize(state);
    return { sent: makeMatrix(rows, columns, (row, column) => [row, column]).flat() };
  });
  const none = view.button("Clear", () => ({ sent: [] }));
  return { all, none, box: createElement("div", { class: "course-send" }, all, none) };
}

/**
 * A click on an output sends its gradient.
 * @param {View} view
 * @param {SVGSVGElement} svg
 */
function sendOnClick(view, svg) {
  svg.style.cursor = "pointer";
  view.listen(svg, "click", (event) => {
    const { y, x } = placeIn(svg, event);
    const state = view.read();
    const [rows, columns] = outputSize(state);
    view.stage.focus({ preventScroll: true });
    view.set(press(state, Math.floor(y * rows), Math.floor(x * columns)));
  });
}

/**
 * The tables of input and output, laid out for the size of this state.
 * @param {View} view
 * @param {HTMLElement} panel
 * @param {HTMLElement} buttons
 * @param {State} state
 */
function layTables(view, panel, buttons, state) {
  const [[height, width], [rows, columns]] = [matrixSize(state.image), outputSize(state)];
  const side = width > 9 ? 34 : width > 5 ? 44 : 60;
  const input = numberTable(height, width, side);
  const output = numberTable(rows, columns, side);
  view.draggable(input.svg, windowUnder);
  sendOnClick(view, output.svg);
  const [what, how] = state.gradients ? [", gradients below", ", click to send 1"] : ["", ""];
  view.stage.replaceChildren(createTitle(`input ${height} × ${width}${what}`), input.svg);
  panel.replaceChildren(createTitle(`output ${rows} × ${columns}${how}`), output.svg, buttons);
  buttons.hidden = !state.gradients;
  return { input, output };
}

/**
 * @param {import("./drawing.mjs").NumberTable} table
 * @param {State} state
 * @param {Numbers} numbers
 */
function drawInput(table, { image, size, pool, gradients }, numbers) {
  const { corner, value, tied, gradient } = numbers;
  const [top, left] = corner;
  const largest = Math.max(...gradient.flat().map(Math.abs));
  image.forEach((line, i) => {
    line.forEach((x, j) => {
      const isInside = i >= top && i < top + size && j >= left && j < left + size;
      const wins = isInside && pool === "max" && x === value;
      const received = gradient[i][j];
      table.setCell(i, j, formatNumber(x), {
        above: wins ? (gradients && tied > 1 ? "tie" : "max") : NOTHING,
        below: received ? formatSigned(received) : "",
        kind: isInside ? "course-in" : "",
        fill: received ? tint(received, largest) : "",
      });
    });
  });
  table.setOutline(top, left, size, size);
}

/**
 * @param {import("./drawing.mjs").NumberTable} table
 * @param {State} state
 * @param {Numbers} numbers
 */
function drawOutput(table, state, { output }) {
  output.forEach((line, i) => {
    line.forEach((value, j) => {
      const sends = isSent(state, i, j);
      const kind = sends ? "course-in" : "";
      const below = sends ? "sends 1" : "";
      table.setCell(i, j, formatNumber(value), { above: NOTHING, below, kind });
    });
  });
  table.setOutline(state.row, state.column, 1, 1);
}

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  const panel = createElement("div", { class: "course-panel" });
  const panels = createElement("div", { class: "course-panels" }, view.stage, panel);
  view.root.prepend(mainControls(view), panels);
  const { all, none, box } = sendButtons(view);
  /** @type {{key: string, image: number[][], tables: ReturnType<typeof layTables>} | undefined} */
  let latest;
  return (state, numbers) => {
    const { image, size, stride, gradients } = state;
    const key = `${size} ${stride} ${gradients}`;
    if (latest?.key !== key || latest.image !== image) {
      latest = { key, image, tables: layTables(view, panel, box, state) };
    }
    drawInput(latest.tables.input, state, numbers);
    drawOutput(latest.tables.output, state, numbers);
    none.disabled = state.sent.length === 0;
    all.disabled = state.sent.length === numbers.output.flat().length;
  };
}

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "pooling_window",
  traits: ["image", "pool", "size", "stride", "ties", "row", "column", "sent", "gradients"],
  large: ["image"],
  limits: LIMITS,
  choices: { pool: POOLS, ties: [FIRST, SHARED] },
  label:
    "Input under the pooling window. Arrow keys move the window. Where gradients are shown, Enter sends 1 back from its output, or takes it back.",
  numbers,
  summary,
  normalizeState,
  move: ({ row, column }, dRow, dColumn) => ({ row: row + dRow, column: column + dColumn }),
  keys: {
    Enter: (state) => press(state, state.row, state.column),
    " ": (state) => press(state, state.row, state.column),
  },
  build,
};

export default courseFigure(figure);
