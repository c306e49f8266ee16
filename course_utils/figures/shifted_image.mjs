const FILLS = ["edge", "wrap", "black"]; // as in shifted_image.py, like the next
const STAGES = { relu: "ReLU", max_pool2d: "pool" };
const PICTURE = 224; // width of the image, in CSS pixels
const COLOURS = ["red", "green", "blue"];
const SHADES = new Uint32Array(new Uint8ClampedArray(Array.from({ length: 256 }, (_, i) => [...cividis(i / 255), 255]).flat()).buffer);
const SHIFT_STYLE = `
  .course-shift .course-bars { flex: 1 1 400px; min-width: 0; }
  .course-shift .course-bars table { width: 100%; border-collapse: collapse; table-layout: fixed; margin: 0; }
  .course-shift :is(th, td) { padding: 1px 0 1px 8px; font-size: 13px; line-height: 1.45; font-weight: 400; text-align: left; color: var(--ink); background: none; border: none; white-space: nowrap; }
  .course-shift tr { background: none; }
  .course-shift thead th { font-weight: 600; white-space: normal; vertical-align: bottom; }
  .course-shift tbody th { padding-left: 0; text-align: right; white-space: normal; }
  .course-shift .course-right { font-weight: 700; }
  .course-shift .course-share { display: flex; gap: 6px; align-items: center; }
  .course-shift .course-bar { display: block; height: 12px; min-width: 1px; background: repeating-linear-gradient(135deg, var(--soft) 0 2px, transparent 2px 5px); border: 1px solid var(--soft); box-sizing: border-box; }
  .course-shift .course-right .course-bar { background: var(--mark); border-color: var(--mark); }
  .course-shift .course-maps { margin-top: 14px; }
  .course-shift .course-maps .course-picture-frame { background: var(--line); }
  .course-shift .course-maps > div + div { margin-top: 8px; }
  .course-shift .course-unit { margin-top: 14px; }
  .course-shift .course-unit .course-controls { margin: 0 0 8px; }
  .course-shift .course-title { display: block; }
  .course-shift .course-here { outline-width: 1px; box-shadow: 0 0 0 2px #fff; }
  .course-shift .course-stage { line-height: normal; }
`;

/** The image, its content dy further down and dx further right. */
function shifted({ shape: [channels, height, width], data }, dy, dx, fill) {
  const moved = new Float64Array(data.length);
  const source = (at, size) => (fill === "wrap" ? (at + size) % size : clamp(at, 0, size - 1));
  for (let channel = 0, to = 0; channel < channels; channel++) {
    for (let row = 0; row < height; row++) {
      const from = (channel * height + source(row - dy, height)) * width;
      const isOut = row - dy < 0 || row - dy >= height;
      for (let column = 0; column < width; column++, to++) {
        const isBlack = fill === "black" && (isOut || column - dx < 0 || column - dx >= width);
        moved[to] = isBlack ? 0 : data[from + source(column - dx, width)] / 255;
      }
    }
  }
  return { shape: [channels, height, width], data: moved };
}

/** Layers whose maps are shown: {"ReLU 1": its place, …}; a ReLU right after a convolution only. */
function stagesOf(layers) {
  const found = {};
  let block = 0;
  for (const [at, { kind }] of layers.entries()) {
    if (kind === "conv2d") block++;
    if (kind === "flatten") break;
    const summed = kind !== "relu" || layers[at - 1].kind === "conv2d";
    if (block && STAGES[kind] && summed) found[`${STAGES[kind]} ${block}`] = at;
  }
  return found;
}

/** The model whose maps are shown, {name, layers}: the last that has any. */
const mappedOf = ({ networks }) => networks.findLast(({ layers }) => Object.keys(stagesOf(layers)).length);

const memory = new WeakMap(); // of a figure's networks: what they gave for the image now shown

