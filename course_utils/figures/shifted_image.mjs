import { courseFigure } from "./base.mjs";
import { clamp, createElement, createTitle, marker, picture, setText } from "./drawing.mjs";
import { allOutputs, mappedNetwork, mapStages, numbers } from "./shifted_numbers.mjs";
import { mapsPanel, unitPanel } from "./shifted_panels.mjs";

/** @typedef {import("./shifted_numbers.mjs").State} State */
/** @typedef {import("./shifted_numbers.mjs").Numbers} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const FILLS = ["edge", "wrap", "black"]; // as in shifted_image.py
const PICTURE = 192; // width of the image, in CSS pixels

// ---------------------------------------------------------------------------------------- in words

/** @param {number} share */
const formatPercent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;

/** @param {number[]} shares */
const winnerOf = (shares) => shares.indexOf(Math.max(...shares));

/**
 * "3 right and 1 up"; nothing where the image is not shifted.
 * @param {State} state
 */
function shiftInWords({ dy, dx }) {
  /** @type {(count: number, more: string, less: string) => string} */
  const way = (count, more, less) => (count ? `${Math.abs(count)} ${count > 0 ? more : less}` : "");
  return [way(dx, "right", "left"), way(dy, "down", "up")].filter(Boolean).join(" and ");
}

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary(state, { probabilities }) {
  const { classes, labels, image } = state;
  const label = labels[image];
  const parts = Object.entries(probabilities).map(([name, shares]) => {
    const guess = winnerOf(shares);
    const wrong = `wrong, ${classes[label]} ${formatPercent(shares[label])}`;
    const verdict = guess === label ? "right" : wrong;
    return `${name}: ${classes[guess]} ${formatPercent(shares[guess])}, ${verdict}.`;
  });
  const shift = shiftInWords(state);
  const where = shift ? `shifted ${shift}` : "not shifted";
  return `This is “${classes[label]}”, ${where}. ${parts.join(" ")}`;
}

// ------------------------------------------------------------------------------------------- state

/** @param {State} next */
function normalizeState(next) {
  const [count, , height, width] = next.images.shape;
  const [high, wide] = [Math.floor(height / 2), Math.floor(width / 2)];
  const { name, layers } = mappedNetwork(next);
  const stages = mapStages(layers);
  if (!(next.stage in stages)) {
    throw new Error(`Refused: stage ${next.stage} is none of ${Object.keys(stages).join(", ")}.`);
  }
  const at = stages[next.stage];
  const shown = {
    ...next,
    image: clamp(next.image, 0, count - 1),
    dy: clamp(next.dy, -high, high),
    dx: clamp(next.dx, -wide, wide),
  };
  const results = allOutputs(shown)[name];
  const [channels, rows, columns] = results[at + 1].shape;
  const parts = layers[at].kind === "relu" ? results[at - 1].shape[0] : 1;
  return {
    ...shown,
    channel: clamp(next.channel, 0, channels - 1),
    row: clamp(next.row, 0, rows - 1),
    column: clamp(next.column, 0, columns - 1),
    part: clamp(next.part, 0, parts - 1),
  };
}

// ------------------------------------------------------------------------------------- the picture

/**
 * @param {View} view
 * @param {HTMLButtonElement} back
 */
function mainControls(view, back) {
  /** @type {(state: State, at: number) => string} */
  const imageName = ({ labels, classes }, at) => `${at}: ${classes[labels[at]]}`;
  return createElement(
    "div",
    { class: "course-controls" },
    view.select(
      "image",
      (state) => state.labels.map((_, at) => imageName(state, at)),
      (state) => imageName(state, state.image),
      (words) => ({ image: Number.parseInt(words, 10) }),
    ),
    view.select(
      "from outside comes",
      () => FILLS,
      ({ fill }) => fill,
      (fill) => ({ fill }),
    ),
    back,
  );
}

/** @param {View} view */
function backButton(view) {
  const button = view.button("Put back", () => ({ dy: 0, dx: 0 }));
  button.style.margin = "0";
  return button;
}

/**
 * The image, and where the unit looks.
 * @param {View} view
 */
