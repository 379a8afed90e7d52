"""scripts/gpu_check: its rows with the CPU standing in, and what becomes of its time."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import gpu_check
import gpu_tests
import gpu_training
import gpu_worker
import pytest
import torch
from gpu_check import Screen, run_phases
from gpu_rows import PHASES, Options, Phase, answers
from gpu_worker import CutError, DiedError, Worker
from rich.console import Console

from vsdeblur.manifest import load_manifest
from vsdeblur.runtime.compile import BACKENDS
from vsdeblur.train import run_training
from vsdeblur.train.run_options import TrainProgress

ROOT = Path(__file__).parents[1]


@pytest.fixture
def options(tmp_path):
    return Options(device="cpu", size="64x48", folder=tmp_path, tests=tmp_path, repeats=2)


def told(phase, row, options, seconds=10.0):
    return list(answers(phase, row, seconds, options))


# Rows


def test_phases_are_in_order_and_share_the_time():
    names = list(PHASES)
    assert names.index("tests") < names.index("eager") < names.index("tensorrt")
    assert names.index("tensorrt") < names.index("inductor") < names.index("vspipe")
    assert names[-2:] == ["files", "training"]
    assert sum(phase.share for phase in PHASES.values()) == pytest.approx(1)
    networks = {name for name in names if PHASES[name].module == "gpu_networks"}
    assert networks == {name for name in BACKENDS if not name.startswith("openvino")}  # for cards


def test_every_model_has_a_row_those_with_weights_first():
    rows = PHASES["eager"].rows()
    filters = load_manifest().filters.values()
    assert sorted(rows) == sorted(f"{f.name}/{model}" for f in filters for model in f.models)
    assert rows[:3] == ["dblrgan/fast", "brmr/fast", "sequence/fast"]
    assert rows[-1].endswith("/paper")
    assert PHASES["vspipe"].rows()[-1] == "identity"
    assert "sequence/paper" not in PHASES["vspipe"].rows()


def test_a_network_alone(options):
    ((row, text),) = told("eager", "dblrgan/fast", options)
    assert row == "dblrgan/fast"
    assert text.startswith("64x48 ")
    for figure in ("frames/s", "TFLOP/s", "of the matrix rate", "first frame"):
        assert figure in text
    assert told("eager", "", options) == []


def test_a_backend_that_cannot_run_here_is_one_row(options):
    for phase in ("tensorrt", "tensorrt_rtx"):
        ((row, text),) = told(phase, "", options)
        assert row == ""
        assert text
        assert "\n" not in text


def test_what_fails_is_said_in_a_line(options):
    assert told("eager", "dblrgan/none", options) == [("dblrgan/none", "KeyError: 'none'")]


def test_the_card_and_its_rates(options, monkeypatch):
    ((_, card),) = told("machine", "card", options)
    assert "driver" in card
    assert f"torch {torch.__version__.partition('+')[0]}" in card
    ((_, rates),) = told("machine", "rates", options)
    assert "TFLOP/s of a matrix product" in rates
    assert "TB/s of a copy" in rates


def test_gpu_tests_run_a_process_for_each_file(options, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_tests, "ROOT", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = needs_gpu\n")
    head = f"import pytest\n@pytest.{gpu_tests.MARKED}\n"
    (tmp_path / "test_good.py").write_text(f"{head}def test_a():\n    assert True\n")
    (tmp_path / "test_bad.py").write_text(f"{head}def test_b():\n    assert 1 == 2\n")
    (tmp_path / "test_lost.py").write_text(f"import none_such\n{head}def test_c(): pass\n")
    (tmp_path / "test_other.py").write_text("def test_d():\n    assert False\n")
    (tmp_path / "room").mkdir()
    (tmp_path / "room/conftest.py").write_text("import none_at_all\n")
    (tmp_path / "room/test_room.py").write_text(f"{head}def test_e(): pass\n")
    rows = dict(told("tests", "all", options))
    assert list(rows)[-1] == "all"
    assert rows["all"] == "1 passed, 1 failed, 2 with errors"
    assert rows["room/test_room.py"] == "ModuleNotFoundError: No module named 'none_at_all'"
    assert rows["test_good.py"].startswith("1 passed in ")
    assert "FAILED test_bad.py::test_b" in rows["test_bad.py"]
    assert "No module named 'none_such'" in rows["test_lost.py"]
    assert len(rows) == 5


def test_without_pytest_or_tests_it_says_so(options, tmp_path, monkeypatch):
    assert told("tests", "", options) == [("", f"no tests in {tmp_path}")]
    monkeypatch.setattr(gpu_tests, "find_spec", lambda name: None)
    assert told("tests", "", options) == [("", "pytest is not installed")]


def test_the_suite_has_gpu_tests_for_it_to_run():
    assert len(gpu_tests._files(ROOT / "tests")) >= 5


def test_training_says_what_it_lacks(options, monkeypatch):
    monkeypatch.setattr(gpu_training, "find_spec", lambda name: None)
    assert told("training", "", options) == [("", "lightning_fabric is not installed")]


def test_training_tells_its_last_report(options, monkeypatch):
    said = (
        "step 50  loss 0.1  10.0 samples/s, 3% of the matrix rate, 90% of the time for data  ?\n"
        "step 99  loss 0.1  4560.5 samples/s, 21% of the matrix rate, 4% of the time for data  ?\n"
    )
    commands = []

    def run(command, **given):
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", said if len(commands) == 1 else "no\n")

    monkeypatch.setattr(gpu_training.subprocess, "run", run)
    ((_, text),) = told("training", "fast", options, seconds=100)
    assert text == "4560.5 samples/s, 21% of the matrix rate, 4% of the time for data"
    assert commands[0][3:5] == ["train", "dblrgan-fast"]
    assert commands[0][-2:] == ["--minutes", "1.500"]
    assert told("training", "paper", options) == [("paper", "no")]


def test_what_training_reports_is_understood():
    said = io.StringIO()
    report = run_training._Reporter(Console(file=said, width=200))
    report(
        TrainProgress(
            stage="base", step=50, steps=100, loss=0.1, samples_per_second=12.34,
            matrix_share=0.5, seconds={"data": 1.0, "update": 3.0},
        )
    )  # fmt: skip
    assert gpu_training.RATE.findall(said.getvalue()) == [("12.3", "50", "25")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phase", "row", "expected"),
    [
        ("vspipe", "dblrgan/fast", "64x48 "),
        ("vspipe", "identity", "64x48 "),
        ("files", "libx264", "dblrgan 64x48 "),
        ("files", "nvdec", ""),  # says why, or decodes
    ],
)
def test_rows_that_take_their_time(options, phase, row, expected):
    ((name, text),) = told(phase, row, options, seconds=25.0)
    assert name == row
    assert text.startswith(expected)
    assert not expected or " frames/s" in text


# The process


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Workers of a program that does what it is told by the row."""
    program = tmp_path / "rows.py"
    program.write_text(
        "import json, os, sys, time\n"
        "for line in sys.stdin:\n"
        "    row = json.loads(line)['row']\n"
        "    print('libraries print')\n"
        "    if row == 'hang': time.sleep(600)\n"
        "    if row == 'die': print('last words', file=sys.stderr); sys.exit(7)\n"
        "    text = {'broken': 'CUDA error: gone'}.get(row, f'{row} of {os.getpid()}')\n"
        "    if row: print(json.dumps({'name': row, 'text': text}), flush=True)\n"
        "    print(json.dumps({'end': True}), flush=True)\n"
    )
    monkeypatch.setattr(gpu_worker, "ROWS", program)
    with Worker([]) as worker:
        yield worker


