import { courseFigure } from "./base.mjs";
import { convolveAt, isPhoto, linked, outputSize } from "./convolution.mjs";
import {
  clamp,
  createElement,
  formatFactor,
  formatNumber,
  makeMatrix,
  matrixSize,
  setText,
} from "./drawing.mjs";
import { kernelPanel, photoPanels, tablePanels } from "./kernel_panels.mjs";

/** @typedef {import("./convolution.mjs").State} State */
/** @typedef {import("./kernel_panels.mjs").Numbers} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */
/** @typedef {import("./kernel_panels.mjs").Draw} Draw */

/** @type {("kernel" | "stride" | "padding" | "dilation")[]} */
const GEOMETRY = ["kernel", "stride", "padding", "dilation"];
/** @type {Record<"stride" | "padding" | "dilation", [number, number]>} */
const LIMITS = { stride: [1, 8], padding: [0, 8], dilation: [1, 8] };
/** @type {Record<string, string>} */
const POINTERS = { output: "the window", weight: "a weight", pixel: "a pixel" };
const HINT = "Point at a weight or at a pixel to see what it is linked with.";

/**
 * @param {State} state
 * @returns {Numbers}
 */
function numbers(state) {
  const { row, column } = state;
  const [rows, columns] = outputSize(state);
  const visited = new Set([...state.visited, row * columns + column]);
  const map = isPhoto(state)
    ? null
    : makeMatrix(rows, columns, (i, j) =>
        visited.has(i * columns + j) ? convolveAt(state, i, j).sum : null,
      );
  return {
    output_size: [rows, columns],
    ...convolveAt(state, row, column),
    linked: isPhoto(state) ? null : linked(state),
    feature_map: map,
  };
}

// ------------------------------------------------------------------------------------------- state

/**
 * @param {number[][]} kernel
 * @param {number} side
 */
const resizeKernel = (kernel, side) => makeMatrix(side, side, (i, j) => kernel[i]?.[j] ?? 0);

/** @param {State} state */
const presetOf = ({ kernel, presets }) =>
  Object.keys(presets).find((name) => JSON.stringify(presets[name]) === JSON.stringify(kernel));

/**
 * @param {State} next
 * @param {Partial<State>} _changes
 * @param {State} before
 */
function normalizeState(next, _changes, before) {
  const [rows, columns] = outputSize(next);
  if (Math.min(rows, columns) < 1) {
    const span = matrixSize(next.kernel)
      .map((side) => next.dilation * (side - 1) + 1)
      .join(" × ");
    throw new Error(
      `Refused: the window would span ${span} and not fit into the input; add padding first.`,
    );
  }
  const row = clamp(next.row, 0, rows - 1);
  const column = clamp(next.column, 0, columns - 1);
  const here = row * columns + column;
  const isNewQuestion = GEOMETRY.some(
    (name) => JSON.stringify(next[name]) !== JSON.stringify(before[name]),
  );
  const known = isNewQuestion ? [] : next.visited;
  return {
    ...next,
    row,
    column,
    ...clampPointers(next),
    visited: known.includes(here) ? known : [...known, here],
  };
}

/** @param {State} state */
function clampPointers({ image, kernel, weight_row, weight_column, pixel_row, pixel_column }) {
  const [[tall, wide], [height, width]] = [matrixSize(kernel), matrixSize(image)];
  return {
    weight_row: clamp(weight_row, 0, tall - 1),
    weight_column: clamp(weight_column, 0, wide - 1),
    pixel_row: clamp(pixel_row, 0, height - 1),
    pixel_column: clamp(pixel_column, 0, width - 1),
  };
}

/**
 * The arrow keys move the window, a weight or a pixel.
 * @param {State} state
 * @param {number} dRow
 * @param {number} dColumn
 */
function move(state, dRow, dColumn) {
  const pointer = isPhoto(state) ? "output" : state.point_at;
  if (pointer === "weight") {
    return {
      weight_row: state.weight_row + dRow,
      weight_column: state.weight_column + dColumn,
    };
  }
  if (pointer === "pixel") {
    return { pixel_row: state.pixel_row + dRow, pixel_column: state.pixel_column + dColumn };
  }
  return { row: state.row + dRow, column: state.column + dColumn };
}

// ---------------------------------------------------------------------------------------- in words

/**
 * The output size with its numbers: one line where both axes agree, else one for each.
 * @param {State} state
 * @param {Numbers} numbers
 */
function sizeFormula({ image, kernel, stride, padding, dilation }, { output_size }) {
  const [height, width] = output_size.map((size, axis) => {
    const [n, k] = [matrixSize(image)[axis], matrixSize(kernel)[axis]];
    return `⌊(${n} + 2·${padding} − ${dilation}·(${k} − 1) − 1) / ${stride}⌋ + 1 = ${size}`;
  });
  const general = "size = ⌊(n + 2p − d·(k − 1) − 1) / s⌋ + 1";
  return height === width
    ? `${general} = ${height}`
    : `${general}: height ${height}, width ${width}`;
}

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary(state, numbers) {
  const { kernel, row, column } = state;
  const { products, window, sum } = numbers;
  if (state.point_at !== "output" && numbers.linked) return linkWords(state, numbers.linked);
  const count = products.flat().length;
  const terms = window.flatMap((line, i) =>
    line.map((x, j) => `${formatFactor(x)}·${formatFactor(kernel[i][j])}`),
  );
  const equation = count > 9 ? `the ${count} products add up to` : `${terms.join(" + ")} =`;
  return `Output (${row}, ${column}): ${equation} ${formatNumber(sum)}.`;
}

