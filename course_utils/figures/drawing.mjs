// What the figures draw with: elements, numbers in words, colours, tables and pictures.

const SVG = "http://www.w3.org/2000/svg";
export const MINUS = "\u2212";

/** @typedef {Record<string, string | number>} Attributes */
/** @typedef {[number, number, number]} Rgb  0 to 255 */

/**
 * createElement("div", {class: "a"}, child, "text", …).
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function createElement(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/**
 * The same for a part of a drawing: createSvg("rect", {…}).
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} attributes
 * @param {...(Node | string)} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function createSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/**
 * @param {Element} element
 * @param {Attributes} attributes
 */
export function setAttributes(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
}

/** The heading of a part of the figure. */
export const createTitle = (text = "") => createElement("div", { class: "course-title" }, text);

/**
 * Write words into an element that shows others: touching the page is what costs time.
 * @param {Element} element
 * @param {string} words
 */
export function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/**
 * A number as people write it: a true minus sign, at most `digits` decimals.
 * @param {number} value
 */
export function formatNumber(value, digits = 2) {
  return String(Number(value.toFixed(digits))).replace("-", MINUS);
}

/**
 * A number with exactly `digits` decimals and a true minus sign.
 * @param {number} value
 */
export function formatFixed(value, digits = 2) {
  return value.toFixed(digits).replace("-", MINUS);
}

/**
 * A factor inside a sum: negative numbers in brackets.
 * @param {number} value
 */
export function formatFactor(value, digits = 2) {
  return value < 0 ? `(${formatNumber(value, digits)})` : formatNumber(value, digits);
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** @param {Iterable<number>} values */
export function sum(values) {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/**
 * The largest magnitude.
 * @param {number[]} values
 */
export const largestOf = (values) =>
  values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);

/**
 * (rows, columns) of a matrix.
 * @param {unknown[][]} matrix
 * @returns {[number, number]}
 */
export const matrixSize = (matrix) => [matrix.length, matrix[0].length];

/**
 * (rows, columns) matrix of the values that a function gives for each place.
 * @template Value
 * @param {number} rows
 * @param {number} columns
 * @param {(row: number, column: number) => Value} valueAt
 */
export const makeMatrix = (rows, columns, valueAt) =>
  Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => valueAt(row, column)),
  );

/**
 * A function of an object and a key, and of more if wanted, that computes each value once. What
 * comes after the key must follow from object and key.
 * @template {WeakKey} Owner
 * @template {string | number} Key
 * @template {unknown[]} More
 * @template Value
 * @param {(object: Owner, key: Key, ...more: More) => Value} compute
 * @returns {(object: Owner, key: Key, ...more: More) => Value}
 */
export function memoize(compute) {
  /** @type {WeakMap<Owner, Map<Key, Value>>} */
  const known = new WeakMap();
  return (object, key, ...more) => {
    const values = known.get(object) ?? new Map();
    known.set(object, values);
    if (!values.has(key)) values.set(key, compute(object, key, ...more));
    return values.get(key);
  };
}

// ----------------------------------------------------------------------------------------- colours

/**
 * Purple above 0, orange below, as in PuOr; the number beside it carries the sign.
 * @param {number} value
 * @param {number} largest
 */
export function tint(value, largest) {
  const strength = largest > 0 ? 0.65 * Math.min(1, Math.abs(value) / largest) : 0;
  return `rgb(${value < 0 ? "224 130 20" : "128 100 200"} / ${strength.toFixed(3)})`;
}

// matplotlib's cividis at ten places, from its lowest to its highest colour.
/** @type {Rgb[]} */
// biome-ignore format: a table of colours
const CIVIDIS = [
  [0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115],
  [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56],
];

// ColorBrewer's PuOr, from its lowest to its highest colour.
/** @type {import("./drawing.mjs").Rgb[]} */
// biome-ignore format: a table of colours
export const PUOR = [
  [127, 59, 8], [179, 88, 6], [224, 130, 20], [253, 184, 99], [254, 224, 182], [247, 247, 247],
  [216, 218, 235], [178, 171, 210], [128, 115, 172], [84, 39, 136], [45, 0, 75],
];

/**
 * Colour of a value in 0 … 1.
 * @param {number} value
 */
export const cividis = (value) => mixColors(CIVIDIS, value);

/**
 * Colour at a place, from 0 to 1, of a scale that is given at equal distances.
 * @param {Rgb[]} colors
 * @param {number} place
 * @returns {Rgb}
 */
export function mixColors(colors, place) {
  const at = clamp(place, 0, 1) * (colors.length - 1);
  const low = Math.min(Math.floor(at), colors.length - 2);
  const [from, to] = [colors[low], colors[low + 1]];
  /** @param {0 | 1 | 2} i */
  const mix = (i) => from[i] + (to[i] - from[i]) * (at - low);
  return [mix(0), mix(1), mix(2)];
}

/**
 * Colours as the numbers that a Uint32Array over a canvas's pixels wants.
 * @param {number} count
 * @param {(index: number) => Rgb} colorAt
 */
