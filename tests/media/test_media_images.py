import io

import av
import numpy as np
import pytest
from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

import odd_pictures
from gagavatar_nodes.errors import MediaError
from gagavatar_nodes.media.images import MAX_EDGE, read_image, write_image
from gagavatar_nodes.media.kinds import media_kind
from media_files import encode_sound, encode_video, gradient


def save(path, image, **options):
    image.save(path, **options)
    return path


def test_plain_png_is_read_exactly(tmp_path):
    truth = gradient(30, 41)
    picture = read_image(save(tmp_path / "a.png", Image.fromarray(truth)))
    np.testing.assert_array_equal(picture.rgb, truth)
    assert picture.alpha is None
    assert picture.scale == 1.0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_shows_the_same_picture(tmp_path, orientation):
    truth = gradient(24, 36)
    stored = {
        1: truth,
        2: truth[:, ::-1],
        3: truth[::-1, ::-1],
        4: truth[::-1],
        5: truth.transpose(1, 0, 2),
        6: np.rot90(truth),
        7: truth[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(truth, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored))
    path = save(tmp_path / "a.jpg", image, exif=exif, quality=100, subsampling=0)
    rgb = read_image(path).rgb
    assert rgb.shape == truth.shape
    assert np.abs(rgb.astype(int) - truth).max() <= 4


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_spoil_the_picture(tmp_path):
    path = save(tmp_path / "a.jpg", Image.fromarray(gradient(24, 36)), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert read_image(path).rgb.shape == (24, 36, 3)


def test_transparency_is_returned_beside_unmultiplied_colors(tmp_path):
    rgba = np.dstack([gradient(16, 20), np.linspace(0, 255, 320).reshape(16, 20).astype(np.uint8)])
    picture = read_image(save(tmp_path / "a.png", Image.fromarray(rgba)))
    np.testing.assert_array_equal(picture.rgb, rgba[..., :3])
    np.testing.assert_allclose(picture.alpha, rgba[..., 3] / 255, atol=1e-6)


def test_palette_picture_with_a_transparent_color_has_alpha(tmp_path):
    image = Image.new("P", (8, 4), 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((0, 0), 0)
    picture = read_image(save(tmp_path / "a.png", image, transparency=0))
    assert picture.alpha[0, 0] == 0
    assert picture.alpha[1, 1] == 1
    assert picture.rgb[1, 1].tolist() == [0, 255, 0]


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_gray_keeps_its_range(tmp_path, name):
    values = np.linspace(0, 65535, 600).reshape(20, 30).astype(np.uint16)
    rgb = read_image(save(tmp_path / name, Image.fromarray(values))).rgb
    np.testing.assert_allclose(rgb[..., 1], values / 257, atol=0.51)
    np.testing.assert_array_equal(rgb[..., 0], rgb[..., 2])


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_fewer_bits_than_their_container_are_not_dark(tmp_path, name, bits):
    import cv2

    shades = gradient(20, 30)
    color = np.rint(shades / 255 * ((1 << bits) - 1)).astype(np.uint16)
    (tmp_path / name).write_bytes(cv2.imencode(name[1:], color[..., ::-1])[1].tobytes())
    assert np.abs(read_image(tmp_path / name).rgb.astype(int) - shades).max() <= 1
    (tmp_path / name).write_bytes(cv2.imencode(name[1:], color[..., 0])[1].tobytes())
    assert np.abs(read_image(tmp_path / name).rgb.astype(int) - shades[..., :1]).max() <= 1


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("compression", [None, "tiff_deflate", "jpeg"])
def test_a_tiff_of_luma_and_chroma_has_its_colors(tmp_path, compression):
    shades = gradient(64, 80)
    upside_down = Image.fromarray(np.ascontiguousarray(shades[::-1, ::-1])).convert("YCbCr")
    path = save(tmp_path / "a.tif", upside_down, compression=compression, tiffinfo={0x0112: 3})
    assert np.abs(read_image(path).rgb.astype(int) - shades).max() <= 12
    path.write_bytes(path.read_bytes()[:-9000] if compression is None else path.read_bytes()[:-900])
    with pytest.raises(MediaError, match="is damaged"):
        read_image(path)


def test_a_png_of_linear_light_is_encoded(tmp_path):
    info = PngInfo()
    info.add(b"gAMA", (100000).to_bytes(4, "big"))
    Image.fromarray(np.full((8, 8, 3), 55, np.uint8)).save(tmp_path / "a.png", pnginfo=info)
    assert read_image(tmp_path / "a.png").rgb[0, 0, 0] == round(255 * (55 / 255) ** (1 / 2.2))


def test_16_bit_color_keeps_its_range(tmp_path):
    import cv2

    deep = gradient(20, 30).astype(np.uint16) * 257
    path = tmp_path / "a.png"
    path.write_bytes(cv2.imencode(".png", deep[..., ::-1])[1].tobytes())
    assert np.abs(read_image(path).rgb.astype(int) - gradient(20, 30)).max() <= 1


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_gray_pictures_become_rgb(tmp_path, mode):
    picture = read_image(save(tmp_path / "a.png", Image.new("L", (9, 7), 255).convert(mode)))
    assert picture.rgb.shape == (7, 9, 3)
    assert (picture.rgb == 255).all()
    assert (picture.alpha is not None) == (mode == "LA")


def test_cmyk_jpeg_becomes_rgb(tmp_path):
    path = save(tmp_path / "a.jpg", Image.new("CMYK", (16, 16), (0, 255, 255, 0)), quality=95)
    assert np.abs(read_image(path).rgb.reshape(-1, 3).mean(0) - (255, 0, 0)).max() < 6


def test_embedded_color_profile_is_applied(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert profile  # a profile of another kind is ignored
    gray = Image.new("RGB", (4, 4), (100, 150, 200))
    ignored = read_image(save(tmp_path / "lab.png", gray, icc_profile=profile)).rgb
    assert ignored[0, 0].tolist() == [100, 150, 200]
    swapped = read_image(save(tmp_path / "xyz.png", gray, icc_profile=linear_profile())).rgb
    assert (swapped[0, 0] > ignored[0, 0]).all()  # linear light is brighter in sRGB


def linear_profile() -> bytes:
    """sRGB's own profile with straight tone curves under another name."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for i in range(int.from_bytes(data[128:132], "big")):
        entry = 132 + 12 * i
        if data[entry : entry + 4] in (b"rTRC", b"gTRC", b"bTRC"):
            offset = int.from_bytes(data[entry + 4 : entry + 8], "big")
            data[offset : offset + 12] = b"curv" + bytes(8)  # no points: the identity
    return bytes(data).replace("sRGB".encode("utf-16-be"), "lin!".encode("utf-16-be"))


def test_animated_gif_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime")]
    path = save(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:], duration=100)
    assert read_image(path).rgb[4, 4].tolist() == [255, 0, 0]


def test_extension_does_not_matter_when_the_content_is_a_picture(tmp_path):
    Image.fromarray(gradient(12, 14)).save(tmp_path / "a.jpg", "PNG")
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg").rgb, gradient(12, 14))


def test_wide_jpeg_is_shrunk_while_it_is_decoded_and_the_scale_remembered(tmp_path):
    path = save(tmp_path / "wide.jpg", Image.new("RGB", (20000, 600), (10, 120, 200)))
    picture = read_image(path)
    assert picture.rgb.shape == (123, MAX_EDGE, 3)
    assert picture.scale == pytest.approx(MAX_EDGE / 20000)
    assert np.abs(picture.rgb.reshape(-1, 3).mean(0) - (10, 120, 200)).max() < 2


def test_wide_png_is_shrunk(tmp_path):
    picture = read_image(save(tmp_path / "wide.png", Image.new("L", (20000, 100), 77)))
    assert picture.rgb.shape == (20, MAX_EDGE, 3)
    assert (picture.rgb == 77).all()


def test_picture_that_would_not_fit_in_memory_is_refused_in_one_line(tmp_path):
    path = save(tmp_path / "huge.png", Image.new("1", (20000, 8000)))
    with pytest.raises(MediaError, match=r"huge\.png is too large, 20000 x 8000 pixels.*shrink it") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.jpg", b"", r"empty\.jpg is empty"),
        ("notes.png", b"just some words\n" * 40, r"notes\.png is not a picture"),
        ("noise.jpg", bytes(np.random.default_rng(0).integers(0, 256, 4000, dtype=np.uint8)), "is not a picture"),
        ("phone.jpg", b"\0\0\0\x18ftypheic" + bytes(100), "is a (damaged )?HEIC picture.*save it as JPEG or PNG"),
    ],
)
def test_files_that_are_no_pictures_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError, match=message):
        read_image(tmp_path / name)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_pictures_are_named(tmp_path, kind, share):
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, kind)
    path = tmp_path / "cut.img"
    path.write_bytes(buffer.getvalue()[: int(len(buffer.getvalue()) * share)])
    with pytest.raises(MediaError, match=r"cut\.img is (damaged|not a picture)"):
        read_image(path)


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(MediaError, match=r"gone\.png does not exist"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(MediaError, match="is a folder"):
        read_image(tmp_path)


def test_video_and_sound_in_place_of_a_picture_are_named(tmp_path):
    encode_video(tmp_path / "a.mp4", [gradient(32, 32)] * 3).rename(tmp_path / "a.png")
    with pytest.raises(MediaError, match=r"a\.png is a video and a picture is needed"):
        read_image(tmp_path / "a.png")
    with pytest.raises(MediaError, match="holds only sound"):
        read_image(encode_sound(tmp_path / "b.m4a"))


def test_media_kind_goes_by_content(tmp_path):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime")]
    save(tmp_path / "a.webp", frames[0], save_all=True, append_images=frames[1:], duration=100)
    (tmp_path / "b.txt").write_text("words\n" * 50)
    encode_video(tmp_path / "c.mkv", [gradient(32, 32)] * 3).rename(tmp_path / "c.txt")
    save(tmp_path / "d.bmp", frames[0])
    kinds = [media_kind(tmp_path / name) for name in ("a.webp", "b.txt", "c.txt", "d.bmp")]
    assert kinds == ["animation", "other", "video", "image"]


@pytest.mark.parametrize(("name", "tolerance"), [("a.png", 0), ("a.JPG", 4), ("a.webp", 12)])
def test_written_pictures_read_back(tmp_path, name, tolerance):
    write_image(tmp_path / name, gradient(40, 50))
    assert np.abs(read_image(tmp_path / name).rgb.astype(int) - gradient(40, 50)).max() <= tolerance
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_alpha_is_written_to_png_and_refused_for_jpeg(tmp_path):
    rgba = np.dstack([gradient(8, 8), np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)])
    write_image(tmp_path / "a.png", rgba)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), rgba)
    with pytest.raises(MediaError, match="JPEG has no transparency"):
        write_image(tmp_path / "a.jpg", rgba)
    with pytest.raises(MediaError, match=r"a\.xyz has no picture extension.*\.png"):
        write_image(tmp_path / "a.xyz", rgba)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(("brand", "package"), [("heic", "pi-heif"), ("avif", "pillow")])
def test_a_picture_that_needs_a_package_is_no_film_and_says_which(tmp_path, monkeypatch, brand, package):
    from gagavatar_nodes.media import images, sniffing
    from gagavatar_nodes.media.video_reader import VideoReader

    def refuse(*_, **__):
        raise UnidentifiedImageError

    monkeypatch.setattr(images, "_let_pillow_read_heic", lambda: None)
    monkeypatch.setattr(sniffing, "find_spec", lambda name: None)
    monkeypatch.setattr(Image, "open", refuse)
    (tmp_path / "a").write_bytes(b"\0\0\0\x18ftyp" + brand.encode() + bytes(100))
    for read in (read_image, VideoReader):
        with pytest.raises(MediaError, match=f"a is an? {brand.upper()} picture: pip install .*{package}"):
            read(tmp_path / "a")


def test_code_points_are_those_of_the_primary_picture(tmp_path):
    from gagavatar_nodes.media.code_points import read_code_points

    if "libx265" in av.codecs_available:
        assert read_code_points(odd_pictures.pq_heic(tmp_path / "a.heic")) == (16, 9)
    assert read_code_points(odd_pictures.pq_png(tmp_path / "a.png")) == (16, 9)
    assert read_code_points(odd_pictures.save(tmp_path / "b.png")) is None
    for data in (b"", b"\x89PNG\r\n\x1a\n", b"\0\0\0\x18ftypheic\0\0\0\x10meta", bytes(9000)):
        (tmp_path / "damaged").write_bytes(data)
        assert read_code_points(tmp_path / "damaged") is None


def test_hdr_of_an_avif_keeps_its_bits(tmp_path):
    """A dark slope in PQ, of which 8 bits would leave few steps."""
    import cv2

    from gagavatar_nodes.media.color import to_srgb

    signal = np.tile(np.linspace(0.25, 0.35, 256), (64, 1))[..., None].repeat(3, 2)
    depth = [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 100]
    try:
        data = cv2.imencode(".avif", np.round(1023 * signal).astype(np.uint16), depth)[1].tobytes()
    except cv2.error:
        pytest.skip("this OpenCV is built without AVIF")
    at = data.index(b"colrnclx") + 8
    (tmp_path / "a.avif").write_bytes(data[:at] + bytes([0, 9, 0, 16]) + data[at + 4 :])
    read = read_image(tmp_path / "a.avif").rgb
    expected = to_srgb(16, 9)(np.round(65535 * signal).astype(np.uint16))
    assert np.abs(read.astype(int) - expected).max() <= 2
    assert len(np.unique(read)) > 1.3 * len(np.unique(np.round(255 * signal)))
