"""Restorers of RGB: all planes change, by the file's own matrix, range and siting."""

import av
import numpy as np
import pytest
import torch

from vsdeblur.cli.main import main
from vsdeblur.errors import VideoError
from vsdeblur.frames.colour import MATRICES
from vsdeblur.stream import StreamOptions
from vsdeblur.stream.coding import frame_coding
from vsdeblur.stream.formats import read_planes, replace_planes

FFV1 = StreamOptions(codec="ffv1")
X264 = StreamOptions(encoder_options={"qp": "0"}, preset="ultrafast")

FORMATS = ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p12le"]
FORMATS += ["yuv411p", "yuv410p", "yuva420p", "gray", "gray10le"]


@pytest.mark.parametrize("pix_fmt", FORMATS)
def test_what_is_left_alone_keeps_every_code_value(
    tmp_path, pix_fmt, write_clip, read_clip, restored_rgb
):
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, count=3)
    target, stub = restored_rgb(source, FFV1)
    assert stub.windows == 3
    for before, after in zip(read_clip(source), read_clip(target), strict=True):
        assert after.frame.format.name == pix_fmt
        for plane, expected in zip(after.planes, before.planes, strict=True):
            np.testing.assert_array_equal(plane, expected)


@pytest.mark.parametrize(("width", "height"), [(65, 47), (63, 48)])
def test_odd_sizes_are_restored(tmp_path, width, height, write_clip, read_clip, restored_rgb):
    shapes = []

    def look(window):
        shapes.append(tuple(window.shape))
        return window

    source = write_clip(tmp_path / "in.mkv", codec="ffv1", size=(width, height), count=1)
    target, _ = restored_rgb(source, FFV1, change=look)
    assert shapes == [(1, 3, height, width)]
    for plane, same in zip(read_clip(target)[0].planes, read_clip(source)[0].planes, strict=True):
        np.testing.assert_array_equal(plane, same)


def flat_frame(values, pix_fmt, size):
    frame = av.VideoFrame(*size, pix_fmt)
    bits = frame.format.components[0].bits
    for plane, value in zip(frame.planes, values, strict=True):
        numbers = np.frombuffer(plane, np.uint8 if bits == 8 else np.uint16)
        numbers[:] = value
    return frame


def code_values(rgb, matrix, bits, *, full):
    red, blue = MATRICES[matrix]
    luma = red * rgb[0] + (1 - red - blue) * rgb[1] + blue * rgb[2]
    u, v = (rgb[2] - luma) / (1 - blue) / 2, (rgb[0] - luma) / (1 - red) / 2
    step = 1 << (bits - 8)
    if full:
        return [luma * (256 * step - 1), *(c * (256 * step - 1) + 128 * step for c in (u, v))]
    return [(16 + 219 * luma) * step, *((128 + 224 * c) * step for c in (u, v))]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize(
    ("named", "size", "matrix"),
    [(1, (64, 48), 1), (6, (64, 48), 6), (9, (64, 48), 9), (2, (64, 48), 6), (2, (1280, 32), 1)],
)
def test_colours_go_in_and_out_by_the_files_matrix_and_range(
    tmp_path, named, size, matrix, bits, full, write_clip, read_clip, restored_rgb
):
    colour, step = [0.6, 0.4, 0.3], torch.tensor([0.1, -0.05, 0.2])[:, None, None]
    pix_fmt = "yuv420p" if bits == 8 else "yuv420p10le"
    values = [round(value) for value in code_values(colour, matrix, bits, full=full)]

    def setup(stream):
        stream.codec_context.colorspace = named
        stream.codec_context.color_range = 2 if full else 1

    source = write_clip(
        tmp_path / "in.mkv", codec="ffv1", frames=[flat_frame(values, pix_fmt, size)], setup=setup,
        pix_fmt=pix_fmt,
    )  # fmt: skip
    seen = []

    def change(window):
        seen.append(window[0, :, 9, 9])
        return window + step

    target, _ = restored_rgb(source, FFV1, change=change)
    np.testing.assert_allclose(seen[0], colour, rtol=0, atol=0.006 if bits == 8 else 0.002)
    (after,) = read_clip(target)
    assert after.frame.colorspace == named
    expected = code_values([0.7, 0.35, 0.5], matrix, bits, full=full)
    for plane, value in zip(after.planes, expected, strict=True):
        assert np.abs(plane.astype("f8") - value).max() <= 1.01


