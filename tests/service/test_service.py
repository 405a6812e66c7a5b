"""The service for real: a server in a process, asked by the package's client."""

import io
import json
import struct
import time
import urllib.error
import urllib.request

import av
import numpy as np
import pytest
from PIL import Image

from gagavatar_nodes import assets
from gagavatar_nodes.client import Client, ServiceError
from gagavatar_nodes.media.retiming import write_wav
from gagavatar_nodes.media.sound import find_sound
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.speech.sound import Sound
from gagavatar_nodes.tracking.video_tracker import VideoTracker
from media_files import encode_sound
from running_service import RunningService
from spoken import SPEECH

ANN, BOB = "ann-" + "a" * 20, "bob-" + "b" * 20
PORTRAIT = assets.path("example_portrait.jpg")
SMALL = {"width": 64, "height": 64}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = RunningService(
        tmp_path_factory.mktemp("service") / "data",
        *("--workers", 1, "--max-upload", 1, "--max-seconds", 8, "--max-queue", 4, "--max-live", 1, "--grace", 1),
        keys=f"ann:{ANN},bob:{BOB}:2",
    )
    yield running
    running.stop()


@pytest.fixture
def ann(service):
    with Client(service.url, ANN) as client:
        yield client


@pytest.fixture(scope="module")
def avatar_id(service):
    with Client(service.url, ANN) as client:
        return client.wait(client.create_avatar(PORTRAIT, density=148)).id


def write_film(path, frames, fps, **options):
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.height, stream.width = frames[0].shape[0] // 2 * 2, frames[0].shape[1] // 2 * 2
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame[: stream.height, : stream.width], format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def _ask(service, path, key=ANN, **headers):
    headers = {"Authorization": f"Bearer {key}", **headers}
    try:
        with urllib.request.urlopen(urllib.request.Request(service.url + path, headers=headers)) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_a_portrait_and_a_video_become_a_clip(ann, service, avatar_id, short_driver, tmp_path):
    motion = ann.create_motion(short_driver)
    render = ann.create_render(avatar_id, motion.id, **SMALL)
    seen = list(ann.follow(render))
    assert seen[-1].is_finished
    render = ann.wait(render)
    assert render.details["frames"] == 6
    path = ann.download(render.id, tmp_path / "clip.mp4")
    with VideoReader(path) as video:
        assert video.size == (64, 64)
        assert len(list(video)) == 6
    whole = path.read_bytes()
    status, headers, part = _ask(service, f"/renders/{render.id}/result", Range="bytes=100-199")
    assert (status, headers["Content-Type"], part) == (206, "video/mp4", whole[100:200])
    ann.delete(render)
    assert _ask(service, f"/renders/{render.id}/result")[0] == 404


def test_voices_dubbing_and_layouts_are_made(ann, avatar_id, short_driver, tmp_path):
    voice = tmp_path / "voice.wav"
    write_wav(voice, np.concatenate(list(Sound.open(SPEECH).blocks()))[None, 4000:20000], 16000)
    said = ann.create_motion(voice, text="The quick brown fox", head=0.5, voice_seed=3)
    seen, heard = ann.create_motion(short_driver), ann.create_motion(short_driver, drive="sound", fps=30)
    assert [ann.wait(motion).details["frames"] for motion in (said, seen)] == [25, 6]
    assert 18 <= ann.wait(heard).details["frames"] <= 21  # what the codec pads included
    orders = {
        "said": (said.id, SMALL),
        "dubbed": (seen.id, {"dub": said.id, **SMALL}),
        "compared": (seen.id, {"compare": True, **SMALL}),
        "stitched": ("nod", {"stitch": True, "seconds": 0.2, "dub": said.id}),
    }
    sizes, counts = {}, {}
    for name, (motion, options) in orders.items():
        order = ann.wait(ann.create_render(avatar_id, motion, **options))
        path = ann.download(order.id, tmp_path / f"{name}.mp4")
        with VideoReader(path) as video:
            sizes[name], counts[name] = video.size, len(list(video))
        assert find_sound(path) == 0, name
    assert counts["said"] == 25
    assert counts["dubbed"] == 10  # a second of words at the driver's ten frames
    assert sizes["compared"][0] > 2.5 * 64
    assert sizes["stitched"] == Image.open(PORTRAIT).size
    with pytest.raises(ServiceError, match="neither stitch nor"):
        ann.create_render(avatar_id, "nod", stitch=True, compare=True)
    with pytest.raises(ServiceError, match="head"):
        ann.create_motion(voice, head=3)
    with pytest.raises(ServiceError, match="no such motion"):
        ann.create_render(avatar_id, "nod", dub="0" * 24)


