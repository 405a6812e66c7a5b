from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gagavatar_nodes.errors import FileFormatError
from gagavatar_nodes.heads.flame import Flame
from gagavatar_nodes.tracking import arcface
from gagavatar_nodes.tracking.emica import crops, scrfd, vgghead
from parity_recipe import synthetic_flame

NONE = (0, 0)


def codes_of(**parts):
    """[413] codes with the named parts set."""
    codes = torch.zeros(vgghead.VALUES)
    view = vgghead.split(codes)
    for name, value in parts.items():
        view[name].copy_(torch.tensor(value))
    return codes.numpy()


def test_a_letterboxed_picture_keeps_its_shape_between_gray_borders():
    picture = torch.full((3, 100, 200), 255.0)
    prepared, padding, scale = vgghead.letterbox(picture)
    assert (prepared.shape, padding, scale) == ((3, 640, 640), (0, 160), 3.2)
    assert (prepared[:, 160:480] == 1).all()
    np.testing.assert_allclose(prepared[:, :160], 127 / 255)
    np.testing.assert_allclose(prepared[:, 480:], 127 / 255)


@pytest.mark.parametrize(("height", "width"), [(303, 200), (200, 303), (1070, 107), (77, 77)])
def test_the_longer_edge_fills_the_input_and_the_shorter_is_rounded_down(height, width):
    """By 303 * (640 / 303) in floating-point numbers the longer edge would be 639 pixels."""
    prepared, (left, top), scale = vgghead.letterbox(torch.full((3, height, width), 255.0))
    long, short = max(height, width), min(height, width)
    filled = (prepared > 0.99).all(0)
    edges = int(filled.any(1).sum()), int(filled.any(0).sum())
    assert sorted(edges) == [short * 640 // long, 640]
    assert (left, top) == ((640 - edges[1]) // 2, (640 - edges[0]) // 2)
    assert scale == 640 / long


def test_at_most_a_hundred_heads_are_looked_at():
    corners = np.stack(np.meshgrid(np.arange(11.0), np.arange(11.0)), -1).reshape(-1, 2) * 50
    boxes = np.concatenate([corners, corners + 20], 1)
    boxes[110, 2:] += 20  # the largest, but not among the hundred best
    scores = np.linspace(0.99, 0.6, len(boxes))
    codes = np.arange(len(boxes))[:, None] * np.ones((1, vgghead.VALUES))
    assert vgghead.choose_head(boxes, scores, codes, NONE, 1).codes[0] == 0
    boxes[90, 2:] += 10
    assert vgghead.choose_head(boxes, scores, codes, NONE, 1).codes[0] == 90


def test_the_largest_confident_head_is_chosen_in_picture_pixels():
    boxes = np.array([[100, 200, 200, 320], [102, 202, 240, 340], [300, 300, 380, 390], [0, 0, 600, 600]], float)
    scores = np.array([0.9, 0.8, 0.7, 0.4])
    codes = np.arange(4)[:, None] * np.ones((4, vgghead.VALUES))
    head = vgghead.choose_head(boxes, scores, codes, (0, 160), 3.2)
    np.testing.assert_allclose(head.box, [100 / 3.2, 40 / 3.2, 200 / 3.2, 160 / 3.2])  # the overlapping one is dropped
    assert (head.codes == 0).all()


def test_no_head_and_a_box_of_the_whole_picture_are_none():
    codes = np.zeros((1, vgghead.VALUES))
    assert vgghead.choose_head(np.array([[0.0, 0, 90, 90]]), np.array([0.49]), codes, NONE, 1) is None
    assert vgghead.choose_head(np.array([[1.0, 2, 638, 639]]), np.array([0.99]), codes, NONE, 1) is None


def test_reprojection_turns_scales_moves_and_undoes_the_letterbox():
    flame = Flame(synthetic_flame(0))
    quarter = [0.0, 1.0, 0.0, -1.0, 0.0, 0.0]  # x to y, y to -x
    codes = codes_of(rotation_6d=quarter, translation=[320.0, 300.0, 0.0], scale=[1000.0])
    vertices, landmarks = vgghead.reproject(flame, [vgghead.Head(np.zeros(4), codes, (0, 160), 3.2)])
    x, y = flame.template[:, 0], flame.template[:, 1]
    expected = torch.stack([(320 - 1000 * y) / 3.2, (300 + 1000 * x - 160) / 3.2], 1)
    torch.testing.assert_close(vertices[0], expected, rtol=0, atol=1e-3)
    own = flame.landmarks(flame(torch.zeros(1, 300), torch.zeros(1, 100), scale=1.0))[0]
    torch.testing.assert_close(landmarks[0, 30, 0], (320 - 1000 * own[30, 1]) / 3.2, rtol=0, atol=1e-3)
    torch.testing.assert_close(landmarks[0, 38], vertices[0, 2471])  # lids are vertices
    torch.testing.assert_close(landmarks[0, 37], (vertices[0, 2452] + vertices[0, 2454]) / 2)


def test_the_torchscript_file_is_run_and_a_damaged_one_named(tmp_path):
    class Stub(torch.nn.Module):
        def forward(self, x: torch.Tensor):
            bright = x.mean()  # a gray picture of 255 with borders of 127
            return torch.tensor([[[64.0, 64.0, 320.0, 320.0]]]), bright.reshape(1, 1, 1), torch.zeros(1, 1, 413)

    torch.jit.script(Stub()).save(str(tmp_path / "stub.trcd"))
    detector = vgghead.VGGHead(tmp_path / "stub.trcd")
    head = detector(torch.full((3, 320, 320), 255.0))
    np.testing.assert_allclose(head.box, [32, 32, 160, 160])
    assert detector(torch.zeros(3, 320, 320)) is None
    (tmp_path / "bad.trcd").write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match=r"bad\.trcd"):
        vgghead.VGGHead(tmp_path / "bad.trcd")


def test_scrfd_outputs_are_decoded_to_the_points_of_the_largest_face():
    """Two planted faces, at strides 8 and 32, second anchor of their cells."""
    rng = np.random.default_rng(0)
    outputs = [np.zeros(((320 // s) ** 2 * 2, n), np.float32) for n in (1, 4, 10) for s in (8, 16, 32)]
    truth = {8: ((10, 12), rng.uniform(-3, 3, (5, 2)), 4.0), 32: ((4, 6), rng.uniform(-1, 1, (5, 2)), 1.5)}
    for level, stride in enumerate((8, 16, 32)):
        if stride in truth:
            (column, row), points, half = truth[stride]
            index = (row * (320 // stride) + column) * 2 + 1
            outputs[level][index] = 0.8
            outputs[level + 3][index] = half
            outputs[level + 6][index] = points.ravel()
    (column, row), points, _ = truth[32]
    np.testing.assert_allclose(scrfd.largest_face(outputs), (np.array([column, row]) + points) * 32, rtol=1e-5)
    outputs[2][:] = 0.49  # under the threshold: the small face is left
    (column, row), points, _ = truth[8]
    np.testing.assert_allclose(scrfd.largest_face(outputs), (np.array([column, row]) + points) * 8, rtol=1e-5)
    outputs[0][:] = 0.1
    assert scrfd.largest_face(outputs) is None


def test_scrfd_is_fed_and_read_as_the_published_file_is(monkeypatch):
    """A session in place of the file's that finds a face in bright pictures, at stride 16, in column 10 of row 0."""
    cells = [2 * (scrfd.INPUT // stride) ** 2 for stride in (8, 16, 32)]
    assert cells == [3200, 800, 200]
    seen = []

    class Session:
        def get_inputs(self):
            return [SimpleNamespace(name="input.1")]

        def run(self, names, feeds):
            picture = feeds["input.1"]
            seen.append(picture)
            outputs = [np.zeros((n, width), np.float32) for width in (1, 4, 10) for n in cells]
            outputs[1][21] = 0.9 * (picture.mean() > 0)
            outputs[4][21] = 1.0
            return outputs

    monkeypatch.setattr("onnxruntime.InferenceSession", lambda path, providers: Session())
    detector = scrfd.Scrfd("scrfd.onnx")
    np.testing.assert_allclose(detector(np.full((3, 320, 320), 255.0)), np.tile([10 * 16, 0], (5, 1)))
    assert detector(np.zeros((3, 320, 320))) is None
    assert seen[0].shape == (1, 3, 320, 320)
    assert (seen[0].max(), seen[1].min()) == pytest.approx((127.5 / 128, -127.5 / 128))


def test_arcface_alignment_undoes_a_similarity():
    turn = 0.3
    matrix = 2.5 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = arcface._POINTS @ matrix.T + [40, -10]
    found = arcface.similarity(points, arcface._POINTS)
    np.testing.assert_allclose(found[:, :2] @ matrix, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(points @ found[:, :2].T + found[:, 2], arcface._POINTS, atol=1e-9)


def test_crops_hold_what_their_boxes_frame():
    y, x = torch.meshgrid(torch.arange(300.0), torch.arange(400.0), indexing="ij")
    ramp = torch.stack([x, y, torch.full_like(x, 255)])
    left, top, width, height = crops.head_rectangle(np.array([150.0, 100, 250, 220]))
    assert (width, height) == pytest.approx((np.sqrt(100 * 120) * 1.65,) * 2, abs=1)
    assert (left + width / 2, top + height / 2) == pytest.approx((200, 160), abs=1)
    crop = crops.head_crop(ramp, (left, top, width, height))
    assert crop.shape == (3, 512, 512)
    assert crop[0, 256, 256].item() == pytest.approx(left + width / 2, abs=1)
    outside = crops.cut(ramp, -50, 280, 100, 60)
    assert (outside[2, :, :50] == 0).all()
    assert (outside[2, 20:] == 0).all()
    torch.testing.assert_close(outside[:, :20, 50:], ramp[:, 280:, :50])

    prepared, scale, corner = crops.landmark_crop(ramp, np.array([150.0, 100, 250, 220]))
    edge = 256 / scale
    assert edge == pytest.approx(np.sqrt(101 * 121) * 1.38, abs=2)
    center = prepared[1, 128, 128] * 0.224 + 0.456
    assert center.item() * 255 == pytest.approx(corner[1] + edge / 2, abs=1)

    face = crops.face_crop(ramp, np.array([[160.0, 120], [240, 200]]))
    assert face.shape == (3, 224, 224)
    assert (face[0, 0, -1] - face[0, 0, 0]).item() * 255 == pytest.approx(80 * 1.1 * 1.25, abs=2)
