const PHOTO = 13; // as in kernel_scrubber.py
const PHOTO_WIDTH = 264; // in CSS pixels: photograph, kernel and map share a row in a notebook
const OWN = "your own";
// ColorBrewer's PuOr, from its lowest to its highest colour.
const PUOR = [
  [127, 59, 8], [179, 88, 6], [224, 130, 20], [253, 184, 99], [254, 224, 182], [247, 247, 247],
  [216, 218, 235], [178, 171, 210], [128, 115, 172], [84, 39, 136], [45, 0, 75],
];

/** Colour of a value in -1 … 1. */
function puor(value) {
  const at = clamp((value + 1) / 2, 0, 1) * (PUOR.length - 1);
  const low = Math.min(Math.floor(at), PUOR.length - 2);
  return PUOR[low].map((part, i) => part + (PUOR[low + 1][i] - part) * (at - low));
}

const cellFor = (columns) => (columns > 7 ? 30 : columns > 5 ? 34 : 42);
const sizeOf = (matrix) => [matrix.length, matrix[0].length];
const isPhoto = ({ image }) => Math.max(...sizeOf(image)) >= PHOTO;

function outputSize({ image, kernel, stride, padding, dilation }) {
  const sides = sizeOf(kernel);
  return sizeOf(image).map((n, axis) => Math.floor((n + 2 * padding - dilation * (sides[axis] - 1) - 1) / stride) + 1);
}

/** The window of output (row, column): its pixels, products and running sum. */
function convolveAt({ image, kernel, stride, padding, dilation }, row, column) {
  const [top, left] = [row * stride - padding, column * stride - padding];
  const window = kernel.map((line, i) => line.map((_, j) => image[top + i * dilation]?.[left + j * dilation] ?? 0));
  const products = kernel.map((line, i) => line.map((weight, j) => window[i][j] * weight));
  let sum = 0;
  const running = products.flat().map((product) => (sum += product));
  return { corner: [top, left], window, products, running, sum };
}

/** The whole feature map as one flat array; quick enough for a photograph at every change. */
function featureMap({ image, kernel, stride, padding, dilation }, [rows, columns]) {
  const [height, width] = sizeOf(image);
  const map = new Float64Array(rows * columns);
  kernel.forEach((line, i) => line.forEach((weight, j) => {
    if (weight === 0) return;
    for (let row = 0; row < rows; row++) {
      const y = row * stride - padding + i * dilation;
      if (y < 0 || y >= height) continue;
      for (let column = 0; column < columns; column++) {
        const x = column * stride - padding + j * dilation;
        if (x >= 0 && x < width) map[row * columns + column] += image[y][x] * weight;
      }
    }
  }));
  return map;
}

const resized = (kernel, side) =>
  Array.from({ length: side }, (_, i) => Array.from({ length: side }, (_, j) => kernel[i]?.[j] ?? 0));

/** The output size with its numbers: one line where both axes agree, else one for each. */
function sizeFormula({ image, kernel, stride, padding, dilation }, { output_size }) {
  const line = (axis) => {
    const [n, k] = [sizeOf(image)[axis], sizeOf(kernel)[axis]];
    return `⌊(${n} + 2·${padding} − ${dilation}·(${k} − 1) − 1) / ${stride}⌋ + 1 = ${output_size[axis]}`;
  };
  const general = "size = ⌊(n + 2p − d·(k − 1) − 1) / s⌋ + 1";
  return line(0) === line(1) ? `${general} = ${line(0)}` : `${general}: height ${line(0)}, width ${line(1)}`;
}

const largestOf = (values) => values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);

/** The magnitude that 99 % of the values do not exceed: deepest colour of a response map. */
function almostLargest(values) {
  const sorted = Float64Array.from(values, Math.abs).sort();
  return sorted[Math.floor(0.99 * (sorted.length - 1))] || sorted.at(-1);
}

