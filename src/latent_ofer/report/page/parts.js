"use strict";
// Small parts that all of the page uses. Text only ever becomes text: nothing is parsed as HTML.

const data = JSON.parse(document.getElementById("data").textContent);
const faces = data.faces;
const total = faces.file.length;

function byId(id) {
  return document.getElementById(id);
}

function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "style") Object.assign(made.style, value);
    else if (name === "onclick") made.addEventListener("click", value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Thousandths as a percentage; what is not nothing never looks like nothing.
function percent(share) {
  if (share > 0 && share < 10) return "<\u00a01\u00a0%";
  return `${Math.round(share / 10)}\u00a0%`;
}

function count(number, one, many) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":");
}

function dot(label) {
  return el("i", { class: "dot", style: { background: data.colours[label] } });
}

// Show the first of many, and the rest on demand. `make` turns an item into an element.
function listInto(place, items, make, step, note) {
  place.replaceChildren();
  let shown = 0;
  const more = el("button", { type: "button", class: "more" });
  const add = () => {
    const next = items.slice(shown, shown + step).map(make);
    place.append(...next);
    shown += next.length;
    const left = items.length - shown;
    more.textContent = `Show ${Math.min(step, left)} more of ${left.toLocaleString("en")}`;
    if (left > 0) place.after(more);
    else more.remove();
    return next[0];
  };
  if (place.nextElementSibling && place.nextElementSibling.className === "more") {
    place.nextElementSibling.remove();
  }
  more.addEventListener("click", () => {
    const first = add();
    const target = first.matches("button") ? first : first.querySelector("button");
    if (target) target.focus();
  });
  add();
  if (!items.length && note) place.append(el("p", { class: "quiet" }, note));
}
