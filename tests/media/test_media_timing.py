from fractions import Fraction

import pytest

from gagavatar_nodes.media.timing import at_constant_rate, constant_fps


@pytest.mark.parametrize(
    ("average", "expected"),
    [
        (Fraction(30000, 1001), Fraction(30000, 1001)),
        (Fraction(25), Fraction(25)),
        (29.87, Fraction(30000, 1001)),
        (24.9, Fraction(25)),
        (12.5, Fraction(25, 2)),
        (11.996, Fraction(12)),
        (None, Fraction(25)),
        (0, Fraction(25)),
        (90000, Fraction(25)),
    ],
)
def test_rates_snap_to_standard_ones_only_when_near(average, expected):
    assert constant_fps(average) == expected


@pytest.mark.parametrize("fps", [Fraction(30000, 1001), Fraction(24), Fraction(60)])
def test_millisecond_timestamps_neither_drop_nor_repeat(fps):
    frames = [(round(float(i / fps), 3), i) for i in range(2000)]
    assert list(at_constant_rate(frames, fps, 1 / fps)) == list(range(2000))


def test_first_sensible_rate_is_taken():
    assert constant_fps(Fraction(1000), Fraction(25)) == 25


def test_repeated_timestamps_follow_one_period_apart():
    assert list(at_constant_rate([(0.1, 0), (0.2, 1), (0.2, 2), (0.3, 3)], 10, 0.1)) == [0, 1, 2, 3]


def test_late_start_is_not_filled():
    assert list(at_constant_rate([(3.0, "a"), (3.1, "b")], 10, 0.1)) == ["a", "b"]


def test_missing_timestamps_follow_one_period_apart():
    assert list(at_constant_rate([(0.0, 0), (None, 1), (None, 2), (0.3, 3)], 10, 0.1)) == [0, 1, 2, 3]


@pytest.mark.parametrize("jump", [-50.0, 5000.0])
def test_jump_in_time_is_bridged_without_gap(jump):
    assert list(at_constant_rate([(60.0, 0), (60.1, 1), (60.2 + jump, 2), (60.3 + jump, 3)], 10, 0.1)) == [0, 1, 2, 3]


def test_a_frame_stands_as_long_as_its_file_allows():
    shown = list(at_constant_rate([(0.0, "a"), (40.0, "b")], 10, 0.1, longest=40.0))
    assert (shown.count("a"), shown.count("b")) == (400, 1)


@pytest.mark.parametrize(("last", "count"), [(0.0, 1), (0.1, 2), (0.5, 6)])
def test_last_frame_is_held_for_its_duration(last, count):
    assert list(at_constant_rate([(0.0, 0), (0.1, 1)], 10, last)) == [0] + [1] * (count - 1)
