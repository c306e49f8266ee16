// What the shifted image shows below itself: the maps of one block, and the unit that is pointed at.

import {
  cividis,
  contextOf,
  createElement,
  createTitle,
  formatFactor,
  formatFixed,
  formatNumber,
  largestOf,
  marker,
  matrixSize,
  numberTable,
  packColors,
  picture,
  setText,
  sum,
  tint,
} from "./drawing.mjs";
import { allOutputs, mappedNetwork, mapStages } from "./shifted_numbers.mjs";

/** @typedef {import("./shifted_numbers.mjs").State} State */
/** @typedef {import("./shifted_numbers.mjs").Unit} Unit */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const COLORS = ["red", "green", "blue"];
const [ACROSS, MAP] = [8, 50]; // maps in a row, and the width of each in CSS pixels
const [CELL, TALL] = [44, 27]; // width and height of a number
const SHADES = packColors(256, (i) => cividis(i / 255));

// -------------------------------------------------------------------------------------------- maps

/**
 * How the maps of a layer lie in one picture, a line between them.
 * @param {number[]} shape  (channels, rows, columns)
 */
function sheetLayout([channels, rows, columns]) {
  const across = Math.min(channels, ACROSS);
  const [tall, wide] = [rows + 1, columns + 1];
  return {
    across,
    height: Math.ceil(channels / across) * tall - 1,
    width: across * wide - 1,
    /** @type {(channel: number, row: number, column: number) => [number, number]} */
    pixelOf: (channel, row, column) => [
      Math.floor(channel / across) * tall + row,
      (channel % across) * wide + column,
    ],
    /** @type {(y: number, x: number) => {channel: number, row: number, column: number}} */
    unitAt: (y, x) => ({
      channel: Math.floor(y / tall) * across + Math.floor(x / wide),
      row: Math.min(y % tall, rows - 1),
      column: Math.min(x % wide, columns - 1),
    }),
  };
}

/**
 * All maps of a layer in one picture; draw(output, state) repaints it.
 * @param {View} view
 * @param {string} stage
 * @param {number[]} shape
 */
function mapSheet(view, stage, shape) {
  const layout = sheetLayout(shape);
  const { across, height, width } = layout;
  const { canvas, frame } = picture(height, width, across * MAP);
  const placeMarker = marker(frame);
  const outline = /** @type {HTMLElement} */ (frame.lastChild);
  const heading = createTitle();
  view.draggable(frame, (y, x) => ({
    stage,
    ...layout.unitAt(Math.floor(y * height), Math.floor(x * width)),
  }));
  const paint = mapPainter(canvas, shape, layout);
  const [channels, rows, columns] = shape;
  /**
   * @param {import("./network.mjs").Tensor} output
   * @param {State} state
   */
  const draw = (output, state) => {
    paint(output.data);
    const scale = stage.startsWith("pool") ? "yellow: each map's largest" : "blue: 0";
    setText(heading, `${stage}: ${channels} maps of ${rows} × ${columns}; ${scale}`);
    const [top, left] = layout.pixelOf(state.channel, state.row, state.column);
    outline.style.display = state.stage === stage ? "" : "none";
    placeMarker(top / height, left / width, 1 / height, 1 / width);
  };
  return { box: createElement("div", {}, heading, frame), draw };
}

/**
 * A function that paints all maps, each on a scale of its own: most are faint beside the strongest.
 * @param {HTMLCanvasElement} canvas
 * @param {number[]} shape
 * @param {ReturnType<typeof sheetLayout>} layout
 */
function mapPainter(canvas, [channels, rows, columns], { pixelOf }) {
  const pixels = new ImageData(canvas.width, canvas.height);
  const colors = new Uint32Array(pixels.data.buffer);
  /** @param {Float64Array} data */
  return (data) => {
    const size = rows * columns;
    for (let channel = 0, at = 0; channel < channels; channel++) {
      const map = data.subarray(channel * size, (channel + 1) * size);
      const largest = map.reduce((most, value) => Math.max(most, value), 0);
      const scale = largest > 0 ? 255 / largest : 0;
      for (let i = 0; i < rows; i++) {
        const [y, x] = pixelOf(channel, i, 0);
        for (let j = 0; j < columns; j++, at++) {
          colors[y * canvas.width + x + j] = SHADES[Math.round(scale * Math.max(0, data[at]))];
        }
      }
    }
    contextOf(canvas).putImageData(pixels, 0, 0);
  };
}

/**
 * The maps of the block in which the unit lies.
 * @param {View} view
 */
export function mapsPanel(view) {
  const { name, layers } = mappedNetwork(view.read());
  const stages = mapStages(layers);
  const box = createElement("div", { class: "course-maps course-panels" });
  /** @param {string} stage */
  const blockOf = (stage) => stage.split(" ")[1];
  /** @type {string | undefined} */
  let block;
  /** @type {({stage: string} & ReturnType<typeof mapSheet>)[]} */
  let sheets = [];
  /** @param {State} state */
  const draw = (state) => {
    const results = allOutputs(state)[name];
    if (block !== blockOf(state.stage)) {
      block = blockOf(state.stage);
      sheets = Object.keys(stages)
        .filter((stage) => blockOf(stage) === block)
        .map((stage) => ({ stage, ...mapSheet(view, stage, results[stages[stage] + 1].shape) }));
      box.replaceChildren(...sheets.map((sheet) => sheet.box));
    }
    for (const sheet of sheets) sheet.draw(results[stages[sheet.stage] + 1], state);
  };
  return { box, draw };
}

