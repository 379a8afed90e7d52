"""Sound and subtitles: which are kept, and in what codec."""

from fractions import Fraction

import av
import numpy as np
import pytest

from vsdeblur.errors import OptionError, VideoError
from vsdeblur.stream import StreamOptions, plan_file, restore_file
from vsdeblur.stream.track_choice import TrackChoice, parse_track_choices

X264 = {"encoder_options": {"qp": "0"}, "preset": "ultrafast"}
TRACKS = (("aac", "eng"), ("ac3", "deu"), ("pcm_s16le", "deu"))

LANGUAGES = [*(language for _, language in TRACKS), "eng", "fra"]


@pytest.fixture
def source(tmp_path, write_clip):
    """A film with three tracks of sound and two of subtitles."""
    film = write_clip(tmp_path / "film.mkv", count=25)
    path = tmp_path / "in.mkv"
    with av.open(str(film)) as clip, av.open(str(path), "w") as container:
        video = container.add_stream_from_template(clip.streams[0], opaque=True)
        sounds = [container.add_stream(codec, rate=48000) for codec, _ in TRACKS]
        texts = [container.add_mux_stream("subrip", time_base=Fraction(1, 1000)) for _ in "ab"]
        for stream, language in zip([*sounds, *texts], LANGUAGES, strict=True):
            stream.metadata["language"] = language
        for packet in clip.demux():
            if packet.size:
                packet.stream = video
                container.mux(packet)
        for sound in sounds:
            _sing(container, sound)
        for text in texts:
            line = av.Packet(b"Bonjour")
            line.pts = line.dts = 40
            line.duration, line.time_base, line.stream = 400, Fraction(1, 1000), text
            container.mux(line)
    return path


def _sing(container, stream):
    tone = np.sin(np.arange(48000) / 10).astype(np.float32)
    resampler = av.AudioResampler(
        stream.codec_context.format.name, "stereo", 48000, stream.codec_context.frame_size or 1024
    )
    frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    for each in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(each))
    container.mux(stream.encode(None))


def tracks_of(path):
    with av.open(str(path)) as container:
        return [
            (stream.codec_context.name, stream.metadata.get("language"))
            for stream in container.streams
            if stream.type != "video"
        ]


@pytest.mark.parametrize(
    ("audio", "subtitles", "wanted"),
    [
        ("all", "all", [*TRACKS, ("srt", "eng"), ("srt", "fra")]),
        ("none", "none", []),
        ("deu", "2", [("ac3", "deu"), ("pcm_s16le", "deu"), ("srt", "fra")]),
        ("3,1", "none", [("aac", "eng"), ("pcm_s16le", "deu")]),
        ("1:flac,deu", "none", [("flac", "eng"), ("ac3", "deu"), ("pcm_s16le", "deu")]),
        ("all:opus@64k", "eng:ass", [("opus", "eng"), ("opus", "deu"), ("opus", "deu"),
                                     ("ssa", "eng")]),
        ("1:aac,2:copy", "all:srt", [("aac", "eng"), ("ac3", "deu"), ("srt", "eng"),
                                     ("srt", "fra")]),
    ],
)  # fmt: skip
def test_tracks_are_those_that_are_chosen(source, restored, caplog, audio, subtitles, wanted):
    options = StreamOptions(**X264, audio=audio, subtitles=subtitles)
    target, result = restored(source, options)
    assert tracks_of(target) == wanted
    assert result.warnings == ()


def test_a_track_in_the_codec_that_is_wanted_is_copied(source, restored, read_packets):
    only = restored(source, StreamOptions(**X264, audio="1", subtitles="none"), suffix=".mka")[0]
    same = restored(source, StreamOptions(**X264, audio="1:aac", subtitles="none"))[0]
    assert [data for _, data in read_packets(same, "audio")] == [
        data for _, data in read_packets(only, "audio")
    ]


def test_sound_has_the_bit_rate_that_is_wanted(source, restored, read_packets):
    sizes = []
    for rate in ("32k", "192k"):
        options = StreamOptions(**X264, audio=f"3:libmp3lame@{rate}", subtitles="none")
        target, _ = restored(source, options)
        sizes.append(sum(len(data) for _, data in read_packets(target, "audio")))
    # A second of it, the frames at its ends aside.
    assert sizes[0] == pytest.approx(32_000 / 8, rel=0.15)
    assert sizes[1] == pytest.approx(192_000 / 8, rel=0.15)


