// How long a decision can still be undone.

function count(seconds, show, over) {
  const end = performance.now() + seconds * 1000;
  const timer = setInterval(() => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left > 0) return show(left);
    clearInterval(timer);
    over();
  }, 250);
  show(seconds);
}

export function prepareUndo() {
  for (const form of document.querySelectorAll("[data-undo-seconds]")) {
    const place = form.querySelector("[data-seconds]");
    const show = (left) => { place.textContent = `(${left} s)`; };
    count(Number(form.dataset.undoSeconds), show, () => form.remove());
  }
  for (const line of document.querySelectorAll("[data-countdown]")) {
    const text = line.textContent;
    const show = (left) => { line.textContent = text.replace(/\d+/, left); };
    const over = () => { line.textContent = line.dataset.textOver; };
    count(Number(line.dataset.countdown), show, over);
  }
}
