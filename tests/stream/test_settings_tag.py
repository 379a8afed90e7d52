"""What a file was restored with stands in its metadata, beside what stood there."""

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, PngImagePlugin

import vsdeblur
from vsdeblur.cli.main import main
from vsdeblur.errors import OptionError
from vsdeblur.runtime.weights import sha256_of
from vsdeblur.stream import StreamOptions, settings_text

SETTINGS = "vsdeblur 9.9: --filter dblrgan; weights sha256 abc"
X264 = {"settings": SETTINGS, "encoder_options": {"qp": "0"}, "preset": "ultrafast"}
VP9 = {"settings": SETTINGS, "codec": "libvpx-vp9", "encoder_options": {"deadline": "realtime"}}
CPU = torch.device("cpu")


def comment_of(path):
    with av.open(str(path)) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
    return tags.get("comment"), tags.get("title")


@pytest.mark.parametrize(
    ("suffix", "options"),
    [(".mp4", X264), (".mov", X264), (".mkv", X264), (".webm", VP9), (".avi", X264)],
)
def test_settings_follow_the_comment_and_other_tags_stay(
    tmp_path, write_clip, restored, suffix, options
):
    def describe(container):
        container.metadata.update({"title": "Concert", "comment": "Row 7"})

    source = write_clip(tmp_path / "in.mkv", count=2, container_setup=describe)
    target, _ = restored(source, StreamOptions(**options), suffix=suffix)
    assert comment_of(target) == (f"Row 7\n{SETTINGS}", "Concert")


def test_settings_stand_beside_the_tags_of_a_phone(tmp_path, write_clip, restored):
    bare, source = write_clip(tmp_path / "bare.mp4", count=2), tmp_path / "in.mov"
    tagged = {"container_options": {"movflags": "use_metadata_tags"}}
    with av.open(str(bare)) as plain, av.open(str(source), "w", **tagged) as container:
        film = container.add_stream_from_template(plain.streams[0], opaque=True)
        container.metadata["com.apple.quicktime.make"] = "Phone"
        for packet in plain.demux():
            if packet.size:
                packet.stream = film
                container.mux(packet)
    target, _ = restored(source, StreamOptions(**X264))
    with av.open(str(target)) as container:
        assert container.metadata["com.apple.quicktime.make"] == "Phone"
        assert container.metadata["comment"] == SETTINGS


def test_without_settings_nothing_is_said(tmp_path, write_clip, restored):
    source = write_clip(tmp_path / "in.mp4", count=2)
    target, _ = restored(source, StreamOptions(encoder_options={"qp": "0"}, preset="ultrafast"))
    assert comment_of(target) == (None, None)


@pytest.fixture
def picture(rng):
    return Image.fromarray(rng.integers(0, 256, (32, 40, 3), np.uint8))


def test_a_png_keeps_its_texts_and_tells_its_settings(tmp_path, picture, restored):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Zoë")
    texts.add_text("Comment", "Row 7")
    texts.add_itxt("XML:com.adobe.xmp", "<x/>", "en", "translated")
    picture.save(tmp_path / "in.png", pnginfo=texts)
    target, _ = restored(tmp_path / "in.png", StreamOptions(settings=SETTINGS))
    with Image.open(target) as image:
        kept = image.text["XML:com.adobe.xmp"]
        assert image.text == {
            "Author": "Zoë",
            "XML:com.adobe.xmp": "<x/>",
            "Comment": f"Row 7\n{SETTINGS}",
        }
        assert (kept.lang, kept.tkey) == ("en", "translated")


@pytest.mark.parametrize("comment", ["Rang é".encode(), "Rang é".encode("latin-1")])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_jpegs_comment_stays_in_front(tmp_path, picture, restored, comment, suffix):
    picture.save(tmp_path / "in.jpg", comment=comment)
    target, _ = restored(tmp_path / "in.jpg", StreamOptions(settings=SETTINGS), suffix=suffix)
    with Image.open(target) as image:
        found = image.text["Comment"] if suffix == ".png" else image.info["comment"].decode()
    assert found == f"Rang é\n{SETTINGS}"


def test_a_comment_as_long_as_jpeg_allows_stays(tmp_path, picture, restored):
    picture.save(tmp_path / "in.jpg", comment=b"x" * 65533)
    target, _ = restored(tmp_path / "in.jpg", StreamOptions(settings=SETTINGS))
    with Image.open(target) as image:
        assert image.info["comment"] == b"x" * 65533


@pytest.mark.parametrize(("before", "after"), [("Cam 1.2", f"Cam 1.2; {SETTINGS}"), ("", SETTINGS)])
def test_a_tiff_names_its_software(tmp_path, picture, restored, before, after):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera"
    if before:
        exif[ExifTags.Base.Software] = before
    picture.save(tmp_path / "in.jpg", exif=exif)
    target, _ = restored(tmp_path / "in.jpg", StreamOptions(settings=SETTINGS), suffix=".tiff")
    with Image.open(target) as image:
        assert image.getexif()[ExifTags.Base.Software] == after
        assert image.getexif()[ExifTags.Base.Make] == "Camera"


def test_a_picture_without_settings_keeps_its_comment(tmp_path, picture, restored):
    picture.save(tmp_path / "in.jpg", comment=b"Row 7")
    target, _ = restored(tmp_path / "in.jpg", StreamOptions())
    with Image.open(target) as image:
        assert image.info["comment"] == b"Row 7"


def test_the_text_has_what_decides_the_result_and_no_path(brmr_weights):
    given = {"weights": brmr_weights, "regions": 4, "tile": (64, 48), "precision": "fp32"}
    text = settings_text("brmr", given, CPU)
    assert text.startswith(f"vsdeblur {vsdeblur.__version__}: --filter brmr ")
    for option in ("--regions 4", "--tile 64x48", "--precision fp32", "--dropout false"):
        assert f" {option}" in text
    assert text.endswith(f"; weights sha256 {sha256_of(Path(brmr_weights))}")
    assert "--device" not in text
    assert "skip-above" not in text
    assert brmr_weights not in text


def test_the_text_says_which_precision_auto_became():
    assert " --precision fp16" in settings_text("dblrgan", {}, torch.device("cuda"))
    assert " --precision auto" not in settings_text("dblrgan", {}, CPU)
    with pytest.raises(OptionError):
        settings_text("dblrgan", {"model": "none"}, CPU)


@pytest.mark.parametrize("model", ["fast", "paper"])
def test_the_text_names_the_model_that_given_weights_are_of(small_weights, model):
    text = settings_text("dblrgan", {"weights": str(small_weights("dblrgan", model))}, CPU)
    assert f"--model {model} " in text


def test_the_command_takes_its_own_text_as_options(tmp_path, write_clip, fast_weights):
    source = write_clip(tmp_path / "in.mp4", count=2)
    target, again = tmp_path / "out.mkv", tmp_path / "again.mkv"
    where = ["--device", "cpu", "--weights", fast_weights]
    chosen = ["--scene-threshold", "0.25", "--precision", "fp32"]
    assert main(["restore", str(source), str(target), *where, *chosen]) == 0
    text, _ = comment_of(target)
    assert text == settings_text(
        "dblrgan", {"weights": fast_weights, "scene_threshold": 0.25, "precision": "fp32"}, CPU
    )
    options = text.partition(": ")[2].partition(";")[0].split()
    assert main(["restore", str(source), str(again), *where, *options]) == 0
    assert comment_of(again)[0] == text
