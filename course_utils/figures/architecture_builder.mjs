import {
  COLUMNS,
  CONV,
  CONV_LIMITS,
  changeConvolution,
  formatWhole,
  HEADS,
  LIMITS,
  MAX_CONVOLUTIONS,
  MAX_DENSE,
  move,
  normalizeState,
  numbers,
  removeLayer,
  replaceAt,
  rowsOf,
} from "./architecture_ledger.mjs";
import { courseFigure } from "./base.mjs";
import { budgetBoard } from "./budget_chart.mjs";
import { createElement, memoize, setText } from "./drawing.mjs";

/** @typedef {import("./architecture_ledger.mjs").State} State */
/** @typedef {import("./architecture_ledger.mjs").Row} Row */
/** @typedef {import("./architecture_ledger.mjs").Column} Column */
/** @typedef {ReturnType<typeof numbers>} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */

/** @type {(keyof State & string)[]} */
const GEOMETRY = ["size", "channels", "convolutions", "dense", "classes", "head", "bias"];
/** @type {import("./architecture_ledger.mjs").Convolution} */
const NEW_CONV = [16, 3, 1, 1, 0, 2];
const NEW_DENSE = 64;
const WIDTHS = ["16%", "16%", "22%", "24%", "22%"]; // of the table's columns

// ---------------------------------------------------------------------------------------- in words

/**
 * @param {number} part
 * @param {number} total
 */
const formatPercent = (part, total) => `${((100 * part) / total).toFixed(1)} %`;

/**
 * Bytes as people write them, in steps of a thousand.
 * @param {number} count
 */
function formatBytes(count) {
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), 4);
  const value = (count / 1000 ** power).toFixed(Math.min(power, 1));
  return `${value} ${["B", "kB", "MB", "GB", "TB"][power]}`;
}

/**
 * @param {Column} column
 * @param {number} value
 */
const formatCost = (column, value) =>
  column === "memory" ? formatBytes(value) : formatWhole(value);

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary(state, { parameters, multiply_adds, memory, ...most }) {
  const rows = rowsOf(state);
  const [costly, busy] = [rows[most.most_parameters], rows[most.most_multiply_adds]];
  const large = rows[most.most_memory].name;
  const share = formatPercent(costly.parameters, parameters);
  const work = formatPercent(busy.multiply_adds, multiply_adds);
  return [
    `${formatWhole(parameters)} parameters, most in ${costly.name} (${share})`,
    `${formatWhole(multiply_adds)} multiply-adds, most in ${busy.name} (${work})`,
    `${formatBytes(memory)} of outputs, most in ${large}.`,
  ].join("; ");
}

/** @param {Row} row */
function rowFormula({ name, formulas, parameters, multiply_adds }) {
  if (!formulas) return `${name}: nothing to learn, and no multiply-adds`;
  const learned = `${formulas[0]} = ${formatWhole(parameters)} parameters`;
  return `${name}: ${learned}; ${formulas[1]} = ${formatWhole(multiply_adds)} multiply-adds`;
}

// ---------------------------------------------------------------------------------------- controls

/** @param {Partial<State>} state */
const geometryKey = (state) => JSON.stringify(GEOMETRY.map((name) => state[name]));

const presetNames = memoize(
  /** @type {(presets: State["presets"], key: "names") => Map<string, string>} */
  (presets) =>
    new Map(Object.entries(presets).map(([name, preset]) => [geometryKey(preset), name])),
);

/** @param {State} state */
const presetOf = (state) => presetNames(state.presets, "names").get(geometryKey(state));

/** @param {View} view */
function mainControls(view) {
  return createElement(
    "div",
    { class: "course-controls" },
    view.presetSelect(
      "architecture",
      ({ presets }) => presets,
      presetOf,
      (preset) => preset,
    ),
    view.traitInput("input size", "size"),
    view.traitInput("channels", "channels"),
    view.traitSelect("head", "head"),
    view.traitInput("classes", "classes"),
    view.select(
      "biases",
      () => ["with", "without"],
      ({ bias }) => (bias ? "with" : "without"),
      (words) => ({ bias: words === "with" }),
    ),
  );
}

/** @param {State} state */
const chosenRow = (state) => rowsOf(state)[state.row];

/**
 * The numbers of the chosen layer; draw(row) shows those that it has.
 * @param {View} view
 */
function layerControls(view) {
  const convolution = CONV.map((label, column) =>
    view.numberInput(
      label,
      CONV_LIMITS[column],
      (state) => state.convolutions[chosenRow(state).conv ?? -1]?.[column] ?? "",
      (value, state) => {
        const { conv } = chosenRow(state);
        return conv !== undefined && changeConvolution(state, conv, column, value);
      },
    ),
  );
  const width = view.numberInput(
    "width",
    LIMITS.classes,
    (state) => state.dense[chosenRow(state).dense ?? -1] ?? "",
    (value, state) => {
      const { dense } = chosenRow(state);
      return dense !== undefined && { dense: replaceAt(state.dense, dense, value) };
    },
  );
  const name = createElement("strong");
  const box = createElement("div", { class: "course-controls" }, name, ...convolution, width);
  /** @param {Row} row */
  const draw = (row) => {
    for (const control of convolution) control.hidden = row.conv === undefined;
    width.hidden = row.dense === undefined;
    setText(name, `${row.name}:`);
    box.hidden = row.conv === undefined && row.dense === undefined;
  };
  return { box, draw };
}

/**
 * Buttons that add and remove layers; the new one is chosen.
 * @param {View} view
 */
