"""A ComfyUI of one's own: started, asked and stopped. Also its real frontend in headless Chromium."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
_CHROMIUM_ARGS = [
    "--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip
"""Without a graphics card: pages are painted by the processor, which SwiftShader takes longer for; WebGL is its."""
_PATIENT_MS = 300_000
"""How long the page may take for anything, on a busy machine."""
_SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.Minimap.Visible": False,
    "Comfy.Notification.ShowVersionUpdates": False,
    "LiteGraph.Canvas.MinFontSizeForLOD": 0,
}
_FILMS_REST = "addEventListener('play', event => event.target.pause(), true)"
"""A result that plays for nobody takes half a processor."""
_READY = (
    "!!window.LiteGraph?.registered_node_types?.SaveImage && !!window.app?.api?.clientId"
    " && !!window.app.extensionManager?.workflow?.activeWorkflow"
)
_RUN = """async limit => {
    const ended = new Promise((resolve, reject) => {
        app.api.addEventListener('execution_success', () => resolve(''));
        app.api.addEventListener('execution_error', event => resolve(event.detail.exception_message));
        setTimeout(() => resolve('took too long'), limit * 1000);
    });
    const place = document.querySelector('[data-testid=queue-button]');
    (place.matches('button') ? place : place.querySelector('button')).click();
    return await ended;
}"""
_BOXES = """() => app.graph.nodes.map(node => {
    const drawn = document.querySelector(`[data-node-id="${node.id}"]`)?.getBoundingClientRect();
    const scale = app.canvas.ds.scale;
    const size = drawn ? [drawn.width / scale, drawn.height / scale] : [node.size[0], node.size[1] + 30];
    return [`${node.id} ${node.type}`, node.pos[0], node.pos[1] - 30, ...size];
})"""
_DROP = """async ([url, name]) => {
    const file = new File([await (await fetch(url)).blob()], name);
    const transfer = new DataTransfer();
    transfer.items.add(file);
    const event = { dataTransfer: transfer, bubbles: true, cancelable: true, clientX: 900, clientY: 900 };
    app.canvas.canvas.dispatchEvent(new DragEvent('drop', event));
}"""
_CANVAS = """() => {
    const box = app.canvas.canvas.getBoundingClientRect();
    return [box.left, box.top, box.width, box.height];
}"""
_LOAD = "async ([graph, name]) => { await app.loadGraphData(graph, true, true, name); }"


@dataclass
class Run:
    """What the websocket told of one prompt."""

    prompt_id: str = ""
    problems: list[str] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    """Ids of nodes that ran, in order; cached ones are left out."""
    progress: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Node id -> (value, maximum)."""
    previews: int = 0
    interrupted: bool = False
    outputs: dict[str, Any] = field(default_factory=dict)
    """Node id -> what it shows, cached nodes' too."""


