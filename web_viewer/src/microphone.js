// A mouth that goes with the microphone: loudness opens it, and the sound's shape rounds, spreads or narrows it.
import { Device } from "./device.js";
import { clamp } from "./rig.js";

const BANDS = [[80, 300], [300, 900], [900, 1800], [1800, 3200], [3200, 8000]];
const ATTACK = 0.04;
const RELEASE = 0.12;

// ARKit weights of the levels 0..1 in the five bands, and of the loudness 0..1.
export function mouthOf(levels, loudness) {
  const total = levels.reduce((a, b) => a + b, 0) || 1;
  const [low, first, middle, high, hiss] = levels.map((level) => level / total);
  const voiced = clamp(1 - 2.2 * hiss, 0, 1);
  const round = clamp(2.2 * (low - 0.25) - 1.2 * high, 0, 1); // u and o have their energy below 900 Hz
  const spread = clamp(2.5 * (high - 0.12), 0, 1); // i and e have a second formant above 1800 Hz
  const open = loudness * voiced * (0.45 + 1.2 * first + 0.6 * middle) * (1 - 0.5 * round);
  return {
    jawOpen: clamp(0.7 * open, 0, 0.75),
    mouthFunnel: 0.6 * loudness * round,
    mouthPucker: 0.45 * loudness * round,
    mouthStretchLeft: 0.35 * loudness * spread,
    mouthStretchRight: 0.35 * loudness * spread,
    mouthUpperUpLeft: 0.2 * loudness * (spread + hiss),
    mouthUpperUpRight: 0.2 * loudness * (spread + hiss),
    mouthLowerDownLeft: 0.35 * open,
    mouthLowerDownRight: 0.35 * open,
  };
}

async function listen() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 1024, smoothingTimeConstant: 0.2 });
  context.createMediaStreamSource(stream).connect(analyser);
  const close = () => {
    stream.getTracks().forEach((track) => track.stop());
    context.close();
  };
  return { analyser, bins: new Float32Array(analyser.frequencyBinCount), close };
}

export class Microphone extends Device {
  constructor() {
    super(listen);
    this.loudness = 0;
    this.floor = 0.01;
    this.weights = {};
  }

  stop() {
    super.stop();
    this.weights = {};
  }

  advance(seconds) {
    if (!this.on) return null;
    const { analyser, bins } = this.opened;
    analyser.getFloatFrequencyData(bins);
    const hertz = analyser.context.sampleRate / 2 / bins.length;
    const levels = BANDS.map(([low, high]) => {
      let sum = 0;
      for (let k = Math.round(low / hertz); k < Math.round(high / hertz); k++) sum += 10 ** (bins[k] / 10);
      return Math.sqrt(sum);
    });
    const level = Math.hypot(...levels);
    // The room's own noise is what was softest lately.
    this.floor += (level - this.floor) * (level < this.floor ? 0.2 : 1 - Math.exp(-seconds / 8));
    const heard = clamp(Math.log10(Math.max(level, 1e-6) / (2 * Math.max(this.floor, 1e-4))) / 1.1, 0, 1);
    this.loudness += (heard - this.loudness) * (1 - Math.exp(-seconds / (heard > this.loudness ? ATTACK : RELEASE)));
    const wanted = mouthOf(levels, this.loudness);
    for (const [name, value] of Object.entries(wanted)) {
      const now = this.weights[name] ?? 0;
      this.weights[name] = now + (value - now) * (1 - Math.exp(-seconds / 0.05));
    }
    return this.weights;
  }
}
