// Recovers a picture from some of its pixels, under the priors that recovery_camera.py knows too.
// A picture is a Float64Array of side × side grey levels, line by line.

// As in recovery_camera.py.
export const [NONE, DCT, HAAR, VARIATION] = [
  "none",
  "DCT, ℓ₁",
  "Haar wavelets, ℓ₁",
  "total variation",
];
export const PRIORS = [NONE, DCT, HAAR, VARIATION];
const SPARSE_STEPS = 30;
const VARIATION_STEPS = 80;
const DECAY_SHARE = 0.75; // the share of the steps over which the threshold comes down to λ
const LEVELS = 3; // of the wavelets

/**
 * What the camera knows.
 * @typedef {object} Measurements
 * @property {Float64Array} mask      ones and zeros
 * @property {Float64Array} measured  grey levels, 0 where the mask is 0
 * @property {number} count           of the ones
 */
/**
 * Soft-thresholds the coefficients of a picture in place; returns the largest of them.
 * @typedef {(x: Float64Array, side: number, step: number, threshold: number) => number} Shrink
 */

// ------------------------------------------------------------------------------ cosine transform

/** @type {Map<number, Float64Array>} */
const twiddles = new Map(); // factors of a transform of n numbers

/** @param {number} n */
function twiddlesOf(n) {
  const known = twiddles.get(n);
  if (known) return known;
  const factors = Float64Array.from(
    { length: n / 2 },
    (_, i) => 0.5 / Math.cos(((i + 0.5) * Math.PI) / n),
  );
  twiddles.set(n, factors);
  return factors;
}

/**
 * Lee's fast DCT of n rows of w numbers from `at` on, down all columns at once, unscaled.
 * @param {Float64Array} x
 * @param {Float64Array} spare  of the same length; what it holds is lost
 * @param {number} at
 * @param {number} n
 * @param {number} w
 */
function fastDct(x, spare, at, n, w) {
  if (n === 1) return;
  const [half, factors] = [(n / 2) * w, twiddlesOf(n)];
  for (let i = 0; i < n / 2; i++) {
    const [top, end, factor] = [at + i * w, at + (n - 1 - i) * w, factors[i]];
    for (let j = 0; j < w; j++) {
      spare[top + j] = x[top + j] + x[end + j];
      spare[top + half + j] = (x[top + j] - x[end + j]) * factor;
    }
  }
  fastDct(spare, x, at, n / 2, w);
  fastDct(spare, x, at + half, n / 2, w);
  for (let i = 0; i < n / 2; i++) {
    const [from, even] = [at + i * w, at + 2 * i * w];
    const after = i < n / 2 - 1 ? w : 0; // the last has none after it, and is halved again
    const share = after ? 1 : 0;
    for (let j = 0; j < w; j++) {
      x[even + j] = spare[from + j];
      x[even + w + j] = spare[from + half + j] + share * spare[from + half + after + j];
    }
  }
}

/**
 * The transpose of `fastDct`, backwards through the same steps.
 * @param {Float64Array} x
 * @param {Float64Array} spare
 * @param {number} at
 * @param {number} n
 * @param {number} w
 */
function fastDctTransposed(x, spare, at, n, w) {
  if (n === 1) return;
  const [half, factors] = [(n / 2) * w, twiddlesOf(n)];
  for (let i = 0; i < n / 2; i++) {
    const [to, even] = [at + i * w, at + 2 * i * w];
    for (let j = 0; j < w; j++) {
      spare[to + j] = x[even + j];
      spare[to + half + j] = x[even + w + j] + (i ? x[even - w + j] : 0);
    }
  }
  fastDctTransposed(spare, x, at, n / 2, w);
  fastDctTransposed(spare, x, at + half, n / 2, w);
  for (let i = 0; i < n / 2; i++) {
    const [top, end, factor] = [at + i * w, at + (n - 1 - i) * w, factors[i]];
    for (let j = 0; j < w; j++) {
      const difference = spare[top + half + j] * factor;
      x[top + j] = spare[top + j] + difference;
      x[end + j] = spare[top + j] - difference;
    }
  }
}

