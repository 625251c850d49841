// How two pictures lie over each other. A link is {times, turn, film, reference}: the film point
// `film` corresponds to the reference point `reference`; `times` reference pixels are as long as
// one film pixel; the reference is turned by `turn` degrees against the film.

import { rotate } from "./transform.js";

const middle = ({ width, height }) => ({ x: width / 2, y: height / 2 });
const centre = ({ x, y }) => ({ x, y });

/** Fixture to fixture where both are marked; otherwise picture to picture, by the height. */
export function linkOf(film, filmBox, reference, referenceBox) {
  if (filmBox && referenceBox) {
    return {
      times: referenceBox.height / filmBox.height,
      turn: filmBox.angle - referenceBox.angle,
      film: centre(filmBox),
      reference: centre(referenceBox),
    };
  }
  const times = reference.height / film.height;
  return { times, turn: 0, film: middle(film), reference: middle(reference) };
}

/** The link that two views have at this moment, however they came to it. */
export function linkBetween(filmView, referenceView) {
  return {
    times: filmView.scale / referenceView.scale,
    turn: referenceView.turn - filmView.turn,
    film: centre(filmView),
    reference: centre(referenceView),
  };
}

function carried(point, from, to, times, turn) {
  const way = rotate({ x: point.x - from.x, y: point.y - from.y }, turn);
  return { x: to.x + way.x * times, y: to.y + way.y * times };
}

/** Where the reference has to be looked at, so that it lies as the film does. */
export function referenceView({ times, turn, film, reference }, view) {
  return {
    ...carried(view, film, reference, times, -turn),
    scale: view.scale / times,
    turn: view.turn + turn,
  };
}

/** The other way round. */
export function filmView({ times, turn, film, reference }, view) {
  return {
    ...carried(view, reference, film, 1 / times, turn),
    scale: view.scale * times,
    turn: view.turn - turn,
  };
}
