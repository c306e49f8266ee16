// Runs a network that network.py has written, one input at a time, in double precision. Joined
// between base.mjs and the scripts of the figures that ask for it.
//
// unpack(box) → {shape, data}                what `packed` wrote: typed data
// outputsOf(layers, {shape, data}) → [{shape, data}, …]     the output of every layer
// softmax(scores) → probabilities

const ARRAYS = { float32: Float32Array, uint8: Uint8Array };
const boxes = new WeakMap(); // every box is read once

function unpack(box) {
  if (!boxes.has(box)) {
    const bytes = Uint8Array.from(atob(box.data), (letter) => letter.charCodeAt(0));
    boxes.set(box, { shape: box.shape, data: new ARRAYS[box.dtype](bytes.buffer) });
  }
  return boxes.get(box);
}

const blank = (...shape) => ({ shape, data: new Float64Array(shape.reduce((all, side) => all * side, 1)) });
const each = (x, change) => ({ shape: x.shape, data: x.data.map(change) });

/** Every channel of `out` filled with its bias. */
function biased(out, bias) {
  const size = out.data.length / bias.length;
  bias.forEach((value, channel) => out.data.fill(value, channel * size, (channel + 1) * size));
  return out;
}

/** From which to which step t·stride + shift lies in 0 … size − 1, of `steps` steps. */
function within(shift, stride, size, steps) {
  return [Math.max(0, Math.ceil(-shift / stride)), Math.min(steps, Math.floor((size - 1 - shift) / stride) + 1)];
}

/** Every window of the padded input as one line of numbers: a (windows, numbers) matrix. */
function windowsOf({ shape: [channels, height, width], data }, [rows, columns], [tall, wide], stride, padding) {
  const size = channels * tall * wide;
  const lines = new Float64Array(rows * columns * size);
  for (let row = 0, to = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const x = column * stride - padding;
      const [first, last] = [Math.max(0, -x), Math.min(wide, width - x)];
      for (let c = 0; c < channels; c++) {
        for (let i = 0; i < tall; i++, to += wide) {
          const y = row * stride - padding + i;
          if (y < 0 || y >= height) continue;
          const from = (c * height + y) * width + x;
          for (let j = first; j < last; j++) lines[to + j] = data[from + j];
        }
      }
    }
  }
  return lines;
}

/** A convolution as a product of matrices, four filters at a time: quick in plain JavaScript. */
function conv2d(x, { stride, padding, weight, bias }) {
  const [, height, width] = x.shape;
  const [outputs, inputs, tall, wide] = weight.shape;
  const [rows, columns] = [[height, tall], [width, wide]].map(([n, k]) => Math.floor((n + 2 * padding - k) / stride) + 1);
  const [count, size] = [rows * columns, inputs * tall * wide];
  const lines = windowsOf(x, [rows, columns], [tall, wide], stride, padding);
  const filters = new Float64Array(4 * Math.ceil(outputs / 4) * size);
  filters.set(weight.data);
  const out = biased(blank(outputs, rows, columns), bias.data);
  for (let o = 0; o < outputs; o += 4) {
    const [w0, w1, w2, w3] = [0, 1, 2, 3].map((k) => (o + k) * size);
    for (let at = 0, line = 0; at < count; at++, line += size) {
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let i = 0; i < size; i++) {
        const value = lines[line + i];
        s0 += value * filters[w0 + i];
        s1 += value * filters[w1 + i];
        s2 += value * filters[w2 + i];
        s3 += value * filters[w3 + i];
      }
      const to = o * count + at;
      out.data[to] += s0;
      if (o + 1 < outputs) out.data[to + count] += s1;
      if (o + 2 < outputs) out.data[to + 2 * count] += s2;
      if (o + 3 < outputs) out.data[to + 3 * count] += s3;
    }
  }
  return out;
}

function convTranspose2d(x, { stride, padding, output_padding, weight, bias }) {
  const [inputs, height, width] = x.shape;
  const [, outputs, tall, wide] = weight.shape;
  const [rows, columns] = [[height, tall], [width, wide]].map(([n, k]) => (n - 1) * stride - 2 * padding + k + output_padding);
  const out = biased(blank(outputs, rows, columns), bias.data);
  const [source, target] = [x.data, out.data];
  let at = 0;
  for (let c = 0; c < inputs; c++) {
    for (let o = 0; o < outputs; o++) {
      for (let i = 0; i < tall; i++) {
        const [top, bottom] = within(i - padding, stride, rows, height);
        for (let j = 0; j < wide; j++) {
          const w = weight.data[at++];
          const [left, right] = within(j - padding, stride, columns, width);
          for (let row = top; row < bottom; row++) {
            const from = (c * height + row) * width;
            const to = (o * rows + row * stride + i - padding) * columns + j - padding;
            for (let column = left; column < right; column++) {
              target[to + column * stride] += w * source[from + column];
            }
          }
        }
      }
    }
  }
  return out;
}

function maxPool2d(x, { size, stride }) {
  const [channels, height, width] = x.shape;
  const [rows, columns] = [height, width].map((n) => Math.floor((n - size) / stride) + 1);
  const out = biased(blank(channels, rows, columns), Array(channels).fill(-Infinity));
  for (let c = 0, at = 0; c < channels; c++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, at++) {
        for (let i = 0; i < size; i++) {
          const from = (c * height + row * stride + i) * width + column * stride;
          for (let j = 0; j < size; j++) out.data[at] = Math.max(out.data[at], x.data[from + j]);
        }
      }
    }
  }
  return out;
}

function linear(x, { weight, bias }) {
  const [outputs, inputs] = weight.shape;
  const out = biased(blank(outputs), bias.data);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) out.data[o] += weight.data[o * inputs + i] * x.data[i];
  }
  return out;
}

/** One number for each channel: sum of its values, divided by how many there are. */
function globalAverage(x) {
  const [channels, height, width] = x.shape;
  const out = blank(channels, 1, 1);
  x.data.forEach((value, at) => (out.data[Math.floor(at / (height * width))] += value / (height * width)));
  return out;
}

function scale(x, { weight, bias }) {
  const size = x.data.length / weight.data.length;
  return each(x, (value, at) => value * weight.data[Math.floor(at / size)] + bias.data[Math.floor(at / size)]);
}

const KINDS = {
  conv2d,
  conv_transpose2d: convTranspose2d,
  max_pool2d: maxPool2d,
  linear,
  global_average: globalAverage,
  scale,
  flatten: ({ data }) => ({ shape: [data.length], data }),
  unflatten: ({ data }, { shape }) => ({ shape, data }),
  relu: (x) => each(x, (value) => Math.max(0, value)),
  sigmoid: (x) => each(x, (value) => 1 / (1 + Math.exp(-value))),
  tanh: (x) => each(x, Math.tanh),
};

function outputsOf(layers, { shape, data }) {
  let x = { shape, data: Float64Array.from(data) };
  return layers.map((layer) => {
    const weights = layer.weight ? { weight: unpack(layer.weight), bias: unpack(layer.bias) } : {};
    return (x = KINDS[layer.kind](x, { ...layer, ...weights }));
  });
}

function softmax(scores) {
  const largest = Math.max(...scores);
  const powers = Array.from(scores, (score) => Math.exp(score - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
