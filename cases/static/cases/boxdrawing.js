// Boxes as SVG over the stage, in CSS pixels: lines stay thin and handles large at any zoom.

import { apex, corners, platform, side } from "./geometry.js";

const SVG = "http://www.w3.org/2000/svg";
const TURN_AWAY = 34;
const LEAST_AWAY = 20;
const HIT = matchMedia("(pointer: coarse)").matches ? 22 : 14;
const ARROW = 9;

export function make(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const list = (points) => points.map(({ x, y }) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ");

function set(element, values) {
  for (const [key, value] of Object.entries(values)) element.setAttribute(key, value);
}

// From one stage point towards another: `away` pixels beyond it.
function beyond(from, to, away) {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  return {
    x: to.x + ((to.x - from.x) / length) * away,
    y: to.y + ((to.y - from.y) / length) * away,
  };
}

function arrow(from, to) {
  const way = Math.atan2(to.y - from.y, to.x - from.x);
  const wing = (turn) => ({
    x: to.x - ARROW * Math.cos(way + turn),
    y: to.y - ARROW * Math.sin(way + turn),
  });
  return list([wing(0.5), to, wing(-0.5)]);
}

function handle(name) {
  const group = make("g", { class: "box-handle", "data-handle": name });
  group.append(make("circle", { class: "box-hit", r: HIT }));
  group.append(make("circle", { class: "box-grip", r: 6 }));
  return group;
}

/** One box: `element` is a focusable <g role="button" data-box-key>. */
export class BoxDrawing {
  constructor(key) {
    this.halo = make("polygon", { class: "box-halo" });
    this.body = make("polygon", { class: "box-body", "data-body": "" });
    this.platform = make("line", { class: "box-platform" });
    this.axis = make("line", { class: "box-axis" });
    this.tip = make("polyline", { class: "box-tip" });
    this.badge = make("circle", { class: "box-badge", r: 11 });
    this.label = make("text", { class: "box-label", dy: "0.35em" });
    this.element = make("g", { tabindex: 0, role: "button", "data-box-key": key });
    this.element.append(
      this.halo, this.body, this.axis, this.tip, this.platform, this.badge, this.label,
    );
  }

  draw(box, toStage) {
    const around = corners(box).map(toStage);
    const [left, right] = around;
    const [from, to] = [toStage(platform(box)), toStage(apex(box))];
    this.halo.setAttribute("points", list(around));
    this.body.setAttribute("points", list(around));
    set(this.platform, { x1: left.x, y1: left.y, x2: right.x, y2: right.y });
    set(this.axis, { x1: from.x, y1: from.y, x2: to.x, y2: to.y });
    this.tip.setAttribute("points", arrow(from, to));
    const corner = beyond(right, left, 14);
    set(this.badge, { cx: corner.x, cy: corner.y });
    set(this.label, { x: corner.x, y: corner.y });
  }

  tell({ kind, label, isFound, isWaiting }, name, { isSelected, isUnsent }) {
    const classes = ["box", `box-${kind}`];
    if (isFound) classes.push("box-found");
    if (isSelected) classes.push("is-selected");
    if (isUnsent) classes.push("is-unsent");
    if (isWaiting) classes.push("is-waiting");
    const text = kind === "suggested" ? "?" : label;
    set(this.element, {
      class: classes.join(" "), "aria-label": name, "aria-pressed": isSelected,
    });
    if (this.label.textContent !== text) this.label.textContent = text;
  }
}

/** The handles of the selected box: both ends, both sides, and one to turn it by. */
export class Handles {
  constructor() {
    this.stem = make("line", { class: "box-stem" });
    this.parts = Object.fromEntries(
      ["left", "right", "turn", "platform", "apex"].map((name) => [name, handle(name)]),
    );
    this.element = make("g", { class: "box-handles", "aria-hidden": "true" }, this.stem);
    this.element.append(...Object.values(this.parts));
  }

  // On a box that is small on the screen they stand apart, so that each can be hit.
  draw(box, toStage) {
    const middle = toStage(box);
    const sides = { left: side(box, -1), right: side(box, 1) };
    const ends = { platform: platform(box), apex: apex(box), ...sides };
    for (const [name, point] of Object.entries(ends)) {
      const end = toStage(point);
      const missing = LEAST_AWAY - Math.hypot(end.x - middle.x, end.y - middle.y);
      this.#put(name, beyond(middle, end, Math.max(missing, 0)));
    }
    const end = toStage(ends.platform);
    const away = beyond(middle, end, TURN_AWAY + Math.max(0, LEAST_AWAY - box.height / 2));
    set(this.stem, { x1: end.x, y1: end.y, x2: away.x, y2: away.y });
    this.#put("turn", away);
  }

  #put(name, { x, y }) {
    this.parts[name].setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)})`);
  }
}
