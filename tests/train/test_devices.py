"""Several devices: the same curve as one with the same batches."""

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vsdeblur.train.loop import TrainOptions, train
from vsdeblur.train.recipe import load_stages
from vsdeblur.train.settings import PoolSettings
from vsdeblur.train.synthesis.windows import BlurSettings


def run(photos, out):
    """Twenty steps on however many processes there are; what each of them executes."""
    stage = replace(
        load_stages("dblrgan-fast")[0], steps=20, batch_size=4, crop=32, warmup_steps=2,
        blur=BlurSettings(size=40, margin=16, max_blur=8),
        pool=PoolSettings(capacity=32, initial=16),
    )  # fmt: skip
    options = TrainOptions(
        data={"photos": [photos / "train"]}, validation=[photos / "val"], out=out,
        accelerator="cpu", precision="32-true", eval_steps=1000, log_steps=1, num_validation=1,
        minutes=60,
    )  # fmt: skip
    train([stage], options)


def losses_in(out):
    (metrics,) = Path(out).rglob("metrics.csv")
    with metrics.open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def test_two_processes_give_the_loss_curve_of_one(photos, tmp_path):
    run(photos, tmp_path / "one")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, __file__, str(photos), str(tmp_path / "two")],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    one, two = (losses_in(tmp_path / name) for name in ("one", "two"))
    assert len(one) == len(two) == 20
    assert len(set(one)) == 20
    # Sums are taken in another order, and orthogonalised updates (bfloat16) amplify that a little.
    assert two == pytest.approx(one, rel=2e-3)


if __name__ == "__main__":
    run(*map(Path, sys.argv[1:]))
