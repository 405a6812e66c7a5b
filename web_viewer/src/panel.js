// Buttons and sliders; they hide themselves while nobody touches anything.
const HIDE_AFTER = 3000;
const GROUPS = { Brows: /^brow/, Eyes: /^eye/, Jaw: /^jaw/, Mouth: /^mouth/, "Cheeks and nose": /^(cheek|nose)/, Tongue: /^tongue/ };
const TURNS = { yaw: 40, pitch: 30, roll: 30 };

export class Panel {
  // `actions`: {id: {label, title, key, pressed(), run()}}; `takes`: names of motions.
  constructor({ names, avatar, actions, takes, choose }) {
    this.avatar = avatar;
    this.actions = actions;
    this.bar = document.getElementById("bar");
    this.face = document.getElementById("face");
    this.sliders = new Map();
    this.#buttons(takes, choose);
    this.#groups(names);
    this.#keys();
    this.#hiding();
    this.refresh();
  }

  refresh() {
    for (const [id, action] of Object.entries(this.actions)) {
      const button = document.getElementById(id);
      if (action.pressed) button.setAttribute("aria-pressed", String(action.pressed()));
      button.textContent = typeof action.label === "function" ? action.label() : action.label;
    }
    for (const [name, input] of this.sliders) if (document.activeElement !== input) input.value = this.avatar.get(name);
  }

  say(text) {
    const note = document.getElementById("note");
    note.textContent = text;
    clearTimeout(this.saying);
    this.saying = setTimeout(() => (note.textContent = ""), 6000);
  }

  #buttons(takes, choose) {
    if (takes.length > 1) {
      const select = element("select", { id: "take", title: "Motion" }, takes.map((name, i) => element("option", { value: i, textContent: name })));
      select.setAttribute("aria-label", "Motion");
      select.onchange = () => choose(Number(select.value));
      this.bar.append(select);
    }
    for (const [id, action] of Object.entries(this.actions)) {
      const button = element("button", { id, type: "button", title: action.key ? `${action.title} (${action.key})` : action.title });
      button.onclick = () => this.#run(action);
      this.bar.append(button);
    }
  }

  #groups(names) {
    const add = (title, rows, open) => {
      const parts = [element("summary", { textContent: title }), ...rows.map((row) => this.#slider(row))];
      this.face.append(element("details", { open }, parts));
    };
    add("Head", [
      ...Object.entries(TURNS).map(([name, most]) => ({ names: [name], label: name, low: -most, high: most, step: 1 })),
      { names: ["lookX"], label: "eyes aside", low: -1, high: 1, step: 0.01 },
      { names: ["lookY"], label: "eyes up", low: -1, high: 1, step: 0.01 },
    ], true);
    for (const [title, pattern] of Object.entries(GROUPS)) {
      const rows = new Map();
      for (const name of names.filter((n) => pattern.test(n))) {
        const label = name.replace(/(Left|Right)$/, "").replace(/^(brow|eye|jaw|mouth|cheek|nose)/, "") || name;
        // jawLeft and mouthLeft are no sides of anything.
        const key = /^(jaw|mouth)(Left|Right)$/.test(name) ? name : name.replace(/(Left|Right)$/, "");
        const text = /^(jaw|mouth)(Left|Right)$/.test(name) ? name.replace(/^(jaw|mouth)/, "") : label;
        rows.set(key, { names: [...(rows.get(key)?.names ?? []), name], label: spaced(text), low: 0, high: 1, step: 0.01 });
      }
      add(title, [...rows.values()], title === "Jaw" || title === "Mouth");
    }
  }

  #slider({ names, label, low, high, step }) {
    const input = element("input", { type: "range", min: low, max: high, step, value: 0, name: names.join(" ") });
    input.setAttribute("aria-label", label);
    input.oninput = () => this.avatar.set(Object.fromEntries(names.map((name) => [name, Number(input.value)])));
    for (const name of names) this.sliders.set(name, input);
    return element("label", {}, [element("span", { textContent: label }), input]);
  }

  #keys() {
    document.addEventListener("keydown", (event) => {
      if (event.target.closest?.("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest?.("button, summary") && [" ", "Enter"].includes(event.key)) return;
      const action = Object.values(this.actions).find((a) => a.key?.toLowerCase() === (event.key === " " ? "space" : event.key.toLowerCase()));
      if (!action) return;
      event.preventDefault();
      this.#run(action);
    });
  }

  async #run(action) {
    try {
      await action.run();
    } catch (error) {
      this.say(error.name === "NotAllowedError" ? "The browser did not allow it." : error.message);
    }
    this.refresh();
  }

  #hiding() {
    const show = () => {
      document.body.classList.remove("quiet");
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        const busy = document.querySelector("#bar:hover, #bar :focus-visible, #face:not([hidden])");
        if (busy) show();
        else document.body.classList.add("quiet");
      }, HIDE_AFTER);
    };
    for (const kind of ["pointermove", "pointerdown", "keydown", "focusin"]) document.addEventListener(kind, show, { passive: true });
    show();
  }
}

function spaced(name) {
  return name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}

function element(tag, properties, children = []) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
