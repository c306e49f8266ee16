// What the shifted image computes: the shift, both networks, and the unit that is pointed at.

import { clamp, makeMatrix, sum } from "./drawing.mjs";
import { layerOutputs, sizeOf, softmax, unpackTensor } from "./network.mjs";

/** @typedef {import("./network.mjs").Layer} Layer */
/** @typedef {import("./network.mjs").Tensor} Tensor */
/** @typedef {{name: string, layers: Layer[]}} Network */

/**
 * @typedef {object} State
 * @property {import("./network.mjs").PackedTensor} images  (N, C, H, W) bytes
 * @property {number[]} labels
 * @property {string[]} classes
 * @property {Network[]} networks
 * @property {number} image
 * @property {number} dy  pixels down
 * @property {number} dx  pixels to the right
 * @property {string} fill
 * @property {string} stage  the layer of the unit, such as "ReLU 1"
 * @property {number} channel  of the unit, like row and column
 * @property {number} row
 * @property {number} column
 * @property {number} part  the input channel whose products are shown
 */

/**
 * @typedef {object} Unit
 * @property {number} value
 * @property {number[]} field     [top, left, bottom, right] of its receptive field
 * @property {number[][]} window  what it sees, of one channel
 * @property {number[][]} [weights]  of that channel; only where a convolution made the unit
 * @property {number[]} [sums]    of the products, for every input channel
 * @property {number} [bias]
 */
/** @typedef {{probabilities: Record<string, number[]>, unit: Unit}} Numbers */

/** @type {Record<string, string>} */
const STAGES = { relu: "ReLU", max_pool2d: "pool" }; // as in shifted_image.py

/**
 * The image in 0 … 1, its content dy further down and dx further right.
 * @param {Tensor | import("./network.mjs").Tensor<Uint8Array>} image
 * @param {number} dy
 * @param {number} dx
 * @param {string} fill
 */
function shiftImage({ shape, data }, dy, dx, fill) {
  const [channels, height, width] = shape;
  const moved = new Float64Array(data.length);
  /** @type {(at: number, size: number) => number} */
  const source = (at, size) => (fill === "wrap" ? (at + size) % size : clamp(at, 0, size - 1));
  for (let channel = 0, to = 0; channel < channels; channel++) {
    for (let row = 0; row < height; row++) {
      const from = (channel * height + source(row - dy, height)) * width;
      const isOut = row - dy < 0 || row - dy >= height;
      for (let column = 0; column < width; column++, to++) {
        const isBlack = fill === "black" && (isOut || column - dx < 0 || column - dx >= width);
        moved[to] = isBlack ? 0 : data[from + source(column - dx, width)] / 255;
      }
    }
  }
  return { shape, data: moved };
}

/**
 * Layers whose maps are shown: {"ReLU 1": its place, …}; a ReLU right after a convolution only.
 * @param {Layer[]} layers
 */
export function mapStages(layers) {
  /** @type {Record<string, number>} */
  const stages = {};
  let block = 0;
  for (const [at, { kind }] of layers.entries()) {
    if (kind === "conv2d") block++;
    if (kind === "flatten") break;
    const isSum = kind !== "relu" || layers[at - 1].kind === "conv2d";
    if (block && STAGES[kind] && isSum) stages[`${STAGES[kind]} ${block}`] = at;
  }
  return stages;
}

/**
 * The model whose maps are shown: the last that has any. Python refuses models without one.
 * @param {Pick<State, "networks">} state
 */
export const mappedNetwork = ({ networks }) =>
  /** @type {Network} */ (
    networks.findLast(({ layers }) => Object.keys(mapStages(layers)).length > 0)
  );

/** @type {WeakMap<Network[], {key: string, results: Record<string, Tensor[]>}>} */
const latestOutputs = new WeakMap(); // what networks gave for the image now shown

/**
 * Name → the shifted image and the output of every layer; computed once for each picture.
 * @param {State} state
 */
