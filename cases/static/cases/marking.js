// Boxes drawn on a film are stored and compared again in place.

import { cropperOf } from "./crop.js";
import { active, all, show } from "./fixtures.js";
import { fetchPiece, swap, tell } from "./pieces.js";
import { takeCandidates } from "./ranking.js";
import { rankIfChanged } from "./seen.js";

const SHOWN_MS = 4000;

/** The name of each fixture may change: they are numbered from left to right. */
function rename() {
  for (const tab of document.querySelectorAll("[data-tab]")) {
    const fixture = document.getElementById(`fixture-${tab.dataset.tab}`);
    if (!fixture) continue;
    fixture.dataset.name = tab.dataset.name;
    fixture.querySelector("[data-fixture-name]").textContent = tab.dataset.name;
  }
}

/** What was said of the fixture, before or since, stays: only what was compared is new, and the
 * candidates of the earlier picture are no selection any more. */
function renew(page, fixture, form, { sent, given }) {
  const id = fixture.dataset.fixture;
  const hadFocus = document.getElementById(`box-actions-${id}`).contains(document.activeElement);
  swap(page, `box-actions-${id}`);
  if (hadFocus) fixture.focus({ preventScroll: true });
  takeCandidates(page, fixture, sent.get(`q-${id}`) ?? "", given);
  rankIfChanged(form, fixture, sent);
}

/** The fixture that was marked, or another one of the film. */
function take(page, film, form, asked) {
  const focused = document.activeElement?.id;
  swap(page, "fixture-tabs");
  const boxes = page.querySelector("[data-boxes]");
  film.querySelector("[data-boxes]").replaceChildren(...boxes.children);
  const changed = [...page.querySelectorAll("[data-fixture]")];
  for (const fixture of changed) {
    const old = document.getElementById(fixture.id);
    if (old) renew(page, old, form, asked);
    else film.querySelector("[data-fixtures]").append(fixture);
  }
  const left = new Set([...document.querySelectorAll("[data-tab]")].map((tab) => tab.dataset.tab));
  for (const fixture of all()) if (!left.has(fixture.dataset.fixture)) fixture.remove();
  rename();
  document.getElementById(focused)?.focus({ preventScroll: true });
  return document.getElementById(changed.at(-1).id);
}

async function send(form, film, url, fields) {
  const marking = film.querySelector("[data-marking]");
  const state = marking.querySelector("[data-marking-state]");
  const data = new FormData(form);
  for (const [name, value] of Object.entries({ piece: "1", ...fields })) data.set(name, value);
  // The page itself knows what is ticked, and that may change until the answer comes.
  const given = new Set(data.getAll("choice"));
  data.delete("choice");
  state.textContent = marking.dataset.textComparing;
  const before = active();
  const { page, problem } = await fetchPiece(url, { method: "POST", body: data });
  tell(marking.querySelector("[data-refusal]"), problem);
  state.textContent = "";
  if (!page) return cropperOf(film.querySelector("[data-viewer]")).reopen();
  const fixture = take(page, film, form, { sent: data, given });
  // Who went on to another fixture meanwhile stays there.
  const isElsewhere = active() !== before && document.contains(active());
  show((isElsewhere ? active() : fixture).dataset.fixture);
  state.textContent = marking.dataset.textCompared.replace("{name}", fixture.dataset.name);
  setTimeout(() => { state.textContent = ""; }, SHOWN_MS);
  const isSuggested = film.querySelector("[data-suggested]") !== null;
  for (const button of film.querySelectorAll("[data-suggest]")) button.hidden = !isSuggested;
  form.dispatchEvent(new Event("change"));
}

function mark(form, film, { box, finding }) {
  const marking = film.querySelector("[data-marking]");
  const image = marking.dataset.marking;
  const fields = { image };
  if (finding) fields.finding = finding;
  for (const name of ["x", "y", "width", "height", "angle"]) fields[`box-${image}-${name}`] = box[name];
  return send(form, film, marking.dataset.markUrl, fields);
}

function unmark(form, film, finding) {
  return send(form, film, film.querySelector("[data-marking]").dataset.unmarkUrl, { unmark: finding });
}

function suggest(form, film) {
  const suggested = film.querySelector("[data-suggested]");
  if (suggested) mark(form, film, { box: JSON.parse(suggested.dataset.box), finding: null });
}

function clicked(form, event) {
  const button = event.target.closest("[data-suggest], [data-unmark]");
  const film = button?.closest("[data-film-block]");
  if (!film) return;
  event.preventDefault();
  if ("suggest" in button.dataset) suggest(form, film);
  else unmark(form, film, button.dataset.unmark);
}

export function prepareMarking(form) {
  const filmOf = (event) => event.target.closest("[data-film-block]");
  form.addEventListener("crop:done", (event) => mark(form, filmOf(event), event.detail));
  form.addEventListener("crop:removed", (event) => unmark(form, filmOf(event), event.detail.finding));
  form.addEventListener("click", (event) => clicked(form, event));
}