def ask(worker, row, seconds=60.0):
    return dict(worker.ask("eager", row, 1.0, time.monotonic() + seconds))


def test_one_process_measures_many_rows(worker):
    one, two = ask(worker, "a")["a"], ask(worker, "b")["b"]
    assert one.split(" of ")[1] == two.split(" of ")[1]
    assert ask(worker, "") == {}


def test_a_row_that_hangs_is_cut_off_and_a_new_process_goes_on(worker):
    before = ask(worker, "a")["a"]
    started = time.monotonic()
    with pytest.raises(CutError):
        ask(worker, "hang", 0.3)
    assert time.monotonic() - started < 30
    assert ask(worker, "a")["a"] != before


def test_a_process_that_dies_leaves_its_last_words(worker):
    with pytest.raises(DiedError, match="ended with status 7: last words"):
        ask(worker, "die")
    assert "a" in ask(worker, "a")


def test_after_an_error_of_the_card_there_is_a_new_process(worker):
    before = ask(worker, "a")["a"]
    assert ask(worker, "broken") == {"broken": "CUDA error: gone"}
    assert ask(worker, "a")["a"] != before


# The time


@pytest.fixture
def screen():
    return Screen(io.StringIO(), time.monotonic())


def phase(share, *rows):
    return Phase(share=share, least=1, rows=lambda: list(rows), module="none")


