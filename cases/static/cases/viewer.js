// A picture one can look into: zoom, pan, turn, levels, loupe, full screen. Nothing that was
// uploaded changes: it is all CSS. Markup: templates/admin/viewer/viewer.html.

import { Controls } from "./controls.js";
import { toggleFull } from "./fullscreen.js";
import { listen, pointOf } from "./gestures.js";
import { dragged, filterOf } from "./levels.js";
import { Loupe } from "./loupe.js";
import { Picture } from "./picture.js";
import { Readout } from "./readout.js";
import { Sight } from "./sight.js";
import { matrix } from "./transform.js";

const ZOOM_STEP = 1.25;
const DOUBLE_CLICK_ZOOM = 3;

/** Every prepared viewer by its section. */
export const viewers = new Map();

/** Events: `viewer:view` {view, cause} and `viewer:mode` {mode} on the section,
 * `viewer:tap` {point, target} on the stage. */
export class Viewer extends Sight {
  /** Asked first what a pointer that goes down means: (event, point) -> gesture or null. */
  claims = [];
  /** Further tools: name -> what it does. */
  tools = {};
  /** Called in each frame that draws the film. */
  drawn = [];
  /** "", "levels", "loupe" or "mark". */
  mode = "";
  #isScheduled = false;

  constructor(section) {
    super(section.querySelector(".viewer-stage"), (cause) => this.#changed(cause));
    this.section = section;
    this.isLoose = "reference" in section.dataset;
    this.readout = new Readout(section);
    this.picture = new Picture(this.stage, section.dataset);
    this.loupe = new Loupe(this);
    this.controls = new Controls(this);
    listen(this.stage, this);
    const { filmWidth, filmHeight } = section.dataset;
    this.film = { width: Number(filmWidth) || 0, height: Number(filmHeight) || 0 };
    this.picture.watch((state, text) => this.#pictureIs(state, text));
    new ResizeObserver(() => this.resized()).observe(this.stage);
    this.resized();
  }

  /** What goes full screen: with the reference, where there is one. */
  get whole() {
    return this.section.closest("[data-compare]") ?? this.section;
  }

  pointOf(event) {
    return pointOf(this.stage, event);
  }

  load({ src, width, height, alt }) {
    this.start({ width: Number(width) || 0, height: Number(height) || 0 });
    this.picture.load(src, alt);
    this.redraw();
  }

  #pictureIs(state, text) {
    this.section.dataset.picture = state;
    if (state === "failed") this.readout.say(text);
    if (state !== "ready" || (this.film.width && this.film.height)) return;
    const { naturalWidth, naturalHeight } = this.picture.img;
    this.start({ width: naturalWidth, height: naturalHeight });
    // Whoever leads this viewer could not place it before.
    this.#changed("load");
  }

  #changed(cause) {
    this.redraw();
    const detail = { view: this.view, cause };
    this.section.dispatchEvent(new CustomEvent("viewer:view", { bubbles: true, detail }));
  }

  redraw() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#draw();
    });
  }

  /** Put another <img> of this film, or of one that is drawn over it, in its place. */
  place(img, film, view) {
    img.style.width = `${film.width}px`;
    img.style.height = `${film.height}px`;
    img.style.transform = matrix(view, this.size);
    img.style.filter = filterOf(view);
  }

  #draw() {
    this.place(this.picture.img, this.film, this.view);
    this.stage.classList.toggle("is-held", !this.isFit || this.mode !== "");
    this.readout.show(this.view);
    this.loupe.render();
    this.controls.show();
    for (const draw of this.drawn) draw();
  }

  do(tool) {
    const switchTo = (mode) => () => this.setMode(this.mode === mode ? "" : mode);
    const tools = {
      "zoom-in": () => this.zoom(ZOOM_STEP),
      "zoom-out": () => this.zoom(1 / ZOOM_STEP),
      fit: () => this.fit(),
      actual: () => this.change({ scale: 1 }),
      "rotate-left": () => this.turn(-90),
      "rotate-right": () => this.turn(90),
      invert: () => this.change({ invert: !this.view.invert }),
      levels: switchTo("levels"),
      loupe: switchTo("loupe"),
      fullscreen: () => toggleFull(this.whole).then(() => this.controls.show()),
      reset: () => this.reset(),
      ...this.tools,
    };
    tools[tool]?.();
    this.controls.show();
  }

  setMode(mode) {
    if (this.mode === mode) return;
    this.mode = mode;
    this.section.dataset.mode = mode;
    if (mode === "loupe") this.loupe.open();
    else this.loupe.close();
    this.readout.hint({ levels: "textLevels", loupe: "textLoupe", mark: "textMark" }[mode]);
    this.section.dispatchEvent(new CustomEvent("viewer:mode", { detail: { mode } }));
    this.controls.show();
    this.redraw();
  }

  begin(event, point) {
    for (const claim of this.claims) {
      const gesture = claim(event, point);
      if (gesture) return gesture;
    }
    if (this.mode === "levels") return this.#levelling(point);
    if (this.mode === "loupe" && event.pointerType === "touch") return this.#looking(point);
    return this.#panning(point);
  }

  #panning(start) {
    let before = start;
    const move = (point) => {
      this.pan({ x: point.x - before.x, y: point.y - before.y });
      before = point;
    };
    return { move, end() {}, cancel() {} };
  }

  #levelling(start) {
    const { brightness, contrast } = this.view;
    const move = (point) => this.change(dragged({ brightness, contrast }, start, point));
    return { move, end() {}, cancel: () => this.change({ brightness, contrast }) };
  }

  #looking(start) {
    this.loupe.follow(start, true);
    return { move: (point) => this.loupe.follow(point, true), end() {}, cancel() {} };
  }

  pinched({ from, to, factor }) {
    this.zoom(factor, from);
    this.pan({ x: to.x - from.x, y: to.y - from.y });
  }

  wheeled(point, factor) {
    if (factor < 1 && this.isFit) return false;
    return this.zoom(factor, point);
  }

  tapped(point, target) {
    const detail = { point, target };
    this.stage.dispatchEvent(new CustomEvent("viewer:tap", { detail }));
  }

  doubled(point) {
    if (this.mode !== "") return;
    if (this.isFit) this.zoom(DOUBLE_CLICK_ZOOM, point);
    else this.fit();
  }
}

export function viewerOf(section) {
  if (!viewers.has(section)) viewers.set(section, new Viewer(section));
  return viewers.get(section);
}

/** For parts of the page that were put in later. */
export function prepareViewers(root = document) {
  root.querySelectorAll("[data-viewer]").forEach(viewerOf);
}

prepareViewers();
