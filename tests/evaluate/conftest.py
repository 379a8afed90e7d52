"""Tiny videos and stand-in restorers: what is scored is then known by hand."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from vsdeblur.evaluate.evaluation import Evaluation, Method
from vsdeblur.evaluate.report.gallery import Gallery
from vsdeblur.evaluate.scoring import Scorer
from vsdeblur.evaluate.sets.opening import PairedFrames
from vsdeblur.evaluate.sets.samples import EvaluationSet

HEIGHT, WIDTH = 48, 64


@dataclass(frozen=True)
class FakeVideo:
    """A `PairedVideo` of frames that are in memory."""

    name: str
    blurred_frames: list
    sharp_frames: list
    moment_frames: list | None = None

    def __len__(self):
        return len(self.blurred_frames)

    def blurred(self, index):
        return self.blurred_frames[index]

    def sharp(self, index):
        return self.sharp_frames[index]

    def moments(self, index):
        return self.moment_frames and self.moment_frames[index]


class StubRestorer:
    """Runs a function, window -> frames, in place of a network, and counts its calls."""

    device = torch.device("cpu")

    def __init__(self, function, *, radius=2, multiplier=1, channels=1):
        self.radius, self.multiplier, self.channels = radius, multiplier, channels
        self.windows = []
        self._function = function

    def restore(self, window):
        self.windows.append(window)
        return self._function(window)


def keep_middle(window):
    """A restorer that restores nothing."""
    return window[len(window) // 2][None]


@pytest.fixture
def stub():
    """Makes a stand-in restorer; by default one that restores nothing."""
    return lambda function=keep_middle, **facts: StubRestorer(function, **facts)


@pytest.fixture
def fake_video():
    """Makes a video from lists of frames."""
    return FakeVideo


@pytest.fixture
def noise_video(rng):
    """Makes a video of a texture that moves 2 px a frame; blurred frames are 10 levels off."""

    def make(name="a", length=3, height=HEIGHT, width=WIDTH):
        texture = rng.integers(20, 200, (3, height // 2 + 1, width // 2 + 8)).astype("u1")
        texture = texture.repeat(2, axis=1).repeat(2, axis=2)
        starts = [2 * n for n in range(length)]
        sharp = [torch.tensor(texture[:, :height, s : s + width]) for s in starts]
        return FakeVideo(name, [frame + 10 for frame in sharp], sharp)

    return make


@pytest.fixture
def make_set():
    """Makes a set of videos."""

    def make(*videos, name="gopro"):
        paired = [PairedFrames(video, name) for video in videos]
        return EvaluationSet(name=name, title="A set", split="test", videos=paired)

    return make


@pytest.fixture
def evaluated(noise_video, make_set, stub):
    """Scores two videos of three frames with a restorer that takes 5 of the 10 levels away."""

    sets = [make_set(noise_video("first"), noise_video("second <b>"))]

    def evaluate():
        gallery = Gallery(sets)
        restorer = stub(lambda window: window[2][None] - 5 / 255)
        scores = Scorer(restorer, watchers=[gallery]).score(sets)
        method = Method(
            filter="dblrgan", model="fast", weights_file="fast.safetensors",
            weights_sha256="0" * 64, temporal_radius=2, multiplier=1, reads="luma",
            device="cpu", precision="fp32",
        )  # fmt: skip
        evaluation = Evaluation(
            method=method, options={"split": "test"}, versions={"torch": "2"},
            device_name="a CPU", sets=scores,
        )  # fmt: skip
        return evaluation, gallery

    return evaluate


@pytest.fixture
def gopro_folder(tmp_path, rng):
    """GOPRO_Large with two test videos of three frames."""
    root = tmp_path / "GOPRO_Large"
    for video in ("GOPR0001_11_00", "GOPR0002_11_00"):
        for kind in ("blur", "sharp"):
            (root / "test" / video / kind).mkdir(parents=True)
        for number in range(3):
            sharp = np.kron(rng.integers(0, 256, (12, 16, 3)), np.ones((4, 4, 1))).astype("u1")
            blurred = np.stack([np.roll(sharp, shift, 1) for shift in (-1, 0, 1)]).mean(0)
            for kind, picture in (("sharp", sharp), ("blur", blurred.astype("u1"))):
                Image.fromarray(picture).save(root / "test" / video / kind / f"{number:06d}.png")
    return root
