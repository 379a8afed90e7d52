"""The command `preview`: what it writes, where, and what it refuses."""

import os
import shlex
import webbrowser
from fractions import Fraction

import av
import numpy as np
import plain_clips
import pytest
from PIL import Image

from vsdeblur import restorers
from vsdeblur.cli import preview as module
from vsdeblur.cli.main import main


@pytest.fixture(autouse=True)
def loaded(monkeypatch):
    """Which filters were loaded, with what; what they make is left as it is."""
    loaded = []

    def load(name, **options):
        loaded.append((name, options))
        return plain_clips.Identity()

    monkeypatch.setattr(restorers, "load_restorer", load)
    return loaded


@pytest.fixture(autouse=True)
def browser(monkeypatch, tmp_path):
    """Addresses that the browser was asked to open."""
    asked = []
    monkeypatch.setattr(webbrowser, "open", lambda address: asked.append(address) or True)
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.chdir(tmp_path)
    return asked


@pytest.fixture
def clip(tmp_path):
    return plain_clips.write_clip(tmp_path / "my clip.mkv", count=30)


def run(capfd, *arguments):
    status = main(["preview", *map(str, arguments)])
    out, err = capfd.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return status, err


def refusal(capfd, *arguments):
    status, err = run(capfd, *arguments)
    assert status == 2
    assert err.startswith("vsdeblur: error: ")
    assert err.count("\n") == 1
    return err


def test_a_page_is_written_here_and_opened(capfd, tmp_path, clip, browser):
    status, err = run(capfd, clip)
    page = tmp_path / "my clip.preview.html"
    assert (status, err) == (0, "my clip.preview.html\n")
    assert browser == [page.resolve().as_uri()]
    text = page.read_text("utf-8")
    assert text.count("<h2") == 3
    assert "http" not in text.replace('http-equiv="Content-Security-Policy"', "")
    assert "--filter dblrgan</code>" in text


def test_a_preview_is_replaced_and_nothing_else_is(capfd, tmp_path, clip):
    assert run(capfd, clip, "--at", "0")[0] == 0
    assert run(capfd, clip, "--at", "0")[0] == 0
    for name in ("own.html", "own.png"):
        own = tmp_path / name
        own.write_bytes(b"mine")
        assert "exists and is no preview" in refusal(capfd, clip, "--out", own)
        assert own.read_bytes() == b"mine"
        assert run(capfd, clip, "--at", "0", "--out", own, "--overwrite")[0] == 0
        assert run(capfd, clip, "--at", "0", "--out", own)[0] == 0
    assert not list(tmp_path.glob(".*"))


