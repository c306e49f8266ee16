import { courseFigure } from "./base.mjs";
import {
  clamp,
  createElement,
  createTitle,
  formatNumber,
  marker,
  numberTable,
  picture,
  setText,
} from "./drawing.mjs";

/**
 * @typedef {object} State
 * @property {number[][][]} image  (3, H, W), 0 to 255
 * @property {number} channel
 * @property {number} row
 * @property {number} column
 */
/** @typedef {ReturnType<typeof numbers>} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const CHANNELS = ["red", "green", "blue"];
const NEAR = 5; // side of the table of neighbours

/** @param {Pick<State, "image">} state */
const shapeOf = ({ image }) => [image.length, image[0].length, image[0][0].length];

/** @param {State} state */
function numbers({ image, channel, row, column }) {
  const [channels, height, width] = shapeOf({ image });
  return {
    position: [channel, row, column],
    value: image[channel][row][column],
    scaled: image[channel][row][column] / 255,
    planes: image.map((plane) => plane[row][column]),
    strides_nchw: [channels * height * width, height * width, width, 1],
    index_nchw: channel * height * width + row * width + column,
    strides_hwc: [width * channels, channels, 1],
    index_hwc: row * width * channels + column * channels + channel,
  };
}

/** @param {View} view */
function planeControls(view) {
  return CHANNELS.map((name, channel) => {
    const radio = createElement("input", {
      type: "radio",
      name: `channel-${Math.random()}`,
      "aria-label": `channel ${channel}, ${name}`,
      "data-lm-suppress-shortcuts": "true",
    });
    view.listen(radio, "change", () => view.set({ channel }));
    const value = createElement("output");
    const title = createElement("label", { class: "course-title" }, radio, `${channel} ${name}`);
    const box = createElement("div", { class: "course-plane" });
    return { box, radio, value, title };
  });
}

/**
 * The image and its three planes on canvases; returns what places the four markers.
 * @param {View} view
 * @param {HTMLElement} whole
 * @param {ReturnType<typeof planeControls>} planes
 * @param {number[][][]} image
 */
function paintImage(view, whole, planes, image) {
  const [, height, width] = shapeOf({ image });
  /** @type {(y: number, x: number) => {row: number, column: number}} */
  const placeAt = (y, x) => ({ row: Math.floor(y * height), column: Math.floor(x * width) });
  const big = picture(height, width, 256);
  big.paint((row, column) => image.map((plane) => plane[row][column]));
  view.draggable(big.frame, placeAt);
  whole.replaceChildren(createTitle(`image (3, ${height}, ${width})`), big.frame);
  const markers = [marker(big.frame)];
  planes.forEach(({ box, title, value }, channel) => {
    const small = picture(height, width, 104);
    small.paint((row, column) => Array(3).fill(image[channel][row][column]));
    view.draggable(small.frame, (y, x) => ({ channel, ...placeAt(y, x) }));
    box.replaceChildren(title, small.frame, value);
    markers.push(marker(small.frame));
  });
  return markers;
}

/** The numbers around the pixel. */
function neighborTable() {
  const table = numberTable(NEAR, NEAR, 34);
  const title = createTitle();
  /** @param {State} state */
  const draw = ({ image, channel, row, column }) => {
    const [, height, width] = shapeOf({ image });
    const top = clamp(row - 2, 0, Math.max(0, height - NEAR));
    const left = clamp(column - 2, 0, Math.max(0, width - NEAR));
    for (let i = 0; i < NEAR; i++) {
      for (let j = 0; j < NEAR; j++) {
        table.setCell(i, j, String(image[channel][top + i]?.[left + j] ?? ""));
      }
    }
    table.setOutline(row - top, column - left, 1, 1);
    const [bottom, right] = [Math.min(top + NEAR, height) - 1, Math.min(left + NEAR, width) - 1];
    setText(title, `rows ${top}–${bottom}, columns ${left}–${right}`);
  };
  return { box: createElement("div", {}, title, table.svg), draw };
}

/**
 * Value and index, with the sums that give them.
 * @param {State} state
 * @param {Numbers} numbers
 */
function factLines({ channel, row, column }, numbers) {
  const [perImage, perChannel, perRow] = numbers.strides_nchw;
  const [perRowLast, perColumnLast] = numbers.strides_hwc;
  const scaled = createElement("small", {}, ` / 255 = ${formatNumber(numbers.scaled, 4)}`);
  /** @type {(terms: string, index: number) => HTMLElement} */
  const equation = (terms, index) =>
    createElement("code", {}, `${terms} = `, createElement("b", {}, `${index}`));
  return [
    createElement("span", {}, "value"),
    createElement("code", {}, `${numbers.value}`, scaled),
    createElement("span", {}, "in (N, C, H, W)"),
    equation(
      `0·${perImage} + ${channel}·${perChannel} + ${row}·${perRow} + ${column}·1`,
      numbers.index_nchw,
    ),
    createElement("span", {}, "in (H, W, C)"),
    equation(`${row}·${perRowLast} + ${column}·${perColumnLast} + ${channel}·1`, numbers.index_hwc),
  ];
}

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  view.root.classList.add("course-pixels");
  const whole = createElement("div", { class: "course-whole" });
  const planes = planeControls(view);
  const facts = createElement("div", { class: "course-facts" });
  const near = neighborTable();
  const boxes = planes.map(({ box }) => box);
  const row = createElement("div", { class: "course-row" }, ...boxes, near.box);
  view.stage.append(whole, createElement("div", { class: "course-side" }, row, facts));

  /** @type {number[][][] | undefined} */
  let painted;
  /** @type {ReturnType<typeof paintImage>} */
  let markers = [];
  return (state, numbers) => {
    if (state.image !== painted) markers = paintImage(view, whole, planes, state.image);
    painted = state.image;
    const [, height, width] = shapeOf(state);
    for (const place of markers) {
      place(state.row / height, state.column / width, 1 / height, 1 / width);
    }
    planes.forEach(({ box, radio, value }, index) => {
      radio.checked = index === state.channel;
      box.classList.toggle("course-chosen", index === state.channel);
      setText(value, String(numbers.planes[index]));
    });
    near.draw(state);
    facts.replaceChildren(...factLines(state, numbers));
  };
}

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "pixel_picker",
  traits: ["image", "channel", "row", "column"],
  large: ["image"],
  label: "Image and its three planes. Arrow keys move the pixel; 0, 1 and 2 choose the channel.",
  numbers,
  build,

  summary({ channel, row, column }, { value, index_nchw }) {
    const where = `Channel ${channel} (${CHANNELS[channel]}), row ${row}, column ${column}`;
    return `${where}: value ${value}, number ${index_nchw} of the flat vector.`;
  },

  normalizeState(next) {
    const [channels, height, width] = shapeOf(next);
    return {
      ...next,
      channel: clamp(next.channel, 0, channels - 1),
      row: clamp(next.row, 0, height - 1),
      column: clamp(next.column, 0, width - 1),
    };
  },

  move: ({ row, column }, dRow, dColumn) => ({ row: row + dRow, column: column + dColumn }),
  keys: { 0: () => ({ channel: 0 }), 1: () => ({ channel: 1 }), 2: () => ({ channel: 2 }) },
};

export default courseFigure(figure);
