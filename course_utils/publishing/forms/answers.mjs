/**
 * What `check` says to numbers, decided from a table that holds no answer: see tables.py.
 *
 * A number is recognised by digests of the cells of the number line that hold it, and gets a class:
 * 0 is right, UNKNOWN is nothing of which the table knows.
 */

import { computations } from "./computations.mjs";
import { normalForm } from "./numbers.mjs";

/** WebCrypto answers late, and not at all on pages of a plain HTTP server or, in some browsers, of a
 * disk; this script of npm's stands before ours.
 * @type {{ sha256: typeof import("js-sha256").sha256 }} */
const scripts = /** @type {any} */ (globalThis);
const DIGITS = 10; // of a digest
const RIGHT = 0;
const UNKNOWN = -1;
const MOST_PLACES = 3; // named in one sentence

/**
 * @typedef {{ status: string, message: string, findings: string[] }} Outcome
 * @typedef {Outcome & { right: boolean[] }} Verdict right: of each number
 * @typedef {[rank: number, outcome: number] | null} Ranked
 * @typedef {{
 *   kind: "parts" | "grid" | "weighted" | "computed" | "choice" | "listed",
 *   number: string, name: string, heading: string, hints: string[], nextStep: string, salt: string,
 *   outcomes: Outcome[], letters: Record<string, number>,
 *   shape: number[], parts: string[], whole: Record<string, number>,
 *   lexicon: { classes: Record<string, number>, levels: { w: number[], r: number[] } },
 *   masks: Record<string, number>, causes: Record<string, [string, string]>[],
 *   listed: [number[], string, string][], sighted: number[][],
 *   sum: string, sorted: string, changed: Ranked[], moved: Ranked[],
 *   script: string, data: unknown, told: Record<string, number>,
 *   weights: number[], together: Record<string, Record<number, number>>, exact: Record<string, number>, general: number,
 * }} Table
 */

/**
 * @param {...unknown} parts
 * @returns {string}
 */
export function digest(...parts) {
  return scripts.sha256(parts.join("|")).slice(0, DIGITS);
}

/**
 * The verdict on a letter, or on one letter for each part.
 *
 * @param {Table} table
 * @param {string[]} letters
 * @returns {Verdict}
 */
export function decideChoice(table, letters) {
  const outcome = table.outcomes[table.letters[digest(table.salt, ...letters)]];
  return { ...outcome, right: [outcome.status === "ok"] };
}

/**
 * The verdict on numbers in normal form, in the order of the boxes.
 *
 * @param {Table} table
 * @param {number[]} numbers
 * @returns {Verdict}
 */
export function decide(table, numbers) {
  if (table.kind === "weighted") return decideWeighted(table, numbers);
  if (table.kind === "computed") return decideComputed(table, numbers);
  const classes = numbers.map((number, place) => classOf(table, number, place));
  const right = classes.map((known) => known === RIGHT);
  if (right.every(Boolean)) return { status: "ok", message: "", findings: [], right };
  const known =
    table.whole[classes.join()] ??
    table.whole[seenByPredicates(table, classes)] ??
    saidTogether(table, numbers, right);
  if (known === UNKNOWN) return { ...toldByParts(table, right), right };
  const outcome =
    table.outcomes[known] ??
    (table.kind === "grid" ? placesOf(table, numbers, right) : partsOf(table, classes, right));
  return { ...outcome, right };
}

/**
 * @param {Table} table
 * @param {number} number
 * @param {number} place
 */
function classOf(table, number, place) {
  const kind = Number.isInteger(number) ? "w" : "r";
  const { classes, levels } = table.lexicon;
  const known = levels[kind]
    .map((level) => classes[digest(table.salt, place, kind, level, cellOf(number, level))])
    .filter((each) => each !== undefined);
  return known.length > 0 ? Math.min(...known) : UNKNOWN;
}

/**
 * @param {number} number
 * @param {number} level
 */
function cellOf(number, level) {
  return Math.floor(number / 2 ** level) + 0;
}

// Several numbers, each told by itself ------------------------------------------------------------

/**
 * The classes as predicates see them: numbers that they cannot tell from unknown ones are unknown.
 *
 * @param {Table} table
 * @param {number[]} classes
 */
function seenByPredicates({ sighted }, classes) {
  return classes.map((known, k) => (sighted?.[k]?.includes(known) ? known : UNKNOWN)).join();
}

/**
 * What the weighted sum of the numbers says, where they are judged together.
 *
 * @param {Table} table
 * @param {number[]} numbers
 * @param {boolean[]} right
 */
function saidTogether(table, numbers, right) {
  const bySum = table.together?.[maskOf(right)];
  return bySum?.[classOf(table, weightedSum(table, numbers), numbers.length)];
}

/**
 * @param {Table} table
 * @param {number[]} numbers
 */
const weightedSum = ({ weights }, numbers) =>
  normalForm(numbers.reduce((sum, x, k) => sum + x * weights[k], 0));

/** @param {boolean[]} right Which numbers are right, as text. */
const maskOf = (right) => right.map((each) => (each ? "1" : "0")).join("");

/**
 * @param {Table} table
 * @param {number[]} classes
 * @param {boolean[]} right
 * @returns {Outcome}
 */
