// The page of an implant: films are sent as soon as they are dropped or chosen.

import { Row, sumUp } from "./drop-row.js";
import { chosen, takeDrops } from "./dropped-files.js";
import { some } from "./film-upload.js";

function start(form) {
  const list = form.querySelector("[data-drop-rows]");
  const field = form.querySelector('input[type="file"]');
  const rows = [];

  async function take(files) {
    if (files.length > Number(form.dataset.maxFiles)) {
      form.querySelector("[data-drop-summary]").textContent = form.dataset.textTooMany;
      return;
    }
    const more = files.map((file) => new Row(form, file));
    rows.push(...more);
    list.append(...more.map((row) => row.element));
    sumUp(form, rows);
    await some(
      more.filter((row) => row.state === "waiting"),
      async (row) => {
        await row.send(form.dataset.uploadUrl);
        sumUp(form, rows);
      },
    );
  }

  form.querySelector("[data-without-script]").hidden = true;
  form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("change", () => {
    take(chosen(field.files));
    field.value = "";
  });
  takeDrops(form.querySelector("[data-drop-target]"), take);
  window.addEventListener("beforeunload", (event) => {
    if (rows.some((row) => ["waiting", "sending"].includes(row.state))) event.preventDefault();
  });
}

document.querySelectorAll("form[data-drop]").forEach(start);
