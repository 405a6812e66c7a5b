// Pictures and videos of what is seen.

const LONGEST_WAIT = 60_000; // milliseconds until the first frame of a video is encoded: a busy machine takes ten seconds

export async function picture(canvas, backdrop) {
  const copy = painted(canvas, backdrop);
  return new Promise((resolve) => copy.toBlob(resolve, "image/png"));
}

// The sound of what a player plays, for recordings. A recorder waits for each of its tracks, and one that an element gives
// has nothing while the element rests; this one is silent then, and goes on with what is played next.
class Sound {
  constructor(player) {
    this.player = player;
    this.sources = new WeakMap();
    player.addEventListener("change", () => this.#connect());
  }

  // A track; null where nothing has sound, or on a page that nobody has touched yet, which may make none.
  async track() {
    if (!this.player.takes.some((take) => take.sound)) return null;
    this.context ??= new AudioContext();
    await Promise.race([this.context.resume(), pause(300)]);
    if (this.context.state !== "running") return null;
    this.out ??= this.context.createMediaStreamDestination();
    this.#connect();
    return this.out.stream.getAudioTracks()[0].clone();
  }

  #connect() {
    const { audio } = this.player;
    if (!this.out || !audio || this.sources.has(audio)) return;
    const source = this.context.createMediaElementSource(audio);
    source.connect(this.out);
    source.connect(this.context.destination);
    this.sources.set(audio, source);
  }
}

export class Recorder {
  constructor(canvas, player) {
    this.canvas = canvas;
    this.sound = new Sound(player);
    this.begun = null;
  }

  get on() {
    return this.begun !== null;
  }

  // Record until `stop`, with the sound of what is played.
  async start(backdrop) {
    if (this.on) return;
    this.backdrop = backdrop;
    this.copy = painted(this.canvas, backdrop);
    this.begun = this.#begin();
    try {
      await this.begun;
    } catch (error) {
      this.begun = null;
      throw error;
    }
  }

  frame() {
    if (this.on) paint(this.copy, this.canvas, this.backdrop);
  }

  async stop() {
    if (!this.on) throw new Error("Nothing is recorded: start a recording first");
    const { recorder, parts, written } = await this.begun;
    await Promise.race([written, pause(LONGEST_WAIT)]);
    this.begun = null;
    const stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve));
    recorder.stop();
    await stopped;
    recorder.stream.getTracks().forEach((track) => track.stop());
    const film = new Blob(parts, { type: recorder.mimeType.split(";")[0] });
    if (!film.size) throw new Error("This browser wrote no video: let it record for longer");
    return film;
  }

  async #begin() {
    const stream = this.copy.captureStream(30);
    const sound = await this.sound.track();
    if (sound) stream.addTrack(sound);
    const kind = ["video/webm;codecs=vp9,opus", "video/webm;codecs=vp8,opus", "video/webm", "video/mp4"].find((type) =>
      MediaRecorder.isTypeSupported(type),
    );
    const recorder = new MediaRecorder(stream, { mimeType: kind, videoBitsPerSecond: 6e6 });
    const parts = [];
    recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
    // Browsers say that they have started once the first frame is encoded; what is stopped before is empty.
    const written = new Promise((resolve) => recorder.addEventListener("start", resolve));
    recorder.start(1000);
    return { recorder, parts, written };
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

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
