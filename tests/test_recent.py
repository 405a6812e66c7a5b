"""Values that are kept as long as there is room."""

import pytest

from gagavatar_nodes.recent import Recent


def test_what_was_used_last_stays():
    kept = Recent(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert list(kept) == ["a", "c"]
    assert kept.get("b") is None
    assert len(kept) == 2


def test_putting_a_key_again_replaces_its_value_and_uses_it():
    kept = Recent(2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        assert kept.put(key, value) == value
    assert dict(kept.items()) == {"a": 3, "c": 4}


def test_a_value_is_made_once_while_it_is_kept():
    kept, made = Recent(1), []

    def make():
        made.append(1)
        return len(made)

    assert [kept.get_or_make(key, make) for key in "aabba"] == [1, 1, 2, 2, 3]


def test_nothing_is_kept_of_what_could_not_be_made():
    kept = Recent(1)
    with pytest.raises(ZeroDivisionError):
        kept.get_or_make("a", lambda: 1 / 0)
    assert kept.get_or_make("a", lambda: 5) == 5


def test_sizes_are_asked_when_something_comes_and_the_last_one_stays_whatever_its_size():
    kept = Recent(5, len)
    growing = kept.put("a", [])
    kept.put("b", [1, 2])
    growing += [1, 2, 3, 4]
    kept.put("c", [1])
    assert list(kept) == ["b", "c"]
    kept.put("d", [0] * 9)
    assert list(kept) == ["d"]


def test_what_has_to_go_is_told():
    gone = []
    kept = Recent(1, on_drop=gone.append)
    kept.put("a", 1)
    kept.put("a", 2)
    assert gone == []
    kept.put("b", 3)
    assert gone == [2]
    kept.clear()
    assert (len(kept), gone) == (0, [2])
