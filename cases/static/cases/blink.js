// Film and reference in turns. Never by itself where people want no motion, and slowly enough
// (WCAG 2.3.1) to be safe.

const PERIOD_MS = 600;

export class Blinker {
  isOver = true;
  #timer = 0;
  #stillness = matchMedia("(prefers-reduced-motion: reduce)");
  #flipped;

  /** `flipped(isOver)` hears whether the reference is to be seen, and of starts and stops. */
  constructor(flipped) {
    this.#flipped = flipped;
    this.#stillness.addEventListener("change", () => this.stop());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.stop();
    });
  }

  get isAllowed() {
    return !this.#stillness.matches;
  }

  get isRunning() {
    return this.#timer !== 0;
  }

  start() {
    this.#halt();
    if (this.isAllowed) this.#timer = setInterval(() => this.#swap(), PERIOD_MS);
    this.#flipped(this.isOver);
  }

  stop() {
    this.#halt();
    this.#flipped(this.isOver);
  }

  /** One change by hand; it also ends the changing by itself. */
  flip() {
    this.#halt();
    this.#swap();
  }

  #halt() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  #swap() {
    this.isOver = !this.isOver;
    this.#flipped(this.isOver);
  }
}
