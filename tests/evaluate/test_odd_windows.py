"""Odd windows: the same bytes everywhere, each case odd in the way it claims and in no other."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from vsdeblur.errors import DataError, OptionError
from vsdeblur.evaluate.synthetic import benchmark_digest
from vsdeblur.evaluate.synthetic.odd_cases import ODD_CASES, OddWindows
from vsdeblur.evaluate.synthetic.odd_overlays import bar_rows

SIZE = 64
DIGEST = "a8cda6d627d39d2527ac39b8b8733d4f41b7bb74a3d2d28b8f8f9aedd9aa5942"
NUM = 2


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
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def cases(photos):
    made = OddWindows(photos, num_windows=NUM, size=SIZE)
    return {case: list(made.windows(case)) for case in ODD_CASES}


def pairs(cases, case):
    return zip(cases["plain"], cases[case], strict=True)


def same(before, after):
    """Which frames are as they were."""
    return [bool((a == b).all()) for a, b in zip(before.blurred, after.blurred, strict=True)]


def test_same_bytes_on_every_machine(cases):
    assert benchmark_digest(w for windows in cases.values() for w in windows) == DIGEST


def test_shapes_and_names(cases):
    for case, windows in cases.items():
        assert [w.name for w in windows] == [f"{case}/000", f"{case}/001"]
        for window in windows:
            assert window.blurred.shape == (5, SIZE, SIZE)
            assert window.moments.shape == (7, SIZE, SIZE)
            assert window.flow.shape == (2, SIZE, SIZE)
            assert window.flow.dtype.name == "float32"
            np.testing.assert_array_equal(window.moments[3], window.sharp)


def test_more_windows_and_the_order_of_files_change_nothing(photos, cases):
    more = OddWindows(photos[::-1], num_windows=7, size=SIZE)
    for case in ("cut_both", "zoom"):
        again = [more.window(case, number) for number in range(NUM)]
        assert benchmark_digest(again) == benchmark_digest(cases[case])


def test_plain_input_is_worth_restoring(cases):
    assert all(20 <= window.input_psnr < 36 for window in cases["plain"])


@pytest.mark.parametrize(
    ("case", "kept"),
    [
        ("cut_before", [0, 0, 1, 1, 1]),
        ("cut_after", [1, 1, 1, 0, 0]),
        ("cut_both", [0, 0, 1, 0, 0]),
        ("screen_cut", None),
        ("cut_far", None),
        ("flash", [0, 0, 1, 0, 0]),
        ("black", [0, 0, 1, 0, 0]),
        ("overexposed", [1, 0, 1, 1, 1]),
        ("doubled", None),
        ("dropped", None),
    ],
)
def test_the_middle_frame_and_its_sharp_partner_stay(cases, case, kept):
    for before, after in pairs(cases, case):
        frames = same(before, after)
        assert frames[2]
        assert not all(frames)
        assert kept is None or frames == list(map(bool, kept))
        np.testing.assert_array_equal(before.sharp, after.sharp)


@pytest.mark.parametrize(
    ("case", "shares"),
    [("strobe", [1, 1, 0.3, 1, 1]), ("flash", [0.3, 0.3, 1, 0.3, 0.3]), ("black", [0, 0, 1, 0, 0])],
)
def test_frames_are_lit_as_claimed(cases, case, shares):
    for before, after in pairs(cases, case):
        for share, plain, lit in zip(shares, before.blurred, after.blurred, strict=True):
            assert lit.mean() == pytest.approx(share * plain.mean(), abs=1)
        assert after.sharp.mean() == pytest.approx(shares[2] * before.sharp.mean(), abs=1)


def test_overexposed_neighbours_clip(cases):
    for before, after in pairs(cases, "overexposed"):
        bright = before.blurred[1] > 115
        assert bright.any()
        assert after.blurred[1][bright].min() > 240
        assert after.blurred[1].mean() > 1.5 * before.blurred[1].mean()


def test_a_strobe_band_darkens_the_rows_below_an_edge(cases):
    for before, after in pairs(cases, "strobe_band"):
        (dark,) = [n for n, unchanged in enumerate(same(before, after)) if not unchanged]
        rows = (before.blurred[dark] != after.blurred[dark]).any(1)
        edge = int(rows.argmax())
        assert SIZE // 4 <= edge < 3 * SIZE // 4
        ratio = after.blurred[dark, edge:].mean() / before.blurred[dark, edge:].mean()
        assert ratio == pytest.approx(0.3, abs=0.05)


def test_doubled_and_frozen_frames_are_equal_noise_and_all(cases):
    for number, window in enumerate(cases["doubled"]):
        equal = [bool((a == b).all()) for a, b in pairwise(window.blurred)]
        assert equal == ([True, False, True, False] if number % 2 else [False, True, False, True])
    for window in cases["frozen"]:
        assert (window.blurred == window.blurred[2]).all()


def test_a_dissolve_is_between_two_scenes(cases):
    for before, after in pairs(cases, "dissolve"):
        assert not any(same(before, after))
        assert (before.sharp != after.sharp).mean() > 0.5


def test_overlays_have_no_noise_and_cover_the_sharp_frame_too(cases):
    rows = bar_rows(SIZE)
    for window in cases["letterbox"]:
        for pictures in (window.blurred, window.sharp, window.moments):
            assert not pictures[..., :rows, :].any()
            assert not pictures[..., -rows:, :].any()
            assert pictures[..., rows, :].any()
        assert not window.flow[:, :rows].any()
    for before, after in pairs(cases, "logo"):
        covered = before.sharp != after.sharp
        assert 0 < covered.mean() < 0.3
        assert not after.flow[:, covered].any()


def test_a_subtitle_comes_or_goes_beside_the_middle_frame(cases):
    shown = [[not frame for frame in same(*pair)] for pair in pairs(cases, "subtitle")]
    assert shown == [[True, True, True, False, False], [False, False, True, True, True]]


def test_grain_and_rain_are_new_in_every_frame(cases):
    for case in ("grain", "rain"):
        for before, after in pairs(cases, case):
            changes = after.blurred.astype(int) - before.blurred
            assert all(change.std() > 1 for change in changes)
            assert abs(np.corrcoef(changes.reshape(5, -1)) - np.eye(5)).max() < 0.5
    for before, after in pairs(cases, "grain"):
        np.testing.assert_array_equal(before.sharp, after.sharp)


def test_lamps_are_white_where_they_are_sharp(cases):
    assert all((window.sharp >= 250).any() for window in cases["lamps"])


def test_blinking_lamps_are_in_the_middle_frame_alone(cases):
    for window in cases["blink"]:
        white = (window.blurred >= 250).sum((1, 2))
        assert white[2] > white[[0, 1, 3, 4]].max()


def test_still_pictures_differ_by_noise_alone(cases):
    for window in cases["still"]:
        assert abs(window.blurred.astype(int) - window.sharp).max() < 16
        assert not window.flow.any()


def test_a_zoom_moves_away_from_the_centre_or_to_it(cases):
    half = SIZE // 2
    for window in cases["zoom"]:
        x, y = window.flow
        assert x[half, 1] * x[half, -2] < 0
        assert y[1, half] * y[-2, half] < 0
        assert abs(window.flow[:, half, half]).max() < 1


def test_drawings_are_flat_and_never_blurred(cases):
    for window in cases["drawing"]:
        values, counts = np.unique(window.sharp, return_counts=True)
        assert counts[np.argsort(counts)[-6:]].sum() > 0.6 * window.sharp.size
        assert len(values) > 1
        assert abs(window.blurred[2].astype(int) - window.sharp).max() < 10


def test_wrong_settings_are_refused(photos, tmp_path):
    with pytest.raises(OptionError, match="1 or more windows each, got 0"):
        OddWindows(photos, num_windows=0)
    with pytest.raises(ValueError, match="even and at least 64, got 65"):
        OddWindows(photos, size=65)
    Image.new("RGB", (300, 300), (90, 90, 90)).save(tmp_path / "flat.png")
    with pytest.raises(DataError, match="1 photos give no window between 20 and 36 dB"):
        OddWindows([tmp_path / "flat.png"], size=SIZE).window("plain", 0)
