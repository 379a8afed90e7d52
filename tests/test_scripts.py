"""The set-up that demo and test share, and the example script."""

import os
import subprocess
import sys
from pathlib import Path

import av
import pytest
import torch

ROOT = Path(__file__).parents[1]


def environment(code, path, home):
    """Run shell code after sourcing scripts/environment.sh, with only `path` to look in."""
    script = f'set -eu; ROOT={ROOT}; . "$ROOT/scripts/environment.sh"; {code}'
    return subprocess.run(
        ["/bin/bash", "-c", script, "demo"],
        env={"PATH": f"{path}:/usr/bin:/bin", "HOME": str(home)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def fake_python(path, version):
    """A program that passes for a Python of that version when asked whether it is new enough."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n[ {version} -ge 12 ]\n")
    path.chmod(0o755)


def shadow(folder):
    """Stand-ins for every Python that the machine might have: all too old."""
    for name in ("python3.14", "python3.13", "python3.12", "python3", "python"):
        fake_python(folder / name, 11)


def test_no_new_python_is_one_clear_line(tmp_path):
    shadow(tmp_path / "bin")
    code = 'find_python >/dev/null || fail "no Python 3.12 or newer found"'
    done = environment(code, tmp_path / "bin", tmp_path)
    assert done.returncode == 1
    assert done.stderr == "demo: no Python 3.12 or newer found\n"


def test_the_newest_named_python_is_taken_first(tmp_path):
    shadow(tmp_path / "bin")
    fake_python(tmp_path / "bin/python3.13", 13)
    fake_python(tmp_path / "bin/python3.12", 12)
    assert environment("find_python", tmp_path / "bin", tmp_path).stdout == "python3.13\n"


def test_a_pyenv_version_is_found_when_it_is_not_on_the_path(tmp_path):
    shadow(tmp_path / "bin")
    pyenv = tmp_path / ".pyenv/versions"
    fake_python(pyenv / "3.11.7/bin/python3", 11)
    fake_python(pyenv / "3.12.1/bin/python3", 12)
    found = environment("find_python", tmp_path / "bin", tmp_path).stdout
    assert found == f"{pyenv}/3.12.1/bin/python3\n"


@pytest.fixture
def vspipe(tmp_path):
    """vspipe of this environment, set up in a folder of the test's."""
    folder = Path(sys.executable).parent
    environ = os.environ | {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    if not (folder / "vspipe").exists():
        pytest.skip("vspipe is not installed beside this Python")
    subprocess.run([folder / "vapoursynth", "config"], env=environ, check=True, capture_output=True)
    return lambda *arguments: subprocess.run(
        [folder / "vspipe", *map(str, arguments)], env=environ, capture_output=True, check=False
    )


def test_restore_vpy_pipes_every_frame_and_nothing_else(vspipe, tmp_path):
    clip = tmp_path / "in.mkv"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(7):
            picture = (torch.rand(48, 64, 3) * 255).byte().numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    done = vspipe("-c", "y4m", "-a", f"source={clip}", ROOT / "scripts/restore.vpy", "-")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"YUV4MPEG2 ")
    header, *frames = done.stdout.split(b"FRAME\n")
    assert b"W64 H48" in header
    assert [len(frame) for frame in frames] == [64 * 48 * 3 // 2] * 7


def test_restore_vpy_says_what_it_needs(vspipe):
    done = vspipe("-c", "y4m", ROOT / "scripts/restore.vpy", "-")
    assert done.returncode != 0
    assert b"give the clip with: vspipe -a source=" in done.stderr
