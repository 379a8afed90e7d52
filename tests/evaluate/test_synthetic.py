"""The fixed benchmark: the same bytes everywhere, and blur that is what it claims to be."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from vsdeblur.errors import DataError, OptionError
from vsdeblur.evaluate.benchmark_scores import ModelScore, counts, score_restorer
from vsdeblur.evaluate.synthetic import (
    SUBSETS,
    SyntheticBenchmark,
    benchmark_digest,
    luma_psnr,
)
from vsdeblur.evaluate.synthetic.composite import (
    WHITE,
    Composite,
    Layer,
    decode_table,
    encode_table,
)
from vsdeblur.evaluate.synthetic.random_paths import BELL_DEVIATION, FixedDraw, Path

SIZE = 64
DIGEST = "144fc727ee79c441a69718d3836bee4f40d305eda5782675bead5bd6e96b898e"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two pictures of soft blobs with sharp bars across, made with whole numbers only."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(2):
        noise = (np.random.PCG64(number).random_raw(300 * 360 * 3) >> np.uint64(56)).astype(int)
        picture = noise.reshape(300, 360, 3)
        for step in (1, 2, 1, 3):
            near = [np.roll(picture, n * step, axis) for n in (-1, 0, 1) for axis in (0, 1)]
            picture = sum(near) // 6
        picture = ((picture - 127) * 10 + 110).clip(10, 245)
        picture[::20, :, :] = 235 - 20 * number
        picture[:, 7::31, :2] //= 2
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def windows(photos):
    return list(benchmark_of(photos))


def benchmark_of(photos, num_windows=4):
    return SyntheticBenchmark(sorted(photos.iterdir()), num_windows=num_windows, size=SIZE)


def test_same_bytes_on_every_machine(windows):
    assert benchmark_digest(windows) == DIGEST


def test_folder_and_order_of_files_do_not_matter(photos, windows):
    again = SyntheticBenchmark(
        sorted(photos.iterdir(), reverse=True), num_windows=4, size=SIZE
    ).windows("object")
    assert benchmark_digest(again) == benchmark_digest(w for w in windows if w.subset == "object")


def test_shapes_and_names(windows):
    window = windows[0]
    assert window.name == "shake/000"
    assert len({w.name for w in windows}) == len(windows)
    assert window.blurred.shape == (5, SIZE, SIZE)
    assert window.sharp.shape == (SIZE, SIZE)
    assert window.moments.shape == (7, SIZE, SIZE)
    assert window.flow.shape == (2, SIZE, SIZE)
    assert {a.dtype.name for a in (window.blurred, window.sharp, window.moments)} == {"uint8"}
    assert window.flow.dtype.name == "float32"


def test_each_subset_has_its_bands(windows):
    for subset in SUBSETS:
        psnr = [w.input_psnr for w in windows if w.subset == subset]
        assert sum(22 <= value < 32 for value in psnr) == 4
        assert sum(38 <= value < 60 for value in psnr) == 1
        assert len(psnr) == 5


def test_subsets_are_what_they_are_called(windows):
    means = {s: np.mean([w.sharp.mean() for w in windows if w.subset == s]) for s in SUBSETS}
    assert means["concert"] < 0.6 * means["shake"]
    # A cut-out in front of a nearly still camera: two motions with a step in between.
    steps = {
        s: max(np.abs(np.diff(w.flow, axis=2)).max() for w in windows if w.subset == s)
        for s in SUBSETS
    }
    assert steps["object"] > 1 > steps["shake"]


def test_middle_moment_is_the_sharp_frame(windows):
    for window in windows:
        np.testing.assert_array_equal(window.moments[3], window.sharp)


def test_sharp_frame_is_the_photo_itself():
    codes = np.arange(256, dtype=np.int64)
    for linear in (False, True):
        back = decode_table(linear=linear)[encode_table(linear=linear)[codes * 257]]
        np.testing.assert_array_equal((back.astype(int) + 128) // 257, codes)


def warping_error(window, shift=(0.0, 0.0)):
    """Mean difference of the first moment and the last one warped by the flow and a shift."""
    axis = torch.arange(SIZE) + 0.5
    here = torch.stack([axis.expand(SIZE, SIZE), axis[:, None].expand(SIZE, SIZE)])
    there = here + torch.from_numpy(window.flow) + torch.tensor(shift)[:, None, None]
    where = there.permute(1, 2, 0) * (2 / SIZE) - 1
    first, last = (torch.from_numpy(window.moments[n])[None, None].float() for n in (0, 6))
    warped = F.grid_sample(last, where[None], align_corners=False)
    return (warped - first)[0, 0][where.abs().amax(-1) < 0.9].abs().mean()


def test_flow_leads_from_the_first_moment_to_the_last(windows):
    for window in windows:
        error = warping_error(window)
        for shift in ((0.5, 0.0), (-0.5, 0.0), (0.0, 0.5), (0.0, -0.5)):
            assert error < warping_error(window, shift)
    far = [w for w in windows if w.subset == "shake" and np.hypot(*w.flow).mean() > 1]
    assert len(far) >= 3
    for window in far:
        unwarped = np.abs(window.moments[0].astype(int) - window.moments[6]).mean()
        assert warping_error(window) < unwarped / 5


def moving_right(radiance, distance, linear):
    """The camera moves `distance` pixels to the right during each frame interval."""
    none = np.zeros(0)
    drift = np.array([distance, 0.0, 0.0, 0.0])
    camera = Path(none, np.zeros((0, 4)), np.zeros((0, 4)), drift)
    layer = Layer(radiance.astype(np.int32), (radiance.shape[1] // 2, radiance.shape[0] // 2))
    return Composite(
        background=layer, camera=camera, front=None, moving=camera.scaled(0), size=16,
        linear=linear,
    )  # fmt: skip


@pytest.mark.parametrize("linear", [False, True])
def test_a_moving_edge_is_averaged_in_the_light_it_claims(linear):
    dark, bright = (int(encode_table(linear=linear)[code * 257]) for code in (40, 220))
    edge = np.full((16, 60), dark)
    edge[:, 30:] = bright
    blurred = moving_right(edge, 6.0, linear).exposed(2, 1.0)

    # Views of the edge between the pixels left and right of it, in 1/256 pixel.
    count = 7
    offsets = [round(256 * 6 * ((2 * n + 1) / (2 * count) - 0.5)) for n in range(count)]
    expected = []
    for column in range(-8, 8):  # the photo's pixel column at rest; the edge lies left of 0
        total = 0
        for offset in offsets:
            share = min(max(256 * (column + 1) + offset, 0), 256)
            total += (dark * (256 - share) + bright * share + 128) >> 8
        expected.append(decode_table(linear=linear)[(total + count // 2) // count])
    np.testing.assert_array_equal(blurred, np.broadcast_to(expected, (16, 16)))
    mean = (40 + 220) / 2 if not linear else 255 * ((0.157**2.2 + 0.863**2.2) / 2) ** (1 / 2.2)
    assert np.interp(0, [-0.5, 0.5], blurred[0, 7:9] / 257) == pytest.approx(mean, abs=14)


def test_no_ghosts_a_moving_lamp_leaves_an_unbroken_streak():
    lamp = np.zeros((16, 80))
    lamp[8, 40] = 6 * WHITE
    streak = moving_right(lamp, 12.0, linear=True).exposed(2, 1.0)[8]
    assert (streak[4:12] > 40000).all()
    assert streak.max() == streak[8]


def test_the_view_never_leaves_the_picture(tmp_path):
    noise = np.random.PCG64(5).random_raw(70 * 90) >> np.uint64(57)
    picture = (noise.astype(np.uint8) + 120).reshape(70, 90)  # smaller than what paths reach
    Image.fromarray(picture).save(tmp_path / "small.png")
    benchmark = SyntheticBenchmark([tmp_path / "small.png"], num_windows=2, size=SIZE)
    for window in benchmark.windows("shake"):
        assert min(window.blurred.min(), window.moments.min()) > 100


def test_flat_photos_are_refused(tmp_path):
    Image.new("RGB", (300, 300), (90, 90, 90)).save(tmp_path / "flat.png")
    benchmark = SyntheticBenchmark([tmp_path / "flat.png"], num_windows=1, size=32)
    with pytest.raises(DataError, match=r"1 photos give no shake window between 22 and 32 dB"):
        list(benchmark.windows("shake"))


def test_what_is_no_photo_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"text")
    with pytest.raises(DataError, match=r"cannot read .*a\.jpg"):
        next(SyntheticBenchmark.from_folders([tmp_path]).windows("shake"))
    with pytest.raises(DataError, match="no photos"):
        SyntheticBenchmark([])
    with pytest.raises(OptionError, match="1 or more windows a subset, got 0"):
        SyntheticBenchmark([tmp_path / "a.jpg"], num_windows=0)


def test_noise_is_nearly_normal():
    bell = FixedDraw(1).bell(100_000)
    assert abs(bell.mean()) < 3
    assert bell.std() == pytest.approx(BELL_DEVIATION, rel=0.02)
    assert (np.abs(bell) > 2 * BELL_DEVIATION).mean() == pytest.approx(0.0455, abs=0.004)


@pytest.mark.parametrize(("radius", "channels", "multiplier"), [(2, 1, 1), (0, 3, 1), (1, 1, 7)])
def test_a_filter_that_changes_nothing_gains_nothing(windows, radius, channels, multiplier):
    def restore(window):
        assert window.shape == (2 * radius + 1, channels, SIZE, SIZE)
        others = torch.rand(multiplier, channels, SIZE, SIZE)
        others[multiplier // 2] = window[radius]
        return others

    restorer = SimpleNamespace(
        radius=radius, channels=channels, multiplier=multiplier, restore=restore,
        device=torch.device("cpu"),
    )  # fmt: skip
    gain = score_restorer(restorer, windows)
    assert list(gain) == list(SUBSETS)
    assert {value for bands in gain.values() for value in bands.values()} == {0.0}
    assert {s: (n["22-32"], n["sharp"]) for s, n in counts(windows).items()} == dict.fromkeys(
        SUBSETS, (4, 1)
    )


def test_psnr_and_mean_gain_by_hand():
    assert luma_psnr(np.full((2, 2), 110, "u1"), np.full((2, 2), 100, "u1")) == pytest.approx(
        28.1308, abs=1e-4
    )
    assert luma_psnr(np.zeros((2, 2), "u1"), np.zeros((2, 2), "u1")) == 100
    gain = {"shake": {"22-32": 1.0, "sharp": 9.0}, "object": {"22-32": 2.0}}
    assert ModelScore(filter="dblrgan", model="fast", gain=gain).mean_gain == 1.5
