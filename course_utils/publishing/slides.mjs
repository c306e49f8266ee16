/**
 * A deck's pages: what belongs together stands on one slide, every slide has a heading, and no text
 * shrinks. A chapter (a heading and what follows) is cut into pages so that they are evenly filled;
 * pictures give way or grow, and a figure gets a slide of its own, as large as the slide.
 */

import { readableZoom, SMALLEST_PICTURE } from "./slide_sizes.mjs";

/**
 * @typedef {{ node: Element, begins: boolean }} Block
 * @typedef {{ nodes: Element[], begins: boolean }} Group
 * Nodes that stay together; whether a slide began here in the notebook.
 *
 * @typedef {Group & { height: number, least: number, floor: number, figure: boolean }} Unit
 * Also its height in pixels, where the text of its pictures can be read; the least, with pictures
 * smaller that say nothing of their text; the same with all pictures smaller; whether it is a figure.
 */

const PAGE_COST = 0.3; // a slide more must leave at least this much less emptiness, squared
const SPARSE = 0.35; // of a page: a chapter as short as this needs none of its own
const NOTEBOOK_BREAK = 0.1; // what a cut saves where the notebook has one too

/** @param {Element} node */
const isFigure = (node) =>
  node.querySelector('script[type$="widget-view+json"], .widget-subarea') !== null;

/** @param {Element} node A heading that begins a chapter. */
const isChapter = (node) => node.matches("h1, h2");

/** @param {Element} node */
const isCode = (node) => node.querySelector(":scope > .input, :scope > details > .input") !== null;

/** @param {Element} node The speaker's, which no slide shows. */
const isNote = (node) => node.matches("aside");

/**
 * Whether a node announces the next: a heading; a paragraph with a colon, or before a list.
 *
 * @param {Element} node
 * @param {Element | undefined} next
 */
const isLeadIn = (node, next) =>
  node.tagName === "H3" ||
  (node.tagName === "P" &&
    ((node.textContent ?? "").trim().endsWith(":") || next?.matches("ul, ol") === true));

/** @param {Element} node The question of an exercise. */
const isQuestion = (node) =>
  node.matches("h3, p") && /^Exercise \d/.test((node.textContent ?? "").trim());

/**
 * What a slide's content consists of, from top to bottom; a cell of prose is taken apart.
 *
 * @param {Element} content
 * @returns {Element[]}
 */
const blocksOf = (content) =>
  [...content.children].flatMap((child) => {
    if (!child.matches(".cell") || isCode(child) || child.querySelector(":scope > .output"))
      return [child];
    return [...child.children];
  });

/**
 * Put together what must stay together: a lead-in and what it announces, a question and its stub,
 * a figure and what can be unfolded below it, notes and what they are about.
 *
 * @param {Block[]} blocks
 * @returns {Group[]}
 */
const group = (blocks) => {
  /** @type {Group[]} */
  const groups = [];
  let open = false;
  let asked = false;
  blocks.forEach(({ node, begins }, index) => {
    const last = groups[groups.length - 1];
    const isAnswer = node.matches("details") && last?.nodes.some(isFigure);
    if (last && (open || isNote(node) || isAnswer)) last.nodes.push(node);
    else groups.push({ nodes: [node], begins });
    if (isNote(node)) return;
    asked = isQuestion(node) || (asked && !isFigure(node) && !node.matches(".stub"));
    open = asked || isLeadIn(node, blocks[index + 1]?.node);
  });
  return groups;
};

/**
 * Where to cut a chapter into pages.
 *
 * @param {Unit[]} units
 * @param {number} room Height of a page, in pixels.
 * @returns {Unit[][]} The pages: as few and as evenly filled as the units allow.
 */
const paginate = (units, room) => {
  /** @type {{ cost: number, from: number }[]} */
  const best = [{ cost: 0, from: 0 }];
  for (let end = 1; end <= units.length; end++) {
    best[end] = { cost: Infinity, from: end - 1 };
    let [height, least] = [0, 0];
    for (let from = end - 1; from >= 0; from--) {
      const alone = end - from === 1;
      height += units[from].height;
      least += units[from].least;
      if (!alone && (least > room || units.slice(from, end).some((unit) => unit.figure))) break;
      const empty = units[from].figure ? 0 : Math.max(0, 1 - height / room);
      const saved = units[from].begins ? NOTEBOOK_BREAK : 0;
      const cost = best[from].cost + PAGE_COST + empty * empty - saved;
      if (cost < best[end].cost) best[end] = { cost, from };
    }
  }
  /** @type {Unit[][]} */
  const pages = [];
  for (let end = units.length; end > 0; end = best[end].from)
    pages.unshift(units.slice(best[end].from, end));
  return pages;
};

