"""Runs whose learning rate falls to zero as their time runs out."""

import csv
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from vsdeblur.cli.main import main
from vsdeblur.errors import OptionError, TrainingError
from vsdeblur.train.clock import Clock
from vsdeblur.train.dblrgan.window_task import WindowTrainer
from vsdeblur.train.loop import _end_of, train
from vsdeblur.train.schedule import Schedule


@pytest.fixture
def seconds(monkeypatch):
    """Sets what the clock sees."""
    now = SimpleNamespace(time=100.0)
    monkeypatch.setattr("vsdeblur.train.clock.time.monotonic", lambda: now.time)
    return lambda value: setattr(now, "time", value)


def test_a_clock_counts_from_where_it_begins_to_the_deadline(seconds):
    clock = Clock(200.0)
    assert clock.part_over == 0
    seconds(120.0)  # material was made until here
    clock.begin()
    assert clock.part_over == 0
    seconds(140.0)
    clock.begin()
    assert clock.part_over == pytest.approx(0.25)
    assert clock.seconds_left == 60
    clock.reserve(20.0)
    assert clock.part_over == pytest.approx(1 / 3)
    seconds(180.0)
    assert clock.part_over == 1
    assert clock.seconds_left == 0


def test_without_a_deadline_a_clock_is_never_over(seconds):
    clock = Clock(None)
    clock.begin()
    seconds(1e9)
    assert clock.part_over == 0
    assert clock.seconds_left == float("inf")


def test_the_rate_falls_to_zero_with_the_time_whatever_the_steps(recipe):
    recipe = replace(recipe, learning_rate=1.0, warmup_steps=4, decay_share=0.5, steps=1)
    schedule = Schedule(recipe, by_clock=True)
    assert schedule.learning_rate_at(0) == 0.25
    assert schedule.learning_rate_at(1000) == 1.0
    for part, rate in ((0.5, 1.0), (0.75, 0.5), (1.0, 0.0)):
        assert not schedule.is_done(1000)
        schedule.anneal_to(part)
        assert schedule.learning_rate_at(1000) == rate
    assert schedule.is_done(0)
    constant = Schedule(replace(recipe, decay_share=0.0), by_clock=True)
    constant.anneal_to(1.0)
    assert constant.learning_rate_at(1000) == 0


def test_a_resumed_rate_goes_on_from_where_it_stood(recipe):
    schedule, resumed = Schedule(recipe, by_clock=True), Schedule(recipe, by_clock=True)
    schedule.anneal_to(0.6)
    resumed.load(schedule.state())
    assert resumed.annealed == 0.6
    resumed.anneal_to(0.5)
    assert resumed.annealed == pytest.approx(0.8)
    resumed.anneal_to(1.0)
    assert resumed.annealed == 1


def test_stages_share_the_time_as_their_steps_have_it(recipe, seconds):
    stages = [replace(recipe, steps=steps) for steps in (30, 10)]
    assert _end_of(stages, 180.0) == pytest.approx(160.0)
    assert _end_of(stages[1:], 180.0) == pytest.approx(180.0)
    assert _end_of(stages, None) is None


def rates(folder):
    (metrics,) = folder.rglob("metrics.csv")
    with metrics.open() as file:
        return [float(row["learning_rate"]) for row in csv.DictReader(file)]


@pytest.fixture
def timed(options, seconds, monkeypatch):
    """Six seconds, of which every step takes one and the rest none."""
    update, steps = WindowTrainer.update, count(101)

    def slow_update(trainer, *batch):
        seconds(float(next(steps)))
        return update(trainer, *batch)

    monkeypatch.setattr(WindowTrainer, "update", slow_update)
    return replace(options, minutes=0.1, anneal=True, num_validation=1, log_steps=1)


def test_an_annealed_run_ends_with_its_time_and_a_score(recipe, timed):
    seen, said = [], []
    recipe = replace(recipe, steps=1, warmup_steps=0, decay_share=1.0)
    best = train([recipe], timed, seen.append, said.append)
    assert best.is_file()
    assert [progress.step for progress in seen] == [1, 2, 3, 4, 5, 6]
    assert [round(progress.seconds_left) for progress in seen] == [5, 4, 3, 2, 1, 0]
    assert [progress.score is not None for progress in seen] == [False] * 4 + [True] * 2
    assert all(progress.steps is None for progress in seen)
    assert rates(timed.out) == pytest.approx(
        [recipe.learning_rate * n / 6 for n in range(5, -1, -1)]
    )
    assert any(line.startswith("begins at a gain of 22-32: ") for line in said)

    said.clear()
    train([recipe], replace(timed, resume=True), say=said.append)
    (line,) = said
    assert "annealed to its end at step 6" in line
    assert "--init" in line
    assert torch.load(timed.out / "last.ckpt", weights_only=True)["step"] == 6


def test_an_annealed_run_that_was_stopped_goes_on(recipe, timed):
    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train([recipe], timed, stop)
    stopped = torch.load(timed.out / "last.ckpt", weights_only=True)
    assert stopped["schedule"]["annealed"] == pytest.approx(1 / 6)
    seen, said = [], []
    train([recipe], replace(timed, resume=True, minutes=0.05), seen.append, said.append)
    assert "falls from where it stood to zero" in said[0]
    assert [progress.step for progress in seen] == [2, 3, 4]
    state = torch.load(timed.out / "last.ckpt", weights_only=True)
    assert state["schedule"]["annealed"] == 1


def test_worse_weights_never_replace_those_a_run_began_with(recipe, timed, fast_weights):
    harmful = replace(recipe, learning_rate=0.3, warmup_steps=0)
    best = train([harmful], replace(timed, init=Path(fast_weights)))
    for name, value in load_file(fast_weights).items():
        torch.testing.assert_close(load_file(best)[name], value, rtol=0, atol=0)
    assert torch.load(timed.out / "last.ckpt", weights_only=True)["step"] > 0


def test_a_loss_that_is_no_number_ends_the_run(recipe, options):
    wild = replace(recipe, learning_rate=1e30, optimizer="adamw", warmup_steps=0, steps=1000)
    with pytest.raises(TrainingError, match=r"no number any more at step \d+.*smaller learning"):
        train([wild], replace(options, log_steps=1, num_validation=1))


def test_annealing_wants_a_time_and_no_steps(recipe, options, photos, capfd):
    with pytest.raises(OptionError, match="give the time, --minutes M"):
        train([recipe], replace(options, anneal=True))
    command = ["train", "dblrgan-fast", "--data", str(photos / "train"), "--out", str(options.out)]
    assert main([*command, "--anneal", "--minutes", "1", "--steps", "5"]) == 2
    assert "--anneal ends a run by the clock, not after --steps" in capfd.readouterr().err
    assert not options.out.exists()
