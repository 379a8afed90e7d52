"""What becomes of each track is settled before the first frame."""

from fractions import Fraction

import av
import numpy as np
import pytest

from vsdeblur.errors import VideoError
from vsdeblur.stream import StreamOptions, plan_file, restore_file

X264 = StreamOptions(encoder_options={"qp": "0"}, preset="ultrafast")


def add_track(path, source, codec, suffix=None, **settings):
    """The clip with a further track of sound in a file of its own."""
    with av.open(str(source)) as clip, av.open(str(path), "w") as container:
        video = container.add_stream_from_template(clip.streams[0], opaque=True)
        sound = container.add_stream(codec, rate=48000)
        for name, value in settings.items():
            setattr(sound.codec_context, name, value)
        container.start_encoding()
        for packet in clip.demux():
            if packet.size:
                packet.stream = video
                container.mux(packet)
        kind = sound.codec_context.format.name
        samples = np.zeros(
            (2, 4800) if kind.endswith("p") else (1, 9600), "f4" if "flt" in kind else "i2"
        )
        frame = av.AudioFrame.from_ndarray(samples, kind, "stereo")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux([*sound.encode(frame), *sound.encode(None)])
    return path


@pytest.fixture
def clip(tmp_path, write_clip):
    return write_clip(tmp_path / "clip.mp4", count=6)


@pytest.fixture
def with_sound(tmp_path, clip):
    def make(suffix, codec, **settings):
        return add_track(tmp_path / f"sound{suffix}", clip, codec, **settings)

    return make


def tracks_of(path):
    with av.open(str(path)) as container:
        return [s.codec_context.codec.canonical_name for s in container.streams]


@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
@pytest.mark.parametrize("target", [".mp4", ".mov"])
def test_pcm_whose_channels_have_no_places_is_taken_for_stereo(
    with_sound, restored, read_packets, suffix, target
):
    source = with_sound(suffix, "pcm_s16le")
    written, result = restored(source, X264, suffix=target)
    assert result.frames_out == 6
    assert tracks_of(written) == ["h264", "pcm_s16le"]
    samples = [
        b"".join(data for _, data in read_packets(path, "audio")) for path in (source, written)
    ]
    assert samples[0] == samples[1]


