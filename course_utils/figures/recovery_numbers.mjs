// What the recovery camera measures, recovers and counts.

import { memoize } from "./drawing.mjs";
import { hashNumber } from "./hashing.mjs";
import { NONE, recover } from "./recovery_solvers.mjs";

/**
 * @typedef {object} State
 * @property {number[][]} image
 * @property {string} prior
 * @property {string} pattern
 * @property {number} sampled  per cent
 * @property {number} strength  λ, in grey levels
 * @property {number} noise
 * @property {number} seed
 */
/** @typedef {ReturnType<typeof numbers>} Numbers */

export const PATTERNS = ["random pixels", "whole rows", "even grid"]; // as in recovery_camera.py, like the next
export const STRENGTHS = [0.5, 1, 2, 5, 10, 20, 50];
// biome-ignore format: a table of places
const PROBES = [[1, 2], [3, 1], [2, 3], [1, 1]];

/** The picture line by line. */
export const flatImage = memoize(
  /** @type {(image: number[][], key: "flat") => Float64Array} */
  (image) => Float64Array.from(image.flat()),
);

/**
 * When a pixel's turn comes on an even grid: by halves in both directions.
 * @param {number} at
 * @param {number} side
 */
function gridRank(at, side) {
  let rank = 0;
  for (let row = Math.floor(at / side), column = at % side, half = side; half > 1; half /= 2) {
    rank = 4 * rank + 2 * ((row ^ column) & 1) + (row & 1);
    [row, column] = [row >> 1, column >> 1];
  }
  return rank;
}

/** The places of one pattern, from the first to be measured to the last. */
const samplingOrder = memoize(
  /** @type {(image: number[][], key: string, pattern: string, seed: number) => Float64Array} */
  (image, _key, pattern, seed) => {
    const places = pattern === "whole rows" ? image.length : image.length ** 2;
    const room = 2 ** 14; // 128 × 128, the most places there are: hash and place share one number
    const ranked = Float64Array.from(
      { length: places },
      (_, at) =>
        (pattern === "even grid" ? gridRank(at, image.length) : hashNumber(at, 2 * seed)) * room +
        at,
    );
    return ranked.sort().map((rank) => rank % room);
  },
);

/** A normal number for each pixel, by Box and Muller. */
const normalNumbers = memoize(
  /** @type {(image: number[][], seed: number) => Float64Array} */
  (image, seed) =>
    flatImage(image, "flat").map((_, at) => {
      const first = hashNumber(at, 2 * seed + 1);
      const second = hashNumber(at + image.length ** 2, 2 * seed + 1);
      const radius = Math.sqrt(-2 * Math.log((first + 1) / 2 ** 32));
      return radius * Math.cos((2 * Math.PI * second) / 2 ** 32);
    }),
);

/**
 * @param {State} state
 * @returns {import("./recovery_solvers.mjs").Measurements}
 */
function measure({ image, pattern, sampled, noise, seed }) {
  const levels = flatImage(image, "flat");
  const places = samplingOrder(image, `${pattern} ${seed}`, pattern, seed);
  const length = levels.length / places.length; // pixels a place
  const mask = new Float64Array(levels.length);
  const count = Math.max(1, Math.floor((sampled * places.length + 50) / 100));
  for (const place of places.subarray(0, count)) {
    mask.fill(1, place * length, (place + 1) * length);
  }
  const noises = noise ? normalNumbers(image, seed) : undefined;
  const measured = levels.map((level, at) => mask[at] * (level + noise * (noises?.[at] ?? 0)));
  return { mask, measured, count: count * length };
}

/**
 * Peak signal-to-noise ratio in dB, 100 at most.
 * @param {Float64Array} picture
 * @param {Float64Array} reference
 */
function psnrOf(picture, reference) {
  let sum = 0;
  for (let at = 0; at < picture.length; at++) sum += ((picture[at] - reference[at]) / 255) ** 2;
  return -10 * Math.log10(Math.max(sum / picture.length, 1e-10));
}

/**
 * Names a setting; without a prior λ has no say.
 * @param {State} state
 */
export const settingKey = ({ prior, pattern, sampled, strength, noise, seed }) =>
  JSON.stringify([prior, pattern, sampled, prior === NONE ? 0 : strength, noise, seed]);

/** @param {State} state */
function solve(state) {
  const { image, prior, strength } = state;
  const measurements = measure(state);
  return { ...measurements, recovered: recover(prior, measurements, image.length, strength) };
}

/**
 * The PSNR of one setting.
 * @param {State} state
 */
export const psnrAt = (state) => psnrOf(solve(state).recovered, flatImage(state.image, "flat"));

/** @type {{image: number[][], key: string, solution: ReturnType<typeof solve>} | undefined} */
let latest; // so that numbers and picture come of one computation

/**
 * Measurements and recovered picture of the setting that is shown.
 * @param {State} state
 */
export function shownSolution(state) {
  const key = settingKey(state);
  if (latest?.image !== state.image || latest.key !== key) {
    latest = { image: state.image, key, solution: solve(state) };
  }
  return latest.solution;
}

/** @param {State} state */
export function numbers(state) {
  const { count, measured, recovered } = shownSolution(state);
  const levels = flatImage(state.image, "flat");
  const side = state.image.length;
  return {
    measured: count,
    psnr: psnrOf(recovered, levels),
    psnr_none: psnrOf(measured, levels),
    pixels: PROBES.map(([i, j]) => recovered[((i * side) / 4) * side + (j * side) / 4]),
  };
}
