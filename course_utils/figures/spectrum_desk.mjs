import { courseFigure } from "./base.mjs";
import {
  clamp,
  createElement,
  createSvg,
  createTitle,
  formatNumber,
  memoize,
  setAttributes,
  setText,
} from "./drawing.mjs";

/**
 * @typedef {object} State
 * @property {number[][]} matrix    (n, n) of the quadratic loss
 * @property {number[]} moments     the gradient at w = 0, turned round
 * @property {number[]} lowest      weights where the loss is lowest
 * @property {number[]} curvatures  the matrix's eigenvalues, largest first
 * @property {number} eta
 * @property {number} alpha
 */
/** @typedef {ReturnType<typeof numbers>} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */

const STEPS = 200; // as in spectrum_desk.py, like the next two
const GONE = 1e9;
const FLOOR = 1e-12;
const GROWS = 1 + 1e-9; // a factor above 1, and not by rounding
/** @type {[number, number]} */
const ETAS = [-2.5, 0.5]; // powers of ten on the slider and on the plane
const MOST_ALPHA = 0.99;
const TALLEST = 1.5; // of the bars
const POWERS = [-8, 3]; // of ten, on the axis of the loss

// ----------------------------------------------------------------------------------------- numbers

/**
 * The larger root, by magnitude, of z² − (1 + α − ηa) z + α.
 * @param {number} curvature
 * @param {number} eta
 * @param {number} alpha
 */
function factorPerStep(curvature, eta, alpha) {
  const half = (1 + alpha - eta * curvature) / 2;
  const square = half * half - alpha;
  if (square < 0) return Math.sqrt(half * half - square);
  return Math.abs(half) + Math.sqrt(square);
}

const flatten = memoize((/** @type {number[][]} */ matrix, /** @type {string} */ _key) =>
  Float64Array.from(matrix.flat()),
);

/**
 * Loss above the lowest at every step, as a share of the first.
 * @param {State} state
 */
function run({ matrix, moments, lowest, eta, alpha }) {
  const [flat, n] = [flatten(matrix, "flat"), moments.length];
  const [w, v, gradient] = [0, 1, 2].map(() => new Float64Array(n));
  /** @type {number[]} */
  const excess = [];
  for (
    let step = 0;
    step <= STEPS && (step === 0 || excess[step - 1] <= GONE * excess[0]);
    step++
  ) {
    let above = 0;
    for (let i = 0, at = 0; i < n; i++) {
      let slope = -moments[i];
      for (let j = 0; j < n; j++, at++) slope += flat[at] * w[j];
      gradient[i] = slope;
      above += (slope * (w[i] - lowest[i])) / 2;
    }
    excess.push(above);
    for (let i = 0; i < n; i++) {
      v[i] = alpha * v[i] - eta * gradient[i];
      w[i] += v[i];
    }
  }
  return excess.map((value) => value / excess[0]);
}

/** @param {State} state */
function numbers(state) {
  const { curvatures, eta, alpha } = state;
  const factors = curvatures.map((a) => factorPerStep(a, eta, alpha));
  const excess = run(state);
  const quarter = Math.max(1, Math.floor((excess.length - 1) / 4));
  const [early, late] = [excess[excess.length - 1 - quarter], excess[excess.length - 1]];
  return {
    factors,
    growing: factors.filter((factor) => factor > GROWS).length,
    largest: Math.max(...factors),
    limit: (2 * (1 + alpha)) / curvatures[0],
    excess,
    measured: late > FLOOR ? (late / early) ** (0.5 / quarter) : null,
  };
}

// ---------------------------------------------------------------------------------------- in words

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary({ eta, alpha, curvatures }, { growing, largest, excess, measured }) {
  const count = curvatures.length;
  const where = `η = ${formatNumber(eta, 4)}, α = ${formatNumber(alpha)}`;
  const bars = growing
    ? `${growing} of ${count} factors ${growing === 1 ? "is" : "are"} above 1`
    : `none of ${count} factors is above 1`;
  const steps = excess.length - 1;
  const rest =
    steps < STEPS
      ? `After ${steps} steps the loss has left the chart`
      : `After ${STEPS} steps ${share(excess[STEPS])} of the way down is left`;
  const found = measured === null ? "" : `; measured at the end ${measured.toFixed(4)}`;
  return `${where}: ${bars}. ${rest}. Largest factor ${largest.toFixed(4)}${found}.`;
}

/**
 * A share of the first loss, as people write it.
 * @param {number} value
 */