/**
 * What the weight touches, or what the pixel reaches.
 * @param {State} state
 * @param {import("./convolution.mjs").Linked} linked
 */
function linkWords(state, { pixels, outputs }) {
  const { image, kernel, weight_row, weight_column, pixel_row, pixel_column } = state;
  if (state.point_at === "weight") {
    const weight = formatNumber(kernel[weight_row][weight_column]);
    const count = `${pixels.length} of ${image.flat().length}`;
    return `Weight (${weight_row}, ${weight_column}) is ${weight}. It touches ${count} pixels, one for each output.`;
  }
  const [rows, columns] = outputSize(state);
  const pixel = formatNumber(image[pixel_row][pixel_column]);
  const count = `${outputs.length} of ${rows * columns}`;
  return `Pixel (${pixel_row}, ${pixel_column}) is ${pixel}. It reaches ${count} outputs, each through a different weight.`;
}

// ---------------------------------------------------------------------------------------- controls

/** @param {View} view */
function mainControls(view) {
  return createElement(
    "div",
    { class: "course-controls" },
    view.presetSelect(
      "kernel",
      ({ presets }) => presets,
      presetOf,
      (kernel) => ({ kernel }),
    ),
    view.numberInput(
      "size k",
      [1, 7],
      ({ kernel }) => kernel.length,
      (side, { kernel }) => ({ kernel: resizeKernel(kernel, side) }),
    ),
    view.traitInput("stride s", "stride"),
    view.traitInput("padding p", "padding"),
    view.traitInput("dilation d", "dilation"),
    ...(isPhoto(view.read()) ? [] : [pointer(view)]),
  );
}

/** @param {View} view */
const pointer = (view) =>
  view.select(
    "arrow keys move",
    () => Object.values(POINTERS),
    ({ point_at }) => POINTERS[point_at],
    (words) => ({ point_at: Object.keys(POINTERS).find((name) => POINTERS[name] === words) }),
  );

/** @param {View} view */
const fillButton = (view) =>
  view.button("Fill all", (state) => {
    const [rows, columns] = outputSize(state);
    return { visited: Array.from({ length: rows * columns }, (_, at) => at) };
  });

/**
 * Lay a panel out anew only when its key or the image changes.
 * @param {(state: State) => Draw} lay
 * @returns {(key: string, state: State, numbers: Numbers) => void}
 */
function cached(lay) {
  /** @type {{key: string, image: number[][], draw: Draw} | undefined} */
  let latest;
  return (key, state, numbers) => {
    if (latest?.key !== key || latest.image !== state.image) {
      latest = { key, image: state.image, draw: lay(state) };
    }
    latest.draw(state, numbers);
  };
}

/**
 * @param {View} view
 * @returns {Draw}
 */
function build(view) {
  view.root.classList.add("course-scrubber");
  const [middle, output] = [0, 1].map(() => createElement("div", { class: "course-panel" }));
  const formula = createElement("div", { class: "course-formula" });
  const hint = createElement("div", { class: "course-formula" });
  const panels = createElement("div", { class: "course-panels" }, view.stage, middle, output);
  view.root.prepend(mainControls(view), panels);
  view.statusLine.before(hint, formula);
  /** @type {{state: State, numbers: Numbers} | undefined} */
  let latest;
  /** @type {import("./kernel_panels.mjs").Hover} what lies under the mouse is shown, not stored */
  const hover = (pointer) => {
    if (latest) drawAll(latest.state, latest.numbers, pointer);
  };
  const drawKernel = cached(kernelPanel(view, middle, hover));
  const drawTables = cached(tablePanels(view, output, fillButton(view), hover));
  const drawPhoto = cached(photoPanels(view, output));
  /**
   * @param {State} state
   * @param {Numbers} numbers
   * @param {import("./convolution.mjs").Pointer} [pointer]
   */
  function drawAll(state, numbers, pointer) {
    const { kernel, stride, padding, dilation } = state;
    const key = JSON.stringify([kernel, stride, padding, dilation]);
    const shown = isPhoto(state) ? state : { ...state, ...pointer };
    const links = pointer && numbers.linked ? linked(shown) : numbers.linked;
    drawKernel(String(matrixSize(kernel)), shown, numbers);
    (isPhoto(state) ? drawPhoto : drawTables)(key, shown, { ...numbers, linked: links });
    setText(formula, sizeFormula(state, numbers));
    setText(hint, pointer && links ? linkWords(shown, links) : isPhoto(state) ? "" : HINT);
  }
  return (state, numbers) => {
    latest = { state, numbers };
    drawAll(state, numbers);
  };
}

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "kernel_scrubber",
  traits: [
    "image",
    "kernel",
    "stride",
    "padding",
    "dilation",
    "row",
    "column",
    "point_at",
    "weight_row",
    "weight_column",
    "pixel_row",
    "pixel_column",
    "visited",
    "presets",
  ],
  large: ["image", "presets"],
  limits: LIMITS,
  choices: { point_at: Object.keys(POINTERS) },
  label: "Input under the kernel. Arrow keys move the window, a weight or a pixel.",
  numbers,
  summary,
  normalizeState,
  move,
  build,
};

export default courseFigure(figure);
