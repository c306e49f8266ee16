// What every figure shares: its state in the model's traits, its controls, its status line.
//
// A module NAME.mjs describes one figure in a `FigureSpec` and ends with
// `export default courseFigure(figure)`. Modules import each other by name and by relative path
// only: Python joins them into one script for anywidget, which loads a figure from a blob.

import { clamp, createElement, formatNumber, setText } from "./drawing.mjs";
import { pictureOf } from "./picture.mjs";

/**
 * What anywidget hands over: the traits, shared with Python.
 * @typedef {object} Model
 * @property {(name: string) => any} get
 * @property {(name: string, value: unknown) => void} set
 * @property {() => void} save_changes
 * @property {(content: Record<string, unknown>) => void} send  a message of the figure's own
 * @property {(event: string, listener: () => void) => void} on
 * @property {(event: string, listener: () => void) => void} off
 */

/**
 * @template State
 * @typedef {Partial<State> | undefined | false} Changes  what to set; nothing where there is none
 */

/**
 * @template State
 * @template Numbers
 * @typedef {object} FigureSpec
 * @property {string} name                        as in NAME.py
 * @property {(keyof State & string)[]} traits    what the figure reads
 * @property {(keyof State & string)[]} [large]   those of them too big for data-state
 * @property {{ [Name in keyof State]?: [number, number] }} [limits]  smallest and largest number,
 *   as in Python's traits
 * @property {{ [Name in keyof State]?: readonly State[Name][] }} [choices]  allowed values, likewise
 * @property {string} label                       the name of the stage, which the keyboard reaches
 * @property {(state: State) => Numbers} numbers  the same as numbers() in Python
 * @property {(state: State, numbers: Numbers) => string} summary  one line: what the picture shows
 * @property {(next: State, changes: Partial<State>, before: State) => State} [normalizeState]
 *   keeps the state consistent; throws Error(reason) to refuse it
 * @property {(state: State, dRow: number, dColumn: number) => Changes<State>} move  the arrow keys
 * @property {Record<string, (state: State) => Changes<State>>} [keys]  further keys
 * @property {(view: FigureView<State>) => (state: State, numbers: Numbers) => void} build  lays out
 *   the figure and returns what draws one state
 */

/**
 * @typedef {object} Range
 * @property {number} low
 * @property {number} high
 * @property {number} step
 * @property {(value: number) => string} [words]
 */

export const OWN = "your own"; // in a menu of presets, where none of them is shown

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * Keep numbers within their limits and refuse values that are no choice; then what the figure asks.
 * @template State
 * @param {FigureSpec<State, any>} spec
 * @param {State} state
 * @param {Partial<State>} changes
 * @returns {State}
 */
export function normalize(spec, state, changes) {
  const next = { ...state, ...changes };
  for (const name of spec.traits) {
    const [limits, choices, value] = [spec.limits?.[name], spec.choices?.[name], next[name]];
    if (limits && typeof value === "number") {
      Object.assign(next, { [name]: clamp(value, ...limits) });
    }
    if (choices && !choices.includes(value)) {
      throw new Error(`Refused: ${name} ${value} is none of ${choices.join(", ")}.`);
    }
  }
  return spec.normalizeState ? spec.normalizeState(next, changes, state) : next;
}

/**
 * A figure on the page: its elements, and how it is moved.
 * @template State
 */
export class FigureView {
  /**
   * @param {FigureSpec<State, any>} spec
   * @param {Model} model
   */
  constructor(spec, model) {
    this.spec = spec;
    this.model = model;
    this.small = spec.traits.filter((name) => !(spec.large ?? []).includes(name));
    this.refusal = "";
    this.closing = new AbortController();
    /** @type {((state: State) => void)[]} */
    this.controls = [];
    this.isWaiting = false; // many traits may change at once: draw once, before the next frame
    this.drawLater = this.drawLater.bind(this);
    /** @type {(state: State, numbers: any) => void} */
    this.drawPicture = () => {};
    this.root = createElement("div", { class: "course-figure", "data-figure": spec.name });
    this.stage = createElement("div", {
      class: "course-stage",
      tabindex: 0,
      role: "application",
      "aria-label": spec.label,
      "data-lm-suppress-shortcuts": "true",
    });
    this.statusLine = createElement("p", { class: "course-status", "aria-live": "polite" });
    this.root.append(this.stage, this.statusLine);
    this.listen(this.stage, "keydown", (event) => this.pressKey(event));
  }