export default courseFigure({
  name: "kernel_scrubber",
  traits: ["image", "kernel", "stride", "padding", "dilation", "row", "column", "visited", "presets"],
  large: ["image", "presets"],
  label: "Input under the kernel. Arrow keys move the window.",

  numbers(state) {
    const [rows, columns] = outputSize(state);
    const here = convolveAt(state, state.row, state.column);
    const seen = new Set([...state.visited, state.row * columns + state.column]);
    const value = (_, at) => (seen.has(at) ? convolveAt(state, Math.floor(at / columns), at % columns).sum : null);
    const flat = isPhoto(state) ? [] : Array.from({ length: rows * columns }, value);
    const lines = Array.from({ length: rows }, (_, row) => flat.slice(row * columns, (row + 1) * columns));
    return { output_size: [rows, columns], ...here, feature_map: isPhoto(state) ? null : lines };
  },

  says({ kernel, row, column, padding, dilation, stride, image }, { products, window, sum, output_size }) {
    const terms = window.flatMap((line, i) => line.map((x, j) => `${factor(x)}·${factor(kernel[i][j])}`));
    const equation = products.flat().length > 9 ? `the ${products.flat().length} products add up to` : `${terms.join(" + ")} =`;
    return `Output (${row}, ${column}): ${equation} ${write(sum)}.`;
  },

  settle(next, changes) {
    const [rows, columns] = outputSize(next);
    if (Math.min(rows, columns) < 1) {
      const reach = sizeOf(next.kernel).map((side) => next.dilation * (side - 1) + 1);
      throw new Error(`Refused: the window would span ${reach.join(" × ")} and not fit into the input; add padding first.`);
    }
    const row = clamp(next.row, 0, rows - 1);
    const column = clamp(next.column, 0, columns - 1);
    const here = row * columns + column;
    const again = ["kernel", "stride", "padding", "dilation"].some((name) => name in changes);
    const visited = again ? [here] : next.visited.includes(here) ? next.visited : [...next.visited, here];
    return { ...next, row, column, visited };
  },

  move: ({ row, column }, dRow, dColumn) => ({ row: row + dRow, column: column + dColumn }),

  build({ root, stage, says, set, on, choose, count, press, drag }) {
    root.classList.add("course-scrubber");
    const panel = () => make("div", { class: "course-panel" });
    const title = (text = "") => make("div", { class: "course-title" }, text);
    const [middle, output, formula] = [panel(), panel(), make("div", { class: "course-formula" })];
    const presetOf = ({ kernel, presets }) =>
      Object.keys(presets).find((name) => JSON.stringify(presets[name]) === JSON.stringify(kernel)) ?? OWN;
    const controls = make("div", { class: "course-controls" },
      choose("kernel", (state) => [...Object.keys(state.presets), OWN], presetOf,
        (name, { presets }) => presets[name] && { kernel: presets[name] }),
      count("size k", 1, 7, ({ kernel }) => kernel.length, (side, { kernel }) => ({ kernel: resized(kernel, side) })),
      count("stride s", 1, 8, ({ stride }) => stride, (stride) => ({ stride })),
      count("padding p", 0, 8, ({ padding }) => padding, (padding) => ({ padding })),
      count("dilation d", 1, 8, ({ dilation }) => dilation, (dilation) => ({ dilation })),
    );
    const fill = press("Fill all", (state) => {
      const [rows, columns] = outputSize(state);
      return { visited: Array.from({ length: rows * columns }, (_, at) => at) };
    });
    root.prepend(controls, make("div", { class: "course-panels" }, stage, middle, output));
    says.before(formula);

    /** Centre the window on the pointer, which is at (y, x) of the padded input. */
    const grab = (y, x, state) => {
      const { image, kernel, stride, padding, dilation } = state;
      const [row, column] = sizeOf(image).map((n, axis) => {
        const middleOfWindow = (dilation * (sizeOf(kernel)[axis] - 1)) / 2;
        return Math.round((Math.floor([y, x][axis] * (n + 2 * padding)) - middleOfWindow) / stride);
      });
      return { row, column };
    };
    const pick = (y, x, state) => {
      const [rows, columns] = outputSize(state);
      return { row: Math.floor(y * rows), column: Math.floor(x * columns) };
    };

    const buildKernel = ({ kernel }) => {
      const [kH, kW] = sizeOf(kernel);
      const cells = kernel.map((line, i) => line.map((_, j) => {
        const name = `kernel, row ${i}, column ${j}`;
        const cell = make("input", { type: "number", step: "any", "aria-label": name, "data-lm-suppress-shortcuts": "true" });
        on(cell, "change", () => {
          const weights = cells.map((row) => row.map((one) => one.valueAsNumber || 0));
          set({ kernel: weights });
        });
        return cell;
      }));
      const products = table(kH, kW, kW > 4 ? 280 / kW : 64, "course-products");
      const box = make("div", { class: "course-kernel", style: `grid-template-columns:repeat(${kW},auto)` }, ...cells.flat());
      const total = make("div", { class: "course-total" });
      middle.replaceChildren(title(`kernel ${kH} × ${kW}`), box, title("products, running sum Σ"), products.svg, total);
      const update = (state, numbers) => {
        cells.forEach((line, i) => line.forEach((cell, j) => {
          if (cell.valueAsNumber !== state.kernel[i][j]) cell.value = state.kernel[i][j];
          const product = numbers.products[i][j];
          products.put(i, j, write(product), {
            above: `${write(numbers.window[i][j])} × ${write(state.kernel[i][j])}`,
            below: `Σ ${write(numbers.running[i * kW + j])}`,
            kind: state.kernel[i][j] === 0 ? "course-zero" : "",
          });
        }));
        total.replaceChildren("sum = ", make("b", {}, write(numbers.sum)));
      };
      return update;
    };

    const buildTables = (state) => {
      const { image, kernel, stride, padding, dilation } = state;
      const [height, width] = sizeOf(image);
      const [rows, columns] = outputSize(state);
      const input = table(height + 2 * padding, width + 2 * padding, cellFor(width + 2 * padding));
      const map = table(rows, columns, cellFor(columns));
      drag(input.svg, grab);
      drag(map.svg, pick);
      const mapTitle = title();
      stage.replaceChildren(title(`input ${height} × ${width}${padding ? `, framed by ${padding} of zeros` : ""}`), input.svg);
      output.replaceChildren(mapTitle, map.svg, fill);
      return (now, numbers) => {
        const [top, left] = numbers.corner;
        const under = (at, from, side) => {
          const step = (at - from) / dilation;
          return Number.isInteger(step) && step >= 0 && step < side;
        };
        for (let y = -padding; y < height + padding; y++) {
          for (let x = -padding; x < width + padding; x++) {
            const value = image[y]?.[x];
            const window = under(y, top, kernel.length) && under(x, left, kernel[0].length);
            const kind = `${value === undefined ? "course-zero" : ""} ${window ? "course-in" : ""}`;
            input.put(y + padding, x + padding, write(value ?? 0), { kind });
          }
        }
        
        input.outline(top + padding, left + padding, dilation * (kernel.length - 1) + 1, dilation * (kernel[0].length - 1) + 1);
        const largest = largestOf(numbers.feature_map.flat());
        numbers.feature_map.forEach((line, i) => line.forEach((value, j) => {
          if (value === null) map.put(i, j, "", { kind: "course-empty" });
          else map.put(i, j, write(value), { fill: tint(value, largest) });
        }));
        map.outline(now.row, now.column, 1, 1);
        say(mapTitle, `feature map ${rows} × ${columns}, ${now.visited.length} of ${rows * columns} visited`);
        fill.disabled = now.visited.length === rows * columns;
      };
    };

    const buildPhoto = (state) => {
      const { image, kernel, stride, padding, dilation } = state;
      const [height, width] = sizeOf(image).map((side) => side + 2 * padding);
      const [rows, columns] = outputSize(state);
      const map = featureMap(state, [rows, columns]);
      const limit = almostLargest(map);
      const brightest = largestOf(image.flat()) || 1;
      const scale = Math.min(PHOTO_WIDTH / width, PHOTO_WIDTH / height);
      const photo = picture(height, width, width * scale);
      photo.paint((row, column) => {
        const grey = image[row - padding]?.[column - padding] ?? 0;
        return Array(3).fill((255 * grey) / brightest);
      });
      const response = picture(rows, columns, (PHOTO_WIDTH * columns) / Math.max(rows, columns));
      response.paint((row, column) => puor(limit ? map[row * columns + column] / limit : 0));
      drag(photo.frame, grab);
      drag(response.frame, pick);
      stage.replaceChildren(title(`photograph ${sizeOf(image).join(" × ")}`), photo.frame);
      const scaleBar = make("div", { class: "course-scale" }, write(-limit, 1), make("span", { "aria-hidden": "true" }), `+${write(limit, 1)}`);
      output.replaceChildren(title(`response map ${rows} × ${columns}`), response.frame, scaleBar);
      const [window, pixel] = [marker(photo.frame), marker(response.frame)];
      const [tall, wide] = sizeOf(kernel).map((side) => dilation * (side - 1) + 1);
      return ({ row, column }) => {
        window((row * stride) / height, (column * stride) / width, tall / height, wide / width);
        pixel(row / rows, column / columns, 1 / rows, 1 / columns);
      };
    };

    /** Build anew only when `key` changes. */
    const cached = (builder) => {
      let [last, image, update] = [];
      return (key, state, numbers) => {
        if (key !== last || state.image !== image) [last, image, update] = [key, state.image, builder(state)];
        update(state, numbers);
      };
    };
    const [drawKernel, drawTables, drawPhoto] = [cached(buildKernel), cached(buildTables), cached(buildPhoto)];
    return (state, numbers) => {
      const { kernel, stride, padding, dilation } = state;
      drawKernel(String(sizeOf(kernel)), state, numbers);
      (isPhoto(state) ? drawPhoto : drawTables)(JSON.stringify([kernel, stride, padding, dilation]), state, numbers);
      say(formula, sizeFormula(state, numbers));
    };
  },
});
