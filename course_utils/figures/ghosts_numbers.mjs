// What ghosts and grass samples and recovers: one convolution a step, by the samples' own echo.

import { hashNumber } from "./hashing.mjs";

/**
 * @typedef {object} State
 * @property {number} samples
 * @property {number} steps
 * @property {number} spikes
 * @property {number} seed
 */
/** @typedef {ReturnType<typeof numbers>} Numbers */
/**
 * What a pattern of samples makes of the spikes, step by step.
 * @typedef {object} Run
 * @property {Float64Array[]} bars   what stands before the threshold
 * @property {number[]} thresholds
 * @property {number[]} off          distance of the estimate from the signal, as a share of it
 */

export const SIZE = 256; // as in ghosts_and_grass.py, like the next three
export const STEPS = 300;
export const SAMPLES = [16, 32, 64, 128, 256];
const FALL = 0.98;
// biome-ignore format: a table of places and heights
const SPIKES = [
  [20, 1], [101, -0.85], [182, 0.7], [199, -0.55], [41, 0.8], [78, -0.95],
  [139, 0.6], [209, -0.75], [163, -0.65], [61, 0.9], [124, -0.5], [191, 0.85],
  [34, 0.75], [88, -0.6], [154, -0.9], [240, 0.65],
];

/** @param {number} spikes */
export const spikesOf = (spikes) => SPIKES.slice(0, spikes);

/** @param {number} spikes */
function signalOf(spikes) {
  const signal = new Float64Array(SIZE);
  for (const [place, height] of spikesOf(spikes)) signal[place] = height;
  return signal;
}

/** @type {(samples: number) => boolean[]} */
const everyNth = (samples) => Array.from({ length: SIZE }, (_, at) => at % (SIZE / samples) === 0);

/**
 * 0, the middle, and pairs ±k.
 * @param {number} samples
 * @param {number} seed
 */
function atRandom(samples, seed) {
  const mask = Array.from({ length: SIZE }, (_, at) => at % (SIZE / 2) === 0);
  const order = Array.from({ length: SIZE / 2 - 1 }, (_, at) => at + 1);
  const ranks = order.map((at) => hashNumber(at, seed));
  order.sort((a, b) => ranks[a - 1] - ranks[b - 1]);
  for (const at of order.slice(0, samples / 2 - 1)) mask[at] = mask[SIZE - at] = true;
  return mask;
}

/** @param {State} state */
export const masksOf = ({ samples, seed }) => [everyNth(samples), atRandom(samples, seed)];

const COSINES = Float64Array.from({ length: SIZE }, (_, at) => Math.cos((2 * Math.PI * at) / SIZE));

/**
 * What measuring and zero-filling makes of one spike of height 1 at place 0.
 * @param {boolean[]} mask
 */
function echoOf(mask) {
  const echo = new Float64Array(SIZE);
  mask.forEach((taken, frequency) => {
    if (!taken) return;
    for (let at = 0; at < SIZE; at++) echo[at] += COSINES[(frequency * at) % SIZE] / SIZE;
  });
  return echo;
}

/**
 * @param {boolean[]} mask
 * @param {Float64Array} signal
 * @returns {Run}
 */
function run(mask, signal) {
  const echo = echoOf(mask);
  const length = Math.hypot(...signal);
  let estimate = new Float64Array(SIZE);
  /** @type {Run} */
  const path = { bars: [], thresholds: [], off: [] };
  for (let step = 0; step <= STEPS; step++) {
    const bars = estimate.slice();
    for (let place = 0; place < SIZE; place++) {
      const missing = signal[place] - estimate[place];
      if (missing === 0) continue; // most places: this is what keeps a step cheap
      for (let at = 0; at < SIZE; at++) bars[at] += missing * echo[(at - place + SIZE) % SIZE];
    }
    const highest = step ? 0 : Math.max(...bars.map(Math.abs));
    const threshold = step ? FALL * path.thresholds[step - 1] : highest;
    path.off.push(Math.hypot(...signal.map((value, at) => value - estimate[at])) / length);
    path.bars.push(bars);
    path.thresholds.push(threshold);
    estimate = bars.map((bar) => Math.sign(bar) * Math.max(Math.abs(bar) - threshold, 0));
  }
  return path;
}

/** @type {{key: string, runs: Run[]} | undefined} */
let latest; // moving along the steps computes nothing anew

/**
 * Both runs, of the equispaced and of the random samples.
 * @param {State} state
 */
export function runsOf(state) {
  const key = `${state.samples} ${state.spikes} ${state.seed}`;
  if (latest?.key !== key) {
    const signal = signalOf(state.spikes);
    latest = { key, runs: masksOf(state).map((mask) => run(mask, signal)) };
  }
  return latest.runs;
}

/** @param {State} state */
export function numbers(state) {
  const runs = runsOf(state);
  const bars = runs.map((path) => [...path.bars[state.steps]]);
  const thresholds = runs.map((path) => path.thresholds[state.steps]);
  return {
    bars,
    thresholds,
    off: runs.map((path) => path.off[state.steps]),
    standing: bars.map(
      (values, side) =>
        values.filter((bar) => Math.abs(bar) > thresholds[side] * (1 + 1e-9)).length,
    ),
  };
}