def test_rows_come_as_they_are_measured_and_phases_end_in_time(worker, monkeypatch, screen, capsys):
    monkeypatch.setitem(PHASES, "one", phase(0.5, "a", "die", "b"))
    monkeypatch.setitem(PHASES, "two", phase(0.1, "hang", "c"))
    monkeypatch.setitem(PHASES, "three", phase(0.4, "d"))
    run_phases(["one", "two", "three"], time.monotonic() + 30, screen, [])
    lines = [line.partition(" s  ")[2] for line in screen.file.getvalue().splitlines()]
    assert [line.partition(" of ")[0] for line in lines] == [
        "one a: a",
        "one die: its process ended with status 7: last words",
        "one b: b",
        "two: not reached in its time: hang, c",
        "three d: d",
    ]
    assert capsys.readouterr().out == screen.file.getvalue()


def test_what_there_is_no_time_for_is_named(worker, screen):
    run_phases(["eager", "inductor"], time.monotonic() + 1, screen, [])
    assert "no time for: eager, inductor" in screen.file.getvalue()


def test_a_test_that_fails_is_remembered(screen):
    screen.say("eager a: 3 failed")
    assert not screen.has_failed_test
    screen.say("tests all: 3 passed, 1 failed")
    assert screen.has_failed_test


# The command


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_without_a_card_it_is_one_line_and_status_2(tmp_path, capsys):
    out = tmp_path / "gpu_check.txt"
    assert gpu_check.main(["--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert said == "gpu_check: no card found for 'cuda'; `vsdeblur doctor` says what is there\n"
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["3"], "3 seconds are too few; give at least 10"),
        (["--device", "cpu"], "unknown device 'cpu'; choose one of: cuda, cuda:N"),
        (["--out", "none/there.txt"], "there is no folder 'none'"),
    ],
)
def test_misuse_is_one_line_and_status_2(arguments, text, capsys):
    assert gpu_check.main(arguments) == 2
    said = capsys.readouterr().err
    assert text in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_it_is_stopped_by_a_signal_and_says_so(worker, number, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(gpu_check, "_problem", lambda options: None)
    monkeypatch.setattr(gpu_check, "PHASES", {"one": phase(1, "a", "hang")})
    before = {each: signal.getsignal(each) for each in gpu_check.SIGNALS}
    timer = threading.Timer(1.0, os.kill, [os.getpid(), number])
    timer.start()
    try:
        assert gpu_check.main(["60", "--out", str(tmp_path / "out.txt")]) == 128 + number
    finally:
        timer.join()
        for each, handler in before.items():
            signal.signal(each, handler)
    assert capsys.readouterr().out.endswith(" s  stopped\n")
    assert "one a: a" in (tmp_path / "out.txt").read_text()


def test_the_process_speaks_json(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/gpu_rows.py"), "--device", "cpu"],
        input=json.dumps({"phase": "tensorrt", "row": "", "seconds": 1}) + "\n",
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    said, end = map(json.loads, done.stdout.splitlines())
    assert said == {"name": "", "text": BACKENDS["tensorrt"].obstacle(torch.device("cpu"), None)}
    assert end == {"end": True}
