// Boxes around one fixture, as matching/boxes.py has them: {x, y, width, height, angle}, centre
// and size in film pixels, `height` from platform to apex, `angle` in degrees clockwise (on the
// film) by which the way from the platform to the apex deviates from straight down.

import { normalTurn, rotate } from "./transform.js";

export const WIDTH_OF_LENGTH = 0.45;
const MIN_SIDE = 16;
// A little inside what the server accepts (12), for the rounding of the numbers sent.
const MAX_ASPECT = 11.9;

const between = (low, value, high) => Math.min(Math.max(value, low), high);
const length = ({ x, y }) => Math.hypot(x, y);
const minus = (to, from) => ({ x: to.x - from.x, y: to.y - from.y });
const round = (value) => Math.round(value * 100) / 100;

const across = (box) => rotate({ x: 1, y: 0 }, box.angle);
const along = (box) => rotate({ x: 0, y: 1 }, box.angle);

function at(box, sideways, lengthways) {
  const [right, down] = [across(box), along(box)];
  return {
    x: box.x + right.x * sideways + down.x * lengthways,
    y: box.y + right.y * sideways + down.y * lengthways,
  };
}

export const platform = (box) => at(box, 0, -box.height / 2);
export const apex = (box) => at(box, 0, box.height / 2);
export const side = (box, sign) => at(box, (sign * box.width) / 2, 0);

/** Platform left and right, then apex right and left. */
export function corners(box) {
  const [w, h] = [box.width / 2, box.height / 2];
  return [at(box, -w, -h), at(box, w, -h), at(box, w, h), at(box, -w, h)];
}

/** The box whose axis runs from one film point to the other. */
export function fromAxis(from, to, width = null) {
  const way = minus(to, from);
  return {
    x: (from.x + to.x) / 2,
    y: (from.y + to.y) / 2,
    width: width ?? length(way) * WIDTH_OF_LENGTH,
    height: length(way),
    angle: normalTurn((Math.atan2(-way.x, way.y) * 180) / Math.PI),
  };
}

export const isLongEnough = (box) => box.height >= MIN_SIDE;

/** The nearest box that the server would take: not too small, not too thin, on the film. */
export function usable(box, film) {
  const most = Math.hypot(film.width, film.height);
  const height = between(MIN_SIDE, box.height, most);
  const narrowest = Math.max(MIN_SIDE, height / MAX_ASPECT);
  return {
    x: between(0, box.x, film.width),
    y: between(0, box.y, film.height),
    width: between(narrowest, box.width, Math.min(most, height * MAX_ASPECT)),
    height,
    angle: normalTurn(box.angle),
  };
}

export const moved = (box, way) => ({ ...box, x: box.x + way.x, y: box.y + way.y });
export const turned = (box, degrees) => ({ ...box, angle: normalTurn(box.angle + degrees) });
export const lengthened = (box, way) => ({ ...box, height: box.height + way });
export const widened = (box, way) => ({ ...box, width: box.width + way });

function plus(point, way) {
  return { x: point.x + way.x, y: point.y + way.y };
}

/** The platform end drawn along `way`; the apex stays. */
export function withPlatformMoved(box, way) {
  return fromAxis(plus(platform(box), way), apex(box), box.width);
}

/** The apex end drawn along `way`; the platform stays. */
export function withApexMoved(box, way) {
  return fromAxis(platform(box), plus(apex(box), way), box.width);
}

/** One side drawn along `way`: the box stays around its axis. */
export function withSideMoved(box, way, sign) {
  const right = across(box);
  return widened(box, 2 * sign * (way.x * right.x + way.y * right.y));
}

/** Turned about its centre, as far as the pointer went around it. */
export function withTurn(box, from, to) {
  const start = Math.atan2(from.y - box.y, from.x - box.x);
  const end = Math.atan2(to.y - box.y, to.x - box.x);
  return turned(box, ((end - start) * 180) / Math.PI);
}

export function rounded(box) {
  return Object.fromEntries(
    ["x", "y", "width", "height", "angle"].map((name) => [name, round(box[name])]),
  );
}

/** A box from json; null for an empty or a broken text. */
export function parsed(text) {
  if (!text) return null;
  try {
    const box = rounded(JSON.parse(text));
    return Object.values(box).every(Number.isFinite) ? box : null;
  } catch {
    return null;
  }
}

export function isSame(one, other) {
  return JSON.stringify(rounded(one)) === JSON.stringify(rounded(other));
}
