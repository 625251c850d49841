// The viewer's buttons, sliders and keys.

import { isFull, leaveCovering } from "./fullscreen.js";
import { nudged } from "./levels.js";
import { keyName, keysOf, prepareToolbar } from "./toolbar.js";

const KEY_PAN = 48;
const KEY_LOUPE = 12;
const SHIFT_TIMES = 4;
const FINE_TURN = 1;
const ARROWS = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

export class Controls {
  #viewer;
  #keys;

  constructor(viewer) {
    const { section, stage } = viewer;
    this.#viewer = viewer;
    this.#keys = keysOf(section);
    stage.setAttribute("role", "application");
    stage.addEventListener("keydown", (event) => this.#pressed(event));
    section.addEventListener("click", (event) => {
      const button = event.target.closest("[data-tool]");
      if (button) viewer.do(button.dataset.tool);
    });
    document.addEventListener("fullscreenchange", () => this.show());
    section.querySelectorAll("[data-viewer-tools]").forEach(prepareToolbar);
    for (const slider of section.querySelectorAll("[data-level]")) {
      slider.addEventListener("input", () => this.#slid(slider));
    }
  }

  #slid(slider) {
    const name = slider.dataset.level;
    const viewer = this.#viewer;
    if (name === "turn") viewer.turn(Number(slider.value) - viewer.view.turn);
    else viewer.change({ [name]: Number(slider.value) / 100 });
  }

  /** Buttons and sliders as the view has them now. */
  show() {
    const { section, view, mode, whole } = this.#viewer;
    const isOn = { invert: view.invert, fullscreen: isFull(whole), [mode]: true };
    for (const button of section.querySelectorAll("[data-tool][aria-pressed]")) {
      button.setAttribute("aria-pressed", String(Boolean(isOn[button.dataset.tool])));
    }
    const panel = section.querySelector("[data-levels]");
    if (panel) panel.hidden = mode !== "levels";
    for (const slider of section.querySelectorAll("[data-level]")) {
      const value = view[slider.dataset.level];
      slider.value = slider.dataset.level === "turn" ? value : value * 100;
    }
  }

  #pressed(event) {
    if (event.defaultPrevented || !this.#means(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #means(event) {
    const name = keyName(event);
    if (!name) return false;
    if (event.key in ARROWS) return this.#arrow(ARROWS[event.key], event.shiftKey);
    if (name === "escape") return this.#escape();
    if (name === "[" || name === "]") {
      this.#viewer.turn(name === "[" ? -FINE_TURN : FINE_TURN);
      return true;
    }
    const tool = this.#keys.get(name);
    if (tool) this.#viewer.do(tool);
    return Boolean(tool);
  }

  #arrow({ x, y }, isShift) {
    const viewer = this.#viewer;
    const times = isShift ? SHIFT_TIMES : 1;
    if (viewer.mode === "levels") return viewer.change(nudged(viewer.view, { x, y }));
    if (viewer.mode !== "loupe") {
      return viewer.pan({ x: -x * KEY_PAN * times, y: -y * KEY_PAN * times });
    }
    const { at } = viewer.loupe;
    viewer.loupe.follow({ x: at.x + x * KEY_LOUPE * times, y: at.y + y * KEY_LOUPE * times });
    return true;
  }

  #escape() {
    if (this.#viewer.mode === "") return leaveCovering(this.#viewer.whole);
    this.#viewer.setMode("");
    return true;
  }
}
