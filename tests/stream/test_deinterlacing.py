"""Interlaced video: pictures are made of its fields, at their times, in every container."""

from fractions import Fraction

import av
import numpy as np
import pytest

from vsdeblur.cli.main import main
from vsdeblur.errors import OptionError, VideoError
from vsdeblur.stream import StreamOptions, plan_file, restore_file
from vsdeblur.stream.deinterlacing import Deinterlacing
from vsdeblur.stream.excerpt import ExcerptRequest
from vsdeblur.stream.positions import Position

FIELDS, SIZE, STEP = 24, (128, 64), 4
"""Of the clips; and the columns that their bar moves on from field to field."""
FIELD, FRAME = Deinterlacing(rate="field"), Deinterlacing(rate="frame")


def moment(index):
    """The picture at the time of a field: a bar that moves over a slanted ramp, (H, W)."""
    width, height = SIZE
    picture = np.add.outer(np.arange(height) / 2, np.arange(width) / 4) + 60
    picture[:, STEP * index + 8 : STEP * index + 20] = 220
    return picture.astype(np.uint8)


def woven(top_first):
    """Frames of which each field is another moment's, marked as interlaced by the encoder."""
    for number in range(FIELDS // 2):
        first, second = moment(2 * number), moment(2 * number + 1)
        frame = first.copy()
        frame[int(top_first) :: 2] = second[int(top_first) :: 2]
        yield number, frame


def write_interlaced(path, codec, *, top_first=True, marked=True, sound=False):
    """A clip as cameras (AVCHD: H.264) and broadcasters (DVB: MPEG-2) make them."""
    options = {
        "libx264": {"qp": "0", "preset": "ultrafast", "bf": "2",
                    "x264-params": f"{'tff' if top_first else 'bff'}=1"},
        "mpeg2video": {"q": "1", "qmin": "1", "bf": "2", "top": str(int(top_first))},
        "ffv1": {},
    }[codec]  # fmt: skip
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options if marked else {"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        if marked:
            stream.codec_context.field_order = 2 if top_first else 3
            stream.codec_context.flags |= (1 << 18) | (1 << 29)  # interlaced DCT and motion
        tone = container.add_stream("ac3", rate=48000) if sound else None
        for number, picture in woven(top_first):
            frame = av.VideoFrame(*SIZE, "yuv420p")
            rows = np.frombuffer(frame.planes[0], np.uint8).reshape(SIZE[1], -1)
            rows[:, : SIZE[0]] = picture
            for plane in frame.planes[1:]:
                plane.update(bytes([128]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            frame = interlaced(frame, top_first) if marked else frame
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            for index in range(30):
                silence = av.AudioFrame("fltp", "stereo", 1536)
                for plane in silence.planes:
                    plane.update(bytes(plane.buffer_size))
                silence.sample_rate, silence.pts = 48000, 1536 * index
                silence.time_base = Fraction(1, 48000)
                container.mux(tone.encode(silence))
            container.mux(tone.encode(None))
    return path


def interlaced(frame, top_first):
    """The frame, marked."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    mark = graph.add("setfield", "tff" if top_first else "bff")
    graph.link_nodes(source, mark, graph.add("buffersink")).configure()
    graph.push(frame)
    return graph.pull()


def bars(frames):
    """Where the bar's middle is in each frame."""
    lumas = [frame.planes[0].astype(int) for frame in frames]
    return [float(np.nonzero((luma > 170).mean(0) > 0.5)[0].mean()) for luma in lumas]


def wanted_bars(step=1):
    return [STEP * index + 13.5 for index in range(0, FIELDS, step)]


CAMERAS = [(".mts", "libx264"), (".ts", "mpeg2video"), (".mkv", "libx264"), (".mp4", "libx264")]


@pytest.mark.parametrize(("suffix", "codec"), CAMERAS)
@pytest.mark.parametrize("top_first", [True, False])
def test_each_field_becomes_a_picture_at_its_time(
    tmp_path, restored, read_clip, suffix, codec, top_first
):
    source = write_interlaced(tmp_path / f"in{suffix}", codec, top_first=top_first)
    with av.open(str(source)) as container:
        assert all(frame.interlaced_frame for frame in container.decode(video=0))
    target, result = restored(source, StreamOptions(codec="ffv1", deinterlace=FIELD), suffix=".mkv")
    frames = read_clip(target)
    assert result.frames_out == len(frames) == FIELDS
    assert not any(frame.frame.interlaced_frame for frame in frames)
    start = frames[0].seconds
    times = [float(frame.seconds - start) for frame in frames]
    assert times == pytest.approx([index / 50 for index in range(FIELDS)], abs=0.0011)
    # Inside, where there is a field before and one behind.
    assert bars(frames)[1:-1] == pytest.approx(wanted_bars()[1:-1], abs=1.0)
    for number in range(2, FIELDS - 2):
        error = np.abs(frames[number].planes[0].astype(int) - moment(number))
        assert error.mean() < 3  # a frame as it came is 9 off, and more at the bar


@pytest.mark.parametrize(("suffix", "codec"), CAMERAS)
def test_each_frame_becomes_a_picture_of_its_first_field(
    tmp_path, restored, read_clip, suffix, codec
):
    source = write_interlaced(tmp_path / f"in{suffix}", codec)
    target, result = restored(source, StreamOptions(codec="ffv1", deinterlace=FRAME), suffix=".mkv")
    frames = read_clip(target)
    assert result.frames_out == len(frames) == FIELDS // 2
    times = [float(frame.seconds - frames[0].seconds) for frame in frames]
    assert times == pytest.approx([index / 25 for index in range(FIELDS // 2)], abs=0.0011)
    assert bars(frames)[1:-1] == pytest.approx(wanted_bars(2)[1:-1], abs=1.0)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".avi", ".ts"])
@pytest.mark.parametrize(("deinterlace", "rate"), [(FIELD, 50), (FRAME, 25)])
def test_every_container_has_the_rate_the_times_and_the_sound(
    tmp_path, restored, read_packets, suffix, deinterlace, rate
):
    source = write_interlaced(tmp_path / "in.mts", "libx264", sound=True)
    options = StreamOptions(
        preset="ultrafast", encoder_options={"qp": "0"}, deinterlace=deinterlace
    )
    target, result = restored(source, options, suffix=suffix)
    assert result.whole
    assert result.frames_out == FIELDS * rate // 50
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == rate
        frames = list(container.decode(stream))
    times = [float(frame.time) - float(frames[0].time) for frame in frames]
    assert times == pytest.approx([index / rate for index in range(len(frames))], abs=0.0011)
    assert not any(frame.interlaced_frame for frame in frames)
    sound = [data for _, data in read_packets(source, "audio")]
    assert [data for _, data in read_packets(target, "audio")] == sound


def test_without_it_frames_are_kept_and_marked_as_they_were(tmp_path, restored, read_clip, caplog):
    source = write_interlaced(tmp_path / "in.mts", "libx264")
    target, _ = restored(
        source, StreamOptions(preset="ultrafast", encoder_options={"qp": "0"}), suffix=".mkv"
    )
    assert all(frame.frame.interlaced_frame for frame in read_clip(target))
    assert "--deinterlace makes pictures of its fields" in caplog.text


def test_what_is_not_marked_is_deinterlaced_only_if_its_order_is_given(
    tmp_path, restored, read_clip, caplog
):
    source = write_interlaced(tmp_path / "in.mkv", "libx264", top_first=False, marked=False)
    left, _ = restored(source, StreamOptions(codec="ffv1", deinterlace=FIELD))
    assert len(read_clip(left)) == FIELDS // 2
    for frame, (_, same) in zip(read_clip(left), woven(top_first=False), strict=True):
        np.testing.assert_array_equal(frame.planes[0], same)
    assert "--field-order top (or bottom) deinterlaces all" in caplog.text
    caplog.clear()
    given = Deinterlacing(rate="field", order="bottom")
    target, _ = restored(source, StreamOptions(codec="ffv1", deinterlace=given))
    assert bars(read_clip(target))[1:-1] == pytest.approx(wanted_bars()[1:-1], abs=1.0)
    assert "marked" not in caplog.text


def test_a_pause_is_kept_and_the_second_field_comes_before_it(tmp_path, restored, read_clip):
    steady = write_interlaced(tmp_path / "steady.mkv", "libx264")
    source = tmp_path / "in.mkv"
    with av.open(str(steady)) as clip, av.open(str(source), "w") as container:
        stream = container.add_stream_from_template(clip.streams[0], opaque=True)
        for packet in clip.demux():
            if packet.size:
                late = 5000 if packet.pts >= 240 else 0  # a pause of 5 s before frame 6
                packet.pts, packet.dts = packet.pts + late, packet.dts + late
                packet.stream = stream
                container.mux(packet)
    target, _ = restored(source, StreamOptions(codec="ffv1", deinterlace=FIELD))
    times = [float(frame.seconds) for frame in read_clip(target)]
    wanted = [index / 50 + (5 if index >= 12 else 0) for index in range(FIELDS)]
    assert times == pytest.approx(wanted, abs=0.0011)


def test_a_part_begins_and_ends_with_its_frames(tmp_path, restored, read_clip):
    source = write_interlaced(tmp_path / "in.mkv", "libx264")
    part = ExcerptRequest(start=Position(frames=4), duration=Position(frames=5))
    target, result = restored(source, StreamOptions(codec="ffv1", deinterlace=FIELD, part=part))
    frames = read_clip(target)
    assert result.frames_out == len(frames) == 10
    assert bars(frames) == pytest.approx(wanted_bars()[8:18], abs=1.0)
    assert frames[0].seconds == 0


def test_where_a_frame_cannot_be_decoded_the_others_keep_their_times(tmp_path, restored, read_clip):
    whole = write_interlaced(tmp_path / "whole.mkv", "ffv1")
    source = tmp_path / "in.mkv"
    with av.open(str(whole)) as clip, av.open(str(source), "w") as container:
        stream = container.add_stream_from_template(clip.streams[0], opaque=True)
        for number, packet in enumerate(p for p in clip.demux() if p.size):
            copy = av.Packet(b"damaged" if number == 6 else bytes(packet))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.duration, copy.is_keyframe, copy.stream = packet.duration, True, stream
            container.mux(copy)
    target, result = restored(source, StreamOptions(codec="ffv1", deinterlace=FIELD))
    assert not result.whole
    times = [float(frame.seconds) for frame in read_clip(target)]
    wanted = [index / 50 for index in range(FIELDS) if index not in (12, 13)]
    assert times == pytest.approx(wanted, abs=0.0011)


def test_windows_are_of_pictures_not_of_frames(tmp_path, make_restorer):
    source = write_interlaced(tmp_path / "in.mkv", "libx264")
    restorer = make_restorer()
    restore_file(
        source, tmp_path / "out.mkv", restorer, StreamOptions(codec="ffv1", deinterlace=FIELD)
    )
    assert restorer.numbers == list(range(FIELDS))


def test_the_plan_says_so(tmp_path, make_restorer):
    source = write_interlaced(tmp_path / "in.mts", "libx264")
    plan = plan_file(
        source, tmp_path / "out.mkv", make_restorer(), StreamOptions(deinterlace=FIELD)
    )
    assert plan.lines() == [
        "video track 0 (h264): restored, deinterlaced, a picture for each field"
    ]


def test_what_is_no_rate_or_order_is_refused():
    with pytest.raises(OptionError, match="rate of deinterlacing 'both'; choose one of: field, f"):
        Deinterlacing(rate="both")
    with pytest.raises(OptionError, match="order of deinterlacing 'up'; choose one of: auto, top"):
        Deinterlacing(order="up")


def test_a_picture_is_not_deinterlaced(tmp_path, make_restorer):
    from PIL import Image

    Image.new("RGB", (32, 32)).save(tmp_path / "in.png")
    with pytest.raises(VideoError, match="is a picture, which is not deinterlaced"):
        restore_file(
            tmp_path / "in.png", tmp_path / "out.png", make_restorer(),
            StreamOptions(deinterlace=FIELD),
        )  # fmt: skip


def test_an_order_without_deinterlacing_is_refused(tmp_path, capsys):
    (tmp_path / "in.mkv").write_bytes(b"x")
    files = [str(tmp_path / "in.mkv"), str(tmp_path / "out.mkv")]
    assert main(["restore", *files, "--field-order", "top"]) == 2
    assert "--field-order top is for --deinterlace; give both" in capsys.readouterr().err