  /** @returns {State} */
  read() {
    return /** @type {State} */ (
      Object.fromEntries(this.spec.traits.map((name) => [name, this.model.get(name)]))
    );
  }

  /**
   * Move the figure, or say why not.
   * @param {Changes<State>} changes
   */
  set(changes) {
    if (!changes) return;
    try {
      const next = normalize(this.spec, this.read(), changes);
      this.refusal = "";
      for (const name of this.small) this.model.set(name, next[name]);
      this.model.save_changes();
    } catch (error) {
      this.refusal = error instanceof Error ? error.message : String(error);
    }
    this.drawLater();
  }

  drawLater() {
    if (!this.isWaiting) queueMicrotask(() => this.draw());
    this.isWaiting = true;
  }

  draw() {
    this.isWaiting = false;
    const state = this.read();
    const numbers = this.spec.numbers(state);
    this.drawPicture(state, numbers);
    for (const update of this.controls) update(state);
    // what has not changed is not read out again
    setText(this.statusLine, this.refusal || this.spec.summary(state, numbers));
    const small = Object.fromEntries(this.small.map((name) => [name, state[name]]));
    this.root.dataset.state = JSON.stringify(small);
    this.root.dataset.numbers = JSON.stringify(numbers);
  }

  /**
   * Listen until the figure is closed.
   * @template {keyof HTMLElementEventMap} Type
   * @param {Element} target
   * @param {Type} type
   * @param {(event: HTMLElementEventMap[Type]) => void} listener
   */
  listen(target, type, listener) {
    const { signal } = this.closing;
    target.addEventListener(type, /** @type {EventListener} */ (listener), { signal });
  }

