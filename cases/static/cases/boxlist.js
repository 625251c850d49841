// The boxes of one film: those that the page lists in its <ul data-boxes>, and drafts.

import { isSame, parsed } from "./geometry.js";

function itemOf(li, index) {
  const box = parsed(li.dataset.box);
  if (!box) return null;
  const finding = li.dataset.finding || null;
  const kind = "suggested" in li.dataset ? "suggested" : "stored";
  const key = finding ? `finding-${finding}` : `${kind}-${index}`;
  const label = li.dataset.label ?? "";
  const isFound = "found" in li.dataset;
  return { key, li, kind, finding, isFound, box, stored: box, label, isWaiting: false };
}

export class BoxList {
  #list;
  #drafts = 0;
  items = [];

  constructor(list, changed) {
    this.#list = list;
    if (!list) return;
    const options = { childList: true, subtree: true, attributeFilter: ["data-box"] };
    new MutationObserver(() => {
      this.read();
      changed();
    }).observe(list, options);
    this.read();
  }

  get isSingle() {
    return Boolean(this.#list && "single" in this.#list.dataset);
  }

  // What somebody has drawn or moved and not sent yet outlives the page's new list.
  read() {
    const kept = this.items.filter((item) => this.isUnsent(item) && !item.isWaiting);
    const lines = [...this.#list.querySelectorAll("li[data-box]")];
    this.items = lines.map(itemOf).filter(Boolean);
    for (const item of kept) {
      const fresh = this.items.find(({ key }) => key === item.key);
      if (fresh) fresh.box = item.box;
      else if (item.kind === "draft") this.items.push(item);
    }
  }

  isUnsent(item) {
    return item.kind === "draft" || !isSame(item.box, item.stored);
  }

  draft(box) {
    this.#drafts += 1;
    const key = `draft-${this.#drafts}`;
    const item = { key, kind: "draft", finding: null, box, stored: box, label: "+" };
    if (this.isSingle) this.items = this.items.filter(({ kind }) => kind !== "draft");
    this.items.push(item);
    return item;
  }

  byKey(key) {
    return this.items.find((item) => item.key === key) ?? null;
  }

  byFinding(finding) {
    return this.items.find((item) => item.finding === String(finding)) ?? null;
  }

  /** Away from the page: a draft, or a suggestion that nobody wants. */
  drop(item) {
    this.items = this.items.filter((other) => other !== item);
    item.li?.remove();
  }
}
