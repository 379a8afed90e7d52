"""A picture restored in RGB: colour, alpha, orientation and profile."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from vsdeblur.cli.main import main
from vsdeblur.restorers import load_restorer
from vsdeblur.stream import StreamOptions


@pytest.fixture
def noise(rng):
    def make(*shape, dtype=np.uint8):
        return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)

    return make


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [*((".png", mode) for mode in ("RGB", "L", "RGBA", "LA")), (".tiff", "RGB"), (".webp", "RGBA")],
)
def test_identity_gives_back_identical_pixels(tmp_path, noise, restored_rgb, suffix, mode):
    bands = len(mode)
    pixels = noise(48, 63, bands) if bands > 1 else noise(48, 63)
    source = tmp_path / f"in{suffix}"
    extras = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    Image.fromarray(pixels).save(source, **extras)
    target, _ = restored_rgb(source, StreamOptions())
    np.testing.assert_array_equal(np.asarray(Image.open(target)), pixels)


def test_sixteen_bit_grey_is_kept(tmp_path, noise, restored_rgb):
    pixels = noise(32, 33, dtype=np.uint16)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    target, _ = restored_rgb(tmp_path / "in.png", StreamOptions())
    with Image.open(target) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_the_window_is_the_picture_in_rgb_and_its_change_is_written(tmp_path, noise, restored_rgb):
    pixels = noise(32, 40, 4) // 2 + 40
    Image.fromarray(pixels).save(tmp_path / "in.png")
    seen = []

    def change(window):
        seen.append(window.clone())
        return window + torch.tensor([10.0, 0.0, -7.0])[:, None, None] / 255

    target, _ = restored_rgb(tmp_path / "in.png", StreamOptions(), change=change)
    expected = np.moveaxis(pixels[..., :3], -1, 0)[None].astype("f4") / 255
    np.testing.assert_allclose(seen[0].numpy(), expected, rtol=0, atol=1e-6)
    after = np.asarray(Image.open(target)).astype(int)
    np.testing.assert_array_equal(after, pixels + np.array([10, 0, -7, 0]))


def test_a_grey_picture_takes_the_changes_luma(tmp_path, noise, restored_rgb):
    pixels = noise(32, 40) // 2 + 40
    Image.fromarray(pixels).save(tmp_path / "in.png")
    step = torch.tensor([100.0, 0.0, 0.0])[:, None, None] / 255
    target, _ = restored_rgb(tmp_path / "in.png", StreamOptions(), change=lambda w: w + step)
    np.testing.assert_array_equal(np.asarray(Image.open(target)), pixels + 30)


@pytest.mark.parametrize("target_suffix", [".png", ".jpg", ".webp"])
def test_the_command_keeps_orientation_and_profile(
    tmp_path, noise, brmr_weights, target_suffix, capfd
):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn right
    source, target = tmp_path / "photo.jpg", tmp_path / f"out{target_suffix}"
    Image.fromarray(noise(40, 64, 3)).save(source, exif=exif.tobytes(), icc_profile=b"profile")
    arguments = ["--filter", "brmr", "--weights", brmr_weights, "--device", "cpu"]
    arguments += ["--precision", "fp32", "--max-iterations", "1"]
    assert main(["restore", str(source), str(target), *arguments]) == 0
    assert capfd.readouterr().out == ""
    with Image.open(target) as after, Image.open(source) as before:
        assert after.size == (64, 40)
        assert ImageOps.exif_transpose(after).size == (40, 64)
        assert after.getexif()[0x0112] == 6
        assert after.info["icc_profile"] == b"profile"
        if target_suffix == ".png":
            pixels = np.asarray(before)
            options = {"device": "cpu", "precision": "fp32", "weights": brmr_weights}
            restorer = load_restorer("brmr", max_iterations=1, **options)
            frame = torch.from_numpy(np.moveaxis(pixels, -1, 0).astype("f4") / 255)
            expected = np.moveaxis(restorer.analyse(frame).restored.numpy(), 0, -1) * 255
            np.testing.assert_allclose(np.asarray(after), expected.clip(0, 255), rtol=0, atol=0.51)
            assert np.abs(expected - pixels).mean() > 1


@pytest.mark.parametrize("output", ["heatmap", "mask", "overlay"])
def test_the_command_draws_maps(tmp_path, noise, brmr_weights, output):
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    Image.fromarray(noise(64, 64, 3)).save(source)
    arguments = ["--filter", "brmr", "--weights", brmr_weights, "--device", "cpu"]
    arguments += ["--output", output, "--max-iterations", "1"]
    assert main(["restore", str(source), str(target), *arguments]) == 0
    pixels = np.asarray(Image.open(target)).astype(int)
    is_grey = (np.ptp(pixels, axis=-1) <= 1).all()
    assert is_grey == (output != "overlay")
