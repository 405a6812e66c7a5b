// The rig's Gaussians for Spark: deltas, joints and the surface's stretch are worked out on the GPU.
import { SplatGenerator, SparkRenderer, dyno } from "@sparkjsdev/spark";
import * as THREE from "three";
import { IDENTITY, turned } from "./rotations.js";
import { Sorter } from "./sorter.js";

const WIDTH = 1024;
const UNITS_PER_CM = 0.05;
const TORSO_PIVOT = [0, -6, -7];
const TORSO_SHARE = [0.5, 0.3];
const BATCH = 4096; // splats an instance

// The rasterizer's rules: 0.3 square pixels of blur, three standard deviations, nothing under a 255th.
export class Painter extends SparkRenderer {
  constructor(renderer) {
    super({
      renderer,
      covSplats: true,
      accumExtSplats: true,
      preBlurAmount: 0.3,
      blurAmount: 0,
      maxStdDev: 3.33,
      minAlpha: 1 / 255,
      clipXY: 1.3,
      sortRadial: false,
      enableLod: false,
    });
    this.sortWorker = new Sorter();
    this.#batch();
  }

  onBeforeRender(...given) {
    super.onBeforeRender(...given);
    this.uniforms.splatsActive.value = this.activeSplats;
    this.geometry.instanceCount = Math.ceil(this.activeSplats / BATCH);
  }

  // Spark draws an instance of two triangles for each splat. Software drawing takes a moment for every instance and
  // triangle, GPUs fill badly with four corners each: here an instance is many splats, a splat one triangle around its
  // ellipse.
  #batch() {
    const corners = [-Math.sqrt(3), -1, 0, Math.sqrt(3), -1, 0, 0, 2, 0];
    const positions = Float32Array.from({ length: BATCH * 9 }, (_, i) => corners[i % 9]);
    this.geometry.setAttribute("position", new THREE.BufferAttribute(positions, 3));
    this.geometry.setIndex(null);
    this.uniforms.splatsActive = this.material.uniforms.splatsActive = { value: 0 };
    this.material.vertexShader = this.material.vertexShader
      .replaceAll("gl_InstanceID", "splatNumber")
      .replace("void main() {", `uniform int splatsActive;\nvoid main() {\nint splatNumber = gl_InstanceID * ${BATCH} + gl_VertexID / 3;`)
      .replace("if (splatIndex == 0xffffffffu)", "if (splatNumber >= splatsActive || splatIndex == 0xffffffffu)");
  }
}

export class RigSplats extends SplatGenerator {
  constructor(rig) {
    super({ numSplats: rig.count });
    this.rig = rig;
    this.uniforms = this.#uniforms();
    this.covGenerator = dyno.dynoBlock({ index: "int" }, { covsplat: dyno.CovSplat }, ({ index }) =>
      new dyno.Dyno({
        inTypes: { index: "int" },
        outTypes: { covsplat: dyno.CovSplat },
        inputs: { index },
        generate: ({ inputs, outputs }) => ({
          globals: [dyno.defineGsplat, dyno.defineCovSplat, RIG],
          statements: [`rigSplat(${inputs.index}, ${outputs.covsplat});`],
          uniforms: this.uniforms,
        }),
      }).outputs,
    );
  }

