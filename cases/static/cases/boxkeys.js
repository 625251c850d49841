// Boxes by the keyboard alone.

import { fromAxis, lengthened, moved, turned, widened } from "./geometry.js";
import { rotate } from "./transform.js";

const STEP = 1;
const LARGE_STEP = 10;
const SHARE = 0.02;
const OF_STAGE = 0.4;
const ARROWS = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};
const EDITS = {
  "+": (box) => lengthened(box, box.height * SHARE),
  "=": (box) => lengthened(box, box.height * SHARE),
  "-": (box) => lengthened(box, -box.height * SHARE),
  ">": (box) => widened(box, box.width * SHARE),
  ".": (box) => widened(box, box.width * SHARE),
  "<": (box) => widened(box, -box.width * SHARE),
  ",": (box) => widened(box, -box.width * SHARE),
  "[": (box) => turned(box, -1),
  "]": (box) => turned(box, 1),
};

/** The box after a key, or null when the key means nothing. Arrows go by the screen: film
 * pixels, on a film turned by `turn` degrees. */
export function boxAfterKey(box, event, turn) {
  const arrow = ARROWS[event.key];
  if (!arrow) return EDITS[event.key]?.(box) ?? null;
  const way = rotate(arrow, -turn);
  const step = event.shiftKey ? LARGE_STEP : STEP;
  return moved(box, { x: way.x * step, y: way.y * step });
}

/** A box in the middle of what is seen, platform up on the screen. */
export function centred(viewer) {
  const { width, height } = viewer.size;
  const reach = (Math.min(width, height) * OF_STAGE) / 2;
  const from = viewer.toFilm({ x: width / 2, y: height / 2 - reach });
  return fromAxis(from, viewer.toFilm({ x: width / 2, y: height / 2 + reach }));
}
