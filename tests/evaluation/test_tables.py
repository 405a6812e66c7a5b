"""Means, intervals, and the refusal to compare what does not compare."""

import csv
import io

import numpy as np
import pytest

from gagavatar_nodes.errors import GagavatarError
from gagavatar_nodes.evaluation.page import html_page
from gagavatar_nodes.evaluation.published import ROWS, VFHQ
from gagavatar_nodes.evaluation.registry import VARIANTS, choose
from gagavatar_nodes.evaluation.statistics import over_videos
from gagavatar_nodes.evaluation.tables import beside, csv_table, markdown, summarize


def score(name, value, lpips=None):
    values = {"psnr.face": value, "psnr.crop": value, "lpips.squeeze.crop": lpips}
    return {
        "name": name, "protocol": "self", "fps": 25.0, "frames": [1, 2], "missing": {"csim.mica": "get it | there"},
        "methods": {"embedded": {"values": values, "frames": {"psnr.face": [value, value]}, "no_face": 0}},
    }  # fmt: skip


def test_interval_of_the_mean_is_the_normal_one_for_many_videos():
    values = np.random.default_rng(1).normal(10, 2, 400)
    found = over_videos(list(values))
    half = 1.96 * values.std() / np.sqrt(400)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.06)
    assert found.high == pytest.approx(values.mean() + half, abs=0.06)
    assert over_videos(list(values)) == found  # seeded


def test_blocks_of_one_video_widen_the_interval_where_neighbors_are_alike():
    slow = np.repeat(np.random.default_rng(2).normal(0, 1, 20), 25)
    alone = over_videos([float(slow.mean())], slow, 25)
    mixed = over_videos([float(slow.mean())], np.random.default_rng(3).permutation(slow), 25)
    assert alone.high - alone.low > 2 * (mixed.high - mixed.low)


def test_nothing_is_no_zero():
    assert over_videos([]) is None
    assert over_videos([float("nan")]) is None
    assert over_videos([3.0]).low is None


def test_published_numbers_stand_beside_the_same_variant_and_data_alone():
    means = summarize([score("a", 20.0), score("b", 24.0)])["self"]["embedded"]
    assert beside(means, "psnr.crop", VFHQ).startswith("22")
    assert beside(means, "psnr.crop", "mine") == "not comparable"
    assert beside(means, None, VFHQ) == "not comparable"
    assert beside(means, "lpips.squeeze.crop", VFHQ) == "missing"


def test_markdown_tells_what_is_missing_and_how_to_get_it():
    text = markdown([score("a", 20.0)], VFHQ)
    assert "| CSIM, MICA's ArcFace ↑ (`csim.mica`) | missing |" in text
    assert "`csim.mica`: get it \\| there" in text
    assert "| GAGAvatar | 21.83 | 0.818 | 0.122 |" in text


def test_csv_has_a_line_for_what_is_missing():
    rows = list(csv.DictReader(io.StringIO(csv_table([score("a", 20.0)]))))
    by_metric = {row["metric"]: row for row in rows}
    assert by_metric["psnr.face"]["value"] == "20.0"
    assert by_metric["csim.mica"]["value"] == ""
    assert by_metric["csim.mica"]["note"] == "missing: get it | there"
    assert by_metric["lpips.squeeze.crop"]["note"] == "no value"


def test_page_escapes_names(tmp_path):
    page = html_page([score("<script>alert(1)</script>", 20.0)], tmp_path)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_every_variant_says_what_it_is():
    for name, variant in VARIANTS.items():
        assert name == variant.id
        assert variant.definition
        assert variant.source
        assert variant.better in ("higher", "lower", "")
        assert (variant.of_frame is None) != (variant.of_tracks is None), name


def test_published_cells_name_variants_that_there_are():
    ids = {cell for row in ROWS for columns in row.values.values() for _, cell in columns.values()}
    assert ids - {None} <= set(VARIANTS)
    for row in ROWS:
        for columns in row.values.values():
            for _, cell in columns.values():
                papers = VARIANTS[cell].papers if cell else ()
                assert cell is None or {"GAGAvatar", "FlexAvatar"} & set(papers), cell


def test_metrics_are_chosen_by_id_and_by_beginning():
    assert [one.id for one in choose(["psnr"])] == ["psnr.face", "psnr.full", "psnr.crop", "psnr.crop478"]
    assert [one.id for one in choose(["psnr.face"])] == ["psnr.face"]
    assert not {one.id for one in choose(["psnr", "akd"], "cross")}
    with pytest.raises(GagavatarError, match="There is no metric 'psn': give an id"):
        choose(["psn"])
