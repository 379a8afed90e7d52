"""The benchmark: rows, their figures, their commands, and what is said where one is missing."""

import contextlib
import dataclasses
import json
import signal
import stat
import time
from pathlib import Path

import av
import pytest
import torch

from vsdeblur import __version__
from vsdeblur.benchmark import jobs, networks, pipes, rendering, rows
from vsdeblur.benchmark.jobs import measure_jobs
from vsdeblur.benchmark.networks import NetworkSpeed, measure_network, weights_for
from vsdeblur.benchmark.pipes import pipe_command, run_pipe
from vsdeblur.benchmark.rendering import as_json, as_markdown, machine
from vsdeblur.benchmark.report import Report
from vsdeblur.benchmark.rows import Case, Row, Shells, cases, measure, measure_shells
from vsdeblur.cli.main import main
from vsdeblur.errors import VideoError

SPEED = NetworkSpeed(
    seconds=0.25,
    flops=1e11,
    matrix_flops_per_second=8e11,
    peak_bytes=None,
    load_seconds=0.5,
    first_seconds=1.0,
)
CASE = Case(
    filter="dblrgan", model="fast", size="64x48", backend="eager", precision="fp32", device="cpu"
)


@pytest.fixture
def vspipe(tmp_path, monkeypatch):
    """Puts a program in vspipe's place, which says something and ends with a status."""
    program = tmp_path / "vspipe"

    def says(text, status=0):
        program.write_text(f"#!/bin/sh\ncat >&2 <<'E'\n{text}\nE\nexit {status}\n")
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
        monkeypatch.setattr(pipes.shutil, "which", lambda name, path=None: str(program))

    return says


def test_all_combinations_are_measured_but_models_that_a_filter_lacks():
    found = list(cases(["dblrgan", "brmr"], ["paper"], ["360p", "4K"], ["auto"], ["fp32"], ["cpu"]))
    assert [(c.filter, c.model, c.size) for c in found] == [
        (name, "paper", size) for name in ("dblrgan", "brmr") for size in ("360p", "4K")
    ]
    assert len(list(cases(["sequence"], [], ["360p"], ["auto"], ["auto"], ["cpu"]))) == 2


def test_a_network_is_timed_with_what_it_does(weights_files):
    speed = measure_network(
        "dblrgan", "fast", size=(60, 48), backend="eager", precision="fp32", device="cpu",
        weights=Path(weights_files["fast"]), repeats=5,
    )  # fmt: skip
    assert speed.flops == pytest.approx(0.13e12 * 64 * 48 / (1280 * 720), rel=0.1)
    assert 0 < speed.share < 4
    assert speed.load_seconds > 0
    assert speed.first_seconds > 0


def test_share_is_that_of_the_matrix_product():
    assert SPEED.share == pytest.approx(0.5)


def test_models_without_weights_get_random_ones(tmp_path):
    path, packaged = weights_for("sequence", "paper", tmp_path)
    assert not packaged
    assert path.parent == tmp_path
    assert weights_for("dblrgan", "fast", tmp_path)[1]


def test_vspipe_is_asked_for_frames_and_understood(vspipe):
    vspipe("Frame: 1/50\nOutput 50 frames in 2.00 seconds (25.00 fps)")
    command = pipe_command({"filter": "dblrgan", "width": 64})
    assert command[1:6] == ["-p", "-a", "filter=dblrgan", "-a", "width=64"]
    assert command[-1] == "--"
    run = run_pipe(command)
    assert run.frames_per_second == 25
    assert run.peak_bytes > 1 << 16


@pytest.mark.parametrize(
    ("text", "status"), [("Error: no such filter", 1), ("Error: Output 0 frames in 0.00", 0)]
)
def test_a_vspipe_that_fails_is_one_line(vspipe, text, status):
    vspipe(text, status)
    with pytest.raises(VideoError, match=r"^vspipe failed: Error: .*; the command was: "):
        run_pipe(pipe_command({"filter": "dblrgan"}))


def test_without_vspipe_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setattr(pipes.shutil, "which", lambda name, path=None: None)
    with pytest.raises(VideoError, match="pip install vapoursynth"):
        pipe_command({})


def test_a_row_has_both_figures_and_the_command(vspipe, monkeypatch, tmp_path):
    vspipe("Output 8 frames in 2.00 seconds (4.00 fps)")
    monkeypatch.setattr(rows, "measure_network", lambda *a, **o: SPEED)
    row = measure(CASE, repeats=5, most_seconds=60, folder=tmp_path)
    assert (row.network, row.frames_per_second, row.missing) == (SPEED, 4, "")
    assert "length=8 " in row.pipe  # 2 seconds of them
    assert row.case.command() == (
        "vsdeblur benchmark --filter dblrgan --model fast --size 64x48 --backend eager "
        "--precision fp32 --device cpu"
    )


