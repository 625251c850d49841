// Keys: the numbers select candidates, letters press the buttons that carry them as `data-key`.

import { active, candidate, compare, compareNext, step } from "./fixtures.js";
import { sayOutcome } from "./reasons.js";
import { keyName } from "./toolbar.js";

const OFF = "raiox-keys-off";
const FIELDS = "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=range], [type=button], [type=submit])";

/** With Shift, keyboards write other signs on the keys of the numbers. */
function digitOf(event) {
  if (/^[1-9]$/.test(event.key)) return { number: event.key, isShifted: false };
  const number = event.shiftKey && event.code.match(/^Digit([1-9])$/)?.[1];
  return number ? { number, isShifted: true } : null;
}

function isShown(element) {
  return element.getClientRects().length > 0 && !element.closest("[data-reference]");
}

function press(name) {
  const buttons = [...document.querySelectorAll("[data-key]")];
  const button = buttons.find((one) => one.dataset.key.split(" ").includes(name) && isShown(one));
  button?.click();
  return Boolean(button);
}

function pressDigit({ number, isShifted }) {
  const card = active() && candidate(active(), number);
  if (!card) return false;
  if (isShifted) compare(card);
  else card.querySelector("[name=choice]")?.click();
  return true;
}

function openSeen() {
  const details = active().querySelector("details[data-seen]");
  details.open = true;
  details.querySelector("select").focus();
}

const COMMANDS = {
  c: () => compareNext(active()),
  r: () => sayOutcome(active(), "unreadable"),
  x: () => sayOutcome(active(), "not_in_catalogue"),
  w: openSeen,
  p: () => step(-1),
  f: () => step(1),
  "/": () => active().querySelector("[data-search]").focus(),
};

function run(event) {
  const digit = digitOf(event);
  if (digit) return pressDigit(digit);
  const name = keyName(event);
  const isDesk = document.getElementById("decision") && active();
  if (isDesk && Object.hasOwn(COMMANDS, name)) {
    COMMANDS[name]();
    return true;
  }
  return press(name);
}

function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.isComposing || event.repeat || document.querySelector("dialog[open]")) return;
  const field = event.target.closest?.(FIELDS);
  if (field && event.key === "Escape") field.blur();
  if (field || localStorage.getItem(OFF)) return;
  if (run(event)) event.preventDefault();
}

/** Hints at keys are shown where the keys work. */
function tellWorking() {
  document.documentElement.classList.toggle("has-keys", !localStorage.getItem(OFF));
}

function prepareHelp(sheet) {
  const button = document.querySelector("[data-help]");
  const on = sheet.querySelector("[data-keys-on]");
  button.hidden = false;
  button.addEventListener("click", () => sheet.showModal());
  on.checked = !localStorage.getItem(OFF);
  on.addEventListener("change", () => {
    if (on.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
    tellWorking();
  });
}

export function prepareKeys() {
  const sheet = document.getElementById("keys");
  if (sheet && document.querySelector("[data-help]")) prepareHelp(sheet);
  tellWorking();
  document.addEventListener("keydown", pressed);
}
