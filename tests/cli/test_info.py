"""`vsdeblur info`: what a file is and what it was restored with, on files made here."""

import json

import av
import numpy as np
import plain_clips
import pytest
import torch
from PIL import ExifTags, Image

import vsdeblur
from vsdeblur import restorers
from vsdeblur.cli.main import main
from vsdeblur.manifest import load_manifest
from vsdeblur.runtime.weights import save_weights
from vsdeblur.stream import describe_file
from vsdeblur.stream.settings_tag import read_settings

PACKAGED = load_manifest().filter("dblrgan").models["fast"].sha256


@pytest.fixture(autouse=True)
def _restorer(monkeypatch):
    stub = plain_clips.Identity()
    monkeypatch.setattr(restorers, "load_restorer", lambda name, **options: stub)


@pytest.fixture
def clip(tmp_path):
    return plain_clips.write_clip(tmp_path / "in.mkv", count=4, metadata={"title": "Concert"})


@pytest.fixture
def picture(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "Camera", 6
    path = tmp_path / "in.jpg"
    Image.fromarray(np.full((32, 40, 3), 90, np.uint8)).save(path, exif=exif)
    return path


def told(capfd, file):
    """What `info` says, and the same as an object."""
    assert main(["info", str(file)]) == 0
    text, err = capfd.readouterr()
    assert err == ""
    assert main(["info", str(file), "--json"]) == 0
    return text, json.loads(capfd.readouterr().out)


def refusal(capfd, file):
    assert main(["info", str(file)]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("vsdeblur: error: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi", ".png", ".jpg", ".tif"])
def test_a_result_tells_what_it_was_restored_with(capfd, tmp_path, clip, picture, suffix):
    target = tmp_path / f"out{suffix}"
    source = picture if suffix in (".png", ".jpg", ".tif") else clip
    settings = ["--scene-threshold", "0.25", "--precision", "fp32"]
    assert main(["restore", str(source), str(target), *settings]) == 0
    capfd.readouterr()
    text, found = told(capfd, target)
    (with_,) = found["restored_with"]
    assert with_["version"] == vsdeblur.__version__
    assert (with_["filter_name"], with_["sha256"]) == ("dblrgan", PACKAGED)
    assert with_["installed"] == "dblrgan fast"
    assert "--precision fp32 --scene-threshold 0.25" in with_["options"]
    assert f"command       vsdeblur restore IN OUT {with_['options']}\n" in text
    assert "those installed as dblrgan fast" in text


def test_what_is_told_as_a_command_makes_the_same_again(capfd, tmp_path, clip):
    first, again = tmp_path / "first.mkv", tmp_path / "again.mkv"
    main(["restore", str(clip), str(first), "--tta", "4"])
    capfd.readouterr()
    options = told(capfd, first)[1]["restored_with"][0]["options"]
    assert main(["restore", str(clip), str(again), *options.split()]) == 0
    assert describe_file(again).restored_with == describe_file(first).restored_with


def test_a_file_restored_twice_tells_both(capfd, tmp_path, clip):
    once, twice = tmp_path / "once.mkv", tmp_path / "twice.mkv"
    main(["restore", str(clip), str(once)])
    main(["restore", str(once), str(twice), "--filter", "brmr"])
    capfd.readouterr()
    _, found = told(capfd, twice)
    assert [each["filter_name"] for each in found["restored_with"]] == ["dblrgan", "brmr"]


@pytest.mark.parametrize("suffix", [".mkv", ".png", ".tif"])
def test_without_the_tag_a_result_tells_nothing(capfd, tmp_path, clip, picture, suffix):
    target = tmp_path / f"out{suffix}"
    source = clip if suffix == ".mkv" else picture
    assert main(["restore", str(source), str(target), "--no-settings-tag"]) == 0
    capfd.readouterr()
    assert b"vsdeblur" not in target.read_bytes()
    text, found = told(capfd, target)
    assert found["restored_with"] == []
    assert "restored      it does not say so\n" in text


def test_formats_that_cannot_tell_say_that(capfd, tmp_path, clip, picture):
    for source, target in ((picture, tmp_path / "out.webp"), (clip, tmp_path / "out.ts")):
        assert main(["restore", str(source), str(target)]) == 0
        capfd.readouterr()
        assert "files of this format have no place to say it" in told(capfd, target)[0]


def test_a_video_in_a_few_words(capfd, clip):
    text, found = told(capfd, clip)
    assert text.startswith(f"{clip}: video\n  container     Matroska / WebM\n")
    assert found["facts"]["title"] == "Concert"
    assert found["facts"]["length"] == "0:00:00.16"
    assert found["tracks"][0].startswith("video ffv1, 64x48, yuv420p, 25 frames/s")


def test_a_picture_in_a_few_words(capfd, picture, tmp_path):
    _, found = told(capfd, picture)
    assert found["facts"] == {"format": "JPEG", "size": "40x32", "pixels": "RGB, 8 bits",
                              "camera": "Camera", "shown": "turned by 90 degrees"}  # fmt: skip
    deep = tmp_path / "deep.png"
    Image.fromarray(np.full((8, 8), 40000, np.uint16)).save(deep)
    assert told(capfd, deep)[1]["facts"]["pixels"].endswith("16 bits")


def test_sound_alone_says_that_there_is_nothing_to_restore(capfd, tmp_path):
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    text, found = told(capfd, path)
    assert found["kind"] == "sound"
    assert found["tracks"] == ["audio pcm_s16le, 8000 Hz, 1 channels"]
    assert "no picture track in it to restore" in text


def test_weights_tell_what_they_are_for(capfd, tmp_path):
    text, found = told(capfd, load_manifest().filter("dblrgan").models["fast"].weights)
    assert found["kind"] == "weights"
    assert "for           dblrgan fast\n" in text
    assert "installed     as dblrgan fast\n" in text
    mine = tmp_path / "mine.safetensors"
    save_weights(mine, {"a": torch.zeros(3, 4)}, filter_name="brmr", model="fast",
                 notes={"trained_on": "photos"})  # fmt: skip
    text, found = told(capfd, mine)
    assert (found["tensors"], found["numbers"], found["precisions"]) == (1, 12, ["F16"])
    assert "installed     no\n" in text
    assert "trained_on    photos\n" in text


def test_what_is_none_of_these_is_refused(capfd, tmp_path):
    assert "does not exist" in refusal(capfd, tmp_path / "none.mkv")
    assert "is a folder" in refusal(capfd, tmp_path)
    for name, said in (("a.mkv", "it is not a video file"), ("a.png", "cannot read the picture"),
                       ("a.safetensors", "not in safetensors format")):  # fmt: skip
        (tmp_path / name).write_bytes(b"nothing of the kind")
        assert said in refusal(capfd, tmp_path / name)
    assert "no weights file" in refusal(capfd, tmp_path / "none.safetensors")


def test_only_whole_lines_of_ours_are_read():
    line = f"vsdeblur 0.2.0: --filter brmr --regions 4; weights sha256 {'a' * 64}"
    (found,) = read_settings(f"Cam 1.2; {line}")
    assert (found.options, found.installed) == ("--filter brmr --regions 4", None)
    assert read_settings(f"{line}\n{line}") == [found, found]
    for broken in (line[:-1], line.replace("--filter", "filter"), "vsdeblur", ""):
        assert read_settings(broken) == []
