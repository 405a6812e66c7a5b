"""Files that lead to other files: none of them is followed, whatever they are called."""

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
