// The avatar: everything that moves it, laid over each other, and what developers call.
import { clamp } from "./rig.js";
import { Follower, Idle } from "./life.js";
import { Microphone } from "./microphone.js";
import { fromDegrees, fromVector, times } from "./rotations.js";

const TURNS = { yaw: 40, pitch: 30, roll: 30 }; // degrees
const LIDS = /^eye(Squint|Wide|LookUp|LookDown)/;
const LOOKS = [
  ["eyeLookOutLeft", "eyeLookInRight", 0, 1], ["eyeLookInLeft", "eyeLookOutRight", 0, -1],
  ["eyeLookUpLeft", "eyeLookUpRight", 1, 1], ["eyeLookDownLeft", "eyeLookDownRight", 1, -1],
];

export class Avatar {
  constructor(rig, player) {
    this.rig = rig;
    this.player = player;
    this.index = new Map(rig.names.map((name, i) => [name, i]));
    this.given = {};
    this.fed = {};
    this.idle = new Idle();
    this.follower = new Follower();
    this.microphone = new Microphone();
  }

  // Weights of ARKit's names 0..1; yaw, pitch, roll in degrees; lookX, lookY -1..1; jaw in degrees. Others stay.
  set(values) {
    for (const [name, value] of Object.entries(values)) {
      if (!this.index.has(name) && !(name in TURNS) && !["lookX", "lookY", "jaw"].includes(name))
        throw new Error(`There is no '${name}': use ARKit's names, yaw, pitch, roll, lookX, lookY or jaw`);
      if (!Number.isFinite(value)) throw new Error(`'${name}' must be a number`);
      this.given[name] = value;
    }
  }

  get(name) {
    return name === undefined ? { ...this.given } : (this.given[name] ?? 0);
  }

  // What a camera or a socket sends: replaced as a whole each time.
  feed(values) {
    this.fed = Object.fromEntries(
      Object.entries(values).filter(([name, value]) => (this.index.has(name) || name in TURNS) && Number.isFinite(value)),
    );
  }

  reset() {
    this.given = {};
    this.fed = {};
    this.player.stop();
  }

  // Let some seconds pass and return what the rig is to do.
  advance(seconds) {
    this.player.advance(seconds);
    const base = this.player.pose() ?? { weights: new Array(52).fill(0), rotation: this.rig.restRotation };
    const idle = this.player.playing ? null : this.idle.advance(seconds);
    const followed = this.follower.advance(seconds);
    const spoken = this.microphone.advance(seconds);
    const added = new Float32Array(52);
    for (const values of [this.given, this.fed, spoken ?? {}])
      for (const [name, value] of Object.entries(values)) if (this.index.has(name)) added[this.index.get(name)] += value;
    const look = [0, 1].map((k) => followed.look[k] + (idle?.look[k] ?? 0) + (this.given[k ? "lookY" : "lookX"] ?? 0));
    this.#look(added, look);
    const turn = Object.keys(TURNS).map((name, k) =>
      clamp((this.given[name] ?? 0) + (this.fed[name] ?? 0) + followed.turn[k] + (idle?.turn[k] ?? 0), -TURNS[name], TURNS[name]),
    );
    const weights = base.weights.map((w, i) => clamp(w + added[i], 0, 1));
    if (idle?.shut) this.#shut(weights, idle.shut);
    const gaze = base.gaze && this.rig.gazeOf(added).map((g, k) => g + base.gaze[k]);
    return {
      ...base,
      weights,
      gaze: gaze || undefined,
      rotation: times(fromDegrees(...turn), base.rotation),
      shift: [0, 1, 2].map((k) => (base.shift?.[k] ?? 0) + (idle?.shift[k] ?? 0)),
      jaw: [((this.given.jaw ?? 0) * Math.PI) / 180, 0, 0],
      nod: fromVector(0, 0, 0),
    };
  }

  #look(weights, look) {
    for (const [one, two, axis, sign] of LOOKS)
      for (const name of [one, two]) weights[this.index.get(name)] += Math.max(sign * look[axis], 0);
  }

  // Shut lids have nowhere else to go.
  #shut(weights, shut) {
    this.rig.names.forEach((name, i) => {
      if (LIDS.test(name)) weights[i] *= 1 - shut;
      if (name.startsWith("eyeBlink")) weights[i] = Math.max(weights[i], shut);
    });
  }
}
