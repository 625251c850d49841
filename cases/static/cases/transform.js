// Between film pixels and the stage (CSS pixels from its top left corner).
//
// A view is {scale, x, y, turn}: the film point (x, y) lies in the middle of the stage, a film
// pixel is `scale` CSS pixels large, the film is turned clockwise by `turn` degrees.

const MAX_SCALE = 32;
const MAX_FIT = 16;
const STRIP = 40;

const radians = (degrees) => (degrees * Math.PI) / 180;
const between = (low, value, high) => Math.min(Math.max(value, low), high);

// Exact for quarter turns: Math.cos(π/2) is not 0.
function sineCosine(degrees) {
  if (degrees % 90) return [Math.sin(radians(degrees)), Math.cos(radians(degrees))];
  const quarter = (((degrees / 90) % 4) + 4) % 4;
  return [[0, 1, 0, -1][quarter], [1, 0, -1, 0][quarter]];
}

export function rotate({ x, y }, degrees) {
  const [sine, cosine] = sineCosine(degrees);
  return { x: cosine * x - sine * y, y: sine * x + cosine * y };
}

/** The same direction in −180 < degrees ≤ 180. */
export function normalTurn(degrees) {
  const turned = ((degrees % 360) + 360) % 360;
  return turned > 180 ? turned - 360 : turned;
}

export function toStage(view, stage, point) {
  const way = rotate({ x: point.x - view.x, y: point.y - view.y }, view.turn);
  return { x: stage.width / 2 + way.x * view.scale, y: stage.height / 2 + way.y * view.scale };
}

export function toFilm(view, stage, point) {
  const way = rotate({ x: point.x - stage.width / 2, y: point.y - stage.height / 2 }, -view.turn);
  return { x: view.x + way.x / view.scale, y: view.y + way.y / view.scale };
}

/** The CSS transform (origin 0 0) that puts a film of its own size onto the stage. */
export function matrix(view, stage) {
  const [sine, cosine] = sineCosine(view.turn);
  const corner = toStage(view, stage, { x: 0, y: 0 });
  const [a, b] = [view.scale * cosine, view.scale * sine];
  return `matrix(${a}, ${b}, ${-b}, ${a}, ${corner.x}, ${corner.y})`;
}

// How large the turned film is, in film pixels along the axes of the stage.
function extent(film, turn) {
  const [sine, cosine] = sineCosine(turn).map(Math.abs);
  return {
    width: film.width * cosine + film.height * sine,
    height: film.width * sine + film.height * cosine,
  };
}

export function fitScale(film, stage, turn) {
  const { width, height } = extent(film, turn);
  const scale = Math.min(stage.width / width, stage.height / height);
  return Number.isFinite(scale) && scale > 0 ? Math.min(scale, MAX_FIT) : 1;
}

export function fitted(film, stage, turn) {
  return { scale: fitScale(film, stage, turn), x: film.width / 2, y: film.height / 2, turn };
}

/** Neither lost in the distance nor so close that a few pixels fill the stage. */
export function allowedScale(film, stage, turn, scale) {
  const fit = fitScale(film, stage, turn);
  return between(Math.min(fit, 1), scale, Math.max(MAX_SCALE, fit));
}

// As far as zooming about a point of the film takes it, and up to a quarter of the stage more:
// what lies at the edge can be looked at in the middle.
function allowedWay(filmSide, stageSide, growth) {
  const over = Math.max(0, (filmSide - filmSide / growth) / 2);
  return over + Math.min(over, stageSide / 4);
}

// Loosely held, a picture may go anywhere as long as a strip of it can still be seen.
function looseWay(filmSide, stageSide) {
  return Math.max(0, (filmSide + stageSide) / 2 - STRIP);
}

/** The view with its middle moved so that the film stays on the stage. */
export function heldOnStage(view, film, stage, { isLoose = false } = {}) {
  const middle = { x: film.width / 2, y: film.height / 2 };
  const way = rotate({ x: view.x - middle.x, y: view.y - middle.y }, view.turn);
  const { width, height } = extent(film, view.turn);
  const allowed = isLoose ? looseWay : allowedWay;
  const growth = view.scale / fitScale(film, stage, view.turn);
  const across = allowed(width * view.scale, stage.width, growth) / view.scale;
  const down = allowed(height * view.scale, stage.height, growth) / view.scale;
  const held = { x: between(-across, way.x, across), y: between(-down, way.y, down) };
  const back = rotate(held, -view.turn);
  return { ...view, x: middle.x + back.x, y: middle.y + back.y };
}

/** The view in which the film point `anchor` lies under the stage point `point`. */
export function withPointAt(view, stage, anchor, point) {
  const there = toFilm(view, stage, point);
  return { ...view, x: view.x + anchor.x - there.x, y: view.y + anchor.y - there.y };
}