/** Name → the shifted image and the output of every layer; computed once for each picture. */
function outputs({ images, networks, image, dy, dx, fill }) {
  const key = `${image} ${dy} ${dx} ${fill}`;
  if (memory.get(networks)?.key !== key) {
    const { shape: [, ...shape], data } = unpack(images);
    const size = shape.reduce((all, side) => all * side, 1);
    const x = shifted({ shape, data: data.subarray(image * size, (image + 1) * size) }, dy, dx, fill);
    const results = Object.fromEntries(networks.map(({ name, layers }) => [name, [x, ...outputsOf(layers, x)]]));
    memory.set(networks, { key, results });
  }
  return memory.get(networks).results;
}

const at3 = ({ shape: [, height, width], data }, channel, row, column) =>
  row < 0 || column < 0 || row >= height || column >= width ? 0 : data[(channel * height + row) * width + column];
const patch = (x, channel, top, left, tall, wide) =>
  Array.from({ length: tall }, (_, i) => Array.from({ length: wide }, (_, j) => at3(x, channel, top + i, left + j)));

/** [top, left, bottom, right] of a unit's receptive field, padding included. */
function fieldOf(layers, at, row, column) {
  let [top, left, bottom, right] = [row, column, row + 1, column + 1];
  for (const { kind, size, weight, stride, padding = 0 } of layers.slice(0, at + 1).reverse()) {
    if (kind !== "conv2d" && kind !== "max_pool2d") continue;
    const [tall, wide] = size ? [size, size] : weight.shape.slice(2);
    [top, left] = [top * stride - padding, left * stride - padding];
    [bottom, right] = [(bottom - 1) * stride - padding + tall, (right - 1) * stride - padding + wide];
  }
  return [top, left, bottom, right];
}

/** The unit: its value, its receptive field, and the sum or the maximum it comes from. */
function unitOf(state) {
  const { stage, channel, row, column, part } = state;
  const { name, layers } = mappedOf(state);
  const results = outputs(state)[name];
  const at = stagesOf(layers)[stage];
  const found = { value: at3(results[at + 1], channel, row, column), field: fieldOf(layers, at, row, column) };
  if (layers[at].kind === "max_pool2d") {
    const { size, stride } = layers[at];
    return { ...found, window: patch(results[at], channel, row * stride, column * stride, size, size) };
  }
  const { stride, padding, ...boxes } = layers[at - 1];
  const [weight, bias] = [unpack(boxes.weight), unpack(boxes.bias).data[channel]];
  const [, parts, tall, wide] = weight.shape;
  const window = (c) => patch(results[at - 1], c, row * stride - padding, column * stride - padding, tall, wide);
  const weights = (c) => {
    const from = (channel * parts + c) * tall * wide;
    return Array.from({ length: tall }, (_, i) => [...weight.data.subarray(from + i * wide, from + (i + 1) * wide)]);
  };
  const sums = Array.from({ length: parts }, (_, c) => {
    const kernel = weights(c);
    return window(c).flatMap((line, i) => line.map((x, j) => x * kernel[i][j])).reduce((sum, product) => sum + product, 0);
  });
  return { ...found, window: window(part), weights: weights(part), sums, bias };
}

const fixed = (value, digits = 2) => value.toFixed(digits).replace("-", MINUS);
const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
const winner = (shares) => shares.indexOf(Math.max(...shares));
const moved = (count, more, less) => (count ? `${Math.abs(count)} ${count > 0 ? more : less}` : "");
const whereTo = ({ dy, dx }) => [moved(dx, "right", "left"), moved(dy, "down", "up")].filter(Boolean).join(" and ");

