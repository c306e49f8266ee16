// The ledger of an architecture: what every layer costs.

import { goalsReached } from "./budget_goals.mjs";
import { clamp, memoize } from "./drawing.mjs";

/** @typedef {[number, number, number, number, number, number]} Convolution  as in CONV */
/** @typedef {"parameters" | "multiply_adds" | "memory"} Column */

/**
 * @typedef {object} State
 * @property {number} size
 * @property {number} channels
 * @property {Convolution[]} convolutions
 * @property {number[]} dense  widths
 * @property {number} classes
 * @property {string} head
 * @property {boolean} bias
 * @property {number} row
 * @property {Record<string, Partial<State>>} presets
 * @property {boolean} board
 * @property {import("./budget_goals.mjs").Run[]} runs
 * @property {{share?: number, note?: string}} training
 */

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {string} type
 * @property {number[]} shape
 * @property {number} parameters
 * @property {number} multiply_adds
 * @property {number} memory
 * @property {number} [conv]      number of the convolution that the row belongs to
 * @property {boolean} [isPool]   whether the row is its pool
 * @property {number} [dense]     number of the dense layer
 * @property {[string, string]} [formulas]  of parameters and multiply-adds
 */

export const HEADS = ["flatten", "global average"];
export const CONV = ["filters", "kernel", "stride", "padding", "pool", "pool stride"];
const POOL = 4; // where the pool's window stands in a convolution's numbers
export const MAX_WIDTH = 1_000_000; // as in architecture_builder.py, like the next
/** @type {[number, number][]} */
// biome-ignore format: a table of limits, as in CONV
export const CONV_LIMITS = [[1, 1024], [1, 15], [1, 8], [0, 8], [0, 8], [1, 8]];
/** @type {Record<"size" | "channels" | "classes", [number, number]>} */
export const LIMITS = { size: [1, 512], channels: [1, 16], classes: [1, MAX_WIDTH] };
export const [MAX_CONVOLUTIONS, MAX_DENSE] = [6, 3];
/** @type {Column[]} */
export const COLUMNS = ["parameters", "multiply_adds", "memory"];

const GROUPED = new Intl.NumberFormat("en-GB"); // made once: toLocaleString is slow
export const formatWhole = /** @param {number} value */ (value) => GROUPED.format(value);

/**
 * A row that costs nothing but what its output takes.
 * @param {string} name
 * @param {string} type
 * @param {number[]} shape
 * @returns {Row}
 */
function plainRow(name, type, shape) {
  const memory = 4 * shape.reduce((product, side) => product * side, 1);
  return { name, type, shape, parameters: 0, multiply_adds: 0, memory };
}

/**
 * One convolution, and its pool if there is one.
 * @param {Convolution} convolution
 * @param {number} at  its number
 * @param {number[]} shape  what goes in
 * @param {boolean} bias
 */
function convolutionRows([filters, kernel, stride, padding, pool, poolStride], at, shape, bias) {
  const [inputs, before] = shape;
  const name = `conv${at + 1}`;
  const reach = before + 2 * padding;
  if (reach < kernel) {
    const [window, room] = [`${kernel} × ${kernel}`, `${reach} × ${reach}`];
    throw new Error(`Refused: the kernel of ${name}, ${window}, does not fit into ${room}.`);
  }
  const side = Math.floor((reach - kernel) / stride) + 1;
  const weights = inputs * kernel * kernel;
  const terms = `${inputs}·${kernel}·${kernel}`;
  /** @type {Row} */
  const row = {
    ...plainRow(name, "Conv2d", [filters, side, side]),
    parameters: filters * (weights + Number(bias)),
    multiply_adds: filters * side * side * weights,
    conv: at,
    formulas: [
      `${filters}·(${terms}${bias ? " + 1" : ""})`,
      `${filters}·${side}·${side} outputs × ${terms}`,
    ],
  };
  if (!pool) return [row];
  if (pool > side) {
    const [window, room] = [`${pool} × ${pool}`, `${side} × ${side}`];
    throw new Error(`Refused: pool${at + 1}, ${window}, does not fit into ${room}.`);
  }
  const pooled = Math.floor((side - pool) / poolStride) + 1;
  const poolRow = plainRow(`pool${at + 1}`, "MaxPool2d", [filters, pooled, pooled]);
  return [row, { ...poolRow, conv: at, isPool: true }];
}

/**
 * @param {string} name
 * @param {number} inputs
 * @param {number} width
 * @param {boolean} bias
 * @returns {Row}
 */
function denseRow(name, inputs, width, bias) {
  const [from, to] = [formatWhole(inputs), formatWhole(width)];
  return {
    ...plainRow(name, "Linear", [width]),
    parameters: width * (inputs + Number(bias)),
    multiply_adds: width * inputs,
    formulas: [`${to}·(${from}${bias ? " + 1" : ""})`, `${to} outputs × ${from}`],
  };
}

