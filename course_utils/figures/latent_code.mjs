// Codes of the latent space: blended, moved along directions, decoded.

import { clamp, memoize } from "./drawing.mjs";
import { layerOutputs, sizeOf, unpackTensor } from "./network.mjs";

/** @typedef {import("./network.mjs").PackedTensor} PackedTensor */

/**
 * @typedef {object} State
 * @property {PackedTensor} images  (N, C, H, W) bytes
 * @property {PackedTensor} codes  (N, D)
 * @property {number[]} code_shape  what the decoder takes
 * @property {PackedTensor} directions  (K, D), orthonormal
 * @property {number[]} spreads  standard deviation of the codes along each direction
 * @property {number[]} shares  of the variance
 * @property {import("./network.mjs").Layer[]} decoder
 * @property {number} a
 * @property {number} b
 * @property {number} blend  per cent from a to b
 * @property {number} horizontal  a direction, counted from 1
 * @property {number} vertical
 * @property {number[]} amounts  added along each direction, in standard deviations
 */
/** @typedef {ReturnType<typeof numbers>} Numbers */

// biome-ignore format: a table of places
const PROBES = [
  [1, 2],
  [3, 1],
  [2, 3],
  [1, 1],
]; // as in latent_space.py
export const MAX_AMOUNT = 4;

/** @param {State} state */
export const imageShape = ({ images }) => images.shape.slice(1);

/**
 * @param {ArrayLike<number>} start
 * @param {ArrayLike<number>} end
 * @param {number} blend  per cent
 */
export const interpolate = (start, end, blend) =>
  Float64Array.from(start, (value, at) => value + (blend / 100) * (end[at] - value));

/**
 * Entry `at` of a packed tensor, flat, each value divided by `scale`.
 * @param {PackedTensor} packed
 * @param {number} at
 */
function entryOf(packed, at, scale = 1) {
  const size = sizeOf(packed.shape.slice(1));
  const { data } = unpackTensor(packed);
  return Float64Array.from(data.subarray(at * size, (at + 1) * size), (value) => value / scale);
}

/** One image of those that travelled, from 0 to 1. */
export const imageOf = memoize(
  /** @type {(images: PackedTensor, at: number) => Float64Array} */
  (images, at) => entryOf(images, at, 255),
);

export const codeOf = memoize(
  /** @type {(codes: PackedTensor, at: number) => Float64Array} */
  (codes, at) => entryOf(codes, at),
);

/** Mean of all codes: where the directions cross. */
const centerOf = memoize(
  /** @type {(codes: PackedTensor, key: "center") => Float64Array} */
  (codes) => {
    const [count, size] = codes.shape;
    const mean = new Float64Array(size);
    const { data } = unpackTensor(codes);
    for (let at = 0; at < data.length; at++) mean[at % size] += data[at] / count;
    return mean;
  },
);

/**
 * Of the difference of two images.
 * @param {Float64Array} image
 * @param {Float64Array} other
 */
export function rootMeanSquare(image, other) {
  let sum = 0;
  for (let at = 0; at < image.length; at++) sum += (image[at] - other[at]) ** 2;
  return Math.sqrt(sum / image.length);
}

/**
 * @param {State} state
 * @param {Float64Array} code
 */
export function decode({ decoder, code_shape }, code) {
  const outputs = layerOutputs(decoder, { shape: code_shape, data: code });
  return outputs[outputs.length - 1].data;
}

/** How far an image lies from what its own code decodes to. */
export const decodingError = memoize(
  /** @type {(codes: PackedTensor, at: number, state: State) => number} */
  (codes, at, state) => rootMeanSquare(decode(state, codeOf(codes, at)), imageOf(state.images, at)),
);

/**
 * How far a code lies from the center along each direction, in standard deviations.
 * @param {State} state
 * @param {Float64Array} code
 */
export function codePlaces({ codes, directions, spreads }, code) {
  const center = centerOf(codes, "center");
  const { data } = unpackTensor(directions);
  return spreads.map((spread, k) => {
    let sum = 0;
    for (let at = 0; at < code.length; at++) {
      sum += (code[at] - center[at]) * data[k * code.length + at];
    }
    return sum / spread;
  });
}

export const imagePlaces = memoize(
  /** @type {(codes: PackedTensor, at: number, state: State) => number[]} */
  (codes, at, state) => codePlaces(state, codeOf(codes, at)),
);

/**
 * The blend of both codes, moved along the directions.
 * @param {State} state
 */
export function currentCode({ codes, directions, spreads, a, b, blend, amounts }) {
  const code = interpolate(codeOf(codes, a), codeOf(codes, b), blend);
  const { data } = unpackTensor(directions);
  amounts.forEach((amount, k) => {
    const step = amount * spreads[k];
    for (let at = 0; at < code.length; at++) code[at] += step * data[k * code.length + at];
  });
  return code;
}

/**
 * The pixels of both images blended.
 * @param {State} state
 * @param {number} blend
 */
export const fadeImages = ({ images, a, b }, blend) =>
  interpolate(imageOf(images, a), imageOf(images, b), blend);

/**
 * The same amounts but for those of some directions, each held within bounds.
 * @param {number[]} amounts
 * @param {Record<number, number>} changes  added, by the direction's place
 */
export const addAmounts = (amounts, changes) =>
  amounts.map((amount, k) => {
    const hundredths = Math.round(100 * (amount + (changes[k] ?? 0)));
    return clamp(hundredths / 100, -MAX_AMOUNT, MAX_AMOUNT);
  });

/** What the last numbers were computed from, so that the picture shows the same. */
export const latest = { decoded: new Float64Array(), faded: new Float64Array() };

/** @param {State} state */
export function numbers(state) {
  const { codes, a, b, blend } = state;
  const code = currentCode(state);
  const decoded = decode(state, code);
  const faded = fadeImages(state, blend);
  const [channels, height, width] = imageShape(state);
  const plane = height * width;
  Object.assign(latest, { decoded, faded });
  const [down, across] = [Math.floor(height / 4), Math.floor(width / 4)];
  const planes = Array.from({ length: channels }, (_, channel) =>
    decoded.subarray(channel * plane, (channel + 1) * plane),
  );
  return {
    places: codePlaces(state, code),
    length: Math.hypot(...code),
    pixels: PROBES.map(([i, j]) => planes.map((values) => values[i * down * width + j * across])),
    mean: planes.map((values) => values.reduce((sum, value) => sum + value, 0) / plane),
    apart: rootMeanSquare(decoded, faded),
    errors: [a, b].map((at) => decodingError(codes, at, state)),
  };
}
