"""The routes. Annotations are evaluated here, since the framework reads those that name what is local."""

import asyncio
import contextlib
import json
import shutil
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, File, Form, HTTPException, Query, Request, UploadFile, WebSocket
from fastapi import Path as Part
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.security import APIKeyHeader, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.websockets import WebSocketDisconnect

from .. import __version__
from ..batch.ledger import DONE, Ledger, Task
from ..batch.tasks import LIFT, RENDER, TRACK
from ..choices import SIZES
from ..errors import GagavatarError
from .config import Config
from .engine import Engine
from .forms import Following
from .keys import Client
from .live import AHEAD, LARGEST_MESSAGE, LiveOptions, LiveSession, MessageError
from .logs import LOG, BodyLimit, RequestLog
from .metrics import Metrics
from .schemas import FINISHED, ID_PATTERN, Density, Health, Problem, RenderRequest, Status
from .store import BusyError, MissingError, Store

LEDGER = "ledger.sqlite"
_EVENT_SECONDS = 0.25
_KEEP_ALIVE_SECONDS = 15.0
_ROOM_SECONDS = 2.0
_KEY_PROTOCOL = "key."
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "no key, or a wrong one"},
    404: {"model": Problem, "description": "no such thing, or somebody else's"},
    422: {"model": Problem, "description": "something to mend in the request"},
}
_QUEUED: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "the body cannot be read"},
    413: {"model": Problem, "description": "the upload is too large"},
    429: {
        "model": Problem,
        "description": "the queue is full, or the quota used up",
        "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}},
    },
}
_bearer = HTTPBearer(auto_error=False, description="An API key.")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="An API key.")
Id = Annotated[str, Part(pattern=ID_PATTERN, examples=["5f0c1d7a9e3b4c2d8f6a7b10"])]


def make_app(config: Config, is_stopping: Callable[[], bool] = lambda: False) -> FastAPI:
    """Return the service; `is_stopping` tells when open streams should end."""
    ledger = Ledger(config.data / LEDGER)
    store = Store(config, ledger)
    metrics = Metrics(ledger, config.workers)
    engine = Engine(config, store, metrics.task)
    service = _Service(config, store, engine, metrics, is_stopping)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(engine.start)
        LOG.info("ready", extra={"fields": {"workers": config.workers, "keys": len(config.keys)}})
        yield
        service.stopped = True
        await run_in_threadpool(engine.stop)
        ledger.close()
        LOG.info("stopped")

    app = FastAPI(
        title="gagavatar",
        version=__version__,
        summary="One photo becomes a 3D Gaussian head avatar that any face can drive.",
        lifespan=lifespan,
        openapi_tags=[{"name": name} for name in ("avatars", "motions", "renders", "service")],
    )
    app.state.service = service
    _handle_errors(app)
    _add_avatars(app, service)
    _add_motions(app, service)
    _add_renders(app, service)
    _add_service(app, service)
    _add_live(app, service)
    app.add_middleware(BodyLimit, megabytes=config.megabytes)
    app.add_middleware(RequestLog, on_request=metrics.request)
    return app


