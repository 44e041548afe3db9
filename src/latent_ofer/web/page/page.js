// The page: photos in, faces out. All that it knows is in `photos`; a reload forgets it.

import { needsToken, predict, useToken } from "./api.js";
import { hiddenPath } from "./draw.js";
import { layHeat, make, mostlyHidden, moveSlider, percent, sayUncertain, show } from "./face.js";
import { asCsv, asJson, save } from "./save.js";
import { frames, fromCamera, isVideo } from "./sources.js";

const $ = (id) => document.getElementById(id);
const WANTED = { images: "face,reconstruction", views: "true" };
const AT_A_TIME = 2;

const photos = [];
const waiting = [];
let running = 0;
let done = 0;
let chosen = { photo: null, face: 0 };

// --- what the user is told -------------------------------------------------------------------

function complain(what) {
  const line = make("p", { className: "problem" }, make("span", {}, what));
  line.append(make("button", { type: "button", onclick: () => line.remove() }, "Close"));
  $("problems").append(line);
}

function sayHowFar() {
  const left = waiting.length + running;
  const faces = photos.reduce((sum, photo) => sum + photo.faces.length, 0);
  $("status").textContent = left ? `Reading ${left} more …` : done
    ? `${photos.length} ${photos.length === 1 ? "photo" : "photos"} read, ${faces} ${faces === 1 ? "face" : "faces"} found.` : "";
}

// --- photos in ---------------------------------------------------------------------------------

async function add(items) {
  for (const item of items) {
    if (isVideo(item)) {
      try {
        for await (const [name, blob] of frames(item)) enqueue(name, blob);
      } catch (problem) {
        complain(`${item.name}: ${problem.message}`);
      }
    } else {
      enqueue(item.name || "pasted picture", item);
    }
  }
}

function enqueue(name, blob, sample = "") {
  waiting.push({ name, blob, sample });
  next();
}

async function next() {
  if (running >= AT_A_TIME || !waiting.length) return sayHowFar();
  const { name, blob, sample } = waiting.shift();
  running++;
  sayHowFar();
  try {
    const told = await predict(blob, WANTED);
    const photo = { name, blob, sample, url: URL.createObjectURL(blob), ...told };
    photos.push(photo);
    if (chosen.photo === null) choose(photo, Number(settings.get("face") ?? 1) - 1);
    if (!told.faces.length) complain(`${name}: no face is found. Faces need about 24 pixels between the eyes and look roughly this way.`);
  } catch (problem) {
    complain(`${name}: ${problem.message}`);
  }
  running--;
  done++;
  list();
  next();
}

async function addSample(name) {
  const answer = await fetch(name === "covered" ? "portrait-covered.jpg" : "portrait.jpg").catch(() => null);
  if (!answer?.ok) return complain("The service does not answer: is it still running? Start it again and reload this page.");
  enqueue(name === "covered" ? "portrait with a cup" : "portrait", await answer.blob(), name);
}

// --- photos and faces out ------------------------------------------------------------------------

function wanted(face) {
  return (!$("only-expression").value || face.expression === $("only-expression").value)
    && face.occlusion.ratio >= Number($("only-hidden").value)
    && face.confidence <= Number($("only-confidence").value);
}

const filtering = () => $("only-expression").value !== "" || $("only-hidden").value !== "0" || $("only-confidence").value !== "1";

function list() {
  $("photos").hidden = $("all").hidden = !photos.length;
  if (!photos.length) $("face").hidden = true;
  $("gallery").hidden = photos.length < 2;
  document.querySelectorAll(".many").forEach((label) => { label.hidden = photos.length < 2; });
  const shown = photos.filter((photo) => !filtering() || photo.faces.some(wanted));
  $("gallery").replaceChildren(...shown.map((photo) => {
    const best = photo.faces.map((face) => face.expression).join(", ") || "no face";
    const button = make("button", { type: "button", onclick: () => choose(photo, 0) },
      make("img", { src: photo.shown ?? photo.url, alt: "", loading: "lazy" }), make("span", {}, photo.name), make("span", {}, best));
    if (photo === chosen.photo) button.setAttribute("aria-current", "true");
    return make("li", {}, button);
  }));
  $("filtered").textContent = filtering() ? `${shown.length} of ${photos.length} photos have such a face.` : "";
  const kept = [...new Set(photos.flatMap((photo) => photo.faces.map((face) => face.expression)))].sort();
  const pick = $("only-expression");
  const now = pick.value || settings.get("expression") || "";
  pick.replaceChildren(make("option", { value: "" }, "any"), ...kept.map((label) => make("option", { value: label }, label)));
  pick.value = kept.includes(now) ? now : "";
  table();
}

