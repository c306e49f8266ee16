// What the latent space shows: the map of all codes, and two ways of blending two images.

import {
  clamp,
  contextOf,
  createElement,
  createSvg,
  createTitle,
  formatNumber,
  marker,
  pictureFrame,
  setText,
} from "./drawing.mjs";
import {
  addAmounts,
  codeOf,
  codePlaces,
  currentCode,
  decode,
  fadeImages,
  imageOf,
  imagePlaces,
  imageShape,
  interpolate,
  latest,
} from "./latent_code.mjs";
import { sizeOf } from "./network.mjs";

/** @typedef {import("./latent_code.mjs").State} State */
/** @typedef {import("./latent_code.mjs").Numbers} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const FRAMES = 7; // of a blend, with both ends
const GAP = 2; // pixels between two frames
const [MAP, REACH, THUMB] = [300, 3.2, 26]; // CSS pixels, standard deviations, CSS pixels

/**
 * @param {State} state
 * @param {number} k
 */
export const directionName = ({ shares }, k) =>
  `${k + 1} (${formatNumber(100 * shares[k], 0)} % of the spread)`;

// --------------------------------------------------------------------------------------------- map

/**
 * Where a place lies on the map, in its units.
 * @param {number} place  in standard deviations
 */
const onMap = (place) => ((clamp(place, -REACH, REACH) + REACH) / (2 * REACH)) * MAP;

/**
 * (x, y) on the map of a code's places.
 * @param {State} state
 * @param {ArrayLike<number>} places
 * @returns {[number, number]}
 */
const pointOf = ({ horizontal, vertical }, places) => [
  onMap(places[horizontal - 1]),
  MAP - onMap(places[vertical - 1]),
];

/**
 * @param {string} kind
 * @param {[number, number]} start
 * @param {[number, number]} end
 */
const line = (kind, [x1, y1], [x2, y2]) => createSvg("line", { class: kind, x1, y1, x2, y2 });

/**
 * @param {string} words
 * @param {[number, number]} point
 */
const letter = (words, [x, y]) =>
  createSvg("text", { x: clamp(x, 12, MAP - 12), y: clamp(y, 12, MAP - 12) }, words);

/**
 * The two codes, the way between them, and where the present one lies.
 * @param {SVGSVGElement} svg
 * @param {State} state
 * @param {number[]} places
 */
function drawVectors(svg, state, places) {
  const { codes, a, b, blend } = state;
  const [start, end] = [a, b].map((image) => imagePlaces(codes, image, state));
  const [from, to] = [pointOf(state, start), pointOf(state, end)];
  const base = pointOf(state, interpolate(start, end, blend));
  const [cx, cy] = pointOf(state, places);
  svg.replaceChildren(
    line("course-axis", [0, MAP / 2], [MAP, MAP / 2]),
    line("course-axis", [MAP / 2, 0], [MAP / 2, MAP]),
    line("", from, to),
    line("course-path", base, [cx, cy]),
    letter("A", from),
    letter("B", to),
    createSvg("circle", { cx, cy, r: 9, class: "course-halo" }),
    createSvg("circle", { cx, cy, r: 9 }),
  );
}

/**
 * Every image at its place; the first lies on top.
 * @param {HTMLCanvasElement} sheet
 * @param {State} state
 */
function drawThumbs(sheet, state) {
  const context = contextOf(sheet);
  const { canvas, show } = film(state, 1);
  const [, height, width] = imageShape(state);
  context.clearRect(0, 0, sheet.width, sheet.height);
  context.imageSmoothingEnabled = false;
  const [wide, tall] = [2 * THUMB, (2 * THUMB * height) / width]; // two canvas pixels for each of CSS
  for (let i = state.images.shape[0] - 1; i >= 0; i--) {
    const [x, y] = pointOf(state, imagePlaces(state.codes, i, state));
    show(0, imageOf(state.images, i));
    context.drawImage(canvas, 2 * x - wide / 2, 2 * y - tall / 2, wide, tall);
  }
}

/**
 * The map of all codes; draw(state, places) brings it up to date.
 * @param {View} view
 */
