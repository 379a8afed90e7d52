"""A picture makes a picture."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from vsdeblur.errors import VideoError
from vsdeblur.stream import StreamOptions, restore_file

_MODES = ("RGB", "L", "RGBA", "LA")


@pytest.fixture
def noise(rng):
    def make(*shape, dtype=np.uint8):
        return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)

    return make


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [
        *((suffix, mode) for suffix in (".png", ".tiff", ".tif") for mode in _MODES),
        *((".bmp", mode) for mode in ("RGB", "L")),
        *((".webp", mode) for mode in ("RGB", "RGBA")),
    ],
)
def test_identity_gives_back_identical_pixels(tmp_path, noise, restored, suffix, mode):
    bands = len(mode)
    pixels = noise(48, 63, bands) if bands > 1 else noise(48, 63)
    source = tmp_path / f"in{suffix}"
    extras = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    Image.fromarray(pixels).save(source, **extras)
    target, result = restored(source, StreamOptions())
    assert (result.frames_in, result.frames_out) == (1, 1)
    np.testing.assert_array_equal(np.asarray(Image.open(target)), pixels)


def test_the_window_is_five_equal_frames_of_bt601_luma(tmp_path, noise, restored):
    pixels = noise(32, 40, 3)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    seen = []

    def look(window):
        seen.append(window)
        return window[2:3]

    restored(tmp_path / "in.png", StreamOptions(), change=look)
    assert seen[0].shape == (5, 1, 32, 40)
    assert seen[0].dtype == torch.float32
    expected = pixels.astype(np.float64) @ [0.299, 0.587, 0.114] / 255
    for frame in seen[0]:
        np.testing.assert_allclose(frame[0].numpy(), expected, rtol=0, atol=1e-6)


def test_brighter_luma_leaves_colour_difference_and_alpha(tmp_path, noise, restored):
    pixels = noise(32, 32, 4)
    pixels[..., :3] = pixels[..., :3] // 2 + 20
    Image.fromarray(pixels).save(tmp_path / "in.png")
    target, _ = restored(
        tmp_path / "in.png", StreamOptions(), change=lambda window: window[2:3] + 10 / 255
    )
    after = np.asarray(Image.open(target))
    np.testing.assert_array_equal(after[..., :3], pixels[..., :3] + 10)
    np.testing.assert_array_equal(after[..., 3], pixels[..., 3])


def test_sixteen_bit_grey_is_kept(tmp_path, noise, restored):
    pixels = noise(32, 33, dtype=np.uint16)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    target, _ = restored(tmp_path / "in.png", StreamOptions())
    with Image.open(target) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
        assert image.mode.startswith("I;16")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_exif_with_orientation_and_profile_are_kept(tmp_path, noise, restored, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn right
    exif[0x010F] = "Camera"
    exif.get_ifd(0x8769)[0x829A] = 0.01  # exposure time, in seconds
    source = tmp_path / f"in{suffix}"
    Image.fromarray(noise(32, 48, 3)).save(source, exif=exif.tobytes(), icc_profile=b"profile")
    target, _ = restored(source, StreamOptions())
    with Image.open(target) as image:
        # Pillow turns a TIFF as it reads it and drops the tag; others stay as they lie.
        assert ImageOps.exif_transpose(image).size == (32, 48)
        assert suffix == ".tiff" or image.getexif()[0x0112] == 6
        assert image.getexif()[0x010F] == "Camera"
        assert float(image.getexif().get_ifd(0x8769)[0x829A]) == pytest.approx(0.01)
        assert image.info["icc_profile"] == b"profile"


def test_a_picture_may_change_its_format(tmp_path, noise, restored):
    Image.fromarray(noise(32, 48, 3)).save(tmp_path / "in.jpg")
    target, _ = restored(tmp_path / "in.jpg", StreamOptions(), suffix=".png")
    with Image.open(target) as after, Image.open(tmp_path / "in.jpg") as before:
        assert after.format == "PNG"
        np.testing.assert_array_equal(np.asarray(after), np.asarray(before))


@pytest.mark.parametrize("mode", ["P", "1", "CMYK"])
def test_other_modes_are_restored_in_a_plainer_one(tmp_path, noise, restored, mode):
    suffix = ".jpg" if mode == "CMYK" else ".png"
    source = tmp_path / f"in{suffix}"
    Image.fromarray(noise(32, 48, 3)).convert(mode).save(source)
    target, _ = restored(source, StreamOptions())
    with Image.open(target) as after, Image.open(source) as before:
        assert after.mode == ("L" if mode == "1" else "RGB")
        if mode != "CMYK":
            np.testing.assert_array_equal(np.asarray(after), np.asarray(before.convert(after.mode)))


def test_a_size_in_exif_does_not_become_the_size_of_a_tiff(tmp_path, noise, restored):
    exif = Image.Exif()
    exif[0x0100], exif[0x0101], exif[0x010F] = 4000, 3000, "Camera"
    Image.fromarray(noise(32, 48, 3)).save(tmp_path / "in.jpg", exif=exif)
    target, _ = restored(tmp_path / "in.jpg", StreamOptions(), suffix=".tiff")
    with Image.open(target) as image:
        assert image.size == (48, 32)
        assert image.getexif()[0x010F] == "Camera"


# Refusals


@pytest.fixture
def refusal(make_restorer):
    def refuse(source, target, change=None):
        with pytest.raises(VideoError) as refused:
            restore_file(source, target, make_restorer(change))
        assert "\n" not in str(refused.value)
        assert not target.exists() or target.read_bytes() == b"old"
        return str(refused.value)

    return refuse


def test_a_picture_makes_no_video_and_a_video_no_picture(tmp_path, noise, write_clip, refusal):
    picture, video = tmp_path / "in.png", write_clip(tmp_path / "in.mp4", count=2)
    Image.fromarray(noise(32, 32)).save(picture)
    assert "a picture makes a picture" in refusal(picture, tmp_path / "out.mp4")
    assert "a picture makes a picture" in refusal(video, tmp_path / "out.png")


def test_a_damaged_picture_is_refused(tmp_path, noise, refusal):
    Image.fromarray(noise(64, 64, 3)).save(tmp_path / "in.png")
    whole = (tmp_path / "in.png").read_bytes()
    (tmp_path / "in.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "out.png").write_bytes(b"old")
    assert "cannot read the picture" in refusal(tmp_path / "in.png", tmp_path / "out.png")
    (tmp_path / "in.png").write_bytes(b"a letter")
    assert "cannot read the picture" in refusal(tmp_path / "in.png", tmp_path / "out.png")


def test_a_moving_picture_is_refused(tmp_path, noise, refusal):
    frames = [Image.fromarray(noise(32, 32, 3)) for _ in range(3)]
    frames[0].save(tmp_path / "in.webp", save_all=True, append_images=frames[1:])
    assert "holds 3 pictures" in refusal(tmp_path / "in.webp", tmp_path / "out.webp")


def test_a_tiny_picture_is_refused(tmp_path, noise, refusal):
    Image.fromarray(noise(15, 40)).save(tmp_path / "in.png")
    assert "40x15 pixels; at least 16x16" in refusal(tmp_path / "in.png", tmp_path / "out.png")


def test_alpha_is_not_dropped_silently(tmp_path, noise, refusal):
    Image.fromarray(noise(32, 32, 4)).save(tmp_path / "in.png")
    assert "cannot write" in refusal(tmp_path / "in.png", tmp_path / "out.jpg")
