// Toolbars: one stop of the Tab key each, arrows inside; and which key means which tool.

const ARROWS = { ArrowRight: 1, ArrowLeft: -1 };

function shown(bar) {
  return [...bar.querySelectorAll("button, input")].filter(
    (item) => !item.disabled && !item.closest("[hidden]"),
  );
}

function targetOf(event, items) {
  if (event.target.type === "range") return null;
  if (event.key === "Home") return 0;
  if (event.key === "End") return items.length - 1;
  if (!(event.key in ARROWS)) return null;
  return (items.indexOf(event.target) + ARROWS[event.key] + items.length) % items.length;
}

/** Sliders keep their own stop: they need the arrows for themselves. */
export function prepareToolbar(bar) {
  const stopAt = (current) => {
    for (const item of bar.querySelectorAll("button")) item.tabIndex = item === current ? 0 : -1;
  };
  bar.hidden = false;
  stopAt(bar.querySelector("button"));
  bar.addEventListener("focusin", (event) => {
    if (event.target.matches("button")) stopAt(event.target);
  });
  bar.addEventListener("keydown", (event) => {
    const items = shown(bar);
    const target = targetOf(event, items);
    if (target === null) return;
    event.preventDefault();
    items[target].focus();
  });
  return () => {
    const current = bar.querySelector("button[tabindex='0']");
    if (!shown(bar).includes(current)) stopAt(shown(bar).find((item) => item.matches("button")));
  };
}

/** The name of a pressed key as `data-key` has it: "i", "shift+t", "+"; "" with Ctrl, Alt, ⌘. */
export function keyName(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return "";
  const key = event.key.toLowerCase();
  return /^\p{Letter}$/u.test(key) && event.shiftKey ? `shift+${key}` : key;
}

/** Which tool each key of the buttons' `data-key` stands for. */
export function keysOf(section) {
  const tools = new Map();
  for (const button of section.querySelectorAll("[data-tool][data-key]")) {
    for (const key of button.dataset.key.split(" ")) tools.set(key, button.dataset.tool);
  }
  return tools;
}
