// Mouse, pen and fingers on the stage, told to a host as plain movements:
//   host.begin(event, point)  -> {move(point), end(), cancel()}   one pointer goes down; what
//                                end() gives says whether it was more than a tap
//   host.pinched({from, to, factor})                              two fingers moved
//   host.tapped(point, target), host.doubled(point), host.wheeled(point, factor) -> was it used
// Points are CSS pixels from the top left corner of the stage.

const WHEEL = Math.log(1.25) / 100;
const TRACKPAD_PINCH = 0.01;
const LINE_HEIGHT = 16;
const PAGE_HEIGHT = 400;
const WHEEL_PAUSE_MS = 350;
const TAP_SLACK = { mouse: 4, pen: 6, touch: 10 };

const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
const idle = { move() {}, end() {}, cancel() {} };

export function pointOf(stage, event) {
  const box = stage.getBoundingClientRect();
  return {
    x: event.clientX - box.left - stage.clientLeft,
    y: event.clientY - box.top - stage.clientTop,
  };
}

function wheelFactor(event) {
  const unit = [1, LINE_HEIGHT, PAGE_HEIGHT][event.deltaMode];
  const step = event.deltaY * unit * (event.ctrlKey ? TRACKPAD_PINCH : WHEEL);
  return Math.exp(-Math.min(Math.max(step, -0.7), 0.7));
}

class Gestures {
  #stage;
  #host;
  #pointers = new Map();
  #gesture = idle;
  #start = null;
  #isTap = false;
  #lastWheel = -Infinity;

  constructor(stage, host) {
    this.#stage = stage;
    this.#host = host;
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    stage.addEventListener("pointerup", (event) => this.#up(event));
    stage.addEventListener("pointercancel", (event) => this.#lost(event));
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    stage.addEventListener("dblclick", (event) => {
      if (!isControl(event)) host.doubled(pointOf(stage, event));
    });
    keepFingersFromThePage(stage);
  }

  #down(event) {
    if (isControl(event) || event.button > 1 || this.#pointers.size > 1) return;
    const point = pointOf(this.#stage, event);
    this.#pointers.set(event.pointerId, point);
    this.#stage.setPointerCapture(event.pointerId);
    this.#gesture.cancel();
    if (this.#pointers.size === 2) this.#startPinch();
    else this.#startOne(event, point);
  }

  #startOne(event, point) {
    this.#start = { point, target: event.target, slack: TAP_SLACK[event.pointerType] ?? 4 };
    this.#isTap = event.button === 0;
    this.#gesture = this.#host.begin(event, point) ?? idle;
    this.#stage.classList.add("is-dragging");
  }

  #startPinch() {
    this.#isTap = false;
    let before = [...this.#pointers.values()];
    const move = () => {
      const now = [...this.#pointers.values()];
      const factor = distance(...now) / Math.max(distance(...before), 1);
      this.#host.pinched({ from: middle(...before), to: middle(...now), factor });
      before = now;
    };
    this.#gesture = { ...idle, move };
  }

  #move(event) {
    if (!this.#pointers.has(event.pointerId)) return;
    const point = pointOf(this.#stage, event);
    this.#pointers.set(event.pointerId, point);
    if (this.#isTap && distance(point, this.#start.point) > this.#start.slack) this.#isTap = false;
    this.#gesture.move(point, event);
  }

  #up(event) {
    if (!this.#pointers.delete(event.pointerId)) return;
    const gesture = this.#leave();
    const isUsed = gesture.end();
    if (this.#isTap && !isUsed) this.#host.tapped(this.#start.point, this.#start.target);
    this.#isTap = false;
  }

  #lost(event) {
    if (!this.#pointers.delete(event.pointerId)) return;
    this.#leave().cancel();
    this.#isTap = false;
  }

  // The finger that stays after a pinch does nothing until it is lifted too.
  #leave() {
    const gesture = this.#gesture;
    this.#gesture = idle;
    this.#stage.classList.remove("is-dragging");
    return gesture;
  }

  // Once the film is as small as it gets, the wheel scrolls the page: after a pause, so that
  // zooming out does not run on into scrolling.
  #wheel(event) {
    const isUsed = this.#host.wheeled(pointOf(this.#stage, event), wheelFactor(event));
    if (!isUsed && event.timeStamp - this.#lastWheel > WHEEL_PAUSE_MS) return;
    this.#lastWheel = event.timeStamp;
    event.preventDefault();
  }
}

function isControl(event) {
  return Boolean(event.target.closest("button, a, input, label"));
}

// A film at fit lets one finger scroll the page (touch-action in viewer.css); two belong to it.
function keepFingersFromThePage(stage) {
  const hold = (event) => {
    if (event.touches.length > 1 && event.cancelable) event.preventDefault();
  };
  stage.addEventListener("touchstart", hold, { passive: false });
  stage.addEventListener("touchmove", hold, { passive: false });
}

export function listen(stage, host) {
  return new Gestures(stage, host);
}