/**
 * @param {Float64Array} from
 * @param {Float64Array} to
 * @param {number} side
 */
function transpose(from, to, side) {
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < side; j++) to[j * side + i] = from[i * side + j];
  }
}

/**
 * Soft-thresholds the DCT of x in place; returns its largest coefficient but for the mean.
 * @type {Shrink}
 */
function shrinkDct(x, side, _step, threshold) {
  const [spare, turned] = [new Float64Array(x.length), new Float64Array(x.length)];
  fastDct(x, spare, 0, side, side);
  transpose(x, turned, side);
  fastDct(turned, spare, 0, side, side);
  let largest = 0;
  for (let i = 0, at = 0; i < side; i++) {
    for (let j = 0; j < side; j++, at++) {
      const scale = ((i ? 2 : Math.SQRT2) * (j ? 2 : Math.SQRT2)) / (2 * side); // orthonormal
      const value = turned[at];
      const size = scale * Math.abs(value);
      if (at && size > largest) largest = size;
      const rest = size > threshold ? size - threshold : 0;
      turned[at] = value < 0 ? -scale * rest : scale * rest;
    }
  }
  fastDctTransposed(turned, spare, 0, side, side);
  transpose(turned, x, side);
  fastDctTransposed(x, spare, 0, side, side);
  return largest;
}

// ----------------------------------------------------------------------------------- Haar wavelets

/**
 * One level of the transform: means and details, a quarter of the numbers each.
 * @param {Float64Array} x  (n, n)
 * @param {number} n
 */
function haarSplit(x, n) {
  const quarter = (n * n) / 4;
  const [mean, details] = [new Float64Array(quarter), new Float64Array(3 * quarter)];
  for (let i = 0, at = 0; i < n; i += 2) {
    for (let j = i * n; j < (i + 1) * n; j += 2, at++) {
      const [a, b, c, d] = [x[j], x[j + 1], x[j + n], x[j + n + 1]];
      mean[at] = (a + b + c + d) / 2;
      details[at] = (a - b + c - d) / 2;
      details[at + quarter] = (a + b - c - d) / 2;
      details[at + 2 * quarter] = (a - b - c + d) / 2;
    }
  }
  return { mean, details };
}

/**
 * The inverse of `haarSplit`.
 * @param {Float64Array} mean
 * @param {Float64Array} details
 */
function haarMerge(mean, details) {
  const [quarter, n] = [mean.length, 2 * Math.sqrt(mean.length)];
  const x = new Float64Array(4 * quarter);
  for (let i = 0, at = 0; i < n; i += 2) {
    for (let j = i * n; j < (i + 1) * n; j += 2, at++) {
      const [m, h] = [mean[at], details[at]];
      const [v, d] = [details[at + quarter], details[at + 2 * quarter]];
      x[j] = (m + h + v + d) / 2;
      x[j + 1] = (m - h + v - d) / 2;
      x[j + n] = (m + h - v - d) / 2;
      x[j + n + 1] = (m - h - v + d) / 2;
    }
  }
  return x;
}

/**
 * Soft-threshold values in place; returns the largest magnitude there was.
 * @param {Float64Array} values
 * @param {number} threshold
 */
function softThreshold(values, threshold) {
  let largest = 0;
  for (let at = 0; at < values.length; at++) {
    const size = Math.abs(values[at]);
    const rest = size > threshold ? size - threshold : 0;
    if (size > largest) largest = size;
    values[at] = values[at] < 0 ? -rest : rest;
  }
  return largest;
}

/**
 * The same for Haar wavelets, shifted another way at each step; the coarsest means stay.
 * @type {Shrink}
 */
function shrinkHaar(x, side, step, threshold) {
  const wrap = side - 1; // the side is a power of two
  const [down, across] = [(5 * step) % 8, (3 * step + Math.floor(step / 8)) % 8];
  /** @type {(i: number, j: number) => number} */
  const place = (i, j) => ((i - down) & wrap) * side + ((j - across) & wrap);
  let mean = new Float64Array(x.length);
  for (let i = 0, at = 0; i < side; i++) {
    for (let j = 0; j < side; j++) mean[at++] = x[place(i, j)];
  }
  const levels = [];
  let largest = 0;
  for (let level = 0, n = side; level < LEVELS; level++, n /= 2) {
    const split = haarSplit(mean, n);
    largest = Math.max(largest, softThreshold(split.details, threshold));
    levels.push(split.details);
    mean = split.mean;
  }
  for (const details of levels.reverse()) mean = haarMerge(mean, details);
  for (let i = 0, at = 0; i < side; i++) {
    for (let j = 0; j < side; j++) x[place(i, j)] = mean[at++];
  }
  return largest;
}

