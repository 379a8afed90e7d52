"""Damaged files: what can be read is."""

import av
import pytest

from vsdeblur.errors import VideoError
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


def test_damaged_frames_are_skipped_and_counted(damaged_clip, caplog, read_clip, restored):
    source = damaged_clip({5, 6, 11})
    target, result = restored(source, FFV1, suffix=".mkv")
    assert result.frames_out == 17
    assert "3 damaged packet(s) gave no picture and are lost" in caplog.text
    pts = [f.pts for f in read_clip(target)]
    assert pts == [i * 40 for i in range(20) if i not in (5, 6, 11)]


def test_many_damaged_frames_in_a_row_are_an_error(damaged_clip, restored):
    source = damaged_clip(range(5, 15))
    with pytest.raises(VideoError, match="is damaged after frame 5: 9 packets in a row"):
        restored(source, FFV1, suffix=".mkv")


def test_a_change_of_size_is_refused(tmp_path, write_clip, restored):
    small = write_clip(tmp_path / "a.h264", count=4)
    large = write_clip(tmp_path / "b.h264", count=4, size=(96, 64))
    source = tmp_path / "in.h264"
    source.write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.raises(VideoError, match="size changes from 64x48 to 96x64 at frame 4"):
        restored(source, X264, suffix=".mkv")
    assert not (tmp_path / "restored.mkv").exists()
