import numpy as np
import pytest

from gagavatar_nodes.rendering.layout import comparison, contact_sheet


def plain(height, width, color):
    return np.full((height, width, 3), color, np.uint8)


def test_comparison_scales_every_picture_to_the_results_height():
    frame = comparison([plain(100, 50, 200), plain(30, 60, 100), plain(64, 64, 50)], gap=4)
    assert frame.shape == (64, 32 + 4 + 128 + 4 + 64, 3)
    assert (frame[:, :32] == 200).all()
    assert (frame[:, 36:164] == 100).all()
    assert (frame[:, 168:] == 50).all()


def test_comparison_takes_a_height():
    assert comparison([plain(64, 64, 1), plain(64, 64, 2)], height=32, gap=0).shape == (32, 64, 3)


def test_contact_sheet_places_rows_of_different_length():
    rows = [[plain(40, 40, 200), plain(80, 160, 150)], [plain(10, 10, 100)]]
    sheet = contact_sheet(rows, cell=40)
    assert sheet.shape == (40 + 16 + 40 + 2 * 24, 40 + 8 + 80 + 2 * 24, 3)
    assert (sheet[24:64, 24:64] == 200).all()
    assert (sheet[24:64, 72:152] == 150).all()
    assert (sheet[80:120, 24:64] == 100).all()


def test_titles_and_captions_are_written_beside_the_pictures_not_on_them():
    rows = [[plain(60, 60, 200)] * 2, [plain(60, 60, 200)] * 2]
    bare = contact_sheet(rows, cell=60)
    labeled = contact_sheet(rows, ["Portrait", ["left", "right"]], cell=60)
    assert labeled.shape[0] > bare.shape[0]
    assert (labeled == 200).all(-1).sum() == (bare == 200).all(-1).sum() == 4 * 60 * 60
    backdrop = labeled[0, 0]
    text = ~((labeled == 200).all(-1) | (labeled == backdrop).all(-1))
    assert text.sum() > 50
    assert text[: labeled.shape[0] // 2].any()
    assert text[-50:, 24:84].any()
    assert text[-50:, 92:].any()


def test_wrong_number_of_labels_is_named():
    with pytest.raises(ValueError, match="Got 1 labels but expected 2"):
        contact_sheet([[plain(8, 8, 1)], [plain(8, 8, 1)]], ["only"])
    with pytest.raises(ValueError, match="Got 1 captions but expected 2"):
        contact_sheet([[plain(8, 8, 1), plain(8, 8, 1)]], [["only"]])
    with pytest.raises(ValueError, match="empty row"):
        contact_sheet([[]])
