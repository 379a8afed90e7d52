"""The demo: a clip through vspipe, from a folder that is no checkout, without any set-up."""

import sys
from fractions import Fraction

import av
import numpy as np
import plain_clips
import pytest
from PIL import Image

from vsdeblur.cli.main import main
from vsdeblur.demo import clip as clip_module
from vsdeblur.demo import pipe

FRAMES = 7


@pytest.fixture(autouse=True)
def _no_set_up(monkeypatch, tmp_path):
    """A user who has never run `vapoursynth config`, in a folder of their own."""
    vapoursynth = pytest.importorskip("vapoursynth")
    if "bs" not in {plugin.namespace for plugin in vapoursynth.core.plugins()}:
        pytest.skip("BestSource is not installed: pip install vapoursynth-bestsource")
    try:
        pipe.find_vspipe()
    except pipe.VideoError:
        pytest.skip("there is no vspipe")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def clip(tmp_path):
    """A clip with frames of uneven length, and sound."""
    path = tmp_path / "my clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        sound = container.add_stream("aac", rate=48000, layout="mono")
        for index, time in enumerate((0, 40, 80, 160, 200, 280, 320)):
            picture = np.full((48, 64, 3), 40 + 20 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for index in range(12):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 48000, 1024 * index
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


def times_of(path):
    with av.open(str(path)) as container:
        return [round(1000 * frame.time) for frame in container.decode(video=0)]


def test_a_clip_is_restored_with_its_times_and_sound(capsys, tmp_path, clip):
    assert main(["demo", clip.name, "--out", "results"]) == 0
    out, err = capsys.readouterr()
    assert f"{FRAMES} frames, " in out
    assert "PSNR" not in out  # nobody knows the sharp frames
    assert "restoring it through vspipe ..." in err
    restored = tmp_path / "results/restored.mkv"
    assert times_of(restored) == times_of(clip)
    with av.open(str(restored)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
    with Image.open(tmp_path / "results/before_after.png") as sheet:
        assert sheet.size == (640, 540)
    assert not list((tmp_path / "results").glob(".*"))
    assert not list((tmp_path / "config").glob("**/*")), "the user's own set-up is left alone"


@pytest.mark.slow
def test_without_a_clip_it_says_what_was_gained(capsys, tmp_path):
    pytest.importorskip("skimage")
    assert main(["demo"]) == 0
    gain = float(capsys.readouterr().out.partition(" dB after (")[2].partition(" dB)")[0])
    assert gain > 1.5
    assert {path.name for path in (tmp_path / "demo_out").iterdir()} == {
        "blurred.mp4", "restored.mkv", "before_after.png",
    }  # fmt: skip


def refusal(capsys, *arguments):
    assert main(["demo", *map(str, arguments)]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("vsdeblur: error: ")
    return line


def test_misuse_is_refused_in_a_line(capsys, monkeypatch, tmp_path):
    assert "none.mp4 does not exist" in refusal(capsys, "none.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    assert "cannot open text.mp4" in refusal(capsys, "text.mp4")
    (tmp_path / "file").write_text("")
    clip = plain_clips.write_clip(tmp_path / "clip.mkv", count=2)
    assert "cannot make the folder file" in refusal(capsys, clip, "--out", "file")
    assert "unexpected extra argument" in refusal(capsys, clip, clip)
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    assert "pip install 'vsdeblur[demo]', or give a clip" in refusal(capsys)


def test_what_vspipe_says_is_the_reason(capsys, monkeypatch, tmp_path):
    clip = plain_clips.write_clip(tmp_path / "clip.mkv", count=2)
    script = tmp_path / "broken.vpy"
    script.write_text("import vapoursynth as vs\nraise vs.Error('the lamp is out')\n")
    monkeypatch.setattr(pipe, "SCRIPT", script)
    assert "through vspipe: vapoursynth.Error: the lamp is out" in refusal(capsys, clip)
    assert not list((tmp_path / "demo_out").iterdir())


def test_the_demos_clip_is_blurred_and_as_long_as_its_sharp_frames(monkeypatch, tmp_path):
    photo = np.tile(np.linspace(0, 255, 700).astype(np.uint8)[None, :, None], (900, 1, 3))
    linear = clip_module._linear(photo)
    monkeypatch.setattr(clip_module, "_photos", lambda: [linear])
    monkeypatch.setattr(clip_module, "FRAMES_A_SCENE", 3)
    monkeypatch.setattr(clip_module, "SUBFRAMES", 3)
    sharp = clip_module.write_clip(tmp_path / "clip.mp4")
    assert len(times_of(tmp_path / "clip.mp4")) == len(sharp) == 3
