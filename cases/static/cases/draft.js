// What is ticked and typed stays in this tab until the case is decided: a session that ends
// in between, or a reload, loses nothing. Under the user's number: nobody else gets to see it.
// A decision that is undone brings back what it was made of.

import { fetchPiece } from "./pieces.js";

const UNDO_MS = 10 * 60 * 1000;
const form = document.getElementById("decision");

const draftKey = (name) => `raiox-draft-${name}`;
const decidedKey = (name) => `raiox-decided-${name}`;
const key = form && draftKey(form.dataset.draft);

function read(name) {
  return JSON.parse(sessionStorage.getItem(name));
}

function boxes() {
  return [...form.querySelectorAll("[name=choice]")];
}

/** Fields that hold a text for a person; what was chosen of a film belongs to that film. */
function texts() {
  return [...form.querySelectorAll("textarea")];
}

function choices() {
  return [...form.querySelectorAll("select, [type=radio], [name^=tooth-]")];
}

function marks() {
  return [...form.querySelectorAll("[name^=mark-]")];
}

/** Whether a colleague has moved the mark of this fixture since the draft was kept. */
function isMoved(draft, finding) {
  const kept = draft.marks?.[`mark-${finding}`];
  const now = form.elements[`mark-${finding}`];
  return kept !== undefined && now !== undefined && kept !== now.value;
}

// A note as the page showed it was not typed here, and may be another one by now.
function isTyped(text) {
  return text.name !== "internal_note" || text.value !== form.elements.internal_note_shown?.value;
}

// The form of a failed case has no field for the note: what was typed before is kept.
function save() {
  const draft = read(key) ?? {};
  draft.revision = form.elements.revision.value;
  draft.ticked = boxes().filter((box) => box.checked).map((box) => box.value);
  draft.texts = { ...draft.texts };
  draft.chosen = { ...draft.chosen };
  draft.marks = Object.fromEntries(marks().map((field) => [field.name, field.value]));
  for (const text of texts()) {
    if (isTyped(text)) draft.texts[text.name] = text.value;
    else delete draft.texts[text.name];
  }
  for (const field of choices()) {
    if (field.type !== "radio" || field.checked) draft.chosen[field.name] = field.value;
  }
  sessionStorage.setItem(key, JSON.stringify(draft));
}

// Implants that were found by a search are not on a fresh page.
async function fetchMissing(values) {
  for (const input of form.querySelectorAll("[data-search]")) {
    const wanted = values.filter((value) => value.startsWith(`${input.dataset.finding}:`));
    if (!wanted.length) continue;
    const query = new URLSearchParams({ finding: input.dataset.finding });
    wanted.forEach((value) => query.append("choice", value));
    const { page } = await fetchPiece(`${input.dataset.search}?${query}`);
    const list = document.querySelector(`#others-${input.dataset.finding} ul`);
    if (page) list.prepend(...page.querySelectorAll("li"));
  }
}

async function tick(values) {
  const wanted = new Set(values);
  for (const box of boxes()) {
    box.checked = wanted.has(box.value);
    wanted.delete(box.value);
  }
  if (wanted.size) await fetchMissing([...wanted]);
}

function findingOf(field) {
  return field.closest("[data-fixture]")?.dataset.fixture;
}

// Selects of what was seen have the candidates ranked again.
function choose(draft) {
  const ranked = new Set();
  for (const field of choices()) {
    const value = draft.chosen?.[field.name];
    if (value === undefined || isMoved(draft, findingOf(field))) continue;
    if (field.type === "radio") field.checked = field.value === value;
    else if (field.value !== value) {
      field.value = value;
      const details = field.closest("details[data-seen]");
      if (details) ranked.add(details);
    }
  }
  for (const details of ranked) {
    details.open = true;
    details.querySelector("select").dispatchEvent(new Event("change", { bubbles: true }));
  }
}

// Where the decision is made: a reload keeps the page where it was scrolled to.
function tellChanged() {
  const place = form.querySelector(".decision-bar") ?? form;
  place.prepend(document.getElementById("case-changed").content.cloneNode(true));
}

// What was ticked before the sender changed the case was ticked for another film, or tooth.
async function restore() {
  const draft = read(key);
  if (!draft) return;
  const isOutdated = draft.revision !== form.elements.revision.value;
  for (const text of texts()) text.value = draft.texts?.[text.name] ?? text.value;
  const reject = form.querySelector("details.reject-side");
  if (reject && draft.texts?.reason) reject.open = true;
  const standing = draft.ticked.filter((value) => !isMoved(draft, value.split(":")[0]));
  await tick(isOutdated ? [] : standing);
  if (!isOutdated) choose(draft);
  form.dispatchEvent(new Event("change"));
  form.dispatchEvent(new Event("draft:restored", { bubbles: true }));
  if (isOutdated || standing.length < draft.ticked.length) tellChanged();
}

function putAside(name) {
  const draft = read(draftKey(name));
  sessionStorage.removeItem(draftKey(name));
  if (draft) sessionStorage.setItem(decidedKey(name), JSON.stringify({ at: Date.now(), draft }));
}

function takeBack(name) {
  const kept = read(decidedKey(name));
  if (kept) sessionStorage.setItem(draftKey(name), JSON.stringify(kept.draft));
  sessionStorage.removeItem(decidedKey(name));
}

function forgetOld() {
  for (const name of Object.keys(sessionStorage)) {
    if (!name.startsWith(decidedKey(""))) continue;
    if (Date.now() - read(name).at > UNDO_MS) sessionStorage.removeItem(name);
  }
}

forgetOld();
for (const done of document.querySelectorAll("[data-decided*='-']")) putAside(done.dataset.decided);
for (const undone of document.querySelectorAll("[data-undone]")) takeBack(undone.dataset.undone);
if (form) {
  restore().finally(() => {
    form.addEventListener("input", save);
    form.addEventListener("change", save);
  });
}
