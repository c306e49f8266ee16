// What every figure shares. Python joins this file in front of NAME.mjs, so it exports nothing.
//
// export default courseFigure({
//   name,                          as in NAME.py
//   traits: ["row", …],            what the figure reads
//   large: ["image"],              those of them too big for data-state
//   label,                         what the keyboard reaches: the name of the stage
//   numbers(state) → object,       the same as numbers() in Python
//   says(state, numbers) → text,   one line: what the picture shows
//   settle(next, changes) → next,  optional: keep the state consistent; throw Error(reason) to refuse
//   move(state, dRow, dColumn) → changes,        the arrow keys
//   keys: {"1": (state) → changes},              optional: further keys
//   build({root, stage, says, set, on, choose, count, slide, press, drag}) → draw(state, numbers),
//     set(changes) moves the figure, on(element, event, action) listens until it is closed,
//     choose, count, slide and press make named controls,
//     drag(element, (y, x, state, start) → changes) grabs; start is {y, x, state} at its beginning.
// });

const SVG = "http://www.w3.org/2000/svg";
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const MINUS = "\u2212";

/** make("div", {class: "a"}, child, "text", …); SVG elements too: make("svg:rect", {…}). */
function make(name, attributes = {}, ...children) {
  const [tag, vector] = [name.replace("svg:", ""), name.startsWith("svg:")];
  const element = vector ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Write words into an element that shows others: touching the page is what costs time. */
function say(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/** A number as people write it: a true minus sign, at most `digits` decimals. */
function write(value, digits = 2) {
  return String(Number(value.toFixed(digits))).replace("-", MINUS);
}

/** A factor inside a sum: negative numbers in brackets. */
function factor(value) {
  return value < 0 ? `(${write(value)})` : write(value);
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** A function of an object and a key, and of more if wanted, that computes each value once. */
function once(compute) {
  const known = new WeakMap();
  return (object, key = "", ...more) => {
    if (!known.has(object)) known.set(object, new Map());
    const values = known.get(object);
    if (!values.has(key)) values.set(key, compute(object, key, ...more));
    return values.get(key);
  };
}

/** Purple above 0, orange below, as in PuOr; the number beside it carries the sign. */
function tint(value, largest) {
  const strength = largest > 0 ? 0.65 * Math.min(1, Math.abs(value) / largest) : 0;
  return `rgb(${value < 0 ? "224 130 20" : "128 100 200"} / ${strength.toFixed(3)})`;
}

// matplotlib's cividis at ten places, from its lowest to its highest colour.
const CIVIDIS = [
  [0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115],
  [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56],
];

/** Colour of a value in 0 … 1, as [r, g, b]. */
function cividis(value) {
  const at = clamp(value, 0, 1) * (CIVIDIS.length - 1);
  const low = Math.min(Math.floor(at), CIVIDIS.length - 2);
  return CIVIDIS[low].map((part, i) => part + (CIVIDIS[low + 1][i] - part) * (at - low));
}

/**
 * A table of numbers. put(row, column, text, {above, below, kind, fill}) writes a cell, with two
 * small notes if wanted; outline(row, column, rows, columns) frames a part of it.
 */
function table(rows, columns, cell, className = "") {
  const [width, height] = [columns * cell + 4, rows * cell + 4];
  const svg = make("svg:svg", {
    viewBox: `-2 -2 ${width} ${height}`,
    style: `width:${width}px`,
    class: `course-table ${className}`,
    "aria-hidden": "true",
  });
  const cells = Array.from({ length: rows * columns }, (_, at) => {
    const [x, y] = [(at % columns) * cell, Math.floor(at / columns) * cell];
    const box = make("svg:rect", { x, y, width: cell, height: cell });
    const [text, above, below] = [0.52, 0.18, 0.84].map((part) =>
      make("svg:text", { x: x + cell / 2, y: y + part * cell }),
    );
    above.style.fontSize = below.style.fontSize = `${cell * 0.18}px`;
    svg.append(box, text, above, below);
    return { box, text, above, below };
  });
  const frame = make("svg:rect", { class: "course-outline" });
  svg.append(frame);
  const put = (row, column, words, { above = "", below = "", kind = "", fill = "" } = {}) => {
    const at = cells[row * columns + column];
    const content = [words, above, below, kind, fill].join("|");
    if (at.content === content) return;
    at.content = content;
    const share = (above ? 0.8 : 1) * (words.length > 4 ? 0.3 : words.length > 3 ? 0.36 : 0.42);
    at.text.style.fontSize = `${cell * share}px`;
    at.text.textContent = words;
    at.above.textContent = above;
    at.below.textContent = below;
    at.box.setAttribute("class", kind);
    at.text.setAttribute("class", kind);
    at.box.style.fill = fill;
  };
  const outline = (row, column, tall, wide) => {
    const box = { x: column * cell, y: row * cell, width: wide * cell, height: tall * cell };
    for (const [name, value] of Object.entries(box)) frame.setAttribute(name, value);
  };
  return { svg, put, outline };
}

/** A picture of rows × columns pixels; paint(rgb) with rgb(row, column) → [r, g, b]. */
function picture(rows, columns, width) {
  const canvas = make("canvas", { width: columns, height: rows, style: `width:${width}px` });
  const context = canvas.getContext("2d");
  const paint = (rgb) => {
    const pixels = context.createImageData(columns, rows);
    for (let row = 0, i = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, i += 4) {
        pixels.data.set(rgb(row, column), i);
        pixels.data[i + 3] = 255;
      }
    }
    context.putImageData(pixels, 0, 0);
  };
  const frame = make("div", { class: "course-picture-frame", style: `width:${width}px` }, canvas);
  return { frame, paint };
}

/** An outline over a picture, black and white so that it shows on anything; in fractions of it. */
function marker(frame) {
  const outline = make("div", { class: "course-marker" });
  frame.append(outline);
  return (top, left, height, width) => {
    Object.assign(outline.style, {
      top: `${100 * top}%`,
      left: `${100 * left}%`,
      height: `${100 * height}%`,
      width: `${100 * width}%`,
    });
  };
}

function courseFigure(spec) {
  function render({ model, el }) {
    const names = spec.traits;
    const small = names.filter((name) => !(spec.large ?? []).includes(name));
    const stop = new AbortController();
    const on = (target, event, action) =>
      target.addEventListener(event, action, { signal: stop.signal });
    const controls = [];
    let refusal = "";

    const read = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
    const set = (changes) => {
      if (!changes) return;
      try {
        const next = { ...read(), ...changes };
        const settled = spec.settle ? spec.settle(next, changes) : next;
        refusal = "";
        for (const name of small) model.set(name, settled[name]);
        model.save_changes();
      } catch (error) {
        refusal = error.message;
      }
      later();
    };

    const control = (label, element, update) => {
      element.setAttribute("data-lm-suppress-shortcuts", "true");
      controls.push(update);
      return make("label", { class: "course-control" }, make("span", {}, label), element);
    };
    const show = (element, value) => {
      if (element.value !== String(value)) element.value = value; // the browser looks at forms that change
    };
    const choose = (label, options, value, changed) => {
      const menu = make("select", { "aria-label": label });
      for (const option of options(read())) menu.append(make("option", { value: option }, option));
      on(menu, "change", () => set(changed(menu.value, read())));
      return control(label, menu, (state) => show(menu, value(state)));
    };
    const count = (label, low, high, value, changed) => {
      const input = make("input", { type: "number", min: low, max: high, "aria-label": label });
      on(input, "change", () => {
        const number = Number.parseInt(input.value, 10);
        if (Number.isFinite(number)) set(changed(clamp(number, low, high), read()));
        later();
      });
      return control(label, input, (state) => show(input, value(state)));
    };
    const slide = (label, { low, high, step, words = write }, value, changed) => {
      const input = make("input", { type: "range", min: low, max: high, step, "aria-label": label });
      const shown = make("output", {});
      on(input, "input", () => set(changed(input.valueAsNumber, read())));
      const box = control(label, input, (state) => {
        show(input, value(state));
        say(shown, words(value(state)));
        input.setAttribute("aria-valuetext", shown.textContent);
      });
      box.append(shown);
      return box;
    };
    const press = (label, changed) => {
      const button = make("button", { type: "button", "data-lm-suppress-shortcuts": "true" }, label);
      on(button, "click", () => set(changed(read())));
      return button;
    };
    const drag = (element, changed) => {
      element.classList.add("course-drag");
      let start;
      const follow = (event) => {
        const box = element.getBoundingClientRect();
        const place = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
        const [y, x, state] = [...place.map((part) => clamp(part, 0, 0.9999)), read()];
        start ??= { y, x, state };
        set(changed(y, x, state, start));
      };
      on(element, "pointerdown", (event) => {
        event.preventDefault();
        element.setPointerCapture(event.pointerId);
        stage.focus({ preventScroll: true });
        start = undefined;
        follow(event);
      });
      on(element, "pointermove", (event) => {
        if (element.hasPointerCapture(event.pointerId)) follow(event);
      });
    };

    const root = make("div", { class: "course-figure", "data-figure": spec.name });
    const stage = make("div", {
      class: "course-stage",
      tabindex: 0,
      role: "application",
      "aria-label": spec.label,
      "data-lm-suppress-shortcuts": "true",
    });
    const says = make("p", { class: "course-says", "aria-live": "polite" });
    on(stage, "keydown", (event) => {
      if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
      const changes = ARROWS[event.key]
        ? spec.move(read(), ...ARROWS[event.key])
        : spec.keys?.[event.key]?.(read());
      if (!changes) return;
      event.preventDefault();
      event.stopPropagation();
      set(changes);
    });
    root.append(stage, says);
    el.append(root);
    const drawPicture = spec.build({ model, root, stage, says, set, on, choose, count, slide, press, drag });

    const draw = () => {
      waiting = false;
      const state = read();
      const numbers = spec.numbers(state);
      drawPicture(state, numbers);
      for (const update of controls) update(state);
      say(says, refusal || spec.says(state, numbers)); // what has not changed is not read out again
      root.dataset.state = JSON.stringify(Object.fromEntries(small.map((n) => [n, state[n]])));
      root.dataset.numbers = JSON.stringify(numbers);
    };
    let waiting = false; // many traits may change at once: draw once, before the next frame
    const later = () => {
      if (!waiting) queueMicrotask(draw);
      waiting = true;
    };
    for (const name of names) model.on(`change:${name}`, later);
    draw();
    return () => {
      stop.abort();
      for (const name of names) model.off(`change:${name}`, later);
    };
  }
  return { render };
}
