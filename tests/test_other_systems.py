"""What users run needs nothing that only POSIX systems have, and knows the paths of Windows."""

import os
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import plain_clips
import pytest
import without_posix

from vsdeblur.benchmark import pipes
from vsdeblur.cli import preview
from vsdeblur.preview import shell_words
from vsdeblur.stream.source import is_address

ROOT = Path(__file__).parents[1]
EXTRAS = (
    "cv2", "lightning_fabric", "nvidia", "onnx", "onnxscript", "pillow_heif", "skimage",
    "tensorboard", "tensorrt", "tensorrt_rtx", "torch_tensorrt", "torchmetrics", "torchvision",
)  # fmt: skip
"""Packages that need not be installed."""


def run_without_posix(*arguments, **environment):
    return subprocess.run(
        [sys.executable, without_posix.__file__, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_module_can_be_imported():
    done = run_without_posix("--import-all")
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        assert any(f"ModuleNotFoundError: No module named '{name}" in line for name in EXTRAS), line


def test_what_is_taken_away_is_missed(tmp_path):
    """The test above can fail."""
    package = tmp_path / "vsdeblur"
    package.mkdir()
    (package / "__init__.py").write_text("")
    codes = {
        "a": "import fcntl",
        "b": "import resource as r",
        "c": "from os import wait4",
        "d": "import signal; signal.SIGHUP",
        "e": "import signal; signal.SIGTERM",
    }
    for name, code in codes.items():
        (package / f"{name}.py").write_text(code + "\n")
    done = subprocess.run(
        [sys.executable, "-P", without_posix.__file__, "--import-bare"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    failed = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert failed == ["vsdeblur.a", "vsdeblur.b", "vsdeblur.c", "vsdeblur.d"]


@pytest.mark.slow
def test_a_clip_is_restored_looked_at_and_told_of(tmp_path):
    clip = plain_clips.write_clip(tmp_path / "музыка.mkv", count=4, metadata={"title": "→ музыка"})
    target, page = tmp_path / "out.mkv", tmp_path / "page.html"
    target.write_bytes(b"old")
    commands = [
        ("restore", clip, target, "--device", "cpu", "--overwrite"),
        ("preview", clip, "--at", "0", "--out", page, "--device", "cpu", "--no-browser"),
        ("engines", "where"),
        ("info", target),
    ]
    given = [word for command in commands for word in ("then", *command)][1:]
    done = run_without_posix(*given, PYTHONIOENCODING="cp1252")
    assert done.returncode == 0, done.stderr
    assert target.read_bytes()[:4] == b"\x1aE\xdf\xa3"  # replaced, whole
    assert page.stat().st_size
    assert "restored      by vsdeblur" in done.stdout
    assert r"title         \u2192" in done.stdout  # which that code page lacks
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_vspipe_is_waited_for_where_its_memory_is_not_counted(monkeypatch):
    monkeypatch.delattr(os, "wait4", raising=False)
    code = "import sys; sys.stderr.write('Output 5 frames in 0.50 seconds (10.00 fps)')"
    run = pipes.run_pipe([sys.executable, "-c", code])
    assert run == pipes.PipeRun(10.0, None)


# Paths of Windows


@pytest.mark.parametrize(
    "name", [r"C:\clips\a.mp4", "c:/clips/a.mp4", r"\\nas\clips\a.mp4", "C:a.mp4"]
)
def test_a_drive_is_no_address(name):
    assert not is_address(name)


def test_names_are_made_by_the_rules_of_the_system(monkeypatch):
    monkeypatch.setattr(preview, "PurePath", PureWindowsPath)
    monkeypatch.setattr(shell_words, "PurePath", PureWindowsPath)
    assert preview._stem(r"D:\my clips\a.b.mp4") == "a.b"
    command = shell_words.restore_command(r"D:\my clips\a.b.mp4", ["--tta", "4"], windows=True)
    assert command == (
        r'vsdeblur restore "D:\my clips\a.b.mp4" "D:\my clips\a.b-restored.mp4" --tta 4'
    )