export function allOutputs({ images, networks, image, dy, dx, fill }) {
  const key = `${image} ${dy} ${dx} ${fill}`;
  const latest = latestOutputs.get(networks);
  if (latest?.key === key) return latest.results;
  const shape = images.shape.slice(1);
  const size = sizeOf(shape);
  const data = unpackTensor(images).data.subarray(image * size, (image + 1) * size);
  const x = shiftImage({ shape, data }, dy, dx, fill);
  const results = Object.fromEntries(
    networks.map(({ name, layers }) => [name, [x, ...layerOutputs(layers, x)]]),
  );
  latestOutputs.set(networks, { key, results });
  return results;
}

/**
 * @param {Tensor} x
 * @param {number} channel
 * @param {number} row
 * @param {number} column
 */
function valueAt({ shape: [, height, width], data }, channel, row, column) {
  const isOut = row < 0 || column < 0 || row >= height || column >= width;
  return isOut ? 0 : data[(channel * height + row) * width + column];
}

/**
 * (tall, wide) numbers of one channel, 0 outside.
 * @param {Tensor} x
 * @param {number} channel
 * @param {number} top
 * @param {number} left
 * @param {number} tall
 * @param {number} wide
 */
const patchOf = (x, channel, top, left, tall, wide) =>
  makeMatrix(tall, wide, (i, j) => valueAt(x, channel, top + i, left + j));

/**
 * [top, left, bottom, right] of a unit's receptive field, padding included.
 * @param {Layer[]} layers
 * @param {number} at
 * @param {number} row
 * @param {number} column
 */
function receptiveField(layers, at, row, column) {
  let [top, left, bottom, right] = [row, column, row + 1, column + 1];
  for (const { kind, size, weight, stride, padding = 0 } of layers.slice(0, at + 1).reverse()) {
    if (kind !== "conv2d" && kind !== "max_pool2d") continue;
    const [tall, wide] = size ? [size, size] : weight.shape.slice(2);
    [top, left] = [top * stride - padding, left * stride - padding];
    [bottom, right] = [
      (bottom - 1) * stride - padding + tall,
      (right - 1) * stride - padding + wide,
    ];
  }
  return [top, left, bottom, right];
}

/**
 * The unit: its value, its receptive field, and the sum or the maximum it comes from.
 * @param {State} state
 * @returns {Unit}
 */
function unitOf(state) {
  const { stage, channel, row, column } = state;
  const { name, layers } = mappedNetwork(state);
  const results = allOutputs(state)[name];
  const at = mapStages(layers)[stage];
  const value = valueAt(results[at + 1], channel, row, column);
  const field = receptiveField(layers, at, row, column);
  if (layers[at].kind === "max_pool2d") {
    const { size, stride } = layers[at];
    const window = patchOf(results[at], channel, row * stride, column * stride, size, size);
    return { value, field, window };
  }
  return { value, field, ...productsOf(state, layers[at - 1], results[at - 1]) };
}

/**
 * The sums of products that a convolution makes for one unit.
 * @param {State} state
 * @param {Layer} layer
 * @param {Tensor} input
 */
function productsOf({ channel, row, column, part }, layer, input) {
  const { stride, padding } = layer;
  const [weight, bias] = [unpackTensor(layer.weight), unpackTensor(layer.bias)];
  const [, parts, tall, wide] = weight.shape;
  const [top, left] = [row * stride - padding, column * stride - padding];
  /** @param {number} c */
  const windowIn = (c) => patchOf(input, c, top, left, tall, wide);
  /** @param {number} c */
  const weightsFor = (c) =>
    makeMatrix(tall, wide, (i, j) => weight.data[((channel * parts + c) * tall + i) * wide + j]);
  const sums = Array.from({ length: parts }, (_, c) => {
    const kernel = weightsFor(c);
    return sum(windowIn(c).flatMap((line, i) => line.map((x, j) => x * kernel[i][j])));
  });
  return { window: windowIn(part), weights: weightsFor(part), sums, bias: bias.data[channel] };
}

/**
 * @param {State} state
 * @returns {Numbers}
 */
export function numbers(state) {
  const results = Object.entries(allOutputs(state));
  return {
    probabilities: Object.fromEntries(
      results.map(([name, outputs]) => [name, softmax(outputs[outputs.length - 1].data)]),
    ),
    unit: unitOf(state),
  };
}
