// Full screen, also where the browser has none for elements (telephones): then over the page.

const COVERING = "is-covering";

export function isFull(section) {
  return document.fullscreenElement === section || section.classList.contains(COVERING);
}

function cover(section, isCovering) {
  section.classList.toggle(COVERING, isCovering);
  document.documentElement.classList.toggle("has-covering-viewer", isCovering);
}

async function enter(section) {
  try {
    await section.requestFullscreen();
  } catch (error) {
    // Refused by the browser or the page's embedding: TypeError; without the method too.
    if (!(error instanceof TypeError)) throw error;
    cover(section, true);
  }
}

export async function toggleFull(section) {
  if (document.fullscreenElement === section) await document.exitFullscreen();
  else if (isFull(section)) cover(section, false);
  else await enter(section);
}

/** Escape leaves the covering kind; the real one is the browser's own. */
export function leaveCovering(section) {
  if (!section.classList.contains(COVERING)) return false;
  cover(section, false);
  return true;
}