function imagePanel(view) {
  const first = view.read();
  const [, channels, height, width] = first.images.shape;
  const { name } = mappedNetwork(first);
  const title = createTitle();
  const { frame, paint } = picture(height, width, PICTURE);
  const placeField = marker(frame);
  view.stage.append(title, frame);
  view.draggable(frame, (y, x, _, start) => ({
    dy: start.state.dy + Math.round((y - start.y) * height),
    dx: start.state.dx + Math.round((x - start.x) * width),
  }));
  /**
   * @param {State} state
   * @param {Numbers} numbers
   */
  return (state, { unit }) => {
    const { data } = allOutputs(state)[name][0];
    /** @type {(part: number, row: number, column: number) => number} */
    const valueAt = (part, row, column) =>
      255 * data[((part % channels) * height + row) * width + column];
    paint((row, column) => [0, 1, 2].map((part) => valueAt(part, row, column)));
    const [top, left] = unit.field.slice(0, 2).map((edge) => Math.max(0, edge));
    const [bottom, right] = [Math.min(height, unit.field[2]), Math.min(width, unit.field[3])];
    placeField(top / height, left / width, (bottom - top) / height, (right - left) / width);
    setText(title, shiftInWords(state) || "not shifted; drag it");
  };
}

/**
 * Both models' probabilities as bars.
 * @param {View} view
 */
function probabilityTable(view) {
  const { networks, classes } = view.read();
  const heads = networks.map(() => createElement("th", { scope: "col" }));
  const rows = classes.map((words) => probabilityRow(words, networks.length));
  const corner = createElement("td", { style: "width:18%" });
  const head = createElement("thead", {}, createElement("tr", {}, corner, ...heads));
  const body = createElement("tbody", {}, ...rows.map(({ line }) => line));
  /**
   * @param {State} state
   * @param {Numbers} numbers
   */
  const draw = (state, { probabilities }) => {
    const label = state.labels[state.image];
    networks.forEach(({ name }, at) => {
      const guess = winnerOf(probabilities[name]);
      const verdict = guess === label ? "right" : "wrong";
      setText(heads[at], `${name} says ${classes[guess]}: ${verdict}`);
    });
    const shares = networks.map(({ name }) => probabilities[name]);
    rows.forEach((row, index) => {
      row.draw(index, index === label, shares);
    });
  };
  const table = createElement("table", {}, head, body);
  return { box: createElement("div", { class: "course-bars" }, table), draw };
}

/**
 * The probabilities of one class.
 * @param {string} words
 * @param {number} count  of models
 */
function probabilityRow(words, count) {
  const name = createElement("th", { scope: "row" });
  const cells = Array.from({ length: count }, () => {
    const bar = createElement("span", { class: "course-bar" });
    const text = createElement("span");
    const share = createElement("div", { class: "course-share" }, bar, text);
    return { cell: createElement("td", {}, share), bar, text };
  });
  const line = createElement("tr", {}, name, ...cells.map(({ cell }) => cell));
  /**
   * @param {number} index  of the class
   * @param {boolean} isTrue
   * @param {number[][]} shares  of all classes, for every model
   */
  const draw = (index, isTrue, shares) => {
    cells.forEach(({ bar, text }, at) => {
      const share = shares[at][index];
      bar.style.width = `${(60 * share).toFixed(2)}%`;
      setText(text, `${formatPercent(share)}${index === winnerOf(shares[at]) ? " ◂" : ""}`);
    });
    line.classList.toggle("course-right", isTrue);
    setText(name, `${words}${isTrue ? " (true)" : ""}`);
  };
  return { line, draw };
}

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  view.root.classList.add("course-shift");
  const back = backButton(view);
  const controls = mainControls(view, back);
  const drawImage = imagePanel(view);
  const bars = probabilityTable(view);
  const maps = mapsPanel(view);
  const unit = unitPanel(view);
  const panels = createElement("div", { class: "course-panels" }, view.stage, bars.box);
  view.root.prepend(controls, panels);
  view.statusLine.after(maps.box, unit.box);
  return (state, numbers) => {
    drawImage(state, numbers);
    back.disabled = !shiftInWords(state);
    bars.draw(state, numbers);
    maps.draw(state);
    unit.draw(state, numbers.unit);
  };
}

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "shifted_image",
  traits: [
    "images",
    "labels",
    "classes",
    "networks",
    "image",
    "dy",
    "dx",
    "fill",
    "stage",
    "channel",
    "row",
    "column",
    "part",
  ],
  large: ["images", "labels", "classes", "networks"],
  choices: { fill: FILLS },
  label:
    "The image. Arrow keys shift it, Home puts it back, comma and full stop choose another image.",
  numbers,
  summary,
  normalizeState,
  move: ({ dy, dx }, dRow, dColumn) => ({ dy: dy + dRow, dx: dx + dColumn }),
  keys: {
    Home: () => ({ dy: 0, dx: 0 }),
    ".": ({ image, labels }) => ({ image: (image + 1) % labels.length }),
    ",": ({ image, labels }) => ({ image: (image + labels.length - 1) % labels.length }),
  },
  build,
};

export default courseFigure(figure);
