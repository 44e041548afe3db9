// What is chosen, and everything drawn anew from it.

function tiles() {
  const parts = [
    [data.images, "images"], [total, "faces"],
    [data.empty.reduce((sum, [, number]) => sum + number, 0), "images without a face"],
    [data.errors.length, "errors"],
    [faces.hidden.filter((share) => share > 0).length, "faces partly hidden"],
    [[...Array(total).keys()].filter(changed).length, "answers changed by the repair"],
  ];
  const tracks = [...ALL_LANES.values()].reduce(
    (sum, lanes) => sum + [...lanes.keys()].filter((track) => track !== null).length, 0);
  if (tracks) parts.splice(2, 0, [tracks, "tracks"]);
  byId("summary").replaceChildren(...parts.map(([number, name]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, number.toLocaleString("en")))));
}

function labelFilter() {
  const numbers = data.labels.map(() => 0);
  for (const label of faces.expression) numbers[label] += 1;
  byId("labels").replaceChildren(...data.labels.map((label, place) =>
    el("label", { class: "chip" },
      el("input", { type: "checkbox", name: "label", value: place, checked: true }),
      dot(place), label, el("span", { class: "quiet" }, numbers[place].toLocaleString("en")))));
}

function chosenFaces() {
  const form = new FormData(byId("filter"));
  const labels = new Set(form.getAll("label").map(Number));
  const limit = (name, otherwise) => {
    const value = form.get(name);
    return value === "" || Number.isNaN(Number(value)) ? otherwise : 10 * Number(value);
  };
  const hidden = [limit("hidden-low", 0), limit("hidden-high", 1000)];
  const confidence = [limit("confidence-low", 0), limit("confidence-high", 1000)];
  const name = form.get("name").toLowerCase();
  const files = data.files.map((file) => file.toLowerCase().includes(name));
  const onlyChanged = form.get("changed") !== null;
  return [...Array(total).keys()].filter((face) =>
    labels.has(faces.expression[face]) &&
    faces.hidden[face] >= hidden[0] && faces.hidden[face] <= hidden[1] &&
    faces.confidence[face] >= confidence[0] && faces.confidence[face] <= confidence[1] &&
    files[faces.file[face]] && (!onlyChanged || changed(face)));
}

function draw() {
  const chosen = chosenFaces();
  byId("shown").textContent =
    `${chosen.length.toLocaleString("en")} of ${count(total, "face", "faces")} shown.`;
  drawCounts(chosen);
  drawConfidence(chosen);
  drawHidden(chosen);
  drawTimeline(chosen);
  drawCards("unsure", chosen, (face) => faces.confidence[face]);
  drawCards("most", chosen.filter((face) => faces.hidden[face] > 0), (face) => -faces.hidden[face]);
}

function drawErrors() {
  byId("problems").hidden = !data.errors.length;
  const codes = byId("codes");
  const body = el("tbody");
  byId("errors").replaceChildren(head("file", "code", "what to do"), body);
  const numbers = new Map();
  for (const [, code] of data.errors) numbers.set(code, (numbers.get(code) || 0) + 1);
  codes.append(el("option", { value: "" }, `all (${data.errors.length})`),
    ...[...numbers].map(([code, number]) => el("option", { value: code }, `${code} (${number})`)));
  const show = () => {
    const wanted = data.errors.filter(([, code]) => !codes.value || code === codes.value);
    const scroll = byId("errors").parentElement;
    const more = scroll.nextElementSibling;
    if (more) more.remove();
    body.replaceChildren(...wanted.slice(0, 200).map(([file, code, message]) =>
      el("tr", {}, el("td", { class: "path" }, data.files[file]), el("td", {}, code),
        el("td", {}, message))));
    if (wanted.length > 200) {
      scroll.after(el("p", { class: "quiet" },
        `and ${wanted.length - 200} more, in the table of results`));
    }
  };
  codes.addEventListener("change", show);
  show();
}

function drawEmpty() {
  byId("nobody").hidden = !data.empty.length;
  const item = ([file, number]) =>
    el("li", { class: "path" }, data.files[file], number > 1 ? ` (${number} frames)` : "");
  listInto(byId("empty"), data.empty, item, 50);
}

function start() {
  document.title = `${data.about.title}: apparent expressions`;
  byId("about").textContent = `${data.about.title}, results of ${data.about.made}`;
  byId("version").textContent = data.about.version;
  byId("unreadable").hidden = !data.unreadable;
  byId("unreadable").textContent =
    `${count(data.unreadable, "line", "lines")} of the results cannot be read and are left out.`;
  tiles();
  labelFilter();
  drawErrors();
  drawEmpty();
  byId("filter").addEventListener("input", draw);
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  byId("filter").addEventListener("reset", () => setTimeout(draw));
  byId("overlay").addEventListener("change", (event) => {
    document.body.classList.toggle("bare", !event.target.checked);
  });
  draw();
}

start();
