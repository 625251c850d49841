// A reference beside the film at the same scale, over it, or in turns with it. Markup:
// templates/admin/viewer/compare.html. Events on the section: compare:shown, compare:hidden.

import { Blinker } from "./blink.js";
import { croppers, prepareCroppers } from "./crop.js";
import { parsed } from "./geometry.js";
import { filmView, linkBetween, linkOf, referenceView } from "./link.js";
import { Steps } from "./steps.js";
import { prepareToolbar } from "./toolbar.js";
import { viewerOf } from "./viewer.js";

/** Every prepared comparison by its section. */
export const compares = new Map();

function isSameView(one, other) {
  return other !== null && ["scale", "x", "y"].every((name) => one[name] === other[name]);
}

export class Compare {
  #section;
  #film;
  #reference;
  #over = document.createElement("img");
  #steps;
  #subject = { name: "", finding: null };
  #boxes = { film: null, reference: null };
  #link = null;
  #isLinked = true;
  #isShown = false;
  #mode = "side";
  #blinker;
  #tidyToolbar;
  #approached = null;

  constructor(section) {
    this.#section = section;
    this.#film = viewerOf(section.querySelector("[data-viewer]:not([data-reference])"));
    this.#reference = viewerOf(section.querySelector("[data-viewer][data-reference]"));
    this.#steps = new Steps(this.#find("[data-compare-steps]"));
    this.#prepareOver();
    this.#blinker = new Blinker((isOver) => this.#flipped(isOver));
    this.#tidyToolbar = prepareToolbar(this.#find("[data-compare-tools]"));
    this.#film.section.addEventListener("viewer:view", () => this.#filmMoved());
    this.#reference.section.addEventListener("viewer:view", (event) => {
      this.#referenceMoved(event.detail.cause);
    });
    // A fixture is marked on the film, not on what lies over it.
    this.#film.section.addEventListener("viewer:mode", ({ detail }) => {
      if (detail.mode === "mark") this.mode = "side";
    });
    section.addEventListener("click", (event) => this.#clicked(event));
    section.addEventListener("keydown", (event) => this.#pressed(event));
    this.#find("[data-opacity]").addEventListener("input", () => this.#film.redraw());
    this.#show();
  }

  #prepareOver() {
    this.#over.className = "viewer-over";
    this.#over.alt = "";
    this.#over.hidden = true;
    this.#over.draggable = false;
    this.#over.addEventListener("load", () => this.#film.redraw());
    // Beside the film it is said what is wrong.
    this.#over.addEventListener("error", () => {
      this.mode = "side";
    });
    this.#film.picture.img.after(this.#over);
    this.#film.drawn.push(() => this.#drawOver());
  }

  #find(selector) {
    return this.#section.querySelector(selector);
  }

  get isShown() {
    return this.#isShown;
  }

  /** "side", "overlay" or "blink". */
  get mode() {
    return this.#mode;
  }

  set mode(mode) {
    this.#mode = mode;
    if (mode !== "side" && this.#film.mode === "mark") this.#film.setMode("");
    if (mode === "blink" && this.#isShown) this.#blinker.start();
    else this.#blinker.stop();
    if (mode !== "side") this.#setLinked(true);
    this.#show();
    this.#follow();
  }

  /** `crop` is a box or null; `finding` says which box of the film it is compared with;
   * `references` are all that can be stepped through, as {src, width, height, crop}. */
  show({ references = [], name = "", finding = null, ...only }) {
    this.#subject = { name, finding };
    this.#steps.start(references.length ? references : [only]);
    this.#load();
  }

  #load() {
    const { src, width, height, crop = null } = this.#steps.current;
    const { name, finding } = this.#subject;
    const boxOf = croppers.get(this.#film.section)?.boxOf(finding);
    this.#boxes = { film: boxOf ?? null, reference: crop };
    this.#isShown = true;
    this.#over.src = src;
    this.#reference.leader = null;
    this.#reference.load({ src, width, height, alt: name });
    this.#find("[data-compare-name]").textContent = name;
    const text = this.#section.dataset.textShown ?? "";
    this.#find("[data-compare-spoken]").textContent = `${text.replace("{name}", name)} ${this.#steps.text}`;
    this.#align();
    this.mode = this.#mode;
    this.#approach();
    this.#dispatch("compare:shown", { name });
  }

  // Close enough to compare the two, unless somebody has chosen the view.
  #approach() {
    const isUntouched = this.#film.isFit || isSameView(this.#film.view, this.#approached);
    if (!isUntouched) return;
    if (this.#boxes.film) this.#film.show(this.#boxes.film);
    else this.#film.fit();
    this.#approached = this.#film.view;
  }

  /** From an element with data-reference-src, -width, -height, -crop and data-name; with
   * data-references where there are several. */
  showCandidate({ dataset }, { finding = null } = {}) {
    this.show({
      src: dataset.referenceSrc,
      width: dataset.referenceWidth,
      height: dataset.referenceHeight,
      crop: parsed(dataset.referenceCrop),
      references: JSON.parse(dataset.references || "[]"),
      name: dataset.name,
      finding,
    });
  }

  hide() {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#blinker.stop();
    this.#reference.leader = null;
    this.#reference.load({ src: "", width: 0, height: 0, alt: "" });
    this.#show();
    this.#dispatch("compare:hidden", {});
  }

  /** The next reference of the same implant, or with -1 the one before. */
  step(by) {
    if (!this.#isShown || !this.#steps.text) return;
    this.#steps.step(by);
    this.#load();
  }

  do(tool) {
    const tools = {
      previous: () => this.step(-1),
      next: () => this.step(1),
      flip: () => this.#blinker.flip(),
      run: () => (this.#blinker.isRunning ? this.#blinker.stop() : this.#blinker.start()),
      link: () => this.#setLinked(!this.#isLinked),
      align: () => this.#align(),
      close: () => this.hide(),
    };
    tools[tool]?.();
    this.#show();
  }

  #dispatch(name, detail) {
    this.#section.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }

  #align() {
    this.#link = null;
    this.#setLinked(true);
  }

  // Linked again by hand, the two keep the place that they were moved to.
  #setLinked(isLinked) {
    const wasLinked = this.#isLinked;
    this.#isLinked = isLinked;
    if (isLinked && !wasLinked && this.#link) {
      this.#link = linkBetween(this.#film.view, this.#reference.view);
    }
    this.#reference.leader = isLinked && this.#isShown ? this.#film : null;
    this.#follow();
  }

  #linkNow() {
    const isKnown = this.#film.film.height && this.#reference.film.height;
    if (!this.#link && isKnown) {
      const { film, reference } = this.#boxes;
      this.#link = linkOf(this.#film.film, film, this.#reference.film, reference);
    }
    return this.#link;
  }

  get #isFollowing() {
    return this.#isShown && this.#isLinked && this.#linkNow() !== null;
  }

  #follow() {
    if (!this.#isFollowing) return;
    this.#reference.change(referenceView(this.#link, this.#film.view), "follow");
    this.#film.redraw();
  }

  #filmMoved() {
    this.#follow();
  }

  #referenceMoved(cause) {
    if (cause === "follow" || !this.#isFollowing) return;
    if (cause === "user") this.#film.change(filmView(this.#link, this.#reference.view), "lead");
    this.#follow();
  }

  #drawOver() {
    const isOver = this.#isShown && this.#mode !== "side" && this.#isFollowing;
    this.#over.hidden = !isOver;
    if (!isOver) return;
    const { film, view } = this.#reference;
    const place = referenceView(this.#link, this.#film.view);
    this.#film.place(this.#over, film, { ...view, ...place });
    const opacity = this.#mode === "overlay" ? this.#find("[data-opacity]").value / 100 : null;
    this.#over.style.opacity = opacity ?? (this.#blinker.isOver ? 1 : 0);
  }

  #flipped(isOver) {
    const name = this.#find("[data-compare-name]").textContent;
    const shown = isOver ? name : this.#section.dataset.textFilm;
    this.#section.dataset.seen = isOver ? "reference" : "film";
    if (!this.#blinker.isRunning) this.#find("[data-compare-spoken]").textContent = shown;
    this.#show();
    this.#film.redraw();
  }

  #clicked(event) {
    const button = event.target.closest("button");
    if (button?.dataset.mode) this.mode = button.dataset.mode;
    else if (button?.dataset.compareTool) this.do(button.dataset.compareTool);
  }

  #pressed(event) {
    if (event.key !== "Escape" || event.defaultPrevented || !this.#blinker.isRunning) return;
    event.preventDefault();
    event.stopPropagation();
    this.do("run");
  }

  #show() {
    const { textRun, textStop } = this.#section.dataset;
    this.#section.dataset.compare = this.#isShown ? this.#mode : "";
    this.#find("[data-compare-tools]").hidden = !this.#isShown;
    this.#find("[data-compare-side]").hidden = !this.#isShown || this.#mode !== "side";
    for (const part of this.#section.querySelectorAll("[data-only]")) {
      part.hidden = part.dataset.only !== this.#mode;
    }
    for (const button of this.#section.querySelectorAll("button[data-mode]")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === this.#mode));
    }
    this.#find("[data-compare-tool=link]").setAttribute("aria-pressed", String(this.#isLinked));
    const run = this.#find("[data-compare-tool=run]");
    run.textContent = this.#blinker.isRunning ? textStop : textRun;
    run.disabled = !this.#blinker.isAllowed;
    this.#tidyToolbar();
  }
}

export function compareOf(section) {
  if (!compares.has(section)) compares.set(section, new Compare(section));
  return compares.get(section);
}

/** For parts of the page that were put in later. */
export function prepareCompares(root = document) {
  prepareCroppers(root);
  root.querySelectorAll("[data-compare]").forEach(compareOf);
}

prepareCompares();
