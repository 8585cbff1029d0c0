import { enlarged, reduced } from "./crops.js";
import { find, load, recognise, settings, squareOf } from "./networks.js";

const [HEIGHT, WIDTH] = settings.size;
const FACE = settings.face; // side of the faces that the network was trained on
const LARGEST = 1280;     // pixels; a larger picture is drawn smaller
const SMALLEST_SQUARE = 24;
const PHOTO = 640, FRAME = 320;  // pixels in which faces are sought
const MOST_SAID = 6;      // faces that a screen reader is told of
const NAME_WIDTH = 110;   // px on the screen; where names would be closer, one face has its own
const NAME_HEIGHT = 26;   // px
const CAMERA_PAUSE = 80;  // ms between answers, so that a phone stays cool
const SPEAK_AGAIN = 3000; // ms between spoken answers about the camera

const at = (id) => document.getElementById(id);
const view = at("view"), square = at("square"), frame = at("frame");
const pixels = view.getContext("2d", { willReadFrequently: true });
let ready = false, shown = false, video, stream;
let byHand = false, crop = { x: 0, y: 0, side: 0 };  // in pixels of the view
let faces = [], chosen = 0;
let busy = false, waiting = false, spoken = "", spokenAt = 0;
const times = { search: [], answer: [] };

async function start() {
  showBars();
  try {
    await load();
  } catch (error) {
    at("top").textContent = "Not ready";
    return fail(error.message);
  }
  at("top").textContent = "No picture yet";
  at("time").textContent = `${settings.name}, ${WIDTH}×${HEIGHT} px`;
  document.documentElement.dataset.state = "ready";
  ready = true;
  answer();
}

// ---- the faces

/** Answer for what is in the view now; a call during another is caught up afterwards. */
async function answer() {
  if (!ready || !shown) return;
  if (busy) { waiting = true; return; }
  busy = true;
  try {
    // The camera goes on drawing: what is found is cut out of the frame it was found in.
    const picture = pixels.getImageData(0, 0, view.width, view.height);
    const hand = byHand;
    const begin = performance.now();
    const boxes = hand
      ? [{ ...crop, width: crop.side, height: crop.side }]
      : await find(view, stream ? FRAME : PHOTO);
    if (!hand) times.search.push(performance.now() - begin);
    const found = [];
    for (const box of boxes) {
      const planes = reduced(picture, hand ? crop : squareOf(box), FACE, settings.colour);
      const image = enlarged(planes, FACE, HEIGHT, WIDTH);
      const asked = performance.now();
      const [probabilities, values] = await recognise(image);
      times.answer.push(performance.now() - asked);
      const best = probabilities.indexOf(Math.max(...probabilities));
      found.push({ box, planes, probabilities, values, best, name: settings.labels[best] });
    }
    if (hand === byHand) show(found);
  } catch (error) {
    console.error(error);
    fail(`The network gave no answer: ${error.message}`);
  } finally {
    busy = false;
  }
  if (waiting) { waiting = false; await answer(); }
}

function show(found) {
  const before = faces[chosen]?.box;
  faces = found.sort((a, b) => a.box.x - b.box.x);
  // From frame to frame the chosen face is the nearest; at first it is the largest.
  const middle = (box) => [box.x + box.width / 2, box.y + box.height / 2];
  const distance = ({ box }) => Math.hypot(...middle(box).map((v, i) => v - middle(before)[i]));
  const worth = before && stream ? (face) => -distance(face) : ({ box }) => box.width * box.height;
  chosen = faces.reduce((best, face, i) => (worth(face) > worth(faces[best]) ? i : best), 0);
  at("bars").dataset.faces = faces.length;
  showFinds();
  showPeople();
  showChosen();
  showTimes();
  speak();
  at("bars").dataset.answers = 1 + Number(at("bars").dataset.answers ?? 0);
}

function choose(face) {
  chosen = face;
  showFinds();
  showPeople();
  showChosen();
}

/** Boxes over the picture, each a button that chooses its face. */
function showFinds() {
  at("finds").hidden = byHand;
  const { width, height } = view.getBoundingClientRect();
  update(at("finds"), faces, (button, { box, name, probabilities, best }, i) => {
    Object.assign(button.style, {
      left: `${100 * box.x / view.width}%`, top: `${100 * box.y / view.height}%`,
      width: `${100 * box.width / view.width}%`, height: `${100 * box.height / view.height}%`,
    });
    const percent = Math.round(100 * probabilities[best]);
    button.setAttribute("aria-label", `Face ${i + 1}: ${name}, ${percent} percent`);
    button.classList.toggle("named", i === chosen || faces.length * NAME_WIDTH <= width);
    button.classList.toggle("right", box.x + box.width / 2 > view.width / 2);
    button.classList.toggle("below", box.y * height / view.height < NAME_HEIGHT);
    button.firstChild.textContent = `${name} ${percent}%`;
  }, () => document.createElement("span"));
}