def test_somebody_elses_things_are_not_there(service, avatar_id):
    with Client(service.url, BOB) as bob, pytest.raises(ServiceError, match="no such avatar") as caught:
        bob.create_render(avatar_id, "nod")
    assert caught.value.status == 404


def test_keys_are_asked_for_and_health_is_not(service):
    assert _ask(service, "/renders/" + "0" * 24, key="wrong")[0] == 401
    with Client(service.url) as nobody, pytest.raises(ServiceError, match="Name your API key"):
        nobody.create_avatar(PORTRAIT)
    for path in ("/healthz", "/readyz", "/metrics"):
        with urllib.request.urlopen(service.url + path) as answer:
            assert answer.status == 200


def test_what_cannot_be_used_fails_in_words_without_a_path(ann, service, tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    Image.new("RGB", (64, 64)).save(tmp_path / "gray.png")
    for name, message in (("text.jpg", "The portrait is not a picture"), ("gray.png", "face")):
        with pytest.raises(ServiceError, match=message) as caught:
            ann.wait(ann.create_avatar(tmp_path / name))
        assert str(service.data) not in str(caught.value)
        assert "/" not in str(caught.value)
    encode_sound(tmp_path / "sound.m4a")
    with pytest.raises(ServiceError, match="weights that are not at the service") as caught:
        ann.wait(ann.create_motion(tmp_path / "sound.m4a", voice="artalk"))
    assert "/" not in str(caught.value)


def test_drivers_that_are_longer_than_they_say_are_stopped(ann, service, driver_images, tmp_path):
    """A film whose header tells no length, and one whose header tells a wrong one; and a long sound."""
    frames = [np.ascontiguousarray(image[::6, ::6]) for image in driver_images[:10]] * 2
    endless, lying, sound = (tmp_path / name for name in ("endless.mkv", "lying.mkv", "sound.m4a"))
    write_film(endless, frames, 2, live="1")
    write_film(lying, frames, 2)
    header = lying.read_bytes()
    place = header.index(b"\x44\x89\x88") + 3  # Duration, a double of 8 bytes, in milliseconds
    lying.write_bytes(header[:place] + struct.pack(">d", 1000.0) + header[place + 8 :])
    encode_sound(sound, 9.5)
    with av.open(str(endless)) as container:
        assert container.duration is None
    for path in (endless, lying, sound):
        with pytest.raises(ServiceError, match=r"^The driver is longer than 8 s") as caught:
            ann.wait(ann.create_motion(path))
        assert str(service.data) not in str(caught.value)


def test_requests_beyond_the_limits_are_refused(ann, service, avatar_id, tmp_path):
    (tmp_path / "large").write_bytes(bytes(1_200_000))
    with pytest.raises(ServiceError, match="At most 1 MB") as caught:
        ann.create_avatar(tmp_path / "large")
    assert caught.value.status == 413
    for options, message in (
        ({"width": 1025}, "1024 at most"),
        ({"width": 5000}, "less than or equal to 2048"),
        ({"seconds": 9}, "8 seconds long at most"),
        ({"format": "gif", "background": "transparent"}, "gif has no transparency"),
        ({"background": "/etc/passwd"}, "background"),
        ({"colour": "red"}, "colour"),
    ):
        with pytest.raises(ServiceError, match=message) as caught:
            ann.create_render(avatar_id, "nod", **options)
        assert caught.value.status == 422
        assert len(caught.value.request_id) == 16


def _until_refused(client, avatar_id):
    """Ask for long clips until there is no room; return them and the refusal."""
    renders = []
    while len(renders) < 10:
        try:
            renders.append(client.create_render(avatar_id, "nod", seconds=8, width=512, height=512))
        except ServiceError as error:
            return renders, error
    raise AssertionError("ten clips were queued where four have room")


def test_a_full_queue_and_a_used_up_quota_say_when_to_come_again(ann, service, avatar_id, tmp_path):
    renders, refusal = _until_refused(ann, avatar_id)
    assert "queue is full" in str(refusal)
    assert refusal.status == 429
    assert refusal.retry_after >= 1
    states = [ann.cancel(render).state for render in renders]
    assert set(states) == {"canceled"}
    render = ann.wait(ann.create_render(avatar_id, "nod", seconds=0.2, **SMALL), 600)  # the worker is free again
    assert render.state == "done"
    (tmp_path / "text").write_text("x")
    with Client(service.url, BOB) as bob:
        motions = [bob.create_motion(tmp_path / "text") for _ in range(2)]
        with pytest.raises(ServiceError, match="quota of 2 tasks an hour") as caught:
            bob.create_motion(tmp_path / "text")
        for motion in motions:
            with pytest.raises(ServiceError):  # it is none; the queue is empty for who comes next
                bob.wait(motion)
    assert 3000 < caught.value.retry_after <= 3600


def test_a_live_avatar_answers_frames_and_landmarks(ann, avatar_id, driver_images):
    frames, landmarks, tracker = [], [], VideoTracker(25.0)
    for image in driver_images[:10]:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "PNG")
        frames.append(stream.getvalue())
        height, width = image.shape[:2]
        points = tracker.feed(image).points / np.array([width, height, width])
        landmarks.append(points.astype("<f4").tobytes())
    with ann.live(avatar_id, size=128, format="webp") as live:
        with pytest.raises(ServiceError, match="no JPEG, PNG or WebP"):
            live.draw(b"junk")
        drawn = [Image.open(io.BytesIO(live.draw(frame))) for frame in frames]
        with pytest.raises(ServiceError, match="no room for another") as caught, ann.live(avatar_id):
            pass
    assert caught.value.status == 429
    assert {(picture.format, picture.size) for picture in drawn} == {("WEBP", (128, 128))}
    with ann.live(avatar_id, size=128, input="landmarks", width=width, height=height) as live:
        with pytest.raises(ServiceError, match="5736 bytes"):
            live.draw(b"junk")
        followed = [Image.open(io.BytesIO(live.draw(points))) for points in landmarks]
    assert followed[-1].format == "JPEG"
    difference = np.abs(np.asarray(followed[-1], float) - np.asarray(drawn[-1].convert("RGB"), float)).mean()
    assert difference < 6  # two lossy codecs, one head


