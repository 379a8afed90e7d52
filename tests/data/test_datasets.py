"""Datasets of pictures: pairs, splits, and what is said of folders that are not as expected."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from vsdeblur.data.datasets import DATASETS, open_dataset
from vsdeblur.data.datasets.dvd import TEST_VIDEOS, TRAIN_VIDEOS
from vsdeblur.errors import DataError

HEIGHT, WIDTH = 16, 24

TREES = {
    "dvd": (
        [f"quantitative_datasets/{{video}}/{side}/{{n:05}}.jpg" for side in ("input", "GT")],
        {"train": ["720p_240fps_1", "IMG_0001"], "test": ["720p_240fps_2", "IMG_0003"]},
    ),
    "gopro": (
        ["{split}/{video}/blur/{n:06}.png", "{split}/{video}/sharp/{n:06}.png"],
        {"train": ["GOPR0372_07_00", "GOPR0374_11_00"], "test": ["GOPR0384_11_00"]},
    ),
    "gopro-gamma": (
        ["{split}/{video}/blur_gamma/{n:06}.png", "{split}/{video}/sharp/{n:06}.png"],
        {"train": ["GOPR0372_07_00"], "test": ["GOPR0384_11_00"]},
    ),
    "reds": (
        ["{part}/{part}_blur/{video}/{n:08}.png", "{part}/{part}_sharp/{video}/{n:08}.png"],
        {"train": ["000", "001"], "test": ["000"]},
    ),
    "kitti": (
        ["blur image/{camera}/{scene}_{n:02}.png", "clean image/{camera}/{scene}_{n:02}.png"],
        {"test": ["left/000000", "left/000001", "right/000000", "right/000001"]},
    ),
}
NUMBERS = [9, 10, 11]
"""Frames of each video; sorted as text they would come in another order."""


def write_picture(path, rng, size=(HEIGHT, WIDTH)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (*size, 3), "u1")).save(path)
    return path


def read(path):
    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)


def tree_paths(name, split, video):
    """(blurred, sharp) of each frame of a video, relative to the dataset's folder."""
    part = "val" if split == "test" else "train"
    camera, _, scene = video.partition("/")
    fields = {"split": split, "video": video, "part": part, "scene": scene}
    fields["camera"] = {"left": "image_2", "right": "image_3"}.get(camera)
    return [[path.format(n=n, **fields) for path in TREES[name][0]] for n in NUMBERS]


@pytest.fixture
def make_tree(tmp_path, rng):
    def make(name, folder=tmp_path):
        for split, videos in TREES[name][1].items():
            for video in videos:
                for pair in tree_paths(name, split, video):
                    for path in pair:
                        write_picture(folder / path, rng)
        return folder

    return make


@pytest.mark.parametrize("name", TREES)
def test_every_frame_comes_with_its_partner(name, make_tree):
    folder = make_tree(name)
    for split, names in TREES[name][1].items():
        videos = open_dataset(name, folder, split)
        assert [video.name for video in videos] == names
        for video in videos:
            paths = tree_paths(name, split, video.name)
            copy = pickle.loads(pickle.dumps(video))
            assert len(video) == len(copy) == len(paths)
            for index, (blurred, sharp) in enumerate(paths):
                assert torch.equal(video.blurred(index), read(folder / blurred))
                assert torch.equal(video.sharp(index), read(folder / sharp))
                assert torch.equal(copy.sharp(index), video.sharp(index))
                assert video.moments(index) is None
            assert video.blurred(0).dtype == torch.uint8
            assert video.blurred(0).shape == (3, HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("name", "parent"),
    [
        ("dvd", "DeepVideoDeblurring_Dataset"),
        ("gopro", "GOPRO_Large"),
    ],
)
def test_the_folder_above_will_do(name, parent, make_tree, tmp_path):
    make_tree(name, tmp_path / parent)
    names = [video.name for video in open_dataset(name, tmp_path, "test")]
    assert names == TREES[name][1]["test"]


def test_reds_where_each_zip_file_has_its_own_folder(make_tree, tmp_path):
    make_tree("reds", tmp_path / "all")
    for side in ("val_blur", "val_sharp"):
        (tmp_path / side / "val").mkdir(parents=True)
        (tmp_path / "all/val" / side).rename(tmp_path / side / "val" / side)
    (video,) = open_dataset("reds", tmp_path, "test")
    expected = read(tmp_path / "val_sharp/val/val_sharp/000/00000010.png")
    assert torch.equal(video.sharp(1), expected)


def test_numbers_without_leading_zeros_are_sorted_as_numbers(tmp_path, rng):
    for side in ("blur", "sharp"):
        for n in (10, 9):
            write_picture(tmp_path / f"train/a/{side}/{n}.png", rng)
    (tmp_path / "train/a/blur/._9.png").write_bytes(b"resource fork")
    (video,) = open_dataset("gopro", tmp_path, "train")
    assert len(video) == 2
    assert torch.equal(video.blurred(0), read(tmp_path / "train/a/blur/9.png"))