/**
 * Put the code of a cell behind a word; false where there is none to be put away.
 *
 * @param {Element} cell
 */
const foldCode = (cell) => {
  const code = cell.querySelector(":scope > .input");
  if (!code) return false;
  const details = document.createElement("details");
  details.innerHTML = "<summary>Code</summary>";
  code.replaceWith(details);
  details.append(code);
  return true;
};

/** @type {WeakMap<Element, Element>} The head of the table that a piece comes from. */
const headOf = new WeakMap();

/**
 * What is too long for a page in pieces: a cell's code and outputs, a list, a table.
 *
 * @param {Element} node
 * @returns {Element[]}
 */
const piecesOf = (node) => {
  if (node.matches(".cell, .output, .wide")) {
    if (node.querySelectorAll(":scope > .output").length > 1) return [...node.children];
    const table = node.querySelector("table");
    if (!table?.parentElement) return [];
    const code = node.querySelectorAll(":scope > details");
    const around = [...table.parentElement.children];
    return [...code, ...around.flatMap((part) => (part === table ? piecesOf(table) : [part]))];
  }
  const rows = node.matches("ul, ol")
    ? [...node.children]
    : [...node.querySelectorAll(":scope > :is(tbody, tfoot) > tr")];
  const head = node.querySelector(":scope > thead");
  return rows.map((row, index) => {
    const piece = /** @type {Element} */ (node.cloneNode(false));
    piece.classList.add("piece");
    if (node.matches("ol")) piece.setAttribute("start", String(index + 1));
    if (head) headOf.set(piece, head);
    piece.append(row);
    return piece;
  });
};

/**
 * The room that a table's head takes where it is repeated, in pixels; 0 without such a table.
 *
 * @param {Unit[]} units
 * @param {HTMLElement} place
 */
const headHeight = (units, place) => {
  const head = units.map(({ nodes }) => headOf.get(nodes[0])).find((found) => found);
  if (!head) return 0;
  const table = document.createElement("table");
  table.append(head.cloneNode(true));
  place.replaceChildren(table);
  return place.getBoundingClientRect().height;
};

/**
 * Join the rows of one table that came onto one page, below the table's head.
 *
 * @param {Element} page
 */
const joinTables = (page) => {
  for (const piece of /** @type {NodeListOf<HTMLTableElement>} */ (
    page.querySelectorAll("table.piece")
  )) {
    const former = piece.previousElementSibling;
    const head = headOf.get(piece);
    if (former?.matches("table.piece") && headOf.get(former) === head) former.append(...piece.rows);
    else if (head) piece.prepend(head.cloneNode(true));
    if (!piece.querySelector("tr")) piece.remove();
  }
};

/**
 * Measure groups of nodes, in a place as wide as a slide.
 *
 * @param {Group[]} groups
 * @param {HTMLElement} place
 * @returns {Unit[]}
 */
const measure = (groups, place) =>
  groups.map(({ nodes, begins }) => {
    place.replaceChildren(...nodes);
    let [pictures, unread] = [0, 0];
    for (const picture of place.querySelectorAll("img")) {
      picture.style.zoom = String(readableZoom(picture));
      const tall = picture.getBoundingClientRect().height;
      pictures += tall;
      if (!Number(picture.dataset.text)) unread += tall;
    }
    const height = place.getBoundingClientRect().height;
    const [least, floor] = [unread, pictures].map((tall) => height - (1 - SMALLEST_PICTURE) * tall);
    return { nodes, height, least, floor, figure: nodes.some(isFigure), begins };
  });

/**
 * Units that fit on a page each, where they can be taken apart.
 *
 * @param {Group[]} groups
 * @param {HTMLElement} place
 * @param {number} room
 * @returns {Unit[]}
 */
