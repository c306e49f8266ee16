/**
 * Answers of which a whole region is right, judged as the exercise's predicates judge them. Each
 * function takes what page_answers.py hands over and the numbers of the boxes, and returns the id of
 * the mistake that is made; "" where the answer is right.
 */

/**
 * @typedef {object} Desk see optimiser_tuning.py
 * @property {number[]} curvatures largest first
 * @property {number[]} heights how high each direction starts
 * @property {number} left what is to be left of the way down, at most
 * @property {number} steps
 */

const SAME = 1e-9; // by which factors differ in rounding
const RATES = { first: 5, last: 50 }; // fiftieths of the limit that are tried

/**
 * Share of the way down that is left after a run, each direction for itself.
 *
 * @param {Desk} desk
 * @param {number} eta
 * @param {number} alpha
 */
function leftAfter({ curvatures, heights, steps }, eta, alpha) {
  let [left, all] = [0, 0];
  for (const [k, curvature] of curvatures.entries()) {
    let [distance, velocity] = [1, 0];
    for (let step = 0; step < steps; step++) {
      velocity = alpha * velocity - eta * curvature * distance;
      distance += velocity;
    }
    left += heights[k] * distance * distance;
    all += heights[k];
  }
  return left / all;
}

/**
 * Size of the larger root of z² − (1 + α − ηa) z + α.
 *
 * @param {number} curvature
 * @param {number} eta
 * @param {number} alpha
 */
function factorOf(curvature, eta, alpha) {
  const half = (1 + alpha - eta * curvature) / 2;
  const square = half * half - alpha;
  return square < 0 ? Math.sqrt(alpha) : Math.abs(half) + Math.sqrt(square);
}

/**
 * Whether some rate would do for this α.
 *
 * @param {Desk} desk
 * @param {number} alpha
 */
function someRateIsFast(desk, alpha) {
  const limit = (2 * (1 + alpha)) / desk.curvatures[0];
  for (let share = RATES.first; share < RATES.last; share++) {
    if (leftAfter(desk, (share / RATES.last) * limit, alpha) < desk.left) return true;
  }
  return false;
}

/**
 * What a pair (η, α) does at the desk.
 *
 * @param {Desk} desk
 * @param {number[]} pair
 */
function momentumDesk(desk, [eta, alpha]) {
  if (leftAfter(desk, eta, alpha) < desk.left) return "";
  if (leftAfter(desk, alpha, eta) < desk.left) return "exchanged";
  if (eta <= 0) return "rate-not-positive";
  if (alpha < 0) return "momentum-negative";
  if (alpha >= 1) return "velocity-never-fades";
  const { curvatures } = desk;
  const steep = factorOf(curvatures[0], eta, alpha);
  const flat = factorOf(curvatures[curvatures.length - 1], eta, alpha);
  const all = Math.sqrt(alpha) + SAME; // where every direction swings
  if (steep > 1 + SAME) return "grows";
  if (alpha === 0) return "plain-descent";
  if (steep > Math.max(flat, all)) return "too-near-the-limit";
  if (flat <= all) return "too-much-momentum";
  return someRateIsFast(desk, alpha) ? "rate-too-small" : "too-little-momentum";
}

/** @type {Record<string, (data: any, numbers: number[]) => string>} */
export const computations = { momentumDesk };
