import { courseFigure } from "./base.mjs";
import {
  clamp,
  contextOf,
  createElement,
  createTitle,
  formatFixed,
  formatNumber,
  pictureFrame,
} from "./drawing.mjs";
import { psnrChart } from "./recovery_chart.mjs";
import {
  flatImage,
  numbers,
  PATTERNS,
  psnrAt,
  STRENGTHS,
  settingKey,
  shownSolution,
} from "./recovery_numbers.mjs";
import { NONE, PRIORS } from "./recovery_solvers.mjs";

/** @typedef {import("./recovery_numbers.mjs").State} State */
/** @typedef {import("./recovery_numbers.mjs").Numbers} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */
/** @typedef {[number, State]} Setting  with its place on a chart, from 0 to 1 */

const [LOW, HIGH, STRIDE] = [5, 95, 5]; // per cent at which the chart is filled in
const ZOOM = 3; // canvas pixels for each of the picture, so that a hatch shows
const [HATCH, HATCH_LINE] = [0xfff0d8b8, 0xffcc9058]; // light and dark blue, as ABGR
const PICTURE = 192; // CSS pixels
const WAIT = 250; // milliseconds without a change before the charts are filled in

// ---------------------------------------------------------------------------------------- in words

/** @param {number} value */
const formatDecibels = (value) => formatFixed(value, 1);

/** @param {number} value */
const formatWhole = (value) => new Intl.NumberFormat("en-GB").format(value);

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary({ image, prior, pattern, strength, noise }, { measured, psnr, psnr_none }) {
  const [random, , grid] = PATTERNS;
  const words = { [random]: "pixels, at random", [grid]: "pixels, on an even grid" };
  const kind = words[pattern] ?? "pixels, whole rows";
  const noisy = noise ? `, with noise of ${noise} grey levels` : "";
  const pixels = `${formatWhole(measured)} of ${formatWhole(image.length ** 2)} ${kind}${noisy}`;
  const reached = formatDecibels(psnr);
  if (prior === NONE) {
    return `Measured: ${pixels}. Without a prior the rest stays 0: ${reached} dB.`;
  }
  const gain = psnr - psnr_none;
  const more = `${formatDecibels(Math.abs(gain))} dB ${gain < 0 ? "less" : "more"}`;
  const name = prior[0].toUpperCase() + prior.slice(1);
  const setting = `${name} with λ = ${formatNumber(strength, 1)}`;
  return `Measured: ${pixels}. ${setting} gives ${reached} dB, ${more} than no prior.`;
}

// ---------------------------------------------------------------------------------------- controls

/** @param {View} view */
function mainControls(view) {
  return createElement(
    "div",
    { class: "course-controls" },
    view.select(
      "prior",
      () => PRIORS,
      ({ prior }) => prior,
      (prior) => ({ prior }),
    ),
    view.slider(
      "sampled",
      { low: 1, high: 99, step: 1, words: (value) => `${value} %` },
      ({ sampled }) => sampled,
      (sampled) => ({ sampled }),
    ),
    view.slider(
      "λ",
      {
        low: 0,
        high: STRENGTHS.length - 1,
        step: 1,
        words: (at) => formatNumber(STRENGTHS[at], 1),
      },
      ({ strength }) => STRENGTHS.indexOf(strength),
      (at) => ({ strength: STRENGTHS[at] }),
    ),
    view.select(
      "pattern",
      () => PATTERNS,
      ({ pattern }) => pattern,
      (pattern) => ({ pattern }),
    ),
    view.slider(
      "noise",
      { low: 0, high: 50, step: 5 },
      ({ noise }) => noise,
      (noise) => ({ noise }),
    ),
    view.button("Another pattern", ({ seed }) => ({ seed: (seed + 1) % 1000 })),
  );
}

/**
 * @param {State} state
 * @param {number} dRow
 * @param {number} dColumn
 */
