"""Figures of frames, videos and sets."""

import math
from types import SimpleNamespace

import pytest
import torch

from vsdeblur.errors import DataError
from vsdeblur.evaluate.scoring import Scorer
from vsdeblur.evaluate.sets.luma_windows import LumaWindows
from vsdeblur.evaluate.sets.samples import EvaluationSet


def decibels(error):
    """PSNR of a constant error."""
    return 20 * math.log10(255 / error)


def score(restorer, *sets, **options):
    return Scorer(restorer, **options).score(sets)


def test_a_restorer_that_does_nothing_scores_as_its_input(noise_video, make_set, stub):
    (scores,) = score(stub(), make_set(noise_video()))
    for frame in scores.frames:
        for name in ("psnr_luma", "ssim_luma", "psnr_rgb", "ssim_rgb"):
            assert frame.figures[f"restored_{name}"] == frame.figures[f"input_{name}"]
    assert scores.frames[0].figures["input_psnr_rgb"] == pytest.approx(decibels(10), abs=1e-3)


def test_a_luma_restorer_changes_luma_and_keeps_chroma(noise_video, make_set, stub):
    restorer = stub(lambda window: window[2][None] - 5 / 255)
    (scores,) = score(restorer, make_set(noise_video()))
    assert all(window.shape == (5, 1, 48, 64) for window in restorer.windows)
    means = scores.mean_over_frames
    assert means["restored_psnr_rgb"] == pytest.approx(decibels(5), abs=1e-3)
    assert means["restored_psnr_luma"] == pytest.approx(decibels(5), abs=0.05)  # luma is rounded


def test_an_rgb_restorer_sees_rgb(noise_video, make_set, stub):
    restorer = stub(lambda window: window - 8 / 255, radius=0, channels=3)
    (scores,) = score(restorer, make_set(noise_video()))
    assert restorer.windows[0].shape == (1, 3, 48, 64)
    assert scores.mean_over_frames["restored_psnr_rgb"] == pytest.approx(decibels(2), abs=1e-3)


def test_output_is_rounded_to_8_bit(noise_video, make_set, stub):
    (scores,) = score(stub(lambda w: w[2][None] - 10.4 / 255), make_set(noise_video()))
    assert scores.mean_over_frames["restored_psnr_rgb"] == 100


def test_means_over_frames_and_over_videos_differ(fake_video, make_set, stub):
    def off_by(error, length):
        sharp = torch.full((3, 32, 32), 100, dtype=torch.uint8)
        return fake_video(f"{error}/a", [sharp + error] * length, [sharp] * length)

    (scores,) = score(stub(), make_set(off_by(2, 3), off_by(8, 1)))
    assert scores.mean_over_frames["input_psnr_rgb"] == pytest.approx(
        (3 * decibels(2) + decibels(8)) / 4, abs=1e-3
    )
    assert scores.mean_over_videos["input_psnr_rgb"] == pytest.approx(
        (decibels(2) + decibels(8)) / 2, abs=1e-3
    )
    assert {name: len(group.frames) for name, group in scores.groups.items()} == {"2": 3, "8": 1}


def test_flicker_shows_in_the_warping_error(fake_video, make_set, stub, rng):
    frame = torch.tensor(rng.integers(40, 200, (3, 48, 64)).astype("u1"))
    still = fake_video("a", [frame] * 4, [frame] * 4)
    signs = iter([0] + [1, -1] * 4)  # the first call is the warm-up
    (scores,) = score(stub(lambda w: w[2][None] + next(signs) * 3 / 255), make_set(still))
    figures = [frame.figures for frame in scores.frames]
    assert "restored_warping" not in figures[0]
    for later in figures[1:]:
        assert later["sharp_warping"] == later["input_warping"] == 0
        assert later["restored_warping"] == pytest.approx(6, abs=1e-4)
        assert later["warping_share"] == 1


def test_the_first_run_of_a_size_is_not_timed(noise_video, make_set, stub):
    restorer = stub()
    score(restorer, make_set(noise_video("a"), noise_video("b"), noise_video("c", height=32)))
    assert len(restorer.windows) == 9 + 2


def test_max_frames_scores_the_same_frames_in_the_same_way(noise_video, make_set, stub):
    evaluation_set = make_set(noise_video(length=4))
    restorer = stub(lambda window: window.mean(0)[None])
    (whole,), (part,) = (
        score(restorer, evaluation_set),
        score(restorer, evaluation_set, max_frames=2),
    )
    assert (whole.is_whole, part.is_whole) == (True, False)
    assert [f.figures for f in part.frames] == [f.figures for f in whole.frames[:2]]


def test_progress_counts_all_frames(noise_video, make_set, stub):
    seen = []
    sets = [make_set(noise_video()), make_set(noise_video(), name="dvd")]
    score(stub(), *sets, on_progress=seen.append)
    assert [(p.frames_done, p.frames_expected) for p in seen] == [(n, 6) for n in range(1, 7)]


def test_the_hash_tells_other_pixels(noise_video, make_set, stub):
    video = noise_video()
    first, again = (score(stub(), make_set(video))[0].videos[0] for _ in range(2))
    video.sharp_frames[2] = video.sharp_frames[2].clone()
    video.sharp_frames[2][0, 0, 0] ^= 1
    other = score(stub(), make_set(video))[0].videos[0]
    assert first.pixels_sha256 == again.pixels_sha256 != other.pixels_sha256


def test_sets_of_luma_have_no_rgb_figures(rng, stub):
    frames = rng.integers(0, 256, (5, 24, 24)).astype("u1")
    window = SimpleNamespace(blurred=frames, sharp=frames[0], moments=frames, flow=None)
    evaluation_set = EvaluationSet(
        name="photos", title="", split="test", videos=[LumaWindows("a", [window] * 2)]
    )
    (scores,) = score(stub(), evaluation_set)
    names = {name for frame in scores.frames for name in frame.figures}
    figures = ("psnr_luma", "ssim_luma", "psnr_aligned", "shift")
    assert names == {f"{s}_{f}" for s in ("input", "restored") for f in figures}
    with pytest.raises(DataError, match=r"photos has luma only, and the filter reads RGB"):
        score(stub(lambda window: window, radius=0, channels=3), evaluation_set)


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_several_moments_count_in_the_better_order(fake_video, make_set, stub, rng, order):
    moments = torch.tensor(rng.integers(0, 256, (3, 3, 24, 24)).astype("u1"))
    video = fake_video("a", [moments[1]], [moments[1]], [moments])
    shown = moments.numpy()[order].copy()
    restorer = stub(lambda w: torch.tensor(shown) / 255, radius=0, multiplier=3, channels=3)
    (scores,) = score(restorer, make_set(video))
    assert scores.mean_over_frames["restored_psnr_rgb"] == 100
    assert scores.mean_over_frames["input_psnr_rgb"] < 50


def test_small_frames_are_refused(noise_video, make_set, stub):
    with pytest.raises(
        DataError, match=r"gopro: frames of video 'tiny' are 64x14 pixels; at least"
    ):
        score(stub(), make_set(noise_video("tiny", height=14)))
