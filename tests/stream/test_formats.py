"""Only luma changes, in every pixel format; colour and geometry are described as before."""

import struct
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from av.sidedata.sidedata import Type

from vsdeblur.errors import VideoError
from vsdeblur.frames.device_streams import DeviceStreams
from vsdeblur.stream import StreamOptions
from vsdeblur.stream.coding import LumaFrames
from vsdeblur.stream.formats import (
    choose_format,
    convert_frame,
    luma_coding,
    natural_format,
    replace_planes,
)
from vsdeblur.stream.hdr import read_hdr
from vsdeblur.stream.scene_windows import SceneWindows

FFV1 = StreamOptions(codec="ffv1")
X264 = StreamOptions(encoder_options={"qp": "0"}, preset="ultrafast")
X265 = StreamOptions(
    codec="libx265", preset="ultrafast", encoder_options={"x265-params": "pools=1"}
)


def negative(window):
    return 1 - window[2:3]


def negative_codes(luma, bits, *, full):
    """What `negative` makes of code values."""
    return (1 << bits) - 1 - luma if full else (251 << (bits - 8)) - luma


def check_negative(source, target, bits, *, full=False):
    assert len(target) == len(source)
    for before, after in zip(source, target, strict=True):
        assert after.frame.format.name == before.frame.format.name
        expected = negative_codes(before.planes[0].astype(np.int64), bits, full=full)
        np.testing.assert_array_equal(after.planes[0], expected)
        for chroma_before, chroma_after in zip(before.planes[1:], after.planes[1:], strict=True):
            np.testing.assert_array_equal(chroma_after, chroma_before)


FFV1_FORMATS = [
    *(f"yuv{s}p{depth}" for s in (420, 422, 444) for depth in ("", "9le", "10le", "12le", "16le")),
    *("yuv420p14le", "yuv440p", "yuv411p", "yuv410p", "yuva420p", "yuva444p10le"),
    *("gray", "gray10le", "gray12le", "gray16le"),
]


@pytest.mark.parametrize("pix_fmt", FFV1_FORMATS)
def test_chroma_is_untouched_and_luma_exact_in_ffv1(
    tmp_path, pix_fmt, write_clip, read_clip, restored
):
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, count=4)
    target, _ = restored(source, FFV1, change=negative)
    bits = av.VideoFormat(pix_fmt).components[0].bits
    check_negative(read_clip(source), read_clip(target), bits)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "gray"])
def test_chroma_is_untouched_and_luma_exact_in_x264(
    tmp_path, pix_fmt, write_clip, read_clip, restored
):
    # Eight frames, with prediction between them: a write into the decoder's memory would show.
    source = write_clip(tmp_path / "in.mp4", pix_fmt=pix_fmt)
    target, _ = restored(source, X264, change=negative)
    check_negative(read_clip(source), read_clip(target), 8)


@pytest.mark.parametrize("pix_fmt", ["yuvj420p", "yuvj444p"])
def test_full_range_is_kept_and_used(tmp_path, pix_fmt, write_clip, read_clip, restored):
    def full(stream):
        stream.codec_context.color_range = 2

    source = write_clip(tmp_path / "in.mp4", pix_fmt=pix_fmt, setup=full)
    for options, suffix in ((X264, ".mp4"), (FFV1, ".mkv")):
        target, _ = restored(source, options, change=negative, suffix=suffix)
        before, after = read_clip(source), read_clip(target)
        assert {f.frame.color_range for f in after} == {2}
        for a, b in zip(before, after, strict=True):
            np.testing.assert_array_equal(b.planes[0], 255 - a.planes[0])
            np.testing.assert_array_equal(b.planes[1], a.planes[1])


@pytest.mark.parametrize(("width", "height"), [(65, 47), (63, 48), (64, 49)])
@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv420p", "yuv420p10le"])
def test_odd_sizes_are_kept(tmp_path, pix_fmt, width, height, write_clip, read_clip, restored):
    source = write_clip(
        tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, size=(width, height), count=3
    )
    target, _ = restored(source, FFV1, change=negative)
    check_negative(read_clip(source), read_clip(target), 10 if "10" in pix_fmt else 8)


def test_odd_sizes_go_to_x264_without_subsampling(
    tmp_path, write_clip, read_clip, restored, caplog
):
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", size=(65, 47), count=3)
    target, _ = restored(source, X264)
    assert "pixel format yuv420p becomes yuv444p" in caplog.text
    for before, after in zip(read_clip(source), read_clip(target), strict=True):
        np.testing.assert_array_equal(after.planes[0], before.planes[0])


def test_semi_planar_formats_are_restored(tmp_path, write_clip, read_clip, restored):
    source = write_clip(tmp_path / "in.mp4")
    options = StreamOptions(pixel_format="nv12", encoder_options={"qp": "0"}, preset="ultrafast")
    target, _ = restored(source, options, change=negative)
    check_negative(read_clip(source), read_clip(target), 8)