function partsOf(table, classes, right) {
  const general = table.outcomes[table.masks[maskOf(right)]];
  if (general?.findings.length > 0) return general;
  const causes = right.map((isRight, part) => (isRight ? null : causeOf(table, classes, part)));
  if (causes.some(Boolean)) return together(table, right, causes);
  return general ?? toldByParts(table, right);
}

/**
 * @param {Table} table
 * @param {boolean[]} right
 * @returns {Outcome}
 */
const toldByParts = (table, right) => ({
  status: "wrong",
  message: plainWords(table, right),
  findings: [],
});

/**
 * @param {Table} table
 * @param {number[]} classes
 * @param {number} part
 * @returns {[string, string] | null} id and words
 */
function causeOf(table, classes, part) {
  for (const [whole, id, words] of table.listed) {
    const follows = whole.every(
      (known, k) => k === part || known === RIGHT || (known === classes[k] && known !== UNKNOWN),
    );
    if (whole[part] === classes[part] && whole[part] !== RIGHT && follows) return [id, words];
  }
  return table.causes[part][classes[part]] ?? null;
}

/**
 * @param {Table} table
 * @param {boolean[]} right
 * @param {([string, string] | null)[]} causes
 * @returns {Outcome}
 */
function together(table, right, causes) {
  /** @type {Map<string, { id: string, names: string[] }>} */
  const known = new Map();
  for (const [part, cause] of causes.entries()) {
    if (cause === null) continue;
    const entry = known.get(cause[1]) ?? { id: cause[0], names: [] };
    entry.names.push(table.parts[part]);
    known.set(cause[1], entry);
  }
  const good = table.parts.filter((_, part) => right[part]);
  const rest = table.parts.filter((_, part) => !right[part] && causes[part] === null);
  const sentences = [...known].map(([words, { names }]) => `${names.join(", ")}: ${words}`);
  if (rest.length > 0) {
    sentences.unshift("A part of it looks like a usual slip.");
    sentences.push(`That does not explain ${rest.join(", ")}, wrong as well.`);
  }
  if (good.length > 0) sentences.unshift(`Right: ${good.join(", ")}.`);
  const id = [...known.values()].map((entry) => entry.id).join("+");
  return { status: "mistake", message: sentences.join(" "), findings: [id] };
}

/**
 * @param {Table} table
 * @param {boolean[]} right
 */
function plainWords(table, right) {
  if (table.parts.length === 0) return table.nextStep;
  const good = table.parts.filter((_, part) => right[part]);
  const wrong = table.parts.filter((_, part) => !right[part]);
  const lead = `Right: ${good.join(", ")}; wrong: ${wrong.join(", ")}.`;
  return `${good.length > 0 ? lead : "No part of the result is right yet."} ${table.nextStep}`;
}

// Grids ------------------------------------------------------------------------------------------

/**
 * @param {Table} table
 * @param {number[]} numbers
 * @param {boolean[]} right
 * @returns {Outcome}
 */
function placesOf(table, numbers, right) {
  const total = normalForm(numbers.reduce((sum, number) => sum + number, 0));
  const ranked = digest(table.salt, "sum", total) === table.sum ? table.moved : table.changed;
  const said = ranked.flatMap((each, place) => (each === null || right[place] ? [] : [each]));
  if (said.length > 0) {
    const [[, outcome]] = said.sort(([a], [b]) => a - b);
    return table.outcomes[outcome];
  }
  const sentences = [placesInWords(table, right)];
  const inOrder = [...numbers].sort((a, b) => a - b);
  if (digest(table.salt, "sorted", ...inOrder) === table.sorted) {
    sentences.push("All the right numbers are there, but not all in the right places.");
  }
  sentences.push(table.nextStep);
  return { status: "wrong", message: sentences.join(" "), findings: [] };
}

/**
 * @param {Table} table
 * @param {boolean[]} right
 */
function placesInWords(table, right) {
  const columns = table.shape[1];
  const wrong = right.flatMap((isRight, place) => (isRight ? [] : [place]));
  const words = `${right.length - wrong.length} of ${right.length} numbers are right`;
  if (wrong.length > MOST_PLACES) return `${words}; the others are marked below.`;
  const places = wrong.map(
    (place) => `row ${Math.floor(place / columns) + 1}, column ${(place % columns) + 1}`,
  );
  return `${words}; compute again: ${places.join("; ")}.`;
}

/**
 * @param {Table} table
 * @param {number[]} numbers
 * @returns {Verdict}
 */
function decideWeighted(table, numbers) {
  const score = weightedSum(table, numbers);
  const known =
    table.exact[digest(table.salt, "exact", ...numbers)] ??
    table.whole[classOf(table, score, 0)] ??
    table.general;
  const outcome = table.outcomes[known];
  return { ...outcome, right: [outcome.status === "ok"] };
}

/**
 * @param {Table} table
 * @param {number[]} numbers
 * @returns {Verdict}
 */
function decideComputed(table, numbers) {
  const mistake = computations[table.script](table.data, numbers);
  if (mistake === "") return { status: "ok", message: "", findings: [], right: [true] };
  return { ...table.outcomes[table.told[mistake]], right: [false] };
}
