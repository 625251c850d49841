// A key pressed once too often reaches the next case, which may come with choices: of a draft,
// or of a decision taken back. It is sent only after somebody has chosen something on this page,
// or has had time to look at it and has done something else there. What a decision leaves in
// doubt is shown first, and sent when it is sent again.

const LOOK_MS = 700;
const CHOOSING = /^[1-9rx]$/i;
const CHOICES = "[data-candidate], [data-verdict], .others";
const MODIFIERS = ["Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock"];

export class Guard {
  #bar;
  #timer = 0;
  #isTouched = false;
  #hasChosen = false;
  #shown = "";

  constructor(bar) {
    this.#bar = bar;
    document.addEventListener("pointerdown", (event) => this.#pointed(event), true);
    document.addEventListener("keydown", (event) => this.#pressed(event), true);
    window.addEventListener("pageshow", () => this.#begin());
    this.#begin();
  }

  #begin() {
    this.#isTouched = this.#hasChosen = false;
    this.#wait();
  }

  #wait() {
    clearTimeout(this.#timer);
    delete this.#bar.dataset.awake;
    this.#timer = setTimeout(() => { this.#bar.dataset.awake = ""; }, LOOK_MS);
  }

  #pointed({ target }) {
    this.#isTouched = true;
    if (target.closest(CHOICES)) this.#hasChosen = true;
  }

  #pressed({ key, repeat }) {
    const isSending = key.toLowerCase() === "a" || MODIFIERS.includes(key);
    if (!isSending && !repeat) this.#isTouched = true;
    if (CHOOSING.test(key) && !repeat) this.#hasChosen = true;
  }

  /** Whether the decision may be sent; who was told to look first may send it after that. */
  get isSatisfied() {
    if (this.#hasChosen || (this.#isTouched && "awake" in this.#bar.dataset)) return true;
    this.#isTouched = true;
    this.#wait();
    return false;
  }

  /** Whether this doubt, if there is any, has been on the page for long enough to be read. */
  hasShown(doubt) {
    if (!doubt || (doubt === this.#shown && "awake" in this.#bar.dataset)) return true;
    this.#shown = doubt;
    this.#wait();
    return false;
  }
}