  /** @param {KeyboardEvent} event */
  pressKey(event) {
    if (event.target !== this.stage || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const changes = arrow
      ? this.spec.move(this.read(), ...arrow)
      : this.spec.keys?.[event.key]?.(this.read());
    if (!changes) return;
    event.preventDefault();
    event.stopPropagation();
    this.set(changes);
  }

  /**
   * A control under its name; `update` brings it up to a state.
   * @param {string} label
   * @param {HTMLElement} element
   * @param {(state: State) => void} update
   */
  control(label, element, update) {
    element.setAttribute("data-lm-suppress-shortcuts", "true");
    this.controls.push(update);
    const name = createElement("span", {}, label);
    return createElement("label", { class: "course-control" }, name, element);
  }

  /**
   * A menu.
   * @param {string} label
   * @param {(state: State) => readonly string[]} options
   * @param {(state: State) => string} value
   * @param {(option: string, state: State) => Changes<State>} changed
   */
  select(label, options, value, changed) {
    const menu = createElement("select", { "aria-label": label });
    for (const option of options(this.read())) {
      menu.append(createElement("option", { value: option }, option));
    }
    this.listen(menu, "change", () => this.set(changed(menu.value, this.read())));
    return this.control(label, menu, (state) => setValue(menu, value(state)));
  }

  /**
   * A field for a whole number; "" where there is none.
   * @param {string} label
   * @param {[number, number]} limits
   * @param {(state: State) => number | ""} value
   * @param {(number: number, state: State) => Changes<State>} changed
   */
  numberInput(label, [min, max], value, changed) {
    const input = createElement("input", { type: "number", min, max, "aria-label": label });
    this.listen(input, "change", () => {
      const number = Number.parseInt(input.value, 10);
      if (Number.isFinite(number)) this.set(changed(clamp(number, min, max), this.read()));
      this.drawLater();
    });
    return this.control(label, input, (state) => setValue(input, value(state)));
  }

  /**
   * A field for one of the traits with `limits`.
   * @param {string} label
   * @param {keyof State & string} name
   */
  traitInput(label, name) {
    const limits = this.spec.limits?.[name];
    if (!limits) throw new Error(`${name} has no limits`);
    return this.numberInput(
      label,
      limits,
      (state) => /** @type {number} */ (state[name]),
      (value) => /** @type {any} */ ({ [name]: value }),
    );
  }

  /**
   * A menu for one of the traits with `choices`.
   * @param {string} label
   * @param {keyof State & string} name
   */
  traitSelect(label, name) {
    const choices = /** @type {readonly string[] | undefined} */ (this.spec.choices?.[name]);
    if (!choices) throw new Error(`${name} has no choices`);
    return this.select(
      label,
      () => choices,
      (state) => /** @type {string} */ (state[name]),
      (value) => /** @type {any} */ ({ [name]: value }),
    );
  }

  /**
   * A menu of named presets; it says OWN where the state is none of them.
   * @template Preset
   * @param {string} label
   * @param {(state: State) => Record<string, Preset>} presets
   * @param {(state: State) => string | undefined} nameOf
   * @param {(preset: Preset) => Changes<State>} changes
   */
  presetSelect(label, presets, nameOf, changes) {
    return this.select(
      label,
      (state) => [...Object.keys(presets(state)), OWN],
      (state) => nameOf(state) ?? OWN,
      (name, state) => (name in presets(state) ? changes(presets(state)[name]) : undefined),
    );
  }

  /**
   * A slider that shows its value in words.
   * @param {string} label
   * @param {Range} range
   * @param {(state: State) => number} value
   * @param {(number: number, state: State) => Changes<State>} changed
   */
  slider(label, { low, high, step, words = formatNumber }, value, changed) {
    const range = { type: "range", min: low, max: high, step, "aria-label": label };
    const input = createElement("input", range);
    const output = createElement("output");
    this.listen(input, "input", () => this.set(changed(input.valueAsNumber, this.read())));
    const box = this.control(label, input, (state) => {
      setValue(input, value(state));
      setText(output, words(value(state)));
      input.setAttribute("aria-valuetext", output.textContent ?? "");
    });
    box.append(output);
    return box;
  }

  /**
   * @param {string} label
   * @param {(state: State) => Changes<State>} changed
   */
  button(label, changed) {
    const attributes = { type: "button", "data-lm-suppress-shortcuts": "true" };
    const button = createElement("button", attributes, label);
    this.listen(button, "click", () => this.set(changed(this.read())));
    return button;
  }

  /**
   * Let the pointer grab an element; y and x are fractions of it, `start` is where it was grabbed.
   * @param {HTMLElement | SVGElement} element
   * @param {(y: number, x: number, state: State, start: {y: number, x: number, state: State})
   *   => Changes<State>} changed
   */
  draggable(element, changed) {
    element.classList.add("course-drag");
    /** @type {{y: number, x: number, state: State} | undefined} */
    let start;
    /** @param {PointerEvent} event */
    const follow = (event) => {
      const place = { ...placeIn(element, event), state: this.read() };
      start ??= place;
      this.set(changed(place.y, place.x, place.state, start));
    };
    this.listen(element, "pointerdown", (event) => {
      event.preventDefault();
      element.setPointerCapture(event.pointerId);
      this.stage.focus({ preventScroll: true });
      start = undefined;
      follow(event);
    });
    this.listen(element, "pointermove", (event) => {
      if (element.hasPointerCapture(event.pointerId)) follow(event);
    });
  }

  /** Once the page shows the figure, send Python the picture that stands in for it later. */
  sendPicture() {
    const observer = new ResizeObserver(async () => {
      if (!this.root.clientWidth) return;
      observer.disconnect();
      const picture = await pictureOf(this.root, this.model.get("_css")).catch(() => "");
      this.model.send({ picture, alt: this.statusLine.textContent ?? "" });
    });
    observer.observe(this.root);
    this.closing.signal.addEventListener("abort", () => observer.disconnect());
  }

  close() {
    this.closing.abort();
    for (const name of this.spec.traits) this.model.off(`change:${name}`, this.drawLater);
  }
}

/**
 * Where the pointer is, in fractions of an element.
 * @param {Element} element
 * @param {MouseEvent} event
 */
export function placeIn(element, event) {
  const box = element.getBoundingClientRect();
  // 0.9999: a fraction times a count must never reach the count
  return {
    y: clamp((event.clientY - box.top) / box.height, 0, 0.9999),
    x: clamp((event.clientX - box.left) / box.width, 0, 0.9999),
  };
}

/**
 * The browser looks at every form that changes: leave alone what shows the value already.
 * @param {HTMLInputElement | HTMLSelectElement} element
 * @param {string | number} value
 */
function setValue(element, value) {
  if (element.value !== String(value)) element.value = String(value);
}

/**
 * The widget that anywidget loads.
 * @template State
 * @template Numbers
 * @param {FigureSpec<State, Numbers>} spec
 */
export function courseFigure(spec) {
  /** @param {{model: Model, el: HTMLElement}} page */
  function render({ model, el }) {
    const view = new FigureView(spec, model);
    el.append(view.root);
    view.drawPicture = spec.build(view);
    for (const name of spec.traits) model.on(`change:${name}`, view.drawLater);
    view.draw();
    view.sendPicture();
    return () => view.close();
  }
  return { render };
}
