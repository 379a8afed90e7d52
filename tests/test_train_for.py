"""scripts/train_for: which runs, for how long, and what they leave."""

import os
import re
import signal
import sys
import threading
import time
import tomllib
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import train_for
import training_lane
import training_results
import training_runs
from PIL import Image
from rich.console import Console
from training_lane import Lane, Settings
from training_results import Outcome, Results
from training_runs import RUNS, lanes_of, recipe_for, start_of

from vsdeblur.runtime.weights import made_for, save_weights
from vsdeblur.train import run_training
from vsdeblur.train.recipe import load_stages
from vsdeblur.train.run_options import TrainProgress
from vsdeblur.train.validation import Score

TRAIN = """
import sys, time
from pathlib import Path
import numpy as np
from PIL import Image
from safetensors.numpy import save_file
folder, better = Path(sys.argv[1]) / "stage", float(sys.argv[2])
folder.mkdir(parents=True)
def leave(step, value):
    save_file({"a": np.full(2, value, np.float16)}, folder / "fast.safetensors",
              {"filter": "dblrgan", "model": "fast", "step": str(step), "gain": "2.100"})
    Image.new("L", (30, 20), 9).save(folder / f"validation-{step:06d}.png")
print("begins at a gain of 22-32: +2.00 sharp: -0.10", flush=True)
leave(0, 1.0)
print("step 5  loss 1  10.0 samples/s, 4% of the matrix rate", flush=True)
time.sleep(float(sys.argv[3]))
print("step 9  loss 1  30.0 samples/s, 4% of the matrix rate  gain 22-32: +2.10", flush=True)
leave(9, better)
"""
"""Stands in for `vsdeblur train`: folder, what it learns, seconds."""


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def trains(tmp_path, monkeypatch):
    """Lets runs be short ones that do as they are told; gives the commands that were asked for."""
    start = tmp_path / "start.safetensors"
    save_weights(start, {"a": torch.ones(2)}, filter_name="dblrgan", model="fast")
    monkeypatch.setattr(train_for, "start_of", lambda run, folder: start)
    monkeypatch.setattr(training_lane, "GRACE_SECONDS", 5.0)
    monkeypatch.setattr(train_for, "LOOK_SECONDS", 0.2)
    commands, usual = [], Lane._command

    def trains(code=TRAIN, better=2.0, seconds=0.0):
        def command(lane, name, folder, minutes):
            commands.append(usual(lane, name, folder, minutes))
            return [sys.executable, "-c", code, str(folder), str(better), str(seconds)]

        monkeypatch.setattr(Lane, "_command", command)
        return commands

    return trains


def size_of(picture):
    with Image.open(picture) as opened:
        return opened.size


def option(command, name):
    return command[command.index(name) + 1]


# Which runs


def test_every_run_has_a_recipe_and_weights_of_its_model(tmp_path):
    for run in RUNS.values():
        stages = load_stages(run.recipe)
        assert set(run.stages) <= {stage.stage for stage in stages}
        assert made_for(start_of(run)) == (stages[0].filter, stages[0].model)


@pytest.mark.parametrize("on_card", [False, True])
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_recipes_for_a_card_differ_in_what_is_said(run, on_card, tmp_path):
    plain = load_stages(run.recipe)
    given = load_stages(recipe_for(run, tmp_path, on_card=on_card))
    assert [stage.stage for stage in given] == list(run.stages or [s.stage for s in plain])
    for stage in given:
        (same,) = [each for each in plain if each.stage == stage.stage]
        expected = same.as_dict()
        for name, value in run.on_card.items() if on_card else ():
            expected[name] = expected[name] | value if isinstance(value, dict) else value
        assert stage.as_dict() == expected


def test_a_recipe_is_written_as_it_was_read(tmp_path):
    for file in training_runs.RECIPES.glob("*.toml"):
        values = tomllib.loads(file.read_text())
        assert tomllib.loads(training_runs._as_toml(values)) == values


def test_lanes():
    assert lanes_of([], on_card=False) == [["fast"]]
    assert lanes_of([], on_card=True) == [["quality"], ["fast"], ["sequence", "brmr"]]
    assert lanes_of(["fast", "brmr,paper"], on_card=True) == [["fast"], ["brmr", "paper"]]
    assert lanes_of(["fast", "brmr,paper"], on_card=False) == [["fast", "brmr", "paper"]]
    assert lanes_of(["fast", "brmr"], on_card=False, side_by_side=True) == [["fast"], ["brmr"]]


def test_newer_weights_are_gone_on_from(tmp_path):
    assert start_of(RUNS["sequence"]).name == "start.safetensors"
    assert start_of(RUNS["fast"], tmp_path).parent.name == "dblrgan"
    newer = tmp_path / "fast.safetensors"
    newer.touch()
    assert start_of(RUNS["fast"], tmp_path) == newer


# What they say


