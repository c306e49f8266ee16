// What the kernel scrubber shows: the kernel with its products, and input and map as numbers or as
// photographs. Each panel is laid out for one state and returns what draws the next ones.

import { placeIn } from "./base.mjs";
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
  PUOR,
  picture,
  setText,
  tint,
} from "./drawing.mjs";

/** @typedef {import("./convolution.mjs").State} State */
/**
 * @typedef {import("./convolution.mjs").Window
 *   & {output_size: number[], feature_map: (number | null)[][] | null,
 *      linked: import("./convolution.mjs").Linked | null}} Numbers
 */
/** @typedef {(pointer?: import("./convolution.mjs").Pointer) => void} Hover */
/** @typedef {import("./base.mjs").FigureView<State>} View */
/** @typedef {(state: State, numbers: Numbers) => void} Draw */

const PHOTO_WIDTH = 264; // in CSS pixels: photograph, kernel and map share a row in a notebook

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
 * @param {Hover} hover
 */
function kernelInputs(view, kernel, hover) {
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
    const point = () => hover({ point_at: "weight", weight_row: i, weight_column: j });
    view.listen(cell, "pointerenter", point);
    view.listen(cell, "focus", point);
    view.listen(cell, "pointerleave", () => hover());
    view.listen(cell, "blur", () => hover());
    return cell;
  });
  const style = `grid-template-columns:repeat(${width},auto)`;
  return { cells, box: createElement("div", { class: "course-kernel", style }, ...cells.flat()) };
}

/**
 * The kernel, the products with the window, and their sum.
 * @param {View} view
 * @param {HTMLElement} panel
 * @param {Hover} hover
 * @returns {(state: State) => Draw}
 */
export const kernelPanel = (view, panel, hover) => (first) => {
  const [height, width] = matrixSize(first.kernel);
  const { cells, box } = kernelInputs(view, first.kernel, hover);
  const table = numberTable(height, width, width > 4 ? 280 / width : 64, "course-products");
  const total = createElement("div", { class: "course-total" });
  panel.replaceChildren(
    createTitle(`kernel ${height} × ${width}`),
    box,
    createTitle("products, running sum Σ"),
    table.svg,
    total,
  );
  return (state, { products, window, running, sum }) => {
    const { kernel, point_at, weight_row, weight_column } = state;
    cells.forEach((line, i) => {
      line.forEach((cell, j) => {
        const weight = kernel[i][j];
        const isPointedAt = point_at === "weight" && i === weight_row && j === weight_column;
        cell.classList.toggle("course-pointed", isPointedAt);
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
 * @param {Hover} hover
 * @returns {(state: State) => Draw}
 */
export const tablePanels = (view, panel, fill, hover) => (first) => {
  const { image, padding } = first;
  const [height, width] = matrixSize(image);
  const [rows, columns] = outputSize(first);
  const wide = width + 2 * padding;
  const input = numberTable(height + 2 * padding, wide, cellSide(wide));
  const map = numberTable(rows, columns, cellSide(columns));
  view.draggable(input.svg, windowUnder);
  view.draggable(map.svg, outputUnder);
  view.listen(input.svg, "pointerleave", () => hover());
  view.listen(input.svg, "pointermove", (event) => {
    const { y, x } = placeIn(input.svg, event);
    const row = Math.floor(y * (height + 2 * padding)) - padding;
    const column = Math.floor(x * wide) - padding;
    const isPixel = event.buttons === 0 && image[row]?.[column] !== undefined;
    hover(isPixel ? { point_at: "pixel", pixel_row: row, pixel_column: column } : undefined);
  });
  const frame = padding ? `, framed by ${padding} of zeros` : "";
  const mapTitle = createTitle();
  view.stage.replaceChildren(createTitle(`input ${height} × ${width}${frame}`), input.svg);
  panel.replaceChildren(mapTitle, map.svg, fill);
  return (state, numbers) => {
    drawInput(input, state, numbers);
    drawMap(map, state, numbers);
    const visits = `${state.visited.length} of ${rows * columns} visited`;
    setText(mapTitle, `feature map ${rows} × ${columns}, ${visits}`);
    fill.disabled = state.visited.length === rows * columns;
  };
};

/**
 * Frame the smallest part of a table that holds some places.
 * @param {import("./drawing.mjs").NumberTable} table
 * @param {number[][]} places
 * @param {number} [offset]  of the table's first cell
 */
function outline(table, places, offset = 0) {
  if (!places.length) return table.setOutline(0, 0, 0, 0);
  const [rows, columns] = [0, 1].map((axis) => places.map((place) => place[axis]));
  const [top, left] = [Math.min(...rows), Math.min(...columns)];
  const [tall, wide] = [Math.max(...rows) - top + 1, Math.max(...columns) - left + 1];
  table.setOutline(top + offset, left + offset, tall, wide);
}

/** @param {number[][] | undefined} places */
const placeSet = (places) => new Set(places?.map(String));

/**
 * The places of the window, those in the padding among them.
 * @param {State} state
 * @param {number[]} corner
 */
const windowPlaces = ({ kernel, dilation }, [top, left]) =>
  kernel.flatMap((line, i) => line.map((_, j) => [top + i * dilation, left + j * dilation]));

/**
 * @param {import("./drawing.mjs").NumberTable} table
 * @param {State} state
 * @param {Numbers} numbers
 */
function drawInput(table, state, { corner, linked }) {
  const { image, padding, point_at } = state;
  const [height, width] = matrixSize(image);
  const marked = point_at === "output" ? windowPlaces(state, corner) : (linked?.pixels ?? []);
  const places = placeSet(marked);
  for (let y = -padding; y < height + padding; y++) {
    for (let x = -padding; x < width + padding; x++) {
      const value = image[y]?.[x];
      const isMarked = places.has(`${y},${x}`);
      const kind = `${value === undefined ? "course-zero" : ""} ${isMarked ? "course-in" : ""}`;
      table.setCell(y + padding, x + padding, formatNumber(value ?? 0), { kind });
    }
  }
  outline(table, point_at === "pixel" ? [[state.pixel_row, state.pixel_column]] : marked, padding);
}

/**
 * @param {import("./drawing.mjs").NumberTable} table
 * @param {State} state
 * @param {Numbers} numbers
 */
function drawMap(table, { row, column, point_at }, { feature_map, linked }) {
  const map = feature_map ?? [];
  const largest = largestOf(map.flat().map((value) => value ?? 0));
  const reached = placeSet(point_at === "pixel" ? linked?.outputs : []);
  map.forEach((line, i) => {
    line.forEach((value, j) => {
      const mark = reached.has(`${i},${j}`) ? "course-reached" : "";
      if (value === null) table.setCell(i, j, "", { kind: `course-empty ${mark}` });
      else table.setCell(i, j, formatNumber(value), { kind: mark, fill: tint(value, largest) });
    });
  });
  outline(table, point_at === "pixel" ? (linked?.outputs ?? []) : [[row, column]]);
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
