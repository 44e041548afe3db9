// Charts of the chosen faces, as tables with bars in them: read aloud, they are tables.

function head(...names) {
  const cell = (name) => (name ? el("th", { scope: "col" }, name) : el("td"));
  return el("thead", {}, el("tr", {}, ...names.map(cell)));
}

function bar(share, colour, kind) {
  const style = { width: `${100 * share}%`, background: colour };
  return el("div", { class: `bar ${kind}`, style });
}

function drawCounts(chosen) {
  const after = data.labels.map(() => 0);
  const before = data.labels.map(() => 0);
  for (const face of chosen) {
    after[faces.expression[face]] += 1;
    before[faces.before[face]] += 1;
  }
  const most = Math.max(1, ...after, ...before);
  const rows = data.labels.map((label, place) =>
    el("tr", {},
      el("th", { scope: "row" }, label),
      el("td", { class: "track" },
        bar(after[place] / most, data.colours[place], "thick"),
        bar(before[place] / most, "var(--quiet)", "thin")),
      el("td", {}, after[place].toLocaleString("en")),
      el("td", {}, percent((1000 * after[place]) / Math.max(1, chosen.length))),
      el("td", { class: "quiet" }, before[place].toLocaleString("en"))));
  const names = head("expression", "", "faces", "share", "before");
  byId("counts").replaceChildren(names, el("tbody", {}, ...rows));
}

function drawConfidence(chosen) {
  const bins = Array.from({ length: 10 }, () => 0);
  for (const face of chosen) bins[Math.min(9, Math.floor(faces.confidence[face] / 100))] += 1;
  const most = Math.max(1, ...bins);
  const first = bins.findIndex((number) => number > 0);
  const rows = bins.map((number, place) =>
    el("tr", { hidden: place < first || first < 0 },
      el("th", { scope: "row" }, `${10 * place}\u2013${10 * (place + 1)} %`),
      el("td", { class: "track" }, bar(number / most, "var(--accent)", "thick")),
      el("td", {}, number.toLocaleString("en")),
      el("td", {}, percent((1000 * number) / Math.max(1, chosen.length)))));
  byId("confidence").replaceChildren(
    head("confidence", "", "faces", "share"), el("tbody", {}, ...rows));
}

const BINS = [
  ["nothing", 0, 0], ["to 10 %", 1, 100], ["10\u201320 %", 101, 200], ["20\u201330 %", 201, 300],
  ["30\u201340 %", 301, 400], ["40\u201350 %", 401, 500], ["over 50 %", 501, 1000],
];

function drawHidden(chosen) {
  const rows = BINS.map(([name, low, high]) => {
    const inside = chosen.filter((face) => faces.hidden[face] >= low && faces.hidden[face] <= high);
    if (!inside.length) return null;
    const numbers = data.labels.map(() => 0);
    let confidence = 0;
    for (const face of inside) {
      numbers[faces.expression[face]] += 1;
      confidence += faces.confidence[face];
    }
    const share = (number) => (1000 * number) / inside.length;
    const told = data.labels
      .map((label, place) => [label, numbers[place]])
      .filter(([, number]) => number)
      .map(([label, number]) => `${label} ${percent(share(number))}`);
    const parts = numbers.map((number, place) =>
      number
        ? el("div", {
            title: `${data.labels[place]} ${percent(share(number))}`,
            style: { width: `${share(number) / 10}%`, background: data.colours[place] },
          })
        : null);
    return el("tr", {},
      el("th", { scope: "row" }, name),
      el("td", { class: "track" },
        el("div", { class: "stack", role: "img", "aria-label": told.join(", ") }, ...parts)),
      el("td", {}, inside.length.toLocaleString("en")),
      el("td", {}, percent(confidence / inside.length)));
  });
  byId("legend").replaceChildren(
    ...data.labels.map((label, place) => el("span", {}, dot(place), label)));
  byId("hidden").replaceChildren(
    head("hidden", "", "faces", "mean confidence"),
    el("tbody", {}, ...rows.filter((row) => row !== null)));
}

const STEPS = 1000;
const MOST_LANES = 60;

// The faces that have a time, by video and by track, in the order of time.
function lanesOf(chosen) {
  const videos = new Map();
  for (const face of chosen) {
    if (faces.time[face] === null) continue;
    const file = faces.file[face];
    if (!videos.has(file)) videos.set(file, new Map());
    const tracks = videos.get(file);
    const track = faces.track[face];
    if (!tracks.has(track)) tracks.set(track, []);
    tracks.get(track).push(face);
  }
  return videos;
}

