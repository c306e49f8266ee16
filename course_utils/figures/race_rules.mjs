// The surfaces and the optimizers' rules: what optimizer_race.py computes too.

/** @typedef {[number, number]} Point */

/**
 * @typedef {object} Surface
 * @property {Point} low   of the map: lower left corner
 * @property {Point} high  upper right corner
 * @property {Point[]} lowest  where the loss is smallest
 * @property {Point} start
 * @property {number} eta
 * @property {(x: number, y: number) => number} loss
 * @property {(x: number, y: number) => Point} gradient
 */

/**
 * @typedef {object} State
 * @property {string} surface
 * @property {Point} start
 * @property {string} rates  "each its best" or "one for all"
 * @property {number} eta
 * @property {number} alpha
 * @property {number} beta1
 * @property {number} beta2
 * @property {number} rho
 * @property {string[]} shown
 * @property {number} step
 */

export const STEPS = 200; // as in optimizer_race.py, like the next two
const EPSILON = 1e-8;
const NEAR = 0.001;

// Inputs and targets of the Gabor model sin(u)·exp(−u²/32), u = x + y·t, with x = 0, y = 16.6.
const INPUTS = Array.from({ length: 28 }, (_, i) => ((2 * i - 27) * 0.9) / 27);
const TARGETS = INPUTS.map((t) => Math.sin(16.6 * t) * Math.exp((-(16.6 * t) * (16.6 * t)) / 32));

/**
 * @param {number} x
 * @param {number} y
 */
function gaborLoss(x, y) {
  let total = 0;
  INPUTS.forEach((t, i) => {
    const u = x + y * t;
    const error = Math.sin(u) * Math.exp((-u * u) / 32) - TARGETS[i];
    total += error * error;
  });
  return total / 2;
}

/**
 * @param {number} x
 * @param {number} y
 * @returns {Point}
 */
function gaborGradient(x, y) {
  let [along, across] = [0, 0];
  INPUTS.forEach((t, i) => {
    const u = x + y * t;
    const envelope = Math.exp((-u * u) / 32);
    const error = Math.sin(u) * envelope - TARGETS[i];
    const slope = error * envelope * (Math.cos(u) - (u / 16) * Math.sin(u));
    along += slope;
    across += slope * t;
  });
  return [along, across];
}

/** @type {Record<string, Surface>} */
export const SURFACES = {
  valley: {
    low: [-2, -1.5],
    high: [2, 1.5],
    lowest: [[0, 0]],
    start: [-1.8, 1],
    eta: 0.05,
    loss: (x, y) => (0.2 * x * x + 25 * y * y) / 2,
    gradient: (x, y) => [0.2 * x, 25 * y],
  },
  saddle: {
    low: [-2, -1.5],
    high: [2, 1.5],
    // biome-ignore format: two places
    lowest: [[0, -1], [0, 1]],
    start: [-1.5, 0.001],
    eta: 0.05,
    loss: (x, y) => x * x - y * y + (y * y * y * y) / 2,
    gradient: (x, y) => [2 * x, 2 * y * y * y - 2 * y],
  },
  Rosenbrock: {
    low: [-2, -1],
    high: [2, 2],
    lowest: [[1, 1]],
    start: [-1.5, 1.5],
    eta: 0.02,
    loss: (x, y) => (1 - x) * (1 - x) + 5 * (y - x * x) * (y - x * x),
    gradient: (x, y) => [-2 * (1 - x) - 20 * x * (y - x * x), 10 * (y - x * x)],
  },
  plateau: {
    low: [-4, -3],
    high: [4, 3],
    lowest: [[0, 0]],
    start: [-2.5, 1.5],
    eta: 0.1,
    loss(x, y) {
      const q = x * x + y * y;
      return (q * q) / (1 + q * q);
    },
    gradient(x, y) {
      const q = x * x + y * y;
      const slope = (4 * q) / ((1 + q * q) * (1 + q * q));
      return [slope * x, slope * y];
    },
  },
  "Gabor model": {
    low: [-10, 5],
    high: [10, 20],
    lowest: [[0, 16.6]],
    start: [2.1, 5.6],
    eta: 0.2,
    loss: gaborLoss,
    gradient: gaborGradient,
  },
};

// ------------------------------------------------------------------------------------------- rules

/**
 * What a rule remembers of one weight.
 * @typedef {{v: number, m: number, r: number}} Memory
 */
/**
 * The settings, and 1 − β₁ᵗ and 1 − β₂ᵗ.
 * @typedef {{eta: number, alpha: number, beta1: number, beta2: number, rho: number,
 *   rise1: number, rise2: number}} Settings
 */
/**
 * Moves one weight w, which has the gradient g.
 * @typedef {(w: number, g: number, s: Memory, p: Settings) => number} Rule
 */

