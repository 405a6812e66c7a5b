"""One contract for every avatar and performance; see test_published_pipeline for GAGAvatar's."""

import pytest

from contracts import PortraitAsTaken, RecordingAvatar, check_avatar, check_performance, check_signatures
from gagavatar_nodes.avatars import Performance
from gagavatar_nodes.driving.operations import neutral_motion
from gagavatar_nodes.nodes.performing import CoarsePerformance


@pytest.mark.parametrize("wrap", [lambda avatar: avatar, RecordingAvatar], ids=["embedded", "recording stand-in"])
def test_an_avatar_keeps_its_contract(avatar, portrait, tmp_path, wrap):
    check_avatar(wrap(avatar), portrait, tmp_path)


def test_a_performance_without_the_refiner_keeps_its_contract(avatar):
    motion = neutral_motion(2, 12.5)
    check_performance(CoarsePerformance(avatar.perform(motion)), motion)


def test_the_stand_in_performance_keeps_its_contract(avatar):
    check_performance(PortraitAsTaken(avatar, 12.5, 2), neutral_motion(2, 12.5))


def test_a_break_of_the_contract_is_found(avatar):
    class Broken(PortraitAsTaken):
        def frames(self, width, height, indices=None):
            return iter(())

    with pytest.raises(AssertionError, match=r"Broken\.frames does not take alpha"):
        check_signatures(Broken(avatar), Performance)
