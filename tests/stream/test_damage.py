"""Damaged files: what can be read is."""

from fractions import Fraction

import av
import numpy as np
import pytest

from vsdeblur.stream import StreamOptions

FFV1 = StreamOptions(codec="ffv1")
X264 = StreamOptions(encoder_options={"qp": "0"}, preset="ultrafast")


@pytest.fixture
def damaged_clip(tmp_path, write_clip):
    """Makes PNG pictures in QuickTime, of which those with the given numbers are cut short."""

    def make(damaged):
        whole = write_clip(tmp_path / "whole.mov", codec="png", pix_fmt="gray", count=20)
        path = tmp_path / "damaged.mov"
        with av.open(str(whole)) as source, av.open(str(path), "w") as container:
            stream = container.add_stream_from_template(source.streams[0], opaque=True)
            packets = [packet for packet in source.demux() if packet.size]
            for number, packet in enumerate(packets):
                copy = av.Packet(b"damaged" if number in damaged else bytes(packet))
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.is_keyframe, copy.stream, copy.duration = True, stream, packet.duration
                container.mux(copy)
        return path

    return make


def test_damaged_frames_are_held_and_counted(damaged_clip, caplog, read_clip, restored):
    source = damaged_clip({5, 6, 11})
    target, result = restored(source, FFV1, suffix=".mkv")
    assert result.frames_out == 20
    assert not result.whole
    assert "damaged: 3 frames could not be decoded, where the one before is held, " in caplog.text
    assert "from 0:00:00.20 on; 17 frames came" in caplog.text
    assert result.warnings == (caplog.messages[-1],)
    frames = read_clip(target)
    assert [f.pts for f in frames] == [i * 40 for i in range(20)]
    for number in (5, 6, 11):
        np.testing.assert_array_equal(frames[number].planes[0], frames[number - 1].planes[0])
    assert (frames[7].planes[0] != frames[6].planes[0]).any()


def test_many_damaged_frames_in_a_row_are_passed_over(damaged_clip, read_clip, restored):
    for damaged in (range(5, 15), range(15), range(10, 20)):
        target, result = restored(damaged_clip(damaged), FFV1, suffix=".mkv")
        assert result.frames_in == result.frames_out
        assert f"{len(damaged)} frames could not be decoded" in result.warnings[0]
        first = 15 if 0 in damaged else 0  # before the first picture nothing can be held
        assert [f.pts for f in read_clip(target)] == [i * 40 for i in range(first, 20)]


def test_restoring_goes_on_after_a_change_of_size(tmp_path, write_clip, read_clip, restored):
    small = write_clip(tmp_path / "a.h264", count=4)
    large = write_clip(tmp_path / "b.h264", count=4, size=(96, 64))
    source = tmp_path / "in.h264"
    source.write_bytes(small.read_bytes() + large.read_bytes())
    target, result = restored(source, X264, suffix=".mkv")
    frames = read_clip(target)
    assert {(f.frame.width, f.frame.height) for f in frames} == {(64, 48)}
    assert len(frames) == 8
    assert "picture changes from 64x48 yuv420p to 96x64 yuv420p" in result.warnings[0]
    assert "at 0:00:00.16; the pictures are fitted to the first" in result.warnings[0]


def test_a_broadcast_that_becomes_wider_is_fitted_from_that_frame_on(
    tmp_path, write_clip, read_clip, restored
):
    parts = []
    for name, ratio in (("a.ts", 1), ("b.ts", 2)):

        def shape(stream, ratio=ratio):
            stream.codec_context.sample_aspect_ratio = Fraction(ratio)

        whites = [av.VideoFrame(64, 48, "yuv420p") for _ in range(4)]
        for frame in whites:
            for plane, value in zip(frame.planes, (235, 128, 128), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
        parts.append(write_clip(tmp_path / name, frames=whites, setup=shape))
    source = tmp_path / "in.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    target, result = restored(source, X264, suffix=".mkv")
    assert "changes from 64x48 yuv420p with pixels of 1:1 to 64x48 yuv420p with pixels of 2:1 at " \
        "0:00:00.16" in result.warnings[0]  # fmt: skip
    tops = [int(frame.planes[0][:12].mean()) for frame in read_clip(target)]
    middles = [int(frame.planes[0][13:35].mean()) for frame in read_clip(target)]
    assert tops == [235] * 4 + [16] * 4
    assert middles == [235] * 8
