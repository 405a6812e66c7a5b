// Nodes 2.0 keep the last live preview in the place of what a node made, and take that picture for its video, which then
// "failed to load". The preview goes where there is a result.
import { app } from "../../scripts/app.js";

const NODE = "GAGAvatarRenderAvatarToVideo";

app.registerExtension({
  name: "gagavatar.video_result",
  nodeCreated(node) {
    if (node.comfyClass !== NODE) return;
    const executed = node.onExecuted;
    node.onExecuted = function () {
      executed?.apply(this, arguments);
      const isTop = node.graph === (app.rootGraph ?? app.graph);
      const place = isTop ? String(node.id) : `${node.graph.id}:${node.id}`;
      const outputs = app.extensionManager?._p?._s?.get("nodeOutput"); // no other way leads to it
      outputs?.revokePreviewsByLocatorId?.(place);
    };
  },
});
