// Runs a network that network.py has written, one input at a time, in double precision.

/**
 * What `pack_tensor` wrote.
 * @typedef {{shape: number[], dtype: "float32" | "uint8", data: string}} PackedTensor
 */
/**
 * @template {Float64Array | Float32Array | Uint8Array} [Data=Float64Array]
 * @typedef {{shape: number[], data: Data}} Tensor
 */
/** @typedef {{name: string, kind: string} & Record<string, any>} Layer */
/** @typedef {{weight: Tensor<Float32Array>, bias: Tensor<Float32Array>}} Weights */

const ARRAYS = { float32: Float32Array, uint8: Uint8Array };
/** @type {WeakMap<PackedTensor, Tensor<any>>} */
const unpacked = new WeakMap(); // every tensor is read once

/**
 * @param {PackedTensor} packed
 * @returns {Tensor<any>}
 */
export function unpackTensor(packed) {
  const known = unpacked.get(packed);
  if (known) return known;
  const bytes = Uint8Array.from(atob(packed.data), (letter) => letter.charCodeAt(0));
  const tensor = { shape: packed.shape, data: new ARRAYS[packed.dtype](bytes.buffer) };
  unpacked.set(packed, tensor);
  return tensor;
}

/** @param {number[]} shape */
export const sizeOf = (shape) => shape.reduce((product, side) => product * side, 1);

/**
 * @param {number[]} shape
 * @returns {Tensor}
 */
const zeros = (...shape) => ({ shape, data: new Float64Array(sizeOf(shape)) });

/**
 * @param {Tensor} x
 * @param {(value: number, at: number) => number} change
 * @returns {Tensor}
 */
const mapTensor = (x, change) => ({ shape: x.shape, data: x.data.map(change) });

/**
 * Fill every channel of `out` with its bias.
 * @param {Tensor} out
 * @param {ArrayLike<number>} bias
 */
function fillChannels(out, bias) {
  const size = out.data.length / bias.length;
  for (let channel = 0; channel < bias.length; channel++) {
    out.data.fill(bias[channel], channel * size, (channel + 1) * size);
  }
  return out;
}

// ------------------------------------------------------------------------------------- convolution

/**
 * @typedef {object} Geometry
 * @property {number} rows  of the output
 * @property {number} columns
 * @property {number} tall  of the kernel
 * @property {number} wide
 * @property {number} stride
 * @property {number} padding
 */

/**
 * Every window of the padded input as one line of numbers: a (windows, numbers) matrix.
 * @param {Tensor} x
 * @param {Geometry} geometry
 */
