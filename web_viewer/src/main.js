import { listenToParent, makeApi } from "./api.js";
import { Avatar } from "./avatar.js";
import { fromBase64, gunzip, readTensors } from "./bytes.js";
import { Recorder, picture, save } from "./capture.js";
import { Webcam, listen } from "./live.js";
import { Panel } from "./panel.js";
import { Player, Take } from "./player.js";
import { Rig } from "./rig.js";
import { Stage } from "./stage.js";

const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const LONGEST_STEP = 0.25; // seconds that a frame may let pass
const ORBIT_STEP = 0.12;

class Loop {
  constructor(avatar, stage, recorder) {
    Object.assign(this, { avatar, stage, recorder, frames: 0, last: performance.now() });
  }

  run = (now = performance.now()) => {
    const seconds = Math.min(Math.max(now - this.last, 0) / 1000, LONGEST_STEP);
    this.last = now;
    this.before?.(now);
    this.stage.draw(this.avatar.advance(seconds));
    this.recorder.frame();
    this.frames++;
    this.next = requestAnimationFrame(this.run);
  };

  // Draw what is asked for now, sorted for it, for pictures; `work` takes them.
  async settled(work) {
    cancelAnimationFrame(this.next);
    const result = await this.stage.settled(this.avatar.advance(0), work);
    this.last = performance.now();
    this.next = requestAnimationFrame(this.run);
    return result;
  }
}

async function start() {
  const about = JSON.parse(document.getElementById("about").textContent);
  const rig = new Rig(readTensors(await gunzip(fromBase64(document.getElementById("rig").textContent))));
  const player = new Player(await Promise.all(about.takes.map(Take.read)));
  const avatar = new Avatar(rig, player);
  const canvas = document.querySelector("canvas");
  const stage = new Stage(canvas, rig, about);
  const recorder = new Recorder(canvas, player);
  const loop = new Loop(avatar, stage, recorder);
  const webcam = about.webcam && new Webcam(about.webcam);
  const toggles = makeToggles(avatar, webcam);
  const takePicture = () => loop.settled(() => picture(canvas, stage.backdrop));
  const name = about.title || "avatar";
  const actions = makeActions({ avatar, player, stage, recorder, toggles, takePicture, webcam, name });
  const takes = player.takes.map((take) => take.name);
  const panel = new Panel({ names: rig.names, avatar, actions, takes, choose: (i) => player.play(i) });
  player.addEventListener("change", () => panel.refresh());
  followPointer(avatar, stage);
  if (about.live) listen(about.live, (values) => avatar.feed(values), (state) => panel.say(`Live source: ${state}`));
  loop.before = (now) => {
    const seen = webcam && webcam.read(now);
    if (seen) avatar.feed(seen);
  };
  document.getElementById("loading").remove();
  if (!STILL.matches) {
    toggles.idle(true);
    toggles.follow(true);
  }
  panel.refresh();
  loop.run();
  window.avatar = makeApi({ avatar, player, stage, panel, toggles, takePicture, recorder, loop });
  listenToParent(window.avatar);
  document.body.dataset.ready = "yes";
}

function makeToggles(avatar, webcam) {
  return {
    follow: (on) => (avatar.follower.on = on),
    idle: (on) => (avatar.idle.on = on),
    microphone: (on) => (on ? avatar.microphone.start() : avatar.microphone.stop()),
    webcam: async (on) => (on ? webcam.start() : (webcam.stop(), avatar.feed({}))),
  };
}

function makeActions({ avatar, player, stage, recorder, toggles, takePicture, webcam, name }) {
  const face = document.getElementById("face");
  const actions = {};
  if (player.takes.length) {
    actions.play = {
      label: () => (player.playing ? "Pause" : "Play"), title: "Play the motion", key: "Space",
      pressed: () => player.playing, run: () => (player.playing ? player.pause() : player.play()),
    };
  }
  const toggle = (label, title, key, state, flip) => ({ label, title, key, pressed: state, run: () => flip(!state()) });
  Object.assign(actions, {
    follow: toggle("Follow", "Eyes and head follow the pointer", "P", () => avatar.follower.on, toggles.follow),
    idle: toggle("Idle", "Blinks, breath and small turns", "I", () => avatar.idle.on, toggles.idle),
    microphone: toggle("Microphone", "The mouth goes with your voice", "M", () => avatar.microphone.on, toggles.microphone),
  });
  if (webcam) actions.webcam = toggle("Camera", "Your face drives it", "W", () => webcam.on, toggles.webcam);
  Object.assign(actions, {
    sliders: toggle("Face", "Sliders of the face", "S", () => !face.hidden, (on) => (face.hidden = !on)),
    reset: { label: "Reset", title: "Face and view as at first", key: "R", run: () => (avatar.reset(), stage.reset()) },
    picture: { label: "Picture", title: "Save a picture", key: "C", run: async () => save(await takePicture(), name) },
    record: {
      label: () => (recorder.on ? "Stop" : "Video"), title: "Record a video", key: "V", pressed: () => recorder.on,
      run: async () => (recorder.on ? save(await recorder.stop(), name) : recorder.start(stage.backdrop)),
    },
    whole: {
      label: "Full screen", title: "Full screen", key: "F",
      run: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
    },
  });
  document.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step && !event.target.closest?.("input, select, textarea")) stage.orbit(...step.map((s) => s * ORBIT_STEP));
  });
  return actions;
}

function followPointer(avatar, stage) {
  const aim = ({ clientX, clientY }) => {
    const [x, y] = stage.center;
    avatar.follower.aim((2 * (clientX - x)) / window.innerWidth, (-2 * (clientY - y)) / window.innerHeight);
  };
  document.addEventListener("pointermove", aim, { passive: true });
  document.addEventListener("pointerdown", aim, { passive: true });
  document.documentElement.addEventListener("pointerleave", () => avatar.follower.aim(0, 0));
}

start().catch((error) => {
  const loading = document.getElementById("loading");
  if (loading) loading.textContent = `This browser cannot show the avatar: ${error.message}. It needs WebGL 2.`;
  throw error;
});
