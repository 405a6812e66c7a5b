// Colors in words, of graphs from before there was a color field, as it understands them; the color stays the same.
import { app } from "../../scripts/app.js";

const UNSET = "#000001";
const brush = document.createElement("canvas").getContext("2d");

function toHex(text) {
  for (const color of [text, `rgb(${text})`]) {
    brush.fillStyle = UNSET;
    brush.fillStyle = color; // what is no color leaves it as it was
    if (brush.fillStyle !== UNSET) return brush.fillStyle;
  }
  return text;
}

app.registerExtension({
  name: "gagavatar.colors",
  loadedGraphNode(node) {
    if (!node.comfyClass?.startsWith("GAGAvatar")) return;
    for (const widget of node.widgets ?? []) if (widget.type === "color") widget.value = toHex(widget.value);
  },
});
