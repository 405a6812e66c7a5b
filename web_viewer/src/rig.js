// The rig of docs/rig_format.md: what ARKit weights, gaze and joints do to its controls.
import { fromVector, transposed, turned } from "./rotations.js";

const BALL = 0.62;
const TORSO_SOFT_CM = 4.5;
const UPPER_LIP = 13;
const LOWER_LIP = 14;
const LOWER_CURVE = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308];
const UPPER_CURVE = [308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78];

export class Rig {
  constructor({ tensors, notes }) {
    this.tensors = tensors;
    this.names = JSON.parse(notes.units);
    this.title = notes.name ?? "";
    this.count = tensors.points.shape[0];
    this.controls = tensors.shapes.shape[1];
    this.rotation = Array.from(tensors.rotation);
    this.restRotation = Array.from(tensors.rest_rotation);
    this.translation = Array.from(tensors.translation);
    this.neck = Array.from(tensors.neck_pivot);
    this.jawPivot = Array.from(tensors.jaw_pivot);
    this.distance = tensors.camera_distance[0];
    this.shapes = scaled(tensors.shapes, tensors.shapes_scale);
    this.offsets = new Float32Array(4 * this.controls);
  }

  // Offsets of the controls, four numbers each, under a pose {weights, gaze, extra, jaw}.
  move(pose) {
    const out = this.offsets.fill(0);
    const { shape_units: units, landmarks, jaw } = this.tensors;
    for (let k = 0; k < this.shapes.length; k++) {
      const share = activation(pose.weights, units[2 * k], units[2 * k + 1]);
      if (Math.abs(share) > 1e-5) add(out, this.shapes[k], share);
    }
    for (const [shape, share] of pose.extra ?? []) add(out, shape, share);
    const hinge = fromVector(...(pose.jaw ?? [0, 0, 0]));
    if (hinge[0] !== 1 || hinge[4] !== 1 || hinge[8] !== 1) this.#turnJaw(out, landmarks, jaw, hinge);
    const gaze = pose.gaze ?? this.gazeOf(pose.weights);
    for (let side = 0; side < 2; side++) this.#turnEye(out, side, gaze[2 * side], gaze[2 * side + 1]);
    return out;
  }

  // Change of the irises' places by weights: left x, y, right x, y in eye widths.
  gazeOf(weights) {
    const gaze = [0, 0, 0, 0];
    for (let u = 0; u < weights.length; u++)
      if (weights[u]) for (let k = 0; k < 4; k++) gaze[k] += weights[u] * this.tensors.gaze[4 * u + k];
    return gaze;
  }

  // How far a point goes along with the torso in x and y, 0 to 1; none where the portrait cuts it.
  torsoFollow(point, head) {
    const [left, right, lower, goesOn] = this.tensors.torso ?? [0, 0, 0, 0];
    const rest = turned(this.rotation, point).map((v, k) => v + this.translation[k]);
    const [x, y] = rest.map((v) => v / (1 - rest[2] / this.distance));
    const side = (1 - head) * smoothstep(Math.min(x - left, right - x) / TORSO_SOFT_CM);
    const over = smoothstep((y - lower) / TORSO_SOFT_CM);
    return [goesOn ? side * over : side, side * over];
  }

  // The inner lips after `move`: curves from left to right, and the opening in centimeters.
  lips() {
    const at = (i) => [0, 1].map((k) => this.tensors.landmarks[3 * i + k] + this.offsets[4 * i + k]);
    const curve = (rows) => rows.map(at).sort((a, b) => a[0] - b[0]);
    return {
      lower: curve(LOWER_CURVE),
      upper: curve(UPPER_CURVE),
      corners: [at(LOWER_CURVE[0])[0], at(LOWER_CURVE[10])[0]],
      opening: at(UPPER_LIP)[1] - at(LOWER_LIP)[1],
    };
  }

  #turnJaw(out, landmarks, jaw, hinge) {
    for (let i = 0; i < landmarks.length / 3; i++) {
      if (!jaw[i]) continue;
      const arm = [0, 1, 2].map((k) => landmarks[3 * i + k] + out[4 * i + k] - this.jawPivot[k]);
      const moved = turned(hinge, arm);
      for (let k = 0; k < 3; k++) out[4 * i + k] += jaw[i] * (moved[k] - arm[k]);
    }
  }

  #turnEye(out, side, dx, dy) {
    const eye = this.tensors.eyes.subarray(7 * side, 7 * side + 7);
    const own = [eye[0], eye[1]];
    const seen = [clamp(own[0] + dx, eye[3], eye[5]), clamp(own[1] + dy, eye[4], eye[6])];
    const aside = [(seen[0] - own[0]) * eye[2], (seen[1] - own[1]) * eye[2], 0];
    const staged = turned(this.rotation, aside);
    staged[2] = (depth(own) - depth(seen)) * eye[2];
    const local = turned(transposed(this.rotation), staged);
    const control = this.tensors.eye_controls[side];
    for (let k = 0; k < 3; k++) out[4 * control + k] = local[k];
  }
}

export function scaled(integers, scales) {
  const size = integers.shape[1] * integers.shape[2];
  return Array.from(scales, (scale, k) => Float32Array.from(integers.subarray(k * size, (k + 1) * size), (v) => v * scale));
}

function activation(weights, one, two) {
  if (one < 0) return 1;
  if (two < 0) return weights[one];
  return one === two ? 4 * weights[one] * (1 - weights[one]) : weights[one] * weights[two];
}

function add(out, shape, share) {
  for (let i = 0, j = 0; i < shape.length; i += 3, j += 4) {
    out[j] += share * shape[i];
    out[j + 1] += share * shape[i + 1];
    out[j + 2] += share * shape[i + 2];
  }
}

function depth([x, y]) {
  return BALL - Math.sqrt(Math.max(BALL ** 2 - x * x - y * y, 0.05 * BALL ** 2));
}

function smoothstep(t) {
  const held = clamp(t, 0, 1);
  return held * held * (3 - 2 * held);
}

export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