def test_a_row_is_told_as_its_figures_come(vspipe, monkeypatch, tmp_path):
    vspipe("Output 8 frames in 2.00 seconds (4.00 fps)")
    monkeypatch.setattr(rows, "measure_network", lambda *a, **o: SPEED)
    told = []
    row = measure(CASE, repeats=3, most_seconds=60, folder=tmp_path, tell=told.append)
    assert [(r.network, r.frames_per_second) for r in told] == [(SPEED, None)] + [(SPEED, 4)] * 3
    assert [r.missing for r in told] == ["", *[f"end to end: {n} of 3 runs" for n in (1, 2)], ""]
    assert row == told[-1]


def test_a_row_that_would_take_too_long_says_so(vspipe, monkeypatch, tmp_path):
    vspipe("", 1)
    monkeypatch.setattr(rows, "measure_network", lambda *a, **o: SPEED)
    row = measure(CASE, repeats=5, most_seconds=1, folder=tmp_path)
    assert row.network is SPEED
    assert row.frames_per_second is None
    assert row.missing == "end to end: would take about 11 s"


def test_engines_are_built_in_an_empty_folder_also_where_none_can_run(monkeypatch, tmp_path):
    built = []

    def engine_file(source, dtype, cache):
        assert not list(cache.folder.iterdir())
        built.append((source.name, dtype))

    monkeypatch.setattr(networks, "engine_file", engine_file)
    case = dataclasses.replace(CASE, backend="tensorrt_rtx", precision="fp16", filter="brmr")
    row = measure(case, repeats=5, most_seconds=60, folder=tmp_path)
    parts = ("g_image", "d_image", "g_patch")
    assert built == [(f"brmr-fast-{part}", torch.float16) for part in parts]
    assert len(row.build_seconds) == 3
    assert row.network is None
    assert "'fp16' is not available on the CPU" in row.missing


@pytest.mark.parametrize(("device", "backend"), [("cuda:99", "auto"), ("cpu", "none-such")])
def test_what_cannot_run_here_stays_empty_and_says_why(tmp_path, device, backend):
    case = Case(
        filter="dblrgan", model="fast", size="64x48", backend=backend, precision="fp32",
        device=device,
    )  # fmt: skip
    row = measure(case, repeats=5, most_seconds=60, folder=tmp_path)
    assert row.network is None
    assert row.missing
    cells = as_markdown([row], None).splitlines()[-1].split(" | ")
    assert cells[5:13] == ["-"] * 8
    assert row.missing in cells[13]


def test_the_table_names_the_machine_and_the_json_has_every_command():
    row = Row(
        case=CASE, network=SPEED, frames_per_second=3.9, process_bytes=2 * 10**9, pipe="vspipe -p",
        packaged_weights=False, build_seconds=[1.26, 0.3],
    )  # fmt: skip
    shells = Shells(identity=300.0, rgb=50.0, commands=("a", "b"))
    table = as_markdown([row], shells)
    assert table.startswith("CPU: ")
    assert "GPU: " in table
    assert "300 frames/s, the usual shell of three RGBS planes 50: 6.0 times as many" in table
    assert table.splitlines()[-1] == (
        "| dblrgan | fast | 64x48 | eager | fp32 | 250 | 4 | 0.4 | 0.50 | 3.9 | 2 | 0.50 + 1.00 "
        "| 1.3 + 0.3 | random weights |"
    )
    facts = json.loads(as_json([row], shells))
    assert facts["rows"][0]["pipe"] == "vspipe -p"
    assert facts["rows"][0]["network"]["share"] == 0.5
    assert facts["shells"]["ratio"] == 6


def test_the_shells_are_timed_in_turn(vspipe):
    vspipe("Output 50 frames in 2.00 seconds (25.00 fps)")
    shells = measure_shells("64x48", device="cpu", repeats=5, frames=8)
    assert shells.ratio == 1
    assert "shell=identity" in shells.commands[0]
    assert "shell=rgb" in shells.commands[1]


@pytest.fixture
def row():
    return Row(case=CASE, network=SPEED, frames_per_second=3.9, pipe="vspipe -p")


