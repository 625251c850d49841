// "What do you see?": the candidates are ranked again as it is answered.

import { fetchPiece, tell } from "./pieces.js";
import { takeCandidates } from "./ranking.js";

const running = new WeakMap();

function seenOf(data, id) {
  const words = [...data].filter(([name]) => name.startsWith(`seen-${id}-`));
  return new URLSearchParams(words).toString();
}

function queryOf(form, fixture) {
  const id = fixture.dataset.fixture;
  const query = new URLSearchParams({ finding: id });
  for (const [name, value] of new FormData(form)) {
    const isOfFixture = name.startsWith(`seen-${id}-`) || name === `q-${id}`;
    if (isOfFixture || (name === "choice" && value.startsWith(`${id}:`))) query.append(name, value);
  }
  return query;
}

async function rank(form, details) {
  const fixture = details.closest("[data-fixture]");
  running.get(fixture)?.abort();
  const abort = new AbortController();
  running.set(fixture, abort);
  const query = queryOf(form, fixture);
  try {
    const { page, problem } = await fetchPiece(`${details.dataset.seen}?${query}`, { signal: abort.signal });
    tell(details, problem);
    if (page) takeCandidates(page, fixture, query.get(`q-${fixture.dataset.fixture}`) ?? "");
    form.dispatchEvent(new Event("change"));
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  } finally {
    if (running.get(fixture) === abort) running.delete(fixture);
  }
}

/** Ranks once more where `sent` was asked for with other answers, or an answer still on its way
 * was asked for with another box. */
export function rankIfChanged(form, fixture, sent) {
  const id = fixture.dataset.fixture;
  const isSame = seenOf(sent, id) === seenOf(new FormData(form), id);
  if (!isSame || running.has(fixture)) rank(form, fixture.querySelector("details[data-seen]"));
}

export function prepareSeen(form) {
  form.addEventListener("change", ({ target }) => {
    const details = target.closest?.("details[data-seen]");
    if (details) rank(form, details);
  });
  // Of many fixtures, only some come with all their candidates.
  form.addEventListener("fixture:shown", ({ target }) => {
    if (target.querySelector("[data-brief]")) rank(form, target.querySelector("details[data-seen]"));
  });
  form.addEventListener("click", (event) => {
    const details = event.target.closest("[data-seen-clear]")?.closest("details[data-seen]");
    if (!details) return;
    for (const field of details.querySelectorAll("select")) field.value = "";
    rank(form, details);
  });
}