export default courseFigure({
  name: "shifted_image",
  traits: ["images", "labels", "classes", "networks", "image", "dy", "dx", "fill", "stage", "channel", "row", "column", "part"],
  large: ["images", "labels", "classes", "networks"],
  label: "The image. Arrow keys shift it, Home puts it back, comma and full stop choose another image.",

  numbers(state) {
    const results = Object.entries(outputs(state));
    return {
      probabilities: Object.fromEntries(results.map(([name, all]) => [name, softmax(all.at(-1).data)])),
      unit: unitOf(state),
    };
  },

  says(state, { probabilities }) {
    const right = state.labels[state.image];
    const parts = Object.entries(probabilities).map(([name, shares]) => {
      const guess = winner(shares);
      const rest = guess === right ? "right" : `wrong, ${state.classes[right]} ${percent(shares[right])}`;
      return `${name}: ${state.classes[guess]} ${percent(shares[guess])}, ${rest}.`;
    });
    const where = whereTo(state);
    return `This is “${state.classes[right]}”, ${where ? `shifted ${where}` : "not shifted"}. ${parts.join(" ")}`;
  },

  settle(next) {
    const [count, , height, width] = next.images.shape;
    const [high, wide] = [Math.floor(height / 2), Math.floor(width / 2)];
    const { name, layers } = mappedOf(next);
    const stages = stagesOf(layers);
    const at = stages[next.stage] ?? Object.values(stages)[0];
    const place = { image: clamp(next.image, 0, count - 1), dy: clamp(next.dy, -high, high), dx: clamp(next.dx, -wide, wide) };
    const results = outputs({ ...next, ...place })[name];
    const [channels, rows, columns] = results[at + 1].shape;
    const parts = layers[at].kind === "relu" ? results[at - 1].shape[0] : 1;
    return {
      ...next,
      ...place,
      channel: clamp(next.channel, 0, channels - 1),
      row: clamp(next.row, 0, rows - 1),
      column: clamp(next.column, 0, columns - 1),
      part: clamp(next.part, 0, parts - 1),
    };
  },

  move: ({ dy, dx }, dRow, dColumn) => ({ dy: dy + dRow, dx: dx + dColumn }),
  keys: {
    Home: () => ({ dy: 0, dx: 0 }),
    ".": ({ image, labels }) => ({ image: (image + 1) % labels.length }),
    ",": ({ image, labels }) => ({ image: (image + labels.length - 1) % labels.length }),
  },

  build({ model, root, stage, says, set, choose, count, press, drag }) {
    root.classList.add("course-shift");
    const title = (text = "") => make("div", { class: "course-title" }, text);
    const [networks, classes] = [model.get("networks"), model.get("classes")];
    const { name: mapped, layers } = mappedOf({ networks });
    const stages = stagesOf(layers);
    const [, channels, height, width] = model.get("images").shape;

    const nameOf = (at) => `${at}: ${classes[model.get("labels")[at]]}`;
    const back = press("Put back", () => ({ dy: 0, dx: 0 }));
    back.style.margin = "0";
    const controls = make("div", { class: "course-controls" },
      choose("image", ({ labels }) => labels.map((_, at) => nameOf(at)), ({ image }) => nameOf(image), (words) => ({ image: Number.parseInt(words, 10) })),
      choose("from outside comes", () => FILLS, ({ fill }) => fill, (fill) => ({ fill })), back);

    // The image, and where the unit looks.
    const imageTitle = title();
    const big = picture(height, width, PICTURE);
    const field = marker(big.frame);
    stage.append(imageTitle, big.frame);
    drag(big.frame, (y, x, _, start) => ({
      dy: start.state.dy + Math.round((y - start.y) * height),
      dx: start.state.dx + Math.round((x - start.x) * width),
    }));

    // Both models' probabilities.
    const names = networks.map(({ name }) => name);
    const heads = names.map(() => make("th", { scope: "col" }));
    const rows = classes.map((words) => {
      const name = make("th", { scope: "row" });
      const cells = names.map(() => {
        const [bar, text] = [make("span", { class: "course-bar" }), make("span", {})];
        return { td: make("td", {}, make("div", { class: "course-share" }, bar, text)), bar, text };
      });
      return { words, name, cells, tr: make("tr", {}, name, ...cells.map(({ td }) => td)) };
    });
    const bars = make("div", { class: "course-bars" }, make("table", {},
      make("thead", {}, make("tr", {}, make("td", { style: "width:26%" }), ...heads)), make("tbody", {}, ...rows.map(({ tr }) => tr))));

    // The maps of one block, each layer on one canvas, and the unit.
    const maps = make("div", { class: "course-maps" });
    const which = choose("maps and unit of", () => Object.keys(stages), (state) => state.stage, (words) => ({ stage: words }));
    const part = count("input channel", 0, 9999, (state) => state.part, (value) => ({ part: value }));
    const unitControls = make("div", { class: "course-controls" }, which,
      count("map", 0, 9999, ({ channel }) => channel, (channel) => ({ channel })),
      count("row", 0, 9999, ({ row }) => row, (row) => ({ row })),
      count("column", 0, 9999, ({ column }) => column, (column) => ({ column })), part);
    const [tables, formula] = [make("div", { class: "course-panels" }), make("div", { class: "course-formula" })];
    const unit = make("div", { class: "course-unit" }, unitControls, tables, formula);
    root.prepend(make("style", {}, SHIFT_STYLE), controls, make("div", { class: "course-panels" }, stage, bars));
    says.after(maps, unit);

    /** All maps of a layer in one picture, a line between them. */
    const buildRow = (name, [count_, rows_, columns_]) => {
      const across = Math.min(count_, 16);
      const down = Math.ceil(count_ / across);
      const [tall, wide] = [rows_ + 1, columns_ + 1];
      const sheet = picture(down * tall - 1, across * wide - 1, Math.min(736, across * 92));
      const put = marker(sheet.frame);
      const heading = title();
      drag(sheet.frame, (y, x) => {
        const [i, j] = [Math.floor(y * (down * tall - 1)), Math.floor(x * (across * wide - 1))];
        const channel = Math.floor(i / tall) * across + Math.floor(j / wide);
        return { stage: name, channel, row: Math.min(i % tall, rows_ - 1), column: Math.min(j % wide, columns_ - 1) };
      });
      const canvas = sheet.frame.querySelector("canvas");
      const pixels = new ImageData(canvas.width, canvas.height);
      const colours = new Uint32Array(pixels.data.buffer);
      const draw = ({ data }, state) => {
        const largest = data.reduce((most, value) => Math.max(most, value), 0);
        const scale = largest > 0 ? 255 / largest : 0;
        for (let channel = 0, at = 0; channel < count_; channel++) {
          for (let i = 0; i < rows_; i++) {
            const to = (Math.floor(channel / across) * tall + i) * canvas.width + (channel % across) * wide;
            for (let j = 0; j < columns_; j++, at++) colours[to + j] = SHADES[Math.round(scale * Math.max(0, data[at]))];
          }
        }
        canvas.getContext("2d").putImageData(pixels, 0, 0);
        say(heading, `after ${name}: ${count_} maps of ${rows_} × ${columns_}, blue 0, yellow ${write(largest)}`);
        const isHere = state.stage === name;
        const { channel, row, column } = state;
        const [top, left] = [Math.floor(channel / across) * tall + row, (channel % across) * wide + column];
        sheet.frame.lastChild.style.display = isHere ? "" : "none";
        put(top / canvas.height, left / canvas.width, 1 / canvas.height, 1 / canvas.width);
      };
      return { box: make("div", {}, heading, sheet.frame), draw };
    };
    let [block, shown] = [];
    const drawMaps = (state) => {
      const results = outputs(state)[mapped];
      if (block !== state.stage.split(" ")[1]) {
        block = state.stage.split(" ")[1];
        const those = Object.keys(stages).filter((name) => name.split(" ")[1] === block);
        shown = those.map((name) => ({ name, ...buildRow(name, results[stages[name] + 1].shape) }));
        maps.replaceChildren(...shown.map(({ box }) => box));
      }
      for (const { name, draw } of shown) draw(results[stages[name] + 1], state);
    };

    let [layout, grids] = [];
    const drawUnit = (state, numbers) => {
      const { window, weights, sums, bias, value } = numbers.unit;
      const [tall, wide] = [window.length, window[0].length];
      const isSum = Boolean(weights);
      const key = `${isSum} ${tall} ${wide}`;
      const words = isSum ? ["input", "× weight", "= product"] : [`window in map ${state.channel}`];
      if (layout !== key) {
        [layout, grids] = [key, words.map(() => ({ heading: title(), grid: table(tall, wide, wide > 5 ? 34 : 44) }))];
        tables.replaceChildren(...grids.map(({ heading, grid }) => make("div", {}, heading, grid.svg)));
      }
      const products = isSum && window.map((line, i) => line.map((x, j) => x * weights[i][j]));
      const largest = isSum ? Math.max(...products.flat().map(Math.abs)) : value;
      const contents = isSum ? [window, weights, products] : [window];
      const before = layers.slice(0, stages[state.stage] - 1).map(({ kind }) => kind); // of the convolution
      const isImage = before.every((kind) => kind === "scale");
      const colour = isImage && channels === 3 ? COLOURS[state.part] : `channel ${state.part}`;
      const inputOf = `${colour}${isImage && before.length ? ", standardised" : ""}`;
      contents.forEach((matrix, at) => {
        const digits = Math.max(...matrix.flat().map(Math.abs)) < 0.1 ? 3 : 2; // of all its numbers
        say(grids[at].heading, at === 0 && isSum ? `input, ${inputOf}` : words[at]);
        matrix.forEach((line, i) => line.forEach((x, j) => grids[at].grid.put(i, j, fixed(x, digits), {
          fill: at === 2 ? tint(x, largest) : "",
          kind: !isSum && x === value ? "course-in" : "",
        })));
      });
      part.style.display = isSum ? "" : "none";
      const [total, terms] = [isSum ? sums.reduce((a, b) => a + b, bias) : 0, isSum ? sums.map((x) => (x < 0 ? `(${write(x, 3)})` : write(x, 3))) : []];
      say(formula, isSum
        ? `Sums of the products over ${sums.length} input channel${sums.length > 1 ? "s" : ""}: ${terms.join(" + ")}; with the bias ${write(bias, 3)} that makes ${write(total, 3)}, and ReLU leaves ${write(value, 3)}.`
        : `The largest of ${window.flat().map((x) => write(x, 3)).join(", ")} is ${write(value, 3)}.`);
    };

    return (state, numbers) => {
      const x = outputs(state)[mapped][0].data;
      big.paint((row, column) => [0, 1, 2].map((c) => 255 * x[((c % channels) * height + row) * width + column]));
      const [top, left, bottom, right] = numbers.unit.field;
      const [y0, x0, y1, x1] = [Math.max(0, top), Math.max(0, left), Math.min(height, bottom), Math.min(width, right)];
      field(y0 / height, x0 / width, (y1 - y0) / height, (x1 - x0) / width);
      say(imageTitle, whereTo(state) || "not shifted; drag it");
      back.disabled = !whereTo(state);
      const label = state.labels[state.image];
      names.forEach((name, at) => {
        const shares = numbers.probabilities[name];
        const guess = winner(shares);
        say(heads[at], `${name} says ${classes[guess]}: ${guess === label ? "right" : "wrong"}`);
        rows.forEach(({ cells }, index) => {
          const { bar, text } = cells[at];
          bar.style.width = `${(60 * shares[index]).toFixed(2)}%`;
          say(text, `${percent(shares[index])}${index === guess ? " ◂" : ""}`);
        });
      });
      rows.forEach(({ words, name, tr }, index) => {
        tr.classList.toggle("course-right", index === label);
        say(name, `${words}${index === label ? " (true)" : ""}`);
      });
      drawMaps(state);
      drawUnit(state, numbers);
    };
  },
});
