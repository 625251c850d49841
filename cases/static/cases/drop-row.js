// A film that was chosen: its line in the list, from "waiting" to its result.

import { plainRefusal, send } from "./film-upload.js";
import { follow, showState } from "./reference-state.js";

const SIDE = 48;
let painting = Promise.resolve();

async function paint(canvas, file) {
  try {
    const picture = await createImageBitmap(file);
    const scale = SIDE / Math.max(picture.width, picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    const at = [(SIDE - width) / 2, (SIDE - height) / 2];
    canvas.getContext("2d").drawImage(picture, ...at, width, height);
    picture.close();
  } catch {
    // Not a picture: the result says so.
  }
}

export class Row {
  constructor(form, { file, path }) {
    this.form = form;
    this.file = file;
    this.path = path;
    const template = form.querySelector("template[data-drop-row]");
    this.element = template.content.firstElementChild.cloneNode(true);
    this.find("[data-name]").textContent = path;
    this.say("waiting", form.dataset.textWaiting);
    const canvas = this.find("canvas");
    // One after the other: a film of 25 million pixels takes 100 MB while it is decoded.
    painting = painting.then(() => paint(canvas, file));
    const refused = plainRefusal(form, file);
    if (refused) this.say("refused", refused);
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  get state() {
    return this.element.dataset.result;
  }

  say(state, text) {
    this.element.dataset.result = state;
    this.find("[data-result]").textContent = text;
  }

  async send(url) {
    const bar = this.find("progress");
    bar.hidden = false;
    this.say("sending", this.form.dataset.textSending);
    const result = await send(this.form, url, this.file, (share) => {
      bar.value = share;
    });
    bar.hidden = true;
    if (result.refused) this.say("refused", result.refused);
    else this.added(result.added);
  }

  added(reference) {
    this.say("added", "");
    const slot = this.find("[data-state-slot]");
    slot.dataset.referenceState = reference.id;
    slot.hidden = false;
    showState(slot, reference);
    const link = this.find("[data-link]");
    link.href = reference.url;
    link.hidden = false;
    follow();
  }
}

// "3 added, 1 refused, 2 waiting", for the eye and for what reads aloud.
export function sumUp(form, rows) {
  const count = (...states) => rows.filter((row) => states.includes(row.state)).length;
  form.querySelector("[data-drop-summary]").textContent = form.dataset.textSummary
    .replace("{added}", count("added"))
    .replace("{refused}", count("refused"))
    .replace("{left}", count("waiting", "sending"));
}