  // Draw the rig in a pose {weights, gaze, extra, jaw, rotation, nod, scale, shift}.
  pose(pose) {
    const { rig, uniforms } = this;
    uniforms.rigOffsets.value.image.data.set(rig.move(pose));
    uniforms.rigOffsets.value.needsUpdate = true;
    const scale = pose.scale ?? 1;
    const turn = (pose.rotation ?? rig.restRotation).map((v) => v * scale);
    const shift = pose.shift ?? [0, 0, 0];
    const pivot = turned(rig.rotation, rig.neck).map((v, k) => v + rig.translation[k] + shift[k]);
    const lever = turned(turn, rig.neck);
    const arm = TORSO_PIVOT.map((v, k) => v - rig.neck[k]);
    const [before, after] = [turned(rig.rotation, arm), turned(turn, arm)];
    uniforms.rigTorso.value.set(...[0, 1].map((k) => TORSO_SHARE[k] * (shift[k] + after[k] - before[k])));
    uniforms.rigTurn.value.set(...turn);
    uniforms.rigTurnPlace.value.set(...pivot.map((v, k) => v - lever[k]));
    uniforms.rigToCamera.value.set(turn[6] / scale, turn[7] / scale, turn[8] / scale);
    uniforms.rigNod.value.set(...(pose.nod ?? IDENTITY));
    const lips = rig.lips();
    uniforms.rigLower.value.forEach((v, i) => v.set(...lips.lower[i]));
    uniforms.rigUpper.value.forEach((v, i) => v.set(...lips.upper[i]));
    uniforms.rigMouth.value.set(...lips.corners, lips.opening);
    this.updateVersion();
  }

  #uniforms() {
    const { rig } = this;
    const t = rig.tensors;
    const rows = Math.ceil(rig.count / WIDTH);
    const texture = (fill, kind) => {
      const data = new kind(4 * WIDTH * rows);
      for (let i = 0; i < rig.count; i++) fill(data, 4 * i, i);
      return kind === Float32Array ? floats(data, WIDTH, rows) : integers(data, WIDTH, rows);
    };
    const steep = steepWords(t, rig.count);
    const lattice = t.neighbors.shape[0];
    const inside = rig.count - t.fade.shape[0];
    const pack = (low, high) => ((low & 0xffff) | (high << 16)) >>> 0;
    const vectors = () => Array.from({ length: 11 }, () => new THREE.Vector2());
    return {
      rigPoints: { value: texture((data, o, i) => {
        for (let k = 0; k < 3; k++) data[o + k] = t.points_low[k] + t.points[3 * i + k] * t.points_step[k];
        const [x, y] = rig.torsoFollow(data.subarray(o, o + 3), t.head[i] / 255).map((v) => Math.round(255 * v));
        data[o + 3] = t.head[i] + 256 * x + 65536 * y;
      }, Float32Array) },
      rigBinding: { value: texture((data, o, i) => {
        data[o] = pack(t.controls[4 * i], t.controls[4 * i + 1]);
        data[o + 1] = pack(t.controls[4 * i + 2], t.controls[4 * i + 3]);
        data[o + 2] = pack(t.weights[4 * i], t.weights[4 * i + 1]);
        data[o + 3] = pack(t.weights[4 * i + 2], t.weights[4 * i + 3]);
      }, Uint32Array) },
      rigLooks: { value: texture((data, o, i) => {
        data[o] = (t.colors[3 * i] | (t.colors[3 * i + 1] << 8) | (t.colors[3 * i + 2] << 16) | (t.opacities[i] << 24)) >>> 0;
        if (i < lattice) {
          data[o + 1] = pack(t.neighbors[4 * i], t.neighbors[4 * i + 1]);
          data[o + 2] = pack(t.neighbors[4 * i + 2], t.neighbors[4 * i + 3]);
        }
        data[o + 3] = steep[i];
      }, Uint32Array) },
      rigForms: { value: texture((data, o, i) => {
        const c = t.covariances.bits;
        for (let k = 0; k < 3; k++) data[o + k] = pack(c[6 * i + 2 * k], c[6 * i + 2 * k + 1]);
        if (i >= inside) data[o + 3] = pack(t.fade.bits[2 * (i - inside)], t.fade.bits[2 * (i - inside) + 1]);
      }, Uint32Array) },
      rigOffsets: { value: floats(new Float32Array(4 * rig.controls), rig.controls, 1) },
      rigScales: { value: new THREE.Vector2(t.weights_scale[0] * 32767, t.colors_scale[0] * 255) },
      rigRanges: { value: [lattice, inside] },
      rigRest: { value: new THREE.Matrix3().set(...rig.rotation) },
      rigRestPlace: { value: new THREE.Vector3(...rig.translation) },
      rigTorso: { value: new THREE.Vector2() },
      rigTurn: { value: new THREE.Matrix3() },
      rigTurnPlace: { value: new THREE.Vector3() },
      rigToCamera: { value: new THREE.Vector3() },
      rigNod: { value: new THREE.Matrix3() },
      rigHeadPivot: { value: new THREE.Vector4(...t.head_pivot, t.landmarks[3 * 152 + 1]) },
      rigLower: { value: vectors() },
      rigUpper: { value: vectors() },
      rigMouth: { value: new THREE.Vector3() },
    };
  }
}