// ----------------------------------------------------------------------------------------- solvers

/**
 * FISTA: a step towards the measurements, a threshold that falls to `strength`, a push onwards.
 * @param {Measurements} measurements
 * @param {number} side
 * @param {number} strength
 * @param {Shrink} shrink
 */
function solveByFista({ mask, measured }, side, strength, shrink) {
  const excess = Math.max(1, shrink(measured.slice(), side, 0, Infinity) / strength);
  let old = measured;
  const ahead = measured.slice();
  let pace = 1;
  for (let step = 0; step < SPARSE_STEPS; step++) {
    const now = new Float64Array(ahead.length);
    for (let at = 0; at < now.length; at++) {
      now[at] = ahead[at] + mask[at] * (measured[at] - ahead[at]);
    }
    const power = Math.max(0, 1 - step / (DECAY_SHARE * SPARSE_STEPS));
    shrink(now, side, step, strength * excess ** power);
    const faster = (1 + Math.sqrt(1 + 4 * pace * pace)) / 2;
    const push = (pace - 1) / faster;
    for (let at = 0; at < now.length; at++) ahead[at] = now[at] + push * (now[at] - old[at]);
    [old, pace] = [now, faster];
  }
  return old;
}

/**
 * Chambolle and Pock's dual step: a push along the differences, held within `strength`.
 * @param {Float64Array} down    one vector of differences for each pixel
 * @param {Float64Array} across
 * @param {Float64Array} ahead
 * @param {number} side
 * @param {number} strength
 */
function stepDual(down, across, ahead, side, strength) {
  const rate = strength / 64; // times the primal rate: 1/8, the largest that converges
  for (let i = 0, at = 0; i < side; i++) {
    for (let j = 0; j < side; j++, at++) {
      const v = i < side - 1 ? down[at] + rate * (ahead[at + side] - ahead[at]) : 0;
      const h = j < side - 1 ? across[at] + rate * (ahead[at + 1] - ahead[at]) : 0;
      const excess = Math.max(1, Math.sqrt(v * v + h * h) / strength);
      down[at] = v / excess;
      across[at] = h / excess;
    }
  }
}

/**
 * Chambolle and Pock's primal-dual steps for the total variation.
 * @param {Measurements} measurements
 * @param {number} side
 * @param {number} strength
 */
function solveByVariation({ mask, measured, count }, side, strength) {
  const mean = measured.reduce((sum, value) => sum + value, 0) / count;
  const now = measured.map((value, at) => (mask[at] ? value : mean));
  const ahead = now.slice();
  const [down, across] = [new Float64Array(now.length), new Float64Array(now.length)];
  const rate = 8 / strength;
  for (let step = 0; step < VARIATION_STEPS; step++) {
    stepDual(down, across, ahead, side, strength);
    for (let i = 0, at = 0; i < side; i++) {
      for (let j = 0; j < side; j++, at++) {
        const slopes = down[at] - (i ? down[at - side] : 0) + across[at] - (j ? across[at - 1] : 0);
        const value = (now[at] + rate * (slopes + mask[at] * measured[at])) / (1 + rate * mask[at]);
        ahead[at] = 2 * value - now[at];
        now[at] = value;
      }
    }
  }
  return now;
}

/**
 * @param {string} prior
 * @param {Measurements} measurements
 * @param {number} side
 * @param {number} strength  λ
 */
export function recover(prior, measurements, side, strength) {
  if (prior === NONE) return measurements.measured;
  if (prior === VARIATION) return solveByVariation(measurements, side, strength);
  return solveByFista(measurements, side, strength, prior === DCT ? shrinkDct : shrinkHaar);
}
