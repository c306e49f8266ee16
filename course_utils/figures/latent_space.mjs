import { courseFigure } from "./base.mjs";
import { clamp, createElement, formatNumber } from "./drawing.mjs";
import { addAmounts, MAX_AMOUNT, numbers } from "./latent_code.mjs";
import { blendPictures, codeMap, directionName } from "./latent_pictures.mjs";

/** @typedef {import("./latent_code.mjs").State} State */
/** @typedef {import("./latent_code.mjs").Numbers} Numbers */
/** @typedef {import("./base.mjs").FigureView<State>} View */

// ---------------------------------------------------------------------------------------- in words

/** @param {number} value */
const formatSigned = (value) => (value < 0 ? formatNumber(value) : `+${formatNumber(value)}`);

/**
 * @param {State} state
 * @param {Numbers} numbers
 */
function summary({ a, b, blend, amounts }, { apart }) {
  const pushed = amounts.flatMap((amount, k) =>
    amount ? `${formatSigned(amount)} σ along direction ${k + 1}` : [],
  );
  let where = `The code ${blend} % of the way from image ${a} to image ${b}`;
  if (blend === 0) where = `The code of image ${a}`;
  if (blend === 100) where = `The code of image ${b}`;
  const distance = `${apart.toFixed(3)} away from the pixels blended`;
  const scale = "(root mean square, black 0, white 1)";
  return `${[where, ...pushed].join(", ")}. Decoded, it is ${distance} ${scale}.`;
}

// ---------------------------------------------------------------------------------------- controls

/**
 * A menu for one axis of the map; the other axis gives way by taking its direction.
 * @param {View} view
 * @param {string} label
 * @param {"horizontal" | "vertical"} own
 * @param {"horizontal" | "vertical"} other
 */
const directionMenu = (view, label, own, other) =>
  view.select(
    label,
    (state) => state.shares.map((_, k) => directionName(state, k)),
    (state) => directionName(state, state[own] - 1),
    (name, state) => {
      const direction = Number.parseInt(name, 10);
      return {
        [own]: direction,
        [other]: direction === state[other] ? state[own] : state[other],
      };
    },
  );

/** @param {View} view */
function mainControls(view) {
  /** @type {[number, number]} */
  const images = [0, view.read().images.shape[0] - 1];
  return createElement(
    "div",
    { class: "course-controls" },
    view.numberInput(
      "image A",
      images,
      ({ a }) => a,
      (a) => ({ a }),
    ),
    view.numberInput(
      "image B",
      images,
      ({ b }) => b,
      (b) => ({ b }),
    ),
    view.slider(
      "blend A to B",
      { low: 0, high: 100, step: 1, words: (value) => `${value} %` },
      ({ blend }) => blend,
      (blend) => ({ blend }),
    ),
    directionMenu(view, "direction across", "horizontal", "vertical"),
    directionMenu(view, "direction up", "vertical", "horizontal"),
    view.button("Back to the blend", ({ amounts }) => ({ amounts: amounts.map(() => 0) })),
  );
}

/**
 * @param {View} view
 * @returns {(state: State, numbers: Numbers) => void}
 */
function build(view) {
  view.root.classList.add("course-latent");
  view.root.prepend(mainControls(view));
  const map = codeMap(view);
  const blends = blendPictures(view, view.read());
  view.stage.replaceChildren(map.box, blends.box);
  return (state, numbers) => {
    map.draw(state, numbers.places);
    blends.draw(state, numbers);
  };
}

/** @type {import("./base.mjs").FigureSpec<State, Numbers>} */
export const figure = {
  name: "latent_space",
  traits: [
    "images",
    "codes",
    "code_shape",
    "directions",
    "spreads",
    "shares",
    "decoder",
    "a",
    "b",
    "blend",
    "horizontal",
    "vertical",
    "amounts",
  ],
  large: ["images", "codes", "code_shape", "directions", "spreads", "shares", "decoder"],
  limits: { blend: [0, 100] },
  label:
    "Map of the codes. Arrow keys move along its two directions; a and b take the next image; 0 goes back to the blend.",
  numbers,
  summary,

  normalizeState(next) {
    const [last, count] = [next.images.shape[0] - 1, next.spreads.length];
    if (next.horizontal === next.vertical) {
      throw new Error(`Refused: both axes of the map would be direction ${next.vertical}.`);
    }
    for (const direction of [next.horizontal, next.vertical]) {
      if (direction < 1 || direction > count) {
        throw new Error(`Refused: ${direction} is none of the directions 1 to ${count}.`);
      }
    }
    if (next.amounts.length !== count) {
      throw new Error(`Refused: amounts must have ${count} numbers.`);
    }
    const amounts = next.amounts.map((amount) => clamp(amount, -MAX_AMOUNT, MAX_AMOUNT));
    return { ...next, amounts, a: clamp(next.a, 0, last), b: clamp(next.b, 0, last) };
  },

  move: ({ amounts, horizontal, vertical }, dRow, dColumn) => ({
    amounts: addAmounts(amounts, { [horizontal - 1]: dColumn / 4, [vertical - 1]: -dRow / 4 }),
  }),
  keys: {
    a: ({ a, images }) => ({ a: (a + 1) % images.shape[0] }),
    b: ({ b, images }) => ({ b: (b + 1) % images.shape[0] }),
    0: ({ amounts }) => ({ amounts: amounts.map(() => 0) }),
  },
  build,
};

export default courseFigure(figure);
