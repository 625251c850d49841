// The list of cases keeps itself up to date: it asks cheaply whether it is still right, and
// only then fetches itself anew and takes over what is different. What has the focus keeps it,
// what is seen stays where it is.

import { swapPart } from "./swap.js";

const EVERY_MS = 5000;
const HIDDEN_EVERY_MS = 30000;
const SLOWEST_MS = 60000;
// Times such as "3 minutes" go on although nothing happens.
const FRESH_FOR_MS = 60000;

const box = document.querySelector("[data-live]");
const lost = box.querySelector("[data-lost]");
const loggedOut = box.querySelector("[data-logged-out]");
let timer = 0;
let failures = 0;
let refreshedAt = Date.now();
let running = null;

class SessionEnded extends Error {}

function list() {
  return document.querySelector('[data-live-part="list"]');
}

async function get(url, headers) {
  const answer = await fetch(url, { headers, redirect: "manual", signal: running.signal });
  if (answer.type === "opaqueredirect" || answer.status === 403) throw new SessionEnded();
  if (!answer.ok && answer.status !== 304) throw new Error(`status ${answer.status}`);
  return answer;
}

async function changes() {
  const { fingerprint, latest, count } = list().dataset;
  const query = new URLSearchParams(location.search);
  query.set("latest", latest);
  query.set("count", count);
  const answer = await get(`${box.dataset.live}?${query}`, { "If-None-Match": `"${fingerprint}"` });
  return answer.status === 304 ? null : answer.json();
}

function tellWaiting() {
  const waiting = Number(list().dataset.waiting);
  const title = document.title.replace(/^\(\d+\) /, "");
  document.title = waiting ? `(${waiting}) ${title}` : title;
}

async function refresh() {
  const answer = await get(location.href, { "X-Raiox-Live": "1" });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live-part]")) {
    const name = part.dataset.livePart;
    swapPart(part, fresh.querySelector(`[data-live-part="${name}"]`));
  }
  refreshedAt = Date.now();
  tellWaiting();
}

async function check() {
  const changed = await changes();
  if (changed || Date.now() - refreshedAt > FRESH_FOR_MS) await refresh();
  if (changed?.news) box.querySelector("[data-news]").textContent = changed.news;
}

function pause() {
  const usual = document.hidden ? HIDDEN_EVERY_MS : EVERY_MS;
  return Math.max(usual, failures ? Math.min(EVERY_MS * 2 ** failures, SLOWEST_MS) : 0);
}

async function turn() {
  clearTimeout(timer);
  running?.abort();
  const mine = new AbortController();
  running = mine;
  try {
    await check();
    failures = 0;
    lost.hidden = loggedOut.hidden = true;
  } catch (error) {
    if (mine.signal.aborted) return;
    failures += 1;
    loggedOut.hidden = !(error instanceof SessionEnded);
    lost.hidden = !loggedOut.hidden;
  }
  clearTimeout(timer);
  timer = setTimeout(turn, pause());
}

document.addEventListener("visibilitychange", () => !document.hidden && turn());
window.addEventListener("online", turn);
window.addEventListener("pageshow", (event) => event.persisted && turn());
timer = setTimeout(turn, EVERY_MS);
