const STEPS = 200; // as in optimiser_race.py, like the next two
const EPSILON = 1e-8;
const NEAR = 0.001;
const PACE = 30; // steps a second

// Inputs and targets of the Gabor model sin(u)·exp(−u²/32), u = x + y·t, with x = 0, y = 16.6.
const INPUTS = Array.from({ length: 28 }, (_, i) => ((2 * i - 27) * 0.9) / 27);
const TARGETS = INPUTS.map((t) => Math.sin(16.6 * t) * Math.exp((-(16.6 * t) * (16.6 * t)) / 32));

const SURFACES = {
  valley: {
    low: [-2, -1.5], high: [2, 1.5], lowest: [[0, 0]], start: [-1.8, 1], eta: 0.05,
    loss: (x, y) => (0.2 * x * x + 25 * y * y) / 2,
    gradient: (x, y) => [0.2 * x, 25 * y],
  },
  saddle: {
    low: [-2, -1.5], high: [2, 1.5], lowest: [[0, -1], [0, 1]], start: [-1.5, 0.001], eta: 0.05,
    loss: (x, y) => x * x - y * y + (y * y * y * y) / 2,
    gradient: (x, y) => [2 * x, 2 * y * y * y - 2 * y],
  },
  Rosenbrock: {
    low: [-2, -1], high: [2, 2], lowest: [[1, 1]], start: [-1.5, 1.5], eta: 0.02,
    loss: (x, y) => (1 - x) * (1 - x) + 5 * (y - x * x) * (y - x * x),
    gradient: (x, y) => [-2 * (1 - x) - 20 * x * (y - x * x), 10 * (y - x * x)],
  },
  plateau: {
    low: [-4, -3], high: [4, 3], lowest: [[0, 0]], start: [-2.5, 1.5], eta: 0.1,
    loss: (x, y) => ((q) => (q * q) / (1 + q * q))(x * x + y * y),
    gradient: (x, y) => {
      const q = x * x + y * y;
      const slope = (4 * q) / ((1 + q * q) * (1 + q * q));
      return [slope * x, slope * y];
    },
  },
  "Gabor model": {
    low: [-10, 5], high: [10, 20], lowest: [[0, 16.6]], start: [2.1, 5.6], eta: 0.2,
    loss(x, y) {
      let total = 0;
      INPUTS.forEach((t, i) => {
        const u = x + y * t;
        const error = Math.sin(u) * Math.exp((-u * u) / 32) - TARGETS[i];
        total += error * error;
      });
      return total / 2;
    },
    gradient(x, y) {
      let [along, across] = [0, 0];
      INPUTS.forEach((t, i) => {
        const u = x + y * t;
        const envelope = Math.exp((-u * u) / 32);
        const error = Math.sin(u) * envelope - TARGETS[i];
        const slope = error * envelope * (Math.cos(u) - (u / 16) * Math.sin(u));
        along += slope;
        across += slope * t;
      });
      return [along, across];
    },
  },
};

// Each rule moves one weight w, which has the gradient g. s is its memory, p holds the settings and
// 1 − β₁ᵗ and 1 − β₂ᵗ.
const momentum = (w, g, s, p) => w + (s.v = p.alpha * s.v - p.eta * g);
const adam = (w, g, s, p) => {
  s.m = p.beta1 * s.m + (1 - p.beta1) * g;
  s.r = p.beta2 * s.r + (1 - p.beta2) * g * g;
  return w - (p.eta * (s.m / p.rise1)) / (Math.sqrt(s.r / p.rise2) + EPSILON);
};
const RULES = {
  SGD: (w, g, s, p) => w - p.eta * g,
  momentum,
  Nesterov: (w, g, s, p) => {
    s.v = p.alpha * s.v - p.eta * g;
    return w + (p.alpha * s.v - p.eta * g);
  },
  AdaGrad: (w, g, s, p) => {
    s.r += g * g;
    return w - (p.eta * g) / (Math.sqrt(s.r) + EPSILON);
  },
  RMSprop: (w, g, s, p) => {
    s.r = p.rho * s.r + (1 - p.rho) * g * g;
    return w - (p.eta * g) / (Math.sqrt(s.r) + EPSILON);
  },
  Adam: adam,
  "momentum, as printed": (w, g, s, p) => {
    s.v = p.alpha * s.v - p.eta * g;
    return w - p.eta * g + s.v;
  },
  "Adam, as printed": (w, g, s, p) => {
    s.m = (p.beta1 * s.m + (1 - p.beta1) * g) / p.rise1;
    s.r = (p.beta2 * s.r + (1 - p.beta2) * g * g) / p.rise2;
    return w - (p.eta * s.m) / (Math.sqrt(s.r) + EPSILON);
  },
};
const NAMES = Object.keys(RULES);

