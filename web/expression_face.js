// The face inside of the node "Expression": it follows the widgets as they are moved, once the node has run.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

const NODE = "GAGAvatarExpression";
const EDGE = 300; // pixels of the picture in the node, at least
const SIZES = [256, 768]; // of the pictures that are asked for
const LOOK_MS = 300; // between two looks for changes that call nobody: undo, paste, widgets of a subgraph
const BUSY_MS = 1000;
const NOT_OF_THE_FACE = ["frames", "fps", "size"];
const LABELS = { yaw: "turn (yaw)", pitch: "nod (pitch)", roll: "tilt (roll)" };
const WORDS = {
  unconnected: "Connect an avatar to see the face here",
  before: "The face appears here after a run",
  running: "Looking at the portrait…",
  lost: "This server cannot be reached",
};

const faces = new Set();

class Face {
  constructor(node) {
    this.node = node;
    this.picture = element("img", { alt: "The face with this expression", draggable: false });
    this.note = element("div", { className: "gagavatar-note" });
    this.runs = element("button", { textContent: "Show the face", onclick: () => this.run() });
    this.more = element("button", { title: "The 52 ARKit sliders, and the rest", onclick: () => this.toggleAdvanced() });
    const reset = element("button", { textContent: "Reset", title: "Every slider to its start", onclick: () => this.reset() });
    this.hint = element("span", {});
    const bar = element("div", { className: "gagavatar-bar" }, this.hint, this.more, reset);
    const stage = element("div", { className: "gagavatar-stage" }, this.picture, element("div", {}, this.note, this.runs));
    this.element = element("div", { className: "gagavatar-face" }, stage, bar);
    this.addWidget();
    this.show("before");
    faces.add(this);
    const timer = setInterval(() => this.look(), LOOK_MS);
    chain(node, "onRemoved", () => (clearInterval(timer), faces.delete(this)));
  }

  addWidget() {
    const { node } = this;
    for (const widget of this.widgets) {
      if (LABELS[widget.name] && (widget.label ?? widget.name) === widget.name) widget.label = LABELS[widget.name];
      chain(widget, "callback", () => this.look());
    }
    const options = { serialize: false, hideOnZoom: false, getMinHeight: () => EDGE + 60 };
    const widget = node.addDOMWidget("face", "gagavatar_face", this.element, options);
    widget.serialize = false;
    node.widgets.unshift(node.widgets.pop());
    // Editors leave a hole where a widget is not saved, and read the values without it.
    chain(node, "onSerialize", (saved) => {
      const kept = node.widgets.map((one) => one.serialize !== false);
      if (saved.widgets_values) saved.widgets_values = saved.widgets_values.filter((_, place) => kept[place]);
    });
    chain(node, "onExecuted", (output) => this.onExecuted(output?.gagavatar_face?.[0]));
    const values = this.widgets.length;
    chain(node, "onConfigure", (saved) => saved.widgets_values?.length < values && this.fit()); // of an earlier release
    this.fit();
  }

  fit() {
    this.fold();
    this.node.setSize([Math.max(this.node.size[0], EDGE + 30), this.node.computeSize()[1]]);
  }

  /** Nodes 2.0 fold advanced widgets by themselves; elsewhere they would be left out, but not their room. */
  fold() {
    const isVue = !!globalThis.LiteGraph?.vueNodesMode;
    for (const widget of this.widgets.filter((one) => one.options?.advanced)) {
      widget.advanced = true;
      widget.hidden = !isVue && !this.node.showAdvanced;
      if (widget.hidden) widget.computeSize = () => [0, -4];
      else delete widget.computeSize;
    }
    this.more.style.display = isVue ? "none" : "";
    this.more.textContent = this.node.showAdvanced ? "Fewer sliders" : "All sliders";
    const unseen = this.node.showAdvanced ? [] : this.widgets.filter((one) => isFine(one) && one.value);
    this.hint.textContent = unseen.length ? `${unseen.length} of the 52 ARKit sliders set` : "";
  }

  get widgets() {
    return (this.node.widgets ?? []).filter((widget) => widget.name !== "face");
  }

  /** Where this tab remembers what the server knows of this node, over reloads and other workflows. */
  get place() {
    return `gagavatar.face/${(app.rootGraph ?? app.graph)?.id}/${this.node.graph?.id}/${this.node.id}`;
  }

  get isConnected() {
    return this.node.inputs?.find((input) => input.name === "avatar")?.link != null;
  }

  /** The node's values; of connected inputs those of the last run, for no one else knows them. */
  get values() {
    const linked = new Set(this.node.inputs?.filter((input) => input.widget && input.link != null).map((i) => i.widget.name));
    const values = {};
    for (const { name, value } of this.widgets) {
      if (NOT_OF_THE_FACE.includes(name)) continue;
      if (!linked.has(name)) values[name] = value;
      else if (this.known?.values && name in this.known.values) values[name] = this.known.values[name];
    }
    return values;
  }

  onExecuted(known) {
    this.running = false;
    this.known = known;
    if (known) sessionStorage.setItem(this.place, JSON.stringify(known));
    this.drawn = null;
    this.look();
  }

  /** Undo makes nodes anew, but Nodes 2.0 go on showing what the one before had in it. */
  takePlace() {
    const { node } = this;
    if (this.element.isConnected || node.graph !== app.canvas.graph) return;
    document.querySelector(`[data-node-id="${node.id}"] .gagavatar-face`)?.replaceWith(this.element);
  }

