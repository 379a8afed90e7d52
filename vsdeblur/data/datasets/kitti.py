"""Blurred KITTI: L. Pan et al., Simultaneous Stereo Video Deblurring and Scene Flow, 2017.

Frames 9, 10 and 11 of the scenes of KITTI's stereo and scene flow benchmark of 2015, blurred
along their optical flow, from the left camera (image_2) and the right one (image_3). Paper 001
(section IV.A) uses 199 scenes, each camera as 3 frames, and only for testing.

The authors' page names the folders (blur image and clean image, each with image_2 and image_3)
and the frames; that files are called as in KITTI, SCENE_FRAME.png, is taken from KITTI itself.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from ...errors import DataError
from .base import DatasetKind
from .layout import Layout, subfolders
from .picture_files import PicturePairs, pair_files, picture_files

__all__ = ["KITTI"]

LAYOUT = Layout(
    title="Blurred KITTI (Pan et al. 2017)",
    text=(
        "{blur*,clean*}/{image_2,image_3}/SCENE_FRAME.png, such as "
        "'blur image/image_2/000000_10.png'"
    ),
    url=(
        "https://github.com/panpanfei/"
        "data-Simultaneous-Stereo-Video-Deblurring-and-Scene-Flow-Estimation"
    ),
)
CAMERAS = {"image_2": "left", "image_3": "right"}


def _open(folder: Path, split: str) -> list[PicturePairs]:
    """Open the scenes of both cameras, named left/SCENE and right/SCENE."""
    if split != "test":
        raise DataError(
            f"{LAYOUT.title} has no split {split!r}: paper 001 only tests on it, section IV.A; "
            "train on another dataset"
        )
    blurred, sharp = _side(folder, "blur"), _side(folder, "clean", "sharp")
    videos = []
    for camera, name in CAMERAS.items():
        if (blurred / camera).is_dir():
            videos += _scenes(name, blurred / camera, sharp / camera)
    if not videos:
        raise LAYOUT.error(blurred, "no folder 'image_2' or 'image_3'")
    videos[0].check_first()
    return videos


def _side(folder: Path, *beginnings: str) -> Path:
    """The folder of blurred or of sharp frames; the authors write "blur image"."""
    for candidate in subfolders(folder):
        if candidate.name.lower().startswith(beginnings):
            return candidate
    raise LAYOUT.error(folder, f"no folder {beginnings[0]!r}")


def _scenes(camera: str, blurred: Path, sharp: Path) -> list[PicturePairs]:
    blurred_scenes, sharp_scenes = _by_scene(blurred), _by_scene(sharp)
    for folder, missing in (
        (sharp, blurred_scenes.keys() - sharp_scenes.keys()),
        (blurred, sharp_scenes.keys() - blurred_scenes.keys()),
    ):
        if missing:
            raise LAYOUT.error(folder, f"no pictures of scene {min(missing)!r}")
    return [
        pair_files(f"{camera}/{scene}", files, sharp_scenes[scene])
        for scene, files in sorted(blurred_scenes.items())
    ]


def _by_scene(folder: Path) -> dict[str, list[Path]]:
    scenes = defaultdict(list)
    for file in picture_files(folder):
        match = re.fullmatch(r"(\d+)_\d+", file.stem)
        if not match:
            raise LAYOUT.error(folder, f"no scene and frame in the name {file.name!r}")
        scenes[match[1]].append(file)
    if not scenes:
        raise LAYOUT.error(folder, "no pictures")
    return dict(scenes)


KITTI = DatasetKind(
    name="kitti", title=LAYOUT.title, url=LAYOUT.url, layout=LAYOUT.text, open=_open
)
