// What has been decided so far, in plain words, and what the button will do.

import { active, all, compareInPlace, show } from "./fixtures.js";
import { Guard } from "./guard.js";
import { NEGATIVE, fillReason, prepareReasons } from "./reasons.js";

function ticks(fixture) {
  return [...fixture.querySelectorAll("[name=choice]:checked")];
}

/** "", "identified", "not_in_catalogue" or "unreadable". */
function outcomeOf(fixture) {
  const said = fixture.querySelector("[data-verdict] [type=radio]:checked")?.value ?? "";
  if (NEGATIVE.includes(said)) return said;
  return ticks(fixture).length ? "identified" : "";
}

function words(fixture, texts) {
  const outcome = outcomeOf(fixture);
  if (outcome === "identified") return ticks(fixture).map((tick) => tick.dataset.name).join(" + ");
  if (outcome === "not_in_catalogue") return texts.textNotInCatalogue;
  if (outcome) return texts.textUnreadable;
  return isFound(fixture) ? texts.textNotExamined : texts.textOpen;
}

function boxOf(fixture) {
  return document.querySelector(`[data-box][data-finding="${fixture.dataset.fixture}"]`);
}

/** What a person marked is decided before the case is; what the program found may be nothing. */
function isMarked(fixture) {
  return boxOf(fixture) !== null && !isFound(fixture);
}

function isFound(fixture) {
  return "found" in (boxOf(fixture)?.dataset ?? {});
}

function isAgainstComparison(fixture) {
  return outcomeOf(fixture) === "identified" && fixture.querySelector("[data-unknown]") !== null;
}

/** What is to be looked at once more before it is sent; empty where it is clear. */
function toCheck(texts) {
  const fixtures = all();
  const isAgainst = fixtures.some(isAgainstComparison);
  const isLeft = fixtures.some((fixture) => isFound(fixture) && !outcomeOf(fixture));
  if (!isAgainst && !isLeft) return "";
  return [isAgainst ? texts.textUnknown : "", summary(texts)].filter(Boolean).join(" ");
}

/** What still keeps the decision from being sent: a fixture, or null. */
function openFixture() {
  const fixtures = all();
  if (fixtures.every((fixture) => !outcomeOf(fixture))) return active();
  return fixtures.find((fixture) => isMarked(fixture) && !outcomeOf(fixture)) ?? null;
}

function summary(texts) {
  const fixtures = all();
  if (fixtures.length === 1) return words(fixtures[0], texts);
  return fixtures.map((one) => `${one.dataset.name}: ${words(one, texts)}`).join(" · ");
}

function tellSummary(bar) {
  const line = bar.querySelector("[data-selection]");
  const outcomes = all().map(outcomeOf);
  const isEmpty = outcomes.every((outcome) => !outcome);
  line.textContent = isEmpty ? bar.dataset.textNothing : summary(bar.dataset);
  line.classList.toggle("is-empty", isEmpty);
  line.classList.remove("is-refusal");
  const isRejection = !isEmpty && !outcomes.includes("identified");
  const button = bar.querySelector("[data-decide]");
  button.classList.toggle("is-rejection", isRejection);
  const label = isRejection ? bar.dataset.textReject : bar.dataset.textApprove;
  button.querySelector("[data-decide-label]").textContent = label;
}

function tellTabs() {
  for (const fixture of all()) {
    const outcome = outcomeOf(fixture);
    fixture.dataset.outcome = outcome;
    const state = document.querySelector(`#tab-${fixture.dataset.fixture} [data-tab-state]`);
    if (state) state.textContent = outcome ? "✓" : "";
  }
}

/** A fixture is identified or it is not: whoever says one takes back the other. */
function keepConsistent({ target }) {
  const fixture = target.closest?.("[data-fixture]");
  if (!fixture) return;
  if (target.name === "choice" && target.checked) {
    fixture.querySelector('[data-verdict] [type=radio][value=""]').checked = true;
    fillReason(fixture, "");
    const card = target.closest("[data-reference-src]");
    if (card) compareInPlace(card);
  }
  if (target.type === "radio") {
    if (target.value) ticks(fixture).forEach((tick) => { tick.checked = false; });
    fillReason(fixture, target.value);
  }
}

function refuse(bar, fixture) {
  show(fixture.dataset.fixture);
  const isOnly = all().length === 1;
  const text = bar.dataset.textNothing;
  tellRefusal(bar, isOnly ? text : `${fixture.dataset.name}: ${text}`);
}

function tellRefusal(bar, text) {
  const line = bar.querySelector("[data-selection]");
  line.textContent = "";
  line.textContent = text;
  line.classList.add("is-refusal");
}

function askToLook(bar, what) {
  const text = document.getElementById("look-first").content.textContent.trim();
  tellRefusal(bar, `${text} ${what}`);
}

function prepareSending(form, bar) {
  let isSent = false;
  const guard = new Guard(bar);
  form.addEventListener("submit", (event) => {
    if (isSent) return event.preventDefault();
    const isDecision = event.submitter?.matches("[data-decide]");
    const open = isDecision ? openFixture() : null;
    const doubt = isDecision ? toCheck(bar.dataset) : "";
    const isSeen = [guard.isSatisfied, guard.hasShown(doubt)].every(Boolean);
    const isUnseen = isDecision && !open && !isSeen;
    if (open || isUnseen) event.preventDefault();
    if (open) refuse(bar, open);
    else if (isUnseen) askToLook(bar, doubt || summary(bar.dataset));
    else isSent = true;
  });
  // Coming back by the browser's history shows the old page with its old lock.
  window.addEventListener("pageshow", () => { isSent = false; });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.type === "checkbox") event.preventDefault();
  });
}

export function prepareDecision(form) {
  const bar = form.querySelector("[data-bar]");
  if (!bar?.querySelector("[data-decide]")) return;
  form.addEventListener("change", (event) => {
    keepConsistent(event);
    tellSummary(bar);
    tellTabs();
  });
  prepareReasons(form);
  prepareSending(form, bar);
  tellSummary(bar);
  tellTabs();
}
