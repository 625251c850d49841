// What the viewer says: numbers and hints to be seen at once, and spoken when things are calm.

const CALM_MS = 700;

function filled(text, values) {
  return (text ?? "").replace(/\{(\w+)\}/g, (_whole, name) => values[name] ?? "");
}

export class Readout {
  #texts;
  #parts;
  #percent;
  #waiting = 0;
  #last = "";

  constructor(section) {
    const find = (name) => section.querySelector(`[data-${name}]`);
    this.#texts = section.dataset;
    this.#parts = { readout: find("readout"), hint: find("hint"), spoken: find("spoken") };
    const options = { style: "percent", maximumFractionDigits: 0 };
    this.#percent = new Intl.NumberFormat(document.documentElement.lang || undefined, options);
  }

  show(view) {
    const percent = (value) => this.#percent.format(value);
    const turn = Math.round(view.turn);
    const text = filled(this.#texts.textReadout, {
      turn,
      zoom: percent(view.scale),
      brightness: percent(view.brightness),
      contrast: percent(view.contrast),
    });
    const whole = view.invert ? `${text}, ${this.#texts.textInverted}` : text;
    if (whole === this.#last) return;
    if (this.#last) this.#sayWhenCalm(whole);
    this.#last = whole;
    if (this.#parts.readout) this.#parts.readout.textContent = whole;
  }

  /** A hint by the name of its text (`textMark`); none hides it. */
  hint(name, values = {}) {
    const text = name ? filled(this.#texts[name], values) : "";
    if (this.#parts.hint) {
      this.#parts.hint.textContent = text;
      this.#parts.hint.hidden = !text;
      this.#parts.hint.dataset.hint = name ?? "";
    }
    if (text) this.say(text);
  }

  say(text) {
    clearTimeout(this.#waiting);
    if (this.#parts.spoken) this.#parts.spoken.textContent = text;
  }

  sayFilled(name, values) {
    this.#sayWhenCalm(filled(this.#texts[name], values));
  }

  text(name, values) {
    return filled(this.#texts[name], values);
  }

  #sayWhenCalm(text) {
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => this.say(text), CALM_MS);
  }
}