/** Positions at step 0, 1, …, as far as the runner is less than one map away. */
function run(name, { surface, start, ...settings }) {
  const { low, high, gradient } = SURFACES[surface];
  const memory = start.map(() => ({ v: 0, m: 0, r: 0 }));
  const places = [];
  let weights = start;
  let [power1, power2] = [1, 1];
  while (places.length <= STEPS && weights.every((w, i) => 2 * low[i] - high[i] <= w && w <= 2 * high[i] - low[i])) {
    places.push(weights);
    power1 *= settings.beta1;
    power2 *= settings.beta2;
    const p = { ...settings, rise1: 1 - power1, rise2: 1 - power2 };
    const slope = gradient(...weights);
    weights = weights.map((w, i) => RULES[name](w, slope[i], memory[i], p));
  }
  return places;
}

const done = {}; // the last race of every runner: stepping through it computes nothing anew

function pathOf(name, { surface, start, eta, alpha, beta1, beta2, rho }) {
  const settings = { surface, start, eta, alpha, beta1, beta2, rho };
  const key = JSON.stringify(settings);
  if (done[name]?.key !== key) {
    const places = run(name, settings);
    done[name] = { key, places, losses: places.map((place) => SURFACES[surface].loss(...place)) };
  }
  return done[name];
}

// ------------------------------------------------------------------------------------- the picture

const [WIDTH, HEIGHT] = [400, 300]; // of the map, in its own units
const FINE = 1.5; // pixels of the canvas for each of them
const BANDS = 16;
const [R, T] = [6, 5.5]; // radius of a marker, and of one with corners
const LOOKS = {
  SGD: ["#5790fc", `M ${R} 0 A ${R} ${R} 0 1 1 ${-R} 0 A ${R} ${R} 0 1 1 ${R} 0 Z`],
  momentum: ["#f89c20", `M ${-T} ${-T} H ${T} V ${T} H ${-T} Z`],
  Nesterov: ["#e42536", `M 0 ${-R - 1} L ${R + 1} ${T} H ${-R - 1} Z`],
  AdaGrad: ["#964a8b", `M 0 ${-R - 2} L ${R + 2} 0 L 0 ${R + 2} L ${-R - 2} 0 Z`],
  RMSprop: ["#9c9ca1", `M 0 ${R + 1} L ${R + 1} ${-T} H ${-R - 1} Z`],
  Adam: ["#7a21dd", "M -2.5 -7 H 2.5 V -2.5 H 7 V 2.5 H 2.5 V 7 H -2.5 V 2.5 H -7 V -2.5 H -2.5 Z"],
};
const lookOf = (name) => [...LOOKS[name.split(",")[0]], name.includes("printed")];
const RACE_STYLE = `
  .course-race .course-stage { flex: 0 1 400px; min-width: 0; width: 400px; }
  .course-race .course-map { position: relative; line-height: 0; }
  .course-race canvas { width: 100%; opacity: 0.6; }
  .course-race .course-map svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: hidden; pointer-events: none; }
  .course-race .course-map :is(polyline, path) { stroke-linejoin: round; }
  .course-race .course-casing { fill: none; stroke: var(--paper); stroke-width: 4.5; stroke-opacity: 0.75; }
  .course-race .course-trail { fill: none; stroke-width: 2; }
  .course-race .course-leader { stroke: var(--ink); stroke-width: 1; }
  .course-race text { font: 600 12.5px/1 system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--ink); stroke: var(--paper); stroke-width: 3.5; paint-order: stroke; stroke-linejoin: round; }
  .course-race .course-mark { stroke: var(--paper); stroke-width: 1.5; }
  .course-race .course-mark.course-printed { stroke-width: 2.5; }
  .course-race .course-board { flex: 1 1 280px; min-width: 0; }
  .course-race table { width: 100%; border-collapse: collapse; margin: 0; font-variant-numeric: tabular-nums; }
  .course-race :is(th, td) { padding: 4px 0 4px 7px; border-bottom: 1px solid var(--line); text-align: right; font-size: 13px; font-weight: 400; color: var(--ink); background: none; white-space: nowrap; }
  .course-race tr { background: none; }
  .course-race thead th { font-weight: 600; vertical-align: bottom; }
  .course-race th:first-child { text-align: left; white-space: normal; padding-left: 0; }
  .course-race th label { line-height: 1.2; display: flex; gap: 5px; align-items: center; }
  .course-race th svg { width: 18px; height: 18px; flex: none; }
  .course-race tr.course-away td { text-align: left; }
  .course-race .course-buttons { display: flex; flex-wrap: wrap; gap: 6px 8px; align-items: center; margin-top: 10px; }
  .course-race .course-buttons button { margin: 0; }
  .course-race .course-map.course-drag { cursor: crosshair; }
  @container (max-width: 400px) { .course-race .course-place { display: none; } }
`;

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A loss as people write it: 0.123, or 1.2·10⁻⁷ where it is small. */
function small(value) {
  if (value === 0 || Math.abs(value) >= 0.001) return write(value, Math.abs(value) < 10 ? 3 : 1);
  const [digits, power] = value.toExponential(1).split("e-");
  return `${digits.replace("-", MINUS)}·10⁻${[...power].map((digit) => SUPERSCRIPTS[digit]).join("")}`;
}

