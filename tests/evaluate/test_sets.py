"""Windows of datasets, and what is refused."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from vsdeblur.data.photos import find_photos
from vsdeblur.errors import DataError, OptionError
from vsdeblur.evaluate.sets.luma_windows import LumaWindows
from vsdeblur.evaluate.sets.opening import PairedFrames, open_set
from vsdeblur.evaluate.synthetic import SyntheticBenchmark


def numbered(count):
    return [torch.full((3, 16, 16), n, dtype=torch.uint8) for n in range(count)]


def window_of(video, index, radius=2):
    window = PairedFrames(video, "dvd").sample(index, radius=radius, multiplier=1).window
    return window[:, 0, 0, 0].tolist()


def test_windows_repeat_the_last_frame_at_the_ends(fake_video):
    video = fake_video("a", numbered(6), numbered(6))
    assert [window_of(video, n) for n in (0, 1, 3, 5)] == [
        [0, 0, 0, 1, 2], [0, 0, 1, 2, 3], [1, 2, 3, 4, 5], [3, 4, 5, 5, 5],
    ]  # fmt: skip
    assert window_of(video, 4, radius=0) == [4]
    assert window_of(fake_video("a", numbered(1), numbered(1)), 0) == [0] * 5


def test_each_frame_is_read_once(fake_video):
    read = []

    class Counting(fake_video):
        def blurred(self, index):
            read.append(index)
            return super().blurred(index)

    paired = PairedFrames(Counting("a", numbered(20), numbered(20)), "dvd")
    for index in range(20):
        paired.sample(index, radius=2, multiplier=1)
    assert sorted(read) == list(range(20))


def test_frames_of_several_sizes_are_refused(fake_video):
    sharp = [torch.zeros(3, 16, 20, dtype=torch.uint8)]
    video = PairedFrames(fake_video("clip", numbered(1), sharp), "dvd")
    with pytest.raises(DataError, match=r"dvd: .*'clip' have the sizes 16x16 and 20x16"):
        video.sample(0, radius=0, multiplier=1)


def test_moments_are_compared_only_where_there_are_as_many(fake_video):
    frames = numbered(1)
    video = PairedFrames(fake_video("a", frames, frames), "dvd")
    with pytest.raises(DataError, match=r"dvd has one sharp view .* the filter makes 7"):
        video.sample(0, radius=0, multiplier=7)
    video = PairedFrames(fake_video("a", frames, frames, [torch.stack(numbered(7))]), "gopro")
    assert video.sample(0, radius=0, multiplier=7).sharp[:, 0, 0, 0].tolist() == list(range(7))
    with pytest.raises(DataError, match=r"gopro has 7 sharp views .* makes 42"):
        video.sample(0, radius=0, multiplier=42)


def test_windows_of_luma(rng):
    frames = rng.integers(0, 256, (5, 16, 16)).astype("u1")
    flow = rng.normal(size=(2, 16, 16)).astype("f4")
    window = SimpleNamespace(blurred=frames, sharp=frames[0], moments=frames[1:4], flow=flow)
    windows = LumaWindows("shake", [window])
    sample = windows.sample(0, radius=1, multiplier=1)
    assert (sample.window[:, 0].numpy() == frames[1:4]).all()
    assert (sample.sharp[0, 0].numpy() == frames[0]).all()
    assert sample.flow is None
    opened = windows.sample(0, radius=0, multiplier=3)
    assert opened.sharp.shape == (3, 1, 16, 16)
    assert opened.flow is flow
    for radius, multiplier in ((3, 1), (2, 7)):
        with pytest.raises(DataError, match=r"shake: windows are of 5 frames"):
            windows.sample(0, radius=radius, multiplier=multiplier)


@pytest.mark.parametrize("text", ["gopro", "=folder", "gopro=", ""])
def test_data_must_be_name_and_folder(text):
    with pytest.raises(OptionError, match=r"--data must be NAME=DIR"):
        open_set(text, "test")


def test_unknown_sets_and_missing_folders_are_refused(tmp_path):
    with pytest.raises(OptionError, match=r"unknown dataset 'nothing'; choose one of: .*gopro"):
        open_set(f"nothing={tmp_path}", "test")
    with pytest.raises(DataError, match=r"no folder '.*none' for dataset 'gopro'"):
        open_set(f"gopro={tmp_path / 'none'}", "test")


def test_a_dataset_is_opened(gopro_folder):
    evaluation_set = open_set(f"gopro={gopro_folder}", "test")
    assert (
        evaluation_set.name,
        evaluation_set.split,
        [len(video) for video in evaluation_set.videos],
    ) == (
        "gopro",
        "test",
        [3, 3],
    )
    assert evaluation_set.videos[0].sample(0, radius=2, multiplier=1).window.shape == (5, 3, 48, 64)


def test_photos_become_the_synthetic_benchmark(monkeypatch, tmp_path, rng):
    for index in range(2):
        coarse = Image.fromarray(rng.integers(0, 255, (30, 40, 3), dtype=np.uint8))
        coarse.resize((480, 400), Image.Resampling.BICUBIC).save(tmp_path / f"{index}.png")
    small = partial(SyntheticBenchmark, num_windows=1, size=48)
    monkeypatch.setattr(
        SyntheticBenchmark, "from_folders", lambda folders: small(find_photos(folders))
    )
    opened = open_set(f"photos={tmp_path}", "test")
    assert [video.name for video in opened.videos] == ["shake", "object", "concert"]
    sample = opened.videos[0].sample(0, radius=2, multiplier=1)
    assert (sample.window.shape, sample.sharp.shape) == ((5, 1, 48, 48), (1, 1, 48, 48))
    assert not opened.videos[0].is_sequence
