"""`gagavatar bench --paper`."""

import json

from gagavatar_nodes.evaluation.speed import frames_a_second


class Counted:
    """A performance of three frames that counts what is drawn."""

    def __init__(self):
        self.drawn = []

    def __len__(self):
        return 3

    def frames(self, width, height, indices=None, alpha=True):
        assert (width, height, alpha) == (512, 512, False)
        for index in indices:
            self.drawn.append(index)
            yield None


def test_as_many_frames_are_drawn_as_asked_for_after_the_warm_up():
    counted = Counted()
    assert frames_a_second(counted, 10) > 0
    assert len(counted.drawn) == 8 + 10
    assert counted.drawn[8:] == [0, 1, 2] * 3 + [0]


def test_command_names_hardware_and_what_is_missing(gagavatar, monkeypatch, tmp_path):
    monkeypatch.setenv("GAGAVATAR_WEIGHTS", str(tmp_path))
    done = gagavatar("bench", "--paper", "--frames", 4, "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    embedded, published = report["rows"][0], report["rows"][1:]
    assert embedded["avatar"] == "embedded"
    assert embedded["fps"] > 0
    assert embedded["device"] == report["machine"]["processor"]
    assert published
    assert all("fps" in row or "missing" in row for row in published)
    assert report["published"][0]["fps"] == 67.12
    assert gagavatar("bench").code == 2