def test_reports_of_training_are_understood():
    said = StringIO()
    report = run_training._Reporter(Console(file=said, width=200))
    score = Score({"22-32": 2.345, "sharp": -0.1}, {}, {}, 2.0)
    report(
        TrainProgress(
            stage="", step=50, steps=100, loss=0.1, samples_per_second=12.34,
            matrix_share=0.5, score=score, seconds={"data": 1.0},
        )
    )  # fmt: skip
    outcome = Outcome(Path())
    outcome.hear("begins at a gain of 22-32: +1.50 sharp: +0.10")
    outcome.hear(said.getvalue().strip())
    assert outcome.gains == [1.5, pytest.approx(2.345, abs=0.006)]
    assert outcome.rates == [12.3]
    outcome.hear("begins at a gain of rgb: -0.25")
    assert outcome.gains[-1] == -0.25


# What they leave


def run(photos, out, *arguments):
    return train_for.main(
        ["1", *arguments, "--device", "cpu", "--data", str(photos), "--out", str(out)]
    )


def test_a_run_goes_on_from_its_start_annealed_by_the_clock(trains, photos, tmp_path, capsys):
    commands = trains()
    out = tmp_path / "out"
    assert run(photos, out, "fast", "--validation", str(photos)) == 0
    (command,) = commands
    assert command[1:5] == ["-m", "vsdeblur", "train", "dblrgan-fast"]
    assert "--anneal" in command
    assert option(command, "--init") == str(tmp_path / "start.safetensors")
    assert option(command, "--validation") == option(command, "--data") == str(photos)
    assert option(command, "--out") == str(out / "runs" / "fast" / "run")
    assert 0.5 < float(option(command, "--minutes")) < 1 - 7 / 60
    printed = capsys.readouterr().out
    table = (out / "table.txt").read_text()
    assert table in printed
    row = re.split(r" {2,}", table.splitlines()[1])
    assert row[:4] == ["fast", "+2.00", "+2.10", "20.0"]
    assert row[5] == "left weights of step 9, gain 2.100"
    assert "fast: begins at a gain of" in (out / "logs.txt").read_text()
    assert size_of(out / "validation.png") == (30, 20)
    assert made_for(out / "fast.safetensors") == ("dblrgan", "fast")
    assert f"scripts/benchmark_quality {photos} --weights " in printed
    assert "average_weights" in printed


def test_runs_of_a_lane_share_the_time_that_is_left(trains, photos, tmp_path):
    commands = trains(seconds=0.2)
    arguments = ["--device", "cpu", "--data", str(photos), "--out", str(tmp_path / "o")]
    assert train_for.main(["4", "fast", "brmr", *arguments]) == 0
    first, second = (float(option(command, "--minutes")) for command in commands)
    assert 1.7 < first < 2
    assert 3.5 < second < 4
    assert size_of(tmp_path / "o/validation.png") == (30, 40)
    assert {file.name for file in (tmp_path / "o").iterdir()} == {
        "fast.safetensors", "brmr.safetensors", "logs.txt", "table.txt", "validation.png", "runs",
    }  # fmt: skip


def test_runs_go_side_by_side_where_that_is_asked_for(trains, photos, tmp_path):
    trains(seconds=2.0)
    started = time.monotonic()
    assert run(photos, tmp_path / "o", "fast", "brmr", "--side-by-side") == 0
    log = (tmp_path / "o/logs.txt").read_text()
    assert log.index("brmr: begins") < log.index("fast: step 9")
    assert log.index("fast: begins") < log.index("brmr: step 9")
    assert time.monotonic() - started < 40


def test_weights_no_better_than_the_start_are_named(trains, photos, tmp_path):
    trains(better=1.0)
    assert run(photos, tmp_path / "o", "fast") == 0
    assert "never better than its start" in (tmp_path / "o/table.txt").read_text()


def test_a_run_that_fails_is_said_and_the_next_goes_on(trains, photos, tmp_path, capsys):
    trains("import sys; sys.exit('vsdeblur: error: no such photos')")
    assert run(photos, tmp_path / "o", "fast", "brmr") == 1
    table = (tmp_path / "o/table.txt").read_text()
    assert table.count("failed: vsdeblur: error: no such photos") == 2
    assert "to score them" not in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_a_signal_ends_all_runs_and_keeps_what_they_have(number, trains, photos, tmp_path):
    stopping = TRAIN.replace("import sys", "import signal, sys", 1).replace(
        "print(", "signal.signal(signal.SIGTERM, signal.default_int_handler)\nprint(", 1
    )
    trains(stopping, seconds=60)
    out = tmp_path / "o"

    def stop():
        while not (out / "fast.safetensors").exists():
            time.sleep(0.1)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=stop)
    thread.start()
    assert run(photos, out, "fast", "brmr") == 128 + number
    thread.join()
    lines = (out / "table.txt").read_text().splitlines()
    assert len(lines) == 2  # the next of the lane is not begun
    assert "stopped; never better than its start" in lines[1]
    assert "KeyboardInterrupt" in (out / "logs.txt").read_text()  # it was not killed


