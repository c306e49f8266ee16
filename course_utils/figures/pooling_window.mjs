const POOLS = ["max", "average", "L2"];
const FIRST = "first takes all"; // as max_pool2d does
const SHARED = "shared"; // as amax does

const NOTHING = "\u00a0"; // keeps the numbers of all cells at one size

const cellFor = (columns) => (columns > 9 ? 34 : columns > 5 ? 44 : 60);
const sidesOf = (matrix) => [matrix.length, matrix[0].length];
const outputSize = ({ image, size, stride }) => sidesOf(image).map((n) => Math.floor((n - size) / stride) + 1);
const add = (values) => values.reduce((sum, value) => sum + value, 0);

/** The inputs that output (row, column) sees, line by line. */
function windowAt({ image, size, stride }, row, column) {
  const lines = image.slice(row * stride, row * stride + size);
  return lines.flatMap((line) => line.slice(column * stride, column * stride + size));
}

function valueOf({ pool }, window) {
  if (pool === "max") return Math.max(...window);
  if (pool === "average") return add(window) / window.length;
  return Math.sqrt(add(window.map((x) => x * x)));
}

/** The derivative of an output with respect to each input of its window. */
function shareOf({ pool, ties }, window) {
  const value = valueOf({ pool }, window);
  if (pool === "average") return window.map(() => 1 / window.length);
  if (pool === "L2") return window.map((x) => (value ? x / value : 0));
  const all = [...window.keys()].filter((at) => window[at] === value);
  const winners = ties === FIRST ? all.slice(0, 1) : all;
  return window.map((_, at) => (winners.includes(at) ? 1 / winners.length : 0));
}

const isSent = ({ sent }, row, column) => sent.some(([i, j]) => i === row && j === column);

/** Let output (row, column) send its gradient, or take it back. */
function toggled(state, row, column) {
  const others = state.sent.filter(([i, j]) => i !== row || j !== column);
  return { row, column, sent: isSent(state, row, column) ? others : [...others, [row, column]] };
}

const FRACTIONS = { 0.5: "½", 0.25: "¼", 0.75: "¾" };

/** A gradient with its sign: +2, +½, −0.8. */
function signed(value) {
  const size = Math.abs(value);
  const [whole, part] = [Math.floor(size), FRACTIONS[size % 1]];
  return (value < 0 ? MINUS : "+") + (part ? (whole || "") + part : write(size));
}

