// Pictures and videos of what is seen.

export async function picture(canvas, backdrop) {
  const copy = painted(canvas, backdrop);
  return new Promise((resolve) => copy.toBlob(resolve, "image/png"));
}

export class Recorder {
  constructor(canvas) {
    this.canvas = canvas;
    this.recorder = null;
  }

  get on() {
    return this.recorder !== null;
  }

  // Record until `stop`; the sound of `audio`, an element that plays, goes along.
  start(audio, backdrop) {
    this.backdrop = backdrop;
    this.copy = painted(this.canvas, backdrop);
    const stream = this.copy.captureStream(30);
    const sound = audio?.captureStream?.() ?? audio?.mozCaptureStream?.();
    sound?.getAudioTracks().forEach((track) => stream.addTrack(track));
    const kind = ["video/webm;codecs=vp9,opus", "video/webm;codecs=vp8,opus", "video/webm", "video/mp4"].find((type) =>
      MediaRecorder.isTypeSupported(type),
    );
    this.recorder = new MediaRecorder(stream, { mimeType: kind, videoBitsPerSecond: 6e6 });
    this.parts = [];
    this.recorder.ondataavailable = (event) => this.parts.push(event.data);
    this.recorder.start(1000);
  }

  frame() {
    if (this.on) paint(this.copy, this.canvas, this.backdrop);
  }

  stop() {
    const { recorder, parts } = this;
    this.recorder = null;
    return new Promise((resolve) => {
      recorder.onstop = () => resolve(new Blob(parts, { type: recorder.mimeType.split(";")[0] }));
      recorder.stop();
    });
  }
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name}.${{ "image/png": "png", "video/mp4": "mp4" }[blob.type] ?? "webm"}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function painted(canvas, backdrop) {
  const copy = document.createElement("canvas");
  copy.width = canvas.width;
  copy.height = canvas.height;
  paint(copy, canvas, backdrop);
  return copy;
}

function paint(copy, canvas, backdrop) {
  const context = copy.getContext("2d");
  context.fillStyle = getComputedStyle(document.body).backgroundColor;
  context.fillRect(0, 0, copy.width, copy.height);
  if (backdrop?.width) {
    const scale = Math.max(copy.width / backdrop.width, copy.height / backdrop.height);
    const [width, height] = [scale * backdrop.width, scale * backdrop.height];
    context.drawImage(backdrop, (copy.width - width) / 2, (copy.height - height) / 2, width, height);
  }
  context.drawImage(canvas, 0, 0, copy.width, copy.height);
}