def test_the_authors_split_of_dvd():
    assert (len(TRAIN_VIDEOS), len(TEST_VIDEOS)) == (61, 10)
    assert not TRAIN_VIDEOS & TEST_VIDEOS


def test_a_part_of_dvd_is_split_by_name_and_others_are_left_out(tmp_path, rng, caplog):
    for video in ("IMG_0030", "IMG_0005", "holiday"):
        for side in ("input", "GT"):
            write_picture(tmp_path / video / side / "00000.jpg", rng)
    assert [v.name for v in open_dataset("dvd", tmp_path, "train")] == ["IMG_0005"]
    assert [v.name for v in open_dataset("dvd", tmp_path, "test")] == ["IMG_0030"]
    assert "left out, as the authors' split does not have them: holiday" in caplog.text


def test_dvd_without_a_video_of_the_split(tmp_path, rng):
    for side in ("input", "GT"):
        write_picture(tmp_path / "IMG_0005" / side / "00000.jpg", rng)
    with pytest.raises(DataError, match=r"none of the 10 test videos \(720p_240fps_2, IMG_0003"):
        open_dataset("dvd", tmp_path, "test")


def test_kitti_is_only_for_testing(make_tree):
    with pytest.raises(DataError, match="no split 'train': paper 001 only tests on it"):
        open_dataset("kitti", make_tree("kitti"), "train")


@pytest.mark.parametrize("name", DATASETS)
def test_a_wrong_folder_is_named_with_what_is_in_it(name, tmp_path, rng):
    kind = DATASETS[name]
    with pytest.raises(DataError, match="which does not exist") as error:
        open_dataset(name, tmp_path / "none", "test")
    assert str(tmp_path / "none") in str(error.value)
    for folder in ("a", "b", "c"):
        write_picture(tmp_path / folder / "0.png", rng)
        write_picture(tmp_path / f"{folder}.png", rng)
    with pytest.raises(DataError, match=r"3 folders: a, b, c and 3 files ending in \.png") as error:
        open_dataset(name, tmp_path, "test")
    for said in (str(tmp_path), kind.layout, kind.url):
        assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_sharp_frames_alone_are_not_gopro(tmp_path, rng):
    write_picture(tmp_path / "train/GOPR0372_07_00/000323.png", rng)
    with pytest.raises(DataError, match=r"no folder 'blur' in .*finds 1 file ending in \.png"):
        open_dataset("gopro", tmp_path, "train")


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("name", TREES)
def test_a_frame_without_partner_is_named(name, side, make_tree):
    folder = make_tree(name)
    pair = tree_paths(name, "test", TREES[name][1]["test"][0])[1]
    (folder / pair[side]).unlink()
    with pytest.raises(DataError, match="1 of 3 have none") as error:
        open_dataset(name, folder, "test")
    assert str(folder / pair[0]) in str(error.value)
    assert str(folder / pair[1]) in str(error.value)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("name", ["reds", "kitti"])
def test_a_video_without_partner_is_named(name, side, make_tree):
    folder = make_tree(name)
    for pair in tree_paths(name, "test", TREES[name][1]["test"][0]):
        (folder / pair[side]).unlink()
    with pytest.raises(DataError, match=r"no pictures (of scene '000000' )?in") as error:
        open_dataset(name, folder, "test")
    assert str((folder / pair[side]).parent) in str(error.value)


def test_a_damaged_picture_is_named_when_it_is_read(make_tree):
    folder = make_tree("gopro")
    file = folder / tree_paths("gopro", "test", "GOPR0384_11_00")[1][0]
    file.write_bytes(file.read_bytes()[:300])
    (video,) = open_dataset("gopro", folder, "test")
    video.blurred(0)
    with pytest.raises(DataError, match="as a picture") as error:
        video.blurred(1)
    assert str(file) in str(error.value)


@pytest.mark.parametrize("frame", [0, 1])
def test_a_picture_of_another_size_is_refused(frame, make_tree, rng):
    folder = make_tree("gopro")
    file = folder / tree_paths("gopro", "test", "GOPR0384_11_00")[frame][1]
    write_picture(file, rng, (HEIGHT, 32))

    def open_and_read():
        (video,) = open_dataset("gopro", folder, "test")
        if frame:  # the first pair was compared before
            video.sharp(frame)

    with pytest.raises(DataError, match=r"is 32x16, but .* is 24x16") as error:
        open_and_read()
    assert str(file) in str(error.value)


def test_unknown_names_list_the_choices(tmp_path):
    with pytest.raises(DataError, match="unknown dataset 'div2k'; choose one of: dvd, gopro,"):
        open_dataset("div2k", tmp_path, "train")
    with pytest.raises(DataError, match="unknown split 'val'; choose one of: train, test"):
        open_dataset("dvd", tmp_path, "val")
