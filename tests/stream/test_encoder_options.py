"""Options of the encoder: what it does not have, or not so, is refused before the first frame."""

import av
import av.logging
import pytest

from vsdeblur.errors import OptionError, VideoError
from vsdeblur.stream import StreamOptions, restore_file
from vsdeblur.stream.encoder_options import check_encoder_options, parse_encoder_options


def test_options_reach_the_encoder(tmp_path, write_clip, restored):
    source = write_clip(tmp_path / "in.mkv", count=9)
    options = {"g": "3", "x264-params": "scenecut=0:keyint-min=1", "qp": "0"}
    target, _ = restored(source, StreamOptions(preset="ultrafast", encoder_options=options))
    with av.open(str(target)) as container:
        keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    assert keys == [True, False, False] * 3


@pytest.mark.parametrize(
    ("codec", "name", "value"),
    [
        ("libx264", "crf", "20.5"),
        ("libx264", "b", "4M"),
        ("libx264", "aq-mode", "variance"),
        ("libx264", "flags", "+cgop-psnr"),
        ("libx264", "psy", "false"),
        ("libx264", "g", "25*2"),
        ("libx264", "x264-params", "keyint=50:bframes=2"),
        ("libx265", "x265-params", "keyint=50"),
        ("prores_ks", "profile", "hq"),
        ("ffv1", "slicecrc", "1"),
    ],
)
def test_what_an_encoder_takes_is_let_through(codec, name, value):
    check_encoder_options(codec, {name: value})


@pytest.mark.parametrize(
    ("codec", "name", "value", "refusal"),
    [
        ("libx264", "crff", "20", "the encoder libx264 has no option 'crff'; did you mean crf? "
         "ffmpeg -h encoder=libx264 lists them"),
        ("ffv1", "crf", "20", "the encoder ffv1 has no option 'crf'; "),
        ("libx264", "pixel_format", "gray", "has no option 'pixel_format'"),
        ("libx264", "crf", "low", "option crf of libx264 takes a number from -1 on, got 'low'"),
        ("libx264", "b", "-4M", "option b of libx264 takes a whole number from 0 on, got '-4M'"),
        ("libsvtav1", "preset", "99", "takes a whole number from -2 to 13, got '99'"),
        ("libx264", "aq-mode", "best", "takes one of none, variance, autovariance, "),
        ("libx264", "psy", "maybe", "takes true, false or auto, got 'maybe'"),
        ("libx264", "flags", "cgop", "takes flags to add (+) or to take away (-), such as +cgop"),
        ("libx264", "flags", "+closed", "option flags of libx264 takes some of "),
        ("libx264", "x264-params", "keyint=5:bframe=2",
         "libx264 does not take 'bframe = 2' in x264-params"),
        ("libx264", "x264opts", "nonsense=2", "libx264 does not take 'nonsense' in x264opts"),
        ("libx265", "x265-params", "nonsense=2",
         "libx265 does not take 'nonsense' in x265-params"),
    ],
)  # fmt: skip
def test_what_an_encoder_does_not_take_is_refused_in_one_line(codec, name, value, refusal):
    before = av.logging.get_level()
    with pytest.raises(VideoError) as refused:
        check_encoder_options(codec, {name: value})
    assert refusal in str(refused.value)
    assert "\n" not in str(refused.value)
    assert av.logging.get_level() == before


def test_a_wrong_option_is_refused_before_anything_is_written(tmp_path, write_clip, make_restorer):
    source = write_clip(tmp_path / "in.mkv", count=2)
    options = StreamOptions(encoder_options={"crff": "20"})
    with pytest.raises(VideoError, match="did you mean crf"):
        restore_file(source, tmp_path / "out.mkv", make_restorer(), options)
    assert {path.name for path in tmp_path.iterdir()} == {"in.mkv"}


def test_options_are_read_as_name_and_value():
    texts = ("crf=20", "x264-params=keyint=50:bframes=2", "crf=21")
    assert parse_encoder_options(texts) == {"crf": "21", "x264-params": "keyint=50:bframes=2"}


@pytest.mark.parametrize("text", ["crf", "=20", "crf="])
def test_what_is_no_option_is_refused(text):
    with pytest.raises(OptionError, match=r"is not understood; give NAME=VALUE, such as crf=20"):
        parse_encoder_options((text,))
