// The film's <img> on the stage: it may come late, fail, be fetched again or be missing.

function messageOf(texts, retry) {
  const message = document.createElement("div");
  const text = document.createElement("p");
  const button = document.createElement("button");
  message.className = "viewer-message";
  button.type = "button";
  button.className = "tool tool-wide";
  button.textContent = texts.textRetry;
  button.addEventListener("click", retry);
  message.append(text, button);
  return { message, text, button };
}

export class Picture {
  #texts;
  #parts;
  #told = () => {};

  constructor(stage, texts) {
    this.img = stage.querySelector("img[data-film]");
    this.img.draggable = false;
    this.#texts = texts;
    this.#parts = messageOf(texts, () => this.#fetchAgain());
    stage.append(this.#parts.message);
    this.img.addEventListener("load", () => this.#show("ready"));
    this.img.addEventListener("error", () => this.#show("failed"));
  }

  /** `told(state, text)` hears of "empty", "loading", "ready" and "failed". */
  watch(told) {
    this.#told = told;
    this.#show(this.#stateNow());
  }

  #stateNow() {
    if (!this.img.getAttribute("src")) return "empty";
    if (!this.img.complete) return "loading";
    return this.img.naturalWidth ? "ready" : "failed";
  }

  #fetchAgain() {
    this.#show("loading");
    this.img.src = this.img.getAttribute("src");
  }

  load(src, alt) {
    this.img.alt = alt ?? "";
    if (src) {
      this.img.src = src;
      this.#show(this.#stateNow());
    } else {
      this.img.removeAttribute("src");
      this.#show("empty");
    }
  }

  #show(state) {
    const { textEmpty, textLoading, textError } = this.#texts;
    const text = { empty: textEmpty, loading: textLoading, failed: textError, ready: "" }[state];
    this.state = state;
    this.img.hidden = state === "empty" || state === "failed";
    this.#parts.message.hidden = state === "ready";
    this.#parts.message.dataset.state = state;
    this.#parts.button.hidden = state !== "failed";
    this.#parts.text.textContent = text ?? "";
    this.#told(state, text);
  }
}
