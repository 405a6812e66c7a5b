// Takes that were baked into the page, with their sound.
import { fromBase64, gunzip, readTensors } from "./bytes.js";
import { scaled } from "./rig.js";
import { fromVector } from "./rotations.js";

export class Take {
  constructor({ tensors, notes }, sound) {
    this.tensors = tensors;
    this.name = notes.name;
    this.fps = Number(notes.fps);
    this.frames = tensors.weights.shape[0];
    this.shapes = tensors.shapes.shape[0] ? scaled(tensors.shapes, tensors.shapes_scale) : [];
    this.sound = sound;
    this.duration = this.frames / this.fps;
  }

  static async read({ data, sound }) {
    return new Take(readTensors(await gunzip(fromBase64(data))), sound);
  }

  // What moves the rig at a time in seconds, between the two nearest frames.
  at(time) {
    const place = Math.min(Math.max(time * this.fps, 0), this.frames - 1);
    const one = Math.floor(place);
    const two = Math.min(one + 1, this.frames - 1);
    const t = place - one;
    const mixed = (name, size) => {
      const row = this.tensors[name];
      return Array.from({ length: size }, (_, k) => (1 - t) * row[one * size + k] + t * row[two * size + k]);
    };
    const shares = mixed("shares", this.shapes.length);
    return {
      weights: mixed("weights", 52),
      rotation: fromVector(...mixed("rotation", 3)),
      scale: mixed("scale", 1)[0],
      shift: mixed("shift", 3),
      gaze: mixed("gaze", 4),
      extra: this.shapes.map((shape, k) => [shape, shares[k]]),
    };
  }
}

export class Player extends EventTarget {
  constructor(takes) {
    super();
    this.takes = takes;
    this.take = null;
    this.playing = false;
    this.loop = true;
    this.time = 0;
    this.audio = null;
  }

  find(which) {
    if (which === undefined) return this.take ?? this.takes[0];
    return typeof which === "number" ? this.takes[which] : this.takes.find((take) => take.name === which);
  }

  async play(which) {
    const take = this.find(which);
    if (!take) throw new Error(`There is no motion '${which}': choose one of ${this.takes.map((t) => t.name).join(", ")}`);
    if (take !== this.take) this.#choose(take);
    this.playing = true;
    if (this.audio) {
      this.audio.currentTime = Math.min(this.time, this.audio.duration || Infinity);
      // A page that nobody has touched yet may make no sound: the picture goes on alone.
      await this.audio.play().catch(() => {});
    }
    this.dispatchEvent(new Event("change"));
  }

  pause() {
    this.playing = false;
    this.audio?.pause();
    this.dispatchEvent(new Event("change"));
  }

  stop() {
    this.pause();
    this.time = 0;
    this.take = null;
    this.dispatchEvent(new Event("change"));
  }

  seek(time) {
    this.time = time;
    if (this.audio) this.audio.currentTime = time;
  }

  // Go on by some seconds; the sound, where there is one, is the clock.
  advance(seconds) {
    if (!this.take || !this.playing) return;
    const heard = this.audio && !this.audio.paused && !this.audio.ended;
    this.time = heard ? this.audio.currentTime : this.time + seconds;
    if (this.time < this.take.duration) return;
    if (this.loop) this.#again();
    else this.stop();
  }

  pose() {
    return this.take?.at(this.time);
  }

  #again() {
    this.time = 0;
    if (this.audio) {
      this.audio.currentTime = 0;
      if (this.playing) this.audio.play().catch(() => {});
    }
  }

  #choose(take) {
    this.audio?.pause();
    this.take = take;
    this.time = 0;
    this.audio = take.sound ? new Audio(take.sound) : null;
  }
}
