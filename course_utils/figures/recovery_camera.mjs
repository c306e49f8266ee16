// As in recovery_camera.py.
const [NONE, DCT, HAAR, VARIATION] = ["none", "DCT, ℓ₁", "Haar wavelets, ℓ₁", "total variation"];
const PRIORS = [NONE, DCT, HAAR, VARIATION];
const PATTERNS = ["random pixels", "whole rows"];
const STRENGTHS = [0.5, 1, 2, 5, 10, 20, 50];
const [SPARSE_STEPS, VARIATION_STEPS, FALLING, LEVELS] = [30, 80, 0.75, 3];
const PROBES = [[1, 2], [3, 1], [2, 3], [1, 1]];

const [LOW, HIGH, STRIDE] = [5, 95, 5]; // per cent at which the chart is filled in
const CAMERA_STYLE = `
  .course-camera .course-stage { display: grid; gap: 14px 20px; width: 100%; grid-template-columns: repeat(3, minmax(0, 192px)) minmax(120px, 1fr); }
  .course-camera .course-facts { display: block; margin: 0; align-self: center; }
  .course-camera .course-facts b { display: block; font-size: 24px; line-height: 1.2; font-variant-numeric: tabular-nums; }
  .course-camera .course-facts p { margin: 0 0 12px; }
  .course-charts { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 12px 20px; }
  .course-chart { display: block; flex: 1 1 290px; min-width: 0; max-width: 366px; }
  .course-camera canvas { image-rendering: auto; }
  .course-chart text { fill: var(--ink); font-size: 12px; }
  .course-chart .course-axis { stroke: var(--line); stroke-width: 1; }
  .course-chart .course-curve { fill: none; stroke-width: 1.6; opacity: 0.75; }
  .course-chart .course-now { stroke: var(--mark); stroke-width: 2; stroke-dasharray: 4 3; }
  .course-chart .course-mine { stroke-width: 3; opacity: 1; }
  .course-chart text.course-mine { font-weight: 700; }
  .course-camera select { max-width: 100%; }
  .course-camera .course-controls button { margin: 0; }
  @container (max-width: 560px) {
    .course-camera .course-stage { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 12px 8px; }
    .course-camera .course-title { font-size: 12.5px; line-height: 1.25; align-items: flex-end; min-height: 2.5em; }
    .course-camera .course-facts { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 0 20px; }
  }
`;
const MARKS = { [NONE]: "", [DCT]: "●", [HAAR]: "■", [VARIATION]: "▲" };
const SHORT = { [NONE]: "none", [DCT]: "DCT", [HAAR]: "Haar", [VARIATION]: "TV" };
const INKS = { [NONE]: "var(--soft)", [DCT]: "var(--mark)", [HAAR]: "#8064c8", [VARIATION]: "#d06400" };

const flat = once((image) => Float64Array.from(image.flat()));