/** A small picture of each of several faces. */
function showPeople() {
  at("people").hidden = faces.length < 2;
  update(at("people"), faces.length < 2 ? [] : faces, (button, face, i) => {
    button.setAttribute("aria-label", `Face ${i + 1}: ${face.name}`);
    button.lastChild.textContent = face.name;
    drawFace(button.firstChild, face.planes);
  }, () => document.createElement("canvas"), () => document.createElement("span"));
  const people = at("people"), button = people.children[chosen];
  if (button) people.scrollLeft = button.offsetLeft + (button.offsetWidth - people.clientWidth) / 2;
}

/** As many buttons in `place` as there are faces; those that are there stay, with their focus. */
function update(place, items, fill, ...parts) {
  while (place.children.length > items.length) place.lastChild.remove();
  while (place.children.length < items.length) {
    const button = place.appendChild(document.createElement("button"));
    button.type = "button";
    button.append(...parts.map((part) => part()));
    const number = place.children.length - 1;
    button.addEventListener("click", () => choose(number));
  }
  items.forEach((item, i) => {
    place.children[i].setAttribute("aria-pressed", i === chosen);
    fill(place.children[i], item, i);
  });
}

function showBars() {
  for (const label of settings.labels) {
    const row = document.createElement("li");
    for (const part of ["name", "track", "value"]) {
      const cell = row.appendChild(document.createElement("span"));
      cell.className = part;
    }
    row.children[0].textContent = label;
    row.children[1].setAttribute("aria-hidden", "true");
    row.children[1].appendChild(document.createElement("div")).className = "fill";
    row.children[2].textContent = "–";
    at("bars").appendChild(row);
  }
}

