"""Files that lead to other files: none of them is followed, whatever they are called."""

import av
import pytest

from gagavatar_nodes.assets import path as asset
from gagavatar_nodes.errors import MediaError
from gagavatar_nodes.media.kinds import media_kind
from gagavatar_nodes.media.sound import SoundReader
from gagavatar_nodes.media.video_reader import VideoReader
from synthetic import DRIVER

PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{0}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{0}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "dash": '<?xml version="1.0"?><MPD type="static" mediaPresentationDuration="PT3S"><Period><AdaptationSet>'
    '<Representation id="0" mimeType="video/mp4"><BaseURL>{0}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
}


@pytest.mark.parametrize("extension", ["m3u8", "mp4", "ffconcat", "mpd", "sdp", "ts"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_playlists_are_no_media(tmp_path, kind, extension):
    for start in ("", "file:", "file://"):
        path = tmp_path / f"list.{extension}"
        path.write_text(PLAYLISTS[kind].format(f"{start}{DRIVER}"))
        assert media_kind(path) == "other"
        for reader in (VideoReader, SoundReader):
            with pytest.raises(MediaError):
                reader(path)


def test_names_of_numbered_pictures_are_not_expanded(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(asset("example_portrait.jpg").read_bytes())
    with pytest.raises(MediaError, match="does not exist"):
        VideoReader(tmp_path / "%d.png")


def boxes(data):
    """(kind, content) of the boxes of a MOV, one after the other."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def box(kind, content):
    return (len(content) + 8).to_bytes(4, "big") + kind + content


def leading_to(other, data):
    """The same MOV whose pictures and sound are said to lie in another file of its folder; its own are blank."""
    holders = (b"moov", b"trak", b"mdia", b"minf", b"dinf")
    name = b"disk:folder:" + other.encode()
    alias = bytes(10) + b"\x04disk".ljust(28, b"\0") + bytes(12) + bytes([len(other)]) + other.encode().ljust(63, b"\0")
    alias += bytes(16) + b"\0\1\0\1" + bytes(16) + b"\0\2" + len(name).to_bytes(2, "big") + name + bytes(len(name) % 2)
    alias += b"\xff\xff\0\0"
    made = b""
    for kind, content in boxes(data):
        if kind in holders:
            content = leading_to(other, content)
        elif kind == b"dref":
            content = bytes(4) + b"\0\0\0\1" + box(b"alis", bytes(4) + alias)
        elif kind == b"mdat":
            content = bytes(len(content))
        made += box(kind, content)
    return made


def test_a_mov_that_leads_to_another_file_gives_nothing_of_it(tmp_path):
    (tmp_path / "other.mp4").write_bytes(DRIVER.read_bytes())
    path = tmp_path / "leading.mov"
    path.write_bytes(leading_to("other.mp4", DRIVER.read_bytes()))
    with av.open(str(path), options={"enable_drefs": "1"}) as film:
        assert sum(1 for _ in film.decode(video=0)) > 5, "this file does lead to the other one"
    for reader in (VideoReader, SoundReader):
        with pytest.raises(MediaError):
            list(reader(path))