/** Paint the surface as filled contours; only its loss is asked, on a grid that is fine enough. */
function paintContours(canvas, { low, high, lowest, loss }) {
  const [columns, rows] = [100, 75];
  const field = new Float64Array((columns + 1) * (rows + 1));
  for (let row = 0, at = 0; row <= rows; row++) {
    const y = high[1] - ((high[1] - low[1]) * row) / rows;
    for (let column = 0; column <= columns; column++, at++) field[at] = loss(low[0] + ((high[0] - low[0]) * column) / columns, y);
  }
  const deepest = loss(...lowest[0]);
  const span = field.reduce((most, value) => Math.max(most, value), -Infinity) - deepest;
  const { width, height } = canvas;
  const bands = new Uint8Array(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    const v = ((y + 0.5) / height) * rows;
    for (let x = 0; x < width; x++, at++) {
      const u = ((x + 0.5) / width) * columns;
      const corner = Math.floor(v) * (columns + 1) + Math.floor(u);
      const [right, down] = [u % 1, v % 1];
      const upper = field[corner] * (1 - right) + field[corner + 1] * right;
      const under = field[corner + columns + 1] * (1 - right) + field[corner + columns + 2] * right;
      const part = Math.max(0, (upper * (1 - down) + under * down - deepest) / span);
      bands[at] = Math.min(BANDS - 1, Math.floor(BANDS * part ** 0.4));
    }
  }
  const shades = (light) => new Uint32Array(new Uint8ClampedArray(Array.from({ length: BANDS }, (_, band) =>
    [...cividis((band + 0.5) / BANDS).map((part) => light * part), 255]).flat()).buffer);
  const [plain, dark] = [shades(1), shades(0.7)]; // dark where a band ends
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  const colours = new Uint32Array(pixels.data.buffer);
  for (let at = 0; at < colours.length; at++) {
    const band = bands[at];
    colours[at] = (band !== (bands[at + 1] ?? band) || band !== (bands[at + width] ?? band) ? dark : plain)[band];
  }
  context.putImageData(pixels, 0, 0);
}

/** Move labels apart, up and down, until none lies over another; each is {x, y, width}. */
function spread(labels, height) {
  const touch = (a, b) => Math.min(a.x + a.width, b.x + b.width) > Math.max(a.x, b.x) && Math.abs(a.y - b.y) < height;
  const ordered = [...labels].sort((a, b) => a.y - b.y);
  for (let round = 0; round < 40; round++) {
    ordered.forEach((a, i) => ordered.slice(i + 1).forEach((b) => {
      if (!touch(a, b)) return;
      const push = (height - (b.y - a.y)) / 2;
      a.y -= push;
      b.y += push;
    }));
    for (const label of ordered) label.y = clamp(label.y, height / 2, HEIGHT - height / 2);
  }
}

