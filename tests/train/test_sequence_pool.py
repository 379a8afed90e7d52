"""Exposures and the moments behind them: from photos, from video, and as the pool draws them."""

from dataclasses import replace

import pytest
import torch

from vsdeblur.data.datasets import DATASETS
from vsdeblur.data.photos import PhotoSet
from vsdeblur.data.psnr import luma_psnr
from vsdeblur.errors import DataError
from vsdeblur.train.pool import WindowPool
from vsdeblur.train.sequence.exposures import OUT_OF_SIGHT, PhotoMoments, VideoMoments
from vsdeblur.train.sequence.sequence_losses import flow_loss, warped
from vsdeblur.train.sequence.sequence_task import moment_maker
from vsdeblur.train.sequence.sequence_validation import ExposureSet, moment_psnr
from vsdeblur.train.settings import PoolSettings
from vsdeblur.train.synthesis.windows import BlurSettings

BLUR = BlurSettings(
    size=40, margin=32, max_blur=8, blur_exponent=0.2, still_share=0, object_share=0
)
QUIET = PoolSettings(
    capacity=8, initial=8, reuse=2, max_noise=0, max_concert_noise=0, darken_share=0
)


class SlidingVideo:
    """Noise that slides to the right, 3 px a moment; the right half stands still."""

    name = "sliding"

    def __init__(self, size=64):
        picture = torch.rand(3, size, 200, generator=torch.Generator().manual_seed(0))
        moving = [picture[..., 30 - 3 * n :][..., : size // 2] for n in range(7)]
        still = picture[..., -(size - size // 2) :]
        frames = torch.stack([torch.cat([part, still], -1) for part in moving])
        self._moments = (frames * 255).round().byte()

    def __len__(self):
        return 2

    def moments(self, index):
        return self._moments

    def sharp(self, index):
        return self._moments[3]

    def blurred(self, index):
        return self._moments.float().mean(0).round().byte()


def source_of(files, **changes):
    blur = replace(BLUR, **changes)
    return PhotoMoments(PhotoSet(files, blur.patch_size), blur)


def pool_of(files, settings=QUIET, with_flows=True, **options):
    values = {"batch_size": 2, "crop": 32, "seed": 1, "kept_as": torch.uint8} | options
    maker = moment_maker(source_of(files), with_flows=with_flows)
    return WindowPool([(maker, 1.0)], settings, **values)


def made(source, num=4, seed=0):
    return source.windows(num, *(torch.Generator().manual_seed(seed) for _ in range(2)))


def test_a_blurred_frame_is_about_the_mean_of_its_moments(train_photos):
    windows = made(source_of(train_photos, linear_share=0))
    assert windows.blurred.shape == (4, 1, 40, 40)
    assert windows.moments.shape == (4, 7, 40, 40)
    mean = windows.moments.mean(1, keepdim=True)
    assert luma_psnr(mean, windows.blurred).min() > 30
    assert moment_psnr(windows.blurred.expand(-1, 7, -1, -1), windows.moments).max() < 40


def test_both_flows_lead_to_where_things_are(train_photos):
    windows = made(source_of(train_photos))
    first, last = windows.moments[:, :1], windows.moments[:, -1:]
    for frame, flow, true in (
        (last, windows.to_last, first),
        (first, windows.to_first, last),
    ):
        moved, seen = warped(frame, flow)
        error, still_error = (((f - true).abs() * seen).mean() for f in (moved, frame))
        assert error < 0.3 * still_error


def test_flows_turn_with_the_crops(train_photos):
    pool = pool_of(train_photos)
    for step in range(12):
        _, sharp, flows = pool.batch(step)
        to_last, to_first = flows.split(2, 1)
        still = torch.zeros_like(to_last)
        turned = flow_loss(sharp, sharp, to_last, to_first)
        assert turned < 0.3 * flow_loss(sharp, sharp, still, still)


def test_batches_depend_on_their_step_alone(train_photos):
    forward = pool_of(train_photos, batch_size=4)
    batches = [forward.batch(step) for step in range(20)]
    for again, expected in zip(
        pool_of(train_photos, batch_size=4).batch(19), batches[19], strict=True
    ):
        torch.testing.assert_close(again, expected, rtol=0, atol=0)
    assert [tuple(part.shape) for part in batches[0]] == [
        (4, 1, 32, 32), (4, 7, 32, 32), (4, 4, 32, 32),
    ]  # fmt: skip


def test_blurred_frames_are_noisy_and_of_8_bit_and_moments_are_not(train_photos):
    noisy = replace(QUIET, max_noise=0.5, darken_share=1)
    blurred, sharp = pool_of(train_photos, noisy, with_flows=False).batch(0)
    torch.testing.assert_close(blurred * 255, (blurred * 255).round(), atol=1e-3, rtol=0)
    clean_blurred, clean = pool_of(train_photos, with_flows=False).batch(0)
    gain = sharp.mean() / clean.mean()
    assert gain < 0.99
    torch.testing.assert_close(
        clean_blurred * 255, (clean_blurred * 255).round(), atol=1e-3, rtol=0
    )
    assert (blurred - gain * clean_blurred).std() > 0.01


def test_video_gives_the_place_that_moves(train_photos):
    windows = made(VideoMoments([SlidingVideo()], 24))
    assert windows.moments.shape == (4, 7, 24, 24)
    torch.testing.assert_close(
        windows.blurred[:, 0], windows.moments.mean(1), atol=1.5 / 255, rtol=0
    )
    change = (windows.moments[:, 0] - windows.moments[:, -1]).abs()
    assert ((change > 0).float().mean((1, 2)) > 0.5).all()
    assert (windows.to_last == OUT_OF_SIGHT).all()
    sharp = windows.moments
    assert flow_loss(torch.rand_like(sharp), sharp, windows.to_last, windows.to_first) == 0


def test_videos_without_moments_or_too_small_are_refused():
    video = SlidingVideo()
    with pytest.raises(DataError, match=r"'sliding' are 64x64; windows of 96x96 do not fit"):
        made(VideoMoments([video], 96))
    video.moments = lambda index: None
    with pytest.raises(DataError, match=r"'sliding' has no sharp moments .* gopro-all-7"):
        made(VideoMoments([video], 24))


def test_seven_frames_of_high_speed_video_are_averaged_as_stored():
    assert DATASETS["high-speed-7"].open.keywords == {"gamma": 1.0}


def test_repeating_the_blurred_frame_gains_nothing_and_the_moments_all(train_photos):
    exposures = ExposureSet.from_files(train_photos, num_windows=2)
    repeated = exposures.blurred.expand_as(exposures.sharp)
    assert exposures.score(repeated).mean_gain == pytest.approx(0, abs=1e-4)
    assert exposures.score(exposures.sharp.flip(1)).mean_gain > 30
    assert exposures.input_psnr[exposures.input_psnr < 38].max() < 32


def test_exposures_of_videos():
    exposures = ExposureSet.from_videos([SlidingVideo()], num_windows=3, size=24)
    assert exposures.blurred.shape == (3, 1, 24, 24)
    assert exposures.score(exposures.sharp).mean_gain > 20
