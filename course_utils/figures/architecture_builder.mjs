const OWN = "your own";
const GEOMETRY = ["size", "channels", "convolutions", "dense", "classes", "head", "bias"];
const CONV = ["filters", "kernel", "stride", "padding", "pool", "pool stride"];
const NEW_CONV = [16, 3, 1, 1, 0, 2];
const NEW_DENSE = 64;
const [MOST_CONV, MOST_DENSE, WIDEST] = [6, 3, 1_000_000]; // as in architecture_builder.py
const LIMITS = [[1, 1024], [1, 15], [1, 8], [0, 8], [0, 8], [1, 8]];
const WIDTHS = ["17%", "17%", "24%", "26%", "16%"];
const COLUMNS = ["parameters", "multiply_adds", "memory"];
const BUILDER_STYLE = `
  .course-builder .course-stage { width: 100%; }
  .course-builder table { width: 100%; border-collapse: collapse; table-layout: fixed; font-variant-numeric: tabular-nums; margin: 0; }
  .course-builder :is(th, td) {
    padding: 3px 8px; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top;
    color: var(--ink); background: none; font-size: 14px; white-space: nowrap;
  }
  .course-builder :is(th[scope="row"], th:first-child, .course-shape) { text-align: left; }
  .course-builder td, .course-builder th[scope="row"] { font-weight: 400; }
  .course-builder tbody tr { cursor: pointer; background: none; }
  .course-builder tr.course-here { outline: 2px solid var(--mark); outline-offset: -2px; }
  .course-builder tr.course-here :is(th, td) { font-weight: 700; }
  .course-builder tfoot :is(th, td) { border-bottom: none; font-weight: 700; }
  .course-bar { display: block; height: 7px; margin: 2px 0 1px; border-radius: 2px; min-width: 0; }
  .course-bar.course-parameters { background: var(--mark); }
  .course-bar.course-multiply_adds {
    background: repeating-linear-gradient(135deg, #c05a00 0 4px, color-mix(in srgb, #c05a00 35%, transparent) 4px 7px);
  }
  .course-bar.course-memory { box-shadow: inset 0 0 0 1.5px var(--soft); }
  .course-builder .course-controls { gap: 6px 12px; margin: 8px 0; align-items: center; }
  .course-builder .course-buttons { display: flex; flex-wrap: wrap; gap: 0 10px; }
  .course-builder select { max-width: 100%; }
  .course-builder [hidden] { display: none; }
  @container (max-width: 600px) {
    .course-builder :is(th, td) { padding: 3px 4px; font-size: 12.5px; }
    .course-builder .course-word { display: none; }
    .course-builder .course-control { flex-wrap: wrap; max-width: 100%; }
  }
  @container (max-width: 440px) { .course-builder .course-last { display: none; } }
  @container (max-width: 340px) { .course-builder .course-shape { display: none; } }
`;

const GROUPED = new Intl.NumberFormat("en-GB"); // made once: toLocaleString is slow
const whole = (value) => GROUPED.format(value);
const percent = (part, total) => `${((100 * part) / total).toFixed(1)} %`;

/** Bytes as people write them, in steps of a thousand. */
function bytes(count) {
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), 4);
  return `${(count / 1000 ** power).toFixed(Math.min(power, 1))} ${["B", "kB", "MB", "GB", "TB"][power]}`;
}

/** The rows of the ledger, each with what of the state it shows and its two formulas. */
function ledgerOf({ size, channels, convolutions, dense, classes, head, bias }) {
  const product = (shape) => shape.reduce((all, side) => all * side, 1);
  const rows = [];
  const add = (name, type, shape, parts = {}) => {
    const row = { name, type, shape, parameters: 0, multiply_adds: 0, memory: 4 * product(shape), ...parts };
    rows.push(row);
    return shape;
  };
  const one = bias ? " + 1" : "";
  let [inputs, , side] = add("input", "", [channels, size, size]);
  convolutions.forEach(([filters, kernel, stride, padding, pool, poolStride], at) => {
    const name = `conv${at + 1}`;
    const reach = side + 2 * padding;
    if (reach < kernel) throw new Error(`Refused: the kernel of ${name}, ${kernel} × ${kernel}, does not fit into ${reach} × ${reach}.`);
    side = Math.floor((reach - kernel) / stride) + 1;
    const weights = inputs * kernel * kernel;
    add(name, "Conv2d", [filters, side, side], {
      parameters: filters * (weights + bias),
      multiply_adds: filters * side * side * weights,
      conv: at,
      formulas: [`${filters}·(${inputs}·${kernel}·${kernel}${one})`, `${filters}·${side}·${side} outputs × ${inputs}·${kernel}·${kernel}`],
    });
    if (pool) {
      if (pool > side) throw new Error(`Refused: pool${at + 1}, ${pool} × ${pool}, does not fit into ${side} × ${side}.`);
      side = Math.floor((side - pool) / poolStride) + 1;
      add(`pool${at + 1}`, "MaxPool2d", [filters, side, side], { conv: at, isPool: true });
    }
    inputs = filters;
  });
  if (head === "global average") [, side] = add("average", "AdaptiveAvgPool2d", [inputs, 1, 1]);
  [inputs] = add("flatten", "Flatten", [inputs * side * side], { memory: 0 });
  [...dense, classes].forEach((width, at) => {
    const isLast = at === dense.length;
    add(isLast ? "scores" : `dense${at + 1}`, "Linear", [width], {
      parameters: width * (inputs + bias),
      multiply_adds: width * inputs,
      ...(isLast ? {} : { dense: at }),
      formulas: [`${whole(width)}·(${whole(inputs)}${one})`, `${whole(width)} outputs × ${whole(inputs)}`],
    });
    inputs = width;
  });
  return rows;
}

