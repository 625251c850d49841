// The page for many implants: where each film goes is shown, and can be chosen, before any is sent.

import { Row, sumUp } from "./drop-row.js";
import { chosen, takeDrops } from "./dropped-files.js";
import { reason, some } from "./film-upload.js";

const form = document.querySelector("form[data-drop]");
const list = form.querySelector("[data-drop-rows]");
const field = form.querySelector('input[type="file"]');
const summary = form.querySelector("[data-drop-summary]");
const steps = form.querySelector("[data-drop-start]");
const start = form.querySelector("[data-start]");
const again = form.querySelector("[data-again]");
let rows = [];
let placing = Promise.resolve();

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

// Resolves to {files, implants} or {refused: "why"}; never rejects.
async function places(unplaced) {
  const data = new FormData();
  data.append("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  for (const row of unplaced) data.append("path", row.path);
  const headers = { Accept: "application/json" };
  const request = { method: "POST", body: data, headers };
  const answer = await fetch(form.dataset.assignUrl, request).catch(() => null);
  const content = await answer?.json().catch(() => null);
  if (answer?.ok && content?.files) return content;
  const { url, status } = answer ?? { url: "", status: 0 };
  const said = { url, status, detail: content?.detail };
  return { refused: reason(form, said, form.dataset.textTooMany) };
}

function isDue(row) {
  return row.state === "waiting" && row.isPlaced && !row.isTaken;
}

// Rows stay where they are when it fails, and can be asked for again.
async function askWhere() {
  again.hidden = true;
  const unplaced = rows.filter((row) => row.state === "waiting" && !row.isPlaced);
  const { files: found, implants, refused } = unplaced.length ? await places(unplaced) : {};
  found?.forEach((one, number) => {
    unplaced[number].isPlaced = true;
    offer(unplaced[number], one, implants);
  });
  if (!rows.length) return;
  again.hidden = !refused;
  start.hidden = !rows.some(isDue);
  steps.hidden = again.hidden && start.hidden;
  summary.textContent = refused ?? form.dataset.textDropped.replace("{number}", rows.length);
}

function place() {
  placing = placing.then(askWhere);
}

function take(files) {
  if (rows.length + files.length > Number(form.dataset.maxFiles)) {
    summary.textContent = form.dataset.textTooMany;
    return;
  }
  const more = files.map((file) => new Row(form, file));
  more.filter((row) => row.state !== "waiting").forEach((row) => row.find("[data-assign]").remove());
  rows.push(...more);
  list.append(...more.map((row) => row.element));
  place();
}

async function store() {
  start.hidden = true;
  steps.hidden = again.hidden;
  const chosenRows = rows.filter(isDue);
  const due = chosenRows.filter((row) => row.find("[data-assign]").value);
  for (const row of chosenRows) {
    row.isTaken = row.find("[data-assign]").disabled = true;
    if (!due.includes(row)) row.say("left-out", form.dataset.textLeftOut);
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
  steps.hidden = again.hidden = true;
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
start.addEventListener("click", store);
again.addEventListener("click", place);
form.querySelector("[data-clear]").addEventListener("click", clear);
field.addEventListener("change", () => {
  take(chosen(field.files));
  field.value = "";
});
takeDrops(form.querySelector("[data-drop-target]"), take);
window.addEventListener("beforeunload", (event) => {
  if (rows.some((row) => row.state === "sending")) event.preventDefault();
});
