// One fixture of the case is in front at a time, and one candidate of it beside its film.

import { compareOf } from "./compare.js";
import { cropperOf } from "./crop.js";

/** Where there is room for a reference beside the film. */
export const WIDE = matchMedia("(min-width: 1024px)");

export function all() {
  return [...document.querySelectorAll("[data-fixture]")];
}

export function active() {
  return all().find((fixture) => !fixture.hidden) ?? null;
}

function filmOf(fixture) {
  return fixture.closest("[data-film-block]");
}

/** The candidates of a fixture by their keys: the card with this number, or null. */
export function candidate(fixture, number) {
  return fixture.querySelector(`[data-candidate="${number}"]`);
}

/** What comes beside the film: what already is, by its name, unless it has sunk; then what is
 * selected, then the best candidate. */
export function toCompare(fixture, name) {
  const cards = [...fixture.querySelectorAll("[data-reference-src]")];
  const isTicked = (card) => card.querySelector("[name=choice]")?.checked ?? false;
  const again = cards.find((card) => card.dataset.name === name);
  if (again && (isTicked(again) || !again.matches(".card-against"))) return again;
  return cards.find(isTicked) ?? candidate(fixture, 1);
}

/** Brings a fixture to the front; its best candidate comes beside the film where there is room. */
export function show(id, { focus = false } = {}) {
  const chosen = document.getElementById(`fixture-${id}`);
  if (!chosen) return;
  for (const fixture of all()) fixture.hidden = fixture !== chosen;
  for (const film of document.querySelectorAll("[data-film-block]")) {
    film.hidden = film !== filmOf(chosen) && film.querySelector("[data-fixture]") !== null;
  }
  for (const tab of document.querySelectorAll("[data-tab]")) {
    tab.toggleAttribute("aria-current", tab.dataset.tab === String(id));
  }
  const viewer = filmOf(chosen).querySelector("[data-viewer]");
  if (viewer && focus) cropperOf(viewer)?.select(String(id));
  if (WIDE.matches) compare(chosen.querySelector("[data-compared]") ?? toCompare(chosen));
  if (focus) chosen.focus({ preventScroll: WIDE.matches });
  chosen.dispatchEvent(new CustomEvent("fixture:shown", { bubbles: true }));
}

/** Puts the reference of a candidate's card beside the film. */
export function compare(card) {
  const fixture = card?.closest("[data-fixture]");
  const section = fixture && filmOf(fixture).querySelector("[data-compare]");
  if (!section || !card.dataset.referenceSrc) return;
  for (const other of filmOf(fixture).querySelectorAll("[data-compared]")) {
    delete other.dataset.compared;
    other.querySelector("[data-show]")?.removeAttribute("aria-current");
  }
  card.dataset.compared = "";
  card.querySelector("[data-show]")?.setAttribute("aria-current", "true");
  compareOf(section)?.showCandidate(card, { finding: Number(fixture.dataset.fixture) });
}

/** As `compare`; what was touched stays under the finger: the reference opens above it. */
export function compareInPlace(card) {
  const before = card.getBoundingClientRect().top;
  compare(card);
  window.scrollBy({ top: card.getBoundingClientRect().top - before, behavior: "instant" });
}

/** The candidate after the one that is beside the film. */
export function compareNext(fixture) {
  const cards = [...fixture.querySelectorAll("[data-candidate][data-reference-src]")];
  const place = cards.findIndex((card) => "compared" in card.dataset);
  compare(cards[(place + 1) % cards.length]);
}

export function step(by) {
  const fixtures = [...document.querySelectorAll("[data-tab]")].map((tab) => tab.dataset.tab);
  const place = fixtures.indexOf(active()?.dataset.fixture);
  const next = fixtures[(place + by + fixtures.length) % fixtures.length];
  if (next) show(next, { focus: true });
}

function clicked(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const tab = event.target.closest("[data-tab]");
  const picture = event.target.closest("[data-show]");
  if (!tab && !picture) return;
  event.preventDefault();
  if (tab) show(tab.dataset.tab, { focus: true });
  else {
    compare(picture.closest("[data-candidate]"));
    if (!WIDE.matches) filmOf(picture).scrollIntoView({ block: "start" });
  }
}

export function prepareFixtures() {
  const asked = location.hash.match(/^#fixture-(\d+)$/)?.[1];
  const first = all()[0];
  if (first) show(document.getElementById(`fixture-${asked}`) ? asked : first.dataset.fixture);
  const desk = document.querySelector("[data-desk]");
  document.addEventListener("draft:restored", () => {
    if (active() && WIDE.matches) compare(toCompare(active()));
  });
  desk.addEventListener("click", clicked);
  desk.addEventListener("crop:selected", ({ detail }) => {
    if (detail.finding && detail.finding !== active()?.dataset.fixture) show(detail.finding);
  });
}
