import re
import sys
from pathlib import Path

import pytest

from set_repository import PROJECT, with_repository

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ADDRESS = "https://github.com/someone/some-pack"


def test_the_registry_gets_full_addresses_of_files_that_are_there():
    text = PROJECT.read_text(encoding="utf-8")
    changed = with_repository(text, ADDRESS + ".git", "main")
    project = tomllib.loads(changed)
    assert project["project"]["urls"]["Repository"] == ADDRESS
    for name in ("Icon", "Banner"):
        address = project["tool"]["comfy"][name]
        path = re.fullmatch(r"https://raw\.githubusercontent\.com/someone/some-pack/main/(.+)", address)[1]
        assert (Path(PROJECT).parent / path).is_file()
    assert with_repository(changed, ADDRESS, "main") == changed
    before = tomllib.loads(text)
    assert project["project"]["dependencies"] == before["project"]["dependencies"]


@pytest.mark.parametrize("address", ["someone/some-pack", "http://github.com/a/b", "https://github.com/a", ""])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="is no address"):
        with_repository("", address, "main")