function unfoldWindows({ shape, data }, { rows, columns, tall, wide, stride, padding }) {
  const [channels, height, width] = shape;
  const lines = new Float64Array(rows * columns * channels * tall * wide);
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

/**
 * Add to four channels of `out`, from `channel` on, the products of their filters with every line.
 * Four filters at a time read each input once for four sums: quick in plain JavaScript.
 * @param {Float64Array} out  (channels, lines)
 * @param {Float64Array} lines  (lines, size)
 * @param {Float64Array} filters  (channels, size), zeros up to a multiple of four
 * @param {number} size
 * @param {number} channel
 */
function addFourFilters(out, lines, filters, size, channel) {
  const count = lines.length / size;
  const [w0, w1, w2, w3] = [0, 1, 2, 3].map((k) => (channel + k) * size);
  const present = out.length / count - channel; // of the four; the last may be padding
  for (let at = 0, line = 0; at < count; at++, line += size) {
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    for (let i = 0; i < size; i++) {
      const value = lines[line + i];
      s0 += value * filters[w0 + i];
      s1 += value * filters[w1 + i];
      s2 += value * filters[w2 + i];
      s3 += value * filters[w3 + i];
    }
    const to = channel * count + at;
    out[to] += s0;
    if (present > 1) out[to + count] += s1;
    if (present > 2) out[to + 2 * count] += s2;
    if (present > 3) out[to + 3 * count] += s3;
  }
}

/**
 * A convolution as a product of matrices.
 * @param {Tensor} x
 * @param {{stride: number, padding: number} & Weights} layer
 */
function conv2d(x, { stride, padding, weight, bias }) {
  const [, height, width] = x.shape;
  const [outputs, inputs, tall, wide] = weight.shape;
  const rows = Math.floor((height + 2 * padding - tall) / stride) + 1;
  const columns = Math.floor((width + 2 * padding - wide) / stride) + 1;
  const size = inputs * tall * wide;
  const lines = unfoldWindows(x, { rows, columns, tall, wide, stride, padding });
  const filters = new Float64Array(4 * Math.ceil(outputs / 4) * size);
  filters.set(weight.data);
  const out = fillChannels(zeros(outputs, rows, columns), bias.data);
  for (let channel = 0; channel < outputs; channel += 4) {
    addFourFilters(out.data, lines, filters, size, channel);
  }
  return out;
}

/**
 * From which to which step t·stride + shift lies in 0 … size − 1, of `steps` steps.
 * @param {number} shift
 * @param {number} stride
 * @param {number} size
 * @param {number} steps
 */
function stepsWithin(shift, stride, size, steps) {
  const first = Math.max(0, Math.ceil(-shift / stride));
  return [first, Math.min(steps, Math.floor((size - 1 - shift) / stride) + 1)];
}

/**
 * Add one channel of the input, spread by one kernel, to one channel of the output.
 * @param {Float64Array} target  one channel of the output
 * @param {Float64Array} source  one channel of the input
 * @param {Float32Array} kernel
 * @param {Geometry & {height: number, width: number}} geometry
 */
function addSpread(target, source, kernel, geometry) {
  const { rows, columns, tall, wide, stride, padding, height, width } = geometry;
  for (let i = 0, at = 0; i < tall; i++) {
    const [top, bottom] = stepsWithin(i - padding, stride, rows, height);
    for (let j = 0; j < wide; j++, at++) {
      const [left, right] = stepsWithin(j - padding, stride, columns, width);
      for (let row = top; row < bottom; row++) {
        const to = (row * stride + i - padding) * columns + j - padding;
        for (let column = left; column < right; column++) {
          target[to + column * stride] += kernel[at] * source[row * width + column];
        }
      }
    }
  }
}

/**
 * @param {Tensor} x
 * @param {{stride: number, padding: number, output_padding: number} & Weights} layer
 */
function convTranspose2d(x, { stride, padding, output_padding, weight, bias }) {
  const [inputs, height, width] = x.shape;
  const [, outputs, tall, wide] = weight.shape;
  const rows = (height - 1) * stride - 2 * padding + tall + output_padding;
  const columns = (width - 1) * stride - 2 * padding + wide + output_padding;
  const geometry = { rows, columns, tall, wide, stride, padding, height, width };
  const out = fillChannels(zeros(outputs, rows, columns), bias.data);
  for (let c = 0; c < inputs; c++) {
    const source = x.data.subarray(c * height * width, (c + 1) * height * width);
    for (let o = 0; o < outputs; o++) {
      const target = out.data.subarray(o * rows * columns, (o + 1) * rows * columns);
      const from = (c * outputs + o) * tall * wide;
      addSpread(target, source, weight.data.subarray(from, from + tall * wide), geometry);
    }
  }
  return out;
}

// ------------------------------------------------------------------------------------ other layers

/**
 * @param {Tensor} x
 * @param {{size: number, stride: number}} layer
 */
function maxPool2d(x, { size, stride }) {
  const [channels, height, width] = x.shape;
  const [rows, columns] = [height, width].map((n) => Math.floor((n - size) / stride) + 1);
  const out = zeros(channels, rows, columns);
  out.data.fill(-Infinity);
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

/**
 * @param {Tensor} x
 * @param {Weights} layer
 */
function linear(x, { weight, bias }) {
  const [outputs, inputs] = weight.shape;
  const out = fillChannels(zeros(outputs), bias.data);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) out.data[o] += weight.data[o * inputs + i] * x.data[i];
  }
  return out;
}

/**
 * One number for each channel: sum of its values, divided by how many there are.
 * @param {Tensor} x
 */
function globalAverage(x) {
  const [channels, height, width] = x.shape;
  const out = zeros(channels, 1, 1);
  x.data.forEach((value, at) => {
    out.data[Math.floor(at / (height * width))] += value / (height * width);
  });
  return out;
}

/**
 * @param {Tensor} x
 * @param {Weights} layer
 */
function scale(x, { weight, bias }) {
  const size = x.data.length / weight.data.length;
  return mapTensor(x, (value, at) => {
    const channel = Math.floor(at / size);
    return value * weight.data[channel] + bias.data[channel];
  });
}

/** @type {Record<string, (x: Tensor, layer: any) => Tensor>} */
const KINDS = {
  conv2d,
  conv_transpose2d: convTranspose2d,
  max_pool2d: maxPool2d,
  linear,
  global_average: globalAverage,
  scale,
  flatten: ({ data }) => ({ shape: [data.length], data }),
  unflatten: ({ data }, { shape }) => ({ shape, data }),
  relu: (x) => mapTensor(x, (value) => Math.max(0, value)),
  sigmoid: (x) => mapTensor(x, (value) => 1 / (1 + Math.exp(-value))),
  tanh: (x) => mapTensor(x, Math.tanh),
};

/**
 * The output of every layer.
 * @param {Layer[]} layers
 * @param {Tensor<any>} input
 */
export function layerOutputs(layers, { shape, data }) {
  /** @type {Tensor} */
  let x = { shape, data: Float64Array.from(data) };
  return layers.map((layer) => {
    const weights = layer.weight
      ? { weight: unpackTensor(layer.weight), bias: unpackTensor(layer.bias) }
      : {};
    x = KINDS[layer.kind](x, { ...layer, ...weights });
    return x;
  });
}

/** @param {Float64Array} logits */
export function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
