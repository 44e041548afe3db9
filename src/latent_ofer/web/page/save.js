// Results as files: all of it as JSON, a row a face as CSV.

const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

// Quoted where needed; what a spreadsheet would run as a formula is text.
function cell(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" && FORMULA.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function row(name, index, count, face) {
  return {
    file: name, status: "ok", face: index, faces: count,
    expression: face.expression, confidence: face.confidence,
    before_expression: face.before.expression, before_confidence: face.before.confidence,
    hidden_ratio: face.occlusion.ratio,
    ...prefixed("hidden_", face.occlusion.regions),
    ...Object.fromEntries(["x0", "y0", "x1", "y1"].map((side, place) => [side, face.box?.[place]])),
    face_score: face.face_score,
    ...prefixed("p_", face.probabilities),
    ...prefixed("before_p_", face.before.probabilities),
  };
}

const prefixed = (start, shares) =>
  Object.fromEntries(Object.entries(shares).map(([name, share]) => [start + name, share]));

export function asCsv(photos) {
  const rows = photos.flatMap(({ name, faces }) => faces.length
    ? faces.map((face, index) => row(name, index, faces.length, face))
    : [{ file: name, status: "no_face", faces: 0 }]);
  const columns = Object.keys(rows.find((one) => one.status === "ok") ?? rows[0]);
  return [columns, ...rows.map((one) => columns.map((column) => one[column]))]
    .map((cells) => cells.map(cell).join(",") + "\r\n").join("");
}

export function asJson(photos) {
  const plain = photos.map(({ name, width, height, faces }) =>
    ({ file: name, width, height, faces: faces.map(({ images, ...face }) => face) }));
  return JSON.stringify({ photos: plain }, null, 1);
}

export function save(name, content, type) {
  const link = document.createElement("a");
  link.href = content instanceof Blob || type ? URL.createObjectURL(new Blob([content], { type })) : content;
  link.download = name;
  link.click();
  if (link.href.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
