// The crop of a reference: what is drawn goes into the form of five numbers, and is sent.

import { cropperOf } from "./crop.js";

const form = document.querySelector("[data-crop-form]");
const remove = document.querySelector("[data-crop-remove]");
const film = document.querySelector("[data-viewer]");

film?.addEventListener("crop:done", ({ detail: { box } }) => {
  for (const [name, value] of Object.entries(box)) {
    const field = form.elements[name];
    // The page's own decimal sign stands in the field already.
    if (field) field.value = String(Math.round(value * 100) / 100);
  }
  form.requestSubmit();
});

film?.addEventListener("crop:removed", () => {
  if (remove) remove.requestSubmit();
  else cropperOf(film)?.reopen();
});