def test_a_run_that_does_not_end_is_ended(trains, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(training_lane, "GRACE_SECONDS", 0.3)
    trains(seconds=60)
    results = Results(tmp_path, {"fast": tmp_path / "start.safetensors"})
    settings = Settings(
        data=["x"], validation=[], device="cpu", on_card=False, work=tmp_path / "runs",
        end=time.monotonic() + 5, lanes=1,
    )  # fmt: skip
    started = time.monotonic()
    Lane(["fast"], settings, results).go(threading.Event())
    assert time.monotonic() - started < 40
    assert "stopped; " in (tmp_path / "table.txt").read_text()


def test_few_files_go_into_a_lent_machines_folder(trains, photos, tmp_path, monkeypatch, capsys):
    trains()
    lent = tmp_path / "lent"
    lent.mkdir()
    (lent / "gpu_check.txt").touch()  # of another command: left alone
    monkeypatch.setenv("OUT", str(lent))
    arguments = ["--device", "cpu", "--data", str(photos)]
    assert train_for.main(["1", "fast", *arguments]) == 0
    assert {file.name for file in lent.iterdir()} == {
        "fast.safetensors", "logs.txt", "table.txt", "validation.png", "gpu_check.txt",
    }  # fmt: skip
    assert train_for.main(["1", "fast", *arguments]) == 2
    assert "there are results in" in capsys.readouterr().err
    monkeypatch.setattr(train_for, "MOST_FILES", 4)
    assert train_for.main(["9", "fast", "brmr", *arguments]) == 2
    assert "5 files would come into $OUT, from which 4 come back" in capsys.readouterr().err


def test_files_too_large_to_come_back_are_named(trains, photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training_results, "MOST_BYTES", 10)
    trains()
    assert run(photos, tmp_path / "o", "fast") == 0
    assert "fast.safetensors has more than 16 MiB" in capsys.readouterr().out


def test_pictures_that_are_being_written_are_left_for_the_next_look(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    results = Results(out, {})
    results.begin("fast", tmp_path / "run")
    picture = tmp_path / "run" / "validation-000001.png"
    picture.parent.mkdir()
    Image.new("L", (30, 20)).save(picture)
    whole = picture.read_bytes()
    picture.write_bytes(whole[:40])
    changed = picture.stat().st_mtime_ns
    results.collect()
    assert not (out / "validation.png").exists()
    picture.write_bytes(whole)
    os.utime(picture, ns=(changed, changed))
    results.collect()
    assert size_of(out / "validation.png") == (30, 20)


def test_what_was_prepared_is_taken(trains, tmp_path, monkeypatch):
    commands = trains()
    for name in ("data/photos", "data/concert", "validation", "start"):
        (tmp_path / ".gpu" / name).mkdir(parents=True)
    monkeypatch.setattr(train_for, "CARD", tmp_path / ".gpu")
    assert train_for.main(["1", "fast", "--device", "cpu", "--out", str(tmp_path / "o")]) == 0
    data = commands[0][commands[0].index("--data") + 1 :][:2]
    assert data == [f"{n}={tmp_path / '.gpu/data' / n}" for n in ("concert", "photos")]
    assert option(commands[0], "--validation") == str(tmp_path / ".gpu/validation")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["1", "--data", "x", "--validation", "none"], "no folder 'none'"),
        (["1", "quick", "--data", "x"], "no run 'quick'; choose from: quality, fast, sequence"),
        (["1", "fast", "fast", "--data", "x"], "run 'fast' is given twice"),
        (["0.4", "--data", "x"], "0.4 minutes are too few for 1 run(s) one after another"),
        (["nan", "--data", "x"], "nan minutes are too few"),
        (["1"], "give folders of sharp photos: --data [NAME=]DIR ..."),
        (["1", "--device", "tpu", "--data", "x"], "unknown device 'tpu'"),
        (["1", "--data", "x", "--out", "."], "there are results in '.' already"),
    ],
)
def test_misuse_is_one_line_and_status_2(arguments, text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs.txt").touch()
    monkeypatch.setattr(train_for, "CARD", tmp_path / ".gpu")
    assert train_for.main([*arguments, *(["--device", "cpu"] * ("--device" not in arguments))]) == 2
    said = capsys.readouterr().err
    assert text in said
    assert said.count("\n") == 1


def test_a_device_that_is_absent_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert train_for.main(["1", "--device", "cuda", "--data", "x"]) == 2
    assert "no CUDA device found" in capsys.readouterr().err


def test_side_by_side_on_a_cpu_shares_the_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    settings = SimpleNamespace(on_card=False, lanes=2)
    assert Lane(["fast"], settings, None)._environment()["OMP_NUM_THREADS"] == "4"
    settings.lanes = 1
    assert "OMP_NUM_THREADS" not in Lane(["fast"], settings, None)._environment()
