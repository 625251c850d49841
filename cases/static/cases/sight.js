// How a film is looked at: the view and the verbs that change it, kept within reason.

import * as levels from "./levels.js";
import * as transform from "./transform.js";

const isNear = (a, b) => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a), Math.abs(b));

export class Sight {
  /** {width, height} in film pixels; 0 as long as nobody knows. */
  film = { width: 0, height: 0 };
  /** The sight that decides where this one may go, while the two are linked. */
  leader = null;
  /** Whether the picture may leave its place even where all of it fits: it is laid beside
   * another one. */
  isLoose = false;
  #view = { scale: 1, x: 0, y: 0, turn: 0, ...levels.PLAIN };
  #isFit = true;
  #told;

  /** `told(cause)` hears of every change: "user", "load", "resize" or "follow". */
  constructor(stage, told) {
    this.stage = stage;
    this.#told = told;
  }

  /** {scale, x, y, turn, brightness, contrast, invert}; see transform.js and levels.js. */
  get view() {
    return { ...this.#view };
  }

  set view(change) {
    this.change(change);
  }

  /** The stage in CSS pixels. */
  get size() {
    return { width: this.stage.clientWidth, height: this.stage.clientHeight };
  }

  get isFit() {
    return this.leader ? this.leader.isFit : this.#isFit;
  }

  toFilm(point) {
    return transform.toFilm(this.#view, this.size, point);
  }

  toStage(point) {
    return transform.toStage(this.#view, this.size, point);
  }

  /** Whether anything has changed. */
  change(change, cause = "user") {
    const wanted = { ...this.#view, ...change };
    wanted.turn = transform.normalTurn(wanted.turn);
    Object.assign(wanted, levels.allowed(wanted));
    const next = this.leader ? wanted : this.#held(wanted);
    if (Object.keys(next).every((name) => Object.is(next[name], this.#view[name]))) return false;
    this.#view = next;
    this.#isFit = this.#looksFitted();
    this.#told(cause);
    return true;
  }

  #held(view) {
    const scale = transform.allowedScale(this.film, this.size, view.turn, view.scale);
    const { film, size, isLoose } = this;
    return transform.heldOnStage({ ...view, scale }, film, size, { isLoose });
  }

  #fitted() {
    return transform.fitted(this.film, this.size, this.#view.turn);
  }

  #looksFitted() {
    const fit = this.#fitted();
    return ["scale", "x", "y"].every((name) => isNear(fit[name], this.#view[name]));
  }

  fit(cause = "user") {
    if (this.leader) return this.leader.fit();
    const isChanged = this.change(this.#fitted(), cause);
    this.#isFit = true;
    return isChanged;
  }

  /** On the way out the film stops where it fits. */
  zoom(factor, point = this.#middle()) {
    const { scale, turn } = this.#view;
    const fit = this.#fitted().scale;
    const passesFit = scale > fit && !isNear(scale, fit) && scale * factor <= fit;
    if (passesFit && !this.leader) return this.fit();
    const allowed = this.leader
      ? scale * factor
      : transform.allowedScale(this.film, this.size, turn, scale * factor);
    const zoomed = { ...this.#view, scale: allowed };
    return this.change(transform.withPointAt(zoomed, this.size, this.toFilm(point), point));
  }

  pan(way) {
    const { x, y, scale, turn } = this.#view;
    const film = transform.rotate(way, -turn);
    return this.change({ x: x - film.x / scale, y: y - film.y / scale });
  }

  turn(degrees) {
    const wasFit = this.isFit;
    this.change({ turn: this.#view.turn + degrees });
    if (wasFit) this.fit();
  }

  /** Zoom to a box, with as much around it again. */
  show({ x, y, width, height }) {
    const around = 2 * Math.hypot(width, height);
    this.change({ x, y, scale: Math.min(this.size.width, this.size.height) / around });
  }

  reset() {
    this.change(levels.PLAIN);
    const leading = this.leader ?? this;
    leading.change({ turn: 0 });
    leading.fit();
  }

  /** Another film, looked at from the start. */
  start(film) {
    this.film = film;
    this.change({ turn: 0, ...levels.PLAIN }, "load");
    if (!this.leader) this.fit("load");
  }

  /** The stage has another size. */
  resized() {
    const again = () => (this.#isFit ? this.fit("resize") : this.change({}, "resize"));
    const isChanged = !this.leader && again();
    if (!isChanged) this.#told("resize");
  }

  #middle() {
    return { x: this.size.width / 2, y: this.size.height / 2 };
  }
}
