// Arithmetic of the code bend: what a code decodes to, where that lies, and how it is seen.

import { memoize } from "./drawing.mjs";
import { layerOutputs, unpackTensor } from "./network.mjs";

/** @typedef {import("./network.mjs").PackedTensor} PackedTensor */
/** @typedef {"network" | "line"} Way */

/**
 * @typedef {object} Run
 * @property {string} name
 * @property {number[]} angles
 * @property {PackedTensor} pictures  (N, 1, S, S)
 * @property {number[]} codes
 * @property {[number, number]} codes_between  both extremes, the first picture's first
 * @property {[number, number]} line_between  those of the places along PCA's first axis
 * @property {PackedTensor} mean  (P,)
 * @property {PackedTensor} axes  (3, P)
 * @property {number[][]} places  (N, 3) of the pictures
 * @property {import("./network.mjs").Layer[]} decoder
 */

/**
 * @typedef {object} State
 * @property {Run[]} runs
 * @property {number} run
 * @property {number} code  per cent of the way along the codes
 * @property {number} turn  degrees
 * @property {number} tilt
 */
/** @typedef {ReturnType<typeof numbers>} Numbers */

export const STEPS = 60; // as in code_bend.py
/** @type {Way[]} */
export const WAYS = ["network", "line"];

/**
 * @param {[number, number]} ends
 * @param {number} share
 */
const between = ([start, end], share) => start + share * (end - start);

/**
 * @param {Run} run
 * @param {number} code
 */
function decode({ decoder }, code) {
  const outputs = layerOutputs(decoder, { shape: [1], data: Float64Array.of(code) });
  return outputs[outputs.length - 1].data;
}

/**
 * The picture at a place of PCA's first axis.
 * @param {Run} run
 * @param {number} along
 */
function straight({ mean, axes }, along) {
  const direction = unpackTensor(axes).data;
  return Float64Array.from(unpackTensor(mean).data, (value, at) => value + along * direction[at]);
}

/**
 * Where a picture lies on the three axes.
 * @param {Run} run
 * @param {Float64Array} pixels
 */
function placeOf({ mean, axes }, pixels) {
  const [center, directions] = [unpackTensor(mean).data, unpackTensor(axes).data];
  return [0, 1, 2].map((axis) => {
    let total = 0;
    for (let at = 0; at < pixels.length; at++) {
      total += (pixels[at] - center[at]) * directions[axis * pixels.length + at];
    }
    return total;
  });
}

/**
 * The picture that is most like these pixels, and the mean squared difference.
 * @param {Run} run
 * @param {Float64Array} pixels
 */
function nearestTo({ pictures }, pixels) {
  const { data } = unpackTensor(pictures);
  const best = { index: 0, error: Number.POSITIVE_INFINITY };
  for (let index = 0; index < pictures.shape[0]; index++) {
    let total = 0;
    for (let at = 0; at < pixels.length; at++) {
      total += (data[index * pixels.length + at] - pixels[at]) ** 2;
    }
    const error = total / pixels.length;
    if (error < best.error) Object.assign(best, { index, error });
  }
  return best;
}

/** What the network makes of every code from one end to the other, as places. */
export const curveOf = memoize((/** @type {Run} */ run, /** @type {string} */ _key) =>
  Array.from({ length: STEPS + 1 }, (_, step) =>
    placeOf(run, decode(run, between(run.codes_between, step / STEPS))),
  ),
);

/**
 * Right and up of a place, as it is seen.
 * @param {{turn: number, tilt: number}} view
 * @param {number[]} place
 */
export function project({ turn, tilt }, [x, y, z]) {
  const [around, down] = [turn, tilt].map((degrees) => (degrees * Math.PI) / 180);
  const depth = x * Math.sin(around) + y * Math.cos(around);
  const across = x * Math.cos(around) - y * Math.sin(around);
  return [across, depth * Math.sin(down) + z * Math.cos(down)];
}

/**
 * Pixels of both one-number pictures, and of one of the real ones.
 * @param {State} state
 */
export function picturesOf({ runs, run, code }) {
  const shown = runs[run];
  return {
    network: decode(shown, between(shown.codes_between, code / 100)),
    line: straight(shown, between(shown.line_between, code / 100)),
  };
}

/**
 * One of the pictures that the network was trained on.
 * @param {Run} run
 * @param {number} index
 */
export function realPicture({ pictures }, index) {
  const size = pictures.shape[2] * pictures.shape[3];
  return unpackTensor(pictures).data.subarray(index * size, (index + 1) * size);
}

/** @param {State} state */
export function numbers(state) {
  const shown = state.runs[state.run];
  const pixels = picturesOf(state);
  const nearest = {
    network: nearestTo(shown, pixels.network),
    line: nearestTo(shown, pixels.line),
  };
  const places = { network: placeOf(shown, pixels.network), line: placeOf(shown, pixels.line) };
  return {
    code: between(shown.codes_between, state.code / 100),
    places,
    nearest: { network: nearest.network.index, line: nearest.line.index },
    errors: { network: nearest.network.error, line: nearest.line.error },
    curve: curveOf(shown, "curve"),
    seen: { network: project(state, places.network), line: project(state, places.line) },
  };
}
