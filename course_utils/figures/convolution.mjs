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
 * @property {number[]} visited  outputs, counted line by line
 * @property {Record<string, number[][]>} presets
 */
/** @typedef {ReturnType<typeof convolveAt>} Window */

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
