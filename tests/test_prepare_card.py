"""scripts/prepare_card, and the set-up that runs what it lays out without a network."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import prepare_card
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]


@pytest.fixture
def card(tmp_path, monkeypatch):
    """Where it is laid out, without a package index."""
    monkeypatch.setattr(prepare_card, "CARD", tmp_path / ".gpu")
    monkeypatch.setattr(prepare_card, "_wheels", lambda python: f"wheels for {python}")
    return tmp_path / ".gpu"


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, size in (("wide.png", (640, 320)), ("small.jpg", (100, 50))):
        Image.new("RGB", size, (200, 10, 10)).save(folder / name)
    (folder / "notes.txt").touch()
    return folder


def sizes(folder):
    found = {}
    for file in sorted(folder.iterdir()):
        with Image.open(file) as picture:
            found[file.name] = picture.size
    return found


def test_photos_are_laid_out_by_source_and_made_small(card, photos, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    turned = Image.new("RGB", (60, 30))
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by a quarter
    turned.save(other / "wide.jpg", exif=exif)
    arguments = [str(photos), f"concert={other}", "--validation", str(other), "--size", "256"]
    assert prepare_card.main(arguments) == 0
    assert sizes(card / "data/photos") == {"0000-small.jpg": (100, 50), "0001-wide.jpg": (256, 128)}
    assert sizes(card / "data/concert") == {"0000-wide.jpg": (30, 60)}
    assert sizes(card / "validation") == {"0000-wide.jpg": (30, 60)}
    said = capsys.readouterr().out
    assert "photos: 2 files" in said
    assert "wheels for 3.12" in said
    assert " MiB will travel" in said


def test_videos_are_copied_as_they_are(card, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"video")
    assert prepare_card.main([f"clips={tmp_path}"]) == 0
    assert (card / "data/clips/0000-a.mp4").read_bytes() == b"video"


def test_what_was_there_is_replaced_when_all_is_made(card, photos, tmp_path, capsys):
    start = tmp_path / "start"
    start.mkdir()
    (start / "fast.safetensors").write_bytes(b"weights")
    (start / "unknown.safetensors").touch()
    assert prepare_card.main([str(photos), "--start", str(start)]) == 0
    assert [file.name for file in (card / "start").iterdir()] == ["fast.safetensors"]
    (photos / "broken.jpg").write_bytes(b"no picture")
    assert prepare_card.main([str(photos)]) == 2
    said = capsys.readouterr().err
    assert "cannot read" in said
    assert said.count("\n") == 1
    assert len(sizes(card / "data/photos")) == 2
    assert {folder.name for folder in card.iterdir()} == {"data", "start"}
    (photos / "broken.jpg").unlink()
    assert prepare_card.main([str(photos)]) == 0
    assert {folder.name for folder in card.iterdir()} == {"data"}


def test_more_than_may_travel_is_said(card, photos, capsys):
    assert prepare_card.main([str(photos), "--limit", "0.001"]) == 1
    assert "that is more than 0.001 MiB; give fewer folders" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folder", "text"), [("none", "no folder 'none'"), (".", "no photo and no video in '.'")]
)
def test_folders_without_photos_are_refused(card, folder, text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert prepare_card.main([folder]) == 2
    assert capsys.readouterr().err == f"prepare_card: {text}\n"
    assert not card.exists()


def test_wheels_that_are_missing_are_fetched_for_that_python(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_card, "CARD", tmp_path)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/platformdirs-4.3-py3-none-any.whl").touch()
    commands = []

    def run(command, **options):
        commands.append(command)
        return SimpleNamespace(returncode=len(commands) - 1, stderr="first\nno such wheel\n")

    monkeypatch.setattr(prepare_card.subprocess, "run", run)
    assert prepare_card._wheels("3.13").startswith("wheels: vapoursynth, lightning-fabric")
    assert commands[0][commands[0].index("--python-version") + 1] == "3.13"
    assert [part.partition("==")[0] for part in commands[0][-2:]] == [
        "vapoursynth", "lightning-fabric",
    ]  # fmt: skip
    assert prepare_card._wheels("3.13") == (
        "wheels: vapoursynth, lightning-fabric could not be had (no such wheel)"
    )


# Where it has been laid out


def wheel(folder):
    """A wheel of a package of one line."""
    facts = "carried-1.0.dist-info"
    content = {
        "carried.py": "here = True\n",
        f"{facts}/METADATA": "Metadata-Version: 2.1\nName: carried\nVersion: 1.0\n",
        f"{facts}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{facts}/RECORD": "",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    folder.mkdir(parents=True)
    (folder / "carried-1.0-py3-none-any.whl").write_bytes(buffer.getvalue())


def set_up_here(root, code, path):
    script = (
        f'set -eu; ROOT={ROOT}; . "$ROOT/scripts/environment.sh"; ROOT={root}; VENV=$ROOT/.venv'
    )
    return subprocess.run(
        ["/bin/bash", "-c", f"{script}; {code}", "gpu_check"],
        env={"PATH": f"{path}:/usr/bin:/bin", "HOME": str(root)}, cwd=root,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def pythons(tmp_path):
    """A folder of Pythons: this one as `python`, and `python3`, which has no PyTorch."""
    folder = tmp_path / "bin"
    folder.mkdir()
    old = folder / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    this = folder / "python"
    this.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    this.chmod(0o755)
    return folder


def test_the_checkout_runs_as_it_lies_with_the_wheels(tmp_path, pythons):
    wheel(tmp_path / ".gpu/wheels")
    code = 'set_up_here; "$PYTHON" -c "import carried, os; print(os.environ[\'PYTHONPATH\'])"'
    done = set_up_here(tmp_path, code, pythons)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().split(os.pathsep) == [str(tmp_path), str(tmp_path / ".gpu/site")]
    assert set_up_here(tmp_path, code, pythons).returncode == 0  # a second time


def test_without_pytorch_it_is_one_line(tmp_path, pythons):
    (tmp_path / ".gpu").mkdir()
    (pythons / "python").write_text("#!/bin/sh\nexit 1\n")
    for name in ("python3.12", "python3.13", "python3.14"):
        (pythons / name).symlink_to(pythons / "python")
    done = set_up_here(tmp_path, "set_up_here", pythons)
    assert done.returncode == 1
    assert done.stderr == "gpu_check: no Python 3.12 or newer with PyTorch found\n"


def test_where_nothing_is_laid_out_it_is_set_up_as_ever(tmp_path, pythons):
    code = "set_up() { echo as ever; }; set_up_here"
    assert set_up_here(tmp_path, code, pythons).stdout == "as ever\n"
    (tmp_path / ".gpu").mkdir()
    (tmp_path / ".venv").mkdir()
    assert set_up_here(tmp_path, code, pythons).stdout == "as ever\n"