export function packColors(count, colorAt) {
  const parts = Array.from({ length: count }, (_, index) => [...colorAt(index), 255]);
  return new Uint32Array(new Uint8ClampedArray(parts.flat()).buffer);
}

// ------------------------------------------------------------------------------ tables and pictures

/**
 * @typedef {object} CellLook
 * @property {string} [above]  a small note above the number
 * @property {string} [below]
 * @property {string} [kind]   the cell's class
 * @property {string} [fill]
 */

/**
 * @typedef {object} NumberTable
 * @property {SVGSVGElement} svg
 * @property {(row: number, column: number, words: string, look?: CellLook) => void} setCell
 * @property {(row: number, column: number, rows: number, columns: number) => void} setOutline
 *   frames a part of the table
 */

/**
 * A table of numbers whose cells are `side` CSS pixels wide, and as tall unless `tall` says less.
 * @param {number} rows
 * @param {number} columns
 * @param {number} side
 * @param {string} [className]
 * @param {number} [tall]
 * @returns {NumberTable}
 */
export function numberTable(rows, columns, side, className = "", tall = side) {
  const [width, height] = [columns * side + 4, rows * tall + 4];
  const svg = createSvg("svg", {
    viewBox: `-2 -2 ${width} ${height}`,
    style: `width:${width}px`,
    class: `course-table ${className}`,
    "aria-hidden": "true",
  });
  const cells = Array.from({ length: rows * columns }, (_, at) =>
    tableCell((at % columns) * side, Math.floor(at / columns) * tall, side, tall),
  );
  for (const { elements } of cells) svg.append(...elements);
  const frame = createSvg("rect", { class: "course-outline" });
  svg.append(frame);
  return {
    svg,
    setCell: (row, column, words, look) => cells[row * columns + column].write(words, look),
    setOutline(row, column, down, across) {
      const [x, y] = [column * side, row * tall];
      setAttributes(frame, { x, y, width: across * side, height: down * tall });
    },
  };
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} side
 * @param {number} tall
 */
function tableCell(x, y, side, tall) {
  const box = createSvg("rect", { x, y, width: side, height: tall });
  const [text, over, under] = [0.52, 0.18, 0.84].map((part) =>
    createSvg("text", { x: x + side / 2, y: y + part * tall }),
  );
  /** @param {string} note */
  const noteSize = ({ length }) => `${side * (length > 6 ? 0.19 : length > 4 ? 0.21 : 0.26)}px`;
  let content = "";
  /**
   * @param {string} words
   * @param {CellLook} [look]
   */
  const write = (words, { above = "", below = "", kind = "", fill = "" } = {}) => {
    const next = [words, above, below, kind, fill].join("|");
    if (content === next) return;
    content = next;
    const share = (above ? 0.8 : 1) * (words.length > 4 ? 0.3 : words.length > 3 ? 0.36 : 0.42);
    text.style.fontSize = `${side * share}px`;
    text.textContent = words;
    over.textContent = above;
    under.textContent = below;
    over.style.fontSize = noteSize(above);
    under.style.fontSize = noteSize(below);
    box.setAttribute("class", kind);
    text.setAttribute("class", kind);
    box.style.fill = fill;
  };
  return { elements: [box, text, over, under], write };
}

/**
 * The drawing surface of a canvas.
 * @param {HTMLCanvasElement} canvas
 */
export function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser draws no canvas.");
  return context;
}

/**
 * A frame of `width` (CSS) around pictures and what lies over them.
 * @param {string} width
 * @param {...(Node | string)} children
 */
export const pictureFrame = (width, ...children) =>
  createElement("div", { class: "course-picture-frame", style: `width:${width}` }, ...children);

/**
 * A picture of rows × columns pixels, `width` CSS pixels wide, that paint(colorAt) fills.
 * @param {number} rows
 * @param {number} columns
 * @param {number} width
 */
export function picture(rows, columns, width) {
  const canvas = createElement("canvas", {
    width: columns,
    height: rows,
    style: `width:${width}px`,
  });
  const context = contextOf(canvas);
  /** @param {(row: number, column: number) => ArrayLike<number>} colorAt  [r, g, b] */
  const paint = (colorAt) => {
    const pixels = context.createImageData(columns, rows);
    for (let row = 0, i = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, i += 4) {
        pixels.data.set(colorAt(row, column), i);
        pixels.data[i + 3] = 255;
      }
    }
    context.putImageData(pixels, 0, 0);
  };
  return { canvas, paint, frame: pictureFrame(`${width}px`, canvas) };
}

/**
 * An outline over a picture, black and white so that it shows on anything. The function it returns
 * places it, in fractions of the picture.
 * @param {Element} frame
 */
export function marker(frame) {
  const outline = createElement("div", { class: "course-marker" });
  frame.append(outline);
  /**
   * @param {number} top
   * @param {number} left
   * @param {number} height
   * @param {number} width
   */
  return (top, left, height, width) => {
    Object.assign(outline.style, {
      top: `${100 * top}%`,
      left: `${100 * left}%`,
      height: `${100 * height}%`,
      width: `${100 * width}%`,
    });
  };
}
