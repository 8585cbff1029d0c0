// From a square of a picture to what the network takes.

/**
 * The pixels of a square, reduced to side x side by the mean of the area that each of them covers;
 * a smaller square is interpolated. Beyond the picture its outermost pixels are repeated.
 *
 * The network has seen nothing but faces of so many pixels, resized: a sharper picture at its
 * input would be one of a kind that it does not know. Not drawImage, whose smoothing differs
 * from browser to browser, and the answers with it.
 *
 * A plane of red, of green and of blue for a network that has learnt from colours, else one of
 * grey, with shares as in ITU-R BT.601, like the network's.
 */
export function reduced(picture, square, side, colour) {
  const { data, width, height } = picture;
  const cover = square.side < side ? between : areas;
  const columns = cover(square.x, square.side, side, width);
  const rows = cover(square.y, square.side, side, height);
  const shares = colour ? [[1, 0, 0], [0, 1, 0], [0, 0, 1]] : [[0.299, 0.587, 0.114]];
  return shares.map(([red, green, blue]) => sum(rows, columns, (row, column) => {
    const i = 4 * (row * width + column);
    return red * data[i] + green * data[i + 1] + blue * data[i + 2];
  }));
}

/** Planes of side x side at the network's size, uint8 RGB: linear interpolation, as in training. */
export function enlarged(planes, side, height, width) {
  const rows = between(0, side, height, side), columns = between(0, side, width, side);
  const large = planes.map((plane) =>
    sum(rows, columns, (row, column) => plane[row * side + column]));
  return Uint8Array.from({ length: 3 * height * width },
    (_, i) => Math.round(large[i % large.length][Math.floor(i / 3)]));
}

/** For each of `count` pixels from `start` on, which of `most` it covers, and its share of each. */
function areas(start, length, count, most) {
  const step = length / count;
  return Array.from({ length: count }, (_, to) => {
    const low = start + to * step, high = low + step, shares = [];
    for (let from = Math.floor(low); from < high; from++) {
      shares.push([within(from, most), (Math.min(high, from + 1) - Math.max(low, from)) / step]);
    }
    return shares;
  });
}

/** For each of `count` pixels from `start` on, the two of `most` that it lies between. */
function between(start, length, count, most) {
  return Array.from({ length: count }, (_, to) => {
    const middle = start + (to + 0.5) * length / count - 0.5, low = Math.floor(middle);
    return [[within(low, most), low + 1 - middle], [within(low + 1, most), middle - low]];
  });
}

const within = (place, most) => Math.max(0, Math.min(place, most - 1));

function sum(rows, columns, value) {
  const result = new Float32Array(rows.length * columns.length);
  rows.forEach((covered, row) => columns.forEach((crossed, column) => {
    let total = 0;
    for (const [y, down] of covered) {
      for (const [x, along] of crossed) total += down * along * value(y, x);
    }
    result[row * columns.length + column] = total;
  }));
  return result;
}