class _Service:
    """What the routes share."""

    def __init__(
        self, config: Config, store: Store, engine: Engine, metrics: Metrics, is_stopping: Callable[[], bool]
    ) -> None:
        self.config, self.store, self.engine, self.metrics = config, store, engine, metrics
        self.stopped = False
        self._is_stopping = is_stopping
        self.live = 0

    @property
    def is_stopping(self) -> bool:
        return self.stopped or self._is_stopping()

    def client(
        self,
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
        key: Annotated[str | None, Depends(_header)] = None,
    ) -> Client:
        """Return who asks."""
        found = self.config.keys.find(bearer.credentials if bearer is not None else key)
        if found is None:
            raise HTTPException(401, "Name your API key: Authorization: Bearer KEY.", {"WWW-Authenticate": "Bearer"})
        request.state.client = found.name
        return found

    def take(self, upload: UploadFile, client: Client) -> str:
        """Store an upload under a new id."""
        if upload.size == 0:
            raise GagavatarError("The file is empty: upload it again.")
        self.store.admit(client)
        one, file = self.store.new_upload()
        with open(file, "wb") as stream:
            shutil.copyfileobj(upload.file, stream)
        return one

    def answer(self, task: Task) -> Status:
        """Have a new task begun."""
        self.engine.wake()
        return Status.of(task)

    def cancel(self, task: Task) -> None:
        """End a task, wherever it is."""
        if self.store.ledger.cancel(task.id):
            self.engine.cancel(task.id)

    def remove(self, task: Task) -> None:
        """End a task, and remove what is there of it."""
        self.cancel(task)
        self.store.remove(task)

    async def events(self, task: Task, client: Client) -> AsyncIterator[str]:
        """Yield server-sent events: the status whenever it changes, until it is final."""
        told, said = "", time.monotonic()
        while not self.is_stopping:
            try:
                status = Status.of(await run_in_threadpool(self.store.get, task.id, task.kind, client))
            except MissingError:
                return
            text = status.model_dump_json()
            if text != told:
                yield f"event: status\ndata: {text}\n\n"
                told, said = text, time.monotonic()
            elif time.monotonic() - said > _KEEP_ALIVE_SECONDS:
                yield ": still there\n\n"  # proxies close what is silent
                said = time.monotonic()
            if status.state in FINISHED:
                return
            await asyncio.sleep(_EVENT_SECONDS)