def _hear_ctrl_c() -> None:
    """What runs in the background ignores Ctrl-C, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Server:
    """A ComfyUI process with a base folder of its own, in whose custom_nodes the pack is a link."""

    def __init__(
        self,
        base: Path,
        comfy: Path,
        pack_name: str = "gagavatar",
        python: str = sys.executable,
        device: tuple[str, ...] = ("--cpu",),
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """`device`: ComfyUI's options for where it computes; none for its own choice. `settings`: of its page."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.base, self.url, self.pack_name = base, f"http://127.0.0.1:{self.port}", pack_name
        for name in ("custom_nodes", "input", "output", "temp", "models", "user/default"):
            (base / name).mkdir(parents=True, exist_ok=True)
        link = base / "custom_nodes" / pack_name
        if not link.exists():  # a test may have put something before it
            link.symlink_to(ROOT, target_is_directory=True)
        self.set(settings or {})
        command = [
            python, "main.py", *device, "--listen", "127.0.0.1", "--port", str(self.port), "--disable-auto-launch",
            "--disable-api-nodes", "--base-directory", str(base), "--database-url", "sqlite:///:memory:",
        ]  # fmt: skip
        self.log = base / "server.log"
        environment = {"GAGAVATAR_CACHE": str(base / "cache")} | os.environ
        with open(self.log, "wb") as sink:
            self.process = subprocess.Popen(
                command, cwd=comfy, stdout=sink, stderr=subprocess.STDOUT, env=environment, preexec_fn=_hear_ctrl_c
            )
        self._wait()

    def set(self, settings: Mapping[str, Any]) -> None:
        """Settings of the page, for those that are loaded from now on."""
        (self.base / "user/default/comfy.settings.json").write_text(json.dumps(_SETTINGS | dict(settings)))

    def get(self, path: str) -> Any:
        """JSON from the server."""
        with urllib.request.urlopen(self.url + path, timeout=300) as reply:
            return json.load(reply)

    def post(self, path: str, body: Any) -> Any:
        """JSON to the server and back; of refusals too."""
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=300) as reply:
                return json.loads(reply.read() or b"{}")
        except urllib.error.HTTPError as error:
            return json.loads(error.read() or b"{}")

    def run(self, prompt: dict[str, Any], limit: float = 900, on_progress: Any = None) -> Run:
        """Queues a prompt in API form and follows it over the websocket to its end."""
        import websocket

        client = uuid.uuid4().hex
        wire = websocket.create_connection(f"ws://127.0.0.1:{self.port}/ws?clientId={client}", timeout=limit)
        reply = self.post("/prompt", {"prompt": prompt, "client_id": client})
        run = Run(reply.get("prompt_id", ""))
        for number, errors in (reply.get("node_errors") or {}).items():
            run.problems += [f"node {number}: {error['message']}: {error['details']}" for error in errors["errors"]]
        if not run.prompt_id:
            run.problems.append(str(reply.get("error", reply)))
        end = time.monotonic() + limit
        while run.prompt_id and time.monotonic() < end and not self._follow(run, wire.recv(), on_progress):
            continue
        wire.close()
        if run.prompt_id:
            run.outputs = self._outputs(run.prompt_id)
        return run

    def _outputs(self, prompt_id: str) -> dict[str, Any]:
        """Return what the nodes show; the history is written a little after the last message."""
        for _ in range(100):
            entry = self.get(f"/history/{prompt_id}").get(prompt_id)
            if entry:
                return entry["outputs"]
            time.sleep(0.1)
        return {}

    def _follow(self, run: Run, message: str | bytes, on_progress: Any) -> bool:
        """Take one message in; whether it was the last of the prompt."""
        if isinstance(message, bytes):
            run.previews += 1
            return False
        kind, data = (value := json.loads(message))["type"], value["data"]
        if data.get("prompt_id") != run.prompt_id:
            return False
        if kind == "executing" and data["node"]:
            run.executed.append(data["node"])
        elif kind == "progress":
            run.progress.setdefault(data["node"], []).append((data["value"], data["max"]))
            if on_progress is not None:
                on_progress(data)
        elif kind == "execution_error":
            run.problems.append(f"node {data['node_id']} {data['node_type']}: {data['exception_message'].strip()}")
        run.interrupted |= kind == "execution_interrupted"
        return kind in ("execution_success", "execution_error", "execution_interrupted")

    def files(self) -> list[Path]:
        """Everything in the output folder."""
        return sorted(path for path in (self.base / "output").rglob("*") if path.is_file())

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(120)

    def _wait(self, limit: float = 600) -> None:
        end = time.monotonic() + limit
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.get("/system_stats")
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
        raise RuntimeError(f"ComfyUI did not start:\n{self.log.read_text(errors='replace')[-2000:]}")


@contextmanager
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=_CHROMIUM_ARGS)
        try:
            yield chromium
        finally:
            chromium.close()


