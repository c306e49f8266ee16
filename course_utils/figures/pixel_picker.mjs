const CHANNELS = ["red", "green", "blue"];

const shapeOf = ({ image }) => [image.length, image[0].length, image[0][0].length];

export default courseFigure({
  name: "pixel_picker",
  traits: ["image", "channel", "row", "column"],
  large: ["image"],
  label: "Image and its three planes. Arrow keys move the pixel; 0, 1 and 2 choose the channel.",

  numbers({ image, channel, row, column }) {
    const [channels, height, width] = shapeOf({ image });
    return {
      position: [channel, row, column],
      value: image[channel][row][column],
      scaled: image[channel][row][column] / 255,
      planes: image.map((plane) => plane[row][column]),
      strides_nchw: [channels * height * width, height * width, width, 1],
      index_nchw: channel * height * width + row * width + column,
      strides_hwc: [width * channels, channels, 1],
      index_hwc: row * width * channels + column * channels + channel,
    };
  },

  says({ channel, row, column }, { value, index_nchw }) {
    return `Channel ${channel} (${CHANNELS[channel]}), row ${row}, column ${column}: value ${value}, number ${index_nchw} of the flat vector.`;
  },

  settle(next) {
    const [, height, width] = shapeOf(next);
    return { ...next, row: clamp(next.row, 0, height - 1), column: clamp(next.column, 0, width - 1) };
  },

  move: ({ row, column }, dRow, dColumn) => ({ row: row + dRow, column: column + dColumn }),
  keys: { 0: () => ({ channel: 0 }), 1: () => ({ channel: 1 }), 2: () => ({ channel: 2 }) },

  build({ root, stage, set, on, drag }) {
    root.classList.add("course-pixels");
    const whole = make("div", { class: "course-whole" });
    const planes = CHANNELS.map((name, channel) => {
      const radio = make("input", {
        type: "radio",
        name: `channel-${Math.random()}`,
        "aria-label": `channel ${channel}, ${name}`,
        "data-lm-suppress-shortcuts": "true",
      });
      on(radio, "change", () => set({ channel }));
      const value = make("output", {});
      const title = make("label", { class: "course-title" }, radio, `${channel} ${name}`);
      const box = make("div", { class: "course-plane" });
      return { box, radio, value, title };
    });
    const facts = make("div", { class: "course-facts" });
    const near = table(5, 5, 34);
    const nearTitle = make("div", { class: "course-title" });
    const row = make("div", { class: "course-row" }, ...planes.map(({ box }) => box), make("div", {}, nearTitle, near.svg));
    stage.append(whole, make("div", { class: "course-side" }, row, facts));

    let shown; // the image now on the canvases
    let place = [];
    const paint = (image) => {
      const [, height, width] = shapeOf({ image });
      const big = picture(height, width, 256);
      big.paint((row, column) => image.map((plane) => plane[row][column]));
      drag(big.frame, (y, x) => ({ row: Math.floor(y * height), column: Math.floor(x * width) }));
      whole.replaceChildren(make("div", { class: "course-title" }, `image (3, ${height}, ${width})`), big.frame);
      place = [marker(big.frame)];
      planes.forEach(({ box, title, value }, channel) => {
        const small = picture(height, width, 104);
        small.paint((row, column) => Array(3).fill(image[channel][row][column]));
        drag(small.frame, (y, x) => ({
          channel,
          row: Math.floor(y * height),
          column: Math.floor(x * width),
        }));
        box.replaceChildren(title, small.frame, value);
        place.push(marker(small.frame));
      });
      shown = image;
    };

    return (state, numbers) => {
      if (state.image !== shown) paint(state.image);
      const { channel, row, column } = state;
      const [, height, width] = shapeOf(state);
      for (const put of place) put(row / height, column / width, 1 / height, 1 / width);
      planes.forEach(({ box, radio, value }, index) => {
        radio.checked = index === channel;
        box.classList.toggle("course-chosen", index === channel);
        say(value, String(numbers.planes[index]));
      });
      const [top, left] = [clamp(row - 2, 0, Math.max(0, height - 5)), clamp(column - 2, 0, Math.max(0, width - 5))];
      for (let i = 0; i < 5; i++) {
        for (let j = 0; j < 5; j++) near.put(i, j, String(state.image[channel][top + i]?.[left + j] ?? ""));
      }
      near.outline(row - top, column - left, 1, 1);
      say(nearTitle, `rows ${top}–${Math.min(top + 5, height) - 1}, columns ${left}–${Math.min(left + 5, width) - 1}`);
      const [perImage, perChannel, perRow] = numbers.strides_nchw;
      const [perRowLast, perColumnLast] = numbers.strides_hwc;
      facts.replaceChildren(
        make("span", {}, "value"),
        make("code", {}, `${numbers.value}`, make("small", {}, ` / 255 = ${write(numbers.scaled, 4)}`)),
        make("span", {}, "in (N, C, H, W)"),
        make("code", {},
          `0·${perImage} + ${channel}·${perChannel} + ${row}·${perRow} + ${column}·1 = `, make("b", {}, `${numbers.index_nchw}`)),
        make("span", {}, "in (H, W, C)"),
        make("code", {},
          `${row}·${perRowLast} + ${column}·${perColumnLast} + ${channel}·1 = `, make("b", {}, `${numbers.index_hwc}`)),
      );
    };
  },
});
