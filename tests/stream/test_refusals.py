"""What cannot be done is refused, in one line."""

from pathlib import Path

import av
import numpy as np
import pytest
import torch

from vsdeblur.errors import VideoError
from vsdeblur.stream import StreamOptions, restore_file

X264 = StreamOptions(encoder_options={"qp": "0"}, preset="ultrafast")


@pytest.fixture
def clip(tmp_path, write_clip):
    return write_clip(tmp_path / "clip.mp4", count=3)


@pytest.fixture
def refusal(make_restorer):
    """Tries to restore; returns the text of the refusal."""

    def refuse(source, target, options=X264):
        with pytest.raises(VideoError) as refused:
            restore_file(source, target, make_restorer(), options)
        text = str(refused.value)
        assert "\n" not in text
        return text

    return refuse


def test_a_missing_source_is_refused(tmp_path, refusal):
    assert "does not exist" in refusal(tmp_path / "none.mp4", tmp_path / "out.mp4")


def test_a_folder_as_source_is_refused(tmp_path, refusal):
    said = refusal(tmp_path, tmp_path / "out.mp4")
    assert "holds no picture; give a video or picture file" in said


def test_an_empty_source_is_refused(tmp_path, refusal):
    (tmp_path / "in.mp4").touch()
    assert "is empty (0 bytes)" in refusal(tmp_path / "in.mp4", tmp_path / "out.mp4")


def test_a_source_of_another_kind_is_refused(tmp_path, refusal):
    (tmp_path / "in.mp4").write_bytes(b"Dear reader, this is a letter. " * 50)
    assert "it is not a video file" in refusal(tmp_path / "in.mp4", tmp_path / "out.mp4")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_source_cut_to_100_bytes_is_refused(tmp_path, suffix, write_clip, refusal):
    whole = write_clip(tmp_path / f"whole{suffix}").read_bytes()
    (tmp_path / f"in{suffix}").write_bytes(whole[:100])
    text = refusal(tmp_path / f"in{suffix}", tmp_path / "out.mp4")
    assert "damaged" in text or "no video track" in text


def test_a_source_with_sound_only_is_refused(tmp_path, refusal):
    source = tmp_path / "in.wav"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), "s16", "stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
    assert "has no video track, only audio" in refusal(source, tmp_path / "out.mp4")


def test_a_tiny_source_is_refused(tmp_path, write_clip, refusal):
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", size=(14, 32), count=1)
    assert "14x32 pixels; at least 16x16" in refusal(source, tmp_path / "out.mkv")


def test_writing_onto_the_source_is_refused(clip, refusal):
    before = clip.read_bytes()
    assert "is the source itself" in refusal(clip, clip.parent / "." / clip.name)
    assert clip.read_bytes() == before


def test_a_folder_as_target_is_refused(clip, tmp_path, refusal):
    assert "is a folder; give the name of a file in it" in refusal(clip, tmp_path)


def test_a_target_in_no_folder_is_refused(clip, tmp_path, refusal):
    assert "does not exist; make it first" in refusal(clip, tmp_path / "none" / "out.mp4")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder none can write to")
def test_a_target_in_an_unwritable_folder_is_refused(clip, refusal):
    assert "cannot write to the folder /proc" in refusal(clip, Path("/proc/self/out.mp4"))


def test_an_existing_target_is_refused_without_overwrite(clip, tmp_path, refusal):
    (tmp_path / "out.mp4").write_bytes(b"old")
    text = refusal(clip, tmp_path / "out.mp4", StreamOptions(overwrite=False))
    assert "already exists" in text


def test_an_unknown_encoder_is_refused(clip, tmp_path, refusal):
    text = refusal(clip, tmp_path / "out.mp4", StreamOptions(codec="libx999"))
    assert "unknown video encoder 'libx999'; use libx264" in text


def test_a_sound_encoder_is_refused(clip, tmp_path, refusal):
    text = refusal(clip, tmp_path / "out.mp4", StreamOptions(codec="aac"))
    assert "'aac' encodes audio, not video" in text


def test_a_codec_the_container_cannot_hold_is_refused(clip, tmp_path, refusal):
    assert "webm cannot hold video of libx264" in refusal(clip, tmp_path / "out.webm")


def test_an_unknown_container_is_refused(clip, tmp_path, refusal):
    assert "suffix '.xyz' is unknown" in refusal(clip, tmp_path / "out.xyz")
    text = refusal(clip, tmp_path / "out.mp4", StreamOptions(container="tape"))
    assert "container 'tape' is unknown" in text


def test_an_unknown_encoder_option_is_refused(clip, tmp_path, refusal):
    options = StreamOptions(encoder_options={"sharpness_of_wit": "9"})
    text = refusal(clip, tmp_path / "out.mp4", options)
    assert "libx264 has no option 'sharpness_of_wit'" in text


def test_a_value_the_encoder_does_not_take_is_refused(clip, tmp_path, refusal):
    text = refusal(clip, tmp_path / "out.mp4", StreamOptions(preset="breakneck"))
    assert "the encoder libx264 does not start" in text


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_an_encoder_without_its_graphics_card_is_refused(clip, tmp_path, refusal):
    text = refusal(clip, tmp_path / "out.mp4", StreamOptions(codec="hevc_nvenc"))
    assert "hevc_nvenc (it needs an NVIDIA GPU and its driver) does not start" in text


def test_an_unknown_pixel_format_is_refused(clip, tmp_path, refusal):
    text = refusal(clip, tmp_path / "out.mp4", StreamOptions(pixel_format="yuv999"))
    assert "unknown pixel format 'yuv999'" in text


def test_a_queue_without_room_is_a_mistake():
    with pytest.raises(ValueError, match="queue_size"):
        StreamOptions(queue_size=0)


def test_the_container_option_wins_over_the_suffix(clip, tmp_path, make_restorer):
    target = tmp_path / "out.bin"
    restore_file(clip, target, make_restorer(), StreamOptions(container="mkv", preset="ultrafast"))
    with av.open(str(target)) as container:
        assert "matroska" in container.format.name


def test_nothing_is_printed(clip, tmp_path, capfd, make_restorer):
    restore_file(clip, tmp_path / "out.mp4", make_restorer(lambda window: 1 - window[2:3]), X264)
    options = StreamOptions(codec="libx265", preset="ultrafast")
    restore_file(clip, tmp_path / "out.mkv", make_restorer(lambda window: 1 - window[2:3]), options)
    assert capfd.readouterr() == ("", "")
