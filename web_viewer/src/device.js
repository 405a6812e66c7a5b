// A device that the browser asks the visitor for, which takes its time. Asked for twice it opens once; stopped before it
// is open, it closes as soon as it is.
export class Device {
  // `open` resolves to what is open: an object with `close()`.
  constructor(open) {
    this.open = open;
    this.asked = null;
    this.opened = null;
  }

  get on() {
    return this.opened !== null;
  }

  async start() {
    const asked = (this.asked ??= this.open());
    try {
      const opened = await asked;
      if (this.asked === asked) this.opened = opened;
    } catch (error) {
      if (this.asked === asked) this.asked = null;
      throw error;
    }
  }

  stop() {
    this.asked?.then((opened) => opened.close(), () => {}); // `start` tells of a refusal
    this.asked = this.opened = null;
  }
}
