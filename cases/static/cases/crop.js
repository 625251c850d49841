// Boxes around fixtures, drawn from the platform to the apex, then moved by handles or keys.
// The page lists the boxes in <ul data-boxes> and hears, on the section of the viewer:
// crop:done {box, finding}, crop:removed {finding}, crop:selected {finding}.

import { boxAfterKey, centred } from "./boxkeys.js";
import { BoxList } from "./boxlist.js";
import * as geometry from "./geometry.js";
import { Overlay } from "./overlay.js";
import { keyName } from "./toolbar.js";
import { viewerOf } from "./viewer.js";

const SHORTEST_DRAG = 10;

/** Every prepared cropper by its section. */
export const croppers = new Map();

export class Cropper {
  #viewer;
  #list;
  #overlay;
  #firstPoint = null;
  #selected = null;

  constructor(section) {
    const viewer = viewerOf(section);
    this.#viewer = viewer;
    this.#list = new BoxList(section.querySelector("ul[data-boxes]"), () => this.#listed());
    this.isEditable = Boolean(section.querySelector("[data-tool=mark]"));
    this.#overlay = new Overlay(viewer);
    this.#listen();
    viewer.claims.push((event, point) => this.#claim(event, point));
    viewer.stage.addEventListener("viewer:tap", (event) => this.#tapped(event.detail));
    viewer.stage.addEventListener("keydown", (event) => this.#pressedOnStage(event));
    section.addEventListener("viewer:mode", () => {
      this.#forgetStart();
      this.#show();
    });
    for (const tool of ["mark", "accept", "cancel", "remove"]) {
      viewer.tools[tool] = () => this.do(tool);
    }
    this.#show();
  }

  #listen() {
    const { svg } = this.#overlay;
    svg.addEventListener("keydown", (event) => this.#pressed(event));
    svg.addEventListener("focusin", (event) => this.#choose(this.#itemAt(event.target)));
    // Pressing may be the start of moving the film: a box is selected by a tap.
    svg.addEventListener("mousedown", (event) => event.preventDefault());
  }

  get selected() {
    return this.#list.byKey(this.#selected);
  }

  /** The box of a finding; without one, of what is selected or comes first. */
  boxOf(finding = null) {
    const stored = this.#list.items.filter(({ kind }) => kind === "stored");
    const item = finding === null ? (this.selected ?? stored[0]) : this.#list.byFinding(finding);
    return item?.stored ?? null;
  }

  do(tool) {
    const { mode } = this.#viewer;
    const tools = {
      mark: () => this.#mark(mode === "mark" ? "" : "mark"),
      accept: () => this.#accept(),
      cancel: () => this.#cancel(),
      remove: () => this.#remove(),
    };
    if (this.isEditable) tools[tool]?.();
  }

  select(finding) {
    this.#choose(finding === null ? null : this.#list.byFinding(finding), { isTold: false });
  }

  focus(finding) {
    this.select(finding);
    this.#focusSelected();
  }

  /** Storing has failed: what was sent can be changed and sent again. */
  reopen() {
    const waiting = this.#list.items.filter((item) => item.isWaiting);
    for (const item of waiting) item.isWaiting = false;
    if (waiting.length) this.#choose(waiting.at(-1), { isTold: false });
    this.#show();
  }

  #claim(event, point) {
    if (event.button !== 0 || !this.isEditable) return null;
    const { mode } = this.#viewer;
    if (mode === "mark") return this.#drawing(point);
    if (mode !== "") return null;
    const item = this.selected;
    const name = event.target.closest("[data-handle]")?.dataset.handle;
    const isBody = "body" in event.target.dataset && this.#itemAt(event.target) === item;
    if (!item || item.isWaiting || !(name || isBody)) return null;
    this.#focusSelected();
    return this.#dragging(item, name ?? "body", point);
  }

  #drawing(point) {
    const { film } = this.#viewer;
    if (!film.width || !film.height) return null;
    const from = this.#firstPoint ?? this.#viewer.toFilm(point);
    let to = from;
    const move = (next) => {
      to = this.#viewer.toFilm(next);
      this.#overlay.preview(geometry.fromAxis(from, to));
    };
    if (this.#firstPoint) move(point);
    const end = () => {
      this.#drawn(from, to);
      return true;
    };
    return { move, end, cancel: () => this.#forgetStart() };
  }

  // Dragging is one way to draw; clicking on the platform and then on the apex the other.
  #drawn(from, to) {
    const isFirst = !this.#firstPoint;
    const length = Math.hypot(to.x - from.x, to.y - from.y) * this.#viewer.view.scale;
    this.#forgetStart();
    if (isFirst && length < SHORTEST_DRAG) {
      this.#firstPoint = from;
      this.#overlay.preview(geometry.fromAxis(from, from));
      this.#viewer.readout.hint("textMarkApex");
    } else {
      this.#propose(geometry.fromAxis(from, to));
    }
  }

  #propose(box) {
    if (!geometry.isLongEnough(box)) {
      this.#viewer.readout.hint("textTooSmall");
      return;
    }
    const item = this.#list.draft(geometry.usable(box, this.#viewer.film));
    this.#viewer.setMode("");
    this.#choose(item);
    this.#focusSelected();
  }

  #forgetStart() {
    this.#firstPoint = null;
    this.#overlay.preview(null);
  }

  #dragging(item, handle, point) {
    const start = item.box;
    const from = this.#viewer.toFilm(point);
    const move = (next) => {
      const to = this.#viewer.toFilm(next);
      const way = { x: to.x - from.x, y: to.y - from.y };
      const changed = {
        body: () => geometry.moved(start, way),
        platform: () => geometry.withPlatformMoved(start, way),
        apex: () => geometry.withApexMoved(start, way),
        left: () => geometry.withSideMoved(start, way, -1),
        right: () => geometry.withSideMoved(start, way, 1),
        turn: () => geometry.withTurn(start, from, to),
      }[handle]();
      this.#edit(item, changed);
    };
    return { move, end() {}, cancel: () => this.#edit(item, start) };
  }

  #edit(item, box) {
    item.box = geometry.usable(box, this.#viewer.film);
    const { width, height, angle } = item.box;
    const size = { length: Math.round(height), width: Math.round(width), angle: Math.round(angle) };
    this.#viewer.readout.sayFilled("textSize", size);
    this.#show();
  }

  #tapped({ target }) {
    if (this.#viewer.mode !== "") return;
    this.#choose(this.#itemAt(target));
    if (this.selected) this.#focusSelected();
  }

  #pressedOnStage(event) {
    if (event.key !== "Enter" || this.#viewer.mode !== "mark") return;
    event.preventDefault();
    event.stopPropagation();
    this.#propose(centred(this.#viewer));
  }

  #pressed(event) {
    const item = this.selected;
    const name = keyName(event);
    if (!item || !this.isEditable || this.#viewer.mode !== "" || !name) return;
    const tool = { enter: "accept", escape: "cancel", delete: "remove", backspace: "remove" }[name];
    const box = boxAfterKey(item.box, event, this.#viewer.view.turn);
    if (!tool && !box) return;
    event.preventDefault();
    event.stopPropagation();
    if (tool) this.do(tool);
    else if (!item.isWaiting) this.#edit(item, box);
  }

  #mark(mode) {
    this.#choose(null);
    this.#viewer.setMode(mode);
    if (mode) this.#viewer.stage.focus({ preventScroll: true });
  }

  #accept() {
    const item = this.selected;
    if (!item || item.isWaiting || !this.#canAccept(item)) return;
    item.isWaiting = true;
    this.#leave();
    this.#viewer.readout.say(this.#viewer.readout.text("textWaiting"));
    this.#dispatch("crop:done", { box: geometry.rounded(item.box), finding: item.finding });
  }

  #canAccept(item) {
    return item.kind === "suggested" || this.#list.isUnsent(item);
  }