def test_without_a_display_the_page_is_named(monkeypatch, capfd, clip, browser):
    monkeypatch.setattr(module.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert run(capfd, clip, "--at", "0")[1] == "my clip.preview.html: open it in a browser\n"
    monkeypatch.setenv("DISPLAY", ":7")
    _, err = run(capfd, clip, "--at", "0", "--no-browser")
    assert err.endswith(": open it in a browser\n")
    assert browser == []


def test_a_browser_that_does_not_start_is_no_failure(monkeypatch, capfd, clip):
    def fail(address):
        raise webbrowser.Error("no browser")

    monkeypatch.setattr(webbrowser, "open", fail)
    assert run(capfd, clip, "--at", "0") == (0, "my clip.preview.html: open it in a browser\n")


def test_a_picture_shows_every_version_and_what_changed(capfd, tmp_path, clip, browser):
    status, _ = run(capfd, clip, "--at", "0.2", "--at", "20f", "--filter", "dblrgan",
                    "--filter", "brmr", "--out", "sheet.png")  # fmt: skip
    assert status == 0
    assert browser == []
    with Image.open(tmp_path / "sheet.png") as sheet:
        columns = round((sheet.width - module_gap()) / (480 + module_gap()))
        assert columns == 5  # the source; twice the version and its change
        assert sheet.height > 2 * 360


def module_gap():
    from vsdeblur.preview.sheet import GAP

    return GAP


def test_filters_and_models_are_compared_and_each_has_its_command(capfd, tmp_path, clip, loaded):
    arguments = ["--filter", "dblrgan", "--filter", "brmr", "--model", "fast", "--regions", "4"]
    assert run(capfd, clip, "--at", "0", *arguments, "--device", "cpu")[0] == 0
    assert loaded == [
        ("dblrgan", {"model": "fast", "device": "cpu"}),
        ("brmr", {"model": "fast", "regions": 4, "device": "cpu"}),
    ]
    text = (tmp_path / "my clip.preview.html").read_text("utf-8")
    for options in ("--filter dblrgan --model fast --device cpu",
                    "--filter brmr --model fast --device cpu --regions 4"):  # fmt: skip
        assert any(sorted(options.split()) == sorted(shlex.split(line)[-len(options.split()):])
                   for line in commands_of(text))  # fmt: skip
    assert "dblrgan fast</label>" in text


def commands_of(text):
    """The commands on a page."""
    from html import unescape

    return [
        unescape(part.partition("</code>")[0])
        for part in text.split('<div class="command"><code>')[1:]
    ]


def test_the_command_on_the_page_restores_what_was_shown(capfd, tmp_path, clip):
    assert run(capfd, clip, "--at", "0", "--scene-threshold", "0.2")[0] == 0
    (command,) = commands_of((tmp_path / "my clip.preview.html").read_text("utf-8"))
    program, *arguments = shlex.split(command)
    assert program == "vsdeblur"
    assert main([*arguments, "--codec", "ffv1"]) == 0
    with av.open(str(tmp_path / "my clip-restored.mkv")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 30


def test_a_still_picture_is_previewed(capfd, tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(path)
    assert run(capfd, path)[0] == 0
    text = (tmp_path / "photo.preview.html").read_text("utf-8")
    assert '<h2 id="view1">photo.jpg</h2>' in text
    assert "60x40" in text
    assert "--at is for videos" in refusal(capfd, path, "--at", "1")


def test_quiet_says_nothing(capfd, clip):
    assert run(capfd, clip, "--at", "0", "--quiet") == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.mkv"], "none.mkv does not exist"),
        (["-"], "stdin can be read only once, from its beginning; give a file"),
        (["CLIP", "--at", "soon"], "'soon' is no time; give seconds"),
        (["CLIP", "--at", "60"], "has no frame at 0:01:00.00: it is 0:00:01.20 long"),
        (["CLIP", "--out", "a.pdf"], "a.pdf is neither a page nor a picture; give a .html or a"),
        (["CLIP", "--out", "none/a.html"], "give a name in a folder that is there"),
        (["CLIP", "--filter", "sharpen"], "unknown filter 'sharpen'; choose one of: dblrgan"),
        (["CLIP", "--model", "huge"], "unknown model 'huge'; choose one of: auto, fast"),
        (["CLIP", "--regions", "4"], "filter 'dblrgan' has no option --regions"),
        (["CLIP", "--quiet", "--verbose"], "give --quiet or --verbose, not both"),
    ],
)
def test_misuse_is_refused_in_a_line_and_nothing_is_written(capfd, tmp_path, clip, arguments, said):
    given = [str(clip) if each == "CLIP" else each for each in arguments]
    assert said in refusal(capfd, *given)
    assert [path.name for path in tmp_path.iterdir()] == [clip.name]


def test_a_folder_that_cannot_be_written_to_is_refused_before_any_work(
    monkeypatch, capfd, tmp_path, clip, loaded
):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "cannot be written to; choose another (--out)" in refusal(capfd, clip)
    assert loaded == []


def test_frames_are_counted_at_the_videos_own_rate(capfd, tmp_path):
    path = plain_clips.write_clip(tmp_path / "in.mkv", count=12, rate=Fraction(24000, 1001))
    assert run(capfd, path, "--at", "11f")[0] == 0
    assert "frame 11</h2>" in (tmp_path / "in.preview.html").read_text("utf-8")
