// Cards of faces, and all about one of them.

const STEP = matchMedia("(max-width: 520px)").matches ? 8 : 24;
const GRID = 14;

// The hidden patches, a bit each, row by row: filled squares, and a line around all of them.
function hiddenPatches(mask) {
  const bits = [...mask].map((digit) => parseInt(digit, 16).toString(2).padStart(4, "0")).join("");
  const is = (x, y) => x >= 0 && y >= 0 && x < GRID && y < GRID && bits[GRID * y + x] === "1";
  let [squares, edges] = ["", ""];
  for (let y = 0; y < GRID; y += 1) {
    for (let x = 0; x < GRID; x += 1) {
      if (!is(x, y)) continue;
      squares += `M${x} ${y}h1v1h-1z`;
      if (!is(x, y - 1)) edges += `M${x} ${y}h1`;
      if (!is(x, y + 1)) edges += `M${x} ${y + 1}h1`;
      if (!is(x - 1, y)) edges += `M${x} ${y}v1`;
      if (!is(x + 1, y)) edges += `M${x + 1} ${y}v1`;
    }
  }
  return svg("svg", { viewBox: `0 0 ${GRID} ${GRID}`, "aria-hidden": "true" },
    svg("path", { class: "fill", d: squares }),
    svg("path", { class: "around", d: edges }), svg("path", { class: "edge", d: edges }));
}

function picture(face) {
  const detail = data.details[face];
  const box = el("div", { class: "face" });
  if (detail && detail.picture) {
    const label = data.labels[faces.expression[face]];
    const source = `data:image/webp;base64,${detail.picture}`;
    box.append(el("img", { src: source, width: 112, height: 112, alt: `face, ${label}` }));
  } else {
    const why = detail ? `No picture: ${detail.why}` : "No picture was kept of this face";
    box.append(el("span", { class: "missing" }, why));
  }
  if (detail && detail.mask) box.append(hiddenPatches(detail.mask));
  return box;
}

function answer(face) {
  const label = faces.expression[face];
  return el("span", {}, dot(label), `${data.labels[label]} ${percent(faces.confidence[face])}`);
}

function changed(face) {
  return faces.changed[face] === 1;
}

function card(face) {
  return el("button", { type: "button", class: "card", onclick: () => openDetail(face) },
    picture(face),
    answer(face),
    el("span", { class: "quiet" }, `${percent(faces.hidden[face])} hidden`),
    changed(face)
      ? el("span", { class: "quiet" }, `before: ${data.labels[faces.before[face]]}`) : null);
}

function drawCards(id, chosen, key) {
  const sorted = [...chosen].sort((one, other) => key(one) - key(other) || one - other);
  listInto(byId(id), sorted, card, STEP, "No face is left by the filter.");
}

function detailBars(title, names, columns) {
  const rows = names.map((name, place) =>
    el("tr", {},
      el("th", { scope: "row" }, name),
      el("td", { class: "track" },
        ...columns.map(([shares, colours, kind]) => bar(shares[place] / 1000, colours(place), kind))),
      ...columns.map(([shares, , kind]) =>
        el("td", { class: kind === "thin" ? "quiet" : "" }, percent(shares[place])))));
  return el("table", { class: "bars" }, el("caption", {}, title), el("tbody", {}, ...rows));
}

function where(face, detail) {
  const parts = [data.files[faces.file[face]]];
  if (faces.number[face] !== null) parts.push(`face ${faces.number[face] + 1} from the left`);
  if (faces.time[face] !== null) parts.push(`at ${clock(faces.time[face])}`);
  if (detail && detail.frame !== null) parts.push(`frame ${detail.frame}`);
  if (faces.track[face] !== null) parts.push(`track ${faces.track[face]}`);
  return parts.join(", ");
}

function openDetail(face) {
  const detail = data.details[face];
  const dialog = byId("detail");
  const close = el("button", { type: "button", onclick: () => dialog.close() }, "Close");
  const quiet = () => "var(--quiet)";
  const colour = (place) => data.colours[place];
  dialog.replaceChildren(
    el("div", { class: "top" }, el("h2", { id: "h-detail" }, answer(face)), close),
    el("p", { class: "path" }, where(face, detail)),
    el("div", { class: "about" }, el("div", { class: "overlays" }, picture(face)),
      el("div", {},
        el("p", {}, `${percent(faces.hidden[face])} of the face is hidden. Before the repair: ` +
          `${data.labels[faces.before[face]]}.`),
        detail && detail.covers.length
          ? el("p", {}, "What hides it: " + detail.covers
            .map(([name, share]) => `${name}, ${percent(share)} sure`).join("; ") + ".") : null,
        detail && detail.figure
          ? el("p", {}, el("a", { href: detail.figure }, "Figure of every stage")) : null)),
    detail
      ? detailBars("Probabilities; thin and grey: before the repair",
        data.labels.slice(0, detail.after.length),
        [[detail.after, colour, "thick"], [detail.before, quiet, "thin"]])
      : el("p", { class: "quiet" }, "The table of results has the rest."),
    detail
      ? detailBars("Hidden share of each region", data.regions, [[detail.regions, quiet, "thick"]])
      : "");
  dialog.showModal();
}

byId("detail").addEventListener("click", (event) => {
  if (event.target === byId("detail")) byId("detail").close();
});
