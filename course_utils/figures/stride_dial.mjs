import { courseFigure } from "./base.mjs";
import {
  clamp,
  createElement,
  createTitle,
  formatFactor,
  formatNumber,
  makeMatrix,
  matrixSize,
  numberTable,
  setText,
  tint,
} from "./drawing.mjs";

/**
 * @typedef {object} State
 * @property {number[][]} picture  (H, W); its numbers lie in memory row by row
 * @property {number} rows
 * @property {number} columns
 * @property {number} row_stride
 * @property {number} column_stride
 * @property {number} offset
 * @property {number} row      the place that is picked
 * @property {number} column
 */
/** @typedef {Pick<State, "rows" | "columns" | "row_stride" | "column_stride" | "offset">} Reading */
/** @typedef {ReturnType<typeof numbers>} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const WINDOW = 3;
const SIDE = 32; // of a cell, in CSS pixels
/** @type {Record<keyof Reading, [number, number]>} */
const LIMITS = {
  rows: [1, 12],
  columns: [1, 12],
  row_stride: [-24, 24],
  column_stride: [-24, 24],
  offset: [0, 11],
};
const PARTS = /** @type {(keyof Reading)[]} */ (Object.keys(LIMITS));
/** @type {Record<string, (height: number, width: number) => number[]>} */
const PRESETS = {
  "as it is": (height, width) => [height, width, width, 1, 0],
  transpose: (height, width) => [width, height, 1, width, 0],
  mirror: (height, width) => [height, width, width, -1, width - 1],
  broadcast: (height, width) => [height, width, width, 0, 0],
  "every second": (height, width) => [Math.ceil(height / 2), width, 2 * width, 1, 0],
  diagonal: (height, width) => [1, Math.min(height, width), 0, width + 1, 0],
  [`windows of ${WINDOW}`]: (height, width) => [height * width - WINDOW + 1, WINDOW, 1, 1, 0],
};

/**
 * What a button sets.
 * @param {string} name
 * @param {number[][]} picture
 * @returns {Reading}
 */
function preset(name, picture) {
  const values = PRESETS[name](...matrixSize(picture));
  return /** @type {Reading} */ (Object.fromEntries(PARTS.map((part, i) => [part, values[i]])));
}

/** @param {State} state */
function numbers(state) {
  const { picture, rows, columns, row_stride, column_stride, offset, row, column } = state;
  const memory = picture.flat();
  const positions = makeMatrix(
    rows,
    columns,
    (i, j) => offset + i * row_stride + j * column_stride,
  );
  const values = positions.map((line) => line.map((at) => memory[at] ?? null));
  const flat = positions.flat();
  const inside = flat.filter((at) => at in memory);
  const position = positions[row][column];
  /** @param {string} name */
  const isSet = (name) => {
    const wanted = preset(name, picture);
    return PARTS.every((part) => state[part] === wanted[part]);
  };
  return {
    positions,
    values,
    position,
    value: values[row][column],
    readers: flat.filter((at) => at === position).length,
    outside: flat.length - inside.length,
    read: new Set(inside).size,
    contiguous: (columns === 1 || column_stride === 1) && (rows === 1 || row_stride === columns),
    preset: Object.keys(PRESETS).find(isSet) ?? "",
  };
}

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary(state, { position, value, readers, outside, read, contiguous }) {
  const { picture, rows, columns, row_stride, column_stride, row, column } = state;
  const strides = `(${formatNumber(row_stride)}, ${formatNumber(column_stride)})`;
  const tensor = `Shape (${rows}, ${columns}), strides ${strides}`;
  if (outside) {
    const places = outside === 1 ? "1 place lies" : `${outside} places lie`;
    return `${tensor}: ${places} outside the memory. PyTorch would refuse.`;
  }
  const others = readers === 1 ? "" : `, which ${readers} places read`;
  const where = `Place (${row}, ${column}) reads memory ${position}${others}: ${formatNumber(value ?? 0)}`;
  const used = `${read} of ${picture.flat().length} numbers are read`;
  return `${tensor}, ${contiguous ? "" : "not "}contiguous; ${used}. ${where}.`;
}

/**
 * The five dials and the buttons that set them all.
 * @param {View} view
 */
function controls(view) {
  const dials = PARTS.map((part) =>
    view.numberInput(
      part.replace("_", " "),
      LIMITS[part],
      (state) => state[part],
      (number) => ({ [part]: number }),
    ),
  );
  const buttons = Object.keys(PRESETS).map((name) => {
    const button = view.button(name, ({ picture }) => preset(name, picture));
    view.controls.push((state) => {
      const wanted = preset(name, state.picture);
      const isSet = PARTS.every((part) => state[part] === wanted[part]);
      button.setAttribute("aria-pressed", String(isSet));
    });
    return button;
  });
  return [
    createElement("div", { class: "course-presets" }, ...buttons),
    createElement("div", { class: "course-controls" }, ...dials),
  ];
}

