"""A wheel works away from the checkout, with the weights inside it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import av
import plain_clips
import pytest
import torch

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel's content in a folder of its own; the libraries it needs are this environment's."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    # Built from a copy: setuptools leaves its own folders beside setup.py.
    files = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        capture_output=True, check=True,
    ).stdout.decode().split("\0")  # fmt: skip
    for name in filter(None, files):
        copy = source / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", folder, source],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = folder.glob("vsdeblur-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def python(installed, code, *arguments):
    """Run code in a new process that sees the wheel's package and not the checkout."""
    prelude = f"import sys; sys.path.insert(0, {str(installed)!r}); "
    return subprocess.run(
        [sys.executable, "-P", "-c", prelude + code, *map(str, arguments)],
        cwd=installed, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_filter_runs_with_packaged_weights(installed):
    done = python(
        installed,
        "import vsdeblur, vapoursynth as vs; "
        "clip = vs.core.std.BlankClip(format=vs.YUV420P8, width=32, height=32, length=1); "
        "vsdeblur.dblrgan(clip, device='cpu').get_frame(0); print(vsdeblur.__file__)",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(installed / "vsdeblur/__init__.py")


def test_the_command_runs_with_packaged_weights(installed, tmp_path):
    clip = tmp_path / "in.mp4"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            picture = (torch.rand(48, 64, 3) * 255).byte().numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    code = "from vsdeblur.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = python(installed, code, "restore", clip, tmp_path / "out.mkv", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3


def test_data_and_types_are_in_the_wheel(installed):
    assert list((installed / "vsdeblur/train/recipes").glob("*.toml"))
    for name in ("published.toml", "report.html"):
        assert (installed / "vsdeblur/evaluate/report" / name).exists()
    assert (installed / "vsdeblur/py.typed").exists()
    assert (installed / "vsdeblur/preview/page.html").exists()
    assert (installed / "vsdeblur/demo/restore.vpy").exists()


def test_a_preview_is_made_by_the_installed_package(installed, tmp_path):
    clip = plain_clips.write_clip(tmp_path / "in.mkv", count=3)
    page = tmp_path / "page.html"
    code = "from vsdeblur.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = python(
        installed,
        code,
        "preview",
        clip,
        "--at",
        "0",
        "--out",
        page,
        "--no-browser",
        "--device",
        "cpu",
    )
    assert done.returncode == 0, done.stderr
    assert "vsdeblur preview" in page.read_text(encoding="utf-8")