function layerButtons(view) {
  const addConvolution = view.button("Add convolution", (state) => {
    const convolutions = [...state.convolutions, NEW_CONV];
    const rows = rowsOf({ ...state, convolutions });
    return {
      convolutions,
      row: rows.findIndex(({ name }) => name === `conv${convolutions.length}`),
    };
  });
  const addDense = view.button("Add dense layer", (state) => {
    const dense = [...state.dense, NEW_DENSE];
    return { dense, row: rowsOf({ ...state, dense }).length - 2 };
  });
  const remove = view.button("Remove", removeLayer);
  const box = createElement("div", { class: "course-buttons" }, addConvolution, addDense, remove);
  /** @param {State} state */
  const draw = (state) => {
    const { name, conv, dense } = chosenRow(state);
    addConvolution.disabled = state.convolutions.length >= MAX_CONVOLUTIONS;
    addDense.disabled = state.dense.length >= MAX_DENSE;
    remove.disabled = conv === undefined && dense === undefined;
    setText(remove, remove.disabled ? "Remove" : `Remove ${name}`);
  };
  return { box, draw };
}

// ------------------------------------------------------------------------------------------- table

/** @param {number} at  of a column of costs: the last goes first where there is little room */
const costClass = (at) => ({ class: at === COLUMNS.length - 1 ? "course-last" : "" });

function tableHead() {
  const kinds = ["", "course-shape", "", "", "course-last"];
  const heads = ["layer", "output", "parameters", "multiply-adds", "memory"].map((words, at) => {
    const attributes = { scope: "col", class: kinds[at], style: `width:${WIDTHS[at]}` };
    return createElement("th", attributes, words);
  });
  return createElement("thead", {}, createElement("tr", {}, ...heads));
}

/**
 * @param {Column} column
 * @param {number} at
 */
function costCell(column, at) {
  const [mark, text] = [createElement("b"), createElement("span")];
  const word = createElement("span", { class: "course-word" });
  const bar = createElement("span", { class: `course-bar course-${column}` });
  const cell = createElement("td", costClass(at), mark, word, " ", text, bar);
  /**
   * @param {number} value
   * @param {number} total
   * @param {boolean} isMost
   */
  const draw = (value, total, isMost) => {
    setText(mark, isMost ? "▲●■"[at] : "");
    setText(word, isMost ? " most" : "");
    setText(text, value ? formatCost(column, value) : "");
    bar.style.width = `${((100 * value) / total).toFixed(2)}%`;
  };
  return { cell, draw };
}

function ledgerLine() {
  const name = createElement("th", { scope: "row" });
  const shape = createElement("td", { class: "course-shape" });
  const costs = COLUMNS.map(costCell);
  const line = createElement("tr", {}, name, shape, ...costs.map(({ cell }) => cell));
  /**
   * @param {Row} row
   * @param {number} at
   * @param {boolean} isHere
   * @param {Numbers} numbers
   */
  const draw = (row, at, isHere, numbers) => {
    line.classList.toggle("course-here", isHere);
    setText(name, `${isHere ? "▸ " : ""}${row.name}`);
    setText(shape, row.shape.join("×"));
    const { most_parameters, most_multiply_adds, most_memory } = numbers;
    const most = [most_parameters, most_multiply_adds, most_memory];
    COLUMNS.forEach((column, i) => {
      costs[i].draw(row[column], numbers[column], at === most[i]);
    });
  };
  return { line, draw };
}

/** @param {View} view */
function ledgerTable(view) {
  const [body, foot] = [createElement("tbody"), createElement("tfoot")];
  const totals = COLUMNS.map((_, at) => createElement("td", costClass(at)));
  const total = createElement("th", { scope: "row" }, "total");
  const blank = createElement("td", { class: "course-shape" });
  foot.append(createElement("tr", {}, total, blank, ...totals));
  view.draggable(body, (y, _, state) => ({ row: Math.floor(y * rowsOf(state).length) }));
  /** @type {ReturnType<typeof ledgerLine>[]} */
  let lines = [];
  /**
   * @param {State} state
   * @param {Numbers} numbers
   */
  const draw = (state, numbers) => {
    const rows = rowsOf(state);
    if (lines.length !== rows.length) {
      lines = rows.map(ledgerLine);
      body.replaceChildren(...lines.map(({ line }) => line));
    }
    rows.forEach((row, at) => {
      lines[at].draw(row, at, at === state.row, numbers);
    });
    COLUMNS.forEach((column, i) => {
      setText(totals[i], formatCost(column, numbers[column]));
    });
  };
  return { table: createElement("table", {}, tableHead(), body, foot), draw };
}

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  view.root.classList.add("course-builder");
  const controls = mainControls(view);
  const layer = layerControls(view);
  const buttons = layerButtons(view);
  const ledger = ledgerTable(view);
  const formula = createElement("div", { class: "course-formula" });
  const board = budgetBoard(view);
  view.stage.append(ledger.table);
  const parts = [view.stage, formula, layer.box, buttons.box];
  const network = createElement("div", { class: "course-network" }, ...parts);
  const panels = createElement("div", { class: "course-panels" }, network, board.box);
  view.root.prepend(controls, panels);
  return (state, numbers) => {
    const row = chosenRow(state);
    ledger.draw(state, numbers);
    layer.draw(row);
    buttons.draw(state);
    board.draw(state, numbers.multiply_adds);
    setText(formula, rowFormula(row));
  };
}

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "architecture_builder",
  traits: [...GEOMETRY, "row", "presets", "board", "runs", "training"],
  large: ["presets", "runs", "training"],
  limits: LIMITS,
  choices: { head: HEADS },
  label:
    "Ledger of the network. Up and down choose a layer; left and right change its main number.",
  numbers,
  summary,
  normalizeState,
  move,
  build,
};

export default courseFigure(figure);
