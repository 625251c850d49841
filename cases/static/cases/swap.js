// Take over what is different from a fresh copy of a part of the page, and leave the rest as it
// is: rows that stay are the same elements afterwards, with their focus, selection and pictures.

const NEW_FOR_MS = 4000;

function keyOf(row) {
  return row.querySelector("th a")?.pathname ?? "";
}

function swapAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) old.setAttribute(name, value);
}

function swapRow(old, fresh) {
  [...fresh.cells].forEach((cell, index) => {
    const place = old.cells[index];
    if (place.innerHTML !== cell.innerHTML) place.replaceChildren(...cell.childNodes);
  });
}

function markNew(row) {
  row.classList.add("is-new");
  setTimeout(() => row.classList.remove("is-new"), NEW_FOR_MS);
}

function swapRows(old, fresh) {
  const rows = new Map([...old.rows].map((row) => [keyOf(row), row]));
  const after = [...fresh.rows].map((row) => {
    const kept = rows.get(keyOf(row));
    rows.delete(keyOf(row));
    if (kept && kept.cells.length === row.cells.length) {
      swapRow(kept, row);
      return kept;
    }
    markNew(row);
    return row;
  });
  for (const row of rows.values()) row.remove();
  // Moving an element takes its focus: only what is not in its place is moved.
  after.forEach((row, index) => {
    if (old.rows[index] !== row) old.insertBefore(row, old.rows[index] ?? null);
  });
}

// The row that is seen first, to be seen at the same place afterwards.
function firstSeen(body) {
  const focused = document.activeElement?.closest?.("tr");
  if (focused && body.contains(focused)) return focused;
  return [...body.rows].find((row) => row.getBoundingClientRect().bottom > 0);
}

function swapTable(old, fresh) {
  const anchor = window.scrollY > 0 ? firstSeen(old) : null;
  const before = anchor?.getBoundingClientRect().top;
  swapRows(old, fresh);
  if (anchor?.isConnected) window.scrollBy(0, anchor.getBoundingClientRect().top - before);
}

function focusables(part) {
  return [...part.querySelectorAll("a, button, select, summary")];
}

function swapWhole(old, fresh) {
  if (old.innerHTML === fresh.innerHTML) return;
  const place = focusables(old).indexOf(document.activeElement);
  const isOpen = old.querySelector("details")?.open;
  old.replaceChildren(...fresh.childNodes);
  if (isOpen) old.querySelector("details").open = true;
  if (place >= 0) focusables(old)[place]?.focus({ preventScroll: true });
}

export function swapPart(old, fresh) {
  if (!fresh) return;
  const [was, is] = [old, fresh].map((part) => part.querySelector("#result_list tbody"));
  if (was && is) swapTable(was, is);
  else if (old.dataset.livePart !== "filters" || !old.querySelector("select:focus")) swapWhole(old, fresh);
  swapAttributes(old, fresh);
}
