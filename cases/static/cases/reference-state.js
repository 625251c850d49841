// References that are being prepared for the search: asked for until their state is final.

const PAUSES = [1000, 1500, 2000, 3000, 5000];
// After that somebody who still wonders reloads the page.
const MOST_ASKS = 90;
const AT_A_TIME = 100;

const address = document.querySelector('meta[name="reference-states"]')?.content;
let asks = 0;
let timer = null;

function items(words) {
  return words.map((word) => Object.assign(document.createElement("li"), { textContent: word }));
}

export function showState(slot, words) {
  slot.dataset.state = words.state;
  slot.toggleAttribute("data-followed", !words.is_final);
  const label = slot.querySelector("[data-label]");
  label.className = `badge state-${words.state}`;
  label.textContent = words.label;
  slot.querySelector("[data-detail]").textContent = words.detail;
  slot.querySelector("[data-doubts]").replaceChildren(...items(words.doubts));
}

function waiting() {
  const slots = document.querySelectorAll(
    '[data-reference-state]:is([data-state="waiting"], [data-followed])',
  );
  return [...slots].slice(0, AT_A_TIME);
}

async function ask() {
  timer = null;
  const slots = waiting();
  if (!slots.length) return;
  const query = new URLSearchParams(slots.map((slot) => ["id", slot.dataset.referenceState]));
  try {
    const answer = await fetch(`${address}?${query}`, { headers: { Accept: "application/json" } });
    if (answer.redirected || answer.status === 403) return;
    if (answer.ok) {
      const { states } = await answer.json();
      for (const slot of slots) {
        const words = states[slot.dataset.referenceState];
        if (words) showState(slot, words);
      }
    }
  } catch {
    // The next question may reach the server again.
  }
  again();
}

function again() {
  if (timer !== null || asks >= MOST_ASKS || !waiting().length) return;
  timer = setTimeout(ask, PAUSES[Math.min(asks, PAUSES.length - 1)]);
  asks += 1;
}

// A new film is there to be followed.
export function follow() {
  asks = 0;
  again();
}

if (address) follow();
