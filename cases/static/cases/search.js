// The live search for another implant of the catalogue.

import { fetchPiece, showOthers, tell } from "./pieces.js";

const DELAY_MS = 250;
const waiting = new WeakMap();
const running = new WeakMap();

function placeOf(input) {
  return document.getElementById(`others-${input.dataset.finding}`);
}

async function search(input) {
  clearTimeout(waiting.get(input));
  running.get(input)?.abort();
  const abort = new AbortController();
  running.set(input, abort);
  const query = new URLSearchParams({ finding: input.dataset.finding });
  query.set(input.name, input.value);
  const place = placeOf(input);
  try {
    const { page, problem } = await fetchPiece(`${input.dataset.search}?${query}`, { signal: abort.signal });
    tell(place, problem);
    if (!page) return;
    showOthers(place, [...page.querySelectorAll("li")]);
    place.querySelectorAll(":scope > p").forEach((line) => line.remove());
    place.append(...page.querySelectorAll("body > p"));
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}

/** On the form: fixtures that are marked later have a search of their own. */
export function prepareSearch(form) {
  form.addEventListener("input", ({ target }) => {
    if (!target.matches("[data-search]")) return;
    clearTimeout(waiting.get(target));
    waiting.set(target, setTimeout(search, DELAY_MS, target));
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("[data-search]")) return;
    event.preventDefault();
    search(event.target);
  });
  form.addEventListener("click", (event) => {
    const row = event.target.closest("button")?.closest(".search-row");
    if (!row) return;
    event.preventDefault();
    search(row.querySelector("[data-search]"));
  });
}
