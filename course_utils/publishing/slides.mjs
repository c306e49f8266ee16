/**
 * A deck's pages: what belongs together stands on one slide, every slide has a heading, and no text
 * shrinks. A chapter (a heading and what follows) is cut into pages so that they are evenly filled;
 * pictures give way or grow, and a figure gets a slide of its own, as large as the slide.
 */

/**
 * @typedef {{ node: Element, begins: boolean }} Block
 * @typedef {{ nodes: Element[], begins: boolean }} Group
 * Nodes that stay together; whether a slide began here in the notebook.
 *
 * @typedef {Group & { height: number, least: number, figure: boolean }} Unit
 * Also its height in pixels, the least with its pictures made smaller, and whether it is a figure.
 */

const PAGE_COST = 0.3; // a slide more must leave at least this much less emptiness, squared
const NOTEBOOK_BREAK = 0.1; // what a cut saves where the notebook has one too
const SMALLEST_PICTURE = 0.55; // of a picture's size, where a slide is crowded
const LARGEST_PICTURE = 1.8;
const LARGEST_TEXT = 1.3; // where a slide says little
const LARGEST_FIGURE = 3;
const SMALLEST_FIGURE = 0.7; // where it shows pictures; a figure of numbers only may shrink
const SMALLEST_NUMBERS = 0.3; // for its drawings and its text do not
const WIDEST_DRAWING = 0.55; // of a slide's width, where its text would make it larger
const LEAST_TEXT = [22, 20, 18, 16, 14]; // in a figure, of 720 pixels: the first that fits

/** @param {Element} node */
const isFigure = (node) =>
  node.querySelector('script[type$="widget-view+json"], .widget-subarea') !== null;

/** @param {Element} node A heading that begins a chapter. */
const isChapter = (node) => node.matches("h1, h2");

/** @param {Element} node */
const isCode = (node) => node.querySelector(":scope > .input, :scope > details > .input") !== null;

/** @param {Element} node What announces the next: a heading, or a paragraph with a colon. */
const isLeadIn = (node) =>
  node.tagName === "H3" || (node.tagName === "P" && (node.textContent ?? "").trim().endsWith(":"));

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
 * notes and what they are about.
 *
 * @param {Block[]} blocks
 * @returns {Group[]}
 */
const group = (blocks) => {
  /** @type {Group[]} */
  const groups = [];
  let open = false;
  let asked = false;
  for (const { node, begins } of blocks) {
    const isNote = node.matches("aside");
    if (groups.length && (open || isNote)) groups[groups.length - 1].nodes.push(node);
    else groups.push({ nodes: [node], begins });
    if (isNote) continue;
    asked = isQuestion(node) || (asked && !isCode(node));
    open = asked || isLeadIn(node);
  }
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
    const height = place.getBoundingClientRect().height;
    let pictures = 0;
    for (const picture of place.querySelectorAll("img"))
      pictures += picture.getBoundingClientRect().height;
    const least = height - (1 - SMALLEST_PICTURE) * pictures;
    return { nodes, height, least, figure: nodes.some(isFigure), begins };
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
    if (unit.least <= room || unit.figure) return [unit];
    const isAlone = unit.nodes.length === 1;
    if (isAlone && foldCode(unit.nodes[0])) return unitsThatFit([unit], place, room);
    const parts = isAlone ? piecesOf(unit.nodes[0]) : unit.nodes;
    if (parts.length < 2) return [unit];
    const apart = parts.map((node, index) => ({
      nodes: [node],
      begins: unit.begins && index === 0,
    }));
    return unitsThatFit(apart, place, room);
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
  for (const stack of [...deck.children]) {
    const pages = [];
    for (const chapter of chaptersOf(stack)) {
      title = chapter.title ?? title;
      place.replaceChildren(...(title ? [title.cloneNode(true)] : []));
      const free = room - place.getBoundingClientRect().height;
      const units = unitsThatFit(group(chapter.blocks), place, free);
      pages.push(...makePages(title, paginate(units, free - headHeight(units, place))));
    }
    stack.replaceChildren(...pages);
  }
  place.remove();
};

