"""Datasets whose blurred frames are averages of sharp ones: pictures and video files."""

import os
import pickle
import random
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import Image

from vsdeblur.data.datasets import open_dataset, video_file
from vsdeblur.data.datasets.averaging import ENCODED, GAMMA, AveragedVideo, average_frames
from vsdeblur.data.datasets.gopro_all import open_gopro_all
from vsdeblur.data.datasets.high_speed import open_high_speed
from vsdeblur.data.datasets.video_file import VideoFile
from vsdeblur.errors import DataError

HEIGHT, WIDTH = 16, 24
X264 = {"bf": "3", "qp": "0", "preset": "ultrafast", "x264-params": "open-gop=1:keyint=9:b-adapt=0"}


def write_level(path, level, size=(WIDTH, HEIGHT)):
    """A grey picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, level, level)).save(path)


def write_sequence(folder, count):
    """Frame n has level n."""
    for n in range(count):
        write_level(folder / f"{n:06}.png", n)


def write_video(path, levels, *, codec="libx264", options=X264, start=0, pix_fmt="yuv444p"):
    """Grey frames 1/240 s apart, the first one at `start`; those given as None are noise.

    What lies before time 0 is in the file, but cut away by an edit list.
    """
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as container:
        stream = container.add_stream(codec, rate=240, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pix_fmt
        stream.codec_context.time_base = Fraction(1, 240)
        for n, level in enumerate(levels):
            shape = (HEIGHT, WIDTH, 3)
            pixels = rng.integers(0, 256, shape, "u1") if level is None else np.full(shape, level)
            frame = av.VideoFrame.from_ndarray(pixels.astype("u1"), format="rgb24")
            frame = frame.reformat(format=pix_fmt)
            frame.pts, frame.time_base = n + start, Fraction(1, 240)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decode_all(path):
    with av.open(str(path)) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def levels_of(frames):
    return frames[:, 0, 0, 0].tolist()


@pytest.mark.parametrize(("gamma", "level"), [(ENCODED, 36), (GAMMA, 105)])
def test_an_average_is_as_computed_by_hand(gamma, level):
    # 255 / 7 = 36.4;  255 * (1 / 7) ** (1 / 2.2) = 105.3
    frames = torch.zeros(7, 3, 2, 2, dtype=torch.uint8)
    frames[3] = 255
    assert torch.equal(average_frames(frames, gamma), torch.full((3, 2, 2), level).byte())


@pytest.mark.parametrize("gamma", [ENCODED, GAMMA])
def test_the_average_of_equal_frames_is_that_frame(gamma):
    frame = torch.arange(256).byte().reshape(1, 16, 16).expand(3, 16, 16)
    assert torch.equal(average_frames(frame.expand(7, 3, 16, 16), gamma), frame)


@pytest.mark.parametrize(
    ("num_frames", "moments"),
    [
        (7, [0, 1, 2, 3, 4, 5, 6]),
        (9, [0, 1, 3, 4, 5, 7, 8]),
        (11, [0, 2, 3, 5, 7, 8, 10]),
        (13, [0, 2, 4, 6, 8, 10, 12]),
    ],
)
def test_moments_span_the_exposure_around_the_sharp_frame(tmp_path, num_frames, moments):
    write_sequence(tmp_path / "test/a", 2 * num_frames + 5)
    (video,) = open_gopro_all(tmp_path, "test", num_frames=num_frames)
    assert len(video) == 2
    assert levels_of(video.moments(0)) == moments
    assert levels_of(video.moments(1)) == [n + num_frames for n in moments]
    for index in range(2):
        assert torch.equal(video.moments(index)[3], video.sharp(index))
        assert torch.equal(video.blurred(index), video.sharp(index))  # the mean of its levels
    with pytest.raises(IndexError):
        video.blurred(2)


@pytest.mark.parametrize(
    ("name", "level"), [("gopro-all", 36), ("gopro-all-7", 36), ("gopro-all-gamma", 105)]
)
def test_kinds_of_gopro_all(tmp_path, name, level):
    for n in range(7):
        write_level(tmp_path / f"GOPRO_Large_all/train/GOPR0372_07_00/{n}.png", 255 * (n == 3))
    (video,) = open_dataset(name, tmp_path, "train")
    assert video.blurred(0).unique().tolist() == [level]
    assert video.sharp(0).unique().tolist() == [255]
    assert video.moments(0).shape == (7, 3, HEIGHT, WIDTH)
    assert torch.equal(pickle.loads(pickle.dumps(video)).moments(0), video.moments(0))


def test_gopro_all_averages_as_many_frames_as_the_name_says(tmp_path):
    for name in ("GOPR0372_07_00", "GOPR0374_11_03", "GOPR0378_13_00"):
        write_sequence(tmp_path / "train" / name, 13)
    assert [v.num_frames for v in open_dataset("gopro-all", tmp_path, "train")] == [7, 11, 13]
    assert [v.num_frames for v in open_dataset("gopro-all-7", tmp_path, "train")] == [7, 7, 7]
    for n in range(8):
        write_sequence(tmp_path / f"test/own{n}", 13)
    numbers = [v.num_frames for v in open_dataset("gopro-all", tmp_path, "test")]
    assert {7, 13} <= set(numbers) <= {7, 9, 11, 13}
    assert numbers == [v.num_frames for v in open_dataset("gopro-all", tmp_path, "test")]


def test_a_sequence_too_short_or_of_uneven_size_is_named(tmp_path):
    write_sequence(tmp_path / "train/GOPR0374_11_00", 10)
    with pytest.raises(DataError, match=r"'GOPR0374_11_00' has 10 frames, .* average of 11"):
        open_dataset("gopro-all", tmp_path, "train")
    write_level(tmp_path / "train/GOPR0374_11_00/000004.png", 0, (32, 16))
    (video,) = open_dataset("gopro-all-7", tmp_path, "train")
    with pytest.raises(DataError, match=r"000004.png' is 32x16, but .*000000.png' is 24x16"):
        video.blurred(0)


@pytest.mark.parametrize("num_frames", [5, 8])
def test_groups_have_a_middle_and_seven_moments(num_frames):
    with pytest.raises(ValueError, match="odd and at least 7"):
        AveragedVideo("a", VideoFile("a"), num_frames, GAMMA)


@pytest.mark.parametrize(
    ("name", "start", "options"),
    [
        ("libx264.mp4", 500, X264),
        ("libx264.mp4", -5, X264),
        ("libx264.mkv", 500, X264),
        ("libx264.ts", 500, X264),
        ("mpeg4.avi", 500, {"bf": "2", "g": "9"}),
        ("mjpeg.mov", 500, {}),
    ],
)
def test_frames_by_number_are_those_of_linear_decoding(tmp_path, name, start, options):
    codec = name.partition(".")[0]
    pix_fmt = {"mpeg4": "yuv420p", "mjpeg": "yuvj420p"}.get(codec, "yuv444p")
    path = write_video(
        tmp_path / name, [None] * 40, codec=codec, options=options, start=start, pix_fmt=pix_fmt
    )
    expected = decode_all(path)
    assert len(expected) == 40 + min(start, 0)
    file = VideoFile(path)
    assert file.count == len(expected)
    anywhere = random.Random(0).sample(range(29), 29)
    for start in [*range(0, 29, 7), *anywhere]:
        stop = start + 7 - start % 3
        assert torch.equal(file.read(start, stop), expected[start:stop])


def test_a_row_of_reads_is_one_pass_in_each_process(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", [None] * 40)
    file, opened, process, really_open = VideoFile(path), [], os.getpid(), video_file._open
    monkeypatch.setattr(video_file, "_open", lambda p: opened.append(p) or really_open(p))
    for start in (0, 7, 14, 21):
        file.read(start, start + 7)
    assert len(opened) == 2  # to list the frames, and to decode them
    monkeypatch.setattr(os, "getpid", lambda: process + 1)
    assert torch.equal(file.read(28, 35), decode_all(path)[28:35])
    assert len(opened) == 3


def test_frames_before_the_first_keyframe_are_not_counted(tmp_path):
    whole = write_video(tmp_path / "whole.mkv", [None] * 40)
    with av.open(str(whole)) as source, av.open(str(tmp_path / "cut.mkv"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
            if number >= 3:
                packet.stream = stream
                target.mux(packet)
    file = VideoFile(tmp_path / "cut.mkv")
    expected = decode_all(whole)[40 - file.count :]
    assert 25 < file.count < 37
    assert torch.equal(file.read(0, 7), expected[:7])
    assert torch.equal(file.read(file.count - 7, file.count), expected[-7:])


def test_high_speed_video_is_averaged_in_linear_light(tmp_path):
    levels = [0, 0, 0, 255, 0, 0, 0] + [100] * 7 + [7] * 6
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, levels, start=100)
    (video,) = open_dataset("high-speed", tmp_path, "train")
    assert (video.name, len(video)) == ("b.mp4", 2)
    for copy in (video, pickle.loads(pickle.dumps(video))):
        assert levels_of(copy.moments(0)) == levels[:7]
        assert copy.sharp(0).unique().tolist() == [255]
        assert copy.blurred(0).unique().tolist() == [105]
        assert torch.equal(copy.moments(1)[3], copy.sharp(1))
    (encoded,) = open_high_speed(tmp_path, "train", gamma=ENCODED)
    assert encoded.blurred(0).unique().tolist() == [36]


def test_every_tenth_video_file_is_for_testing(tmp_path):
    data = write_video(tmp_path / "clip1.mp4", [0] * 7).read_bytes()
    for n in range(2, 13):
        (tmp_path / f"clip{n}.mp4").write_bytes(data)
    test = [v.name for v in open_dataset("high-speed", tmp_path, "test")]
    assert test == ["clip1.mp4", "clip11.mp4"]
    train = [v.name for v in open_dataset("high-speed", tmp_path, "train")]
    assert train == [f"clip{n}.mp4" for n in (*range(2, 11), 12)]


def test_one_video_file_cannot_be_split(tmp_path):
    write_video(tmp_path / "a.mp4", [0] * 7)
    for split in ("train", "test"):
        with pytest.raises(DataError, match=r"there is one video in .*'a.mp4'"):
            open_dataset("high-speed", tmp_path, split)


def test_damaged_and_short_video_files_are_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    write_video(tmp_path / "b.mp4", [0] * 6)
    with pytest.raises(DataError, match=r"cannot open '.*a.mp4' as a video"):
        open_dataset("high-speed", tmp_path, "test")
    (video,) = open_dataset("high-speed", tmp_path, "train")
    with pytest.raises(DataError, match=r"'b.mp4' has 6 frames, .* average of 7"):
        len(video)


def test_frames_that_cannot_be_decoded_are_named(tmp_path):
    path = write_video(tmp_path / "a.mkv", [None] * 14, codec="ffv1", options={}, pix_fmt="bgr0")
    with av.open(str(path)) as source, av.open(str(tmp_path / "b.mkv"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
            copy = av.Packet(b"\xff" * 40 if number == 9 else bytes(packet))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.is_keyframe, copy.stream = packet.is_keyframe, stream
            target.mux(copy)
    file = VideoFile(tmp_path / "b.mkv")
    assert torch.equal(file.read(0, 7), decode_all(path)[:7])
    with pytest.raises(DataError, match=r"frames 7 to 13 of '.*b.mkv' cannot be decoded"):
        file.read(7, 14)