const inWords = (names) => names.join(", ").replace(/, (?=[^,]*$)/, " and ");
const stepsWord = (count) => (count === 1 ? "1 step" : `${count} steps`);

export default courseFigure({
  name: "optimiser_race",
  traits: ["surface", "start", "eta", "alpha", "beta1", "beta2", "rho", "shown", "step"],
  label: "Map of the loss. Arrow keys move the start; full stop and comma step on and back; Home and End go to the first and last step.",

  numbers(state) {
    const { loss, lowest } = SURFACES[state.surface];
    const { step } = state;
    const deepest = loss(...lowest[0]);
    const enough = deepest + NEAR * (loss(...state.start) - deepest);
    const runners = {};
    for (const name of state.shown) {
      const { places, losses } = pathOf(name, state);
      const isThere = places.length > step;
      let arrived = isThere ? step + 1 : null;
      while (isThere && losses[arrived - 1] <= enough) arrived--;
      runners[name] = {
        position: isThere ? places[step] : null,
        loss: isThere ? losses[step] : null,
        arrived: arrived > step ? null : arrived,
        left: isThere ? null : places.length,
      };
    }
    return { step, enough, runners };
  },

  says({ surface, step }, { runners }) {
    const on = Object.keys(runners).filter((name) => runners[name].position);
    const left = Object.keys(runners).filter((name) => !runners[name].position);
    const ordered = on.sort((a, b) => runners[a].loss - runners[b].loss);
    const where = `After ${stepsWord(step)} on the ${surface}`;
    const first = ordered.length ? `: ${ordered.map((name) => `${name} ${small(runners[name].loss)}`).join("; ")}.` : ".";
    const lost = left.map((name) => ` ${name} left the map at step ${runners[name].left}.`).join("");
    return `${where}, lowest loss first${first}${lost}`;
  },

  settle(next, changes) {
    const own = SURFACES[next.surface];
    const moved = "surface" in changes ? { ...next, start: own.start, eta: own.eta } : next;
    const start = moved.start.map((w, i) => clamp(w, own.low[i], own.high[i]));
    return { ...moved, start, step: clamp(moved.step, 0, STEPS) };
  },

  move({ surface, start }, dRow, dColumn) {
    const { low, high } = SURFACES[surface];
    const by = (high[0] - low[0]) / 40;
    return { start: [start[0] + dColumn * by, start[1] - dRow * by].map((w) => Number(w.toFixed(6))) };
  },
  keys: {
    ".": ({ step }) => ({ step: step + 1 }),
    ",": ({ step }) => ({ step: step - 1 }),
    Home: () => ({ step: 0 }),
    End: () => ({ step: STEPS }),
  },

  build({ model, root, stage, says, set, on, choose, slide, press, drag }) {
    root.classList.add("course-race");
    const part = { low: 0, high: 0.99, step: 0.01 };
    const share = (label, key) => slide(label, part, (state) => state[key], (value) => ({ [key]: value }));
    const tails = [0, 0.5, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999]; // of β₂
    const nearest = (beta) => tails.reduce((best, one, i) => (Math.abs(one - beta) < Math.abs(tails[best] - beta) ? i : best), 0);
    const controls = make("div", { class: "course-controls" },
      choose("surface", () => Object.keys(SURFACES), ({ surface }) => surface, (surface) => ({ surface })),
      slide("η", { low: -3, high: 0.5, step: 0.05, words: (power) => write(10 ** power, 4) }, ({ eta }) => Math.log10(eta),
        (power) => ({ eta: Number((10 ** power).toPrecision(2)) })),
      share("α, momentum", "alpha"),
      share("β₁, Adam", "beta1"),
      slide("β₂, Adam", { low: 0, high: tails.length - 1, step: 1, words: (at) => write(tails[at], 4) }, ({ beta2 }) => nearest(beta2),
        (at) => ({ beta2: tails[at] })),
      share("ρ, RMSprop", "rho"),
    );

    const canvas = make("canvas", { width: WIDTH * FINE, height: HEIGHT * FINE });
    const overlay = make("svg:svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" });
    const map = make("div", { class: "course-map" }, canvas, overlay);
    const title = make("div", { class: "course-title" });
    stage.append(title, map);
    drag(map, (y, x, { surface }) => {
      const { low, high } = SURFACES[surface];
      const place = [low[0] + x * (high[0] - low[0]), high[1] - y * (high[1] - low[1])];
      return { start: place.map((w) => Number(w.toFixed(3))) };
    });

    let frame; // the number of the next frame while the race runs
    let isHalfway = false; // Play goes on from here, and else from the start
    const pause = () => {
      cancelAnimationFrame(frame);
      [frame, isHalfway] = [undefined, true];
      says.setAttribute("aria-live", "polite");
    };
    const start = ({ step }) => {
      const from = isHalfway && step < STEPS ? step : 0;
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) return { step: STEPS };
      says.setAttribute("aria-live", "off"); // the end is told, not every step
      let began;
      const tick = (now) => {
        if (!root.isConnected) return;
        began ??= now;
        const at = Math.min(STEPS, from + Math.floor(((now - began) / 1000) * PACE));
        frame = requestAnimationFrame(tick);
        if (at < STEPS) return model.set("step", at); // the kernel hears of the end only
        pause();
        set({ step: at });
      };
      frame = requestAnimationFrame(tick);
      return { step: from };
    };
    const halted = (changes) => (state) => {
      pause();
      return changes(state);
    };
    const play = press("Play", (state) => (frame === undefined ? start(state) : halted(({ step }) => ({ step }))(state)));
    const time = slide("step", { low: 0, high: STEPS, step: 1 }, ({ step }) => step, (step) => halted(() => ({ step }))());
    const buttons = make("div", { class: "course-buttons" }, play,
      press("Step", halted(({ step }) => ({ step: step + 1 }))), press("Reset", halted(() => ({ step: 0 }))), time);
    stage.append(buttons);

    const swatch = (name) => {
      const [colour, shape, isPrinted] = lookOf(name);
      return paintMark(make("svg:path", { d: shape }), colour, isPrinted);
    };
    const paintMark = (mark, colour, isPrinted) => {
      const ink = `color-mix(in oklab, ${colour} 82%, var(--ink))`;
      mark.setAttribute("class", `course-mark ${isPrinted ? "course-printed" : ""}`);
      mark.style.fill = isPrinted ? "var(--paper)" : ink;
      if (isPrinted) mark.style.stroke = ink;
      return mark;
    };
    const lines = NAMES.map((name) => {
      const box = make("input", { type: "checkbox", "aria-label": name, "data-lm-suppress-shortcuts": "true" });
      on(box, "change", () => {
        const shown = model.get("shown");
        set({ shown: NAMES.filter((one) => (one === name ? box.checked : shown.includes(one))) });
      });
      const picture = make("svg:svg", { viewBox: "-9 -9 18 18", "aria-hidden": "true" }, swatch(name));
      const cells = ["", "course-place", "course-place", ""].map((kind) => make("td", { class: kind }));
      const head = make("th", { scope: "row" }, make("label", {}, box, picture, name));
      const tr = make("tr", {}, head, ...cells);
      const [colour, shape, isPrinted] = lookOf(name);
      const trail = make("svg:polyline", { class: "course-trail" });
      trail.style.stroke = `color-mix(in oklab, ${colour} 82%, var(--ink))`;
      if (isPrinted) trail.setAttribute("stroke-dasharray", "5 4");
      const group = make("svg:g", {}, make("svg:polyline", { class: "course-casing" }), trail);
      const [leader, mark, text] = [make("svg:line", { class: "course-leader" }), swatch(name), make("svg:text", {})];
      const label = make("svg:g", {}, leader, mark, text);
      return { name, box, tr, cells, group, label, leader, mark, text, shape };
    });
    const heads = ["runner", "loss", "w₁", "w₂", "there since"].map((words, i) =>
      make("th", { scope: "col", class: i === 2 || i === 3 ? "course-place" : "" }, words));
    const note = make("div", { style: "margin-top:8px;font-size:13px" });
    const board = make("div", { class: "course-board" },
      make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...lines.map(({ tr }) => tr))), note);
    const flag = make("svg:path", { d: "M 0 0 V -16 L 11 -12 L 0 -8", fill: "none", stroke: "var(--ink)", "stroke-width": 2 });
    const goals = make("svg:g", {});
    overlay.append(goals, ...lines.map(({ group }) => group), flag, ...lines.map(({ label }) => label));
    root.prepend(make("style", {}, RACE_STYLE), controls, make("div", { class: "course-panels" }, stage, board));

    let painted;
    const paint = (surface) => {
      const { low, high, lowest } = SURFACES[surface];
      paintContours(canvas, SURFACES[surface]);
      title.textContent = `w₁ across, ${write(low[0])} to ${write(high[0])}; w₂ up, ${write(low[1])} to ${write(high[1])}`;
      goals.replaceChildren(...lowest.map((place) => {
        const [x, y] = onMap(surface, place);
        return make("svg:path", { d: `M ${x - 6} ${y} H ${x + 6} M ${x} ${y - 6} V ${y + 6}`, stroke: "#fff", "stroke-width": 2 });
      }));
      painted = surface;
    };
    const onMap = (surface, [x, y]) => {
      const { low, high } = SURFACES[surface];
      return [((x - low[0]) / (high[0] - low[0])) * WIDTH, ((high[1] - y) / (high[1] - low[1])) * HEIGHT];
    };

    const drawLine = (state, { name, box, tr, cells, group, label }, runner) => {
      box.checked = Boolean(runner);
      for (const element of [group, label]) element.style.display = runner ? "" : "none";
      tr.classList.toggle("course-away", Boolean(runner && !runner.position));
      const [loss, x, y, arrived] = cells;
      const isAway = runner && !runner.position;
      loss.colSpan = isAway ? 4 : 1;
      for (const cell of [x, y, arrived]) cell.hidden = isAway;
      say(loss, !runner ? "" : isAway ? `left the map at step ${runner.left}` : small(runner.loss));
      [x, y].forEach((cell, i) => say(cell, runner?.position ? write(runner.position[i]) : ""));
      say(arrived, !runner ? "" : runner.arrived === null ? "not yet" : `step ${runner.arrived}`);
      if (!runner) return undefined;
      const places = pathOf(name, state).places.slice(0, state.step + 1).map((place) => onMap(state.surface, place));
      const points = places.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(" ");
      for (const line of group.children) line.setAttribute("points", points);
      return [clamp(places.at(-1)[0], 7, WIDTH - 7), clamp(places.at(-1)[1], 7, HEIGHT - 7)];
    };

    return (state, { runners, enough }) => {
      if (painted !== state.surface) paint(state.surface);
      say(play, frame === undefined ? "Play" : "Pause");
      const labels = lines.flatMap((line) => {
        const place = drawLine(state, line, runners[line.name]);
        if (!place) return [];
        const width = 7.4 * line.name.length + 12;
        const isRight = place[0] + 12 + width < WIDTH;
        return [{ line, place, isRight, width, x: isRight ? place[0] + 12 : place[0] - 12 - width, y: place[1] }];
      });
      spread(labels, 15);
      for (const { line, place, isRight, width, x, y } of labels) {
        line.mark.setAttribute("transform", `translate(${place})`);
        const side = isRight ? x : x + width;
        say(line.text, line.name);
        for (const [key, value] of Object.entries({ x: side, y: y + 4, "text-anchor": isRight ? "start" : "end" })) line.text.setAttribute(key, value);
        const ends = Math.abs(y - place[1]) > 6 ? { x1: place[0], y1: place[1], x2: side, y2: y } : { x1: 0, y1: 0, x2: 0, y2: 0 };
        for (const [key, value] of Object.entries(ends)) line.leader.setAttribute(key, value);
      }
      flag.setAttribute("transform", `translate(${onMap(state.surface, state.start)})`);
      say(note, `Flag: the start, click or drag to move it. White cross: lowest loss. There: at a loss of ${small(enough)} or less, with a thousandth of the way down left.`);
    };
  },
});