  /** Ask for a picture if something has changed; one at a time, the newest wins. */
  async look() {
    const { node } = this;
    if (!node.graph || this.running) return;
    this.takePlace();
    this.fold();
    if (!this.isConnected) return this.show("unconnected");
    this.known ??= JSON.parse(sessionStorage.getItem(this.place) ?? "null");
    if (!this.known) return this.show("before");
    const wanted = JSON.stringify({ face: this.known.key, values: this.values, size: this.size });
    if (wanted === this.drawn || this.asking) return;
    this.asking = true;
    try {
      await this.ask(wanted);
    } finally {
      this.asking = false;
    }
    if (this.drawn === wanted) this.look();
  }

  async ask(wanted) {
    let response;
    try {
      const headers = { "Content-Type": "application/json" };
      response = await api.fetchApi("/gagavatar/face", { method: "POST", headers, body: wanted });
    } catch {
      this.show("lost");
      return later();
    }
    if (response.ok) return this.showPicture(await response.blob(), wanted);
    if (response.status === 503) return later();
    if (response.status === 409) return; // a newer one is on its way
    this.drawn = wanted; // the same would be refused again
    if (response.status === 404) {
      this.known = null;
      sessionStorage.removeItem(this.place);
      return this.show("before");
    }
    this.show("refused", (await response.json().catch(() => ({}))).error ?? response.statusText);
  }

  async showPicture(blob, wanted) {
    const url = URL.createObjectURL(blob);
    const old = this.picture.src;
    this.picture.src = url;
    await this.picture.decode().catch(() => {});
    if (old) URL.revokeObjectURL(old);
    this.drawn = wanted;
    this.show("shown");
  }

  get size() {
    const shown = this.picture.parentElement.getBoundingClientRect();
    const edge = Math.min(shown.width, shown.height) * (globalThis.devicePixelRatio || 1);
    return Math.min(SIZES[1], Math.max(SIZES[0], Math.ceil(edge / 128) * 128));
  }

  /** Words in the place of the picture, over the one before where it was refused, or the picture. */
  show(state, words = WORDS[state] ?? "") {
    this.note.textContent = words;
    this.runs.style.display = state === "before" && this.isConnected ? "" : "none";
    this.picture.style.opacity = { shown: 1, refused: 0.3 }[state] ?? 0;
  }

  /** Run the graph as far as this node. */
  async run() {
    const { node } = this;
    this.running = true;
    this.show("running");
    const isTop = node.graph === (app.rootGraph ?? app.graph);
    const isQueued = await app.queuePrompt(0, 1, isTop ? [String(node.id)] : undefined);
    if (isQueued === false) this.onEnd();
  }

  /** The graph has ended; where this node has not, it tells so by the button. */
  onEnd() {
    if (!this.running) return;
    this.running = false;
    this.show(this.known ? "shown" : "before");
  }

  reset() {
    for (const widget of this.widgets) {
      const start = widget.options?.default ?? defaultOf(this.node, widget.name);
      if (start === undefined || NOT_OF_THE_FACE.includes(widget.name) || widget.value === start) continue;
      widget.value = start;
      widget.callback?.(start, app.canvas, this.node);
    }
    this.node.setDirtyCanvas?.(true, true);
    this.look();
  }

  toggleAdvanced() {
    const { node } = this;
    node.showAdvanced = !node.showAdvanced;
    this.fit();
  }
}

/** Whether a widget is one of the 52 that are folded away. */
function isFine({ name, options, value }) {
  return !!options?.advanced && typeof value === "number" && !NOT_OF_THE_FACE.includes(name);
}

function defaultOf(node, name) {
  const { required, optional } = node.constructor.nodeData?.input ?? {};
  const [kind, options] = { ...required, ...optional }[name] ?? [];
  return options?.default ?? (Array.isArray(kind) ? kind[0] : options?.options?.[0]);
}

function later() {
  return new Promise((resolve) => setTimeout(resolve, BUSY_MS));
}

function chain(owner, name, after) {
  const before = owner[name];
  owner[name] = function (...given) {
    const result = before?.apply(this, given);
    after(...given);
    return result;
  };
}

function element(kind, fields, ...children) {
  const made = Object.assign(document.createElement(kind), fields);
  made.append(...children);
  return made;
}

const STYLE = `
.gagavatar-face { display: flex; flex-direction: column; gap: 6px; width: 100%; height: 100%; min-height: ${EDGE}px; box-sizing: border-box; }
.gagavatar-stage { position: relative; flex: 1; min-height: 0; background: #202428; border-radius: 6px; overflow: hidden; }
.gagavatar-stage img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; opacity: 0; pointer-events: none; }
.gagavatar-stage > div { position: absolute; inset: 0; display: flex; flex-direction: column; gap: 12px; align-items: center;
  justify-content: center; padding: 12px; text-align: center; color: #c8ccd2; font: 13px sans-serif; pointer-events: none; }
.gagavatar-bar { display: flex; gap: 6px; align-items: center; }
.gagavatar-bar span { flex: 1; min-height: 24px; color: #9aa1ab; font: 12px/24px sans-serif; }
.gagavatar-face button { pointer-events: auto; cursor: pointer; padding: 3px 10px; border: 1px solid #555c66; border-radius: 5px;
  background: #2b3037; color: #d8dce2; font: 12px sans-serif; }
.gagavatar-face button:hover { background: #3a414a; }
`;

app.registerExtension({
  name: "gagavatar.expression_face",
  init() {
    document.head.append(element("style", { textContent: STYLE }));
    for (const event of ["execution_success", "execution_error", "execution_interrupted"]) {
      api.addEventListener(event, () => faces.forEach((face) => face.onEnd()));
    }
  },
  nodeCreated(node) {
    if (node.comfyClass === NODE) new Face(node);
  },
});
