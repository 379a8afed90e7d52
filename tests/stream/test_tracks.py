"""What is not the picture is copied."""

from fractions import Fraction

import av
import pytest

from vsdeblur.stream import StreamOptions

MS = Fraction(1, 1000)
X264 = StreamOptions(encoder_options={"qp": "0"}, preset="ultrafast")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_sound_is_copied_bit_for_bit(tmp_path, suffix, write_clip, read_packets, restored):
    source = write_clip(tmp_path / f"in{suffix}", sound_at=0)
    target, _ = restored(source, X264)
    assert len(read_packets(source, "audio")) >= 12
    assert read_packets(target, "audio") == read_packets(source, "audio")


@pytest.fixture
def subtitles(tmp_path):
    path = tmp_path / "words.srt"
    path.write_text("1\n00:00:00,040 --> 00:00:00,200\nBonjour\n\n", encoding="utf-8")
    return path


def test_subtitles_are_copied_with_their_language(
    tmp_path, subtitles, write_clip, read_packets, restored
):
    source = write_clip(tmp_path / "in.mkv", subtitles=subtitles)
    target, _ = restored(source, X264)
    assert read_packets(target, "subtitle") == read_packets(source, "subtitle")
    with av.open(str(target)) as container:
        assert container.streams.subtitles[0].language in ("fra", "fre")


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "mov_text"), (".webm", "webvtt")])
def test_text_is_converted_to_what_the_container_holds(
    tmp_path, suffix, codec, subtitles, write_clip, restored
):
    source = write_clip(tmp_path / "in.mkv", subtitles=subtitles)
    options = X264 if suffix == ".mp4" else StreamOptions(codec="libvpx-vp9")
    target, _ = restored(source, options, suffix=suffix)
    with av.open(str(target)) as container:
        stream = container.streams.subtitles[0]
        assert stream.codec_context.codec.canonical_name == codec
        assert stream.language in ("fra", "fre")
        said = [(p.pts * p.time_base, p.duration * p.time_base, bytes(p)) for p in container.demux()
                if p.size > 2 and p.stream.type == "subtitle"]  # fmt: skip
    assert [(float(start), float(length)) for start, length, _ in said] == [(0.04, 0.16)]
    assert b"Bonjour" in said[0][2]


def test_metadata_chapters_and_attachments_are_kept(tmp_path, write_clip, restored):
    chapter = {"id": 1, "start": 0, "end": 200, "time_base": MS, "metadata": {"title": "One"}}

    def describe(container):
        container.metadata["title"] = "Concert"
        container.set_chapters([chapter])
        container.add_attachment("font.ttf", "font/ttf", b"letters")
        container.streams[0].disposition = 1 | 4  # default, original
        container.streams[0].metadata["title"] = "Left camera"

    source = write_clip(tmp_path / "in.mkv", container_setup=describe)
    target, _ = restored(source, X264)
    with av.open(str(target)) as container:
        assert container.metadata["title"] == "Concert"
        assert container.chapters()[0]["metadata"] == {"title": "One"}
        assert container.streams[0].metadata["title"] == "Left camera"
        assert container.streams[0].disposition == 1 | 4
        assert container.streams.attachments[0].data == b"letters"


def test_cover_art_is_copied_and_not_restored(tmp_path, write_clip, noise_frame, restored):
    bare = write_clip(tmp_path / "bare.mp4")
    source = tmp_path / "in.mp4"
    with av.open(str(bare)) as plain, av.open(str(source), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 80, 80, "yuvj420p"
        cover.disposition = 1024  # attached picture
        film = container.add_stream_from_template(plain.streams[0], opaque=True)
        picture = noise_frame(0, (80, 80), "yuvj420p")
        container.mux([*cover.encode(picture), *cover.encode(None)])
        for packet in plain.demux():
            if packet.size:
                packet.stream = film
                container.mux(packet)
    target, result = restored(source, X264)
    assert result.frames_out == 8
    with av.open(str(target)) as container:
        covers = [s for s in container.streams.video if s.disposition & 1024]
        assert [(s.width, s.height) for s in covers] == [(80, 80)]


PHONE = {
    "creation_time": "2024-05-01T10:11:12.000000Z",
    "com.apple.quicktime.creationdate": "2024-05-01T12:11:12+0200",
    "com.apple.quicktime.make": "Apple",
}


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("twice", [False, True])
def test_the_dates_of_a_phone_are_there_once(tmp_path, write_clip, restored, suffix, twice):
    source = write_clip(
        tmp_path / "in.mov",
        container_setup=lambda container: container.metadata.update(PHONE),
        container_options={"movflags": "use_metadata_tags"},
    )
    if not twice:  # as phones write it: the date in the header, the rest as keys
        data = source.read_bytes()
        source.write_bytes(data.replace(b"mdtacreation_time", b"mdtaxreation_time"))
    target, _ = restored(source, X264, suffix=suffix)
    with av.open(str(target)) as container:
        assert {key: container.metadata[key] for key in PHONE} == PHONE
        assert container.streams[0].metadata["creation_time"] == PHONE["creation_time"]


def test_avi_has_the_date_where_it_has_one(tmp_path, write_clip, restored):
    date = {"creation_time": PHONE["creation_time"]}
    source = write_clip(
        tmp_path / "in.mov", container_setup=lambda container: container.metadata.update(date)
    )
    target, _ = restored(source, X264, suffix=".avi")
    with av.open(str(target)) as container:
        assert container.metadata["date"] == PHONE["creation_time"]
