import av
import numpy as np
import pytest
from PIL import Image

from gagavatar_nodes.errors import MediaError
from gagavatar_nodes.media.sound import SoundReader, find_sound
from media_files import encode_flash_and_beep, encode_sound, encode_video, first_loud, gradient
from odd_films import unknown_codec


def samples_of(path, **options):
    return np.concatenate(list(SoundReader(path, **options)), axis=1)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize(
    "faults",
    [{}, {"picture_starts": 1.0}, {"silent": (0.2, 1.2)}, {"silent": (-1.0, 0.8)}, {"silent": (1.7, 1.9)}],
    ids=["plain", "late picture", "gap", "late sound", "gap after"],
)
def test_a_sample_lies_at_its_time_after_the_first_frame(tmp_path, rate, faults):
    path = encode_flash_and_beep(tmp_path / "a.mkv", **faults)
    samples = samples_of(path, rate=rate)
    assert first_loud(samples)[0] / rate == pytest.approx(1.5, abs=0.04)
    assert samples.shape[1] / rate == pytest.approx(2.0, abs=0.1)
    later = samples_of(path, rate=rate, start=0.5)
    assert first_loud(later)[0] / rate == pytest.approx(1.0, abs=0.04)


def test_sound_without_a_picture_begins_at_once(tmp_path):
    samples = samples_of(encode_sound(tmp_path / "a.ts", 1.0, codec="mp2"))
    assert first_loud(samples)[0] / 48000 < 0.05
    assert samples.shape == (1, pytest.approx(48000, abs=3000))


@pytest.mark.parametrize("channels", [1, 2])
def test_channels_are_mixed_as_asked(tmp_path, channels):
    reader = SoundReader(encode_sound(tmp_path / "a.wav", codec="pcm_s16le"), channels=channels)
    assert reader.channels == channels
    assert {block.shape[0] for block in reader} == {channels}
    assert all(block.dtype == np.float32 for block in reader)


@pytest.mark.parametrize(("layout", "channels", "kept"), [("5.1", 6, 6), ("7.1", 8, 6)])
@pytest.mark.parametrize(("name", "codec"), [("a.wav", "pcm_s16le"), ("a.mka", "aac")])
def test_surround_sound_is_read_from_anywhere(tmp_path, layout, channels, kept, name, codec):
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=48000, layout=layout)
        tone = np.tile(np.int16(8000 * np.sin(np.arange(48000) / 20))[:, None], (1, channels))
        frame = av.AudioFrame.from_ndarray(tone.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = 48000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    for options, rows in (({}, kept), ({"channels": 2}, 2), ({"channels": 1}, 1)):
        samples = samples_of(path, start=0.31, **options)
        assert samples.shape == (rows, pytest.approx(0.69 * 48000, abs=3000))
        assert np.abs(samples).max() > 0.1


def test_long_sound_does_not_drift(tmp_path):
    """44.1 kHz frames do not resample to whole numbers of samples."""
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=44100, layout="mono")
        values = np.zeros((1, 44100 * 120), np.int16)
        values[0, -4410:] = 20000
        frame = av.AudioFrame.from_ndarray(values, format="s16", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    samples = samples_of(path, rate=48000)
    assert first_loud(samples)[0] / 48000 == pytest.approx(119.9, abs=0.005)
    assert samples.shape[1] == pytest.approx(120 * 48000, abs=100)


def test_sound_that_no_decoder_knows_is_left_out_and_said(tmp_path, caplog):
    path = unknown_codec(encode_video(tmp_path / "a.mp4", [gradient(48, 64)] * 5, seconds_of_sound=0.5))
    assert find_sound(path) is None
    assert "a.mp4: its sound is in a form that cannot be decoded and is left out" in caplog.text
    with pytest.raises(MediaError, match="no sound that can be decoded"):
        SoundReader(path)


def test_the_first_track_that_can_be_decoded_is_taken(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("aac", rate=48000, layout="mono") for _ in range(2)]
        for level, stream in zip((0, 1), streams, strict=True):
            tone = (level * 12000 * np.sin(np.arange(24000) / 10)).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            frame.sample_rate = 48000
            container.mux([*stream.encode(frame), *stream.encode(None)])
    assert not len(first_loud(samples_of(path)))
    path = unknown_codec(path, tracks=2)
    assert find_sound(path) == 1
    assert len(first_loud(samples_of(path)))


def test_silent_files_have_no_sound_and_are_not_warned_of(tmp_path, caplog):
    Image.fromarray(gradient(48, 64)).save(tmp_path / "a.png")
    encode_video(tmp_path / "a.mp4", [gradient(48, 64)] * 2)
    assert [find_sound(tmp_path / name) for name in ("a.png", "a.mp4")] == [None, None]
    assert not caplog.text
