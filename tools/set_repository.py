"""Write the published repository's address into pyproject.toml, for the registry: before a release.

python tools/set_repository.py https://github.com/OWNER/NAME [--branch main]
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def with_repository(text: str, address: str, branch: str) -> str:
    """Return pyproject.toml's text with the address in `[project.urls]`, and before the registry's icon and banner.

    Raises:
        ValueError: it is no address of a repository.
    """
    found = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", address)
    if found is None:
        raise ValueError(f"{address} is no address such as https://github.com/OWNER/NAME")
    repository = f"https://github.com/{found[1]}"
    raw = f"https://raw.githubusercontent.com/{found[1]}/{branch}"
    text = re.sub(r'^(Icon|Banner) = "(?:https://.*/)?(docs/[\w.]+)"$', rf'\1 = "{raw}/\2"', text, flags=re.M)
    urls = f'[project.urls]\nRepository = "{repository}"\n\n'
    text = re.sub(r"^\[project\.urls\]\n(?:.+\n)*\n", "", text, flags=re.M)
    return text.replace("[project.scripts]\n", f"{urls}[project.scripts]\n", 1)


def main() -> None:
    """Change the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="https://github.com/OWNER/NAME")
    parser.add_argument("--branch", default="main", help="whose files the registry shows (default: main)")
    args = parser.parse_args()
    try:
        changed = with_repository(PROJECT.read_text(encoding="utf-8"), args.address, args.branch)
    except ValueError as error:
        sys.exit(str(error))
    PROJECT.write_text(changed, encoding="utf-8")


if __name__ == "__main__":
    main()
