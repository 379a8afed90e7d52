"""Tiny photos, a short recipe, and a validation set that takes no time."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vsdeblur.data.photos import find_photos
from vsdeblur.train.recipe import load_stages
from vsdeblur.train.run_options import TrainOptions
from vsdeblur.train.settings import PoolSettings
from vsdeblur.train.synthesis.windows import BlurSettings
from vsdeblur.train.validation import ValidationSet

BLUR = BlurSettings(size=40, margin=16, max_blur=8)
POOL = PoolSettings(capacity=16, initial=8, reuse=2)


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Two folders, train and val, of small pictures."""
    root = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for name in ("train", "val"):
        (root / name).mkdir()
        for index in range(2):
            coarse = generator.integers(0, 255, (40, 60, 3), dtype=np.uint8)
            picture = Image.fromarray(coarse).resize((480, 400), Image.Resampling.BICUBIC)
            picture.save(root / name / f"{index}.png")
    return root


@pytest.fixture(scope="session")
def small():
    """Makes a recipe's stage small enough for a test."""

    def small(recipe, **changes):
        values = {"batch_size": 2, "crop": 32, "warmup_steps": 2, "blur": BLUR, "pool": POOL}
        return replace(recipe, **values | changes)

    return small


@pytest.fixture
def recipe(small):
    return small(load_stages("dblrgan-fast")[0], steps=10)


@pytest.fixture
def options(photos, tmp_path):
    return TrainOptions(
        data={"photos": [photos / "train"]},
        validation=[photos / "val"],
        out=tmp_path / "run",
        accelerator="cpu",
        precision="32-true",
        eval_steps=5,
        num_validation=4,
    )


@pytest.fixture(autouse=True)
def small_validation(monkeypatch):
    """Windows of 64 pixels in place of 192."""
    for name in ("from_files", "from_videos"):
        original = getattr(ValidationSet, name).__func__

        def smaller(cls, material, *, num_windows, original=original):
            return original(cls, material, num_windows=num_windows, size=64)

        monkeypatch.setattr(ValidationSet, name, classmethod(smaller))


@pytest.fixture(autouse=True)
def matrix_rate(monkeypatch):
    """Every start of a run measures the machine for a second, and tests start many."""
    monkeypatch.setattr("vsdeblur.train.stage_run.matrix_rate", lambda *_: 1e9)


@pytest.fixture
def train_photos(photos):
    return find_photos([photos / "train"])
