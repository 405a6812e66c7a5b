// What pages that embed the avatar call: `avatar.set({jawOpen: 0.4})`, or the same by postMessage.

export function makeApi({ avatar, player, stage, panel, toggles, takePicture, recorder, loop }) {
  const refresh = () => panel.refresh();
  const changed = (work) => (...values) => {
    const result = work(...values);
    refresh();
    result?.then?.(refresh, refresh); // a device is on once it is open
    return result;
  };
  return {
    set: changed((values) => avatar.set(values)),
    get: (name) => avatar.get(name),
    reset: changed(() => avatar.reset()),
    motions: () => player.takes.map((take) => ({ name: take.name, seconds: take.duration, sound: Boolean(take.sound) })),
    play: changed((which) => player.play(which)),
    pause: changed(() => player.pause()),
    stop: changed(() => player.stop()),
    seek: (seconds) => player.seek(seconds),
    follow: changed((on = true) => toggles.follow(on)),
    idle: changed((on = true) => toggles.idle(on)),
    microphone: changed((on = true) => toggles.microphone(on)),
    orbit: (right, down = 0) => stage.orbit((right * Math.PI) / 180, (down * Math.PI) / 180),
    background: (color) => stage.setBackground(color),
    picture: () => takePicture(),
    record: changed(() => recorder.start(stage.backdrop)),
    finish: changed(() => recorder.stop()),
    settled: () => loop.settled(),
    status: () => ({
      playing: player.playing,
      motion: player.take?.name ?? null,
      time: player.time,
      sound: player.audio ? player.audio.currentTime : null,
      frames: loop.frames,
      detail: stage.quality.share,
    }),
  };
}

// {avatar: "set", values: [{jawOpen: 0.4}], id: 1} from the embedding page is answered with {id, result} or {id, error}.
export function listenToParent(api) {
  window.addEventListener("message", async (event) => {
    const { avatar: name, values = [], id } = event.data ?? {};
    if (event.source === null || event.source !== window.parent || !Object.hasOwn(api, name)) return;
    const answer = (message) => event.source.postMessage({ id, ...message }, event.origin === "null" ? "*" : event.origin);
    try {
      answer({ result: await api[name](...values) });
    } catch (error) {
      answer({ error: error.message });
    }
  });
  if (window.parent !== window) window.parent.postMessage({ avatar: "ready" }, "*");
}
