// The page of a case that is being processed looks how far that is, and shows what is new.

const place = document.querySelector("[data-waiting]");

function shown(page) {
  const state = page.querySelector("[data-waiting] .notice");
  return state?.textContent.replace(/\s+/g, " ") ?? "";
}

async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.redirected || shown(fresh) !== shown(document)) location.reload();
  } catch {
    // The server does not answer: the next time.
  }
}

setInterval(look, Number(place.dataset.waiting) * 1000);
