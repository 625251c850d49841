// The page for many implants: where each film goes is shown, and can be chosen, before any is sent.

import { Row, sumUp } from "./drop-row.js";
import { chosen, takeDrops } from "./dropped-files.js";
import { some } from "./film-upload.js";

const form = document.querySelector("form[data-drop]");
const list = form.querySelector("[data-drop-rows]");
const field = form.querySelector('input[type="file"]');
const summary = form.querySelector("[data-drop-summary]");
const steps = form.querySelector("[data-drop-start]");
let rows = [];

function option(id, name) {
  return Object.assign(document.createElement("option"), { value: id, textContent: name });
}

function offer(row, place, implants) {
  const select = row.find("[data-assign]");
  const ids = [...new Set([place.implant, ...place.choices])].filter((id) => id !== null);
  select.append(...ids.map((id) => option(id, implants[id])));
  select.value = place.implant ?? "";
  select.setAttribute("aria-label", `${select.getAttribute("aria-label")}: ${row.path}`);
  if (place.reason) row.say("waiting", place.reason);
  row.element.classList.toggle("is-unassigned", !place.implant);
  select.addEventListener("change", () => {
    row.element.classList.toggle("is-unassigned", !select.value);
    row.say("waiting", select.value ? form.dataset.textWaiting : form.dataset.textLeftOut);
  });
}

async function places(waiting) {
  const data = new FormData();
  data.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  for (const row of waiting) data.append("path", row.path);
  const headers = { Accept: "application/json" };
  const answer = await fetch(form.dataset.assignUrl, { method: "POST", body: data, headers });
  if (answer.redirected) throw new Error(form.dataset.textSession);
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer.json();
}

async function take(files) {
  if (rows.length + files.length > Number(form.dataset.maxFiles)) {
    summary.textContent = form.dataset.textTooMany;
    return;
  }
  const more = files.map((file) => new Row(form, file));
  const waiting = more.filter((row) => row.state === "waiting");
  more.filter((row) => row.state !== "waiting").forEach((row) => row.find("[data-assign]").remove());
  try {
    const { files: found, implants } = await places(waiting);
    waiting.forEach((row, number) => offer(row, found[number], implants));
  } catch (error) {
    summary.textContent =
      error instanceof TypeError ? form.dataset.textUnreachable : error.message;
    return;
  }
  rows.push(...more);
  list.append(...more.map((row) => row.element));
  steps.hidden = !rows.some((row) => row.state === "waiting");
  summary.textContent = form.dataset.textDropped.replace("{number}", rows.length);
}

async function store() {
  steps.hidden = true;
  const due = rows.filter((row) => row.state === "waiting" && row.find("[data-assign]").value);
  for (const row of rows) {
    const select = row.find("[data-assign]");
    if (select) select.disabled = true;
    if (row.state === "waiting" && !select.value) row.say("left-out", form.dataset.textLeftOut);
  }
  await some(due, async (row) => {
    const implant = row.find("[data-assign]").value;
    await row.send(form.dataset.uploadUrl.replace("/0/", `/${implant}/`));
    sumUp(form, rows);
  });
}

function clear() {
  rows = [];
  list.replaceChildren();
  summary.textContent = "";
  steps.hidden = true;
}

function chooseFolder() {
  field.webkitdirectory = true;
  field.click();
  field.webkitdirectory = false;
}

const folder = form.querySelector("[data-choose-folder]");
folder.hidden = !("webkitdirectory" in field);
folder.addEventListener("click", chooseFolder);
form.addEventListener("submit", (event) => event.preventDefault());
form.querySelector("[data-start]").addEventListener("click", store);
form.querySelector("[data-clear]").addEventListener("click", clear);
field.addEventListener("change", () => {
  take(chosen(field.files));
  field.value = "";
});
takeDrops(form.querySelector("[data-drop-target]"), take);
window.addEventListener("beforeunload", (event) => {
  if (rows.some((row) => row.state === "sending")) event.preventDefault();
});