/** @type {Record<string, Rule>} */
const RULES = {
  SGD: (w, g, _, p) => w - p.eta * g,
  momentum: (w, g, s, p) => {
    s.v = p.alpha * s.v - p.eta * g;
    return w + s.v;
  },
  Nesterov: (w, g, s, p) => {
    s.v = p.alpha * s.v - p.eta * g;
    return w + (p.alpha * s.v - p.eta * g);
  },
  AdaGrad: (w, g, s, p) => {
    s.r += g * g;
    return w - (p.eta * g) / (Math.sqrt(s.r) + EPSILON);
  },
  RMSprop: (w, g, s, p) => {
    s.r = p.rho * s.r + (1 - p.rho) * g * g;
    return w - (p.eta * g) / (Math.sqrt(s.r) + EPSILON);
  },
  Adam: (w, g, s, p) => {
    s.m = p.beta1 * s.m + (1 - p.beta1) * g;
    s.r = p.beta2 * s.r + (1 - p.beta2) * g * g;
    return w - (p.eta * (s.m / p.rise1)) / (Math.sqrt(s.r / p.rise2) + EPSILON);
  },
  "momentum, as printed": (w, g, s, p) => {
    s.v = p.alpha * s.v - p.eta * g;
    return w - p.eta * g + s.v;
  },
  "Adam, as printed": (w, g, s, p) => {
    s.m = (p.beta1 * s.m + (1 - p.beta1) * g) / p.rise1;
    s.r = (p.beta2 * s.r + (1 - p.beta2) * g * g) / p.rise2;
    return w - (p.eta * s.m) / (Math.sqrt(s.r) + EPSILON);
  },
};
export const RUNNERS = Object.keys(RULES);

export const [BEST, ONE] = ["each its best", "one for all"]; // what the learning rates may be
/** @type {Record<string, number[]>} */
const BEST_RATES = {
  valley: [0.074, 0.032, 0.05, 1.1, 0.014, 0.05, 0.046, 0.79],
  saddle: [0.46, 0.2, 0.27, 0.93, 0.027, 0.074, 0.25, 1],
  Rosenbrock: [0.046, 0.029, 0.014, 1.7, 0.022, 0.27, 0.013, 2.7],
  plateau: [5.4, 2.7, 3.7, 1.4, 0.43, 0.5, 0.86, 1.2],
  "Gabor model": [1, 0.4, 0.4, 2.9, 0.1, 0.46, 0.37, 8.6],
};

/**
 * Learning rate of a runner: its own, or the one for all.
 * @param {string} runner
 * @param {State} state
 */
function rateOf(runner, { surface, rates, eta }) {
  return rates === ONE ? eta : BEST_RATES[surface][RUNNERS.indexOf(runner)];
}

/**
 * Positions at step 0, 1, …, as far as the runner is less than one map away.
 * @param {string} runner
 * @param {State} state
 */
function run(runner, state) {
  const { surface, start, alpha, beta1, beta2, rho } = state;
  const { low, high, gradient } = SURFACES[surface];
  const eta = rateOf(runner, state);
  const memory = start.map(() => ({ v: 0, m: 0, r: 0 }));
  /** @type {(w: number, i: number) => boolean} */
  const isNear = (w, i) => 2 * low[i] - high[i] <= w && w <= 2 * high[i] - low[i];
  /** @type {Point[]} */
  const places = [];
  let weights = start;
  let [power1, power2] = [1, 1];
  while (places.length <= STEPS && weights.every(isNear)) {
    places.push(weights);
    power1 *= beta1;
    power2 *= beta2;
    const p = { eta, alpha, beta1, beta2, rho, rise1: 1 - power1, rise2: 1 - power2 };
    const slope = gradient(...weights);
    /** @param {0 | 1} i */
    const move = (i) => RULES[runner](weights[i], slope[i], memory[i], p);
    weights = [move(0), move(1)];
  }
  return places;
}

/** @type {Record<string, {key: string, places: Point[], losses: number[]}>} */
const latestRuns = {}; // of every runner: stepping through a race computes nothing anew

/**
 * Where a runner is at every step, and its losses.
 * @param {string} runner
 * @param {State} state
 */
export function pathOf(runner, state) {
  const { surface, start, alpha, beta1, beta2, rho } = state;
  const key = JSON.stringify([surface, start, rateOf(runner, state), alpha, beta1, beta2, rho]);
  if (latestRuns[runner]?.key !== key) {
    const places = run(runner, state);
    const losses = places.map((place) => SURFACES[surface].loss(...place));
    latestRuns[runner] = { key, places, losses };
  }
  return latestRuns[runner];
}

// ----------------------------------------------------------------------------------------- numbers

/**
 * A runner at one step; nothing but `eta` and `left` once it has left the map.
 * @typedef {object} Standing
 * @property {number} eta
 * @property {Point | null} position
 * @property {number | null} loss
 * @property {number | null} arrived  since which step it is near the end
 * @property {number | null} left     at which step it left the map
 */
/** @typedef {{step: number, enough: number, runners: Record<string, Standing>}} Numbers */

/**
 * @param {string} runner
 * @param {State} state
 * @param {number} enough  the loss at which a runner has arrived
 * @returns {Standing}
 */
function standingOf(runner, state, enough) {
  const { step } = state;
  const { places, losses } = pathOf(runner, state);
  const eta = rateOf(runner, state);
  if (places.length <= step) {
    return { eta, position: null, loss: null, arrived: null, left: places.length };
  }
  let arrived = step + 1;
  while (losses[arrived - 1] <= enough) arrived--;
  return {
    eta,
    position: places[step],
    loss: losses[step],
    arrived: arrived > step ? null : arrived,
    left: null,
  };
}

/**
 * @param {State} state
 * @returns {Numbers}
 */
export function numbers(state) {
  const { loss, lowest } = SURFACES[state.surface];
  const deepest = loss(...lowest[0]);
  const enough = deepest + NEAR * (loss(...state.start) - deepest);
  const runners = Object.fromEntries(
    state.shown.map((runner) => [runner, standingOf(runner, state, enough)]),
  );
  return { step: state.step, enough, runners };
}
