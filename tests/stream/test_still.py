"""A picture makes a picture."""

import io
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms, ImageOps

from vsdeblur.errors import VideoError
from vsdeblur.stream import StreamOptions, restore_file
from vsdeblur.stream.deep_pictures import read_deep, write_deep
from vsdeblur.stream.picture_files import PictureFile, save_picture

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


@pytest.fixture
def write_deep_picture(tmp_path):
    """Writes 16-bit colours as other programs do: TIFF by tifffile, PNG by FFmpeg."""

    def write(pixels, suffix):
        path = tmp_path / f"in{suffix}"
        if suffix == ".tiff":
            tifffile.imwrite(path, pixels, photometric="rgb", resolution=(300, 300))
            return path
        layout = "rgb48" if pixels.shape[-1] == 3 else "rgba64"
        frame = av.VideoFrame.from_ndarray(pixels, format=f"{layout}le")
        with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
            stream = container.add_stream("png", rate=1)
            stream.width, stream.height, stream.pix_fmt = *pixels.shape[1::-1], f"{layout}be"
            container.mux([*stream.encode(frame.reformat(format=f"{layout}be")), *stream.encode()])
        return path

    return write


@pytest.fixture
def read_deep_picture():
    def read(path):
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
        assert "48" in frame.format.name or "64" in frame.format.name
        return frame.to_ndarray(format="rgba64le" if "64" in frame.format.name else "rgb48le")

    return read


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize("target", [".png", ".tiff"])
def test_sixteen_bit_colours_are_kept(
    noise, restored, suffix, target, bands, write_deep_picture, read_deep_picture
):
    pixels = noise(32, 40, bands, dtype=np.uint16)
    source = write_deep_picture(pixels, suffix)
    written, _ = restored(source, StreamOptions(), suffix=target)
    np.testing.assert_array_equal(read_deep_picture(written), pixels)
    with Image.open(written) as image:
        if suffix == ".tiff":
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.02)


def test_sixteen_bit_colours_are_restored_with_16_bits(
    noise, restored, write_deep_picture, read_deep_picture
):
    pixels = noise(32, 40, 3, dtype=np.uint16) // 2
    source = write_deep_picture(pixels, ".png")
    brighter, _ = restored(source, StreamOptions(), change=lambda window: window[2:3] + 100 / 65535)
    np.testing.assert_array_equal(read_deep_picture(brighter), pixels + 100)


def test_what_describes_deep_pictures_is_kept(tmp_path, noise, make_restorer, write_deep_picture):
    source = write_deep_picture(noise(32, 40, 3, dtype=np.uint16), ".png")
    extras = {"icc_profile": b"profile", "dpi": (72, 72), "exif": described().tobytes()}
    pixels = read_deep(source)
    for suffix in (".png", ".tiff"):
        source.write_bytes(write_deep(pixels, ".png", extras))
        restore_file(source, tmp_path / f"out{suffix}", make_restorer())
        with Image.open(tmp_path / f"out{suffix}") as image:
            assert image.info["icc_profile"] == b"profile"
            assert image.info["dpi"] == pytest.approx((72, 72), abs=0.02)
            assert image.getexif()[0x010F] == "Camera"


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_formats_of_8_bits_refuse_deep_pictures(
    tmp_path, noise, refusal, suffix, write_deep_picture
):
    source = write_deep_picture(noise(32, 40, 3, dtype=np.uint16), ".png")
    text = refusal(source, tmp_path / f"out{suffix}")
    assert "holds no colours of 16 bits; write .png or .tiff" in text


def described():
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    return exif


def profile_of(space):
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(space))


def test_lab_becomes_srgb_through_its_profile(tmp_path, noise, restored):
    smooth = Image.fromarray(noise(4, 4, 3)).resize((40, 32), Image.Resampling.BICUBIC)
    lab = ImageCms.profileToProfile(smooth, profile_of("sRGB"), profile_of("LAB"), outputMode="LAB")
    lab.save(tmp_path / "in.tiff", icc_profile=profile_of("LAB").tobytes())
    target, _ = restored(tmp_path / "in.tiff", StreamOptions())
    with Image.open(target) as image:
        assert image.mode == "RGB"
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert profile.profile.xcolor_space.strip() == "RGB"
        difference = np.abs(np.asarray(image).astype(int) - np.asarray(smooth))
    assert difference.mean() < 3


def test_floating_point_pixels_are_refused(tmp_path, noise, refusal):
    Image.fromarray(noise(32, 32).astype(np.float32)).save(tmp_path / "in.tiff")
    text = refusal(tmp_path / "in.tiff", tmp_path / "out.tiff")
    assert "holds floating-point pixels" in text
    assert "convert it to 16 bits" in text


def test_avif_is_read_and_written(tmp_path, noise, restored):
    smooth = Image.fromarray(noise(4, 4, 3)).resize((40, 32), Image.Resampling.BICUBIC)
    smooth.save(tmp_path / "in.avif", quality=100)
    target, _ = restored(tmp_path / "in.avif", StreamOptions())
    with Image.open(target) as after, Image.open(tmp_path / "in.avif") as before:
        assert after.format == "AVIF"
        difference = np.abs(np.asarray(after).astype(int) - np.asarray(before))
    assert difference.mean() < 4


def test_heic_is_read_and_not_written(tmp_path, noise, restored, refusal):
    heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif")
    smooth = Image.fromarray(noise(4, 4, 3)).resize((64, 32), Image.Resampling.BICUBIC)
    heif.from_pillow(smooth).save(tmp_path / "in.heic", quality=100)
    target, _ = restored(tmp_path / "in.heic", StreamOptions(), suffix=".png")
    with Image.open(target) as image:
        decoded = np.asarray(heif.open_heif(tmp_path / "in.heic"))
        np.testing.assert_array_equal(np.asarray(image), decoded)
    text = refusal(tmp_path / "in.heic", tmp_path / "out.heic")
    assert ".heic is not written; write .avif" in text


def test_heic_without_its_package_says_what_to_install(tmp_path, monkeypatch, refusal):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "in.heic").write_bytes(b"picture")
    text = refusal(tmp_path / "in.heic", tmp_path / "out.png")
    assert "needs the package pillow-heif: pip install 'vsdeblur[heif]'" in text


def test_a_picture_beyond_the_limit_is_refused_and_the_limit_can_be_raised(
    tmp_path, noise, make_restorer, refusal
):
    Image.fromarray(noise(100, 100)).save(tmp_path / "in.png")
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    with pytest.raises(VideoError, match=r"has 0 megapixels; at most 0\.001 are read"):
        restore_file(source, target, make_restorer(), StreamOptions(max_megapixels=0.001))
    restore_file(source, target, make_restorer(), StreamOptions(max_megapixels=0.01))
    assert target.exists()


def test_pillows_own_limit_does_not_count(tmp_path, noise, make_restorer, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.fromarray(noise(32, 32)).save(tmp_path / "in.png")
    restore_file(tmp_path / "in.png", tmp_path / "out.png", make_restorer())
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
@pytest.mark.parametrize("suffix", [".jpg", ".tiff", ".bmp", ".png"])
def test_a_picture_that_does_not_fit_on_the_disk_is_an_error(tmp_path, noise, suffix):
    picture = PictureFile(noise(32, 32, 3), {})
    with pytest.raises(VideoError, match=f"cannot write .*out{suffix}: No space left"):
        save_picture(picture, tmp_path / f"out{suffix}", Path("/dev/full"))


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
