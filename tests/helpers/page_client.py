"""A visitor of the page with bare HTTP requests, who sends what no browser would."""

from __future__ import annotations

import json
from typing import Any

import httpx


class Visitor:
    """One session of a page at `address`."""

    def __init__(self, address: str, session: str = "visitor") -> None:
        self.address, self.session = address.rstrip("/"), session
        self.web = httpx.Client(base_url=self.address, timeout=600)
        config = self.web.get("/config").json()
        self.handlers: dict[str, dict[str, Any]] = {one["api_name"]: one for one in config["dependencies"]}
        self.components = {one["id"]: one for one in config["components"]}

    def upload(self, name: str, data: bytes) -> str:
        """Path by which the page knows the file afterwards."""
        reply = self.web.post("/gradio_api/upload", files={"files": (name, data)})
        reply.raise_for_status()
        return reply.json()[0]

    def defaults(self, name: str) -> list[Any]:
        """Inputs of a handler as the page shows them at first."""
        return [self.components[number]["props"].get("value") for number in self.handlers[name]["inputs"]]

    def labels(self, name: str) -> list[str]:
        """Labels of a handler's inputs."""
        return [self.components[number]["props"].get("label") for number in self.handlers[name]["inputs"]]

    def join(self, handler: str | int, data: Any, page: bool = True) -> httpx.Response:
        """Put a call into the queue, as the page or as somebody else."""
        number = handler if isinstance(handler, int) else self.handlers[handler]["id"]
        body = {"data": data, "fn_index": number, "session_hash": self.session}
        headers = {"Content-Type": "application/json"} | ({"Origin": self.address} if page else {})
        return self.web.post("/gradio_api/queue/join", content=json.dumps(body), headers=headers)

    def messages(self) -> list[dict[str, Any]]:
        """What the page is told until its calls have ended."""
        found = []
        with self.web.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as lines:
            for line in lines.iter_lines():
                if line.startswith("data:"):
                    found.append(json.loads(line[5:]))
        return found

    def call(self, handler: str, data: list[Any]) -> tuple[bool, Any]:
        """Whether it went well, and the outputs or the error's words."""
        reply = self.join(handler, data)
        if reply.status_code != 200:
            return False, reply.text
        last = [one for one in self.messages() if one["msg"] == "process_completed"][-1]
        return last["success"], last["output"].get("data") if last["success"] else last["output"]["error"]

    def animate(self, **changes: Any) -> tuple[bool, Any]:
        """Run the tab Animate, small; `changes` by the labels of its inputs."""
        values = dict(zip(self.labels("animate"), self.defaults("animate"), strict=True))
        values |= {"Motion": "nod", "Width": 128, "Height": 128, "Seconds": 0.4} | changes
        return self.call("animate", list(values.values()))
