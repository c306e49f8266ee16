import { courseFigure } from "./base.mjs";
import {
  clamp,
  contextOf,
  createElement,
  createTitle,
  formatFixed,
  formatNumber,
  makeMatrix,
  marker,
  matrixSize,
  memoize,
  mixColors,
  numberTable,
  PUOR,
  picture,
  setText,
  tint,
} from "./drawing.mjs";
import { answerMap, leftOver, solveKernel } from "./paint_solver.mjs";

/** @typedef {import("./paint_solver.mjs").Mark} Mark */
/**
 * @typedef {object} State
 * @property {number[][]} image  from 0 to 1
 * @property {Record<string, Mark[]>} examples
 * @property {Mark[]} painted
 * @property {string} brush
 * @property {number} width      of the brush
 * @property {number} size       of the kernel
 * @property {number} row        the brush's centre
 * @property {number} column
 */
/** @typedef {ReturnType<typeof numbers>} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const PICTURE = 300; // widest picture, in CSS pixels: photograph, kernel and map share a row
const CHOICES = { brush: ["+", "0", "-", "erase"], width: [1, 3, 5], size: [1, 3, 5, 7] };
/** @type {Record<string, number>} */
const WISHES = { "+": 1, 0: 0, "-": -1 };

/** The weights and the map follow from image, size and what is painted. */
const solution = memoize(
  /**
   * @param {Mark[]} painted
   * @param {number} size
   * @param {number[][]} image
   */
  (painted, size, image) => {
    const weights = solveKernel(image, size, painted);
    return { weights, map: answerMap(image, size, weights) };
  },
);

/** @param {State} state */
function numbers({ image, painted, size, row, column }) {
  const { weights, map } = solution(painted, size, image);
  const width = image[0].length;
  /** @type {Record<string, number>} */
  const counts = {};
  for (const [brush, wish] of Object.entries(WISHES)) {
    counts[brush] = painted.filter((mark) => mark[2] === wish).length;
  }
  return {
    kernel: makeMatrix(size, size, (i, j) => weights[i * size + j]),
    counts,
    left_over: leftOver(map, width, painted),
    answer: map[row * width + column],
    lowest: map.reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY),
    highest: map.reduce((high, value) => Math.max(high, value), Number.NEGATIVE_INFINITY),
  };
}

// ------------------------------------------------------------------------------------------- state

/**
 * Paint with the brush around a place, or erase there.
 * @param {State} state
 * @param {number} row
 * @param {number} column
 */
function paint({ image, painted, brush, width }, row, column) {
  const [height, length] = matrixSize(image);
  const reach = (width - 1) / 2;
  /** @param {Mark} mark */
  const isUnder = ([y, x]) => Math.abs(y - row) <= reach && Math.abs(x - column) <= reach;
  const others = painted.filter((mark) => !isUnder(mark));
  if (brush === "erase") return { painted: others, row, column };
  /** @type {Mark[]} */
  const marks = [];
  for (let y = Math.max(0, row - reach); y <= Math.min(height - 1, row + reach); y++) {
    for (let x = Math.max(0, column - reach); x <= Math.min(length - 1, column + reach); x++) {
      marks.push([y, x, WISHES[brush]]);
    }
  }
  return { painted: [...others, ...marks], row, column };
}

/** @param {State} next */
function normalizeState(next) {
  const [height, width] = matrixSize(next.image);
  for (const mark of next.painted) {
    const [row, column, wish] = mark;
    if (mark.length !== 3 || ![-1, 0, 1].includes(wish)) {
      throw new Error(`Refused: ${mark} is not [row, column, 1, 0 or -1].`);
    }
    if (row < 0 || row >= height || column < 0 || column >= width) {
      throw new Error(`Refused: ${mark} lies outside the image.`);
    }
  }
  if (new Set(next.painted.map(([row, column]) => row * width + column)).size < next.painted.length)
    throw new Error("Refused: a pixel is painted twice.");
  return {
    ...next,
    row: clamp(next.row, 0, height - 1),
    column: clamp(next.column, 0, width - 1),
  };
}

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary({ size, row, column }, { counts, left_over, answer }) {
  const marks = `${counts["+"]} pixels are painted +, ${counts[0]} are 0, ${counts["-"]} are −`;
  const fit =
    left_over === null
      ? "Paint some pixels + or −."
      : `The ${size} × ${size} kernel leaves ${formatNumber(100 * left_over, 0)} % of the wish over.`;
  return `${marks}. ${fit} At (${row}, ${column}) it answers ${formatFixed(answer)}.`;
}

// ---------------------------------------------------------------------------------------- controls

/**
 * @param {View} view
 * @param {string} label
 * @param {"width" | "size"} name
 */
const choose = (view, label, name) =>
  view.select(
    label,
    () => CHOICES[name].map(String),
    (state) => String(state[name]),
    (value) => ({ [name]: Number(value) }),
  );

/** @param {View} view */
function controls(view) {
  const brushes = CHOICES.brush.map((brush) => {
    const button = view.button(brush.replace("-", "−"), () => ({ brush }));
    button.setAttribute("aria-label", brush === "erase" ? brush : `brush ${brush}`);
    view.controls.push((state) => {
      button.setAttribute("aria-pressed", String(state.brush === brush));
    });
    return button;
  });
  const examples = Object.keys(view.read().examples).map((name) =>
    view.button(name, (state) => ({ painted: state.examples[name] })),
  );
  const clear = view.button("clear", () => ({ painted: [] }));
  return [
    createElement("div", { class: "course-wishes" }, "Wishes:", ...examples, clear),
    createElement(
      "div",
      { class: "course-wishes" },
      "Brush:",
      ...brushes,
      choose(view, "brush width", "width"),
      choose(view, "kernel size k", "size"),
    ),
  ];
}

