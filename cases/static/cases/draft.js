// What is ticked and typed stays in this tab until the case is decided: a session that ends
// in between, or a reload, loses nothing. Under the user's number: nobody else gets to see it.

const form = document.getElementById("decision");
const key = form && keyOf(form.dataset.draft);

function keyOf(name) {
  return `raiox-draft-${name}`;
}

function boxes() {
  return [...form.querySelectorAll("[name=choice]")];
}

function texts() {
  return [...form.querySelectorAll("textarea")];
}

// The form of a failed case has no field for the note: what was typed before is kept.
function save() {
  const draft = JSON.parse(sessionStorage.getItem(key)) ?? {};
  draft.revision = form.elements.revision.value;
  draft.ticked = boxes().filter((box) => box.checked).map((box) => box.value);
  for (const text of texts()) draft[text.name] = text.value;
  sessionStorage.setItem(key, JSON.stringify(draft));
}

// Implants that were found by a search are not on a fresh page.
async function fetchMissing(values) {
  for (const input of form.querySelectorAll("[data-search]")) {
    const wanted = values.filter((value) => value.startsWith(`${input.dataset.finding}:`));
    if (!wanted.length) continue;
    const query = new URLSearchParams({ finding: input.dataset.finding });
    wanted.forEach((value) => query.append("choice", value));
    const answer = await fetch(`${input.dataset.search}?${query}`);
    if (!answer.ok || answer.redirected) continue;
    const found = new DOMParser().parseFromString(await answer.text(), "text/html");
    const list = document.querySelector(`#others-${input.dataset.finding} ul`);
    list.prepend(...found.querySelectorAll("li"));
  }
}

async function tick(values) {
  const wanted = new Set(values);
  for (const box of boxes()) {
    box.checked = wanted.has(box.value);
    wanted.delete(box.value);
  }
  if (form.querySelector("[data-search]")) await fetchMissing([...wanted]);
}

// Where the decision is made: a reload keeps the page where it was scrolled to.
function tellChanged() {
  const place = form.querySelector(".decision-bar") ?? form;
  place.prepend(document.getElementById("case-changed").content.cloneNode(true));
}

// Implants that were ticked before the sender changed the case were ticked for another film, or
// for another tooth.
async function restore() {
  const draft = JSON.parse(sessionStorage.getItem(key));
  if (!draft) return;
  const isOutdated = draft.revision !== form.elements.revision.value;
  for (const text of texts()) text.value = draft[text.name] ?? text.value;
  if (draft.reason) form.querySelector("details").open = true;
  await tick(isOutdated ? [] : draft.ticked);
  form.dispatchEvent(new Event("change"));
  if (isOutdated) tellChanged();
}

for (const done of document.querySelectorAll("[data-decided]")) {
  sessionStorage.removeItem(keyOf(done.dataset.decided));
}
if (form) {
  restore().finally(() => {
    form.addEventListener("input", save);
    form.addEventListener("change", save);
  });
}
