"""Pictures blurred by the seven kernels: the same ones whenever they are made."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from vsdeblur.data.kernels import KERNELS, apply_blur
from vsdeblur.errors import DataError
from vsdeblur.evaluate.scoring import Scorer
from vsdeblur.evaluate.sets.blurred_pictures import SIZE, open_pictures
from vsdeblur.evaluate.sets.opening import open_set

DIGEST = "1d5d1e794fd0eebb12dded736221a45b3cdc7aaa274e4bf58366d38be8d033ff"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two pictures of coarse noise, one of them smaller than what is cut."""
    folder = tmp_path_factory.mktemp("photos")
    for number, (rows, columns) in enumerate(((70, 100), (50, 70))):
        raw = np.random.PCG64(number).random_raw(rows * columns * 3) >> np.uint64(56)
        picture = raw.astype(np.uint8).reshape(rows, columns, 3).repeat(4, 0).repeat(4, 1)
        Image.fromarray(picture).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def small(photos):
    return open_pictures(photos, num_per_kernel=2, num_regions=3)


def all_samples(evaluation_set):
    return [
        video.sample(index, radius=0, multiplier=1)
        for video in evaluation_set.videos
        for index in range(len(video))
    ]


def test_each_kernel_blurs_pictures_of_its_own(small):
    assert [video.name for video in small.videos] == list(KERNELS)
    assert not any(video.is_sequence for video in small.videos)
    for video in small.videos:
        assert [video.blur(index).size for index in range(2)] == list(KERNELS[video.name].sizes[:2])
        for index in range(2):
            sample = video.sample(index, radius=0, multiplier=1)
            assert sample.window.shape == sample.sharp.shape == (1, 3, SIZE, SIZE)
            pictures = (sample.sharp, sample.window)
            sharp, blurred = (frames[0].permute(1, 2, 0).numpy() for frames in pictures)
            np.testing.assert_array_equal(blurred, apply_blur(sharp, video.blur(index)))
            assert (blurred != sharp).mean() > 0.1
    assert len({sample.sharp.numpy().tobytes() for sample in all_samples(small)}) == 14


def test_same_cuts_on_every_machine(small):
    digest = hashlib.sha256()
    for sample in all_samples(small):
        digest.update(sample.sharp.numpy().tobytes())
    for picture in small.sharp_pictures():
        assert picture.shape == (SIZE, SIZE, 3)
        digest.update(picture.tobytes())
    assert digest.hexdigest() == DIGEST


def test_more_pictures_leave_the_first_as_they_are(photos, small):
    more = open_pictures(photos, num_per_kernel=3)
    for video, longer in zip(small.videos, more.videos, strict=True):
        assert (len(video), len(longer)) == (2, 3)
        for index in range(2):
            ours, theirs = (each.sample(index, radius=0, multiplier=1) for each in (video, longer))
            assert ours.window.equal(theirs.window)
            assert ours.sharp.equal(theirs.sharp)


def test_it_is_opened_by_its_name(photos):
    evaluation_set = open_set(f"pictures={photos}", "test")
    assert (evaluation_set.name, evaluation_set.split) == ("pictures", "test")
    assert evaluation_set.title == "56 pictures of 2 photos, blurred by the seven kernels"
    assert [len(video) for video in evaluation_set.videos] == [8] * 7
    assert len(list(evaluation_set.sharp_pictures())) == 64


@pytest.mark.parametrize(("radius", "multiplier"), [(2, 1), (0, 7)])
def test_single_pictures_serve_no_filter_that_needs_more(small, radius, multiplier):
    with pytest.raises(DataError, match=rf"reads {2 * radius + 1} frames and makes {multiplier};"):
        small.videos[0].sample(0, radius=radius, multiplier=multiplier)


def test_a_luma_filter_of_single_frames_is_served(small, stub):
    (scores,) = Scorer(stub(radius=0), max_frames=1).score([small])
    assert [video.name for video in scores.videos] == list(KERNELS)
    means = scores.mean_over_frames
    assert means["restored_psnr_rgb"] == means["input_psnr_rgb"]
    assert "warping_share" not in means
    assert scores.regions is None


def test_folders_without_photos_are_refused(tmp_path):
    with pytest.raises(DataError, match="no photo in"):
        open_set(f"pictures={tmp_path}", "test")
