// Shows what "Avatar to Web Page" wrote inside of the node. The page may run its own script there and no more: it has
// neither this page's origin nor its cookies.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

const NODE = "GAGAvatarAvatarToWebPage";
const HEIGHT = 360;

app.registerExtension({
  name: "gagavatar.avatar_page",
  async nodeCreated(node) {
    if (node.comfyClass !== NODE) return;
    const frame = document.createElement("iframe");
    frame.title = "Living avatar";
    frame.setAttribute("sandbox", "allow-scripts allow-downloads");
    frame.setAttribute("allow", "fullscreen; microphone");
    Object.assign(frame.style, { width: "100%", height: "100%", border: "0", borderRadius: "6px" });
    node.addDOMWidget("page", "gagavatar_page", frame, { serialize: false, hideOnZoom: false, getMinHeight: () => HEIGHT });
    const executed = node.onExecuted;
    node.onExecuted = async function (output) {
      executed?.apply(this, arguments);
      const file = output?.gagavatar_page?.[0];
      if (!file) return;
      const response = await api.fetchApi(`/view?${new URLSearchParams({ ...file, rand: Math.random() })}`);
      if (response.ok) frame.srcdoc = await response.text();
    };
  },
});
