"""What streams and webcams may send, and who of many is followed live; skipped without Gradio."""

import base64
import io
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image

from gagavatar_nodes.app.places import Places
from gagavatar_nodes.assets import path as asset
from gagavatar_nodes.errors import MediaError

pytest.importorskip("gradio")
from gagavatar_nodes.app.inputs import camera_input, microphone_input, picture_input


def sent(data, kind="png"):
    return SimpleNamespace(path=None, url=f"data:image/{kind};base64,{base64.b64encode(data).decode()}", orig_name=None)


def picture(size, kind="PNG"):
    file = io.BytesIO()
    Image.new("1" if kind == "PNG" else "RGB", size).save(file, kind)
    return file.getvalue()


def test_a_picture_of_the_webcam_arrives_as_it_is():
    file = io.BytesIO()
    colors = np.random.default_rng(1).integers(0, 255, (30, 40, 3), np.uint8)
    Image.fromarray(colors).save(file, "PNG")
    assert np.array_equal(camera_input().preprocess(sent(file.getvalue())), colors)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: picture((9_000, 9_000)), "9000 x 9000 pixels"),  # some KB that would be 240 MB
        (lambda: picture((20_000, 20_000)), "too many pixels"),
        (lambda: picture((64, 64)) + bytes(30 << 20), "MB at most"),
        (lambda: picture((64, 64))[:45], "damaged"),
        (lambda: picture((64, 64), "GIF"), "damaged"),
        (lambda: b"<svg/>", "damaged"),
        (lambda: b"", "damaged"),
    ],
    ids=["bomb", "larger bomb", "large", "cut", "other kind", "markup", "empty"],
)
def test_pictures_that_no_webcam_takes_are_refused_before_they_are_decoded(make, words):
    data = make()
    for made in (camera_input(), picture_input()):
        if words == "damaged" and made.type == "filepath" and data[:4] == b"\x89PNG":
            continue  # its end is not read here
        with pytest.raises(MediaError, match=words):
            made.preprocess(sent(data))


def test_addresses_are_not_followed():
    for url in ("http://127.0.0.1:1/x.png", "file:///etc/hostname", "", None, "data:text/html;base64,AAAA"):
        for made in (camera_input(), picture_input()):
            with pytest.raises(MediaError, match="must be a JPEG, PNG or WebP"):
                made.preprocess(SimpleNamespace(path=None, url=url, orig_name=None))


def write_sound(path, seconds, codec="pcm_s16le"):
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=16000, layout="mono")
        tone = (8000 * np.sin(np.arange(round(16000 * seconds)) / 20)).astype(np.int16)
        for start in range(0, len(tone), 4096):
            frame = av.AudioFrame.from_ndarray(tone[None, start : start + 4096], format="s16", layout="mono")
            frame.sample_rate = 16000
            frame.pts = start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return tone


def test_a_piece_of_sound_arrives_as_it_is_and_a_long_one_is_refused(tmp_path):
    path = tmp_path / "piece.wav"
    tone = write_sound(path, 0.2)
    rate, samples = microphone_input().preprocess(SimpleNamespace(path=str(path)))
    assert rate == 16000
    assert samples.shape == (len(tone), 1)
    assert np.abs(samples[:, 0] - tone / 32768).max() < 1e-3
    write_sound(path, 8)
    with pytest.raises(MediaError, match="longer than 5 s"):
        microphone_input().preprocess(SimpleNamespace(path=str(path)))
    path.write_bytes(bytes(2 << 20))
    with pytest.raises(MediaError, match="too many for a part of a stream"):
        microphone_input().preprocess(SimpleNamespace(path=str(path)))


def test_a_playlist_is_no_sound(tmp_path):
    path = tmp_path / "list.m3u8"
    path.write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:{asset('example_voice.flac')}\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(MediaError):
        microphone_input().preprocess(SimpleNamespace(path=str(path)))


def test_who_comes_fifth_gets_the_place_that_becomes_free(monkeypatch):
    from gagavatar_nodes.app import places

    now = 100.0
    monkeypatch.setattr(places.time, "monotonic", lambda: now)
    four = Places(4, rest=4.0)

    def takes(name):
        with four.take(name) as taken:
            return taken

    assert all(takes(name) for name in "abcd")
    assert not takes("e")
    now += 3.0
    assert all(takes(name) for name in "bcd")
    assert not takes("e"), "the first one may have paused"
    now += 2.0
    assert takes("e")
    assert not takes("a")
    with four.take("e"):
        now += 60.0
        assert all(takes(name) for name in "xyz")
        assert not takes("a"), "whoever is followed right now keeps the place"
