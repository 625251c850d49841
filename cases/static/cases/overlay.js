// What crop.js shows on the stage: the boxes, the handles of the selected one, the box that is
// being drawn; and the buttons for the selected box.

import { BoxDrawing, Handles, make } from "./boxdrawing.js";

const NAMES = { stored: "textBox", suggested: "textSuggested", draft: "textDraft" };

function nameOf({ kind, isFound }) {
  return isFound ? "textFound" : NAMES[kind];
}

export class Overlay {
  svg = make("svg", { class: "viewer-boxes", role: "group" });
  #viewer;
  #drawings = new Map();
  #handles = new Handles();
  #preview = new BoxDrawing("preview");
  #items = [];
  #gripped = null;
  #previewBox = null;

  constructor(viewer) {
    this.#viewer = viewer;
    this.svg.setAttribute("aria-label", viewer.stage.getAttribute("aria-label") ?? "");
    this.#preview.element.removeAttribute("tabindex");
    this.#preview.element.setAttribute("class", "box box-draft box-preview");
    viewer.stage.append(this.svg);
    viewer.drawn.push(() => this.#draw());
  }

  keyAt(target) {
    return target.closest?.("[data-box-key]")?.dataset.boxKey ?? null;
  }

  focus(key) {
    this.#drawings.get(key)?.element.focus({ preventScroll: true });
  }

  preview(box) {
    this.#previewBox = box;
    this.#viewer.redraw();
  }

  /** `items` as boxlist.js has them; `selected` is one of them or null. */
  show(items, selected, { canGrip, isUnsent }) {
    this.#items = items;
    this.#gripped = canGrip ? selected : null;
    this.#forgetOthers(items);
    for (const item of items) {
      const name = this.#viewer.readout.text(nameOf(item), { label: item.label });
      const states = { isSelected: item === selected, isUnsent: isUnsent(item) };
      this.#drawingOf(item.key).tell(item, name, states);
    }
    this.#viewer.redraw();
  }

  // An element that has the focus stays in its place: moving it would lose the focus.
  #forgetOthers(items) {
    for (const [key, { element }] of this.#drawings) {
      if (items.some((item) => item.key === key)) continue;
      element.remove();
      this.#drawings.delete(key);
    }
  }

  #drawingOf(key) {
    if (!this.#drawings.has(key)) {
      const drawing = new BoxDrawing(key);
      this.#drawings.set(key, drawing);
      this.#addBelowHandles(drawing.element);
    }
    return this.#drawings.get(key);
  }

  #addBelowHandles(element) {
    const handles = this.#handles.element;
    if (handles.isConnected) handles.before(element);
    else this.svg.append(element);
  }

  /** The buttons for the selected box: `can` says which of them do something. */
  showTools(isShown, can) {
    const panel = this.#viewer.section.querySelector("[data-box-tools]");
    if (!panel) return;
    panel.hidden = !isShown;
    for (const button of panel.querySelectorAll("[data-tool]")) {
      button.disabled = !can[button.dataset.tool];
    }
  }

  #draw() {
    const toStage = (point) => this.#viewer.toStage(point);
    for (const item of this.#items) this.#drawings.get(item.key).draw(item.box, toStage);
    this.#drawExtra(this.#preview, this.#previewBox, toStage);
    this.#drawExtra(this.#handles, this.#gripped?.box, toStage);
  }

  #drawExtra(drawing, box, toStage) {
    if (!box) {
      drawing.element.remove();
      return;
    }
    if (!drawing.element.isConnected) this.svg.append(drawing.element);
    drawing.draw(box, toStage);
  }
}
