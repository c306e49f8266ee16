// The goals of the budget board, as in budget_board.py.

/**
 * A network that was trained.
 * @typedef {object} Run
 * @property {number[][]} convolutions
 * @property {number[]} dense
 * @property {string} head
 * @property {boolean} bias
 * @property {number} parameters
 * @property {number} multiply_adds
 * @property {number} accuracy  in %
 * @property {boolean} [recorded]  whether it comes with the course
 */

export const ACCURACY = 75; // %, to be beaten
export const PARAMETERS = 6_000; // fewer than these
export const OPENING_WORK = 1_443_840; // multiply-adds of the network that the board opens on
export const MOST_WORK = 1_500_000; // what is trained in some seconds
export const INPUT = { size: 32, channels: 3, classes: 10 };
/** @type {("convolutions" | "dense" | "head" | "bias")[]} */
export const SHAPE = ["convolutions", "dense", "head", "bias"];

/**
 * 1 if a run is small and good, 2 if it is quick as well.
 * @param {Run} run
 */
export function goalsReached({ accuracy, parameters, multiply_adds }) {
  if (accuracy <= ACCURACY || parameters >= PARAMETERS) return 0;
  return 10 * multiply_adds <= OPENING_WORK ? 2 : 1;
}
