// What makes it look alive when nobody moves it: blinks, breath, small turns, and eyes that follow the pointer.
import { clamp } from "./rig.js";

const BLINK = [0.09, 0.06, 0.16]; // seconds that lids take to shut, stay and open
const PAUSE = [2, 6]; // between blinks
const HEAD_DELAY = 0.35;
const EYE_DELAY = 0.07;
const REACH = [22, 14]; // degrees that the head turns for a pointer at the picture's edge
const THERE = 1e-4; // of the way to that edge: what only comes nearer moves, and is drawn, for minutes

export class Idle {
  constructor(random = Math.random) {
    this.random = random;
    this.on = false;
    this.next = 1.5;
    this.time = 0;
    this.look = [0, 0];
    this.looked = 0;
  }

  advance(seconds) {
    if (!this.on) return null;
    this.time += seconds;
    if (this.time > this.next + BLINK[0] + BLINK[1] + BLINK[2]) this.next = this.time + this.#between(PAUSE);
    if (this.time > this.looked) {
      this.looked = this.time + this.#between([1.2, 4]);
      this.look = [0.25 * (this.random() - 0.5), 0.12 * (this.random() - 0.5)];
    }
    const slow = (a, b) => Math.sin(this.time * a + b);
    return {
      shut: this.#lids(this.time - this.next),
      look: this.look,
      turn: [1.6 * slow(0.53, 0) + 0.8 * slow(1.13, 1), 0.8 * slow(0.41, 2) + 0.3 * slow(0.97, 0.4), 0.7 * slow(0.37, 1.3)],
      shift: [0, 0.05 * slow(1.5, 0), 0],
    };
  }

  #lids(since) {
    const t = clamp(Math.min((since + 0) / BLINK[0], (BLINK[0] + BLINK[1] + BLINK[2] - since) / BLINK[2]), 0, 1);
    return t * t * (3 - 2 * t);
  }

  #between([low, high]) {
    return low + (high - low) * this.random();
  }
}

export class Follower {
  constructor() {
    this.on = false;
    this.target = [0, 0];
    this.eyes = [0, 0];
    this.head = [0, 0];
  }

  // Where to look: -1..1 to the picture's right, and up.
  aim(x, y) {
    this.target = [clamp(x, -1, 1), clamp(y, -1, 1)];
  }

  advance(seconds) {
    const goal = this.on ? this.target : [0, 0];
    for (const k of [0, 1]) {
      this.eyes[k] = nearer(this.eyes[k], goal[k], seconds / EYE_DELAY);
      this.head[k] = nearer(this.head[k], goal[k], seconds / HEAD_DELAY);
    }
    // The eyes lead; what the head has turned they need not look.
    return {
      look: [0, 1].map((k) => clamp(1.2 * this.eyes[k] - 0.6 * this.head[k], -1, 1)),
      turn: [REACH[0] * this.head[0], -REACH[1] * this.head[1], 0],
    };
  }
}

function nearer(value, goal, delays) {
  return Math.abs(goal - value) < THERE ? goal : goal + (value - goal) * Math.exp(-delays);
}
