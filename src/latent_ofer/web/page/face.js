// The chosen face: its slider, maps, stages, probabilities, regions, and how far to trust it.

import { paintHeat, stages, strengths } from "./draw.js";

const $ = (id) => document.getElementById(id);
export const percent = (share) => `${Math.round(100 * share)} %`;
export const words = (name) => name.replaceAll("_", " ");

export function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// Regions that are hidden to a quarter or more, most hidden first.
export function mostlyHidden(face) {
  return Object.entries(face.occlusion.regions)
    .filter(([, share]) => share >= 0.25)
    .sort((one, other) => other[1] - one[1])
    .map(([name, share]) => `${words(name)} ${percent(share)}`).join(", ");
}

function bar(share) {
  const made = make("span", { className: "bar", ariaHidden: "true" });
  made.style.width = `${100 * share}%`;
  return made;
}

function share(probability) {
  return probability === undefined ? make("td", {}, "as it came")
    : make("td", {}, `${(100 * probability).toFixed(1)} %`, bar(probability));
}

export function moveSlider() {
  const at = Number($("slider").value);
  $("after-image").style.clipPath = `inset(0 0 0 ${at}%)`;
  $("edge").style.left = `${at}%`;
  $("slider").setAttribute("aria-valuetext", `${at} % as it came, ${100 - at} % repaired`);
}

export function layHeat() {
  $("heat").hidden = !$("show-heat").checked;
  $("heat").style.opacity = Number($("strength").value) / 100;
}

// What the answer would be where less confidence than this is not enough.
export function sayUncertain(face) {
  const below = Number($("below").value) / 100;
  const [first, second] = Object.entries(face.probabilities).sort((one, other) => other[1] - one[1]);
  const would = `uncertain: ${first[0]} ${percent(first[1])} or ${second[0]} ${percent(second[1])}`;
  $("below-value").textContent = percent(below);
  $("uncertain").replaceChildren(face.confidence < below
    ? make("strong", {}, `With that limit the answer is ${would}.`)
    : `With that limit the answer stays ${face.expression}. An uncertain one would read: ${would}.`);
}

export function show(name, index, face) {
  const hidden = face.occlusion.ratio > 0;
  const regions = mostlyHidden(face);
  $("face-title").textContent = `Face ${index + 1} of ${name}`;
  $("summary").replaceChildren(
    "Apparent expression: ", make("strong", {}, `${face.expression}, ${percent(face.confidence)}`),
    `. As it came: ${face.before.expression}, ${percent(face.before.confidence)}. `,
    hidden ? `Hidden: ${percent(face.occlusion.ratio)} of the face${regions && `; ${regions}`}.` : "Nothing is found to be hidden.",
  );
  const [before, after] = [$("before-image"), $("after-image")];
  before.src = face.images.face;
  after.src = face.images.reconstruction;
  moveSlider();
  paintHeat($("heat"), strengths(face.occlusion), true);
  layHeat();

  const alone = face.repaired?.probabilities ?? {};
  $("probabilities").tBodies[0].replaceChildren(...Object.entries(face.probabilities).map(([label, all]) =>
    make("tr", { className: label === face.expression ? "best" : "" },
      make("th", { scope: "row" }, label), share(face.before.probabilities[label]), share(alone[label]), share(all))));
  $("meaning").textContent = `Confidence ${percent(face.confidence)}: of many faces read with so much, about as many in a hundred have the label that most judges gave, where the photos are like those it was measured on. `
    + (face.before.expression === face.expression || !hidden
      ? "As it came, the answer is the same."
      : "As it came, the answer is another one: it rests on what is hidden, so take it with care.");
  sayUncertain(face);

  $("regions").replaceChildren(...Object.entries(face.occlusion.regions).map(([region, part]) => {
    const inner = make("span");
    inner.style.width = `${100 * part}%`;
    return make("li", {}, make("span", {}, words(region)), make("span", {}, percent(part)),
      make("span", { className: "bar", ariaHidden: "true" }, inner));
  }));
  Promise.all([before.decode(), after.decode()]).then(() => $("stages").replaceChildren(
    ...stages(face, before, after).map(([title, note, canvas]) => {
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${title.slice(2)}: ${note}`);
      return make("figure", {}, canvas, make("figcaption", {}, make("strong", {}, title), make("br"), note));
    }),
  )).catch(() => {});  // another face was chosen meanwhile
}