/** The rows of the ledger, each with what of the state it shows and its two formulas. */
export const ledgerOf = memoize(
  /** @type {(state: State, key: "ledger") => Row[]} */
  ({ size, channels, convolutions, dense, classes, head, bias }) => {
    const rows = [plainRow("input", "", [channels, size, size])];
    const lastShape = () => rows[rows.length - 1].shape;
    convolutions.forEach((convolution, at) => {
      rows.push(...convolutionRows(convolution, at, lastShape(), bias));
    });
    if (head === "global average") {
      rows.push(plainRow("average", "AdaptiveAvgPool2d", [lastShape()[0], 1, 1]));
    }
    const [filters, side] = lastShape();
    rows.push({ ...plainRow("flatten", "Flatten", [filters * side * side]), memory: 0 });
    dense.forEach((width, at) => {
      rows.push({ ...denseRow(`dense${at + 1}`, lastShape()[0], width, bias), dense: at });
    });
    rows.push(denseRow("scores", lastShape()[0], classes, bias));
    return rows;
  },
);

/** @param {State} state */
export const rowsOf = (state) => ledgerOf(state, "ledger");

/** @param {State} state */
export function numbers(state) {
  const rows = rowsOf(state);
  /** @param {Column} column */
  const totalOf = (column) => rows.reduce((sum, row) => sum + row[column], 0);
  /** @param {Column} column */
  const mostOf = (column) => {
    const values = rows.map((row) => row[column]);
    return values.indexOf(Math.max(...values));
  };
  return {
    rows: rows.map((row) => [row.name, row.type, row.shape, ...COLUMNS.map((name) => row[name])]),
    parameters: totalOf("parameters"),
    multiply_adds: totalOf("multiply_adds"),
    memory: totalOf("memory"),
    most_parameters: mostOf("parameters"),
    most_multiply_adds: mostOf("multiply_adds"),
    most_memory: mostOf("memory"),
    chosen: rows[state.row].name,
    goals: state.board ? state.runs.map(goalsReached) : [],
  };
}

// ----------------------------------------------------------------------------------------- changes

/**
 * @template Value
 * @param {Value[]} list
 * @param {number} at
 * @param {Value} value
 */
export const replaceAt = (list, at, value) => list.map((old, i) => (i === at ? value : old));

/**
 * @param {State} state
 * @param {number} at  the convolution
 * @param {number} column
 * @param {number} value
 */
export function changeConvolution({ convolutions }, at, column, value) {
  const changed = /** @type {Convolution} */ (replaceAt(convolutions[at], column, value));
  return { convolutions: replaceAt(convolutions, at, changed) };
}

/**
 * A number moved by an arrow key: by ten where it is large.
 * @param {number} value
 * @param {number} by
 * @param {[number, number]} limits
 */
const stepNumber = (value, by, [low, high]) =>
  clamp(value + by * (value >= 50 ? 10 : 1), low, high);

/**
 * Up and down choose a row; left and right change its main number.
 * @param {State} state
 * @param {number} dRow
 * @param {number} dColumn
 * @returns {Partial<State>}
 */
export function move(state, dRow, dColumn) {
  if (dRow) return { row: state.row + dRow };
  const { name, conv, isPool, dense } = rowsOf(state)[state.row];
  if (conv !== undefined) {
    const column = isPool ? POOL : 0;
    /** @type {[number, number]} */
    const limits = isPool ? [1, CONV_LIMITS[POOL][1]] : CONV_LIMITS[0];
    const value = stepNumber(state.convolutions[conv][column], dColumn, limits);
    return changeConvolution(state, conv, column, value);
  }
  if (dense !== undefined) {
    const width = stepNumber(state.dense[dense], dColumn, LIMITS.classes);
    return { dense: replaceAt(state.dense, dense, width) };
  }
  if (name === "input") return { size: clamp(state.size + dColumn, ...LIMITS.size) };
  if (name === "scores") return { classes: stepNumber(state.classes, dColumn, LIMITS.classes) };
  return { head: HEADS[1 - HEADS.indexOf(state.head)] };
}

/**
 * The state without the chosen row's layer.
 * @param {State} state
 * @returns {Partial<State> | undefined}
 */
export function removeLayer(state) {
  const { conv, isPool, dense } = rowsOf(state)[state.row];
  if (conv !== undefined && isPool) return changeConvolution(state, conv, POOL, 0);
  if (conv !== undefined) {
    return { convolutions: state.convolutions.filter((_, at) => at !== conv) };
  }
  return dense === undefined ? undefined : { dense: state.dense.filter((_, at) => at !== dense) };
}

/**
 * @param {State} state
 * @returns {State}
 */
export function normalizeState(state) {
  if (state.convolutions.length > MAX_CONVOLUTIONS || state.dense.length > MAX_DENSE) {
    throw new Error(
      `Refused: at most ${MAX_CONVOLUTIONS} convolutions and ${MAX_DENSE} dense layers.`,
    );
  }
  for (const convolution of state.convolutions) {
    for (const [at, value] of convolution.entries()) {
      checkLimits(CONV[at], value, CONV_LIMITS[at]);
    }
  }
  for (const width of state.dense) checkLimits("width", width, LIMITS.classes);
  return { ...state, row: clamp(state.row, 0, rowsOf(state).length - 1) };
}

/**
 * @param {string} name
 * @param {number} value
 * @param {[number, number]} limits
 */
function checkLimits(name, value, [low, high]) {
  if (value < low || value > high) {
    throw new Error(`Refused: ${name} ${value} lies outside ${low} to ${high}.`);
  }
}
