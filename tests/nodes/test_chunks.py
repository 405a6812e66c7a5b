"""A video that VideoHelperSuite's Meta Batch gives in pieces is followed as if it were whole."""

import numpy as np
import pytest
import torch

from gagavatar_nodes.assets import path as asset
from gagavatar_nodes.media.video_reader import VideoReader
from gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS
from gagavatar_nodes.nodes.chunks import Carried, chunk_number

PIECE, PIECES = 12, 3


@pytest.fixture(scope="module")
def frames():
    """IMAGE of the bundled driver's first seconds."""
    with VideoReader(asset("example_driver.mp4")) as video:
        shown = [frame for frame, _ in zip(video, range(PIECE * PIECES), strict=False)]
    return torch.from_numpy(np.stack(shown).astype(np.float32) / 255)


def prompt(piece):
    """As Meta Batch queues it: the manager's input `requeue` counts the pieces, and is not there in the first."""
    requeued = {"requeue": piece} if piece else {}
    return {
        "1": {"class_type": "VHS_BatchManager", "inputs": {"frames_per_batch": PIECE} | requeued},
        "2": {"class_type": "VHS_LoadVideo", "inputs": {"video": "a.mp4", "meta_batch": ["1", 0]}},
        "3": {"class_type": "GAGAvatarExtractDriving", "inputs": {"images": ["2", 0]}},
        "4": {"class_type": "GAGAvatarRenderAvatar", "inputs": {"motion": ["3", 0]}},
        "5": {"class_type": "GAGAvatarBuiltinMotion", "inputs": {"name": "nod"}},
    }  # fmt: skip


@pytest.fixture(scope="module")
def render(frames, avatar):
    """Function (number of frames in a piece, whether it is Meta Batch that cuts) -> IMAGE of the whole result."""
    track, draw = (NODE_CLASS_MAPPINGS[f"GAGAvatar{name}"]() for name in ("ExtractDriving", "RenderAvatar"))

    def made(length, batched):
        parts = []
        for piece, part in enumerate(frames.split(length)):
            hidden = [{"prompt": prompt(piece), "unique_id": id_} if batched else {} for id_ in "34"]
            motion = track.run(0.25, 0, 25.0, 0, images=part, **hidden[0])[0]
            assert len(motion) == length
            parts.append(draw.run(avatar, motion, 96, 96, "color", "black", "auto", 0, True, False, **hidden[1])[0])
        return torch.cat(parts)

    return made


def jumps(images):
    """Mean change from frame to frame where pieces meet, 0 to 255."""
    changes = (images[1:] - images[:-1]).abs().mean((1, 2, 3)) * 255
    return changes[PIECE - 1 :: PIECE]


def test_pieces_meet_without_a_jump(render):
    whole, apart, carried = render(PIECE * PIECES, False), render(PIECE, False), render(PIECE, True)
    assert (jumps(carried) < 1.6 * jumps(whole)).all()  # the face moves there
    assert jumps(apart).max() > 2 * jumps(whole).max()
    assert (carried - whole).abs().mean((1, 2, 3)).max() * 255 < 5


def test_pieces_are_counted_for_the_nodes_behind_the_manager():
    assert [chunk_number(prompt(piece), "4") for piece in range(3)] == [0, 1, 2]
    assert chunk_number(prompt(1), "5") is None
    assert chunk_number(None, None) is None
    circle = {"a": {"class_type": "A", "inputs": {"x": ["b", 0]}}, "b": {"class_type": "B", "inputs": {"x": ["a", 0]}}}
    assert chunk_number(circle, "a") is None


def test_only_the_piece_before_made_in_the_same_way_is_gone_on_from():
    carried = Carried()
    carried.leave("3", 0, "smooth", "first")
    assert carried.before("3", 1, "smooth") == "first"
    assert carried.before("3", 1, "rough") is None
    assert carried.before("3", 2, "smooth") is None
    assert carried.before("3", 0, "smooth") is None
    assert carried.before("4", 1, "smooth") is None