/** MurmurHash3's finaliser: a whole number spread over 0 … 2³² − 1. */
function hashed(number, seed) {
  let mixed = (number + seed * 0x9e3779b9) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The places of one pattern, from the first to be measured to the last. */
const order = once((image, key) => {
  const [pattern, seed] = JSON.parse(key);
  const places = pattern === PATTERNS[0] ? image.length ** 2 : image.length;
  const ranked = Float64Array.from({ length: places }, (_, at) => hashed(at, 2 * seed) * 2 ** 14 + at);
  return ranked.sort().map((rank) => rank % 2 ** 14);
});

/** A normal number for each pixel, by Box and Muller. */
const normals = once((image, seed) =>
  flat(image).map((_, at) => {
    const [first, second] = [at, at + image.length ** 2].map((n) => hashed(n, 2 * seed + 1));
    return Math.sqrt(-2 * Math.log((first + 1) / 2 ** 32)) * Math.cos((2 * Math.PI * second) / 2 ** 32);
  }));

/** What the camera knows: mask of ones and zeros, measured grey levels, and their number. */
function measure({ image, pattern, sampled, noise, seed }) {
  const places = order(image, JSON.stringify([pattern, seed]));
  const length = flat(image).length / places.length; // pixels a place
  const mask = new Float64Array(flat(image).length);
  const count = Math.max(1, Math.floor((sampled * places.length + 50) / 100));
  for (const place of places.subarray(0, count)) mask.fill(1, place * length, (place + 1) * length);
  const noises = noise ? normals(image, seed) : undefined;
  const measured = flat(image).map((level, at) => mask[at] * (level + (noise ? noise * noises[at] : 0)));
  return { mask, measured, count: count * length };
}

function psnrOf(picture, reference) {
  let sum = 0;
  for (let at = 0; at < picture.length; at++) sum += ((picture[at] - reference[at]) / 255) ** 2;
  return -10 * Math.log10(Math.max(sum / picture.length, 1e-10));
}

// ------------------------------------------------------------------------------ cosine transform

const turns = new Map(); // factors of a transform of n numbers
function turnsOf(n) {
  if (!turns.has(n)) {
    turns.set(n, Float64Array.from({ length: n / 2 }, (_, i) => 0.5 / Math.cos(((i + 0.5) * Math.PI) / n)));
  }
  return turns.get(n);
}

/** Lee's fast DCT of n rows of w numbers from `at` on, down all columns at once, unscaled. */
function fold(x, spare, at, n, w) {
  if (n === 1) return;
  const [half, factors] = [(n / 2) * w, turnsOf(n)];
  for (let i = 0; i < n / 2; i++) {
    const [top, end, factor] = [at + i * w, at + (n - 1 - i) * w, factors[i]];
    for (let j = 0; j < w; j++) {
      spare[top + j] = x[top + j] + x[end + j];
      spare[top + half + j] = (x[top + j] - x[end + j]) * factor;
    }
  }
  fold(spare, x, at, n / 2, w);
  fold(spare, x, at + half, n / 2, w);
  for (let i = 0; i < n / 2; i++) {
    const [from, even] = [at + i * w, at + 2 * i * w];
    const after = i < n / 2 - 1 ? w : 0; // the last has none after it, and is halved again
    const share = after ? 1 : 0;
    for (let j = 0; j < w; j++) {
      x[even + j] = spare[from + j];
      x[even + w + j] = spare[from + half + j] + share * spare[from + half + after + j];
    }
  }
}

/** The transpose of `fold`, backwards through the same steps. */
function unfold(x, spare, at, n, w) {
  if (n === 1) return;
  const [half, factors] = [(n / 2) * w, turnsOf(n)];
  for (let i = 0; i < n / 2; i++) {
    const [to, even] = [at + i * w, at + 2 * i * w];
    for (let j = 0; j < w; j++) {
      spare[to + j] = x[even + j];
      spare[to + half + j] = x[even + w + j] + (i ? x[even - w + j] : 0);
    }
  }
  unfold(spare, x, at, n / 2, w);
  unfold(spare, x, at + half, n / 2, w);
  for (let i = 0; i < n / 2; i++) {
    const [top, end, factor] = [at + i * w, at + (n - 1 - i) * w, factors[i]];
    for (let j = 0; j < w; j++) {
      const difference = spare[top + half + j] * factor;
      x[top + j] = spare[top + j] + difference;
      x[end + j] = spare[top + j] - difference;
    }
  }
}

function transpose(from, to, side) {
  for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) to[j * side + i] = from[i * side + j];
}

/** Soft-thresholds the DCT of x in place; returns its largest coefficient but for the mean. */
function shrinkDct(x, side, step, threshold) {
  const [spare, turned] = [new Float64Array(x.length), new Float64Array(x.length)];
  fold(x, spare, 0, side, side);
  transpose(x, turned, side);
  fold(turned, spare, 0, side, side);
  let largest = 0;
  for (let i = 0, at = 0; i < side; i++) {
    for (let j = 0; j < side; j++, at++) {
      const scale = ((i ? 2 : Math.SQRT2) * (j ? 2 : Math.SQRT2)) / (2 * side); // makes it orthonormal
      const value = turned[at];
      const size = scale * Math.abs(value);
      if (at && size > largest) largest = size;
      const rest = size > threshold ? size - threshold : 0;
      turned[at] = value < 0 ? -scale * rest : scale * rest;
    }
  }
  unfold(turned, spare, 0, side, side);
  transpose(turned, x, side);
  unfold(x, spare, 0, side, side);
  return largest;
}

// ----------------------------------------------------------------------------------- Haar wavelets

