// A picture of a figure as the page shows it: it stands in the figure's place once the kernel is
// gone. The browser draws it: a copy of the elements, with their style, inside an SVG image.

import { createElement, createSvg } from "./drawing.mjs";

const COLOURS = ["--ink", "--soft", "--paper", "--line", "--mark"];
// an image shows no canvas, and the rules for canvases do not hold for what replaces it
const CANVAS_STYLE =
  "width height display position inset opacity margin border image-rendering box-sizing".split(" ");

/**
 * A picture of an element, as the address of a PNG.
 * @param {HTMLElement} root
 * @param {string} style  the style sheet that it follows
 * @returns {Promise<string>}
 */
export async function pictureOf(root, style) {
  const { width, height } = root.getBoundingClientRect();
  const own = getComputedStyle(root);
  const copy = copyOf(root);
  copy.prepend(createElement("style", {}, style));
  for (const name of COLOURS) copy.style.setProperty(name, own.getPropertyValue(name));
  copy.style.background = "var(--paper)";
  const frame = createSvg("foreignObject", { width: "100%", height: "100%" }, copy);
  const svg = createSvg("svg", { width, height }, frame);
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(svg))}`;
  await image.decode();
  const canvas = createElement("canvas", { width: Math.ceil(width), height: Math.ceil(height) });
  canvas.getContext("2d")?.drawImage(image, 0, 0);
  return canvas.toDataURL();
}

/**
 * A copy that shows, written down, what its fields hold and its canvases show.
 * @param {HTMLElement} root
 */
function copyOf(root) {
  const copy = /** @type {HTMLElement} */ (root.cloneNode(true));
  const fields = "input, option, canvas";
  const copies = [...copy.querySelectorAll(fields)];
  for (const [position, field] of [...root.querySelectorAll(fields)].entries()) {
    if (field instanceof HTMLInputElement) {
      copies[position].setAttribute("value", field.value);
      copies[position].toggleAttribute("checked", field.checked);
    } else if (field instanceof HTMLOptionElement) {
      copies[position].toggleAttribute("selected", field.selected);
    } else if (field instanceof HTMLCanvasElement) {
      const drawn = createElement("img", { src: field.toDataURL() });
      const own = getComputedStyle(field);
      for (const name of CANVAS_STYLE) drawn.style.setProperty(name, own.getPropertyValue(name));
      copies[position].replaceWith(drawn);
    }
  }
  return copy;
}
