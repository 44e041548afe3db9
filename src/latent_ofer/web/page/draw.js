// Pictures of one face from its numbers: maps of 14 x 14 patches, and where they lie in the photo.

const TEMPLATE = [[35.88, 42.28], [75.12, 42.28], [55.5, 66.25], [39.61, 84.59], [71.39, 84.59]];
const SIDE = 112;
const GRID = 14;
const HEAT = [[12, 10, 46], [88, 22, 110], [186, 55, 84], [246, 130, 32], [252, 240, 160]];

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// The turn, scale and shift that bring the aligned face back into the photo, by least squares.
function intoPhoto(landmarks) {
  const [px, py, qx, qy] = [TEMPLATE, landmarks].flatMap((points) =>
    [0, 1].map((axis) => mean(points.map((point) => point[axis]))));
  let along = 0, across = 0, size = 0;
  TEMPLATE.forEach(([x, y], place) => {
    const [u, v] = [x - px, y - py];
    const [s, t] = [landmarks[place][0] - qx, landmarks[place][1] - qy];
    along += u * s + v * t;
    across += u * t - v * s;
    size += u * u + v * v;
  });
  const [a, b] = [along / size, across / size];
  return (x, y) => [a * (x - px) - b * (y - py) + qx, b * (x - px) + a * (y - py) + qy];
}

// An SVG path of the hidden patches, in pixels of the photo.
export function hiddenPath(face, width, height) {
  const side = Math.max(width, height);
  const map = face.landmarks
    ? intoPhoto(face.landmarks)
    : (x, y) => [(x + 0.5) * side / SIDE + (width - side) / 2, (y + 0.5) * side / SIDE + (height - side) / 2];
  const step = SIDE / GRID;
  let path = "";
  face.occlusion.mask.forEach((cells, row) => cells.forEach((hidden, column) => {
    if (!hidden) return;
    const [x, y] = [column * step - 0.5, row * step - 0.5];
    const corners = [[x, y], [x + step, y], [x + step, y + step], [x, y + step]];
    path += `M${corners.map((corner) => map(...corner).map((value) => value.toFixed(1)).join(" ")).join("L")}Z`;
  }));
  return path;
}

function colour(level) {
  const at = Math.min(Math.max(level, 0), 1) * (HEAT.length - 1);
  const low = Math.min(Math.floor(at), HEAT.length - 2);
  return HEAT[low].map((value, channel) => Math.round(value + (at - low) * (HEAT[low + 1][channel] - value)));
}

// Scores by strength, 0 to 1: never stretched below the threshold, so that a clean face stays dark.
export function strengths(occlusion) {
  const top = Math.max(...occlusion.scores.flat(), occlusion.threshold, 1e-9);
  return occlusion.scores.map((row) => row.map((score) => score / top));
}

export function spread(grid) {
  const [low, high] = [Math.min(...grid.flat()), Math.max(...grid.flat())];
  return grid.map((row) => row.map((value) => (value - low) / Math.max(high - low, 1e-9)));
}

// Paint levels on a canvas of 14 x 14; `clear` lets through what is below them.
export function paintHeat(canvas, levels, clear = false) {
  const context = canvas.getContext("2d");
  const data = context.createImageData(GRID, GRID);
  levels.flat().forEach((level, place) => data.data.set([...colour(level), clear ? 255 * level : 255], 4 * place));
  context.putImageData(data, 0, 0);
}

function canvas(image) {
  const made = document.createElement("canvas");
  made.width = made.height = SIDE;
  made.getContext("2d").drawImage(image, 0, 0, SIDE, SIDE);
  return made;
}

function heated(image, levels) {
  const made = canvas(image);
  const heat = document.createElement("canvas");
  heat.width = heat.height = GRID;
  paintHeat(heat, levels);
  const context = made.getContext("2d");
  context.globalAlpha = 0.6;
  context.imageSmoothingEnabled = false;
  context.drawImage(heat, 0, 0, SIDE, SIDE);
  return made;
}

function masked(image, mask) {
  const made = canvas(image);
  const context = made.getContext("2d");
  context.fillStyle = "#e2e5ea";
  const step = SIDE / GRID;
  mask.forEach((cells, row) => cells.forEach((hidden, column) => {
    if (hidden) context.fillRect(column * step, row * step, step, step);
  }));
  return made;
}

// The stages of a face as [title, what it says, canvas].
export function stages(face, before, after) {
  const hidden = Math.round(100 * face.occlusion.ratio);
  return [
    ["1 Aligned face", "turned and scaled to a template", canvas(before)],
    ["2 Hidden map", `${hidden} % of the patches score above ${face.occlusion.threshold.toPrecision(2)}`,
      heated(before, strengths(face.occlusion))],
    ["3 Masked face", "what the repair may look at", masked(before, face.occlusion.mask)],
    ["4 Repaired face", hidden ? "only hidden patches change" : "nothing hidden, as it came", canvas(after)],
    ["5 Attention", "where the recogniser looked", heated(after, spread(face.attention))],
  ];
}
