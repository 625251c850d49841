// Pieces of the page that come from the server while it is open.

/** Shows in `root` what works with JavaScript only, and hides what is there for its lack. */
export function showScripted(root) {
  for (const extra of root.querySelectorAll("[data-with-script]")) extra.hidden = false;
  for (const spare of root.querySelectorAll("[data-without-script]")) spare.hidden = true;
}

function template(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** {page: Document} or {problem: Element to be shown}. Rejects only when it was aborted. */
export async function fetchPiece(url, options = {}) {
  try {
    const answer = await fetch(url, options);
    // Only the login page lies behind a redirect.
    if (answer.redirected) return { problem: template("session-ended") };
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    showScripted(page);
    if (answer.ok) return { page };
    // The form's token is that of an earlier login.
    if (answer.status === 403) return { problem: template("page-outdated") };
    return { problem: page.querySelector("[data-problem]") ?? template("no-answer") };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return { problem: template("no-answer") };
  }
}

/** Shows a problem in `place`, once; without one the place is emptied of the last. */
export function tell(place, problem) {
  place.querySelectorAll("[data-problem]").forEach((old) => old.remove());
  if (problem) place.prepend(problem);
}

/** Puts the element of this id from `page` in the place of the one that is shown. */
export function swap(page, id) {
  const fresh = page.getElementById(id);
  const old = document.getElementById(id);
  if (!fresh || !old) return null;
  old.replaceWith(fresh);
  return fresh;
}

/** What stays in the list of other implants: everything ticked that is not offered elsewhere. */
export function showOthers(place, items) {
  const kept = [...place.querySelectorAll("li")].filter((item) => item.querySelector(":checked"));
  const values = new Set(kept.map(valueOf));
  const fresh = items.filter((item) => !values.has(valueOf(item)));
  place.querySelector("ul").replaceChildren(...kept, ...fresh);
}

function valueOf(item) {
  return item.querySelector("input").value;
}