// ---------------------------------------------------------------------------------------- pictures

/**
 * A mark of its own for every wish: cross, ring and bar, white on black.
 * @param {CanvasRenderingContext2D} context
 * @param {Mark} mark
 * @param {number} side  of a pixel
 */
function drawMark(context, [row, column, wish], side) {
  const [x, y, arm] = [(column + 0.5) * side, (row + 0.5) * side, 0.36 * side];
  const path = new Path2D();
  if (wish === 0) path.arc(x, y, 0.8 * arm, 0, 2 * Math.PI);
  else {
    path.moveTo(x - arm, y);
    path.lineTo(x + arm, y);
    if (wish > 0) {
      path.moveTo(x, y - arm);
      path.lineTo(x, y + arm);
    }
  }
  for (const [color, line] of [
    ["#000", 0.5],
    ["#fff", 0.22],
  ]) {
    context.strokeStyle = String(color);
    context.lineWidth = side * Number(line);
    context.stroke(path);
  }
}

/**
 * The photograph with the marks over it; twice as fine as the screen, so that marks are clear.
 * @param {View} view
 * @param {State} state
 */
function photoPanel(view, { image }) {
  const [height, width] = matrixSize(image);
  const shown = PICTURE / Math.max(height, width);
  const photo = picture(height, width, shown * width);
  photo.paint((row, column) => Array(3).fill(255 * image[row][column]));
  const marks = createElement("canvas", {
    class: "course-marks",
    width: Math.round(2 * shown * width),
    height: Math.round(2 * shown * height),
  });
  photo.frame.append(marks);
  const context = contextOf(marks);
  const placeBrush = marker(photo.frame);
  view.draggable(photo.frame, (y, x, state) =>
    paint(state, Math.floor(y * height), Math.floor(x * width)),
  );
  view.stage.append(createTitle(`photograph ${height} × ${width}`), photo.frame);
  /** @type {Mark[] | undefined} */
  let latest;
  /** @param {State} state */
  return ({ painted, row, column, width: brush }) => {
    placeBrush(
      (row - (brush - 1) / 2) / height,
      (column - (brush - 1) / 2) / width,
      brush / height,
      brush / width,
    );
    if (latest === painted) return;
    latest = painted;
    context.clearRect(0, 0, marks.width, marks.height);
    for (const mark of painted) drawMark(context, mark, 2 * shown);
  };
}

/**
 * @param {HTMLElement} panel
 * @param {State} state
 */
function mapPanel(panel, { image }) {
  const [height, width] = matrixSize(image);
  const response = picture(height, width, (PICTURE * width) / Math.max(height, width));
  const bar = createElement("span", { "aria-hidden": "true" });
  const scale = createElement("div", { class: "course-scale" }, "−1", bar, "+1");
  panel.append(createTitle("what the kernel answers"), response.frame, scale);
  /** @type {Float64Array | undefined} */
  let latest;
  /** @param {State} state */
  return ({ painted, size }) => {
    const { map } = solution(painted, size, image);
    if (latest === map) return;
    latest = map;
    response.paint((row, column) => mixColors(PUOR, (map[row * width + column] + 1) / 2));
  };
}

/** @param {HTMLElement} panel */
function kernelPanel(panel) {
  /** @type {import("./drawing.mjs").NumberTable | undefined} */
  let table;
  let latest = 0;
  const fit = createElement("div", { class: "course-total" });
  /** @param {Numbers} numbers */
  return ({ kernel, left_over }) => {
    if (latest !== kernel.length || !table) {
      latest = kernel.length;
      table = numberTable(latest, latest, Math.min(44, 140 / latest));
      panel.replaceChildren(createTitle("kernel"), table.svg, fit);
    }
    setText(fit, `${left_over === null ? "–" : formatNumber(100 * left_over, 0)} % left over`);
    const largest = Math.max(...kernel.flat().map(Math.abs));
    kernel.forEach((line, i) => {
      line.forEach((weight, j) => {
        table?.setCell(i, j, formatNumber(weight, 1), { fill: tint(weight, largest) });
      });
    });
  };
}

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  const [middle, right] = [0, 1].map(() => createElement("div", { class: "course-panel" }));
  const panels = createElement("div", { class: "course-panels" }, view.stage, middle, right);
  view.root.prepend(...controls(view), panels);
  const drawPhoto = photoPanel(view, view.read());
  const drawMap = mapPanel(right, view.read());
  const drawKernel = kernelPanel(middle);
  return (state, numbers) => {
    drawPhoto(state);
    drawMap(state);
    drawKernel(numbers);
  };
}

/** @type {Record<string, (state: State) => Partial<State>>} */
const KEYS = {
  " ": (state) => paint(state, state.row, state.column),
  Enter: (state) => paint(state, state.row, state.column),
  "+": () => ({ brush: "+" }),
  0: () => ({ brush: "0" }),
  "-": () => ({ brush: "-" }),
  e: () => ({ brush: "erase" }),
};

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "paint_kernel",
  traits: ["image", "examples", "painted", "brush", "width", "size", "row", "column"],
  large: ["image", "examples"],
  choices: CHOICES,
  label:
    "Photograph to paint on. Arrow keys move the brush, space paints; +, 0, − and e choose a brush.",
  numbers,
  summary,
  normalizeState,
  move: ({ row, column }, dRow, dColumn) => ({ row: row + dRow, column: column + dColumn }),
  keys: KEYS,
  build,
};

export default courseFigure(figure);
