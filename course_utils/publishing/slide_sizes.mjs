/**
 * How large things are on a slide: figures fill it, and what is pictured and drawn is as large as its
 * smallest text has to be.
 */

export const SMALLEST_PICTURE = 0.55; // of the size where its text can be read, on a crowded slide
const LARGEST_PICTURE = 1.8;
const LARGEST_TEXT = 1.3; // where a slide says little
const LARGEST_FIGURE = 3;
const SMALLEST_FIGURE = 0.7; // where it shows pictures; a figure of numbers only may shrink
const SMALLEST_NUMBERS = 0.3; // for its drawings and its text do not
const WIDEST_DRAWING = 0.55; // of a slide's width, where its text would make it larger
const BREVITY = ["", "no-notes", "no-words"]; // what a figure leaves out where it does not fit
const LEAST_TEXT = 22; // in a figure or a picture, in pixels of a slide
const ROUNDED = 1.02; // a drawing's width is known in whole pixels only

/**
 * The zoom at which a picture's smallest text can be read; 1 where it says nothing of it.
 *
 * @param {HTMLElement} picture
 */
export const readableZoom = (picture) => LEAST_TEXT / (Number(picture.dataset.text) || LEAST_TEXT);

/** @param {SVGSVGElement} svg How many of a figure's pixels are one unit of a drawing. */
const pixelsOfUnit = (svg) => {
  const width = svg.viewBox.baseVal?.width;
  return width ? svg.clientWidth / width : 1;
};

/**
 * Make a figure as large as told, with no text smaller than LEAST_TEXT.
 *
 * Text that is drawn grows with its drawing, the rest by a property that the figures' sheets read.
 *
 * @param {HTMLElement} figure
 * @param {number} size Of everything else.
 * @param {number} width Of the slide, in pixels.
 */
const sizeFigure = (figure, size, width) => {
  figure.style.zoom = String(size);
  figure.style.width = `${width / size}px`;
  figure.style.setProperty("--least-text", `${LEAST_TEXT / size}px`);
  for (const svg of figure.querySelectorAll("svg")) {
    svg.style.zoom = "1";
    const leastDrawn = (ROUNDED * LEAST_TEXT) / size / pixelsOfUnit(svg);
    svg.style.setProperty("--least-drawn", `${leastDrawn}px`); // read where text may grow by itself
    const heights = [...svg.querySelectorAll("text")]
      .filter((text) => /[\p{L}\p{N}]/u.test(text.textContent ?? "") && text.checkVisibility())
      .map((text) => parseFloat(getComputedStyle(text).fontSize));
    const wanted = leastDrawn / Math.min(Infinity, ...heights);
    const widest = (WIDEST_DRAWING * width) / (svg.clientWidth * size);
    svg.style.zoom = String(Math.max(1, Math.min(wanted, widest)));
  }
};

/**
 * @param {HTMLElement} figure
 * @returns {HTMLElement[]} Around what it pictures.
 */
const framesOf = (figure) =>
  /** @type {HTMLElement[]} */ ([...figure.querySelectorAll(".course-picture-frame")]);

/**
 * Let what a figure pictures grow as far as its numbers leave room: all alike, then kind by kind.
 *
 * @param {HTMLElement} figure
 * @param {() => boolean} fits
 */
const growPictures = (figure, fits) => {
  const frames = framesOf(figure);
  const widths = new Set(frames.map((frame) => frame.style.width));
  const kinds = [...widths].map((wide) => frames.filter((frame) => frame.style.width === wide));
  for (const group of [frames, ...kinds]) {
    const before = Number(group[0]?.style.zoom || 1);
    for (let zoom = LARGEST_FIGURE; zoom > before; zoom -= 0.1) {
      for (const frame of group) frame.style.zoom = String(zoom);
      if (fits()) break;
      for (const frame of group) frame.style.zoom = String(before);
    }
  }
};

/**
 * Make a figure as large as fits; at need without its small print, and without its line of words.
 *
 * @param {HTMLElement} figure
 * @param {number} width Of the slide, in pixels.
 * @param {() => boolean} fits
 */
const fillWithFigure = (figure, width, fits) => {
  const smallest = figure.querySelector("canvas") ? SMALLEST_FIGURE : SMALLEST_NUMBERS;
  for (const frame of framesOf(figure)) frame.style.zoom = "";
  const sizes = [...BREVITY.map((brief) => ({ brief, from: LARGEST_FIGURE, to: smallest }))];
  sizes.push({ brief: BREVITY[BREVITY.length - 1], from: smallest, to: SMALLEST_NUMBERS });
  for (const { brief, from, to } of sizes) {
    figure.dataset.brief = brief;
    for (let size = from; size > to - 0.01; size -= 0.05) {
      sizeFigure(figure, size, width);
      if (fits()) return growPictures(figure, fits);
    }
  }
};

/**
 * Let a figure fill its slide; let pictures give way or grow, and text grow where there is room.
 *
 * @param {HTMLElement} content
 * @param {number} width In pixels, as `room`.
 * @param {number} room
 * @param {number} scale Of the whole deck on this screen.
 */
export const fillPage = (content, width, room, scale) => {
  const figure = /** @type {HTMLElement | null} */ (content.querySelector(".course-figure"));
  const pictures = [...content.querySelectorAll("img")];
  content.style.zoom = "1";
  const lines = [...content.querySelectorAll("pre")];
  const wide = [...content.querySelectorAll("mjx-container > svg, table")];
  const unbroken = lines.map((line) => line.offsetHeight);
  const fits = () =>
    content.getBoundingClientRect().height / scale <= room &&
    lines.every((line, index) => line.offsetHeight <= unbroken[index] + 1) &&
    wide.every((part) => part.getBoundingClientRect().width / scale <= width) &&
    (!figure || figure.scrollWidth <= figure.clientWidth + 1);
  /**
   * @param {HTMLElement[]} parts
   * @param {number} from
   * @param {number} to
   */
  const shrink = (parts, from, to) => {
    for (let size = from; size > to - 0.01; size -= 0.05) {
      for (const part of parts) part.style.zoom = String(size * readableZoom(part));
      if (fits()) return;
    }
  };
  if (figure) return fillWithFigure(figure, width, fits);
  shrink(pictures, LARGEST_PICTURE, SMALLEST_PICTURE);
  shrink([content], LARGEST_TEXT, 1);
};