def _handle_errors(app: FastAPI) -> None:
    def problem(request: Request, status: int, text: str, headers: Any = None) -> JSONResponse:
        body = {"error": text, "request_id": getattr(request.state, "request_id", None)}
        return JSONResponse(body, status, headers)

    @app.exception_handler(StarletteHTTPException)
    async def on_http(request: Request, error: StarletteHTTPException) -> Response:
        return problem(request, error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        return problem(request, 422, f"{where or 'body'}: {first['msg']}")

    @app.exception_handler(BusyError)
    async def on_busy(request: Request, error: BusyError) -> Response:
        return problem(request, 429, str(error), {"Retry-After": str(error.seconds)})

    @app.exception_handler(MissingError)
    async def on_missing(request: Request, error: MissingError) -> Response:
        return problem(request, 404, str(error))

    @app.exception_handler(GagavatarError)
    async def on_mendable(request: Request, error: GagavatarError) -> Response:
        return problem(request, 422, str(error))

    @app.exception_handler(Exception)
    async def on_error(request: Request, error: Exception) -> Response:
        LOG.error("error", exc_info=error)
        return problem(request, 500, "An error of the service: it is in its log under the request's id.")


def _add_kind(app: FastAPI, service: _Service, kind: str, noun: str) -> None:
    """Routes that avatars, motions and renders have in common."""
    tag = f"{noun}s"

    @app.get(f"/{tag}/{{id}}", tags=[tag], responses=_PROBLEMS, operation_id=f"get_{noun}")
    def get(id: Id, client: Annotated[Client, Depends(service.client)]) -> Status:
        task = service.store.get(id, kind, client)
        service.store.touch(task)
        return Status.of(task)

    @app.get(
        f"/{tag}/{{id}}/events",
        tags=[tag],
        responses={**_PROBLEMS, 200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
        response_class=StreamingResponse,
        operation_id=f"follow_{noun}",
    )
    def events(id: Id, client: Annotated[Client, Depends(service.client)]) -> StreamingResponse:
        task = service.store.get(id, kind, client)
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return StreamingResponse(service.events(task, client), media_type="text/event-stream", headers=headers)

    @app.post(f"/{tag}/{{id}}/cancel", tags=[tag], responses=_PROBLEMS, operation_id=f"cancel_{noun}")
    def cancel(id: Id, client: Annotated[Client, Depends(service.client)]) -> Status:
        service.cancel(service.store.get(id, kind, client))
        return Status.of(service.store.get(id, kind, client))

    @app.delete(f"/{tag}/{{id}}", status_code=204, tags=[tag], responses=_PROBLEMS, operation_id=f"delete_{noun}")
    def delete(id: Id, client: Annotated[Client, Depends(service.client)]) -> None:
        service.remove(service.store.get(id, kind, client))


def _add_avatars(app: FastAPI, service: _Service) -> None:
    @app.post("/avatars", status_code=202, tags=["avatars"], responses={**_PROBLEMS, **_QUEUED})
    def create_avatar(
        portrait: Annotated[UploadFile, File(description="a picture with a face")],
        client: Annotated[Client, Depends(service.client)],
        density: Annotated[Density | None, Form(description="lattice nodes a side")] = None,
        face: Annotated[int | None, Form(ge=0, le=100, description="which face, 0 for the largest")] = None,
    ) -> Status:
        one = service.take(portrait, client)
        return service.answer(service.store.add_avatar(one, client, density, face))

    _add_kind(app, service, LIFT, "avatar")


def _add_motions(app: FastAPI, service: _Service) -> None:
    @app.post("/motions", status_code=202, tags=["motions"], responses={**_PROBLEMS, **_QUEUED})
    def create_motion(
        video: Annotated[UploadFile, File(description="a video, picture or sound of a face or voice")],
        client: Annotated[Client, Depends(service.client)],
        how: Annotated[Following, Depends()],
    ) -> Status:
        one = service.take(video, client)
        return service.answer(service.store.add_motion(one, client, how))

    _add_kind(app, service, TRACK, "motion")


def _add_renders(app: FastAPI, service: _Service) -> None:
    @app.post("/renders", status_code=202, tags=["renders"], responses={**_PROBLEMS, **_QUEUED})
    def create_render(order: RenderRequest, client: Annotated[Client, Depends(service.client)]) -> Status:
        service.store.check_render(order, client)
        service.store.admit(client)
        return service.answer(service.store.add_render(client, order))

    @app.get(
        "/renders/{id}/result",
        tags=["renders"],
        response_class=FileResponse,
        responses={
            **_PROBLEMS,
            200: {"content": {"video/mp4": {}, "video/webm": {}, "image/png": {}}, "description": "the file"},
            206: {"description": "a part of it, as asked for by Range"},
            400: {"model": Problem, "description": "a malformed Range"},
            416: {"description": "a Range beyond the end"},
        },
    )
    def get_result(id: Id, client: Annotated[Client, Depends(service.client)]) -> FileResponse:
        file, kind = service.store.result(id, client)
        return FileResponse(file, media_type=kind, filename=f"{id}{file.suffix}", content_disposition_type="inline")

    _add_kind(app, service, RENDER, "render")


def _add_service(app: FastAPI, service: _Service) -> None:
    @app.get("/healthz", tags=["service"])
    def health() -> Health:
        """Say that the program runs."""
        return Health(status="ok")

    @app.get("/readyz", tags=["service"], responses={503: {"model": Health}})
    def readiness(response: Response) -> Health:
        """Tell whether requests should be sent here."""
        if service.is_stopping or not service.engine.is_well:
            response.status_code = 503
            return Health(status="stopping" if service.is_stopping else "starting")
        return Health(status="ok")

    @app.get("/metrics", tags=["service"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def read_metrics() -> Response:
        """Return numbers for Prometheus."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_live(app: FastAPI, service: _Service) -> None:
    @app.websocket("/live/{avatar}")
    async def live(
        socket: WebSocket,
        avatar: str,
        size: Annotated[int, Query(ge=SIZES[0], le=512)] = 256,
        format: Annotated[str, Query(pattern="^(jpeg|webp)$")] = "jpeg",
        quality: Annotated[int, Query(ge=1, le=95)] = 85,
        input: Annotated[str, Query(pattern="^(frames|landmarks)$")] = "frames",
        width: Annotated[int, Query(ge=16, le=4096)] = 640,
        height: Annotated[int, Query(ge=16, le=4096)] = 480,
        fps: Annotated[float, Query(ge=1, le=120)] = 25.0,
    ) -> None:
        protocol, client = _live_client(service, socket)
        await socket.accept(protocol)
        if client is None:
            await socket.close(4401, "Name your API key.")
            return
        socket.state.client = client.name
        try:
            task = service.store.get(avatar, LIFT, client)
        except MissingError as error:
            await socket.close(4404, str(error))
            return
        if task.state != DONE:
            await socket.close(4409, "The avatar is not finished.")
            return
        until = time.monotonic() + _ROOM_SECONDS  # one that was closed this moment is still being ended
        while service.live >= service.config.live and time.monotonic() < until:
            await asyncio.sleep(0.05)
        if service.live >= service.config.live or service.is_stopping:
            await socket.close(4429, "There is no room for another live avatar: try again later.")
            return
        service.store.touch(task)
        options = LiveOptions(size, format, quality, input, width, height, fps)  # type: ignore[arg-type]
        service.live += 1
        service.metrics.live.inc()
        try:
            await _perform(service, socket, task.spec["result"], options)
        finally:
            service.live -= 1
            service.metrics.live.dec()


def _live_client(service: _Service, socket: WebSocket) -> tuple[str | None, Client | None]:
    """Return the subprotocol to answer with, and who asks; browsers can name a key as a subprotocol only."""
    given = socket.headers.get("x-api-key")
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        given = token
    for protocol in socket.scope.get("subprotocols", ()):
        if protocol.startswith(_KEY_PROTOCOL):
            return protocol, service.config.keys.find(protocol.removeprefix(_KEY_PROTOCOL))
    return None, service.config.keys.find(given)


async def _perform(service: _Service, socket: WebSocket, avatar: str, options: LiveOptions) -> None:
    """Answer the newest message with a picture, until one of both goes; what came before it is passed over."""
    session = await run_in_threadpool(LiveSession, avatar, options, service.config.settings)
    newest: asyncio.Queue[bytes] = asyncio.Queue(1)
    fed: asyncio.Queue[None] = asyncio.Queue()
    room = asyncio.Semaphore(AHEAD)
    jobs: list[asyncio.Task[None]] = []
    try:
        await run_in_threadpool(session.start)
        await socket.send_text(json.dumps({"ready": True}))
        jobs = [
            asyncio.create_task(_read(socket, newest)),
            asyncio.create_task(_feed(session, newest, fed, room)),
            asyncio.create_task(_answer(service, socket, session, fed, room)),
        ]
        while not service.is_stopping:
            done, _ = await asyncio.wait(jobs, timeout=_EVENT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                return job.result()
        await socket.close(1012, "The service restarts: connect again.")
    except GagavatarError as error:
        with contextlib.suppress(RuntimeError):
            await socket.close(1011, str(error)[:120])
    except (WebSocketDisconnect, RuntimeError):  # the client has gone
        pass
    finally:
        for job in jobs:
            job.cancel()
        await run_in_threadpool(session.end)
        await asyncio.gather(*jobs, return_exceptions=True)
        session.close()


async def _feed(
    session: LiveSession, newest: asyncio.Queue[bytes], fed: asyncio.Queue[None], room: asyncio.Semaphore
) -> None:
    """Give the session the newest message whenever it has room for one."""
    while True:
        await room.acquire()
        await run_in_threadpool(session.feed, await newest.get())
        fed.put_nowait(None)


async def _answer(
    service: _Service, socket: WebSocket, session: LiveSession, fed: asyncio.Queue[None], room: asyncio.Semaphore
) -> None:
    while True:
        await fed.get()
        try:
            picture = await run_in_threadpool(session.draw)
        except MessageError as error:
            await socket.send_text(json.dumps({"error": str(error)}))
            continue
        finally:
            room.release()
        if picture is None:
            await socket.send_text(json.dumps({"face": False}))
        else:
            service.metrics.live_frames.inc()
            await socket.send_bytes(picture)


async def _read(socket: WebSocket, newest: asyncio.Queue[bytes]) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        data = message.get("bytes")
        if not data or len(data) > LARGEST_MESSAGE:
            await socket.send_text(json.dumps({"error": "Send frames or landmarks as binary messages."}))
            continue
        if newest.full():
            newest.get_nowait()
        newest.put_nowait(data)
