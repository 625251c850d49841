// A key pressed once too often reaches the next case, which may come with choices: of a draft,
// or of a decision taken back. It is sent only after somebody has had time to look at it and has
// done something on this page.

const LOOK_MS = 700;
const MODIFIERS = ["Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock"];

export class Guard {
  #bar;
  #timer = 0;
  #isTouched = false;

  constructor(bar) {
    this.#bar = bar;
    const touched = () => { this.#isTouched = true; };
    document.addEventListener("pointerdown", touched, true);
    document.addEventListener("keydown", (event) => this.#pressed(event), true);
    window.addEventListener("pageshow", () => this.#begin());
    this.#begin();
  }

  #begin() {
    this.#isTouched = false;
    this.#wait();
  }

  #wait() {
    clearTimeout(this.#timer);
    delete this.#bar.dataset.awake;
    this.#timer = setTimeout(() => { this.#bar.dataset.awake = ""; }, LOOK_MS);
  }

  #pressed({ key, repeat }) {
    const isSending = key.toLowerCase() === "a" || MODIFIERS.includes(key);
    if (!isSending && !repeat) this.#isTouched = true;
  }

  /** Whether the decision may be sent; who was told to look first may send it after that. */
  get isSatisfied() {
    if (this.#isTouched && "awake" in this.#bar.dataset) return true;
    this.#isTouched = true;
    this.#wait();
    return false;
  }
}
