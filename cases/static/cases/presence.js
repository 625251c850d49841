// The open page of a case says that it is open, and tells who else looks at the case and what
// became of it meanwhile. It does not while nobody sees it: then the others may take the case.

const EVERY_MS = 15000;

const box = document.querySelector("[data-presence]");
const form = box?.querySelector("form");
let timer = 0;
let told = "";

function body(leaving) {
  const data = new FormData(form);
  if (leaving) data.set("leaving", "1");
  return data;
}

// Each piece of news once, and the newest only.
function tell(name, text = "") {
  if (told === name + text) return;
  told = name + text;
  box.querySelectorAll(":scope > .notice").forEach((notice) => notice.remove());
  const notice = box.querySelector(`template[data-${name}]`).content.cloneNode(true);
  const place = notice.querySelector("[data-decided]");
  if (place) place.textContent = text;
  box.append(notice);
  document.dispatchEvent(new CustomEvent(`case:${name}`));
}

function show(state) {
  const line = box.querySelector("[data-looking]");
  if (line.textContent !== state.looking) line.textContent = state.looking;
  line.classList.toggle("is-alone", !state.looking);
  const { status, revision } = box.dataset;
  const isSame = state.status === status && String(state.revision) === revision;
  if (isSame) return;
  if (state.decided && state.status !== status) tell("decided-elsewhere", state.decided);
  else tell("changed-elsewhere");
}

async function ask() {
  clearTimeout(timer);
  if (document.hidden) return;
  timer = setTimeout(ask, EVERY_MS);
  try {
    const answer = await fetch(form.action, { method: "POST", body: body(), redirect: "manual" });
    if (answer.type === "opaqueredirect") tell("session-over");
    else if (answer.status === 403) tell("page-outdated");
    else if (answer.status === 404) tell("gone");
    else if (answer.ok) show(await answer.json());
  } catch {
    // The next time; a decision that is sent tells what is wrong.
  }
}

function leave() {
  clearTimeout(timer);
  navigator.sendBeacon(form.action, body(true));
}

if (form) {
  document.addEventListener("visibilitychange", ask);
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", (event) => event.persisted && ask());
  ask();
}