def test_sound_that_the_container_does_not_hold_is_encoded(with_sound, restored, caplog):
    source = with_sound(".mkv", "pcm_s16le")
    caplog.set_level("INFO")
    written, _ = restored(source, StreamOptions(codec="libvpx-vp9"), suffix=".webm")
    assert tracks_of(written) == ["vp9", "opus"]
    assert "audio track 1 (pcm_s16le) becomes libopus" in caplog.text
    with av.open(str(written)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples == pytest.approx(4800, abs=1100)


def test_a_transport_stream_does_not_take_sound_as_data(with_sound, restored):
    written, _ = restored(with_sound(".mkv", "pcm_s16le"), X264, suffix=".ts")
    assert tracks_of(written) == ["h264", "aac"]


def test_avi_does_not_take_sound_that_it_cannot_time(with_sound, restored):
    written, _ = restored(with_sound(".mkv", "libopus"), X264, suffix=".avi")
    assert tracks_of(written) == ["h264", "aac"]


def test_text_that_no_form_of_fits_is_refused(tmp_path, clip, write_clip, make_restorer):
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,040 --> 00:00:00,200\nBonjour\n\n", encoding="utf-8")
    source = write_clip(tmp_path / "in.mkv", subtitles=words)
    with pytest.raises(VideoError, match=r"\(srt, fra\) cannot be stored in mpegts; write \.mkv"):
        restore_file(source, tmp_path / "out.ts", make_restorer(), X264)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_packets_shorter_than_a_unit_do_not_run_away(
    tmp_path, clip, restored, read_packets, suffix
):
    source = tmp_path / "short.mkv"
    with av.open(str(clip)) as film, av.open(str(source), "w") as container:
        video = container.add_stream_from_template(film.streams[0], opaque=True)
        sound = container.add_stream("ac3", rate=48000)
        container.start_encoding()
        for packet in film.demux():
            if packet.size:
                packet.stream = video
                container.mux(packet)
        frame = av.AudioFrame("fltp", "stereo", 1536)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts = 48000, 0
        content = bytes(sound.encode(frame)[0])
        for number in range(240):
            packet = av.Packet(content)
            packet.pts = packet.dts = number
            packet.duration, packet.time_base, packet.stream = 1, Fraction(1, 1200), sound
            container.mux(packet)
    target, _ = restored(source, X264, suffix=suffix)
    last = read_packets(target, "audio")[-1][0]
    assert last == pytest.approx(239 / 1200, abs=0.003)


def picture_subtitles(path, clip):
    """The clip with subtitles that are pictures."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as container:
        video = container.add_stream_from_template(source.streams[0], opaque=True)
        text = container.add_mux_stream("hdmv_pgs_subtitle", time_base=Fraction(1, 1000))
        for packet in source.demux():
            if packet.size:
                packet.stream = video
                container.mux(packet)
        nothing_shown = "16000b0040003010000080000000800000"  # composition, end
        packet = av.Packet(bytes.fromhex(nothing_shown))
        packet.pts = packet.dts = 0
        packet.time_base, packet.stream = Fraction(1, 1000), text
        container.mux(packet)
    return path


def test_what_cannot_be_kept_is_refused_with_the_container_that_can(
    tmp_path, clip, make_restorer, restored
):
    source = picture_subtitles(tmp_path / "in.mkv", clip)
    with pytest.raises(VideoError) as refused:
        restore_file(source, tmp_path / "out.mp4", make_restorer(), X264)
    assert str(refused.value) == (
        "subtitle track 1 (pgssub) cannot be stored in mp4; write .mkv, or allow losing it with "
        "--drop"
    )
    assert not (tmp_path / "out.mp4").exists()
    assert tracks_of(restored(source, X264, suffix=".mkv")[0]) == ["h264", "hdmv_pgs_subtitle"]


def test_what_may_be_lost_is_named(tmp_path, clip, make_restorer, caplog):
    source = picture_subtitles(tmp_path / "in.mkv", clip)
    options = StreamOptions(preset="ultrafast", drop=True)
    result = restore_file(source, tmp_path / "out.mp4", make_restorer(), options)
    said = "subtitle track 1 (pgssub) is left out: it cannot be stored in mp4"
    assert result.warnings == (said,)
    assert caplog.messages == [said]
    assert tracks_of(tmp_path / "out.mp4") == ["h264"]


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_a_timecode_is_made_anew(tmp_path, write_clip, restored, suffix):
    def stamp(container):
        container.streams[0].metadata["timecode"] = "01:02:03:04"

    source = write_clip(tmp_path / "in.mov", count=4, container_setup=stamp)
    with av.open(str(source)) as container:
        assert [s.type for s in container.streams] == ["video", "data"]
    target, result = restored(source, X264, suffix=suffix)
    assert result.warnings == ()
    with av.open(str(target)) as container:
        assert [s.type for s in container.streams] == ["video", "data"]
        assert container.streams[0].metadata["timecode"] == "01:02:03:04"


def test_the_plan_names_each_track_and_writes_nothing(tmp_path, with_sound, make_restorer):
    source = with_sound(".mkv", "pcm_s16le")
    plan = plan_file(
        source, tmp_path / "out.webm", make_restorer(), StreamOptions(codec="libvpx-vp9")
    )
    assert plan.lines() == [
        "video track 0 (h264): restored",
        "audio track 1 (pcm_s16le): converted to libopus",
    ]
    assert not (tmp_path / "out.webm").exists()


def test_a_muxer_that_fails_at_its_trailer_fails_before_the_first_frame(
    tmp_path, clip, make_restorer, monkeypatch
):
    from vsdeblur.stream import pipeline

    def fail(self):
        raise VideoError("no trailer")

    monkeypatch.setattr(pipeline.Writer, "finish", fail)
    restorer = make_restorer()
    with pytest.raises(VideoError, match="no trailer"):
        restore_file(clip, tmp_path / "out.mp4", restorer, X264)
    assert restorer.windows == 0


def test_statistics_of_the_old_file_are_not_copied(tmp_path, write_clip, restored):
    def describe(container):
        for name in ("BPS", "NUMBER_OF_FRAMES", "_STATISTICS_TAGS", "DURATION-eng", "title"):
            container.streams[0].metadata[name] = "old"

    source = write_clip(tmp_path / "in.mkv", count=3, container_setup=describe)
    target, _ = restored(source, X264)
    with av.open(str(target)) as container:
        metadata = container.streams[0].metadata
        assert "old" not in {value for key, value in metadata.items() if key != "title"}
        assert metadata["title"] == "old"


@pytest.mark.parametrize("codec", ["ffv1", "prores_ks"])
def test_alpha_is_kept_where_the_encoder_can(
    tmp_path, write_clip, noise_frame, read_clip, restored, codec
):
    frames = [noise_frame(i, (64, 48), "rgba") for i in range(2)]
    source = write_clip(tmp_path / "in.mov", codec="png", pix_fmt="rgba", frames=frames, options={})
    options = StreamOptions(codec=codec)
    target, _ = restored(source, options, suffix=".mkv" if codec == "ffv1" else ".mov")
    alpha = read_clip(source)[0].frame.to_ndarray(format="rgba")[..., 3].astype(int)
    kept = read_clip(target)[0].frame.to_ndarray(format="rgba")[..., 3].astype(int)
    assert np.abs(alpha - kept).max() <= 1


@pytest.fixture
def see_through(tmp_path, write_clip, noise_frame):
    frames = [noise_frame(0, (64, 48), "rgba")]
    return write_clip(tmp_path / "in.mov", codec="png", pix_fmt="rgba", frames=frames, options={})


@pytest.mark.parametrize(
    ("suffix", "keepers"),
    [
        (".mp4", "ffv1 to .mkv, or prores_ks to .mov"),
        (".mkv", "ffv1 or libvpx-vp9"),
        (".mov", "prores_ks"),
    ],
)
def test_alpha_is_not_lost_unasked(tmp_path, see_through, make_restorer, suffix, keepers):
    with pytest.raises(VideoError) as refused:
        restore_file(see_through, tmp_path / f"out{suffix}", make_restorer(), X264)
    assert str(refused.value) == (
        f"libx264 cannot keep alpha; use --codec {keepers}, or allow losing it with --drop"
    )


@pytest.mark.parametrize("allowed", [{"drop": True}, {"pixel_format": "yuv444p"}])
def test_alpha_that_may_be_lost_is_named(see_through, restored, caplog, allowed):
    restored(see_through, StreamOptions(preset="ultrafast", **allowed))
    assert "libx264 cannot keep alpha, which is lost; prores_ks can" in caplog.text


def test_alpha_that_nothing_shows_through_is_no_reason_to_refuse(
    tmp_path, write_clip, noise_frame, restored, caplog
):
    opaque = av.VideoFrame.from_ndarray(np.full((48, 64, 4), 255, np.uint8), format="rgba")
    source = write_clip(
        tmp_path / "in.mov", codec="png", pix_fmt="rgba", frames=[opaque], options={}
    )
    restored(source, X264)
    assert "libx264 cannot keep alpha, which is lost; prores_ks can" in caplog.text


def test_an_attachment_is_not_lost_unasked(tmp_path, write_clip, make_restorer, restored):
    source = write_clip(
        tmp_path / "in.mkv",
        container_setup=lambda each: each.add_attachment("font.ttf", "font/ttf", b"letters"),
    )
    with pytest.raises(
        VideoError,
        match=r"attachment track 1 \(font\.ttf\) cannot be stored in mp4; write \.mkv, or",
    ):
        restore_file(source, tmp_path / "out.mp4", make_restorer(), X264)
    _, result = restored(source, StreamOptions(preset="ultrafast", drop=True), suffix=".mp4")
    assert result.warnings == (
        "attachment track 1 (font.ttf) is left out: it cannot be stored in mp4",
    )


def test_alpha_of_vp9_is_seen_and_kept(tmp_path, write_clip, noise_frame, restored):
    frames = [noise_frame(i, (64, 48), "yuva420p") for i in range(3)]
    vp9 = {"codec": "libvpx-vp9", "pix_fmt": "yuva420p", "options": {"lossless": "1"}}
    source = write_clip(
        tmp_path / "in.webm", frames=frames, **vp9,
        setup=lambda stream: stream.metadata.update(alpha_mode="1"),
    )  # fmt: skip
    target, _ = restored(
        source, StreamOptions(codec="libvpx-vp9", encoder_options={"lossless": "1"})
    )
    with av.open(str(target)) as container:
        stream = container.streams[0]
        assert [v for k, v in stream.metadata.items() if k.lower() == "alpha_mode"] == ["1"]
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        packet = next(packet for packet in container.demux(stream) if packet.size)
        first = decoder.decode(packet)[0]
    assert first.format.name == "yuva420p"
    alpha = np.frombuffer(first.planes[3], np.uint8).reshape(48, -1)[:, :64]
    wanted = np.frombuffer(frames[0].planes[3], np.uint8).reshape(48, -1)[:, :64]
    np.testing.assert_array_equal(alpha, wanted)


def test_an_avi_has_the_frame_rate_and_no_empty_frames(with_sound, restored):
    target, result = restored(with_sound(".mp4", "aac"), X264, suffix=".avi")
    with av.open(str(target)) as container:
        stream = container.streams[0]
        assert stream.average_rate == 25
        assert [p.dts for p in container.demux(stream) if p.size] == list(range(6))
        assert stream.frames == result.frames_out == 6


def test_frames_of_an_avi_with_b_frames_come_at_their_times(
    tmp_path, write_clip, read_clip, restored
):
    options = {"bf": "3", "b-adapt": "0", "g": "12", "qp": "0"}
    whole = write_clip(tmp_path / "in.mkv", count=30, options=options)
    source = tmp_path / "in.avi"
    with av.open(str(whole)) as clip, av.open(str(source), "w") as container:
        stream = container.add_stream_from_template(clip.streams[0], opaque=True)
        for number, packet in enumerate(p for p in clip.demux() if p.size):
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = Fraction(1, 25), stream
            container.mux(packet)
    target, _ = restored(source, X264, suffix=".mkv")
    frames, wanted = read_clip(target), read_clip(whole)
    assert [f.seconds for f in frames] == [Fraction(i, 25) for i in range(30)]
    for frame, other in zip(frames, wanted, strict=True):
        np.testing.assert_array_equal(frame.planes[0], other.planes[0])
