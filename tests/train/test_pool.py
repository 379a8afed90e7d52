"""Photos, sources, and the batches that the pool draws from them."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from vsdeblur.data.photos import PhotoSet, find_photos
from vsdeblur.errors import DataError
from vsdeblur.models.dblrnet import FastDBLRNet
from vsdeblur.train.dblrgan.window_task import window_maker
from vsdeblur.train.kept_windows import Made
from vsdeblur.train.losses import charbonnier_loss
from vsdeblur.train.pool import Share, WindowPool
from vsdeblur.train.recipe import SourceSettings
from vsdeblur.train.settings import DrawSettings, PoolSettings
from vsdeblur.train.synthesis.sources import PhotoSource, VideoSource
from vsdeblur.train.synthesis.windows import BlurSettings
from vsdeblur.train.validation import ValidationSet

BLUR = BlurSettings(size=40, margin=16, max_blur=8)
POOL = PoolSettings(capacity=32, initial=16, reuse=2)


class CountingVideo:
    """Frame i is all 10 * i (blurred) and 10 * i + 1 (sharp), but for a bright left edge."""

    name = "counting"

    def __init__(self, num=8, size=48):
        self._num = num
        self._size = size

    def __len__(self):
        return self._num

    def blurred(self, index):
        return self._frame(10 * index)

    def sharp(self, index):
        return self._frame(10 * index + 1)

    def moments(self, index):
        return None

    def _frame(self, value):
        return torch.full((3, self._size, self._size), value, dtype=torch.uint8)


def source_of(files, concert_share=0.0):
    settings = SourceSettings(concert_share=concert_share)
    return PhotoSource(PhotoSet(files, BLUR.patch_size), BLUR, settings)


def pool_of(files, **options):
    values = {"batch_size": 2, "crop": 32, "seed": 1} | options
    return WindowPool([(window_maker(source_of(files)), 1.0)], POOL, **values)


def test_photos_that_are_missing_or_damaged_are_named(tmp_path):
    with pytest.raises(DataError, match=r"no folder .*nowhere"):
        find_photos([tmp_path / "nowhere"])
    with pytest.raises(DataError, match=r"no photo in .*expected files ending in"):
        find_photos([tmp_path])
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"cannot read .*broken\.jpg"):
        PhotoSet(find_photos([tmp_path]), patch_size=32)


def test_small_photos_are_mirrored_to_size(tmp_path):
    Image.new("L", (20, 30), 100).save(tmp_path / "small.png")
    patches = PhotoSet(find_photos([tmp_path]), 96).patches(2, torch.Generator())
    assert patches.shape == (2, 1, 96, 96)
    assert (patches - 100 / 255).abs().max() < 0.01


def test_a_batch_depends_on_its_step_alone(train_photos):
    draws = DrawSettings(flashes=0.5, cuts=0.5, sharpened=0.5, compressed=0.5)
    forward = pool_of(train_photos, draws=draws)
    batches = [forward.batch(step) for step in range(30)]
    for step in (29, 3):
        for there, here in zip(
            batches[step], pool_of(train_photos, draws=draws).batch(step), strict=True
        ):
            torch.testing.assert_close(there, here, rtol=0, atol=0)
    for step in (3, 29):  # back and forth
        torch.testing.assert_close(forward.batch(step)[0], batches[step][0], rtol=0, atol=0)
    assert not torch.equal(batches[3][0], batches[4][0])
    assert batches[0][0].shape == (2, 5, 32, 32)
    assert batches[0][1].shape == (2, 1, 32, 32)


def numbered(num, generator, on_device):
    """Windows of one value, which tells the group; their planes tell themselves apart."""
    value = torch.rand((), generator=generator).expand(num, 1, 40, 40)
    plane = torch.linspace(0.9, 1, 5).view(1, 5, 1, 1)
    return Made(value * plane, value, torch.full((num,), 30.0), torch.zeros(num, dtype=torch.bool))


QUIET = replace(POOL, max_noise=0, max_concert_noise=0, darken_share=0)


def test_the_pool_is_renewed_and_bounded():
    pool = WindowPool([(numbered, 1.0)], QUIET, batch_size=4, crop=32, seed=1)
    seen = [{float(v) for v in pool.batch(step)[1][:, 0, 0, 0]} for step in range(200)]
    assert pool._kept.sharp.shape[0] <= POOL.capacity
    late = set.union(*seen[100:])
    assert len(late) > 2 * POOL.capacity / 4  # of groups of 4: more than are kept at a time
    assert not set.union(*seen[:20]) & late


def test_each_window_is_used_about_as_often_as_is_said():
    made = []

    def counted(num, generator, on_device):
        made.append(num)
        return numbered(num, generator, on_device)

    pool = WindowPool([(counted, 1.0)], replace(QUIET, reuse=4), batch_size=8, crop=32, seed=1)
    pool.batch(0)
    initial = sum(made)
    for step in range(1, 101):
        pool.batch(step)
    assert sum(made) - initial == 100 * 8 / 4


def test_what_is_hopeless_is_drawn_less():
    def unlike(num, generator, on_device):
        windows = numbered(num, generator, on_device)
        psnr = torch.tensor([30.0, 10.0] * (num // 2))
        return windows._replace(sharp=(psnr / 100).view(-1, 1, 1, 1).expand_as(windows.sharp),
                                psnr=psnr)  # fmt: skip

    settings = replace(QUIET, other_weight=0.25)
    pool = WindowPool([(unlike, 1.0)], settings, batch_size=8, crop=32, seed=1)
    drawn = torch.cat([pool.batch(step)[1][:, 0, 0, 0] for step in range(150)])
    assert (drawn < 0.2).float().mean() == pytest.approx(0.2, abs=0.04)


def test_crops_keep_their_partners_and_run_both_ways():
    def slopes(num, generator, on_device):
        x, y = torch.linspace(0, 1, 40), torch.linspace(0, 1, 40)[:, None]
        picture = torch.lerp(x.expand(40, 40), y.expand(40, 40), 0.3)
        later = torch.linspace(0.5, 1, 5).view(1, 5, 1, 1)
        sharp = picture.expand(num, 1, 40, 40)
        return Made(sharp * later, sharp, torch.full((num,), 30.0), torch.zeros(num).bool())

    pool = WindowPool([(slopes, 1.0)], QUIET, batch_size=8, crop=32, seed=1)
    turns, ways = set(), set()
    for step in range(30):
        for blurred, sharp in zip(*pool.batch(step), strict=True):
            torch.testing.assert_close(blurred[2], 0.75 * sharp[0], atol=4e-3, rtol=0)
            right, down = sharp[0].diff(dim=1).mean(), sharp[0].diff(dim=0).mean()
            turns.add((bool(right > 0), bool(down > 0), bool(right.abs() > down.abs())))
            ways.add(bool(blurred[0].mean() < blurred[4].mean()))
    assert len(turns) == 8
    assert len(ways) == 2


def test_devices_that_share_a_batch_make_no_more_than_their_parts(train_photos):
    options = {"batch_size": 4, "draws": DrawSettings(cuts=0.5, flashes=0.5)}
    whole = pool_of(train_photos, **options)
    cut = []
    for step in (0, 9):
        expected = whole.batch(step)
        cut.clear()
        for rank in range(2):  # what each has to show to the others
            share = Share(rank, 2, lambda mine: cut.append(mine) or torch.stack([mine, mine]))
            pool_of(train_photos, share=share, **options).batch(step)
        num = len(cut) // 2
        both = [torch.stack(pair) for pair in zip(cut[:num], cut[num:], strict=True)]
        for rank in range(2):
            given = iter(both)
            share = Share(rank, 2, lambda mine, given=given: next(given))
            part = pool_of(train_photos, share=share, **options)
            for here, there in zip(part.batch(step), expected, strict=True):
                torch.testing.assert_close(here, there[rank::2], rtol=0, atol=0)
            assert len(part._kept.sharp) == len(whole._kept.sharp) / 2


def test_sources_are_drawn_by_their_weights(train_photos):
    videos = VideoSource([CountingVideo()], 5, 40)
    for weights, share in (((1.0, 0.0), 0.0), ((0.0, 1.0), 1.0)):
        sources = [source_of(train_photos), videos]
        makers = [(window_maker(s), w) for s, w in zip(sources, weights, strict=True)]
        pool = WindowPool(makers, POOL, batch_size=8, crop=32, seed=1)
        sharp = pool.batch(0)[1]
        assert (sharp.flatten(1).std(1) < 1e-6).float().mean() == share


def test_windows_of_videos_are_neighbours_with_the_partner_of_the_middle_one():
    generator = torch.Generator().manual_seed(0)
    windows = VideoSource([CountingVideo()], 5, 40).windows(6, generator, generator)
    assert windows.blurred.shape == (6, 5, 40, 40)
    assert windows.sharp.shape == (6, 1, 40, 40)
    levels = (windows.blurred[:, :, 0, 0] * 255).round()
    assert (levels.diff(dim=1) == 10).all()
    assert ((windows.sharp[:, 0, 0, 0] * 255).round() == levels[:, 2] + 1).all()
    assert not windows.is_concert.any()


def test_videos_that_hold_no_window_are_refused():
    with pytest.raises(DataError, match="none of the 1 videos has the 5 frames of a window"):
        VideoSource([CountingVideo(num=4)], 5, 40)
    generator = torch.Generator()
    with pytest.raises(DataError, match="'counting' are 48x48; windows of 64x64 do not fit"):
        VideoSource([CountingVideo()], 5, 64).windows(1, generator, generator)


def test_concert_windows_are_darker_and_may_be_noisier(train_photos):
    shares = {}
    for share in (0.0, 1.0):
        generators = [torch.Generator().manual_seed(3) for _ in range(2)]
        shares[share] = source_of(train_photos, share).windows(8, *generators)
    assert shares[1.0].is_concert.all()
    assert not shares[0.0].is_concert.any()
    assert shares[1.0].sharp.mean() < 0.8 * shares[0.0].sharp.mean()


def test_one_batch_can_be_learned(train_photos):
    torch.manual_seed(0)
    blurred, sharp = pool_of(train_photos).batch(0)
    network = FastDBLRNet(widths=(16, 32), num_blocks=(1, 1))
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        loss = charbonnier_loss(network(blurred), sharp)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_validation_set_is_the_same_bytes_and_in_its_bands(photos):
    first, second = (
        ValidationSet.from_files(find_photos([photos / "val"]), num_windows=4) for _ in range(2)
    )
    torch.testing.assert_close(first.blurred, second.blurred, rtol=0, atol=0)
    blurred = first.input_psnr < 38
    assert blurred.sum() == 4
    assert (~blurred).sum() == 1
    assert first.input_psnr[blurred].min() >= 22
    assert first.input_psnr[blurred].max() < 32
    score = first.score(first.sharp)
    assert score.gain["22-32"] > 30
    assert score.count["22-32"] == 4


def test_validation_windows_can_come_from_videos():
    videos = [CountingVideo(size=64), CountingVideo(size=80)]
    validation = ValidationSet.from_videos(videos, num_windows=3)
    assert validation.blurred.shape == (3, 5, 64, 64)
    score = validation.score(validation.blurred[:, 2:3])
    assert score.figure == pytest.approx(0.0, abs=1e-5)  # no window in a band: the mean counts
    assert score.mean_gain == pytest.approx(0.0, abs=1e-5)


def test_photos_that_cannot_be_validated_on_are_refused(tmp_path):
    Image.new("L", (300, 300), 100).save(tmp_path / "flat.png")
    with pytest.raises(DataError, match="1 validation photos give no blurred window"):
        ValidationSet.from_files(find_photos([tmp_path]), num_windows=1)
