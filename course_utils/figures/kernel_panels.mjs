// What the kernel scrubber shows: the kernel with its products, and input and map as numbers or as
// photographs. Each panel is laid out for one state and returns what draws the next ones.

import { featureMap, outputSize } from "./convolution.mjs";
import {
  createElement,
  createTitle,
  formatNumber,
  largestOf,
  makeMatrix,
  marker,
  matrixSize,
  mixColors,
  numberTable,
  picture,
  setText,
  tint,
} from "./drawing.mjs";

/** @typedef {import("./convolution.mjs").State} State */
/**
 * @typedef {import("./convolution.mjs").Window
 *   & {output_size: number[], feature_map: (number | null)[][] | null}} Numbers
 */
/** @typedef {import("./base.mjs").FigureView<State>} View */
/** @typedef {(state: State, numbers: Numbers) => void} Draw */

const PHOTO_WIDTH = 264; // in CSS pixels: photograph, kernel and map share a row in a notebook
// ColorBrewer's PuOr, from its lowest to its highest colour.
/** @type {import("./drawing.mjs").Rgb[]} */
// biome-ignore format: a table of colours
const PUOR = [
  [127, 59, 8], [179, 88, 6], [224, 130, 20], [253, 184, 99], [254, 224, 182], [247, 247, 247],
  [216, 218, 235], [178, 171, 210], [128, 115, 172], [84, 39, 136], [45, 0, 75],
];

/**
 * Centre the window on the pointer, which is at (y, x) of the padded input.
 * @param {number} y
 * @param {number} x
 * @param {State} state
 */
function windowUnder(y, x, { image, kernel, stride, padding, dilation }) {
  const [row, column] = matrixSize(image).map((n, axis) => {
    const middle = (dilation * (matrixSize(kernel)[axis] - 1)) / 2;
    return Math.round((Math.floor([y, x][axis] * (n + 2 * padding)) - middle) / stride);
  });
  return { row, column };
}

/**
 * @param {number} y
 * @param {number} x
 * @param {State} state
 */
function outputUnder(y, x, state) {
  const [rows, columns] = outputSize(state);
  return { row: Math.floor(y * rows), column: Math.floor(x * columns) };
}

// -------------------------------------------------------------------------------------- the kernel

/**
 * Fields for the kernel's weights.
 * @param {View} view
 * @param {number[][]} kernel
 */
function kernelInputs(view, kernel) {
  const [height, width] = matrixSize(kernel);
  /** @type {HTMLInputElement[][]} */
  const cells = makeMatrix(height, width, (i, j) => {
    const cell = createElement("input", {
      type: "number",
      step: "any",
      "aria-label": `kernel, row ${i}, column ${j}`,
      "data-lm-suppress-shortcuts": "true",
    });
    view.listen(cell, "change", () => {
      view.set({ kernel: cells.map((line) => line.map((input) => input.valueAsNumber || 0)) });
    });
    return cell;
  });
  const style = `grid-template-columns:repeat(${width},auto)`;
  return { cells, box: createElement("div", { class: "course-kernel", style }, ...cells.flat()) };
}

/**
 * The kernel, the products with the window, and their sum.
 * @param {View} view
 * @param {HTMLElement} panel
 * @returns {(state: State) => Draw}
 */
export const kernelPanel = (view, panel) => (first) => {
  const [height, width] = matrixSize(first.kernel);
  const { cells, box } = kernelInputs(view, first.kernel);
  const table = numberTable(height, width, width > 4 ? 280 / width : 64, "course-products");
  const total = createElement("div", { class: "course-total" });
  panel.replaceChildren(
    createTitle(`kernel ${height} × ${width}`),
    box,
    createTitle("products, running sum Σ"),
    table.svg,
    total,
  );
  return ({ kernel }, { products, window, running, sum }) => {
    cells.forEach((line, i) => {
      line.forEach((cell, j) => {
        const weight = kernel[i][j];
        if (cell.valueAsNumber !== weight) cell.value = String(weight);
        table.setCell(i, j, formatNumber(products[i][j]), {
          above: `${formatNumber(window[i][j])} × ${formatNumber(weight)}`,
          below: `Σ ${formatNumber(running[i * width + j])}`,
          kind: weight === 0 ? "course-zero" : "",
        });
      });
    });
    total.replaceChildren("sum = ", createElement("b", {}, formatNumber(sum)));
  };
};

// ------------------------------------------------------------------------ input and map as numbers

/** @param {number} columns */
const cellSide = (columns) => (columns > 7 ? 30 : columns > 5 ? 34 : 42);

/**
 * @param {View} view
 * @param {HTMLElement} panel
 * @param {HTMLButtonElement} fill
 * @returns {(state: State) => Draw}
 */
