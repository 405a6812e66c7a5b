"""Makes the files that people really have, of the bundled portrait and driver: odd clocks, colors, cuts, names.

    python tools/odd_inputs.py --list
    python tools/odd_inputs.py --only cuts portraits -o /tmp/odd

A new kind is a line in `KINDS`; `tests/test_odd_inputs.py` runs them through the command, the nodes and the page.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT)]

import films  # noqa: E402
import odd_films  # noqa: E402
import odd_pictures  # noqa: E402

PQ, HLG = 16, 18
Maker = Callable[[Path], Path]


def _named(source: Path) -> Maker:
    return lambda path: Path(shutil.copyfile(source, path))


NAMES = (
    "2024-11-14T22:57:44", "take:2", "a:b", "http:", "100% off #1 [x]", "%05d", "it's \"so\" $HOME & more?", "-o", "~",
    "笑顔 é 😀", "a\\b|c*", "file:x", "two\nlines", " spaces ", "long" + 30 * " name", "[0]", ".hidden", "CON",
    "x;y,z=1",
)  # fmt: skip
"""Names without extensions that file systems of Linux and macOS allow."""

KINDS: dict[str, dict[str, Maker]] = {
    "clocks": odd_films.CLOCKS,
    "matrices": {
        f"{name.replace(' ', '_')}.mp4": partial(odd_films.displayed, matrix=matrix)
        for name, matrix in odd_films.MATRICES.items()
    },
    "sound": {
        "sound_unknown.mp4": lambda path: odd_films.unknown_codec(odd_films.flash_and_beep(path)),
        "silent.mp4": odd_films.silent_film,
    },
    "cuts": {
        "jump_cut.mp4": odd_films.as_film(films.jump_cut),
        "jump_zooms.mp4": odd_films.as_film(films.jump_zooms),
        "another_person.mp4": odd_films.as_film(lambda: films.cut_away(films.other())),
        "landscape.mp4": odd_films.as_film(lambda: films.cut_away(films.landscape())),
        "black.mp4": odd_films.as_film(lambda: films.cut_away(films.black())),
        "dissolve.mp4": odd_films.as_film(lambda: films.dissolve(films.other())),
        "change_sides.mp4": odd_films.as_film(lambda: films.side_by_side(changed=True)),
        "crossing.mp4": odd_films.as_film(films.crossing),
    },
    "mouths": {
        "mouth_out_of_picture.mp4": odd_films.cut_off_below,
        **{
            f"{thing}_at_the_mouth.mp4": lambda path, thing=thing: odd_films.silent_film(
                path, odd_films.covered(thing), films.FPS // 2
            )
            for thing in ("hand", "microphone")
        },
    },
    "short": {"one_frame.mp4": lambda path: odd_films.silent_film(path, odd_films.frames()[:1])},
    "colors": {
        "pq.mkv": partial(odd_films.hdr, transfer=PQ),
        "hlg.mkv": partial(odd_films.hdr, transfer=HLG),
        "full_range.mkv": lambda path: odd_films.colored(path, odd_pictures.photo().astype("uint16") * 257, 1, 1, 1, 2),
    },
    "portraits": {
        **{f"exif_{turn}.{end}": odd_pictures.turned(turn) for turn in range(2, 9) for end in ("jpg", "png", "webp")},
        "cmyk.jpg": odd_pictures.cmyk,
        "display_p3.jpg": odd_pictures.wide_gamut(odd_pictures.DISPLAY_P3),
        "adobe_rgb.jpg": odd_pictures.adobe_rgb,
        "bt2020.png": odd_pictures.wide_gamut(odd_pictures.BT2020),
        "display_p3.avif": odd_pictures.wide_gamut(odd_pictures.DISPLAY_P3),
        "12_in_16.png": odd_pictures.deep(12),
        "10_in_16.tif": odd_pictures.deep(10),
        "pq.png": odd_pictures.pq_png,
        "pq.avif": odd_pictures.pq_avif,
        "phone.heic": odd_pictures.heic,
        "pq.heic": odd_pictures.pq_heic,
        "palette.png": odd_pictures.palette,
    },
    "gray": {"gray_16.png": odd_pictures.gray16, "gray_16.tif": odd_pictures.gray16},
    "alpha": {
        "rounded_corners.webp": odd_pictures.with_alpha(odd_pictures.rounded_corners()),
        "few_transparent.png": odd_pictures.with_alpha(odd_pictures.few_transparent()),
        "almost_opaque.png": odd_pictures.with_alpha(odd_pictures.level(230)),
        "fully_transparent.webp": odd_pictures.with_alpha(odd_pictures.level(0)),
    },
    "erased": {"erased.png": odd_pictures.erased},
    "sideways": {f"quarter_turns_{turns}.png": odd_pictures.quarter_turns(turns) for turns in (1, 2, 3)},
    "names": {
        **{f"{name}.mp4": _named(ROOT / "tests" / "data" / "synthetic_driver.mp4") for name in NAMES},
        **{f"{name}.jpg": odd_pictures.save for name in NAMES},
    },
}
"""Kind -> name of a file -> its maker."""


def main() -> None:
    """Write files of the chosen kinds, a folder for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, default=Path("odd_inputs"), metavar="FOLDER")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--list", action="store_true", help="name kinds and files, write nothing")
    args = parser.parse_args()
    for kind in args.only:
        for name, make in KINDS[kind].items():
            path = args.out / kind / name
            if not args.list:
                path.parent.mkdir(parents=True, exist_ok=True)
                make(path)
            print(ascii(f"{kind}/{name}") if args.list else ascii(str(path)))


if __name__ == "__main__":
    main()
