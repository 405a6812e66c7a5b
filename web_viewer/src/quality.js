// Fewer pixels where drawing is slow, such as without a GPU.
const SHARES = [1, 0.75, 0.56, 0.42, 0.32]; // of the canvas' edges
const SLOW = 70; // milliseconds a frame
const FAST = 22;
const UNCOUNTED = 2; // frames after a change, which make shaders and buffers
const PATIENCE = 4; // slow frames before there are fewer pixels
const TRUST = 90; // fast ones before more are tried again
const LEAST = 256; // pixels of the shorter edge

export class Quality {
  constructor() {
    this.trust = TRUST;
    this.#go(0);
  }

  get share() {
    return SHARES[this.level];
  }

  // Tell how long a frame took, and the shorter edge of all pixels; returns whether the share is another one now.
  note(milliseconds, edge) {
    this.frames += 1;
    if (this.frames <= 0) return false;
    this.mean += (milliseconds - this.mean) / Math.min(this.frames, 8);
    const fewer = SHARES[this.level + 1];
    if (this.mean > SLOW && this.frames >= PATIENCE && edge * fewer >= LEAST) {
      if (this.tried) this.trust *= 4;
      return this.#go(this.level + 1);
    }
    return this.mean < FAST && this.frames >= this.trust && this.level > 0 && this.#go(this.level - 1, true);
  }

  #go(level, tried = false) {
    Object.assign(this, { level, tried, frames: -UNCOUNTED, mean: 0 });
    return true;
  }
}