/** The same for Haar wavelets, shifted another way at each step; the coarsest means stay. */
function shrinkHaar(x, side, step, threshold) {
  const wrap = side - 1; // the side is a power of two
  const [down, across] = [(5 * step) % 8, (3 * step + Math.floor(step / 8)) % 8];
  const place = (i, j) => ((i - down) & wrap) * side + ((j - across) & wrap);
  let mean = new Float64Array(x.length);
  for (let i = 0, at = 0; i < side; i++) for (let j = 0; j < side; j++) mean[at++] = x[place(i, j)];
  const details = [];
  let largest = 0;
  for (let level = 0, n = side; level < LEVELS; level++, n /= 2) {
    const quarter = (n * n) / 4;
    const [coarse, detail] = [new Float64Array(quarter), new Float64Array(3 * quarter)];
    for (let i = 0, at = 0; i < n; i += 2) {
      for (let j = i * n; j < (i + 1) * n; j += 2, at++) {
        const a = mean[j], b = mean[j + 1], c = mean[j + n], d = mean[j + n + 1];
        coarse[at] = (a + b + c + d) / 2;
        detail[at] = (a - b + c - d) / 2;
        detail[at + quarter] = (a + b - c - d) / 2;
        detail[at + 2 * quarter] = (a - b - c + d) / 2;
      }
    }
    for (let at = 0; at < detail.length; at++) {
      const size = Math.abs(detail[at]);
      const rest = size > threshold ? size - threshold : 0;
      if (size > largest) largest = size;
      detail[at] = detail[at] < 0 ? -rest : rest;
    }
    details.push(detail);
    mean = coarse;
  }
  for (const detail of details.reverse()) {
    const [quarter, n] = [mean.length, 2 * Math.sqrt(mean.length)];
    const finer = new Float64Array(4 * quarter);
    for (let i = 0, at = 0; i < n; i += 2) {
      for (let j = i * n; j < (i + 1) * n; j += 2, at++) {
        const m = mean[at], h = detail[at], v = detail[at + quarter], b = detail[at + 2 * quarter];
        finer[j] = (m + h + v + b) / 2;
        finer[j + 1] = (m - h + v - b) / 2;
        finer[j + n] = (m + h - v - b) / 2;
        finer[j + n + 1] = (m - h - v + b) / 2;
      }
    }
    mean = finer;
  }
  for (let i = 0, at = 0; i < side; i++) for (let j = 0; j < side; j++) x[place(i, j)] = mean[at++];
  return largest;
}

// ----------------------------------------------------------------------------------------- solvers

/** FISTA: a step towards the measurements, a threshold that falls to `strength`, a push onwards. */
function byThresholds({ mask, measured }, side, strength, shrink) {
  const excess = Math.max(1, shrink(measured.slice(), side, 0, Infinity) / strength);
  let [old, ahead, pace] = [measured, measured.slice(), 1];
  for (let step = 0; step < SPARSE_STEPS; step++) {
    const now = new Float64Array(ahead.length);
    for (let at = 0; at < now.length; at++) now[at] = ahead[at] + mask[at] * (measured[at] - ahead[at]);
    shrink(now, side, step, strength * excess ** Math.max(0, 1 - step / (FALLING * SPARSE_STEPS)));
    const faster = (1 + Math.sqrt(1 + 4 * pace * pace)) / 2;
    const push = (pace - 1) / faster;
    for (let at = 0; at < now.length; at++) ahead[at] = now[at] + push * (now[at] - old[at]);
    [old, pace] = [now, faster];
  }
  return old;
}

/** Chambolle and Pock's primal-dual steps for the total variation. */
function byVariation({ mask, measured, count }, side, strength) {
  const mean = measured.reduce((sum, value) => sum + value, 0) / count;
  const now = measured.map((value, at) => (mask[at] ? value : mean));
  const [ahead, down, across] = [now.slice(), new Float64Array(now.length), new Float64Array(now.length)];
  const [primal, dual] = [8 / strength, strength / 64];
  for (let step = 0; step < VARIATION_STEPS; step++) {
    for (let i = 0, at = 0; i < side; i++) {
      for (let j = 0; j < side; j++, at++) {
        const v = i < side - 1 ? down[at] + dual * (ahead[at + side] - ahead[at]) : 0;
        const h = j < side - 1 ? across[at] + dual * (ahead[at + 1] - ahead[at]) : 0;
        const excess = Math.max(1, Math.sqrt(v * v + h * h) / strength);
        down[at] = v / excess;
        across[at] = h / excess;
      }
    }
    for (let i = 0, at = 0; i < side; i++) {
      for (let j = 0; j < side; j++, at++) {
        const slopes = down[at] - (i ? down[at - side] : 0) + across[at] - (j ? across[at - 1] : 0);
        const value = (now[at] + primal * (slopes + mask[at] * measured[at])) / (1 + primal * mask[at]);
        ahead[at] = 2 * value - now[at];
        now[at] = value;
      }
    }
  }
  return now;
}