const unitsThatFit = (groups, place, room) =>
  measure(groups, place).flatMap((unit) => {
    const least = unit.nodes.some(isQuestion) ? unit.floor : unit.least;
    if (least <= room || unit.figure) return [unit];
    const shown = unit.nodes.filter((node) => !isNote(node));
    const isAlone = shown.length === 1;
    if (isAlone && foldCode(shown[0])) return unitsThatFit([unit], place, room);
    const parts = isAlone ? [...piecesOf(shown[0]), ...unit.nodes.filter(isNote)] : unit.nodes;
    /** @type {Group[]} */
    const apart = [];
    for (const node of parts) {
      const last = apart[apart.length - 1];
      if (last && isNote(node)) last.nodes.push(node);
      else apart.push({ nodes: [node], begins: unit.begins && !last });
    }
    return apart.length < 2 ? [unit] : unitsThatFit(apart, place, room);
  });

/**
 * The chapters of a stack of slides: each heading with what follows it.
 *
 * @param {Element} stack
 */
const chaptersOf = (stack) => {
  /** @type {{ title: Element | null, blocks: Block[] }[]} */
  const chapters = [];
  for (const content of stack.querySelectorAll(":scope > section > .fit")) {
    let begins = true;
    for (const node of blocksOf(content)) {
      if (isChapter(node) || !chapters.length)
        chapters.push({ title: isChapter(node) ? node : null, blocks: [] });
      if (!isChapter(node)) chapters[chapters.length - 1].blocks.push({ node, begins });
      begins = false;
    }
  }
  return chapters;
};

/**
 * The pages of a chapter. Each begins with a heading: its own, or the last before it.
 *
 * @param {Element | null} title
 * @param {Unit[][]} pages
 */
const makePages = (title, pages) =>
  (pages.length ? pages : [[]]).map((units) => {
    const page = document.createElement("section");
    const content = document.createElement("div");
    content.className = "fit";
    const hasOwn = units[0]?.nodes[0].tagName === "H3";
    if (title && !hasOwn) content.append(title.cloneNode(true));
    for (const { nodes } of units) {
      content.append(...nodes);
      if (nodes[0].tagName === "H3" && !isQuestion(nodes[0])) title = nodes[0];
    }
    joinTables(content);
    page.append(content);
    return page;
  });

/**
 * The height of a page of words and code in pixels; Infinity where it shows something.
 *
 * @param {Element} page
 * @param {HTMLElement} place
 */
const heightOfWords = (page, place) => {
  const content = page.querySelector(":scope > .fit");
  if (!content || isFigure(content) || content.querySelector("img")) return Infinity;
  place.replaceChildren(content);
  const { height } = place.getBoundingClientRect();
  page.append(content);
  return height;
};

/**
 * Put a chapter of a few lines below the end of the one before it, unless this is the deck's title.
 *
 * @param {Element} page The chapter's only one.
 * @param {Element | undefined} former
 * @param {HTMLElement} place
 * @param {number} room
 */
const joinFormer = (page, former, place, room) => {
  const [content, above] = [page, former].map((each) => each?.querySelector(":scope > .fit"));
  if (!former || !content || !above || above.querySelector("h1")) return false;
  const height = heightOfWords(page, place);
  if (content.querySelector(".input") || height > SPARSE * room) return false;
  if (height + heightOfWords(former, place) > room) return false;
  const [heading, latest] = [
    content.firstElementChild,
    [...above.querySelectorAll("h2, h3")].pop(),
  ];
  if (isChapter(heading ?? content) && heading?.textContent === latest?.textContent)
    heading?.remove();
  above.append(...content.childNodes);
  return true;
};

/**
 * Cut every stack of a deck into pages. Formulas must be set and pictures loaded before.
 *
 * @param {HTMLElement} deck The element that holds the stacks.
 * @param {number} room Height of a page, in pixels.
 */
export const cutIntoPages = (deck, room) => {
  const place = document.createElement("div");
  place.className = "measure";
  deck.after(place);
  /** @type {Element | null} */
  let title = null;
  /** @type {Element | undefined} */
  let last;
  for (const stack of [...deck.children]) {
    const pages = [];
    for (const chapter of chaptersOf(stack)) {
      title = chapter.title ?? title;
      place.replaceChildren(...(title ? [title.cloneNode(true)] : []));
      const free = room - place.getBoundingClientRect().height;
      const units = unitsThatFit(group(chapter.blocks), place, free);
      const made = makePages(title, paginate(units, free - headHeight(units, place)));
      if (made.length === 1 && joinFormer(made[0], last, place, room)) continue;
      pages.push(...made);
      last = made[made.length - 1];
    }
    if (pages.length) stack.replaceChildren(...pages);
    else stack.remove();
  }
  place.remove();
};