export function codeMap(view) {
  const sheet = createElement("canvas", { width: 2 * MAP, height: 2 * MAP });
  const vectors = createSvg("svg", { viewBox: `0 0 ${MAP} ${MAP}`, "aria-hidden": "true" });
  const frame = pictureFrame(`${MAP}px`, sheet, vectors);
  const note = createElement("p", { class: "course-note" });
  const title = createTitle("codes of all images");
  view.draggable(frame, (y, x, state) => {
    const here = codePlaces(state, currentCode(state));
    const [across, up] = [state.horizontal - 1, state.vertical - 1];
    const right = (2 * x - 1) * REACH - here[across];
    const upward = (1 - 2 * y) * REACH - here[up];
    return { amounts: addAmounts(state.amounts, { [across]: right, [up]: upward }) };
  });
  let drawn = "";
  /**
   * @param {State} state
   * @param {number[]} places
   */
  const draw = (state, places) => {
    const { horizontal, vertical } = state;
    if (drawn !== `${horizontal} ${vertical}`) {
      drawThumbs(sheet, state);
      const axes = `→ direction ${directionName(state, horizontal - 1)}, ↑ direction ${directionName(state, vertical - 1)}`;
      setText(note, `${axes}; each side is ${formatNumber(2 * REACH, 1)} σ long`);
    }
    drawn = `${horizontal} ${vertical}`;
    drawVectors(vectors, state, places);
  };
  return { box: createElement("div", { class: "course-map" }, title, frame, note), draw };
}

// ---------------------------------------------------------------------------------------- pictures

/**
 * A canvas of several images side by side; show(at, values) paints one.
 * @param {State} state
 * @param {number} frames
 */
function film(state, frames) {
  const [channels, height, width] = imageShape(state);
  const size = { width: frames * (width + GAP) - GAP, height };
  const canvas = createElement("canvas", size);
  const context = contextOf(canvas);
  const pixels = context.createImageData(width, height);
  const plane = sizeOf([height, width]);
  /**
   * @param {number} at
   * @param {Float64Array} values  (channels, height, width), 0 to 1
   */
  const show = (at, values) => {
    for (let i = 0; i < plane; i++) {
      for (let part = 0; part < 3; part++) {
        pixels.data[4 * i + part] = 255 * values[(channels === 3 ? part : 0) * plane + i];
      }
      pixels.data[4 * i + 3] = 255;
    }
    context.putImageData(pixels, at * (width + GAP), 0);
  };
  return { canvas, show, frame: pictureFrame("100%", canvas) };
}

/**
 * A strip from A to B; dragging along it chooses the blend. place(blend) marks the present one.
 * @param {View} view
 * @param {State} state
 */
function blendStrip(view, state) {
  const { show, frame } = film(state, FRAMES);
  const placeMarker = marker(frame);
  view.draggable(frame, (_, x) => {
    const share = clamp((x * FRAMES - 0.5) / (FRAMES - 1), 0, 1);
    return { blend: Math.round(100 * share) };
  });
  const width = imageShape(state)[2];
  const total = FRAMES * (width + GAP) - GAP;
  /** @param {number} blend */
  const place = (blend) => {
    const left = (blend / 100) * (FRAMES - 1) * (width + GAP);
    placeMarker(0, left / total, 1, width / total);
  };
  return { show, frame, place };
}

/**
 * Both ways of blending A and B, alone and as strips.
 * @param {View} view
 * @param {State} first
 */
export function blendPictures(view, first) {
  const [decoded, faded] = [film(first, 1), film(first, 1)];
  const [upper, lower] = [blendStrip(view, first), blendStrip(view, first)];
  const notes = [0, 1].map(() => createElement("p", { class: "course-note" }));
  /** @type {(kind: string, words: string, ...parts: Node[]) => HTMLElement} */
  const block = (kind, words, ...parts) =>
    createElement("div", kind ? { class: kind } : {}, createTitle(words), ...parts);
  const box = createElement(
    "div",
    { class: "course-blends" },
    block("", "decoded from the code", decoded.frame, notes[0]),
    block("", "pixels of A and B blended", faded.frame, notes[1]),
    block("course-wide", "A to B: codes blended, then decoded", upper.frame),
    block("course-wide", "A to B: pixels blended", lower.frame),
  );
  let drawn = "";
  /**
   * @param {State} state
   * @param {Numbers} numbers
   */
  const draw = (state, { apart, errors }) => {
    const { a, b, blend } = state;
    decoded.show(0, latest.decoded);
    faded.show(0, latest.faded);
    if (drawn !== `${a} ${b}`) drawStrips(state, upper, lower);
    drawn = `${a} ${b}`;
    for (const strip of [upper, lower]) strip.place(blend);
    const [errorA, errorB] = errors.map((error) => error.toFixed(3));
    setText(notes[0], `A comes back with an error of ${errorA}, B of ${errorB}`);
    setText(notes[1], `${apart.toFixed(3)} from the decoded picture`);
  };
  return { box, draw };
}

/**
 * @param {State} state
 * @param {ReturnType<typeof blendStrip>} upper
 * @param {ReturnType<typeof blendStrip>} lower
 */
function drawStrips(state, upper, lower) {
  const { codes, a, b } = state;
  for (let frame = 0; frame < FRAMES; frame++) {
    const blend = (100 * frame) / (FRAMES - 1);
    upper.show(frame, decode(state, interpolate(codeOf(codes, a), codeOf(codes, b), blend)));
    lower.show(frame, fadeImages(state, blend));
  }
}