function share(value) {
  if (value > 1) return `${formatNumber(value, 1)} times`;
  return value < 1e-6 ? "less than a millionth" : `${Number((100 * value).toPrecision(2))} %`;
}

// ---------------------------------------------------------------------------------------- controls

const roundEta = (/** @type {number} */ eta) => Number(eta.toPrecision(4));

/** @param {View} view */
function controls(view) {
  const eta = view.slider(
    "η, learning rate",
    { low: ETAS[0], high: ETAS[1], step: 0.005, words: (power) => formatNumber(10 ** power, 4) },
    (state) => Math.log10(state.eta),
    (power) => ({ eta: roundEta(10 ** power) }),
  );
  const alpha = view.slider(
    "α, momentum",
    { low: 0, high: MOST_ALPHA, step: 0.01 },
    (state) => state.alpha,
    (value) => ({ alpha: value }),
  );
  const sides = [0.98, 1.02].map((part) =>
    view.button(`${part} × limit`, (state) => ({
      eta: roundEta((part * 2 * (1 + state.alpha)) / state.curvatures[0]),
    })),
  );
  return createElement("div", { class: "course-controls" }, eta, alpha, ...sides);
}

// ---------------------------------------------------------------------------------------- pictures

/**
 * A frame with axes: place(x, y) in fractions of it, y upwards.
 * @param {number} width
 * @param {number} height
 * @param {string} name
 */
function chart(width, height, name) {
  const [left, bottom, top] = [40, 22, 8];
  const viewBox = `${-left} ${-top} ${width + left + 4} ${height + top + bottom}`;
  const svg = createSvg("svg", { viewBox, class: `course-chart ${name}`, "aria-hidden": "true" });
  svg.style.width = `${width + left + 4}px`;
  svg.append(createSvg("rect", { width, height, class: "course-frame" }));
  /** @type {(x: number, y: number) => [number, number]} */
  const place = (x, y) => [x * width, (1 - y) * height];
  /** @type {(x: number, words: string, anchor?: string) => void} */
  const tickBelow = (x, words, anchor = "middle") => {
    svg.append(createSvg("text", { x: x * width, y: height + 17, "text-anchor": anchor }, words));
  };
  /** @type {(y: number, words: string) => void} */
  const tickLeft = (y, words) => {
    const [, at] = place(0, y);
    svg.append(createSvg("text", { x: -5, y: at + 5, "text-anchor": "end" }, words));
  };
  return { svg, place, tickBelow, tickLeft, width, height };
}

/**
 * One bar for each direction, the steepest first.
 * @param {number[]} curvatures
 */
function barChart(curvatures) {
  const { svg, place, tickBelow, tickLeft, width } = chart(280, 170, "course-bars");
  const slot = width / curvatures.length;
  for (const y of [0, 0.5, 1, 1.5]) tickLeft(y / TALLEST, String(y));
  const [steep, flat] = [curvatures[0], curvatures[curvatures.length - 1]];
  tickBelow(0, `a = ${formatNumber(steep)}`, "start");
  tickBelow(1, `a = ${formatNumber(flat)}`, "end");
  const bars = curvatures.map(() => createSvg("path"));
  const [, one] = place(0, 1 / TALLEST);
  svg.append(...bars, createSvg("path", { d: `M 0 ${one} H ${width}`, class: "course-one" }));
  /** @param {Numbers} numbers */
  const draw = ({ factors }) => {
    factors.forEach((factor, i) => {
      const [x, y] = place((i + 0.1) / factors.length, Math.min(factor, TALLEST) / TALLEST);
      const [right, [, ground]] = [x + 0.8 * slot, place(0, 0)];
      const grows = factor > GROWS;
      // a growing bar is red, outlined and ends in a point
      const tip = grows ? `L ${(x + right) / 2} ${y - 8} L ${right} ${y}` : `H ${right}`;
      const kind = grows ? "course-bar course-growing" : "course-bar";
      setAttributes(bars[i], { d: `M ${x} ${ground} V ${y} ${tip} V ${ground} Z`, class: kind });
    });
  };
  return { svg, draw };
}

