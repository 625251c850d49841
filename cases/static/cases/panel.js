// The case page: enlarging pictures, live search, and a plain word on what is selected.
// Everything here is an extra; the page works without it.

const SEARCH_DELAY_MS = 250;

function toggleZoom(link, event) {
  const box = link.getBoundingClientRect();
  const across = (event.clientX - box.left) / box.width;
  const down = (event.clientY - box.top) / box.height;
  const isLarge = link.classList.toggle("is-large");
  link.setAttribute("aria-pressed", String(isLarge));
  if (isLarge && event.detail > 0) {
    link.scrollLeft = across * link.scrollWidth - link.clientWidth / 2;
    link.scrollTop = down * link.scrollHeight - link.clientHeight / 2;
  }
}

function prepareZoom(link) {
  link.setAttribute("role", "button");
  link.setAttribute("aria-pressed", "false");
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    toggleZoom(link, event);
  });
  link.addEventListener("keydown", (event) => {
    if (event.key === " ") {
      event.preventDefault();
      link.click();
    }
    if (event.key === "Escape" && link.classList.contains("is-large")) link.click();
  });
}

function tellSelection(form) {
  const line = form.querySelector("[data-selection]");
  if (!line) return;
  const names = [...form.elements]
    .filter((box) => box.name === "choice" && box.checked)
    .map((box) => box.dataset.name);
  line.textContent = names.length ? names.join(" + ") : form.dataset.nothingSelected;
  line.classList.toggle("is-empty", names.length === 0);
}

// What is ticked stays, whatever is searched next.
function showOthers(target, html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").body;
  const kept = [...target.querySelectorAll("li")].filter((item) => item.querySelector(":checked"));
  const values = new Set(kept.map((item) => item.querySelector("input").value));
  for (const item of fresh.querySelectorAll("li")) {
    if (values.has(item.querySelector("input").value)) item.remove();
  }
  fresh.querySelector("ul").prepend(...kept);
  target.replaceChildren(...fresh.childNodes);
}

function tellSessionEnded(target) {
  if (target.querySelector("[role=alert]")) return;
  target.prepend(document.getElementById("session-ended").content.cloneNode(true));
}

function prepareSearch(input) {
  const target = document.getElementById(`others-${input.dataset.finding}`);
  let waiting = 0;
  let running = null;

  async function search() {
    running?.abort();
    running = new AbortController();
    const query = new URLSearchParams({ finding: input.dataset.finding, q: input.value });
    try {
      const answer = await fetch(`${input.dataset.search}?${query}`, { signal: running.signal });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      // Only the login page lies behind a redirect.
      if (answer.redirected) tellSessionEnded(target);
      else showOthers(target, await answer.text());
    } catch (error) {
      // The search button still does it, and shows what is wrong.
      if (error.name !== "AbortError") input.dataset.failed = "yes";
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, SEARCH_DELAY_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || input.dataset.failed) return;
    event.preventDefault();
    clearTimeout(waiting);
    search();
  });
  const button = input.parentElement.querySelector("button");
  button.addEventListener("click", (event) => {
    if (input.dataset.failed) return;
    event.preventDefault();
    search();
  });
}

// Open, the panel may stand at the end of the page: whoever opens it goes there.
function prepareReject(details) {
  details.querySelector("summary").addEventListener("click", () => {
    setTimeout(() => {
      if (!details.open) return;
      details.querySelector("textarea").focus();
      details.scrollIntoView({ block: "nearest" });
    });
  });
}

function prepareDecision(form) {
  let isSent = false;
  prepareReject(form.querySelector("details"));
  form.addEventListener("change", () => tellSelection(form));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.type === "checkbox") event.preventDefault();
  });
  form.addEventListener("submit", (event) => {
    if (isSent) event.preventDefault();
    isSent = true;
  });
  // Coming back by the browser's history shows the old page with its old lock.
  window.addEventListener("pageshow", () => {
    isSent = false;
    tellSelection(form);
  });
  tellSelection(form);
}

document.querySelectorAll("[data-zoom]").forEach(prepareZoom);
document.querySelectorAll("[data-search]").forEach(prepareSearch);
const decision = document.getElementById("decision");
if (decision) prepareDecision(decision);