def test_metrics_and_logs_tell_what_happened(service, ann, avatar_id):
    _ask(service, f"/avatars/{avatar_id}", **{"X-Request-ID": "my-own.id"})
    text = _ask(service, "/metrics")[2].decode()
    assert 'gagavatar_task_attempts_total{kind="lift",outcome="done"}' in text
    assert 'route="/avatars/{id}"' in text  # and no ids, of which there is no end
    assert avatar_id not in text
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    mine = [line for line in lines if line.get("request_id") == "my-own.id"]
    assert [(line["route"], line["status"], line["client"]) for line in mine] == [("/avatars/{id}", 200, "ann")]


def test_killed_and_started_again_no_job_is_lost(ann, service, avatar_id, tmp_path):
    renders = [ann.create_render(avatar_id, "nod", seconds=1, width=256, height=256) for _ in range(2)]
    until = time.monotonic() + 600
    while ann.get("renders", renders[0].id).done == 0 and time.monotonic() < until:
        time.sleep(0.02)
    service.kill()
    service.start()
    finished = [ann.wait(render, 600) for render in renders]
    files = [ann.download(render.id, tmp_path / f"{render.id}.mp4").read_bytes() for render in finished]
    assert files[0] == files[1]


def test_terminated_it_puts_running_jobs_back(ann, service, avatar_id):
    render = ann.create_render(avatar_id, "nod", seconds=8, width=768, height=768)
    until = time.monotonic() + 600
    while ann.get("renders", render.id).state != "running" and time.monotonic() < until:
        time.sleep(0.02)
    assert service.stop() == 0
    service.start()
    assert ann.get("renders", render.id).state in ("queued", "running")
    assert ann.cancel(render).state == "canceled"
