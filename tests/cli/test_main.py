"""The command, in process: status, one line on stderr, nothing on stdout."""

import os
import subprocess
import sys

import pytest

from vsdeblur.cli.main import main
from vsdeblur.manifest import load_manifest
from vsdeblur.runtime.host import KEEP_MEMORY


def run(capfd, *arguments):
    status = main([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    assert out == ""
    return status, err


def refusal(capfd, *arguments):
    """The one line that a refused command says."""
    status, err = run(capfd, *arguments)
    assert status == 2
    assert err.startswith("vsdeblur: error: ")
    assert err.count("\n") == 1
    return err


def test_doctor_reports_every_part(capfd):
    status, err = run(capfd, "doctor")
    assert status == 0
    machine = ["Python", "torch", "GPU", "CPU", "backend tensorrt_rtx"]
    parts = ["VapourSynth", "plugins", "vspipe", "PyAV", "OpenCV", "cache", "training"]
    for part in [*machine, *parts, "weights dblrgan fast"]:
        assert part in err


def test_every_parameter_of_the_manifest_is_an_option(capfd):
    status = main(["restore", "--help"])
    out, _ = capfd.readouterr()
    assert status == 0
    for facts in load_manifest().filters.values():
        for name in facts.parameters:
            assert f"--{name.replace('_', '-')}" in out


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("--model", "huge", "unknown model 'huge'; choose one of: auto, fast, quality, paper"),
        ("--device", "tpu", "unknown device 'tpu'; choose one of: auto, cpu, cuda, cuda:N"),
        ("--precision", "int4", "unknown precision 'int4'; choose one of: auto, fp32, fp16, bf16"),
        ("--backend", "magic", "unknown backend 'magic'; choose one of: auto, tensorrt_rtx"),
        ("--tile", "big", "tile must be a pair (width, height)"),
        ("--scene-threshold", "2", "scene_threshold must be a number from 0.0 to 1.0 or none"),
        ("--filter", "sharpen", "unknown filter 'sharpen'; choose one of: dblrgan"),
    ],
)
def test_bad_options_are_refused_with_what_is_allowed(capfd, tmp_path, option, value, text):
    assert text in refusal(capfd, "restore", "in.mp4", tmp_path / "out.mp4", option, value)


def test_unknown_options_and_missing_arguments_are_one_line(capfd):
    assert "No such option" in refusal(capfd, "restore", "a", "b", "--nonsense")
    assert "OUT" in refusal(capfd, "restore", "in.mp4")


def test_a_missing_file_is_refused(capfd, tmp_path):
    assert "none.mp4" in refusal(capfd, "restore", tmp_path / "none.mp4", tmp_path / "out.mp4")


def test_train_refuses_missing_data(capfd, tmp_path):
    arguments = ["--validation", tmp_path, "--out", tmp_path / "run", "--device", "cpu"]
    err = refusal(capfd, "train", "dblrgan-fast", "--data", tmp_path / "none", *arguments)
    assert "no folder" in err
    err = refusal(capfd, "train", "nothing", "--data", tmp_path, *arguments)
    assert "no recipe 'nothing'; choose one of:" in err


def test_several_folders_may_follow_one_option(capfd, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.png").write_bytes(b"")
    folders = [tmp_path / "one", tmp_path / "empty"]
    err = refusal(capfd, "train", "dblrgan-fast", "--data", *folders, "--out", tmp_path / "run")
    assert f"no photo in '{tmp_path / 'empty'}'" in err


def test_python_m_is_the_same_command():
    done = subprocess.run(
        [sys.executable, "-m", "vsdeblur", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("vsdeblur, version ")


def test_a_process_of_our_own_keeps_its_memory(monkeypatch):
    monkeypatch.delenv(KEEP_MEMORY, raising=False)
    monkeypatch.setattr(sys, "argv", ["vsdeblur", "--version"])
    main(["--version"])
    assert KEEP_MEMORY not in os.environ
    main()
    assert os.environ.pop(KEEP_MEMORY) == "1"