export default courseFigure({
  name: "pooling_window",
  traits: ["image", "pool", "size", "stride", "ties", "row", "column", "sent"],
  large: ["image"],
  label: "Input under the pooling window. Arrow keys move the window; Enter sends a gradient of 1 from its output, or takes it back.",

  numbers(state) {
    const { image, pool, size, stride, row, column, sent } = state;
    const [rows, columns] = outputSize(state);
    const gradient = image.map((line) => line.map(() => 0));
    for (const [i, j] of sent) {
      shareOf(state, windowAt(state, i, j)).forEach((share, at) => {
        gradient[i * stride + Math.floor(at / size)][j * stride + (at % size)] += share;
      });
    }
    const window = windowAt(state, row, column);
    const value = valueOf(state, window);
    return {
      output_size: [rows, columns],
      corner: [row * stride, column * stride],
      window,
      value,
      tied: pool === "max" ? window.filter((x) => x === value).length : 1,
      share: shareOf(state, window),
      output: Array.from({ length: rows }, (_, i) =>
        Array.from({ length: columns }, (_, j) => valueOf(state, windowAt(state, i, j)))),
      gradient,
    };
  },

  says({ pool, ties, row, column, sent }, { window, value, tied, gradient }) {
    const few = window.length <= 9;
    const list = few ? window.map((x) => write(x)).join(", ") : `${window.length} numbers`;
    const how = {
      max: `the largest of ${list} is ${write(value)}`,
      average: `${few ? `(${window.map(factor).join(" + ")}) / ${window.length}` : `the mean of ${list}`} = ${write(value)}`,
      L2: `${few ? `√(${window.map((x) => `${factor(x)}²`).join(" + ")})` : `the root of the summed squares of ${list}`} = ${write(value)}`,
    }[pool];
    const tie = tied > 1 ? ` ${tied} inputs tie: ${ties === FIRST ? "the first takes the gradient" : "they share the gradient"}.` : "";
    const came = sent.length
      ? ` Gradient sent by ${sent.length} output${sent.length > 1 ? "s" : ""}; at the inputs it adds up to ${write(add(gradient.flat()))}.`
      : " No gradient sent yet.";
    return `Output (${row}, ${column}): ${how}.${tie}${came}`;
  },

  settle(next) {
    const [rows, columns] = outputSize(next);
    if (Math.min(rows, columns) < 1) {
      throw new Error(`Refused: a window of ${next.size} × ${next.size} does not fit into ${sidesOf(next.image).join(" × ")}.`);
    }
    const sent = next.sent.filter(([i, j]) => i < rows && j < columns);
    return { ...next, row: clamp(next.row, 0, rows - 1), column: clamp(next.column, 0, columns - 1), sent };
  },

  move: ({ row, column }, dRow, dColumn) => ({ row: row + dRow, column: column + dColumn }),
  keys: {
    Enter: (state) => toggled(state, state.row, state.column),
    " ": (state) => toggled(state, state.row, state.column),
  },

  build({ root, stage, says, set, on, choose, count, press, drag }) {
    const title = (text) => make("div", { class: "course-title" }, text);
    const panel = make("div", { class: "course-panel" });
    const controls = make("div", { class: "course-controls" },
      choose("pool", () => POOLS, ({ pool }) => pool, (pool) => ({ pool })),
      count("size k", 1, 6, ({ size }) => size, (size) => ({ size })),
      count("stride s", 1, 6, ({ stride }) => stride, (stride) => ({ stride })),
      choose("ties", () => [FIRST, SHARED], ({ ties }) => ties, (ties) => ({ ties })),
    );
    root.prepend(controls, make("div", { class: "course-panels" }, stage, panel));
    const all = press("Send from all", (state) => {
      const [rows, columns] = outputSize(state);
      return { sent: Array.from({ length: rows * columns }, (_, at) => [Math.floor(at / columns), at % columns]) };
    });
    const none = press("Clear", () => ({ sent: [] }));
    const buttons = make("div", { style: "display:flex;gap:8px" }, all, none);

    /** Centre the window on the pointer, at (y, x) of the input. */
    const grab = (y, x, { image, size, stride }) => {
      const [row, column] = sidesOf(image).map((n, axis) =>
        Math.round((Math.floor([y, x][axis] * n) - (size - 1) / 2) / stride));
      return { row, column };
    };

    let latest; // the state now drawn
    const lay = (state) => {
      const [[height, width], [rows, columns]] = [sidesOf(state.image), outputSize(state)];
      const input = table(height, width, cellFor(width));
      const map = table(rows, columns, cellFor(width));
      drag(input.svg, grab);
      map.svg.style.cursor = "pointer";
      on(map.svg, "click", (event) => {
        const box = map.svg.getBoundingClientRect();
        const [y, x] = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
        stage.focus({ preventScroll: true });
        set(toggled(latest, Math.floor(clamp(y, 0, 0.9999) * rows), Math.floor(clamp(x, 0, 0.9999) * columns)));
      });
      stage.replaceChildren(title(`input ${height} × ${width}, below each number its gradient`), input.svg);
      panel.replaceChildren(title(`output ${rows} × ${columns}, click one to send 1 back`), map.svg, buttons);
      return { input, map };
    };

    let [key, image, tables] = [];
    return (state, numbers) => {
      latest = state;
      const { size, stride, row, column, pool } = state;
      if (key !== `${size} ${stride}` || image !== state.image) {
        [key, image, tables] = [`${size} ${stride}`, state.image, lay(state)];
      }
      const { input, map } = tables;
      const [top, left] = numbers.corner;
      const largest = Math.max(...numbers.gradient.flat().map(Math.abs));
      state.image.forEach((line, i) => line.forEach((value, j) => {
        const inside = i >= top && i < top + size && j >= left && j < left + size;
        const wins = inside && pool === "max" && value === numbers.value;
        const received = numbers.gradient[i][j];
        input.put(i, j, write(value), {
          above: wins ? (numbers.tied > 1 ? "tie" : "max") : NOTHING,
          below: received ? signed(received) : "",
          kind: inside ? "course-in" : "",
          fill: received ? tint(received, largest) : "",
        });
      }));
      input.outline(top, left, size, size);
      numbers.output.forEach((line, i) => line.forEach((value, j) => {
        const sends = isSent(state, i, j);
        map.put(i, j, write(value), { above: NOTHING, below: sends ? "sends 1" : "", kind: sends ? "course-in" : "" });
      }));
      map.outline(row, column, 1, 1);
      none.disabled = state.sent.length === 0;
      all.disabled = state.sent.length === numbers.output.flat().length;
    };
  },
});
