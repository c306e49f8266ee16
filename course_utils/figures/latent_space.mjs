const PROBES = [[1, 2], [3, 1], [2, 3], [1, 1]]; // as in latent_space.py
const FARTHEST = 4;
const FRAMES = 7; // of a blend, with both ends
const [MAP, REACH, THUMB] = [300, 3.2, 26]; // CSS pixels, standard deviations, CSS pixels
const LATENT_STYLE = `
  .course-latent .course-stage { display: flex; flex-wrap: wrap; gap: 16px 24px; width: 100%; }
  .course-latent .course-map { flex: 0 1 ${MAP}px; min-width: 0; }
  .course-latent .course-blends { flex: 1 1 280px; min-width: 0; display: grid; gap: 14px 20px; grid-template-columns: 1fr 1fr; align-content: start; }
  .course-latent .course-wide { grid-column: 1 / -1; }
  .course-latent canvas { width: 100%; }
  .course-latent svg { position: absolute; inset: 0; width: 100%; height: 100%; }
  .course-latent svg line { stroke: var(--mark); stroke-width: 2; }
  .course-latent svg .course-axis { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 4; }
  .course-latent svg .course-path { stroke-dasharray: 6 4; }
  .course-latent svg circle { fill: none; stroke-width: 2.5; stroke: var(--ink); }
  .course-latent svg .course-halo { stroke: var(--paper); stroke-width: 6; }
  .course-latent svg text {
    fill: var(--ink); font-size: 16px; font-weight: 700; text-anchor: middle; dominant-baseline: central;
    paint-order: stroke; stroke: var(--paper); stroke-width: 5px;
  }
  .course-map .course-picture-frame { border: 1px solid var(--line); box-sizing: border-box; }
  .course-note { margin: 4px 0 0; font-size: 13px; }
  .course-latent .course-controls button { margin: 0; }
`;

const shapeOf = ({ images }) => images.shape.slice(1);
const sizeOf = (shape) => shape.reduce((all, side) => all * side, 1);
const mix = (start, end, blend) => Float64Array.from(start, (value, at) => value + (blend / 100) * (end[at] - value));

/** One image of those that travelled, from 0 to 1. */
const imageOf = once((images, at) => {
  const size = sizeOf(images.shape.slice(1));
  return Float64Array.from(unpack(images).data.subarray(at * size, (at + 1) * size), (value) => value / 255);
});

const codeOf = once((codes, at) => {
  const [, size] = codes.shape;
  return Float64Array.from(unpack(codes).data.subarray(at * size, (at + 1) * size));
});

/** Mean of all codes: where the directions cross. */
const centreOf = once((codes) => {
  const [count, size] = codes.shape;
  const mean = new Float64Array(size);
  unpack(codes).data.forEach((value, at) => (mean[at % size] += value / count));
  return mean;
});

function rms(one, other) {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += (one[at] - other[at]) ** 2;
  return Math.sqrt(sum / one.length);
}

const decode = ({ decoder, code_shape }, code) => outputsOf(decoder, { shape: code_shape, data: code }).at(-1).data;
const errorOf = once((codes, at, state) => rms(decode(state, codeOf(codes, at)), imageOf(state.images, at)));

/** How far a code lies from the centre along each direction, in standard deviations. */
function placesOf({ codes, directions, spreads }, code) {
  const [centre, { data }] = [centreOf(codes), unpack(directions)];
  return spreads.map((spread, k) => {
    let sum = 0;
    for (let at = 0; at < code.length; at++) sum += (code[at] - centre[at]) * data[k * code.length + at];
    return sum / spread;
  });
}
const placesOfImage = once((codes, at, state) => placesOf(state, codeOf(codes, at)));

function codeNow({ codes, directions, spreads, a, b, blend, amounts }) {
  const code = mix(codeOf(codes, a), codeOf(codes, b), blend);
  const { data } = unpack(directions);
  amounts.forEach((amount, k) => {
    const step = amount * spreads[k];
    if (step) for (let at = 0; at < code.length; at++) code[at] += step * data[k * code.length + at];
  });
  return code;
}

const fadedOf = ({ images, a, b }, blend) => mix(imageOf(images, a), imageOf(images, b), blend);

/** The same amounts but for those of some directions, each held within bounds. */
const moved = (amounts, changes) =>
  amounts.map((amount, k) => clamp(Math.round(100 * (amount + (changes[k] ?? 0))) / 100, -FARTHEST, FARTHEST));

const signed = (value) => (value < 0 ? write(value) : `+${write(value)}`);
const nameOf = ({ shares }, k) => `${k + 1} (${write(100 * shares[k], 0)} % of the spread)`;

let latest = {}; // what the last numbers were computed from, so that the picture shows the same

