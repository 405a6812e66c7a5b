// What the avatar is seen through: canvas, camera, background.
import * as THREE from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { Quality } from "./quality.js";
import { Painter, RigSplats } from "./splats.js";

const FIELD = 2 * Math.atan(1 / 12); // the camera's focal length is 12 half-widths of a square picture
const UNITS_PER_CM = 0.05;
const FAR_SIDE = 1.05; // radians of orbit to each side: a photo shows no back

export class Stage {
  constructor(canvas, rig, { background }) {
    this.canvas = canvas;
    this.quality = new Quality();
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: false, alpha: true, preserveDrawingBuffer: true });
    this.renderer.setClearColor(0, 0);
    this.scene = new THREE.Scene();
    this.splats = new RigSplats(rig);
    this.spark = new Painter(this.renderer);
    this.scene.add(this.spark, this.splats);
    this.distance = rig.distance * UNITS_PER_CM;
    this.camera = new THREE.PerspectiveCamera(THREE.MathUtils.radToDeg(FIELD), 1, 0.2, 100);
    this.controls = this.#orbit(rig);
    this.setBackground(background);
    this.resize();
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
  }

  #orbit(rig) {
    this.camera.position.set(0, 0, this.distance);
    const controls = new OrbitControls(this.camera, this.canvas);
    controls.target.set(0, 0, (rig.translation[2] - 3) * UNITS_PER_CM);
    controls.enablePan = false;
    controls.enableDamping = true;
    Object.assign(controls, {
      minAzimuthAngle: -FAR_SIDE, maxAzimuthAngle: FAR_SIDE, minPolarAngle: Math.PI / 2 - 0.6,
      maxPolarAngle: Math.PI / 2 + 0.5, minDistance: 0.35 * this.distance, maxDistance: 1.6 * this.distance,
    });
    controls.saveState();
    return controls;
  }

  get center() {
    const box = this.canvas.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + 0.45 * box.height];
  }

  // A color of CSS, or a picture as data; nothing for the page's own.
  setBackground(background) {
    const picture = background?.startsWith("data:");
    document.body.style.backgroundColor = picture ? "" : (background ?? "");
    document.body.style.backgroundImage = picture ? `url(${background})` : "";
    this.backdrop = picture ? Object.assign(new Image(), { src: background }) : null;
  }

  // What a square picture shows fills the shorter edge.
  resize(share = this.quality.share) {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    this.full = Math.min(window.devicePixelRatio, 2);
    this.edge = this.full * Math.min(width, height);
    this.renderer.setPixelRatio(this.full * share);
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / Math.max(height, 1);
    const half = Math.tan(FIELD / 2) * Math.max(1, height / Math.max(width, 1));
    this.camera.fov = THREE.MathUtils.radToDeg(2 * Math.atan(half));
    // A photo ends below: in tall windows that end is the window's.
    if (height > width) this.camera.setViewOffset(width, height, 0, (width - height) / 2, width, height);
    else this.camera.clearViewOffset();
    this.camera.updateProjectionMatrix();
    this.resized = true;
  }

  // As at first; without damping `update` forgets what was still turning.
  reset() {
    this.controls.enableDamping = false;
    this.controls.update();
    this.controls.reset();
    this.controls.enableDamping = true;
  }

  orbit(dx, dy) {
    const offset = this.camera.position.clone().sub(this.controls.target);
    const at = new THREE.Spherical().setFromVector3(offset);
    at.theta = THREE.MathUtils.clamp(at.theta + dx, -FAR_SIDE, FAR_SIDE);
    at.phi = THREE.MathUtils.clamp(at.phi + dy, this.controls.minPolarAngle, this.controls.maxPolarAngle);
    this.camera.position.copy(this.controls.target).add(offset.setFromSpherical(at));
    this.controls.update();
  }

  // Draw a pose, where anything has changed since the last time.
  draw(pose) {
    const asked = JSON.stringify(pose, (key, value) => (ArrayBuffer.isView(value) ? null : value));
    const turned = this.controls.update();
    if (asked !== this.asked) this.splats.pose(pose);
    else if (!turned && !this.spark.dirty && !this.resized) {
      this.drawn = null;
      return;
    }
    this.asked = asked;
    this.resized = false;
    this.renderer.render(this.scene, this.camera);
    this.#watch(performance.now());
  }

  #watch(now) {
    const before = this.drawn;
    this.drawn = now;
    if (before && this.quality.note(now - before, this.edge)) this.resize();
  }

  // Draw a pose with all pixels, its splats sorted for it, and work on what is seen before there are fewer again.
  async settled(pose, work = () => {}) {
    this.resize(1);
    this.draw(pose);
    do await new Promise((resolve) => setTimeout(resolve, 5));
    while (this.spark.sorting || this.spark.sortDirty);
    this.renderer.render(this.scene, this.camera);
    const result = await work();
    this.drawn = null;
    this.resize();
    return result;
  }
}