// -------------------------------------------------------------------------------------------- unit

const MANY = /** @type {[number, number]} */ ([0, 9999]); // what there is follows from the layer

/** @param {View} view */
function unitControls(view) {
  const stages = Object.keys(mapStages(mappedNetwork(view.read()).layers));
  /** @type {(label: string, name: "channel" | "row" | "column" | "part") => HTMLElement} */
  const field = (label, name) =>
    view.numberInput(
      label,
      MANY,
      (state) => state[name],
      (value) => ({ [name]: value }),
    );
  const part = field("input channel", "part");
  const menu = view.select(
    "maps and unit of",
    () => stages,
    ({ stage }) => stage,
    (stage) => ({ stage }),
  );
  const fields = [field("map", "channel"), field("row", "row"), field("column", "column")];
  return { part, box: createElement("div", { class: "course-controls" }, menu, ...fields, part) };
}

/**
 * What the products are made of: a colour of the image, or a channel of the layer before.
 * @param {State} state
 */
function inputName(state) {
  const { layers } = mappedNetwork(state);
  const convolution = mapStages(layers)[state.stage] - 1;
  const before = layers.slice(0, convolution).map(({ kind }) => kind);
  const isImage = before.every((kind) => kind === "scale");
  const channels = state.images.shape[1];
  const color = isImage && channels === 3 ? COLORS[state.part] : `channel ${state.part}`;
  return `input, ${color}${isImage && before.length ? ", standardised" : ""}`;
}

/**
 * The tables that a unit shows, each under its heading.
 * @param {State} state
 * @param {Unit} unit
 * @returns {[string, number[][]][]}
 */
function unitTables(state, { window, weights }) {
  if (!weights) return [[`window in map ${state.channel}`, window]];
  const products = window.map((line, i) => line.map((x, j) => x * weights[i][j]));
  return [
    [inputName(state), window],
    ["× weight", weights],
    ["= product", products],
  ];
}

/**
 * The sum or the maximum that made a unit, in numbers.
 * @param {Unit} unit
 */
function unitFormula({ value, window, sums, bias = 0 }) {
  const result = formatNumber(value, 3);
  if (!sums) {
    const list = window.flat().map((x) => formatNumber(x, 3));
    return `The largest of ${list.join(", ")} is ${result}.`;
  }
  const channels = `${sums.length} input channel${sums.length > 1 ? "s" : ""}`;
  const terms = sums.map((x) => formatFactor(x, 3)).join(" + ");
  const total = formatNumber(sum([bias, ...sums]), 3);
  const made = `with the bias ${formatNumber(bias, 3)} that makes ${total}`;
  return `Sums of the products over ${channels}: ${terms}; ${made}, and ReLU leaves ${result}.`;
}

/**
 * @param {import("./drawing.mjs").NumberTable} table
 * @param {number[][]} matrix
 * @param {(x: number) => import("./drawing.mjs").CellLook} lookOf
 */
function fillTable(table, matrix, lookOf) {
  const digits = largestOf(matrix.flat()) < 0.1 ? 3 : 2; // of all its numbers
  matrix.forEach((line, i) => {
    line.forEach((x, j) => {
      table.setCell(i, j, formatFixed(x, digits), lookOf(x));
    });
  });
}

/**
 * The unit that is pointed at, and what made it.
 * @param {View} view
 */
export function unitPanel(view) {
  const { part, box: controls } = unitControls(view);
  const panels = createElement("div", { class: "course-panels" });
  const formula = createElement("div", { class: "course-formula" });
  let layout = "";
  /** @type {{heading: HTMLElement, table: import("./drawing.mjs").NumberTable}[]} */
  let grids = [];
  /**
   * @param {State} state
   * @param {Unit} unit
   */
  const draw = (state, unit) => {
    const [tall, wide] = matrixSize(unit.window);
    const tables = unitTables(state, unit);
    if (layout !== `${tables.length} ${tall} ${wide}`) {
      layout = `${tables.length} ${tall} ${wide}`;
      grids = tables.map(() => ({
        heading: createTitle(),
        table: numberTable(tall, wide, wide > 5 ? 34 : CELL, "", TALL),
      }));
      const boxes = grids.map(({ heading, table }) => createElement("div", {}, heading, table.svg));
      panels.replaceChildren(...boxes, formula);
    }
    drawTables(grids, tables, unit);
    part.style.display = unit.sums ? "" : "none";
    setText(formula, unitFormula(unit));
  };
  return { box: createElement("div", { class: "course-unit" }, controls, panels), draw };
}

/**
 * Products are coloured by their sign; of a window the largest is marked.
 * @param {{heading: HTMLElement, table: import("./drawing.mjs").NumberTable}[]} grids
 * @param {[string, number[][]][]} tables
 * @param {Unit} unit
 */
function drawTables(grids, tables, { value, sums }) {
  tables.forEach(([words, matrix], at) => {
    const { heading, table } = grids[at];
    setText(heading, words);
    const largest = largestOf(matrix.flat());
    fillTable(table, matrix, (x) => ({
      fill: at === 2 ? tint(x, largest) : "",
      kind: !sums && x === value ? "course-in" : "",
    }));
  });
}