def test_p010_samples_are_read_and_written_in_the_high_bits(noise_frame, plane_values):
    # No container at hand stores p010; decoders on graphics cards deliver it.
    frame = noise_frame(1, (64, 48), "p010le")
    before = plane_values(frame)
    coding = LumaFrames(luma_coding("p010le", full_range=False), torch.device("cpu"))
    windows = SceneWindows(radius=0, luma=coding.luma, scene_threshold=None)
    picture = DeviceStreams(torch.device("cpu")).pending(coding.read(frame))
    ((same, window),) = windows.push(frame, picture)
    expected = ((before[0] >> 6).astype(np.float32) - 64) / 876
    np.testing.assert_allclose(window[0, 0].numpy(), expected, rtol=0, atol=1e-6)
    replace_planes(same, coding.encode(same, window[0], 1 - window[0]))
    after = plane_values(same)
    np.testing.assert_array_equal(after[0] >> 6, 1004 - (before[0] >> 6))
    np.testing.assert_array_equal(after[1], before[1])


def test_p010_becomes_planar_without_loss(noise_frame, plane_values):
    frame = noise_frame(1, (64, 48), "p010le")
    before, after = plane_values(frame), plane_values(convert_frame(frame, "yuv420p10le"))
    np.testing.assert_array_equal(after[0], before[0] >> 6)
    np.testing.assert_array_equal(after[1], before[1][:, 0::2] >> 6)
    np.testing.assert_array_equal(after[2], before[1][:, 1::2] >> 6)


@pytest.mark.parametrize("pix_fmt", ["bgra", "gbrp10le", "rgb24"])
def test_rgb_becomes_yuv_and_looks_the_same(tmp_path, pix_fmt, write_clip, read_clip, restored):
    codec, suffix = ("rawvideo", ".nut") if pix_fmt == "rgb24" else ("ffv1", ".mkv")
    source = write_clip(tmp_path / f"in{suffix}", codec=codec, pix_fmt=pix_fmt, count=2, options={})
    target, _ = restored(source, FFV1, suffix=".mkv")
    after = read_clip(target)
    expected = {"bgra": "yuva444p", "gbrp10le": "yuv444p10le", "rgb24": "yuv444p"}[pix_fmt]
    assert {f.frame.format.name for f in after} == {expected}
    assert {(f.frame.colorspace, f.frame.color_range) for f in after} == {(1, 1)}
    for a, b in zip(read_clip(source), after, strict=True):
        was = a.frame.to_ndarray(format="rgb24").astype(int)
        is_now = b.frame.reformat(
            format="rgb24", src_colorspace="ITU709", src_color_range=1, dst_color_range=2
        ).to_ndarray()
        assert np.abs(was - is_now).max() <= 3


def test_full_range_rgb_is_restored_as_the_limited_range_it_becomes(
    tmp_path, write_clip, read_clip, restored
):
    def full(stream):
        stream.codec_context.color_range = 2

    source = write_clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt="gbrp10le", count=2, setup=full)
    first = read_clip(source)[0]
    assert first.frame.color_range == 2
    seen = []

    def look(window):
        seen.append(window[2, 0].numpy().copy())
        return window[2:3]

    restored(source, FFV1, change=look)
    green, blue, red = (plane / 1023 for plane in first.planes)
    expected = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    np.testing.assert_allclose(seen[0], expected, rtol=0, atol=3 / 876)


def test_eight_bits_become_ten_if_asked(tmp_path, write_clip, read_clip, restored):
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", count=3)
    options = StreamOptions(codec="ffv1", pixel_format="yuv420p10le")

    def a_little_brighter(window):
        return window[2:3] + 0.25 / 219

    target, _ = restored(source, options, change=a_little_brighter)
    for before, after in zip(read_clip(source), read_clip(target), strict=True):
        np.testing.assert_array_equal(after.planes[0], before.planes[0].astype(int) * 4 + 1)
        np.testing.assert_array_equal(after.planes[1], before.planes[1].astype(int) * 4)


@pytest.mark.parametrize(
    ("wanted", "accepted", "chosen"),
    [
        ("yuv420p", ["yuv444p", "yuv420p"], "yuv420p"),
        ("yuvj420p", ["yuv420p", "yuv444p"], "yuv420p"),
        ("yuv420p10le", ["yuv420p", "nv12", "p010le", "yuv444p16le"], "p010le"),
        ("yuv420p12le", ["yuv420p", "yuv420p10le", "yuv444p10le"], "yuv420p10le"),
        ("yuv422p", ["yuv420p", "yuv444p"], "yuv444p"),
        ("gray", ["yuv420p", "yuv444p"], "yuv420p"),
        ("yuv420p", ["rgb24", "cuda"], None),
    ],
)
def test_the_encoders_nearest_format_is_chosen(wanted, accepted, chosen):
    assert choose_format(wanted, accepted) == chosen


@pytest.mark.parametrize(
    ("name", "natural"),
    [
        ("yuyv422", "yuv422p"),
        ("rgb24", "yuv444p"),
        ("pal8", "yuv444p"),
        ("rgb48le", "yuv444p16le"),
        ("gbrp12le", "yuv444p12le"),
        ("yuv420p10be", "yuv420p10le"),
        ("yuv444p10be", "yuv444p10le"),
        ("ya8", "gray"),
        ("gray16be", "gray16le"),
        ("p010le", "p010le"),
        ("xyz12le", "yuv444p12le"),
    ],
)
def test_formats_without_a_luma_plane_have_a_planar_twin(name, natural):
    assert natural_format(name) == natural


