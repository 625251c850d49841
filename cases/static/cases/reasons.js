// Reasons for the dentist: chosen from the list, and edited before they are sent.

export const NEGATIVE = ["not_in_catalogue", "unreadable"];

function options(list, outcome) {
  return [...list.querySelectorAll(`optgroup[data-outcome="${outcome}"] option`)];
}

/** Whether the text is one of the list, as it stands there, or none at all. */
function isUntouched(fixture) {
  const text = fixture.querySelector("[data-reason]").value.trim();
  const list = fixture.querySelector("[data-listed]");
  return !text || [...list.options].some((option) => option.dataset.text?.trim() === text);
}

function choose(fixture, option) {
  fixture.querySelector("[data-listed]").value = option?.value ?? "";
  fixture.querySelector("[data-reason]").value = option?.dataset.text ?? "";
}

/** The list shows what goes with the outcome; a text that was typed stays. */
export function fillReason(fixture, outcome) {
  const list = fixture.querySelector("[data-listed]");
  for (const group of list.querySelectorAll("optgroup")) {
    group.hidden = group.disabled = group.dataset.outcome !== outcome;
  }
  if (isUntouched(fixture)) choose(fixture, options(list, outcome)[0]);
}

/** Says that a fixture was not identified; said again, the next reason of the list. */
export function sayOutcome(fixture, outcome) {
  const radio = fixture.querySelector(`[data-verdict] [type=radio][value="${outcome}"]`);
  if (!radio.checked) return radio.click();
  if (!isUntouched(fixture)) return fixture.querySelector("[data-reason]").focus();
  const list = fixture.querySelector("[data-listed]");
  const found = options(list, outcome);
  const place = found.findIndex((option) => option.selected);
  choose(fixture, found[(place + 1) % found.length]);
  list.dispatchEvent(new Event("change", { bubbles: true }));
}

export function prepareReasons(form) {
  for (const fixture of form.querySelectorAll("[data-fixture]")) {
    const said = fixture.querySelector("[data-verdict] [type=radio]:checked")?.value ?? "";
    const text = fixture.querySelector("[data-reason]").value;
    if (said && !text) fillReason(fixture, said);
  }
  form.addEventListener("change", ({ target }) => {
    if (!target.matches?.("[data-listed]") || !target.value) return;
    const fixture = target.closest("[data-fixture]");
    fixture.querySelector("[data-reason]").value = target.selectedOptions[0].dataset.text;
  });
}