export default courseFigure({
  name: "latent_space",
  traits: [
    "images", "codes", "code_shape", "directions", "spreads", "shares", "decoder",
    "a", "b", "blend", "horizontal", "vertical", "amounts",
  ],
  large: ["images", "codes", "code_shape", "directions", "spreads", "shares", "decoder"],
  label: "Map of the codes. Arrow keys move along its two directions; a and b take the next image; 0 goes back to the blend.",

  numbers(state) {
    const { codes, images, a, b, blend } = state;
    const code = codeNow(state);
    const decoded = decode(state, code);
    const [channels, height, width] = shapeOf(state);
    const plane = height * width;
    latest = { decoded, faded: fadedOf(state, blend) };
    return {
      places: placesOf(state, code),
      length: Math.hypot(...code),
      pixels: PROBES.map(([i, j]) => Array.from({ length: channels }, (_, channel) =>
        decoded[channel * plane + i * Math.floor(height / 4) * width + j * Math.floor(width / 4)])),
      mean: Array.from({ length: channels }, (_, channel) =>
        decoded.subarray(channel * plane, (channel + 1) * plane).reduce((sum, value) => sum + value, 0) / plane),
      apart: rms(decoded, latest.faded),
      errors: [a, b].map((at) => errorOf(codes, at, state)),
    };
  },

  says({ a, b, blend, amounts }, { apart }) {
    const pushed = amounts.flatMap((amount, k) => (amount ? `${signed(amount)} σ along direction ${k + 1}` : []));
    const where = blend === 0 ? `The code of image ${a}` : blend === 100 ? `The code of image ${b}` :
      `The code ${blend} % of the way from image ${a} to image ${b}`;
    const moves = pushed.length ? `, ${pushed.join(", ")}` : "";
    return `${where}${moves}. Decoded, it is ${apart.toFixed(3)} away from the pixels blended (root mean square, black 0, white 1).`;
  },

  settle(next) {
    const last = next.images.shape[0] - 1;
    return { ...next, a: clamp(next.a, 0, last), b: clamp(next.b, 0, last) };
  },

  move: ({ amounts, horizontal, vertical }, dRow, dColumn) =>
    ({ amounts: moved(amounts, { [horizontal - 1]: dColumn / 4, [vertical - 1]: -dRow / 4 }) }),
  keys: {
    a: ({ a, images }) => ({ a: (a + 1) % images.shape[0] }),
    b: ({ b, images }) => ({ b: (b + 1) % images.shape[0] }),
    0: ({ amounts }) => ({ amounts: amounts.map(() => 0) }),
  },

  build({ model, root, stage, choose, count, slide, press, drag }) {
    root.classList.add("course-latent");
    const style = make("style", {});
    style.textContent = LATENT_STYLE;
    const last = model.get("images").shape[0] - 1;
    const axis = (label, own, other) => choose(label, (state) => state.shares.map((_, k) => nameOf(state, k)),
      (state) => nameOf(state, state[own] - 1),
      (name, state) => {
        const chosen = Number.parseInt(name, 10);
        return { [own]: chosen, [other]: chosen === state[other] ? state[own] : state[other] };
      });
    const controls = make("div", { class: "course-controls" },
      count("image A", 0, last, ({ a }) => a, (a) => ({ a })),
      count("image B", 0, last, ({ b }) => b, (b) => ({ b })),
      slide("blend A to B", { low: 0, high: 100, step: 1, words: (value) => `${value} %` }, ({ blend }) => blend, (blend) => ({ blend })),
      axis("direction across", "horizontal", "vertical"),
      axis("direction up", "vertical", "horizontal"),
      press("Back to the blend", ({ amounts }) => ({ amounts: amounts.map(() => 0) })),
    );
    root.prepend(style, controls);

    const title = (text) => make("div", { class: "course-title" }, text);
    /** A canvas of several images side by side, `gap` pixels apart; show(at, values) paints one. */
    const film = (state, frames, gap, width) => {
      const [channels, height, across] = shapeOf(state);
      const canvas = make("canvas", { width: frames * (across + gap) - gap, height });
      const context = canvas.getContext("2d");
      const pixels = context.createImageData(across, height);
      const plane = height * across;
      const show = (at, values) => {
        for (let i = 0; i < plane; i++) {
          for (let part = 0; part < 3; part++) pixels.data[4 * i + part] = 255 * values[(channels === 3 ? part : 0) * plane + i];
          pixels.data[4 * i + 3] = 255;
        }
        context.putImageData(pixels, at * (across + gap), 0);
      };
      return { canvas, show, frame: make("div", { class: "course-picture-frame", style: `width:${width}` }, canvas) };
    };

    const [sheet, vectors] = [make("canvas", { width: 2 * MAP, height: 2 * MAP }), make("svg:svg", { viewBox: `0 0 ${MAP} ${MAP}`, "aria-hidden": "true" })];
    const mapFrame = make("div", { class: "course-picture-frame", style: `width:${MAP}px` }, sheet, vectors);
    const mapNote = make("p", { class: "course-note" });
    const map = make("div", { class: "course-map" }, title("codes of all images"), mapFrame, mapNote);
    const onMap = (place) => ((clamp(place, -REACH, REACH) + REACH) / (2 * REACH)) * MAP;
    drag(mapFrame, (y, x, state) => {
      const here = placesOf(state, codeNow(state));
      const [across, up] = [state.horizontal - 1, state.vertical - 1];
      const changes = { [across]: (2 * x - 1) * REACH - here[across], [up]: (1 - 2 * y) * REACH - here[up] };
      return { amounts: moved(state.amounts, changes) };
    });

    const line = (kind, [x1, y1], [x2, y2]) => make("svg:line", { class: kind, x1, y1, x2, y2 });
    const drawVectors = (state, places) => {
      const { horizontal, vertical, codes, a, b, blend } = state;
      const at = (all) => [onMap(all[horizontal - 1]), MAP - onMap(all[vertical - 1])];
      const ends = [a, b].map((image) => placesOfImage(codes, image, state));
      const [from, to, base] = [...ends, mix(...ends, blend)].map(at);
      const [cx, cy] = at(places);
      const letter = (words, [x, y]) => {
        const element = make("svg:text", { x: clamp(x, 12, MAP - 12), y: clamp(y, 12, MAP - 12) });
        element.textContent = words;
        return element;
      };
      vectors.replaceChildren(
        line("course-axis", [0, MAP / 2], [MAP, MAP / 2]), line("course-axis", [MAP / 2, 0], [MAP / 2, MAP]),
        line("", from, to), line("course-path", base, [cx, cy]), letter("A", from), letter("B", to),
        make("svg:circle", { cx, cy, r: 9, class: "course-halo" }), make("svg:circle", { cx, cy, r: 9 }),
      );
    };
    const drawThumbs = (state) => {
      const context = sheet.getContext("2d");
      const { canvas, show } = film(state, 1, 0, "");
      const [, height, width] = shapeOf(state);
      context.clearRect(0, 0, 2 * MAP, 2 * MAP);
      context.imageSmoothingEnabled = false;
      const [wide, tall] = [2 * THUMB, (2 * THUMB * height) / width];
      for (let i = last; i >= 0; i--) {
        const places = placesOfImage(state.codes, i, state);
        show(0, imageOf(state.images, i));
        const [x, y] = [2 * onMap(places[state.horizontal - 1]), 2 * (MAP - onMap(places[state.vertical - 1]))];
        context.drawImage(canvas, x - wide / 2, y - tall / 2, wide, tall);
      }
    };

    let screens, mapped, blended;
    const lay = (state) => {
      const [decoded, faded] = [film(state, 1, 0, "100%"), film(state, 1, 0, "100%")];
      const strips = [film(state, FRAMES, 2, "100%"), film(state, FRAMES, 2, "100%")];
      const marks = strips.map(({ frame }) => marker(frame));
      for (const { frame } of strips) {
        drag(frame, (y, x) => ({ blend: Math.round(100 * clamp((x * FRAMES - 0.5) / (FRAMES - 1), 0, 1)) }));
      }
      const [decodedNote, fadedNote] = [make("p", { class: "course-note" }), make("p", { class: "course-note" })];
      const blends = make("div", { class: "course-blends" },
        make("div", {}, title("decoded from the code"), decoded.frame, decodedNote),
        make("div", {}, title("pixels of A and B blended"), faded.frame, fadedNote),
        make("div", { class: "course-wide" }, title("A to B: codes blended, then decoded"), strips[0].frame),
        make("div", { class: "course-wide" }, title("A to B: pixels blended"), strips[1].frame),
      );
      stage.replaceChildren(map, blends);
      return { decoded, faded, strips, marks, decodedNote, fadedNote };
    };

    return (state, { places, apart, errors }) => {
      const { a, b, blend, horizontal, vertical, codes, images } = state;
      screens ??= lay(state);
      const { decoded, faded, strips, marks, decodedNote, fadedNote } = screens;
      decoded.show(0, latest.decoded);
      faded.show(0, latest.faded);
      if (mapped !== `${horizontal} ${vertical}`) {
        drawThumbs(state);
        say(mapNote, `→ direction ${nameOf(state, horizontal - 1)}, ↑ direction ${nameOf(state, vertical - 1)}; each side is ${write(2 * REACH, 1)} σ long`);
      }
      mapped = `${horizontal} ${vertical}`;
      drawVectors(state, places);
      if (blended !== `${a} ${b}`) {
        for (let frame = 0; frame < FRAMES; frame++) {
          const share = (100 * frame) / (FRAMES - 1);
          strips[0].show(frame, decode(state, mix(codeOf(codes, a), codeOf(codes, b), share)));
          strips[1].show(frame, fadedOf(state, share));
        }
      }
      blended = `${a} ${b}`;
      const [, , width] = shapeOf(state);
      const long = FRAMES * (width + 2) - 2;
      for (const put of marks) put(0, ((blend / 100) * (FRAMES - 1) * (width + 2)) / long, 1, width / long);
      say(decodedNote, `A comes back with an error of ${errors[0].toFixed(3)}, B of ${errors[1].toFixed(3)}`);
      say(fadedNote, `${apart.toFixed(3)} from the decoded picture`);
    };
  },
});
