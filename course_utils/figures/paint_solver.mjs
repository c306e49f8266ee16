// The arithmetic of the painted kernel: ridge regression, solved as in paint_kernel.py.

import { sum } from "./drawing.mjs";

/** @typedef {[row: number, column: number, wish: number]} Mark */

const RIDGE = 0.001; // as in paint_kernel.py

/**
 * The k·k pixels around a place, line by line; 0 beyond the edge.
 * @param {number[][]} image
 * @param {number} size
 * @param {number} row
 * @param {number} column
 */
export function windowAround(image, size, row, column) {
  const half = (size - 1) / 2;
  const window = new Float64Array(size * size);
  for (let i = 0, at = 0; i < size; i++) {
    const line = image[row - half + i];
    for (let j = 0; j < size; j++, at++) window[at] = line?.[column - half + j] ?? 0;
  }
  return window;
}

/**
 * Solve a symmetric, positive definite system by Cholesky's factors.
 * @param {Float64Array[]} matrix  its lower half is read, and overwritten by the factor
 * @param {Float64Array} vector    overwritten by the solution
 */
function solvePositive(matrix, vector) {
  const size = vector.length;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i][j];
      for (let m = 0; m < j; m++) rest -= matrix[i][m] * matrix[j][m];
      matrix[i][j] = i === j ? Math.sqrt(rest) : rest / matrix[j][j];
    }
  }
  for (let i = 0; i < size; i++) {
    for (let m = 0; m < i; m++) vector[i] -= matrix[i][m] * vector[m];
    vector[i] /= matrix[i][i];
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let m = i + 1; m < size; m++) vector[i] -= matrix[m][i] * vector[m];
    vector[i] /= matrix[i][i];
  }
  return vector;
}

/**
 * The k·k weights that answer what is painted; zeros while nothing is.
 * @param {number[][]} image
 * @param {number} size
 * @param {Mark[]} painted
 */
export function solveKernel(image, size, painted) {
  const count = size * size;
  const vector = new Float64Array(count);
  if (!painted.length) return vector;
  const matrix = Array.from({ length: count }, () => new Float64Array(count));
  for (const [row, column, wish] of painted) {
    const window = windowAround(image, size, row, column);
    for (let i = 0; i < count; i++) {
      vector[i] += wish * window[i];
      for (let j = 0; j <= i; j++) matrix[i][j] += window[i] * window[j];
    }
  }
  matrix.forEach((line, i) => {
    line[i] += RIDGE * painted.length;
  });
  return solvePositive(matrix, vector);
}

/**
 * The kernel's whole answer, as large as the image, in one flat array.
 * @param {number[][]} image
 * @param {number} size
 * @param {Float64Array} weights
 */
export function answerMap(image, size, weights) {
  const [height, width, half] = [image.length, image[0].length, (size - 1) / 2];
  const map = new Float64Array(height * width);
  weights.forEach((weight, at) => {
    const [dy, dx] = [Math.floor(at / size) - half, (at % size) - half];
    for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
      const line = image[y + dy];
      const last = Math.min(width, width - dx);
      for (let x = Math.max(0, -dx); x < last; x++) map[y * width + x] += weight * line[x + dx];
    }
  });
  return map;
}

/**
 * The share of the wish that a map leaves unanswered: 0 is perfect, 1 is no better than zeros.
 * @param {Float64Array} map
 * @param {number} width
 * @param {Mark[]} painted
 */
export function leftOver(map, width, painted) {
  const wanted = sum(painted.map(([, , wish]) => wish ** 2));
  if (!wanted) return null;
  const missed = painted.map(([row, column, wish]) => (map[row * width + column] - wish) ** 2);
  return sum(missed) / wanted;
}
