/** The forms of a page: what a reader answers, and what is said to it. See pages_forms.py. */

import { decide, decideChoice, digest } from "./answers.mjs";
import { parseNumber } from "./numbers.mjs";
import { download, load, record } from "./progress.mjs";

/** @import { Table, Verdict } from "./answers.mjs" */

const OPENINGS = { ok: "✓ Right.", todo: "○ Not attempted yet.", mistake: "✗ Not yet:" };
const HOW_TO_WRITE = "Write it like 2416, 2,416, 28/16 or 3*32*32; a decimal point is a point.";

for (const form of document.querySelectorAll("form[data-exercise]")) {
  if (form instanceof HTMLFormElement) start(form);
}
for (const button of document.querySelectorAll("button[data-save-progress]")) {
  button.addEventListener("click", download);
}
showPassed();

/** @param {HTMLFormElement} form */
function start(form) {
  /** @type {Table} */
  const table = JSON.parse(form.querySelector("script")?.textContent ?? "");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (table.kind === "choice") answerChoice(form, table);
    else if (table.kind === "listed") answerFromList(form, table);
    else answerNumbers(form, table);
  });
  form.addEventListener("keydown", (event) => {
    const { target } = event;
    if (table.kind === "grid" || table.kind === "weighted")
      moveInGrid(table, boxesOf(form), target, event);
  });
}

/** @param {HTMLFormElement} form */
function boxesOf(form) {
  return [...form.querySelectorAll("input")];
}

/**
 * Go up and down a column by the arrow keys.
 *
 * @param {Table} table
 * @param {HTMLInputElement[]} boxes
 * @param {EventTarget | null} target
 * @param {KeyboardEvent} event
 */
function moveInGrid(table, boxes, target, event) {
  const step = { ArrowUp: -table.shape[1], ArrowDown: table.shape[1] }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  boxes[boxes.indexOf(/** @type {HTMLInputElement} */ (target)) + step]?.focus();
}

/**
 * @param {HTMLFormElement} form
 * @param {Table} table
 */
function answerChoice(form, table) {
  const chosen = boxesOf(form).find((box) => box.checked);
  if (!chosen) return say(form, table, todo("Choose one of the answers."));
  judged(form, table, decideChoice(table, [chosen.value]), chosen.value);
}

/**
 * @param {HTMLFormElement} form
 * @param {Table} table
 */
function answerFromList(form, table) {
  const lists = [...form.querySelectorAll("select")];
  const letters = lists.map((list) => list.value);
  if (letters.includes("")) {
    lists[letters.indexOf("")].focus();
    return say(form, table, todo("Choose one in every list."));
  }
  judged(form, table, decideChoice(table, letters), letters.join(" "));
}

/**
 * @param {HTMLFormElement} form
 * @param {Table} table
 */
function answerNumbers(form, table) {
  const boxes = boxesOf(form);
  const numbers = boxes.map((box) => parseNumber(box.value));
  for (const box of boxes) mark(box, null);
  const unread = boxes.findIndex((box, k) => box.value.trim() !== "" && numbers[k] === null);
  if (unread >= 0) {
    mark(boxes[unread], false);
    boxes[unread].focus();
    return say(form, table, todo(`“${boxes[unread].value}” is no number. ${HOW_TO_WRITE}`));
  }
  if (numbers.includes(null)) {
    const words =
      boxes.length > 1
        ? "Fill in every box, then press Enter."
        : "Write a number, then press Enter.";
    boxes[numbers.indexOf(null)].focus();
    return say(form, table, todo(words));
  }
  const values = /** @type {number[]} */ (numbers);
  const verdict = decide(table, values);
  if (verdict.right.length > 1) {
    for (const [k, box] of boxes.entries()) mark(box, verdict.right[k]);
  }
  judged(form, table, verdict, values.join(" "));
}

/**
 * @param {string} message
 * @returns {Verdict}
 */
function todo(message) {
  return { status: "todo", message, findings: [], right: [] };
}

/**
 * Tell a box right or wrong, by a sign and for screen readers; null takes the mark away.
 *
 * @param {HTMLInputElement} box
 * @param {boolean | null} isRight
 */
function mark(box, isRight) {
  const sign = box.parentElement?.querySelector(".course-mark");
  if (sign) sign.textContent = isRight === null ? "" : isRight ? "✓" : "✗";
  box.ariaInvalid = isRight === false ? "true" : null;
}

/**
 * @param {HTMLFormElement} form
 * @param {Table} table
 * @param {Verdict} verdict
 * @param {string} answer
 */
function judged(form, table, verdict, answer) {
  const entry = record(table, verdict, digest(table.salt, "try", answer));
  const hints = verdict.status === "ok" ? [] : table.hints.slice(0, entry.tries.length);
  say(form, table, verdict, hints);
  showPassed();
}

/**
 * @param {HTMLFormElement} form
 * @param {Table} table
 * @param {Verdict} verdict
 * @param {string[]} hints
 */
function say(form, table, verdict, hints = []) {
  const status = /** @type {HTMLElement} */ (form.querySelector('[role="status"]'));
  const opening = OPENINGS[/** @type {keyof typeof OPENINGS} */ (verdict.status)] ?? "✗ Not yet.";
  const words = make("p", make("strong", opening), " ", ...withCode(verdict.message));
  const parts = verdict.status === "ok" ? [] : (table.parts ?? []);
  const marks = parts.map((name, k) => `${verdict.right[k] ? "✓" : "✗"} ${name}`).join("   ");
  const unfolded = hints.map((hint, k) =>
    make("details", make("summary", `Hint ${k + 1}`), make("p", ...withCode(hint))),
  );
  const shown = verdict.right.length > 1 && marks ? [make("p", marks)] : [];
  status.replaceChildren(words, ...shown, ...unfolded);
  status.dataset.status = verdict.status;
}

/**
 * @param {string} tag
 * @param {...(Node | string)} content
 */
function make(tag, ...content) {
  const element = document.createElement(tag);
  element.append(...content);
  return element;
}

/**
 * Text, with what stands between backticks as code.
 *
 * @param {string} text
 * @returns {(Node | string)[]}
 */
function withCode(text) {
  return text.split("`").map((piece, k) => (k % 2 ? make("code", piece) : piece));
}

/** Say on the page how many of its exercises are passed. */
function showPassed() {
  const progress = load();
  for (const line of document.querySelectorAll("[data-passed]")) {
    const numbers = (line.getAttribute("data-passed") ?? "").split(" ").filter(Boolean);
    const passed = numbers.filter((number) => progress[number]?.passed).length;
    line.textContent = `${passed} of ${numbers.length} answered here`;
  }
}
