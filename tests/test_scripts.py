"""The set-up that demo and test share, the example script, and the benchmark."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import av
import pytest
import torch
from PIL import Image

from vsdeblur.evaluate import benchmark_scores as benchmarks
from vsdeblur.models.sequence import SequenceNet
from vsdeblur.runtime.weights import save_weights

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
    done = vspipe("-c", "y4m", "-a", f"source={clip}", ROOT / "vsdeblur/demo/restore.vpy", "-")
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"YUV4MPEG2 ")
    header, *frames = done.stdout.split(b"FRAME\n")
    assert b"W64 H48" in header
    assert [len(frame) for frame in frames] == [64 * 48 * 3 // 2] * 7


def test_restore_vpy_says_what_it_needs(vspipe):
    done = vspipe("-c", "y4m", ROOT / "vsdeblur/demo/restore.vpy", "-")
    assert done.returncode != 0
    assert b"give the clip with: vspipe -a source=" in done.stderr


def test_slow_motion_vpy_pipes_seven_frames_for_each_at_the_same_rate(vspipe, tmp_path):
    clip, weights = tmp_path / "in.mkv", tmp_path / "fast.safetensors"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(2):
            picture = (torch.rand(48, 64, 3) * 255).byte().numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    options = {"widths": (8, 8, 8)}
    state = SequenceNet(**options).state_dict()
    save_weights(weights, state, filter_name="sequence", model="fast", options=options)
    done = vspipe(
        "-c", "y4m", "-a", f"source={clip}", "-a", f"weights={weights}",
        ROOT / "scripts/slow_motion.vpy", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    header, *frames = done.stdout.split(b"FRAME\n")
    assert b"F25:1" in header
    assert len(frames) == 14


@pytest.fixture
def benchmark_quality(monkeypatch, tmp_path):
    """Runs scripts/benchmark_quality.py on a picture made here, with filters that do nothing."""
    photos = tmp_path / "photos"
    photos.mkdir()
    noise = torch.rand(1, 1, 60, 60) * 255
    picture = torch.nn.functional.interpolate(noise, scale_factor=8)[0, 0].byte().numpy()
    Image.fromarray(picture).save(photos / "a.png")
    stub = SimpleNamespace(
        radius=2, channels=1, multiplier=1, device=torch.device("cpu"),
        restore=lambda window: window[2:3],
    )  # fmt: skip
    monkeypatch.setattr(benchmarks, "load_restorer", lambda name, **options: stub)
    main = runpy.run_path(str(ROOT / "scripts/benchmark_quality.py"))["main"]
    return lambda *arguments: main([str(photos), "--windows", "1", *map(str, arguments)])


def test_benchmark_quality_prints_and_writes_its_scores(benchmark_quality, tmp_path, capsys):
    benchmark_quality("--json", tmp_path / "scores.json")
    printed = capsys.readouterr().out
    written = json.loads((tmp_path / "scores.json").read_text())
    assert f"sha256 of the set: {written['sha256']}\n" in printed
    assert [bands["22-32"] for bands in written["windows"].values()] == [1, 1, 1]
    assert written["models"][0]["filter"] == "dblrgan"
    assert written["models"][0]["mean_gain"] == 0
    assert list(written["models"][0]["gain"]) == ["shake", "object", "concert"]
    row = next(line for line in printed.splitlines() if "dblrgan" in line)
    assert "+0.00" in row
    assert not list(tmp_path.glob("*.partial"))


def test_benchmark_quality_scores_given_weights_clean_and_compressed(
    benchmark_quality, tmp_path, capsys
):
    weights = tmp_path / "mine.safetensors"
    save_weights(weights, {"a": torch.zeros(1)}, filter_name="dblrgan", model="fast")
    benchmark_quality("--weights", weights, "--compressed", "--json", tmp_path / "scores.json")
    printed = capsys.readouterr().out
    written = json.loads((tmp_path / "scores.json").read_text())
    behind = written["compressed"]
    assert f"sha256 of the set behind H.264, CRF 28: {behind['sha256']}\n" in printed
    assert behind["sha256"] != written["sha256"]
    assert behind["windows"] == written["windows"]
    for facts in (written, behind):
        assert [model["model"] for model in facts["models"]] == ["fast, mine.safetensors"]
    with pytest.raises(SystemExit, match="no weights file"):
        benchmark_quality("--weights", tmp_path / "none.safetensors")


def test_benchmark_quality_says_what_is_wrong_in_one_line(benchmark_quality, tmp_path, capsys):
    with pytest.raises(SystemExit) as failed:
        benchmark_quality("--windows", 0)
    assert str(failed.value).startswith("benchmark_quality: the benchmark needs 1 or more windows")
    with pytest.raises(SystemExit, match="2"):
        benchmark_quality("--json", tmp_path / "none/scores.json")
    assert "--json: there is no folder" in capsys.readouterr().err


@pytest.fixture
def lamps(monkeypatch, tmp_path):
    """Runs scripts/lamps.py on a dark clip with two lamps; the filter darkens one of them."""
    clip = tmp_path / "clip.mkv"
    picture = torch.full((48, 64, 3), 30, dtype=torch.uint8)
    picture[10:14, 10:14] = picture[30:34, 40:44] = 255
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        for _ in range(8):
            frame = av.VideoFrame.from_ndarray(picture.numpy(), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    def restore(window):
        assert window.shape == (5, 1, 48, 64)
        restored = window[2:3].clone()
        restored[..., :20, :20] *= 0.5
        return restored

    stub = SimpleNamespace(
        radius=2, channels=1, multiplier=1, device=torch.device("cpu"), restore=restore
    )
    main = runpy.run_path(str(ROOT / "scripts/lamps.py"))["main"]
    monkeypatch.setitem(main.__globals__, "load_restorer", lambda name, **options: stub)
    return lambda *arguments: main([str(clip), *map(str, arguments)])


def test_lamps_counts_what_stays_white(lamps, tmp_path, capsys):
    lamps("--frames", 3)
    row = next(text for text in capsys.readouterr().out.splitlines() if "packaged" in text)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == [
        "packaged", "3", "6", "3", "50.0%", "50.0%",
    ]  # fmt: skip
    mine = tmp_path / "mine.safetensors"
    save_weights(mine, {"a": torch.zeros(1)}, filter_name="dblrgan", model="fast")
    lamps("--frames", 1, "--weights", mine)
    assert "mine.safetensors" in capsys.readouterr().out


def test_lamps_says_what_is_wrong_in_one_line(lamps, tmp_path):
    other = tmp_path / "other.safetensors"
    save_weights(other, {"a": torch.zeros(1)}, filter_name="sequence", model="fast")
    with pytest.raises(SystemExit, match=r"lamps: .* is for sequence; give weights of dblrgan"):
        lamps("--weights", other)