function recover({ image, prior, strength }, known) {
  if (prior === NONE) return known.measured;
  if (prior === VARIATION) return byVariation(known, image.length, strength);
  return byThresholds(known, image.length, strength, prior === DCT ? shrinkDct : shrinkHaar);
}

/** Names a setting; without a prior λ has no say. */
const nameOf = ({ prior, pattern, sampled, strength, noise, seed }) =>
  JSON.stringify([prior, pattern, sampled, prior === NONE ? 0 : strength, noise, seed]);

let latest = {}; // the last setting solved, so that numbers and picture come of one computation
function solved(state) {
  const name = nameOf(state);
  if (latest.image !== state.image || latest.name !== name) {
    const known = measure(state);
    const recovered = recover(state, known);
    latest = { image: state.image, name, ...known, recovered };
  }
  return latest;
}

// ----------------------------------------------------------------------------------------- drawing

/** A square picture; paint(levels, mask) hatches in blue what the mask leaves out. */
function screen(title, width) {
  const zoom = 3;
  let canvas, pixels;
  const words = make("div", { class: "course-title" }, title);
  const frame = make("div", { class: "course-picture-frame", style: `width:${width}px` });
  const paint = (levels, side, mask) => {
    const across = side * zoom;
    if (canvas?.width !== across) {
      canvas = make("canvas", { width: across, height: across, style: "width:100%" });
      pixels = canvas.getContext("2d").createImageData(across, across);
      frame.replaceChildren(canvas);
    }
    const colours = new Uint32Array(pixels.data.buffer);
    for (let row = 0, at = 0; row < across; row++) {
      const start = Math.floor(row / zoom) * side;
      for (let column = 0; column < across; column++, at++) {
        const from = start + Math.floor(column / zoom);
        if (mask && !mask[from]) colours[at] = (row + column) % 3 ? 0xfff0d8b8 : 0xffcc9058; // ABGR
        else colours[at] = 0xff000000 | (Math.round(clamp(levels[from], 0, 255)) * 0x010101);
      }
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  };
  return { box: make("div", {}, words, frame), paint, words };
}

/**
 * A chart of PSNR against some places between 0 and 1; draw(curves, here, mine) redraws it. It shows
 * 0 to 50 dB; a close one shows what the priors reach, in whole steps of 5 dB.
 */
function chart(title, ticks, close = false) {
  const [width, height, left, right, top, bottom] = [366, 216, 30, 58, 24, 40];
  const x = (part) => left + part * (width - left - right);
  let [low, high] = [0, 50];
  const y = (decibel) => top + ((high - clamp(decibel, low, high)) / (high - low)) * (height - top - bottom);
  const line = (kind, x1, y1, x2, y2) => make("svg:line", { class: kind, x1, y1, x2, y2 });
  const text = (words, at, up, anchor, kind = "") => {
    const element = make("svg:text", { x: at, y: up, "text-anchor": anchor, class: kind });
    element.textContent = words;
    return element;
  };
  const svg = make("svg:svg", { class: "course-chart", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  for (const [part, words] of ticks) {
    svg.append(line("course-axis", x(part), y(0), x(part), y(0) + 4), text(words, x(part), y(0) + 17, "middle"));
  }
  svg.append(text("PSNR in dB", 2, 12, "start"), text(title, x(0.5), height - 6, "middle"));
  const curves = make("svg:g", {});
  svg.append(curves);
  const draw = (every, here, mine) => {
    const found = close ? every.filter(([prior]) => prior !== NONE || prior === mine) : every;
    if (close) {
      const levels = found.flatMap(([, points]) => points.map(([, level]) => level));
      low = 5 * Math.max(0, Math.floor(Math.min(...levels) / 5));
      high = Math.max(low + 10, 5 * Math.ceil(Math.max(...levels) / 5));
    }
    curves.replaceChildren();
    for (let level = low; level <= high; level += high - low > 25 ? 10 : 5) {
      curves.append(line("course-axis", left, y(level), width - right, y(level)), text(`${level}`, left - 6, y(level) + 4, "end"));
    }
    curves.append(line("course-now", x(here), y(low), x(here), top));
    const ends = [];
    for (const [prior, points] of found) {
      const kind = prior === mine ? "course-mine" : "";
      const ink = INKS[prior];
      const path = points.map(([part, level]) => `${x(part)},${y(level)}`).join(" ");
      const dashes = prior === NONE ? "2 4" : "none";
      curves.append(make("svg:polyline", { points: path, class: `course-curve ${kind}`, stroke: ink, "stroke-dasharray": dashes }));
      for (const [part, level] of points) {
        if (!MARKS[prior]) continue;
        const sign = text(MARKS[prior], x(part), y(level) + 3, "middle");
        sign.setAttribute("style", `fill:${ink};font-size:${part === here && prior === mine ? 15 : 8}px`);
        curves.append(sign);
      }
      const mark = make("svg:tspan", { style: `fill:${ink}` }, MARKS[prior]);
      const name = text("", x(points.at(-1)[0]) + 7, 0, "start", kind);
      name.append(mark, ` ${SHORT[prior]}`);
      ends.push([y(points.at(-1)[1]) + 4, name]);
    }
    let lowest = 0; // names on top of one another would cover each other
    for (const [up, name] of ends.sort(([a], [b]) => a - b)) {
      lowest = Math.max(up, lowest + 13);
      name.setAttribute("y", lowest);
      curves.append(name);
    }
  };
  const part = (place) => clamp((place * width - left) / (width - left - right), 0, 1);
  return { svg, draw, part };
}

const decibels = (value) => value.toFixed(1).replace("-", MINUS);
const whole = (value) => new Intl.NumberFormat("en-GB").format(value);
const sampledAt = (part) => clamp(Math.round(100 * part), 1, 99);
const strengthAt = (part) => STRENGTHS[Math.round(part * (STRENGTHS.length - 1))];
const placeOf = (strength) => STRENGTHS.indexOf(strength) / (STRENGTHS.length - 1);

export default courseFigure({
  name: "recovery_camera",
  traits: ["image", "prior", "pattern", "sampled", "strength", "noise", "seed"],
  large: ["image"],
  label: "Camera. Left and right change how many pixels are measured, up and down λ; 0 to 3 choose the prior.",

  numbers(state) {
    const { count, measured, recovered } = solved(state);
    const side = state.image.length;
    return {
      measured: count,
      psnr: psnrOf(recovered, flat(state.image)),
      psnr_none: psnrOf(measured, flat(state.image)),
      pixels: PROBES.map(([i, j]) => recovered[((i * side) / 4) * side + (j * side) / 4]),
    };
  },

  says({ image, prior, pattern, sampled, strength, noise }, { measured, psnr, psnr_none }) {
    const what = pattern === PATTERNS[0] ? "pixels, at random" : "pixels, whole rows";
    const noisy = noise ? `, with noise of ${noise} grey levels` : "";
    const seen = `${whole(measured)} of ${whole(image.length ** 2)} ${what}${noisy}`;
    if (prior === NONE) return `Measured: ${seen}. Without a prior the rest stays 0: ${decibels(psnr)} dB.`;
    const gain = psnr - psnr_none;
    const words = `${decibels(Math.abs(gain))} dB ${gain < 0 ? "less" : "more"}`;
    const name = prior[0].toUpperCase() + prior.slice(1);
    return `Measured: ${seen}. ${name} with λ = ${write(strength, 1)} gives ${decibels(psnr)} dB, ${words} than no prior.`;
  },

  move({ sampled, strength }, dRow, dColumn) {
    const at = clamp(STRENGTHS.indexOf(strength) - dRow, 0, STRENGTHS.length - 1);
    const next = dColumn > 0 ? Math.floor(sampled / STRIDE) + 1 : Math.ceil(sampled / STRIDE) - 1;
    return { strength: STRENGTHS[at], sampled: dColumn ? clamp(STRIDE * next, LOW, HIGH) : sampled };
  },
  keys: Object.fromEntries(PRIORS.map((prior, key) => [key, () => ({ prior })])),

  build({ root, stage, choose, slide, press, drag }) {
    root.classList.add("course-camera");
    const controls = make("div", { class: "course-controls" },
      choose("prior", () => PRIORS, ({ prior }) => prior, (prior) => ({ prior })),
      slide("sampled", { low: 1, high: 99, step: 1, words: (value) => `${value} %` },
        ({ sampled }) => sampled, (sampled) => ({ sampled })),
      slide("λ", { low: 0, high: STRENGTHS.length - 1, step: 1, words: (at) => write(STRENGTHS[at], 1) },
        ({ strength }) => STRENGTHS.indexOf(strength), (at) => ({ strength: STRENGTHS[at] })),
      choose("pattern", () => PATTERNS, ({ pattern }) => pattern, (pattern) => ({ pattern })),
      slide("noise", { low: 0, high: 50, step: 5 }, ({ noise }) => noise, (noise) => ({ noise })),
      press("Another pattern", ({ seed }) => ({ seed: (seed + 1) % 1000 })),
    );
    const style = make("style", {});
    style.textContent = CAMERA_STYLE;
    root.prepend(style, controls);
    const screens = ["original", "measured", "recovered"].map((title) => screen(title, 192));
    const [original, seen, rebuilt] = screens;
    const facts = make("div", { class: "course-facts" });
    const bySampled = chart("pixels measured, in per cent", [0, 20, 40, 60, 80, 100].map((at) => [at / 100, `${at}`]));
    const byStrength = chart("λ, in grey levels", STRENGTHS.map((value) => [placeOf(value), `${value}`]), true);
    drag(bySampled.svg, (y, x) => ({ sampled: sampledAt(bySampled.part(x)) }));
    drag(byStrength.svg, (y, x) => ({ strength: strengthAt(byStrength.part(x)) }));
    const charts = make("div", { class: "course-charts" }, bySampled.svg, byStrength.svg);
    stage.append(...screens.map(({ box }) => box), facts, charts);

    const found = new WeakMap(); // for each image the PSNR of every setting visited
    const psnrs = (image) => found.get(image) ?? found.set(image, new Map()).get(image);
    const level = (state) => psnrs(state.image).get(nameOf(state));
    /** The settings along one chart, each with its place on it. */
    const along = (state, prior) => [
      Array.from({ length: 99 }, (_, at) => [(at + 1) / 100, { ...state, prior, sampled: at + 1 }]),
      STRENGTHS.map((strength) => [placeOf(strength), { ...state, prior, strength }]),
    ];
    const drawCharts = (state) => {
      const lines = PRIORS.map((prior) => [prior, along(state, prior).map((settings) =>
        settings.map(([part, setting]) => [part, level(setting)]).filter(([, value]) => value !== undefined))]);
      [[bySampled, state.sampled / 100], [byStrength, placeOf(state.strength)]].forEach(([{ draw }, here], axis) => {
        draw(lines.map(([prior, points]) => [prior, points[axis]]).filter(([, points]) => points.length), here, state.prior);
      });
    };

    let pause;
    /** While nothing happens, solve for one setting after another that the charts lack. */
    const fillIn = (state) => {
      if (!root.isConnected) return;
      const wanted = [state.prior, ...PRIORS].flatMap((prior) => {
        const [shares, strengths] = along(state, prior);
        return [...strengths, ...shares.filter(([part]) => Math.round(100 * part) % STRIDE === 0)];
      });
      const next = wanted.find(([, setting]) => level(setting) === undefined)?.[1];
      if (!next) return;
      psnrs(state.image).set(nameOf(next), psnrOf(recover(next, measure(next)), flat(state.image)));
      drawCharts(state);
      pause = setTimeout(fillIn, 0, state);
    };

    let shown;
    return (state, { psnr, psnr_none, measured: count }) => {
      clearTimeout(pause);
      const { image, prior } = state;
      const { mask, measured, recovered } = solved(state);
      if (image !== shown) original.paint(flat(image), image.length);
      shown = image;
      seen.paint(measured, image.length, mask);
      rebuilt.paint(recovered, image.length);
      const fact = (value, ...words) => make("p", {}, make("b", {}, value), ...words);
      facts.replaceChildren(
        fact(`${decibels(psnr)} dB`, "recovered"),
        fact(`${decibels(psnr_none)} dB`, "without a prior"),
        fact(`${((100 * count) / image.length ** 2).toFixed(1)} %`, "of the pixels; the rest is hatched"),
      );
      psnrs(image).set(nameOf(state), psnr);
      drawCharts(state);
      pause = setTimeout(fillIn, 250, state);
    };
  },
});