@pytest.mark.parametrize("pix_fmt", ["nv12", "nv21", "p010le"])
def test_semi_planar_chroma_is_read_and_written_in_place(pix_fmt, noise_frame, plane_values):
    frame = noise_frame(1, (64, 48), pix_fmt)
    before = plane_values(frame)
    shift = 6 if pix_fmt == "p010le" else 0
    y, u, v = read_planes(frame)
    first, second = (v, u) if pix_fmt == "nv21" else (u, v)
    np.testing.assert_array_equal(first, before[1][:, ::2] >> shift)
    np.testing.assert_array_equal(second, before[1][:, 1::2] >> shift)
    replace_planes(frame, [y.copy() + 1, u.copy() + 2, v.copy() + 3])
    after = plane_values(frame)
    np.testing.assert_array_equal(after[0] >> shift, (before[0] >> shift) + 1)
    added = after[1].astype(int) - before[1]
    step = {"nv21": (3, 2)}.get(pix_fmt, (2, 3))
    assert (added[:, ::2] >> shift == step[0]).all()
    assert (added[:, 1::2] >> shift == step[1]).all()


def test_semi_planar_output_is_restored(tmp_path, write_clip, read_clip, restored_rgb):
    source = write_clip(tmp_path / "in.mp4", count=2)
    options = StreamOptions(pixel_format="nv12", encoder_options={"qp": "0"}, preset="ultrafast")
    target, _ = restored_rgb(source, options)
    for before, after in zip(read_clip(source), read_clip(target), strict=True):
        for plane, same in zip(after.planes, before.planes, strict=True):
            np.testing.assert_array_equal(plane, same)


def test_frames_are_numbered(tmp_path, write_clip, restored_rgb):
    _, stub = restored_rgb(write_clip(tmp_path / "in.mp4", count=4), X264)
    assert stub.numbers == [0, 1, 2, 3]


class Facts:
    """What is known of a file, as far as colour goes."""

    becomes_yuv = False
    full_range = False
    width, height = 64, 48
    pixel_format = "yuv420p"

    class first:  # noqa: N801
        colorspace = 1
        chroma_location = 0


def siting_of(location, *, name="yuv420p"):
    facts = Facts()
    facts.first = type("first", (), {"colorspace": 1, "chroma_location": location})
    facts.pixel_format = name
    return frame_coding(facts, "yuv420p", 3, torch.device("cpu"))._coding.siting


@pytest.mark.parametrize(
    ("location", "siting"),
    [(0, (0, 0.5)), (1, (0, 0.5)), (2, (0.5, 0.5)), (3, (0, 0)), (4, (0.5, 0)), (5, (0, 1)),
     (6, (0.5, 1))],
)  # fmt: skip
def test_chroma_lies_where_the_file_says(location, siting):
    assert siting_of(location) == siting


def test_old_full_range_formats_are_sited_as_in_jpeg():
    assert siting_of(0, name="yuvj420p") == (0.5, 0.5)


@pytest.mark.parametrize(("number", "name"), [(8, "YCgCo"), (14, "ICtCp"), (77, "number 77")])
def test_a_matrix_that_rgb_cannot_be_had_from_is_refused(number, name):
    facts = Facts()
    facts.first = type("first", (), {"colorspace": number, "chroma_location": 0})
    with pytest.raises(VideoError) as refused:
        frame_coding(facts, "yuv420p", 3, torch.device("cpu"))
    assert str(refused.value) == (
        f"the video's colour matrix ({name}) is none that this filter can restore in RGB; convert "
        "it to BT.709 or BT.2020 first, or use the filter dblrgan"
    )
    assert frame_coding(facts, "yuv420p", 1, torch.device("cpu")).luma.bits == 8


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_the_command_restores_a_video_with_brmr(
    tmp_path, pix_fmt, write_clip, read_clip, brmr_weights, capfd
):
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, count=2)
    target = tmp_path / "out.mkv"
    arguments = ["--filter", "brmr", "--weights", brmr_weights, "--max-iterations", "1"]
    arguments += ["--codec", "ffv1", "--device", "cpu"]
    assert main(["restore", str(source), str(target), *arguments]) == 0
    assert capfd.readouterr().out == ""
    for before, after in zip(read_clip(source), read_clip(target), strict=True):
        assert after.frame.format.name == pix_fmt
        for plane, original in zip(after.planes, before.planes, strict=True):
            assert (plane != original).mean() > 0.5


def test_the_command_refuses_an_option_of_another_filter(tmp_path, capfd):
    arguments = ["restore", "in.mp4", str(tmp_path / "out.mp4"), "--filter", "brmr"]
    assert main([*arguments, "--scene-threshold", "0.1"]) == 2
    assert "filter 'brmr' has no option --scene-threshold" in capfd.readouterr().err
    assert main([*arguments, "--regions", "0"]) == 2
    assert "regions must be a whole number from 1 to 64, got 0" in capfd.readouterr().err