def test_rows_are_printed_and_written_as_they_are_measured(row, tmp_path, capsys):
    files = tmp_path / "b.json", tmp_path / "b.md"
    begun = dataclasses.replace(row, frames_per_second=None)
    with Report(*files) as report:
        report.tell(begun)
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err == "network alone: 4 frames/s, share 0.50\n"
        assert json.loads(files[0].read_text())["rows"][0]["frames_per_second"] is None
        report.add(row)
        assert capsys.readouterr().out == as_markdown([row], None)
        report.add(row)
        assert capsys.readouterr().out == as_markdown([row], None).splitlines()[-1] + "\n"
        assert files[1].read_text() == as_markdown([row, row], None)
        assert len(json.loads(files[0].read_text())["rows"]) == 2


def test_a_row_that_was_begun_is_printed_when_the_benchmark_is_stopped(row, capsys):
    begun = dataclasses.replace(row, frames_per_second=None)
    with contextlib.suppress(KeyboardInterrupt), Report(None, None) as report:
        report.tell(begun)
        raise KeyboardInterrupt
    assert capsys.readouterr().out == as_markdown([begun], None)


def test_the_command_prints_each_row_before_the_next_is_measured(row, monkeypatch, capsys):
    printed = []

    def measured(case, **options):
        printed.append(capsys.readouterr().out)
        return dataclasses.replace(row, case=case)

    monkeypatch.setattr(rows, "measure", measured)
    assert main(["benchmark", "--filter", "dblrgan", "--size", "64x48"]) == 0
    assert printed[0] == ""
    assert [text.splitlines()[-1].split(" | ")[1] for text in printed[1:]] == ["fast", "quality"]


def test_versions_of_what_is_not_installed_are_none(monkeypatch):
    def none(name):
        raise rendering.PackageNotFoundError(name)

    monkeypatch.setattr(rendering, "version", none)
    assert machine()["versions"] == f"vsdeblur {__version__}, torch none, vapoursynth none"


@pytest.fixture
def job(monkeypatch):
    """Puts shell code in a job's place."""

    def job(code):
        monkeypatch.setattr(jobs, "_command", lambda clip, target, device: ["/bin/sh", "-c", code])

    return job


def test_jobs_run_side_by_side_and_in_turn(job, tmp_path, capsys):
    job("sleep 0.2")
    told = []
    found = measure_jobs(
        3, device="cpu", repeats=2, folder=tmp_path, tell=lambda count, _: told.append(count)
    )
    assert told == [1, 3, 1, 3]
    assert found.ratio < 2  # one after the other it would be 3
    with Report(None, None) as report:
        report.add_jobs(found)
    assert "3 side by side take 0." in capsys.readouterr().out


def test_a_job_that_fails_is_one_line(job, tmp_path):
    job("echo some text >&2; echo vsdeblur: error: no such thing >&2; exit 2")
    with pytest.raises(VideoError, match=r"^a job failed: vsdeblur: error: no such thing$"):
        measure_jobs(2, device="cpu", repeats=1, folder=tmp_path)


def test_jobs_end_with_the_benchmark(job, tmp_path):
    job("exec sleep 60")

    def stop(number, frame):
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            measure_jobs(2, device="cpu", repeats=1, folder=tmp_path)
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert time.monotonic() - started < 30


@pytest.mark.slow
def test_jobs_are_restored_clips(tmp_path):
    found = measure_jobs(2, device="cpu", repeats=1, folder=tmp_path)
    assert found.seconds_alone > 0
    assert found.wait_policy == "PASSIVE"
    for number in range(2):
        with av.open(str(tmp_path / f"restored{number}.mkv")) as container:
            assert sum(1 for _ in container.decode(video=0)) == jobs.FRAMES


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--size", "big"], "unknown size 'big'; choose one of: 360p, 720p, 1080p, 4K, or WxH"),
        (["--json", "none/there.json"], "there is no folder 'none'"),
        (["--jobs", "1"], "Invalid value for '--jobs'"),
        (["--repeats", "3"], "Invalid value for '--repeats'"),
    ],
)
def test_bad_options_are_one_line(capsys, options, text):
    assert main(["benchmark", *options]) == 2
    assert text in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["identity", "rgb", "filter"])
def test_the_clip_runs_in_vspipe(shell, weights_files):
    given = {"filter": "dblrgan", "device": "cpu", "weights": weights_files["fast"]}
    arguments = {"shell": shell, "width": 64, "height": 48, "length": 20}
    run = run_pipe(pipe_command(arguments | (given if shell == "filter" else {})))
    assert run.frames_per_second > 0
