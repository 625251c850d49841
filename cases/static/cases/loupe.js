// A round magnifier over the stage: the same picture, two and a half times as large.

import { filterOf } from "./levels.js";
import { matrix, toFilm } from "./transform.js";

const TIMES = 2.5;
const SMALLEST_SCALE = 1;
const ABOVE_FINGER = 110;

export class Loupe {
  #viewer;
  #glass = document.createElement("div");
  #img = document.createElement("img");
  #isFinger = false;

  constructor(viewer) {
    this.#viewer = viewer;
    this.#glass.className = "viewer-loupe";
    this.#glass.hidden = true;
    this.#glass.setAttribute("aria-hidden", "true");
    this.#img.alt = "";
    this.#glass.append(this.#img);
    viewer.stage.append(this.#glass);
    viewer.stage.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch") this.follow(viewer.pointOf(event));
    });
  }

  open() {
    const { width, height } = this.#viewer.size;
    this.#img.src = this.#viewer.picture.img.currentSrc || this.#viewer.picture.img.src;
    this.#glass.hidden = false;
    this.follow({ x: width / 2, y: height / 2 });
  }

  close() {
    this.#glass.hidden = true;
  }

  // Above the finger: under it, nobody sees the glass.
  follow(point, isFinger = false) {
    const { width, height } = this.#viewer.size;
    this.at = {
      x: Math.min(Math.max(point.x, 0), width),
      y: Math.min(Math.max(point.y, 0), height),
    };
    this.#isFinger = isFinger;
    this.render();
  }

  render() {
    if (this.#glass.hidden) return;
    const { view, size, film } = this.#viewer;
    const glass = { width: this.#glass.clientWidth, height: this.#glass.clientHeight };
    const seen = toFilm(view, size, this.at);
    const scale = Math.max(view.scale * TIMES, SMALLEST_SCALE);
    const left = this.at.x - this.#glass.offsetWidth / 2;
    const top = this.at.y - this.#glass.offsetHeight / 2 - (this.#isFinger ? ABOVE_FINGER : 0);
    this.#glass.style.transform = `translate(${left}px, ${top}px)`;
    this.#img.style.width = `${film.width}px`;
    this.#img.style.height = `${film.height}px`;
    this.#img.style.filter = filterOf(view);
    this.#img.style.transform = matrix({ ...view, scale, ...seen }, glass);
  }
}