/**
 * The tensor's values and, beside them, where each lies; laid out for a shape.
 * @param {View} view
 * @param {HTMLElement} panel
 * @param {State} state
 */
function layTensor(view, panel, { rows, columns }) {
  const [values, positions] = [0, 1].map(() => numberTable(rows, columns, SIDE));
  view.draggable(values.svg, (y, x, state) => ({
    row: Math.floor(y * state.rows),
    column: Math.floor(x * state.columns),
  }));
  view.stage.replaceChildren(createTitle(`what it holds (${rows}, ${columns})`), values.svg);
  panel.replaceChildren(createTitle("where in memory"), positions.svg);
  return { values, positions };
}

/**
 * @param {ReturnType<typeof layTensor>} tables
 * @param {State} state
 * @param {Numbers} numbers
 */
function drawTensor(tables, { picture, row, column }, numbers) {
  const largest = Math.max(...picture.flat().map(Math.abs));
  numbers.positions.forEach((line, i) => {
    line.forEach((at, j) => {
      const value = numbers.values[i][j];
      const isSame = at === numbers.position;
      const kind = value === null ? "course-empty" : isSame ? "course-in" : "";
      const fill = value === null ? "" : tint(value, largest);
      tables.values.setCell(i, j, value === null ? "?" : formatNumber(value), { kind, fill });
      tables.positions.setCell(i, j, formatNumber(at), { kind });
    });
  });
  for (const table of [tables.values, tables.positions]) table.setOutline(row, column, 1, 1);
}

/**
 * The line of memory under its positions.
 * @param {number[][]} picture
 */
function memoryLine(picture) {
  const memory = picture.flat();
  const largest = Math.max(...memory.map(Math.abs));
  const table = numberTable(2, memory.length, SIDE, "course-memory");
  memory.forEach((_, at) => {
    table.setCell(0, at, String(at), { kind: "course-index" });
  });
  /** @param {Numbers} numbers */
  const draw = ({ positions, position }) => {
    const read = new Set(positions.flat());
    memory.forEach((value, at) => {
      const kind = at === position ? "course-in" : read.has(at) ? "" : "course-unread";
      const fill = read.has(at) ? tint(value, largest) : "";
      table.setCell(1, at, formatNumber(value), { kind, fill });
    });
    if (position in memory) table.setOutline(1, position, 1, 1);
    else table.setOutline(0, 0, 0, 0);
  };
  return { svg: table.svg, draw };
}

/**
 * The sum that gives the position.
 * @param {State} state
 * @param {Numbers} numbers
 */
function equation({ row, column, row_stride, column_stride, offset }, { position }) {
  const terms = `${offset} + ${row}·${formatFactor(row_stride)} + ${column}·${formatFactor(column_stride)}`;
  return `position = offset + row·stride + column·stride = ${terms} = ${formatNumber(position)}`;
}

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  const panel = createElement("div", { class: "course-panel" });
  const sum = createElement("div", { class: "course-formula" });
  const line = createElement("div", { class: "course-line" });
  const panels = createElement("div", { class: "course-panels" }, view.stage, panel);
  // the line stands above what changes its height, so that it stays still on the screen
  view.root.prepend(...controls(view), line, panels, sum);
  /** @type {{key: string, tables: ReturnType<typeof layTensor>} | undefined} */
  let latest;
  /** @type {{picture: number[][], draw: (numbers: Numbers) => void} | undefined} */
  let memory;
  return (state, numbers) => {
    const key = `${state.rows} ${state.columns}`;
    if (latest?.key !== key) latest = { key, tables: layTensor(view, panel, state) };
    if (memory?.picture !== state.picture) {
      const { svg, draw } = memoryLine(state.picture);
      memory = { picture: state.picture, draw };
      line.replaceChildren(createTitle("memory: no button moves a number in it"), svg);
    }
    drawTensor(latest.tables, state, numbers);
    memory.draw(numbers);
    setText(sum, equation(state, numbers));
  };
}

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "stride_dial",
  traits: ["picture", ...PARTS, "row", "column"],
  large: ["picture"],
  limits: LIMITS,
  label: "The tensor that is read from memory. Arrow keys pick another place.",
  numbers,
  summary,
  normalizeState: (next) => ({
    ...next,
    row: clamp(next.row, 0, next.rows - 1),
    column: clamp(next.column, 0, next.columns - 1),
  }),
  move: ({ row, column }, dRow, dColumn) => ({ row: row + dRow, column: column + dColumn }),
  build,
};

export default courseFigure(figure);