# Colour and geometry


def test_colour_is_described_as_before(tmp_path, write_clip, read_clip, restored):
    def describe(stream):
        context = stream.codec_context
        context.color_range, context.colorspace = 1, 6
        context.color_primaries, context.color_trc = 6, 4
        context.chroma_sample_location = 2

    source = write_clip(tmp_path / "in.mp4", setup=describe)
    for options, suffix in ((X264, ".mp4"), (X264, ".mkv"), (X265, ".mp4"), (FFV1, ".mkv")):
        target, _ = restored(source, options, suffix=suffix)
        frame = read_clip(target)[-1].frame
        assert (frame.color_range, frame.colorspace) == (1, 6)
        assert (frame.color_primaries, frame.color_trc) == (6, 4)
        assert frame.chroma_location == 2


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_pixel_shape_is_kept(tmp_path, suffix, write_clip, restored):
    def describe(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    source = write_clip(tmp_path / "in.mp4", setup=describe)
    target, _ = restored(source, X264, suffix=suffix)
    with av.open(str(target)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_rotation_is_kept(tmp_path, suffix, rotation, write_clip, read_clip, restored):
    source = write_clip(
        tmp_path / "in.mp4", setup=lambda stream: stream.set_display_rotation(rotation)
    )
    target, _ = restored(source, X264, suffix=suffix)
    before, after = read_clip(source)[0].frame, read_clip(target)[0].frame
    assert abs(before.rotation) == abs(rotation)
    assert after.rotation % 360 == before.rotation % 360


@pytest.fixture
def hdr_clip(tmp_path, write_clip):
    def describe(stream):
        context = stream.codec_context
        context.color_range, context.colorspace = 1, 9
        context.color_primaries, context.color_trc = 9, 16

    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    options = {
        "preset": "ultrafast",
        "x265-params": f"log-level=error:pools=1:hdr10=1:master-display={display}:max-cll=1000,400",
    }
    return write_clip(
        tmp_path / "in.mp4",
        codec="libx265",
        pix_fmt="yuv420p10le",
        count=4,
        setup=describe,
        options=options,
    )


@pytest.mark.parametrize("codec", ["libx265", "libx264", "libsvtav1"])
def test_hdr10_metadata_is_kept(tmp_path, codec, hdr_clip, read_clip, restored):
    options = StreamOptions(codec=codec, preset="10" if codec == "libsvtav1" else "ultrafast")
    target, _ = restored(hdr_clip, options)
    before, after = read_clip(hdr_clip)[0].frame, read_clip(target)[0].frame
    was, now = read_hdr(before), read_hdr(after)
    assert was.primaries is not None
    assert was.luminance == (Fraction(1, 200), 1000)
    assert now.light_level == was.light_level == (1000, 400)
    for a, b in zip(
        [*was.primaries, *was.luminance], [*now.primaries, *now.luminance], strict=True
    ):
        assert abs(a - b) <= Fraction(1, 10000) + a / 1000
    assert after.format.name == "yuv420p10le"
    assert (after.color_trc, after.color_primaries, after.colorspace) == (16, 9, 9)


def test_lost_hdr10_metadata_is_said(hdr_clip, restored, caplog):
    restored(hdr_clip, FFV1, suffix=".mkv")
    assert "ffv1 cannot keep HDR10 mastering metadata; libx265 can" in caplog.text


def test_captions_in_the_picture_are_kept(tmp_path, write_clip, read_clip, restored):
    """Side data of a frame goes with it: the user data that x264 writes is there to see it."""
    source = write_clip(tmp_path / "in.mp4", count=3)
    options = StreamOptions(preset="ultrafast", encoder_options={"udu_sei": "1"})
    target, _ = restored(source, options)
    before = bytes(read_clip(source)[0].frame.side_data[Type.SEI_UNREGISTERED])
    found = [
        bytes(data) for data in read_clip(target)[0].frame.side_data[0:] if data.type.value == 20
    ]
    assert before in found


def test_a_format_no_encoder_takes_is_refused(tmp_path, write_clip, restored):
    source = write_clip(tmp_path / "in.mp4", count=2)
    with pytest.raises(VideoError, match="takes no format in which yuv420p can be kept"):
        restored(source, StreamOptions(codec="png"), suffix=".mov")


def test_hdr_numbers_are_read_as_ffmpeg_lays_them_out():
    side_data = {
        Type.MASTERING_DISPLAY_METADATA: struct.pack("=22i", *range(1, 21), 1, 1),
        Type.CONTENT_LIGHT_LEVEL: struct.pack("=2I", 1000, 400),
    }
    hdr = read_hdr(SimpleNamespace(side_data=side_data))
    assert hdr.primaries[0] == Fraction(1, 2)
    assert hdr.luminance == (Fraction(17, 18), Fraction(19, 20))
    assert hdr.light_level == (1000, 400)