def test_the_plan_says_what_is_chosen(tmp_path, source, make_restorer):
    options = StreamOptions(**X264, audio="1,2:aac@96k", subtitles="none")
    lines = plan_file(source, tmp_path / "out.mp4", make_restorer(), options).lines()
    assert lines == [
        "video track 0 (h264): restored, encoded with libx264 (qp=0)",
        "audio track 1 (aac, eng): copied",
        "audio track 2 (ac3, deu): converted to aac at 96 kbit/s",
        "audio track 3 (pcm_s16le, deu): left out, it is not chosen",
        "subtitle track 1 (srt, eng): left out, it is not chosen",
        "subtitle track 2 (srt, fra): left out, it is not chosen",
    ]


@pytest.mark.parametrize(
    ("suffix", "options", "refusal"),
    [
        (".mkv", {"audio": "4"},
         "there is no audio track '4'; the source has 1 (eng), 2 (deu), 3 (deu)"),
        (".mkv", {"audio": "1,spa"},
         "there is no audio track 'spa'; the source has 1 (eng), 2 (deu), 3 (deu)"),
        (".mkv", {"subtitles": "3"},
         "there is no subtitle track '3'; the source has 1 (eng), 2 (fra)"),
        (".webm", {"audio": "1:aac", "codec": "libvpx-vp9", "encoder_options": {}, "preset": None},
         "audio track 1 (aac, eng) cannot become aac in webm; use another codec or container"),
        (".mp4", {"subtitles": "1:copy"},
         "subtitle track 1 (srt, eng) cannot be copied to mp4; leave the codec open"),
    ],
)  # fmt: skip
def test_what_cannot_be_chosen_is_refused(
    tmp_path, source, make_restorer, suffix, options, refusal
):
    with pytest.raises(VideoError) as refused:
        restore_file(
            source, tmp_path / f"out{suffix}", make_restorer(), StreamOptions(**X264 | options)
        )
    assert str(refused.value) == refusal
    assert not (tmp_path / f"out{suffix}").exists()


@pytest.mark.parametrize(
    ("kind", "text", "refusal"),
    [
        ("audio", "1;2", "audio choice '1;2' is not understood; give all, none, or numbers"),
        ("audio", "", "audio choice '' is not understood"),
        ("audio", "1:copy@96k", "is not understood"),
        ("subtitle", "1:srt@96k", "subtitle choice '1:srt@96k' is not understood"),
        ("audio", "1:libx264", "'libx264' encodes video, not audio; use aac, libopus"),
        ("audio", "1:foo", "unknown audio encoder 'foo'; use aac, libopus, flac or ac3"),
        ("subtitle", "1:aac", "'aac' encodes audio, not subtitle; use srt, ass"),
        ("audio", "1:aac@5", "a bit rate of 5 is not possible; give bits a second, such as 192k"),
        ("audio", "1:aac@1.2.3k", "a bit rate of 1.2.3k is not possible"),
    ],
)
def test_a_choice_that_is_none_is_refused(kind, text, refusal):
    with pytest.raises(OptionError) as refused:
        parse_track_choices(text, kind)
    assert refusal in str(refused.value)
    assert "\n" not in str(refused.value)


def test_of_two_choices_that_fit_the_first_counts():
    choices = parse_track_choices("2:aac,all", "audio")
    assert choices == (TrackChoice(track="2", encoder="aac"), TrackChoice(track="all"))


def test_slow_motion_stretches_what_is_chosen_in_the_codec_that_is_chosen(
    tmp_path, source, make_restorer
):
    restorer = make_restorer(lambda window: window[2:3].repeat(2, 1, 1, 1))
    restorer.multiplier = 2
    stretched = {"slow_motion": True, "stretch_audio": True, "subtitles": "none"}
    target = tmp_path / "out.mkv"
    restore_file(source, target, restorer, StreamOptions(**X264, **stretched, audio="2:flac"))
    assert tracks_of(target) == [("flac", "deu")]
