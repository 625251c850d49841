// Files out of a drop or a file field, with the path that they have below a dropped folder.

function read(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

async function entriesOf(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    // A reader gives a hundred at a time.
    const more = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!more.length) return entries;
    entries.push(...more);
  }
}

async function walk(entry) {
  if (entry.isFile) return [{ file: await read(entry), path: entry.fullPath.replace(/^\//, "") }];
  const below = await Promise.all((await entriesOf(entry)).map(walk));
  return below.flat();
}

function visible(one) {
  return !one.path.split("/").some((part) => part.startsWith("."));
}

export function chosen(files) {
  return [...files]
    .map((file) => ({ file, path: file.webkitRelativePath || file.name }))
    .filter(visible);
}

async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosen(transfer.files);
  return (await Promise.all(entries.map(walk))).flat().filter(visible);
}

// Calls `take` with [{file, path}] for what is dropped on `target`.
export function takeDrops(target, take) {
  let depth = 0;
  const mark = (change) => {
    depth = change === 0 ? 0 : depth + change;
    target.classList.toggle("is-over", depth > 0);
  };
  target.addEventListener("dragenter", (event) => {
    event.preventDefault();
    mark(1);
  });
  target.addEventListener("dragleave", () => mark(-1));
  target.addEventListener("dragover", (event) => event.preventDefault());
  target.addEventListener("drop", async (event) => {
    event.preventDefault();
    mark(0);
    take(await dropped(event.dataTransfer));
  });
}

// Beside the zone the browser would open the file and leave the page.
for (const kind of ["dragover", "drop"]) {
  window.addEventListener(kind, (event) => {
    if ([...(event.dataTransfer?.types ?? [])].includes("Files")) event.preventDefault();
  });
}
