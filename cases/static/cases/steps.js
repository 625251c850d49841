// The references of the implant that is compared, one after the other.

export class Steps {
  #bar;
  #list = [];
  #place = 0;

  /** `bar` holds the buttons and, in [data-compare-place], which reference of how many it is. */
  constructor(bar) {
    this.#bar = bar;
  }

  get current() {
    return this.#list[this.#place];
  }

  /** Which of how many; "" where there is one only. */
  get text() {
    if (this.#list.length < 2) return "";
    const values = { place: this.#place + 1, total: this.#list.length };
    return this.#bar.dataset.textPlace.replace(/\{(\w+)\}/g, (_whole, name) => values[name]);
  }

  start(list) {
    this.#list = list;
    this.#place = 0;
    this.#show();
  }

  /** Round and round: after the last one comes the first. */
  step(by) {
    const total = this.#list.length;
    this.#place = (this.#place + by + total) % total;
    this.#show();
  }

  #show() {
    this.#bar.hidden = this.#list.length < 2;
    this.#bar.querySelector("[data-compare-place]").textContent = this.text;
  }
}