function table() {
  const rows = photos.flatMap((photo) => photo.faces.map((face, index) => ({ photo, face, index })));
  $("table").tBodies[0].replaceChildren(...rows.filter(({ face }) => wanted(face)).map(({ photo, face, index }) => {
    const button = make("button", { type: "button", onclick: () => { choose(photo, index); $("face-title").focus(); } }, `Face ${index + 1}`);
    const row = make("tr", {}, make("td", {}, photo.name), make("td", {}, button), make("td", {}, face.expression),
      make("td", {}, percent(face.confidence)), make("td", {}, `${face.before.expression}, ${percent(face.before.confidence)}`),
      make("td", {}, percent(face.occlusion.ratio)), make("td", {}, mostlyHidden(face)));
    row.className = photo === chosen.photo && index === chosen.face ? "chosen" : "";
    return row;
  }));
}

function choose(photo, index) {
  const face = Math.min(Math.max(index, 0), Math.max(photo.faces.length - 1, 0));
  chosen = { photo, face };
  list();
  drawPhoto();
  $("face").hidden = !photo.faces.length;
  if (photo.faces.length) show(photo.name, face, photo.faces[face]);
  remember();
}

function drawPhoto() {
  const { photo } = chosen;
  const image = make("img", { src: photo.shown ?? photo.url, alt: `${photo.name}: ${photo.faces.length} ${photo.faces.length === 1 ? "face" : "faces"}` });
  image.onerror = () => showByService(photo);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${photo.width} ${photo.height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const boxes = photo.faces.map((face, index) => {
    const path = document.createElementNS(svg.namespaceURI, "path");
    path.setAttribute("d", hiddenPath(face, photo.width, photo.height));
    svg.append(path);
    return box(photo, face, index);
  });
  $("photo").replaceChildren(image, svg, ...boxes);
  $("steps").hidden = photo.faces.length < 2;
}

function box(photo, face, index) {
  const [x0, y0, x1, y1] = face.box ?? [0, 0, photo.width, photo.height];
  const text = `${face.expression} ${percent(face.confidence)}`;
  const button = make("button", { type: "button", onclick: () => choose(photo, index), ariaPressed: String(index === chosen.face),
    ariaLabel: `Face ${index + 1}: ${text}` }, make("span", { ariaHidden: "true" }, text));
  button.className = y0 < 0.08 * photo.height ? "low" : "";
  const places = { left: x0 / photo.width, top: y0 / photo.height, width: (x1 - x0) / photo.width, height: (y1 - y0) / photo.height };
  for (const [side, place] of Object.entries(places)) button.style[side] = `${100 * place}%`;
  return button;
}

// What this browser cannot show, such as TIFF or HEIC, the service has made a picture of.
async function showByService(photo) {
  if (photo.shown) return;
  try {
    photo.shown = (await predict(photo.blob, { images: "photo", format: "webp" })).images.photo;
    list();
    if (photo === chosen.photo) drawPhoto();
  } catch (problem) {
    complain(`${photo.name}: it cannot be shown. ${problem.message}`);
  }
}

function step(by) {
  const count = chosen.photo.faces.length;
  choose(chosen.photo, (chosen.face + by + count) % count);
}

// --- the address holds what may be sent to somebody else: never a photo --------------------------

const settings = new URLSearchParams(location.hash.slice(1));

function remember() {
  const state = {
    sample: chosen.photo?.sample, face: chosen.face + 1,
    below: $("below").value, slider: $("slider").value, expression: $("only-expression").value,
    hidden: $("only-hidden").value, confidence: $("only-confidence").value, map: $("show-heat").checked ? "1" : "",
  };
  const usual = { face: 1, below: "50", slider: "50", hidden: "0", confidence: "1" };
  const kept = Object.entries(state).filter(([name, value]) => value && value !== usual[name]);
  history.replaceState(null, "", kept.length ? `#${new URLSearchParams(kept)}` : location.pathname);
}

function recall() {
  for (const [name, id] of [["below", "below"], ["slider", "slider"], ["hidden", "only-hidden"], ["confidence", "only-confidence"]]) {
    if (settings.has(name)) $(id).value = settings.get(name);
    if ($(id).value === "") $(id).selectedIndex = 0;
  }
  $("show-heat").checked = settings.has("map");
  if (["portrait", "covered"].includes(settings.get("sample"))) addSample(settings.get("sample"));
}

// --- wiring --------------------------------------------------------------------------------------

$("files").onchange = (event) => { add([...event.target.files]); event.target.value = ""; };
$("portrait").onclick = () => addSample("portrait");
$("covered").onclick = () => addSample("covered");
$("camera").onclick = async () => {
  try {
    const blob = await fromCamera($("camera-dialog"), $("camera-video"), $("shoot"), $("close-camera"));
    if (blob) enqueue("camera", blob);
  } catch (problem) {
    complain(problem.message);
  }
};
document.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length) add(files);
  else if (event.target.tagName !== "INPUT") complain("What was pasted is no picture: copy the picture itself, not its address.");
});
document.addEventListener("dragover", (event) => { event.preventDefault(); $("veil").hidden = false; });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("veil").hidden = true; });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("veil").hidden = true;
  const files = [...event.dataTransfer.files];
  if (files.length) add(files);
  else complain("What was dropped is no file: save the picture first, then drop the file. No addresses are fetched.");
});

