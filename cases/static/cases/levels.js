// Brightness and contrast as factors (1 is the film as it came), and inverting.

const LOWEST = 0.2;
const HIGHEST = 4;
const DOUBLES_OVER_PX = 160;
const KEY_STEP = 1.05;

export const PLAIN = { brightness: 1, contrast: 1, invert: false };

const between = (value) => Math.min(Math.max(value, LOWEST), HIGHEST);

export function allowed({ brightness, contrast, invert }) {
  return { brightness: between(brightness), contrast: between(contrast), invert: Boolean(invert) };
}

// Inverted first: up is brighter, also on an inverted film.
export function filterOf({ brightness, contrast, invert }) {
  if (brightness === 1 && contrast === 1 && !invert) return "none";
  return `${invert ? "invert(1) " : ""}brightness(${brightness}) contrast(${contrast})`;
}

/** Dragging on the film: up and down is brightness, left and right contrast. */
export function dragged(view, from, to) {
  return {
    brightness: between(view.brightness * 2 ** ((from.y - to.y) / DOUBLES_OVER_PX)),
    contrast: between(view.contrast * 2 ** ((to.x - from.x) / DOUBLES_OVER_PX)),
  };
}

/** One press of an arrow key: (across, down) is the arrow's direction. */
export function nudged(view, { x, y }) {
  return {
    brightness: between(view.brightness * KEY_STEP ** -y),
    contrast: between(view.contrast * KEY_STEP ** x),
  };
}
