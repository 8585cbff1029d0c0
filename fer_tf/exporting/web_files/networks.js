// The two networks: one finds faces, the other answers for each.

export const settings = JSON.parse(document.getElementById("settings").textContent);
const [HEIGHT, WIDTH] = settings.size;
const COLUMNS = 15;       // of a face: left, top, width, height, five points, score
const SAME_FACE = 0.8;    // share of the smaller of two boxes in the other, as in fer_tf

let runtime, model;
const detectors = {};

/** Load the runtime and the networks; what went wrong is an error with a sentence for people. */
export async function load() {
  try {
    // Loaded here, not by a tag, so that its absence can be told in words.
    runtime = await import("@litertjs/core");
    await runtime.loadLiteRt(settings.wasm);
  } catch (error) {
    console.error(error);
    throw new Error("The runtime is missing: type “npm install && python -m http.server” in " +
      "this page's folder and open http://localhost:8000.");
  }
  const opened = async (path) => {
    try {
      return await runtime.loadAndCompile(path, { accelerator: "wasm" });
    } catch (error) {
      console.error(error);
      throw new Error(`The network ${path} could not be loaded: export it again.`);
    }
  };
  model = await opened(settings.model);
  for (const [side, path] of Object.entries(settings.detectors)) {
    detectors[side] = await opened(path);
  }
  // The first answers take far longer: the browser compiles the runtime while it runs.
  for (let i = 0; i < 5; i++) await recognise(new Uint8Array(HEIGHT * WIDTH * 3));
  for (const side of Object.keys(detectors)) {
    await find(document.createElement("canvas"), Number(side));
  }
}

/** Probabilities and values of a face, uint8 RGB of the network's size. */
export function recognise(image) {
  return run(model, image, [1, HEIGHT, WIDTH, 3]);
}

/** The boxes of the faces that a canvas shows, best first, sought in `side` x `side` pixels. */
export async function find(view, side) {
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const pixels = canvas.getContext("2d", { willReadFrequently: true });
  const scale = Math.min(1, side / Math.max(view.width, view.height));
  const width = Math.max(1, Math.round(view.width * scale));
  const height = Math.max(1, Math.round(view.height * scale));
  pixels.imageSmoothingQuality = "high";
  pixels.drawImage(view, 0, 0, width, height);
  const { data } = pixels.getImageData(0, 0, side, side);
  const image = new Uint8Array(3 * side * side);
  for (let i = 0; i < image.length; i += 3) {
    image.set(data.subarray(4 * i / 3, 4 * i / 3 + 3), i);
  }
  const [rows] = await run(detectors[side], image, [1, side, side, 3]);
  const found = [], across = view.width / width, down = view.height / height;
  for (let i = 0; i < rows.length && rows[i + COLUMNS - 1] > 0; i += COLUMNS) {
    const box = {
      x: rows[i] * across, y: rows[i + 1] * down,
      width: rows[i + 2] * across, height: rows[i + 3] * down,
    };
    const x = box.x + box.width / 2, y = box.y + box.height / 2;
    const inside = x >= 0 && y >= 0 && x < view.width && y < view.height;
    const large = (box.width + box.height) / 2 >= settings.smallest;
    if (inside && large && !found.some((other) => shared(box, other) >= SAME_FACE)) found.push(box);
  }
  return found;
}

/** The square around a box that the network is shown. */
export function squareOf(box) {
  const side = (box.width + box.height) / 2 * (1 + settings.margin);
  return { x: box.x + (box.width - side) / 2, y: box.y + (box.height - side) / 2, side };
}

function shared(a, b) {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  const smaller = Math.min(a.width * a.height, b.width * b.height);
  return Math.max(width, 0) * Math.max(height, 0) / smaller;
}

/** The outputs as arrays. The runtime's memory is not collected: it is freed. */
async function run(network, image, shape) {
  const input = new runtime.Tensor(image, shape);
  const outputs = await network.run(input);
  const answers = outputs.map((output) => Array.from(output.toTypedArray()));
  for (const tensor of [input, ...outputs]) tensor.delete();
  return answers;
}