const totalOf = (rows, column) => rows.reduce((sum, row) => sum + row[column], 0);
const mostOf = (rows, column) => rows.findIndex((row) => row[column] === Math.max(...rows.map((r) => r[column])));
const without = (list, at) => list.filter((_, i) => i !== at);
const replaced = (list, at, value) => list.map((old, i) => (i === at ? value : old));
const stepped = (value, by, low, high) => clamp(value + by * (value >= 50 ? 10 : 1), low, high);

/** The same state with one number of one convolution changed. */
function withConv({ convolutions }, at, column, value) {
  return { convolutions: replaced(convolutions, at, replaced(convolutions[at], column, value)) };
}

export default courseFigure({
  name: "architecture_builder",
  traits: [...GEOMETRY, "row", "presets"],
  large: ["presets"],
  label: "Ledger of the network. Up and down choose a layer; left and right change its main number.",

  numbers(state) {
    const rows = ledgerOf(state);
    return {
      rows: rows.map(({ name, type, shape, ...row }) => [name, type, shape, ...COLUMNS.map((c) => row[c])]),
      ...Object.fromEntries(COLUMNS.map((column) => [column, totalOf(rows, column)])),
      most_parameters: mostOf(rows, "parameters"),
      most_multiply_adds: mostOf(rows, "multiply_adds"),
      chosen: rows[state.row].name,
    };
  },

  says(state, { rows, parameters, multiply_adds, memory, most_parameters, most_multiply_adds }) {
    const [costly, busy] = [rows[most_parameters], rows[most_multiply_adds]];
    return (
      `${whole(parameters)} parameters, most in ${costly[0]} (${percent(costly[3], parameters)}); ` +
      `${whole(multiply_adds)} multiply-adds, most in ${busy[0]} (${percent(busy[4], multiply_adds)}); ${bytes(memory)} of outputs.`
    );
  },

  settle(next) {
    const rows = ledgerOf(next);
    return { ...next, row: clamp(next.row, 0, rows.length - 1) };
  },

  move(state, dRow, dColumn) {
    if (dRow) return { row: state.row + dRow };
    const { name, conv, isPool, dense } = ledgerOf(state)[state.row];
    if (conv !== undefined) {
      const column = isPool ? 4 : 0;
      const [low, high] = isPool ? [1, LIMITS[4][1]] : LIMITS[0];
      return withConv(state, conv, column, stepped(state.convolutions[conv][column], dColumn, low, high));
    }
    if (dense !== undefined) return { dense: replaced(state.dense, dense, stepped(state.dense[dense], dColumn, 1, WIDEST)) };
    if (name === "input") return { size: clamp(state.size + dColumn, 1, 512) };
    if (name === "scores") return { classes: stepped(state.classes, dColumn, 1, WIDEST) };
    return { head: state.head === "flatten" ? "global average" : "flatten" };
  },

  build({ root, stage, says, choose, count, press, drag }) {
    root.classList.add("course-builder");
    let [last, rowsOfLast, written] = []; // every control asks for the same rows: count them once
    const rowsOf = (state) => {
      if (state !== last) [last, rowsOfLast] = [state, ledgerOf(state)];
      return rowsOfLast;
    };
    const chosen = (state) => rowsOf(state)[state.row] ?? {};
    const asText = (state) => JSON.stringify(GEOMETRY.map((key) => state[key]));
    const presetOf = (state) => {
      written ??= Object.fromEntries(Object.entries(state.presets).map(([name, preset]) => [asText(preset), name]));
      return written[asText(state)] ?? OWN;
    };
    const general = make("div", { class: "course-controls" },
      choose("architecture", (state) => [...Object.keys(state.presets), OWN], presetOf, (name, { presets }) => presets[name]),
      count("input size", 1, 512, ({ size }) => size, (size) => ({ size })),
      count("channels", 1, 16, ({ channels }) => channels, (channels) => ({ channels })),
      choose("head", () => ["flatten", "global average"], ({ head }) => head, (head) => ({ head })),
      count("classes", 1, WIDEST, ({ classes }) => classes, (classes) => ({ classes })),
      choose("biases", () => ["with", "without"], ({ bias }) => (bias ? "with" : "without"), (word) => ({ bias: word === "with" })),
    );
    const convControls = CONV.map((label, column) =>
      count(label, ...LIMITS[column], (state) => state.convolutions[chosen(state).conv]?.[column] ?? "", (value, state) => {
        const { conv } = chosen(state);
        return conv === undefined ? undefined : withConv(state, conv, column, value);
      }),
    );
    const width = count("width", 1, WIDEST, (state) => state.dense[chosen(state).dense] ?? "", (value, state) => {
      const { dense } = chosen(state);
      return dense === undefined ? undefined : { dense: replaced(state.dense, dense, value) };
    });
    const which = make("strong", {});
    const layer = make("div", { class: "course-controls" }, which, ...convControls, width);
    const addConv = press("Add convolution", (state) => {
      const convolutions = [...state.convolutions, NEW_CONV];
      const row = ledgerOf({ ...state, convolutions }).findIndex(({ name }) => name === `conv${convolutions.length}`);
      return { convolutions, row };
    });
    const addDense = press("Add dense layer", (state) => {
      const dense = [...state.dense, NEW_DENSE];
      return { dense, row: ledgerOf({ ...state, dense }).length - 2 };
    });
    const remove = press("Remove", (state) => {
      const { conv, isPool, dense } = chosen(state);
      if (isPool) return withConv(state, conv, 4, 0);
      if (conv !== undefined) return { convolutions: without(state.convolutions, conv) };
      return dense === undefined ? undefined : { dense: without(state.dense, dense) };
    });
    const buttons = make("div", { class: "course-buttons" }, addConv, addDense, remove);
    const head = make("tr", {},
      ...["layer", "output", "parameters", "multiply-adds", "memory"].map((words, at) =>
        make("th", { scope: "col", class: ["", "course-shape", "", "", "course-last"][at], style: `width:${WIDTHS[at]}` }, words)),
    );
    const [body, foot] = [make("tbody", {}), make("tfoot", {})];
    const formula = make("div", { class: "course-formula" });
    drag(body, (y, _, { row, ...state }) => ({ row: Math.floor(y * ledgerOf(state).length) }));
    stage.append(make("table", {}, make("thead", {}, head), body, foot));
    root.prepend(make("style", {}, BUILDER_STYLE), general);
    says.before(formula, layer, buttons);

    const buildLine = () => {
      const cells = COLUMNS.map((column, i) => {
        const [mark, text, bar] = [make("b", {}), make("span", {}), make("span", { class: `course-bar course-${column}` })];
        const word = make("span", { class: "course-word" });
        return { td: make("td", { class: i === 2 ? "course-last" : "" }, mark, word, " ", text, bar), mark, word, text, bar };
      });
      const [name, shape] = [make("th", { scope: "row" }), make("td", { class: "course-shape" })];
      return { tr: make("tr", {}, name, shape, ...cells.map(({ td }) => td)), name, shape, cells };
    };
    let lines = [];
    const totals = COLUMNS.map((column, i) => make("td", { class: i === 2 ? "course-last" : "" }));
    foot.append(make("tr", {}, make("th", { scope: "row" }, "total"), make("td", { class: "course-shape" }), ...totals));
    const inWords = (column, value) => (column === "memory" ? bytes(value) : whole(value));

    return (state, numbers) => {
      const rows = rowsOf(state);
      const here = rows[state.row];
      if (lines.length !== rows.length) {
        lines = rows.map(buildLine);
        body.replaceChildren(...lines.map(({ tr }) => tr));
      }
      rows.forEach((row, at) => {
        const { tr, name, shape, cells } = lines[at];
        tr.classList.toggle("course-here", row === here);
        say(name, `${row === here ? "▸ " : ""}${row.name}`);
        say(shape, row.shape.join("×"));
        COLUMNS.forEach((column, i) => {
          const isMost = at === [numbers.most_parameters, numbers.most_multiply_adds][i];
          say(cells[i].mark, isMost ? "▲●"[i] : "");
          say(cells[i].word, isMost ? " most" : "");
          say(cells[i].text, row[column] ? inWords(column, row[column]) : "");
          cells[i].bar.style.width = `${((100 * row[column]) / numbers[column]).toFixed(2)}%`;
        });
      });
      COLUMNS.forEach((column, i) => say(totals[i], inWords(column, numbers[column])));
      for (const [element, shown] of [...convControls.map((one) => [one, here.conv !== undefined]), [width, here.dense !== undefined]]) {
        element.hidden = !shown;
      }
      say(which, `${here.name}:`);
      layer.hidden = here.conv === undefined && here.dense === undefined;
      addConv.disabled = state.convolutions.length >= MOST_CONV;
      addDense.disabled = state.dense.length >= MOST_DENSE;
      remove.disabled = here.conv === undefined && here.dense === undefined;
      say(remove, remove.disabled ? "Remove" : `Remove ${here.name}`);
      say(formula, here.formulas
        ? `${here.name}: ${here.formulas[0]} = ${whole(here.parameters)} parameters; ${here.formulas[1]} = ${whole(here.multiply_adds)} multiply-adds`
        : `${here.name}: nothing to learn, and no multiply-adds`);
    };
  },
});