/** @param {SVGSVGElement} svg How many of a figure's pixels are one unit of a drawing. */
const pixelsOfUnit = (svg) => {
  const width = svg.viewBox.baseVal?.width;
  return width ? svg.clientWidth / width : 1;
};

/**
 * Make a figure as large as fits, with no text smaller than `least` pixels.
 *
 * Text that is drawn grows with its drawing, the rest by a property that the figures' sheets read.
 *
 * @param {HTMLElement} figure
 * @param {number} size Of everything else.
 * @param {number} least
 * @param {number} width Of the slide, in pixels.
 */
const sizeFigure = (figure, size, least, width) => {
  figure.style.zoom = String(size);
  figure.style.width = `${width / size}px`;
  figure.style.setProperty("--least-text", `${least / size}px`);
  for (const svg of figure.querySelectorAll("svg")) {
    svg.style.zoom = "1";
    const leastDrawn = least / size / pixelsOfUnit(svg);
    svg.style.setProperty("--least-drawn", `${leastDrawn}px`); // read where text may grow by itself
    const heights = [...svg.querySelectorAll("text")]
      .filter((text) => /[\p{L}\p{N}]/u.test(text.textContent ?? "") && text.checkVisibility())
      .map((text) => parseFloat(getComputedStyle(text).fontSize));
    const wanted = leastDrawn / Math.min(Infinity, ...heights);
    const widest = (WIDEST_DRAWING * width) / (svg.clientWidth * size);
    svg.style.zoom = String(Math.max(1, Math.min(wanted, widest)));
  }
};

/**
 * Make a figure as large as fits, with text as large as fits; at need without its small print.
 *
 * @param {HTMLElement} figure
 * @param {number} width Of the slide, in pixels.
 * @param {() => boolean} fits
 */
const fillWithFigure = (figure, width, fits) => {
  const smallest = figure.querySelector("canvas") ? SMALLEST_FIGURE : SMALLEST_NUMBERS;
  for (const least of LEAST_TEXT)
    for (const brief of [false, true]) {
      figure.toggleAttribute("data-brief", brief);
      for (let size = LARGEST_FIGURE; size > smallest - 0.01; size -= 0.05) {
        sizeFigure(figure, size, least, width);
        if (fits()) return;
      }
    }
  for (let size = smallest; size > SMALLEST_NUMBERS; size -= 0.05) {
    sizeFigure(figure, size, LEAST_TEXT[LEAST_TEXT.length - 1], width);
    if (fits()) return;
  }
};

/**
 * Let a figure fill its slide; let pictures give way or grow, and text grow where there is room.
 *
 * @param {HTMLElement} content
 * @param {number} width In pixels, as `room`.
 * @param {number} room
 * @param {number} scale Of the whole deck on this screen.
 */
export const fillPage = (content, width, room, scale) => {
  const figure = /** @type {HTMLElement | null} */ (content.querySelector(".course-figure"));
  const pictures = [...content.querySelectorAll("img")];
  content.style.zoom = "1";
  const lines = [...content.querySelectorAll("pre")];
  const unbroken = lines.map((line) => line.offsetHeight);
  const fits = () =>
    content.getBoundingClientRect().height / scale <= room &&
    lines.every((line, index) => line.offsetHeight <= unbroken[index] + 1) &&
    (!figure || figure.scrollWidth <= figure.clientWidth + 1);
  /**
   * @param {HTMLElement[]} parts
   * @param {number} from
   * @param {number} to
   */
  const shrink = (parts, from, to) => {
    for (let size = from; size > to - 0.01; size -= 0.05) {
      for (const part of parts) part.style.zoom = String(size);
      if (fits()) return;
    }
  };
  if (figure) return fillWithFigure(figure, width, fits);
  shrink(pictures, LARGEST_PICTURE, SMALLEST_PICTURE);
  shrink([content], LARGEST_TEXT, 1);
};
