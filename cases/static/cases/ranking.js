// New candidates of a fixture come into the place of the old ones. What was ticked while they
// were on their way stands.

import { WIDE, compare, toCompare } from "./fixtures.js";
import { showOthers, swap } from "./pieces.js";

function choices(part) {
  return [...part.querySelectorAll("[name=choice]")];
}

/** What of a candidate's card has the focus; the card itself is another one afterwards. */
function focusIn(fixture) {
  const focused = document.activeElement;
  const card = focused?.closest("[data-candidate]");
  if (!card || !fixture.contains(card)) return null;
  return { name: card.dataset.name, part: focused.matches("[data-show]") ? "[data-show]" : "[name=choice]" };
}

function giveFocus(fixture, { name, part }) {
  const cards = [...fixture.querySelectorAll("[data-candidate]")];
  const card = cards.find((one) => one.dataset.name === name);
  (card?.querySelector(part) ?? fixture).focus({ preventScroll: true });
}

/** What was ticked and is offered nowhere any more goes to the other implants. */
function keep(place, tick) {
  const item = document.getElementById("kept-choice").content.firstElementChild.cloneNode(true);
  const box = item.querySelector("input");
  box.value = tick.value;
  box.dataset.name = tick.dataset.name;
  box.checked = true;
  item.querySelector("strong").textContent = tick.dataset.name;
  place.querySelector("ul").prepend(item);
}

function takeOthers(page, fixture, query) {
  const id = `others-${fixture.dataset.fixture}`;
  const place = document.getElementById(id);
  const isSameSearch = fixture.querySelector("[data-search]").value === query;
  if (isSameSearch) showOthers(place, [...page.getElementById(id).querySelectorAll("li")]);
  const offered = new Set(choices(fixture.querySelector(".candidates")).map(({ value }) => value));
  for (const box of choices(place)) if (offered.has(box.value)) box.closest("li").remove();
  return place;
}

/** A candidate of another picture, ticked before the new one was drawn, was ticked for that one. */
function isOutdated(box, given) {
  return given.has(box.value) && box.closest("[data-candidate]") !== null;
}

/** The candidates on `page`; `query` is what was searched for when they were asked for, `given`
 * what was ticked before the picture that they were found by. */
export function takeCandidates(page, fixture, query, given = new Set()) {
  const id = fixture.dataset.fixture;
  const compared = fixture.querySelector("[data-compared]")?.dataset.name;
  const focus = focusIn(fixture);
  const ticked = new Map(choices(fixture).filter((box) => box.checked).map((box) => [box.value, box]));
  const fresh = swap(page, `candidates-${id}`);
  const place = takeOthers(page, fixture, query);
  for (const box of choices(fixture)) {
    box.checked = ticked.has(box.value);
    ticked.delete(box.value);
  }
  for (const box of ticked.values()) if (!isOutdated(box, given)) keep(place, box);
  const count = fresh.querySelector("[data-fitting]");
  fixture.querySelector("[data-seen-count]").textContent = count?.textContent.trim() ?? "";
  if (focus) giveFocus(fixture, focus);
  if (!fixture.hidden && (compared || WIDE.matches)) compare(toCompare(fixture, compared));
}
