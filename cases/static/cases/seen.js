// "What do you see?": the candidates are ranked again as it is answered.

import { compare, candidate } from "./fixtures.js";
import { fetchPiece, showOthers, swap, tell } from "./pieces.js";

const running = new WeakMap();

function queryOf(form, fixture) {
  const id = fixture.dataset.fixture;
  const query = new URLSearchParams({ finding: id });
  for (const [name, value] of new FormData(form)) {
    const isOfFixture = name.startsWith(`seen-${id}-`) || name === `q-${id}`;
    if (isOfFixture || (name === "choice" && value.startsWith(`${id}:`))) query.append(name, value);
  }
  return query;
}

function take(page, fixture) {
  const id = fixture.dataset.fixture;
  const compared = fixture.querySelector("[data-compared]")?.dataset.name;
  const fresh = swap(page, `candidates-${id}`);
  const others = page.getElementById(`others-${id}`);
  const place = document.getElementById(`others-${id}`);
  place.querySelector("ul").replaceChildren();
  showOthers(place, [...others.querySelectorAll("li")]);
  const again = [...fresh.querySelectorAll("[data-candidate]")].find((card) => card.dataset.name === compared);
  compare(again ?? candidate(fixture, 1));
  const count = fresh.querySelector("[data-fitting]");
  fixture.querySelector("[data-seen-count]").textContent = count?.textContent.trim() ?? "";
}

async function rank(form, details) {
  const fixture = details.closest("[data-fixture]");
  running.get(fixture)?.abort();
  const abort = new AbortController();
  running.set(fixture, abort);
  try {
    const url = `${details.dataset.seen}?${queryOf(form, fixture)}`;
    const { page, problem } = await fetchPiece(url, { signal: abort.signal });
    tell(details, problem);
    if (page) take(page, fixture);
    form.dispatchEvent(new Event("change"));
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}

export function prepareSeen(form) {
  form.addEventListener("change", ({ target }) => {
    const details = target.closest?.("details[data-seen]");
    if (details) rank(form, details);
  });
  form.addEventListener("click", (event) => {
    const details = event.target.closest("[data-seen-clear]")?.closest("details[data-seen]");
    if (!details) return;
    for (const field of details.querySelectorAll("select")) field.value = "";
    rank(form, details);
  });
}