function move({ sampled, strength }, dRow, dColumn) {
  const at = clamp(STRENGTHS.indexOf(strength) - dRow, 0, STRENGTHS.length - 1);
  const [above, below] = [Math.floor(sampled / STRIDE) + 1, Math.ceil(sampled / STRIDE) - 1];
  const next = clamp(STRIDE * (dColumn > 0 ? above : below), LOW, HIGH);
  return { strength: STRENGTHS[at], sampled: dColumn ? next : sampled };
}

// ---------------------------------------------------------------------------------------- pictures

/**
 * A square picture; paint(levels, side, mask) hatches in blue what the mask leaves out.
 * @param {string} title
 */
function screen(title) {
  const frame = pictureFrame(`${PICTURE}px`);
  let canvas = createElement("canvas", { width: 0 });
  /**
   * @param {Float64Array} levels
   * @param {number} side
   * @param {Float64Array} [mask]
   */
  const paint = (levels, side, mask) => {
    const width = side * ZOOM;
    if (canvas.width !== width) {
      canvas = createElement("canvas", { width, height: width, style: "width:100%" });
      frame.replaceChildren(canvas);
    }
    const context = contextOf(canvas);
    const pixels = context.createImageData(width, width);
    const colors = new Uint32Array(pixels.data.buffer);
    for (let row = 0, at = 0; row < width; row++) {
      const start = Math.floor(row / ZOOM) * side;
      for (let column = 0; column < width; column++, at++) {
        const from = start + Math.floor(column / ZOOM);
        const grey = Math.round(clamp(levels[from], 0, 255));
        const isHidden = mask && !mask[from];
        const hatch = (row + column) % 3 ? HATCH : HATCH_LINE;
        colors[at] = isHidden ? hatch : 0xff000000 | (grey * 0x010101);
      }
    }
    context.putImageData(pixels, 0, 0);
  };
  return { box: createElement("div", {}, createTitle(title), frame), paint };
}

/**
 * The three pictures and the facts beside them.
 * @param {View} view
 */
function picturesPanel(view) {
  const screens = ["original", "measured", "recovered"].map(screen);
  const [original, measured, recovered] = screens;
  const facts = createElement("div", { class: "course-facts" });
  view.stage.append(...screens.map(({ box }) => box), facts);
  /** @type {(value: string, words: string) => HTMLElement} */
  const fact = (value, words) => createElement("p", {}, createElement("b", {}, value), ` ${words}`);
  /** @type {number[][] | undefined} */
  let painted;
  /**
   * @param {State} state
   * @param {Numbers} numbers
   */
  return (state, numbers) => {
    const { image } = state;
    const solution = shownSolution(state);
    if (image !== painted) original.paint(flatImage(image, "flat"), image.length);
    painted = image;
    measured.paint(solution.measured, image.length, solution.mask);
    recovered.paint(solution.recovered, image.length);
    const share = ((100 * numbers.measured) / image.length ** 2).toFixed(1);
    facts.replaceChildren(
      fact(`${formatDecibels(numbers.psnr)} dB`, "recovered"),
      fact(`${formatDecibels(numbers.psnr_none)} dB`, "without a prior"),
      fact(`${share} %`, "of the pixels; the rest is hatched"),
    );
  };
}

// ------------------------------------------------------------------------------------------ charts

/** @param {number} strength */
const placeOf = (strength) => STRENGTHS.indexOf(strength) / (STRENGTHS.length - 1);

/**
 * The settings along the chart of shares, each with its place on it.
 * @param {State} state
 * @param {string} prior
 * @returns {Setting[]}
 */
const alongShares = (state, prior) =>
  Array.from({ length: 99 }, (_, at) => [(at + 1) / 100, { ...state, prior, sampled: at + 1 }]);

/**
 * @param {State} state
 * @param {string} prior
 * @returns {Setting[]}
 */
const alongStrengths = (state, prior) =>
  STRENGTHS.map((strength) => [placeOf(strength), { ...state, prior, strength }]);

/** The PSNR of every setting visited or filled in, for each image. */
class KnownLevels {
  /** @type {WeakMap<number[][], Map<string, number>>} */
  levels = new WeakMap();

  /** @param {State} state */
  get(state) {
    return this.levels.get(state.image)?.get(settingKey(state));
  }