  #cancel() {
    const item = this.selected;
    if (item?.kind === "draft" && !item.isWaiting) this.#list.drop(item);
    else if (item && !item.isWaiting) item.box = item.stored;
    this.#leave();
  }

  #remove() {
    const item = this.selected;
    if (!item || item.isWaiting) return;
    if (item.finding) {
      item.isWaiting = true;
      this.#dispatch("crop:removed", { finding: item.finding });
    } else {
      this.#list.drop(item);
    }
    this.#leave();
  }

  #leave() {
    this.#viewer.stage.focus({ preventScroll: true });
    this.#choose(null);
  }

  #choose(item, { isTold = true } = {}) {
    const key = item?.key ?? null;
    const isNew = key !== this.#selected;
    this.#selected = key;
    if (isNew && this.#viewer.mode === "") {
      this.#viewer.readout.hint(item && this.isEditable ? "textEdit" : null);
    }
    this.#show();
    if (isNew && isTold) this.#dispatch("crop:selected", { finding: item?.finding ?? null });
  }

  #dispatch(name, detail) {
    this.#viewer.section.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }

  #listed() {
    if (!this.selected) this.#choose(null);
    this.#show();
  }

  #itemAt(target) {
    return this.#list.byKey(this.#overlay.keyAt(target));
  }

  #focusSelected() {
    this.#overlay.focus(this.#selected);
  }

  #show() {
    const item = this.selected;
    const can = Boolean(item) && this.isEditable && !item.isWaiting;
    this.#overlay.show(this.#list.items, item, {
      canGrip: can && this.#viewer.mode === "",
      isUnsent: (one) => this.#list.isUnsent(one),
    });
    const accept = can && this.#canAccept(item);
    this.#overlay.showTools(Boolean(item) && this.#viewer.mode === "", { accept, cancel: can, remove: can });
  }
}

export function cropperOf(section) {
  if (!croppers.has(section)) croppers.set(section, new Cropper(section));
  return croppers.get(section);
}

/** For parts of the page that were put in later. */
export function prepareCroppers(root = document) {
  for (const list of root.querySelectorAll("[data-viewer] ul[data-boxes]")) {
    cropperOf(list.closest("[data-viewer]"));
  }
}

prepareCroppers();