const ALL_LANES = lanesOf([...Array(total).keys()]);
const ENDS = new Map(
  [...ALL_LANES].map(([file, tracks]) => {
    const times = [...tracks.values()].flat().map((face) => faces.time[face]);
    let [low, high] = [Infinity, -Infinity];
    for (const time of times) [low, high] = [Math.min(low, time), Math.max(high, time)];
    return [file, [low, high]];
  }));

function usualStep(times) {
  const steps = times.slice(1).map((time, place) => time - times[place]).sort((a, b) => a - b);
  return steps.length ? steps[Math.floor(steps.length / 2)] : 0;
}

// For each step of the video the expression that a track has for most of it, or -1.
function alongTime(members, low, high) {
  const span = Math.max(high - low, 1e-6);
  const times = members.map((face) => faces.time[face]);
  const reach = 2.5 * usualStep(times);
  const votes = new Uint32Array(STEPS * data.labels.length);
  members.forEach((face, place) => {
    const end = Math.min(place + 1 < times.length ? times[place + 1] : Infinity,
      times[place] + (reach || span / STEPS));
    const from = Math.min(STEPS - 1, Math.floor(((times[place] - low) / span) * STEPS));
    const to = Math.max(from + 1, Math.min(STEPS, Math.floor(((end - low) / span) * STEPS)));
    for (let step = from; step < to; step += 1) {
      votes[step * data.labels.length + faces.expression[face]] += 1;
    }
  });
  return Array.from({ length: STEPS }, (_, step) => {
    const here = votes.subarray(step * data.labels.length, (step + 1) * data.labels.length);
    const most = Math.max(...here);
    return most ? here.indexOf(most) : -1;
  });
}

function drawLane(track, members, low, high) {
  members.sort((one, other) => faces.time[one] - faces.time[other]);
  const steps = alongTime(members, low, high);
  const picture = svg("svg", { viewBox: `0 0 ${STEPS} 10`, preserveAspectRatio: "none" });
  for (let from = 0, to; from < STEPS; from = to) {
    to = from + 1;
    while (to < STEPS && steps[to] === steps[from]) to += 1;
    if (steps[from] < 0) continue;
    const place = { x: from, y: 0, width: to - from, height: 10, fill: data.colours[steps[from]] };
    const at = (step) => clock(low + ((high - low) * step) / STEPS);
    const told = `${data.labels[steps[from]]}, ${at(from)}\u2013${at(to)}`;
    picture.append(svg("rect", place, svg("title", {}, told)));
  }
  const numbers = data.labels.map(() => 0);
  for (const face of members) numbers[faces.expression[face]] += 1;
  const shares = numbers
    .map((number, place) => [number, place])
    .filter(([number]) => number)
    .sort((one, other) => other[0] - one[0])
    .map(([number, place]) => `${data.labels[place]} ${percent((1000 * number) / members.length)}`);
  const ends = [members[0], members[members.length - 1]].map((face) => clock(faces.time[face]));
  const name = track === null ? "all faces" : `track ${track}`;
  const about = `${name}, ${ends.join("\u2013")}: ${shares.slice(0, 3).join(", ")}`;
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", about);
  return el("div", { class: "lane" }, el("p", {}, about), picture);
}

function drawTimeline(chosen) {
  byId("timelines").hidden = !ALL_LANES.size;
  if (!ALL_LANES.size) return;
  const videos = [...lanesOf(chosen)].map(([file, tracks]) => {
    const [low, high] = ENDS.get(file);
    const longest = [...tracks].sort((one, other) => other[1].length - one[1].length);
    const lanes = longest
      .slice(0, MOST_LANES)
      .sort((one, other) => (one[0] ?? -1) - (other[0] ?? -1))
      .map(([track, members]) => drawLane(track, members, low, high));
    const left = longest.length - lanes.length;
    return el("div", {},
      el("h3", {}, data.files[file]),
      ...lanes,
      el("p", { class: "ends quiet" }, el("span", {}, clock(low)), el("span", {}, clock(high))),
      left > 0 ? el("p", { class: "quiet" }, `and ${count(left, "shorter track", "shorter tracks")}`)
        : null);
  });
  byId("lanes").replaceChildren(...videos);
}