class Page:
    """The frontend with one graph at a time."""

    def __init__(self, chromium: Any, server: Server, graph: Path, size: tuple[int, int] = (1800, 1100)) -> None:
        self.errors: list[str] = []
        self._words = ("gagavatar", f"/extensions/{server.pack_name.lower()}/")
        self.page = chromium.new_page(viewport={"width": size[0], "height": size[1]})
        self.page.set_default_timeout(_PATIENT_MS)
        self.page.add_init_script(_FILMS_REST)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._on_console)
        self.page.goto(server.url, wait_until="domcontentloaded")
        self.page.wait_for_function(_READY)
        self.open(graph)

    def open(self, graph: Path, size: tuple[int, int] | None = None) -> None:
        """Open a graph in a tab of its own, in a window of another size where one is given."""
        if size is not None:
            self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.evaluate(_LOAD, [json.loads(graph.read_text()), graph.stem])
        self.page.wait_for_timeout(1000)
        self.page.keyboard.press("Escape")

    def leave(self) -> None:
        """Take away what plays and what is remembered of the graph; the page itself stays."""
        self.page.evaluate("app.graph.clear(); sessionStorage.clear()")

    @property
    def prompt(self) -> dict[str, Any]:
        """The API form that the frontend would queue."""
        return self.page.evaluate("async () => (await app.graphToPrompt()).output")

    @property
    def missing(self) -> list[str]:
        """Types of nodes that the frontend does not know."""
        return self.page.evaluate("app.graph.nodes.filter(n => n.has_errors || !n.constructor.type).map(n => n.type)")

    def search(self, words: str) -> None:
        """Open the box that searches for nodes, as a double click on the canvas does, and type into it."""
        left, top, width, height = self.page.evaluate(_CANVAS)
        for _ in range(10):
            self.page.mouse.dblclick(left + width / 2, top + height - 120)
            self.page.wait_for_timeout(1000)
            if self.page.evaluate("document.activeElement.tagName") == "INPUT":
                break
        self.page.keyboard.type(words)
        self.page.wait_for_timeout(1500)

    def click_run(self, limit: float = 900) -> str:
        """Press the editor's own button and wait for the end of the run; return the error, if there was one."""
        self.page.wait_for_selector("[data-testid=queue-button]", state="attached")
        problem = self.page.evaluate(_RUN, limit)
        self.page.wait_for_timeout(2500)
        return problem

    def overlaps(self) -> list[tuple[str, str]]:
        """Pairs of nodes that cover each other as they are drawn, in either of the frontend's ways."""
        boxes = self.page.evaluate(_BOXES)
        return [(one[0], other[0]) for i, one in enumerate(boxes) for other in boxes[:i] if _cross(one, other)]

    def drop(self, url: str, name: str) -> list[str]:
        """Drop a file of the server on the canvas; return the types of the nodes that are there then."""
        self.page.evaluate("app.graph.clear()")
        self.page.evaluate(_DROP, [url, name])
        self.page.wait_for_timeout(2500)
        return self.page.evaluate("app.graph.nodes.map(n => n.type).sort()")

    def show_results(self, server: Server) -> None:
        """Run the graph, whose nodes are cached by now, so that the page shows what comes out."""
        client = self.page.evaluate("app.api.clientId")
        reply = server.post("/prompt", {"prompt": self.prompt, "client_id": client})
        while not server.get(f"/history/{reply['prompt_id']}"):
            time.sleep(0.2)
        self.page.wait_for_timeout(1500)

    def fit(self) -> None:
        """Bring the whole graph into view."""
        self.page.evaluate("app.extensionManager?.command?.execute('Comfy.Canvas.FitView')")
        self.page.wait_for_timeout(2500)

    def close(self) -> None:
        """Close the tab."""
        self.page.close()

    def _on_console(self, message: Any) -> None:
        # The frontend itself asks its makers' server about every node, which it may not reach here.
        place = (message.location or {}).get("url", "")
        said = f"{message.text} {place}".lower()
        ours = any(word in said for word in self._words) and "api.comfy.org" not in said
        if message.type == "error" and ours:
            self.errors.append(f"{message.text} ({place})")


def _cross(one: list[Any], other: list[Any]) -> bool:
    """Whether two boxes [name, left, top, width, height] have more than a line in common."""
    return all(
        min(one[side] + one[side + 2], other[side] + other[side + 2]) - max(one[side], other[side]) > 1
        for side in (1, 2)
    )


class MemoryWatch:
    """The largest resident memory of a process while the block runs, in bytes."""

    def __init__(self, pid: int) -> None:
        self._pid, self.peak = pid, 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def now(self) -> int:
        """Resident bytes."""
        for line in Path(f"/proc/{self._pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        return 0

    def _watch(self) -> None:
        while not self._ended.wait(0.2):
            self.peak = max(self.peak, self.now())
