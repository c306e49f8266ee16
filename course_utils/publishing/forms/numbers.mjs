/** Numbers as people write them: 2416, 2,416, 28/16, 3*32*32, (28 - 4)/2 + 1, 2^7, −3. */

const SIGNIFICANT = 12; // digits that count, as in cells.py
/** @type {Record<string, string>} */
const SIGNS = { "×": "*", "·": "*", "⋅": "*", "÷": "/", ":": "/", "−": "-", "–": "-", "^": "**" };
const NUMBER = /^(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/;
const SIGN = /^(?:\*\*|\/\/|[-+*/%()])/;

/**
 * The number that a text writes; null where it writes none.
 *
 * @param {string} text
 * @returns {number | null}
 */
export function parseNumber(text) {
  const plain = [...text].map((sign) => SIGNS[sign] ?? sign).join("");
  const tokens = tokensOf(joinThousands(plain));
  if (tokens === null || tokens.length === 0) return null;
  const reader = { tokens, at: 0 };
  const value = readSum(reader);
  return reader.at === tokens.length && Number.isFinite(value) ? normalForm(value) : null;
}

/**
 * A number with 12 significant digits.
 *
 * @param {number} value
 */
export function normalForm(value) {
  return Number(value.toPrecision(SIGNIFICANT)) + 0; // + 0: no negative zero
}

/** @param {string} text */
function joinThousands(text) {
  return text.replace(/(?<![\d.,])\d{1,3}(?:[,_\s']\d{3})+(?![\d,])/g, (n) => n.replace(/\D/g, ""));
}

/**
 * @param {string} text
 * @returns {(number | string)[] | null}
 */
function tokensOf(text) {
  const tokens = [];
  for (let rest = text.trim(); rest !== ""; rest = rest.trimStart()) {
    const number = NUMBER.exec(rest)?.[0];
    const sign = number ?? SIGN.exec(rest)?.[0];
    if (sign === undefined) return null;
    tokens.push(number === undefined ? sign : Number(number));
    rest = rest.slice(sign.length);
  }
  return tokens;
}

/** @typedef {{ tokens: (number | string)[], at: number }} Reader */

/**
 * @param {Reader} reader
 * @param {string[]} signs
 * @returns {string | undefined} the next token, taken, if it is one of the signs
 */
function take(reader, ...signs) {
  const next = reader.tokens[reader.at];
  if (typeof next !== "string" || !signs.includes(next)) return undefined;
  reader.at += 1;
  return next;
}

/**
 * @param {Reader} reader
 * @returns {number} NaN where the text does not go on as it should
 */
function readSum(reader) {
  let value = readProduct(reader);
  for (let sign = take(reader, "+", "-"); sign; sign = take(reader, "+", "-")) {
    const next = readProduct(reader);
    value = sign === "+" ? value + next : value - next;
  }
  return value;
}

/**
 * @param {Reader} reader
 * @returns {number}
 */
function readProduct(reader) {
  let value = readSigned(reader);
  for (
    let sign = take(reader, "*", "/", "//", "%");
    sign;
    sign = take(reader, "*", "/", "//", "%")
  ) {
    const next = readSigned(reader);
    if (sign === "*") value *= next;
    else if (sign === "/") value /= next;
    else if (sign === "//") value = Math.floor(value / next);
    else value -= Math.floor(value / next) * next; // as in Python
  }
  return value;
}

/**
 * @param {Reader} reader
 * @returns {number}
 */
function readSigned(reader) {
  const sign = take(reader, "+", "-");
  if (sign) return sign === "-" ? -readSigned(reader) : readSigned(reader);
  const base = readAtom(reader);
  return take(reader, "**") ? base ** readSigned(reader) : base;
}

/**
 * @param {Reader} reader
 * @returns {number}
 */
function readAtom(reader) {
  if (take(reader, "(")) {
    const inner = readSum(reader);
    return take(reader, ")") ? inner : Number.NaN;
  }
  const next = reader.tokens[reader.at];
  if (typeof next !== "number") return Number.NaN;
  reader.at += 1;
  return next;
}