/** What is said of the chosen face, or that there is none. */
function showChosen() {
  const face = faces[chosen];
  at("top").textContent = face ? face.name : "No face found";
  at("none").hidden = Boolean(face);
  at("face").hidden = !face;
  if (face) drawFace(at("face"), face.planes);
  [...at("bars").children].forEach((row, i) => {
    const probability = face?.probabilities[i];
    row.classList.toggle("best", i === face?.best);
    row.dataset.probability = probability ?? "";
    row.querySelector(".fill").style.width = `${100 * (probability ?? 0)}%`;
    row.querySelector(".value").textContent =
      face ? `${(100 * probability).toFixed(1)}%` : "–";
  });
  at("values").hidden = !face || !settings.values.length;
  at("values").replaceChildren(...(face ? settings.values : []).flatMap((name, i) => {
    const [term, number] = ["dt", "dd"].map((tag) => document.createElement(tag));
    const value = face.values[i];
    term.textContent = name;
    number.textContent = `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
    return [term, number];
  }));
}

function showTimes() {
  const median = (list) => {
    list.splice(0, list.length - 15);
    return [...list].sort((a, b) => a - b)[list.length >> 1].toFixed(1);
  };
  const said = [];
  if (!byHand && times.search.length) said.push(`${median(times.search)} ms to find faces`);
  if (times.answer.length) said.push(`${median(times.answer)} ms a face`);
  at("time").textContent = [...said, `${settings.name}, ${WIDTH}×${HEIGHT} px`].join(" · ");
}

/** For screen readers. */
function speak() {
  const count = faces.length > 1 ? `${faces.length} faces. ` : "";
  const names = faces.slice(0, MOST_SAID).map(({ name, probabilities, best }) =>
    `${name}, ${Math.round(100 * probabilities[best])} percent`);
  const text = faces.map((face) => face.name).join() || "none", now = performance.now();
  if (text === spoken || (stream && now - spokenAt < SPEAK_AGAIN)) return;
  [spoken, spokenAt] = [text, now];
  at("said").textContent = names.length ? count + names.join("; ") : "No face found";
}

function drawFace(canvas, planes) {
  Object.assign(canvas, { width: FACE, height: FACE });
  const small = canvas.getContext("2d"), image = small.createImageData(FACE, FACE);
  const [red, green, blue] = planes.length === 3 ? planes : [planes[0], planes[0], planes[0]];
  red.forEach((level, i) => image.data.set([level, green[i], blue[i], 255], 4 * i));
  small.putImageData(image, 0, 0);
}

function fail(sentence) {
  at("error").textContent = sentence;
  at("error").hidden = !sentence;
}

// ---- the square, for a face that is not found

function markByHand(on) {
  byHand = on;
  at("byHand").textContent = on ? "Find faces" : "Mark a face";
  for (const part of [square, at("keys"), at("sizing")]) part.hidden = !on;
  at("finds").hidden = on;
}

at("byHand").addEventListener("click", () => {
  markByHand(!byHand);
  answer();
});

function place(x, y, side) {
  const most = Math.min(view.width, view.height);
  side = Math.round(Math.max(Math.min(SMALLEST_SQUARE, most), Math.min(side, most)));
  const within = (value, room) => Math.round(Math.max(0, Math.min(value, room - side)));
  crop = { x: within(x, view.width), y: within(y, view.height), side };
  Object.assign(square.style, {
    left: `${100 * crop.x / view.width}%`, top: `${100 * crop.y / view.height}%`,
    width: `${100 * side / view.width}%`, height: `${100 * side / view.height}%`,
  });
  if (byHand && !stream) answer();
}

function resize(factor) {
  const side = crop.side * factor, shift = (crop.side - side) / 2;
  place(crop.x + shift, crop.y + shift, side);
}

function drag(element, move) {
  element.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    event.stopPropagation();
    square.focus();
    element.setPointerCapture(event.pointerId);
    const begin = { ...crop, left: event.clientX, top: event.clientY };
    const scale = view.width / view.getBoundingClientRect().width;
    const moved = (now) => move(
      begin, (now.clientX - begin.left) * scale, (now.clientY - begin.top) * scale);
    element.addEventListener("pointermove", moved);
    element.addEventListener("lostpointercapture",
      () => element.removeEventListener("pointermove", moved), { once: true });
  });
}
drag(square, (begin, x, y) => place(begin.x + x, begin.y + y, begin.side));
drag(at("handle"), (begin, x, y) => {
  const room = Math.min(view.width - begin.x, view.height - begin.y);
  place(begin.x, begin.y, Math.min(begin.side + Math.max(x, y), room));
});
square.addEventListener("keydown", (event) => {
  const step = Math.max(1, Math.round(crop.side * (event.shiftKey ? 0.1 : 0.03)));
  const moves = {
    ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
  };
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key in moves) {
    place(crop.x + moves[event.key][0], crop.y + moves[event.key][1], crop.side);
  } else if (event.key === "+" || event.key === "=") resize(1.06);
  else if (event.key === "-") resize(1 / 1.06);
  else return;
  event.preventDefault();
});
at("smaller").addEventListener("click", () => resize(1 / 1.15));
at("larger").addEventListener("click", () => resize(1.15));

/** Make the view as large as the source, and show it. */
function open(width, height) {
  const scale = Math.min(1, LARGEST / Math.max(width, height));
  view.width = Math.max(1, Math.round(width * scale));
  view.height = Math.max(1, Math.round(height * scale));
  frame.style.setProperty("--aspect", view.width / view.height);
  pixels.imageSmoothingQuality = "high";
  at("empty").hidden = true;
  for (const part of [frame, at("byHand")]) part.hidden = false;
  for (const list of Object.values(times)) list.length = 0;
  [shown, faces, spoken] = [true, [], ""];
  markByHand(false);
  // A picture that is square to begin with is most often a face cut out before.
  const side = (width === height ? 1 : 0.7) * Math.min(view.width, view.height);
  place((view.width - side) / 2, (view.height - side) / 2, side);
}

// ---- pictures

async function showPicture(file) {
  if (!file) return;
  fail("");
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    return fail(`“${file.name}” is not a picture that this browser can read.`);
  }
  stopCamera();
  open(picture.width, picture.height);
  pixels.drawImage(picture, 0, 0, view.width, view.height);
  picture.close();
  answer();
}

at("choose").addEventListener("click", () => at("file").click());
at("file").addEventListener("change", () => {
  showPicture(at("file").files[0]);
  at("file").value = "";
});
addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (file) showPicture(file);
  else fail("The clipboard holds no picture.");
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  at("stage").classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) at("stage").classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  at("stage").classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) showPicture(file);
  else fail("What was dropped is not a file: expected a picture.");
});

// ---- the camera

const REASONS = {
  NotAllowedError: "The camera was not allowed: allow it in the browser's settings of this page.",
  NotFoundError: "No camera was found.",
  NotReadableError: "The camera is in use by another program.",
};

async function startCamera() {
  fail("");
  if (!navigator.mediaDevices) {
    return fail("The camera works only over https:// or on localhost.");
  }
  at("camera").disabled = true;
  try {
    stream = await navigator.mediaDevices.getUserMedia(
      { video: { facingMode: "user", width: { ideal: 640 }, height: { ideal: 480 } } });
    stream.getVideoTracks()[0].addEventListener("ended", stopCamera);
    video = Object.assign(
      document.createElement("video"), { muted: true, playsInline: true, srcObject: stream });
    await video.play();
  } catch (error) {
    stopCamera();
    return fail(REASONS[error.name] ?? `The camera could not be started: ${error.message}`);
  } finally {
    at("camera").disabled = false;
  }
  at("camera").textContent = "Stop the camera";
  at("mirrorLabel").hidden = false;
  const mine = stream;
  const opened = () => stream === mine && open(video.videoWidth, video.videoHeight);
  video.addEventListener("resize", opened);  // a phone was turned
  opened();
  const draw = () => {
    if (stream !== mine) return;
    pixels.save();
    if (at("mirror").checked) pixels.setTransform(-1, 0, 0, 1, view.width, 0);
    pixels.drawImage(video, 0, 0, view.width, view.height);
    pixels.restore();
    requestAnimationFrame(draw);
  };
  draw();
  while (stream === mine) {
    await answer();
    await new Promise((resolve) => setTimeout(resolve, CAMERA_PAUSE));
  }
}

/** The last frame stays, as a picture. */
function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = undefined;
  at("camera").textContent = "Use the camera";
  at("mirrorLabel").hidden = true;
}

at("camera").addEventListener("click", () => (stream ? stopCamera() : startCamera()));
start();
