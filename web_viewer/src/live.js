// Faces from elsewhere: JSON over a WebSocket, and a camera read by MediaPipe from the network.
import { Device } from "./device.js";

// Messages such as {"jawOpen": 0.4, "yaw": 10}, or {"blendshapes": {...}, "head": {"yaw": 10}}.
export function listen(address, feed, changed) {
  const socket = new WebSocket(address);
  socket.onmessage = ({ data }) => {
    try {
      const message = JSON.parse(data);
      feed(message.blendshapes ? { ...message.blendshapes, ...message.head } : message);
    } catch {
      // What is no JSON is skipped: the next message may be.
    }
  };
  socket.onopen = () => changed("connected");
  socket.onclose = () => changed("closed");
  return socket;
}

// `source` is where MediaPipe's tasks-vision lies, `model` its face landmarker; both are loaded when asked for.
export class Webcam extends Device {
  constructor({ source, model }) {
    super(() => this.#watch());
    this.source = source;
    this.model = model;
  }

  async #watch() {
    this.landmarker ??= await this.#load();
    const video = document.createElement("video");
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
    await video.play();
    return { video, close: () => video.srcObject.getTracks().forEach((track) => track.stop()) };
  }

  async #load() {
    const { FaceLandmarker, FilesetResolver } = await import(`${this.source}/vision_bundle.mjs`);
    const files = await FilesetResolver.forVisionTasks(`${this.source}/wasm`);
    return FaceLandmarker.createFromOptions(files, {
      baseOptions: { modelAssetPath: this.model },
      runningMode: "VIDEO",
      outputFaceBlendshapes: true,
      outputFacialTransformationMatrixes: true,
    });
  }

  // Weights and turns, mirrored as in a mirror; nothing where there is no new picture or no face.
  read(now) {
    if (!this.on || this.opened.video.currentTime === this.seen) return null;
    const { video } = this.opened;
    this.seen = video.currentTime;
    const found = this.landmarker.detectForVideo(video, now);
    if (!found.faceBlendshapes?.length) return null;
    const values = Object.fromEntries(found.faceBlendshapes[0].categories.map((c) => [swapped(c.categoryName), c.score]));
    return { ...values, ...turnsOf(found.facialTransformationMatrixes[0].data) };
  }
}

function swapped(name) {
  return name.replace(/(Left|Right)$/, (side) => (side === "Left" ? "Right" : "Left"));
}

// Degrees of a face's 4x4 matrix, column by column; seen as in a mirror.
export function turnsOf(m) {
  const degrees = 180 / Math.PI;
  return {
    yaw: -Math.atan2(m[8], m[10]) * degrees,
    pitch: Math.atan2(-m[9], Math.hypot(m[8], m[10])) * degrees,
    roll: Math.atan2(m[1], m[5]) * degrees,
  };
}