  /**
   * @param {State} state
   * @param {number} psnr
   */
  set(state, psnr) {
    const levels = this.levels.get(state.image) ?? new Map();
    this.levels.set(state.image, levels.set(settingKey(state), psnr));
  }

  /**
   * The points of a chart that are known.
   * @param {Setting[]} settings
   * @returns {[number, number][]}
   */
  points(settings) {
    return settings.flatMap(([part, setting]) => {
      const level = this.get(setting);
      return level === undefined ? [] : [/** @type {[number, number]} */ ([part, level])];
    });
  }

  /**
   * The next setting that the charts lack: strengths first, then every fifth share.
   * @param {State} state
   */
  missing(state) {
    const settings = [state.prior, ...PRIORS].flatMap((prior) => {
      const shares = alongShares(state, prior);
      const few = shares.filter(([, { sampled }]) => sampled % STRIDE === 0);
      return [...alongStrengths(state, prior), ...few];
    });
    return settings.find(([, setting]) => this.get(setting) === undefined)?.[1];
  }
}

/**
 * Both charts: PSNR by share and by λ. While nothing happens, one setting after another is solved
 * that they lack.
 * @param {View} view
 */
function chartsPanel(view) {
  const shares = [0, 20, 40, 60, 80, 100].map((at) => tick(at / 100, at));
  const byShare = psnrChart("pixels measured, in per cent", shares);
  const strengths = STRENGTHS.map((strength) => tick(placeOf(strength), strength));
  const byStrength = psnrChart("λ, in grey levels", strengths, true);
  view.draggable(byShare.svg, (_, x) => ({ sampled: sampledAt(byShare.partAt(x)) }));
  view.draggable(byStrength.svg, (_, x) => ({ strength: strengthAt(byStrength.partAt(x)) }));
  view.stage.append(createElement("div", { class: "course-charts" }, byShare.svg, byStrength.svg));
  const known = new KnownLevels();
  /** @param {State} state */
  const draw = (state) => {
    /** @type {(along: typeof alongShares) => [string, [number, number][]][]} */
    const curves = (along) =>
      PRIORS.map(
        (prior) =>
          /** @type {[string, [number, number][]]} */ ([prior, known.points(along(state, prior))]),
      ).filter(([, points]) => points.length > 0);
    byShare.draw(curves(alongShares), state.sampled / 100, state.prior);
    byStrength.draw(curves(alongStrengths), placeOf(state.strength), state.prior);
  };
  return { draw, known };
}

/**
 * @param {number} part
 * @param {number} value
 * @returns {[number, string]}
 */
const tick = (part, value) => [part, `${value}`];

/** @param {number} part */
const sampledAt = (part) => clamp(Math.round(100 * part), 1, 99);

/** @param {number} part */
const strengthAt = (part) => STRENGTHS[Math.round(part * (STRENGTHS.length - 1))];

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  view.root.classList.add("course-camera");
  view.root.prepend(mainControls(view));
  const drawPictures = picturesPanel(view);
  const charts = chartsPanel(view);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @param {State} state */
  const fillIn = (state) => {
    const next = view.root.isConnected && charts.known.missing(state);
    if (!next) return;
    charts.known.set(next, psnrAt(next));
    charts.draw(state);
    timer = setTimeout(fillIn, 0, state);
  };
  return (state, numbers) => {
    clearTimeout(timer);
    drawPictures(state, numbers);
    charts.known.set(state, numbers.psnr);
    charts.draw(state);
    timer = setTimeout(fillIn, WAIT, state);
  };
}

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "recovery_camera",
  traits: ["image", "prior", "pattern", "sampled", "strength", "noise", "seed"],
  large: ["image"],
  limits: { sampled: [1, 99], noise: [0, 50], seed: [0, 999] },
  choices: { prior: PRIORS, pattern: PATTERNS, strength: STRENGTHS },
  label:
    "Camera. Left and right change how many pixels are measured, up and down λ; 0 to 3 choose the prior.",
  numbers,
  summary,
  move,
  keys: Object.fromEntries(PRIORS.map((prior, key) => [key, () => ({ prior })])),
  build,
};

export default courseFigure(figure);