$("clear").onclick = () => {
  photos.splice(0).forEach((photo) => URL.revokeObjectURL(photo.url));
  waiting.length = done = 0;
  chosen = { photo: null, face: 0 };
  list();
  sayHowFar();
  remember();
  $("main").focus();
};
for (const id of ["only-expression", "only-hidden", "only-confidence"]) $(id).onchange = () => { settings.delete("expression"); list(); remember(); };
$("filters").onsubmit = (event) => event.preventDefault();
$("previous").onclick = () => step(-1);
$("next").onclick = () => step(1);
$("slider").oninput = moveSlider;
$("compare").onpointermove = $("compare").onpointerdown = (event) => {
  if (!event.buttons) return;
  const { left, width } = $("compare").getBoundingClientRect();
  $("slider").value = 100 * (event.clientX - left) / width;
  moveSlider();
};
$("compare").onpointerup = remember;
$("show-heat").onchange = () => { layHeat(); remember(); };
$("strength").oninput = layHeat;
$("below").oninput = () => sayUncertain(chosen.photo.faces[chosen.face]);
$("slider").onchange = $("below").onchange = remember;  // browsers take few addresses a second

$("save-csv").onclick = () => save("faces.csv", asCsv(photos), "text/csv;charset=utf-8");
$("save-json").onclick = () => save("faces.json", asJson(photos), "application/json");
$("save-figure").onclick = async () => {
  const { photo, face } = chosen;
  if (!photo?.faces.length) return complain("No face is chosen: add a photo with one.");
  try {
    const told = await predict(photo.blob, { images: "figure" });
    save("figure.png", told.faces[face].images.figure);
  } catch (problem) {
    complain(`The figure cannot be drawn: ${problem.message}`);
  }
};

if (["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) {
  $("where").textContent = "Nothing leaves this machine: photos are read here, and nothing is kept.";
}
if (needsToken) {
  $("token-row").hidden = false;
  $("token-row").onsubmit = (event) => event.preventDefault();
  $("token").oninput = () => useToken($("token").value);
}
recall();
