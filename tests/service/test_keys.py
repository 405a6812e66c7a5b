"""API keys."""

import pytest

from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.service.keys import Client, Keys

KEY, OTHER = "k" * 20, "o" * 20


def test_keys_come_from_a_file_and_a_variable(tmp_path):
    (tmp_path / "keys").write_text(f"# who\nann:{KEY}:5\n\n")
    keys = Keys.read(tmp_path / "keys", f"bob:{OTHER}")
    assert (keys.find(KEY), keys.find(OTHER)) == (Client("ann", 5), Client("bob"))
    assert keys.find("wrong") is None
    assert keys.find(None) is None


def test_without_keys_everybody_may_ask():
    assert Keys().find(None) == Client("anyone")


@pytest.mark.parametrize(
    ("variable", "message"),
    [("ann", "entry 1 is not name:key"), (f"a:{KEY},b:short", "entry 2: the key of b is shorter"),
     (f"a:{KEY},b:{KEY}", "given before"), (f"a:{KEY}:many", "is not name:key")],
)  # fmt: skip
def test_a_bad_entry_is_named_and_no_key_is_quoted(variable, message):
    with pytest.raises(GagavatarError, match=message) as caught:
        Keys.read(variable=variable)
    assert KEY not in str(caught.value)


def test_a_service_that_everybody_could_reach_needs_keys(gagavatar, tmp_path, monkeypatch):
    monkeypatch.delenv("GAGAVATAR_API_KEYS", raising=False)
    outcome = gagavatar("serve", "--host", "0.0.0.0", "--data", tmp_path / "data", "--workers", 1)
    assert (outcome.code, "give --keys, or --no-keys" in outcome.err) == (1, True)