export const tablePanels = (view, panel, fill) => (first) => {
  const { image, padding } = first;
  const [height, width] = matrixSize(image);
  const [rows, columns] = outputSize(first);
  const wide = width + 2 * padding;
  const input = numberTable(height + 2 * padding, wide, cellSide(wide));
  const map = numberTable(rows, columns, cellSide(columns));
  view.draggable(input.svg, windowUnder);
  view.draggable(map.svg, outputUnder);
  const frame = padding ? `, framed by ${padding} of zeros` : "";
  const mapTitle = createTitle();
  view.stage.replaceChildren(createTitle(`input ${height} × ${width}${frame}`), input.svg);
  panel.replaceChildren(mapTitle, map.svg, fill);
  return (state, numbers) => {
    drawInput(input, state, numbers.corner);
    drawMap(map, state, numbers.feature_map ?? []);
    const visits = `${state.visited.length} of ${rows * columns} visited`;
    setText(mapTitle, `feature map ${rows} × ${columns}, ${visits}`);
    fill.disabled = state.visited.length === rows * columns;
  };
};

/**
 * @param {import("./drawing.mjs").NumberTable} table
 * @param {State} state
 * @param {number[]} corner
 */
function drawInput(table, { image, kernel, padding, dilation }, [top, left]) {
  const [height, width] = matrixSize(image);
  const [tall, wide] = matrixSize(kernel);
  /** @type {(at: number, from: number, side: number) => boolean} */
  const isUnder = (at, from, side) => {
    const step = (at - from) / dilation;
    return Number.isInteger(step) && step >= 0 && step < side;
  };
  for (let y = -padding; y < height + padding; y++) {
    for (let x = -padding; x < width + padding; x++) {
      const value = image[y]?.[x];
      const isInWindow = isUnder(y, top, tall) && isUnder(x, left, wide);
      const kind = `${value === undefined ? "course-zero" : ""} ${isInWindow ? "course-in" : ""}`;
      table.setCell(y + padding, x + padding, formatNumber(value ?? 0), { kind });
    }
  }
  const [spanY, spanX] = [dilation * (tall - 1) + 1, dilation * (wide - 1) + 1];
  table.setOutline(top + padding, left + padding, spanY, spanX);
}

/**
 * @param {import("./drawing.mjs").NumberTable} table
 * @param {State} state
 * @param {(number | null)[][]} map
 */
function drawMap(table, { row, column }, map) {
  const largest = largestOf(map.flat().map((value) => value ?? 0));
  map.forEach((line, i) => {
    line.forEach((value, j) => {
      if (value === null) table.setCell(i, j, "", { kind: "course-empty" });
      else table.setCell(i, j, formatNumber(value), { fill: tint(value, largest) });
    });
  });
  table.setOutline(row, column, 1, 1);
}

// -------------------------------------------------------------------- input and map as photographs

/**
 * The magnitude that 99 % of the values do not exceed: deepest colour of a response map.
 * @param {Float64Array} values
 */
function almostLargest(values) {
  const sorted = Float64Array.from(values, Math.abs).sort();
  return sorted[Math.floor(0.99 * (sorted.length - 1))] || sorted[sorted.length - 1];
}
/** @param {State} state */
function paintPhoto({ image, padding }) {
  const [height, width] = matrixSize(image).map((side) => side + 2 * padding);
  const brightest = largestOf(image.flat()) || 1;
  const scale = Math.min(PHOTO_WIDTH / width, PHOTO_WIDTH / height);
  const photo = picture(height, width, width * scale);
  photo.paint((row, column) => {
    const grey = image[row - padding]?.[column - padding] ?? 0;
    return Array(3).fill((255 * grey) / brightest);
  });
  return photo;
}

/** @param {State} state */
function paintResponse(state) {
  const [rows, columns] = outputSize(state);
  const map = featureMap(state);
  const limit = almostLargest(map);
  const response = picture(rows, columns, (PHOTO_WIDTH * columns) / Math.max(rows, columns));
  response.paint((row, column) =>
    mixColors(PUOR, ((limit ? map[row * columns + column] / limit : 0) + 1) / 2),
  );
  const bar = createElement("span", { "aria-hidden": "true" });
  const [low, high] = [formatNumber(-limit, 1), `+${formatNumber(limit, 1)}`];
  return { response, scale: createElement("div", { class: "course-scale" }, low, bar, high) };
}

/**
 * @param {View} view
 * @param {HTMLElement} panel
 * @returns {(state: State) => Draw}
 */
export const photoPanels = (view, panel) => (first) => {
  const { image, kernel, stride, padding, dilation } = first;
  const [height, width] = matrixSize(image).map((side) => side + 2 * padding);
  const [rows, columns] = outputSize(first);
  const photo = paintPhoto(first);
  const { response, scale } = paintResponse(first);
  view.draggable(photo.frame, windowUnder);
  view.draggable(response.frame, outputUnder);
  view.stage.replaceChildren(
    createTitle(`photograph ${matrixSize(image).join(" × ")}`),
    photo.frame,
  );
  panel.replaceChildren(createTitle(`response map ${rows} × ${columns}`), response.frame, scale);
  const [placeWindow, placeOutput] = [marker(photo.frame), marker(response.frame)];
  const [tall, wide] = matrixSize(kernel).map((side) => dilation * (side - 1) + 1);
  return ({ row, column }) => {
    const [top, left] = [(row * stride) / height, (column * stride) / width];
    placeWindow(top, left, tall / height, wide / width);
    placeOutput(row / rows, column / columns, 1 / rows, 1 / columns);
  };
};