// Normal and cosine to the camera, a byte each; a cosine of 1 for Gaussians that never give way.
function steepWords(t, count) {
  const words = new Uint32Array(count).fill(0xff000000);
  t.steep.forEach((row, s) => {
    const byte = (k) => t.normals[3 * s + k] & 255;
    words[row] = (byte(0) | (byte(1) << 8) | (byte(2) << 16) | (Math.round(255 * t.facing[s]) << 24)) >>> 0;
  });
  return words;
}

function floats(data, width, height) {
  const texture = new THREE.DataTexture(data, width, height, THREE.RGBAFormat, THREE.FloatType);
  texture.internalFormat = "RGBA32F";
  texture.needsUpdate = true;
  return texture;
}

function integers(data, width, height) {
  const texture = new THREE.DataTexture(data, width, height, THREE.RGBAIntegerFormat, THREE.UnsignedIntType);
  texture.internalFormat = "RGBA32UI";
  texture.needsUpdate = true;
  return texture;
}

const RIG = /* glsl */ `
uniform highp sampler2D rigPoints, rigOffsets;
uniform highp usampler2D rigBinding, rigLooks, rigForms;
uniform vec2 rigScales, rigTorso;
uniform int rigRanges[2];
uniform mat3 rigRest, rigTurn, rigNod;
uniform vec3 rigRestPlace, rigTurnPlace, rigToCamera, rigMouth;
uniform vec4 rigHeadPivot;
uniform vec2 rigLower[11], rigUpper[11];

ivec2 rigTexel(int i) { return ivec2(i % ${WIDTH}, i / ${WIDTH}); }
vec3 rigOffset(uint control) { return texelFetch(rigOffsets, ivec2(int(control), 0), 0).xyz; }
ivec2 rigShorts(uint word) { return ivec2(int(word << 16) >> 16, int(word) >> 16); }

vec3 rigMoved(int i, vec3 point) {
  uvec4 bound = texelFetch(rigBinding, rigTexel(i), 0);
  vec2 a = unpackSnorm2x16(bound.z) * rigScales.x, b = unpackSnorm2x16(bound.w) * rigScales.x;
  return point + a.x * rigOffset(bound.x & 0xffffu) + a.y * rigOffset(bound.x >> 16)
    + b.x * rigOffset(bound.y & 0xffffu) + b.y * rigOffset(bound.y >> 16);
}

vec3 rigPlaced(int i, out vec3 rest, out vec3 moved) {
  vec4 point = texelFetch(rigPoints, rigTexel(i), 0);
  moved = rigMoved(i, point.xyz);
  vec3 arm = moved - rigHeadPivot.xyz;
  vec3 nodded = moved + smoothstep(0.0, 1.0, (moved.y - rigHeadPivot.w) / 5.0 + 1.0) * (rigNod * arm - arm);
  rest = rigRest * point.xyz + rigRestPlace;
  vec3 shares = vec3(uvec3(point.w) >> uvec3(0, 8, 16) & 255u) / 255.0;  // of the neck's joint's way, of the torso's
  return rest + shares.x * (rigTurn * nodded + rigTurnPlace - rest) + vec3(shares.yz * rigTorso, 0.0);
}

vec3 rigTangent(int i, ivec2 sides) {
  int links = int(sides.x != 0) + int(sides.y != 0);
  if (links == 0) return vec3(0.0);
  vec3 restBefore, restAfter, moved;
  vec3 before = rigPlaced(i + sides.x, restBefore, moved), after = rigPlaced(i + sides.y, restAfter, moved);
  float factor = 0.5 / float(links);
  vec3 tangent = (after - before) * factor;
  return tangent * min(1.0, 2.5 * distance(restAfter, restBefore) * factor / max(length(tangent), 1e-9));
}

float rigCurve(vec2 curve[11], float x) {
  if (x <= curve[0].x) return curve[0].y;
  for (int k = 1; k < 11; k++) {
    if (x <= curve[k].x) return mix(curve[k - 1].y, curve[k].y, (x - curve[k - 1].x) / max(curve[k].x - curve[k - 1].x, 1e-6));
  }
  return curve[10].y;
}

float rigMouthShown(vec3 point, vec2 fade) {
  float opening = max(rigMouth.z, 0.0);
  float change = clamp((opening - abs(fade.x)) / max(abs(fade.y), 1e-3), 0.0, 1.0);
  float shown = fade.y > 0.0 ? change : fade.y < 0.0 ? 1.0 - change : 1.0;
  if (fade.x < 0.0) return shown;
  if (point.x <= rigMouth.x || point.x >= rigMouth.y) return 0.0;
  return shown * clamp((point.y - rigCurve(rigLower, point.x)) / 0.06 + 1.0, 0.0, 1.0)
    * clamp((rigCurve(rigUpper, point.x) - point.y) / 0.06 + 1.0, 0.0, 1.0);
}

void rigSplat(int i, out CovSplat splat) {
  uvec4 looks = texelFetch(rigLooks, rigTexel(i), 0), form = texelFetch(rigForms, rigTexel(i), 0);
  vec3 rest, moved;
  vec3 center = rigPlaced(i, rest, moved);
  vec4 color = vec4(looks.x & 255u, (looks.x >> 8) & 255u, (looks.x >> 16) & 255u, looks.x >> 24) / 255.0;
  color.rgb *= rigScales.y;
  if (i >= rigRanges[1]) {
    color.a *= rigMouthShown(moved, unpackHalf2x16(form.w));
    color.rgb *= clamp(0.75 + 0.25 * rigMouth.z / 0.6, 0.75, 1.0);
  }
  vec3 normal = vec3(ivec3(looks.w << 24, looks.w << 16, looks.w << 8) >> 24) / 127.0;
  float gain = dot(normal, rigToCamera) - float(looks.w >> 24) / 255.0;
  color.a *= clamp(1.0 - (gain - 0.06) / 0.16, 0.0, 1.0);

  vec2 a = unpackHalf2x16(form.x), b = unpackHalf2x16(form.y), c = unpackHalf2x16(form.z);
  mat3 shape = mat3(a.x, a.y, b.x, a.y, b.y, c.x, b.x, c.x, c.y);
  if (i < rigRanges[0]) {
    vec3 u = rigTangent(i, rigShorts(looks.y)), v = rigTangent(i, rigShorts(looks.z));
    shape += outerProduct(u, u) + outerProduct(v, v);
  } else {
    shape = rigTurn * shape * transpose(rigTurn);
  }
  shape *= ${UNITS_PER_CM ** 2};
  splat.center = center * ${UNITS_PER_CM};
  splat.flags = color.a < 1.0 / 255.0 ? 0u : GSPLAT_FLAG_ACTIVE;
  splat.rgba = color;
  splat.index = i;
  splat.xxyyzz = vec3(shape[0][0], shape[1][1], shape[2][2]);
  splat.xyxzyz = vec3(shape[0][1], shape[0][2], shape[1][2]);
}
`;
