// Rotations as rows of nine numbers, as the rig's documentation writes them.

export const IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1];

export function fromVector(x, y, z) {
  const angle = Math.hypot(x, y, z);
  if (angle < 1e-9) return IDENTITY.slice();
  const [a, b, c] = [x / angle, y / angle, z / angle];
  const s = Math.sin(angle);
  const d = 1 - Math.cos(angle);
  return [
    1 - d * (b * b + c * c), d * a * b - s * c, d * a * c + s * b,
    d * a * b + s * c, 1 - d * (a * a + c * c), d * b * c - s * a,
    d * a * c - s * b, d * b * c + s * a, 1 - d * (a * a + b * b),
  ];
}

// Ry(yaw) Rx(pitch) Rz(-roll), degrees: yaw > 0 to the picture's right, pitch > 0 down, roll > 0 clockwise.
export function fromDegrees(yaw, pitch, roll) {
  const r = Math.PI / 180;
  return times(fromVector(0, yaw * r, 0), times(fromVector(pitch * r, 0, 0), fromVector(0, 0, -roll * r)));
}

export function times(a, b) {
  const out = new Array(9);
  for (let i = 0; i < 3; i++)
    for (let j = 0; j < 3; j++) out[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
  return out;
}

export function transposed(a) {
  return [a[0], a[3], a[6], a[1], a[4], a[7], a[2], a[5], a[8]];
}

export function turned(a, [x, y, z]) {
  return [a[0] * x + a[1] * y + a[2] * z, a[3] * x + a[4] * y + a[5] * z, a[6] * x + a[7] * y + a[8] * z];
}

// Angle of a rotation in radians, and the same rotation by a share of it.
export function vectorOf(a) {
  const angle = Math.acos(Math.min(1, Math.max(-1, (a[0] + a[4] + a[8] - 1) / 2)));
  if (angle < 1e-6) return [0, 0, 0];
  const f = angle / (2 * Math.sin(angle));
  return [(a[7] - a[5]) * f, (a[2] - a[6]) * f, (a[3] - a[1]) * f];
}
