// The arithmetic of the kernel scrubber.

import { matrixSize } from "./drawing.mjs";

/**
 * @typedef {object} State
 * @property {number[][]} image
 * @property {number[][]} kernel
 * @property {number} stride
 * @property {number} padding
 * @property {number} dilation
 * @property {number} row
 * @property {number} column
 * @property {string} point_at  "output", "weight" or "pixel": what the arrow keys move
 * @property {number} weight_row
 * @property {number} weight_column
 * @property {number} pixel_row
 * @property {number} pixel_column
 * @property {number[]} visited  outputs, counted line by line
 * @property {Record<string, number[][]>} presets
 */
/** @typedef {ReturnType<typeof convolveAt>} Window */
/** @typedef {ReturnType<typeof linked>} Linked */
/**
 * @typedef {Partial<Pick<State,
 *   "point_at" | "weight_row" | "weight_column" | "pixel_row" | "pixel_column">>} Pointer
 */

export const PHOTO = 13; // as in kernel_scrubber.py

/** @param {State} state */
export const isPhoto = ({ image }) => Math.max(...matrixSize(image)) >= PHOTO;

/** @param {State} state */
export function outputSize({ image, kernel, stride, padding, dilation }) {
  const sides = matrixSize(kernel);
  return matrixSize(image).map(
    (n, axis) => Math.floor((n + 2 * padding - dilation * (sides[axis] - 1) - 1) / stride) + 1,
  );
}

/**
 * The window of output (row, column): its pixels, products and running sum.
 * @param {State} state
 * @param {number} row
 * @param {number} column
 */
export function convolveAt({ image, kernel, stride, padding, dilation }, row, column) {
  const [top, left] = [row * stride - padding, column * stride - padding];
  const window = kernel.map((line, i) =>
    line.map((_, j) => image[top + i * dilation]?.[left + j * dilation] ?? 0),
  );
  const products = kernel.map((line, i) => line.map((weight, j) => window[i][j] * weight));
  let sum = 0;
  const running = products.flat().map((product) => {
    sum += product;
    return sum;
  });
  return { corner: [top, left], window, products, running, sum };
}

/**
 * The products in which what is pointed at takes part, but for those with the padding.
 * @param {State} state
 */
function links(state) {
  const { image, kernel, stride, padding, dilation, point_at } = state;
  const [rows, columns] = outputSize(state);
  const [tall, wide] = matrixSize(kernel);
  const [height, width] = matrixSize(image);
  /** @type {{output: number[], pixel: number[]}[]} */
  const products = [];
  for (let at = 0; at < rows * columns * tall * wide; at++) {
    const [output, weight] = [Math.floor(at / (tall * wide)), at % (tall * wide)];
    const [row, column] = [Math.floor(output / columns), output % columns];
    const [i, j] = [Math.floor(weight / wide), weight % wide];
    const [y, x] = [
      row * stride - padding + i * dilation,
      column * stride - padding + j * dilation,
    ];
    if (y < 0 || y >= height || x < 0 || x >= width) continue;
    const isPointedAt = {
      output: row === state.row && column === state.column,
      weight: i === state.weight_row && j === state.weight_column,
      pixel: y === state.pixel_row && x === state.pixel_column,
    }[point_at];
    if (isPointedAt) products.push({ output: [row, column], pixel: [y, x] });
  }
  return products;
}

/**
 * Pixels and outputs that belong to what is pointed at, each once and in order.
 * @param {State} state
 */
export function linked(state) {
  const products = links(state);
  /** @param {number[][]} places */
  const distinct = (places) =>
    [...new Map(places.map((place) => [String(place), place])).values()].sort(
      (a, b) => a[0] - b[0] || a[1] - b[1],
    );
  return {
    outputs: distinct(products.map(({ output }) => output)),
    pixels: distinct(products.map(({ pixel }) => pixel)),
  };
}

/**
 * The whole feature map as one flat array; quick enough for a photograph at every change.
 * @param {State} state
 */
export function featureMap(state) {
  const [rows, columns] = outputSize(state);
  const map = new Float64Array(rows * columns);
  state.kernel.forEach((line, i) => {
    line.forEach((weight, j) => {
      if (weight) addShifted(map, columns, state, i, j, weight);
    });
  });
  return map;
}

/**
 * Add what the kernel's weight (i, j) contributes to every output.
 * @param {Float64Array} map
 * @param {number} columns
 * @param {State} state
 * @param {number} i
 * @param {number} j
 * @param {number} weight
 */
function addShifted(map, columns, { image, stride, padding, dilation }, i, j, weight) {
  const [height, width] = matrixSize(image);
  for (let at = 0, row = 0; at < map.length; row++) {
    const y = row * stride - padding + i * dilation;
    const isInside = y >= 0 && y < height;
    for (let column = 0; column < columns; column++, at++) {
      const x = column * stride - padding + j * dilation;
      if (isInside && x >= 0 && x < width) map[at] += image[y][x] * weight;
    }
  }
}