function lossChart() {
  const { svg, place, tickBelow, tickLeft } = chart(165, 170, "course-loss");
  const [low, high] = POWERS;
  /** @param {number} value */
  const heightOf = (value) =>
    (clamp(Math.log10(Math.max(value, 1e-300)), low, high) - low) / (high - low);
  for (const [power, words] of /** @type {[number, string][]} */ ([
    [3, "10³"],
    [0, "1"],
    [-3, "10⁻³"],
    [-6, "10⁻⁶"],
  ])) {
    tickLeft(heightOf(10 ** power), words);
  }
  tickBelow(0, "0");
  tickBelow(1, `${STEPS} steps`, "end");
  const [start, end] = [place(0, heightOf(1)), place(1, heightOf(1))];
  const d = `M ${start} L ${end}`;
  const line = createSvg("polyline", { class: "course-curve" });
  svg.append(createSvg("path", { d, class: "course-one" }), line);
  /** @param {Numbers} numbers */
  const draw = ({ excess, growing }) => {
    const points = excess.map((value, step) => place(step / STEPS, heightOf(value)));
    const words = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    line.setAttribute("points", words);
    line.setAttribute("class", growing ? "course-curve course-growing" : "course-curve");
  };
  return { svg, draw };
}

/**
 * Learning rate across, momentum up; beyond the border a run grows.
 * @param {View} view
 * @param {number} steepest  the largest curvature
 */
function plane(view, steepest) {
  const { svg, place, tickBelow, tickLeft, width, height } = chart(105, 170, "course-plane");
  const [low, high] = ETAS;
  /** @param {number} eta */
  const across = (eta) => clamp((Math.log10(eta) - low) / (high - low), 0, 1);
  for (const eta of [0.01, 0.1, 1]) tickBelow(across(eta), String(eta));
  for (const alpha of [0, 0.5, 0.9]) tickLeft(alpha, String(alpha));
  const border = Array.from({ length: 34 }, (_, i) =>
    place(across((2 * (1 + 0.03 * i)) / steepest), Math.min(0.03 * i, 1)),
  );
  const d = `M ${border.map((point) => point.join(" ")).join(" L ")} H ${width} V ${height} Z`;
  const dot = createSvg("circle", { r: 5, class: "course-dot" });
  svg.append(createSvg("path", { d, class: "course-unstable" }), dot);
  const word = { x: width - 4, y: height - 6, "text-anchor": "end" };
  svg.append(createSvg("text", word, "grows"));
  /** @param {State} state */
  const draw = ({ eta, alpha }) => {
    const [x, y] = place(across(eta), alpha);
    setAttributes(dot, { cx: x, cy: y });
  };
  const box = svg.viewBox.baseVal;
  view.draggable(svg, (y, x) => {
    const [u, v] = [(x * box.width + box.x) / width, 1 - (y * box.height + box.y) / height];
    const eta = roundEta(10 ** (low + clamp(u, 0, 1) * (high - low)));
    return { eta, alpha: Number(clamp(v, 0, MOST_ALPHA).toFixed(2)) };
  });
  return { svg, draw };
}

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  view.root.classList.add("course-desk");
  const { curvatures } = view.read();
  const [bars, loss, choice] = [barChart(curvatures), lossChart(), plane(view, curvatures[0])];
  const limit = createElement("div", { class: "course-formula" });
  view.stage.append(createTitle("η across, α up"), choice.svg);
  const panels = [
    ["factor per step, steepest first", bars.svg],
    ["loss above the lowest", loss.svg],
  ].map(([title, svg]) =>
    createElement("div", { class: "course-panel" }, createTitle(String(title)), svg),
  );
  const row = createElement("div", { class: "course-panels" }, ...panels, view.stage);
  view.root.prepend(controls(view), row, limit);
  return (state, numbers) => {
    bars.draw(numbers);
    loss.draw(numbers);
    choice.draw(state);
    const a = formatNumber(state.curvatures[0], 3);
    const words = `Limit of the steepest direction: 2(1 + α)/a = 2·${formatNumber(1 + state.alpha)}/${a}`;
    setText(limit, `${words} = ${formatNumber(numbers.limit, 4)}`);
  };
}

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "spectrum_desk",
  traits: ["matrix", "moments", "lowest", "curvatures", "eta", "alpha"],
  large: ["matrix", "moments", "lowest", "curvatures"],
  limits: { eta: [0.001, 10], alpha: [0, MOST_ALPHA] },
  label: "Learning rate and momentum. Arrow keys left and right change η, up and down α.",
  numbers,
  summary,
  move: ({ eta, alpha }, dRow, dColumn) => ({
    eta: dColumn ? roundEta(eta * 10 ** (0.01 * dColumn)) : eta,
    alpha: Number((alpha - 0.01 * dRow).toFixed(2)),
  }),
  build,
};

export default courseFigure(figure);
