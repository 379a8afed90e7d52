"""The `brmr` filter, frame by frame: formats, colours, outputs, properties, sizes."""

import numpy as np
import pytest
import torch
import vapoursynth as vs

from vsdeblur import brmr, load_restorer

YUV_FORMATS = ["YUV420P8", "YUV422P8", "YUV444P8", "YUV420P10", "YUV444P16", "YUV420PH", "YUV444PS"]
GRAY_FORMATS = ["GRAY8", "GRAY16", "GRAYH", "GRAYS"]
RGB_FORMATS = ["RGB24", "RGB30", "RGB48", "RGBH", "RGBS"]
every_format = pytest.mark.parametrize("name", YUV_FORMATS + GRAY_FORMATS + RGB_FORMATS)

MATRICES = {vs.MATRIX_BT709: (0.2126, 0.0722), vs.MATRIX_ST170_M: (0.299, 0.114)}


def facts(clip):
    return clip.format.id, clip.width, clip.height, clip.num_frames, clip.fps


def smooth_clip(make_clip, name, properties=None, length=2, size=(48, 64)):
    """A clip without fine colour, which resampled chroma would lose, of any format."""
    rgb = [
        [0.3 + 0.3 * np.sin((np.add.outer(np.arange(size[0]), np.arange(size[1])) + 9 * c + n) / 25)
         for c in range(3)]
        for n in range(length)
    ]  # fmt: skip
    rgb = [[plane.astype("f4") for plane in frame] for frame in rgb]
    source = make_clip(rgb, vs.RGBS)
    video_format = vs.core.get_video_format(getattr(vs, name))
    matrix = {} if video_format.color_family == vs.RGB else {"matrix": vs.MATRIX_BT709}
    clip = source.resize.Bicubic(format=video_format.id, **matrix)
    for n, props in enumerate(properties or []):
        clip = clip if n else clip.std.SetFrameProps(**props)
    return clip


@every_format
def test_format_size_length_and_rate_stay(make_noise, tiny_brmr, name):
    clip = make_noise(getattr(vs, name), length=2).std.AssumeFPS(fpsnum=30000, fpsden=1001)
    restored = tiny_brmr(clip)
    assert facts(restored) == facts(clip)
    frame = restored.get_frame(1)
    assert (frame.format.id, frame.width, frame.height) == (clip.format.id, 32, 24)


@every_format
def test_properties_and_alpha_stay_and_the_filters_own_are_added(
    make_noise, frames_of, tiny_brmr, name
):
    alpha = make_noise(vs.GRAY8, length=2)
    properties = [{"Number": n, "Name": f"frame {n}"} for n in range(2)]
    clip = make_noise(getattr(vs, name), length=2, properties=properties)
    clip = clip.std.ClipToProp(alpha, prop="_Alpha")
    for n, frame in enumerate(frames_of(tiny_brmr(clip))):
        source = clip.get_frame(n)
        props = dict(frame.props)
        added = {name: props.pop(name) for name in list(props) if name.startswith("BRMR")}
        np.testing.assert_array_equal(props.pop("_Alpha")[0], alpha.get_frame(n)[0])
        expected = dict(source.props)
        del expected["_Alpha"]
        assert props == expected
        assert added.keys() >= {"BRMRIterations", "BRMRSharpness", "BRMRSharpnessInput"}


@every_format
def test_a_picture_that_is_left_alone_comes_back(make_clip, stubbed_brmr, planes_of, name):
    clip = smooth_clip(make_clip, name)
    restored = stubbed_brmr(patch=torch.zeros_like)(clip)
    integer = clip.format.sample_type == vs.INTEGER
    atol = 1 << max(0, clip.format.bits_per_sample - 10) if integer else 2e-3
    for plane, original in zip(
        planes_of(restored.get_frame(1)), planes_of(clip.get_frame(1)), strict=True
    ):
        assert plane.dtype == original.dtype
        difference = np.abs(plane.astype("f8") - original.astype("f8"))
        assert difference.max() <= atol


@pytest.mark.parametrize("name", ["YUV444P8", "RGB24", "GRAY8", "RGBS", "YUV444P16"])
def test_what_the_filter_gives_is_what_the_restorer_gives(make_clip, brmr_options, planes_of, name):
    clip = smooth_clip(make_clip, name)
    matrix = {} if name.startswith("RGB") else {"matrix_in": vs.MATRIX_BT709}
    rgb = clip.resize.Bicubic(format=vs.RGBS, **matrix)
    frame = torch.from_numpy(np.stack(planes_of(rgb.get_frame(1))))
    result = load_restorer("brmr", **brmr_options).analyse(frame)
    restored = brmr(clip, **brmr_options).resize.Bicubic(format=vs.RGBS, **matrix)
    given = np.stack(planes_of(restored.get_frame(1)))
    expected = result.restored.numpy()
    if name == "GRAY8":
        expected = np.tensordot([0.2126, 0.7152, 0.0722], expected, 1)[None]
    assert np.abs(expected - frame.numpy()).max() > 4 / 255
    atol = 1e-6 if name == "RGBS" else 2.5 / 255
    np.testing.assert_allclose(given, np.broadcast_to(expected, given.shape), rtol=0, atol=atol)


# Colour


def yuv_of(rgb, matrix, *, full, bits=8):
    """Code values of a colour by the definition of its matrix and range."""
    red, blue = MATRICES[matrix]
    luma = red * rgb[0] + (1 - red - blue) * rgb[1] + blue * rgb[2]
    chroma = [(rgb[2] - luma) / (2 - 2 * blue), (rgb[0] - luma) / (2 - 2 * red)]
    scale = 1 << (bits - 8)
    if full:
        peak = 256 * scale - 1
        return [luma * peak, *(c * peak + 128 * scale for c in chroma)]
    return [(16 + 219 * luma) * scale, *((128 + 224 * c) * scale for c in chroma)]


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", list(MATRICES))
def test_yuv_goes_in_and_out_by_its_own_matrix_and_range(
    make_clip, stubbed_brmr, planes_of, matrix, full, bits
):
    colour, changed = [0.6, 0.4, 0.3], [0.7, 0.4, 0.5]
    dtype = "u1" if bits == 8 else "u2"
    planes = [
        np.full((24, 32), value).round().astype(dtype)
        for value in yuv_of(colour, matrix, full=full, bits=bits)
    ]
    seen = []

    def image(pictures):
        seen.append(pictures.clone())
        return (torch.tensor(changed) - torch.tensor(colour))[None, :, None, None].expand_as(
            pictures
        )

    name = vs.YUV444P8 if bits == 8 else vs.YUV444P10
    clip = make_clip([planes], name, [{"_Matrix": matrix, "_Range": int(full)}])
    restored = planes_of(stubbed_brmr(image=image, patch=torch.zeros_like)(clip).get_frame(0))
    np.testing.assert_allclose(seen[0][0, :, 5, 5], colour, rtol=0, atol=0.006)
    expected = yuv_of(changed, matrix, full=full, bits=bits)
    for plane, value in zip(restored, expected, strict=True):
        assert np.abs(plane.astype("f8") - value).max() <= 1.01


@pytest.mark.parametrize(
    ("width", "height", "matrix"),
    [
        (720, 576, vs.MATRIX_ST170_M),
        (1280, 16, vs.MATRIX_BT709),
        (16, 720, vs.MATRIX_BT709),
    ],
)
@pytest.mark.parametrize("properties", [{}, {"_Matrix": 2}])
def test_an_unknown_matrix_goes_by_the_size(
    make_clip, stubbed_brmr, width, height, matrix, properties
):
    values = yuv_of([0.6, 0.4, 0.3], matrix, full=False)
    planes = [np.full((height, width), value).round().astype("u1") for value in values]
    seen = []
    clip = make_clip([planes], vs.YUV444P8, [properties])
    filtered = stubbed_brmr(image=lambda p: seen.append(p.clone()) or torch.zeros_like(p))
    frame = filtered(clip, max_iterations=0).get_frame(0)
    np.testing.assert_allclose(seen[0][0, :, 5, 5], [0.6, 0.4, 0.3], rtol=0, atol=0.006)
    assert dict(frame.props).get("_Matrix") == properties.get("_Matrix")
    for index, plane in enumerate(planes):
        np.testing.assert_allclose(np.asarray(frame[index]), plane, rtol=0, atol=1)


def test_each_frame_keeps_its_own_matrix_and_range(make_clip, frames_of, stubbed_brmr, planes_of):
    properties = [{"_Matrix": m, "_Range": r} for m in MATRICES for r in (0, 1)]
    frames = [[np.full((24, 32), v, "u1") for v in (120 + n, 100, 150)] for n in range(4)]
    clip = make_clip(frames, vs.YUV444P8, properties)
    for n, frame in enumerate(frames_of(stubbed_brmr(patch=torch.zeros_like)(clip))):
        assert {k: frame.props[k] for k in properties[n]} == properties[n]
        for plane, original in zip(planes_of(frame), frames[n], strict=True):
            np.testing.assert_allclose(plane, original, rtol=0, atol=1)


@pytest.mark.parametrize("siting", [vs.CHROMA_LEFT, vs.CHROMA_CENTER, vs.CHROMA_TOP_LEFT])
def test_chroma_stays_where_it_is_sited(make_clip, stubbed_brmr, planes_of, siting):
    # A ramp of chroma is moved by half a step if it goes out by another siting than it came in.
    ramp = np.broadcast_to(np.linspace(60, 200, 32), (24, 32)).astype("u1")
    frame = [np.full((48, 64), 120, "u1"), ramp, ramp[:, ::-1]]
    clip = make_clip([frame], vs.YUV420P8, [{"_ChromaLocation": siting, "_Matrix": 1}])
    restored = planes_of(stubbed_brmr(patch=torch.zeros_like)(clip).get_frame(0))
    for plane, original in zip(restored, frame, strict=True):
        error = plane.astype("f8") - original.astype("f8")
        assert abs(error[:, 4:-4].mean()) < 0.25
        assert np.abs(error).max() <= 2


# Outputs


@pytest.mark.parametrize("name", ["YUV420P8", "GRAY16", "RGB24", "RGBS"])
def test_heat_map_is_a_grays_clip_with_the_critics_map(make_noise, brmr_options, planes_of, name):
    clip = make_noise(
        getattr(vs, name), 64, 48, length=2, properties=[{"Number": n} for n in (0, 1)]
    )
    heatmap = brmr(clip, output="heatmap", **brmr_options)
    assert facts(heatmap) == (vs.GRAYS, 64, 48, 2, clip.fps)
    frame = heatmap.get_frame(1)
    matrix = {} if name.startswith("RGB") else {"matrix_in": vs.MATRIX_ST170_M}
    rgb = clip.resize.Bicubic(format=vs.RGBS, **matrix).get_frame(1)
    picture = torch.from_numpy(np.stack(planes_of(rgb)))
    expected, sharpness = load_restorer("brmr", **brmr_options).heatmap(picture)
    np.testing.assert_array_equal(planes_of(frame)[0], expected.numpy())
    assert 0 <= expected.min() < expected.max() <= 1
    assert frame.props["BRMRSharpnessInput"] == sharpness
    assert frame.props["Number"] == 1
    assert "BRMRIterations" not in frame.props


@pytest.mark.parametrize("name", ["YUV420P8", "YUV420P10", "RGB24", "RGBS"])
def test_heat_map_is_a_mask_for_masked_merge(make_noise, tiny_brmr, planes_of, name):
    clip = make_noise(getattr(vs, name), 64, 48, length=1)
    heatmap = tiny_brmr(clip, output="heatmap")
    bits, kind = clip.format.bits_per_sample, clip.format.sample_type
    grey = vs.core.query_video_format(vs.GRAY, kind, bits, 0, 0).id
    mask = heatmap.resize.Bicubic(format=grey, range=vs.RANGE_FULL)
    restored = tiny_brmr(clip)
    merged = clip.std.MaskedMerge(restored, mask, first_plane=True)
    planes = [planes_of(c.get_frame(0))[0].astype("f8") for c in (clip, restored, merged)]
    share = planes_of(heatmap.get_frame(0))[0]
    expected = planes[0] + share * (planes[1] - planes[0])
    atol = 1e-5 if kind == vs.FLOAT else 2
    np.testing.assert_allclose(planes[2], expected, rtol=0, atol=atol)


def test_mask_shows_the_refined_windows(make_clip, stubbed_brmr, planes_of):
    clip = make_clip([[np.full((256, 256), 0.5, "f4")] * 3], vs.RGBS)
    filtered = stubbed_brmr()
    frame = filtered(clip, output="mask", max_iterations=1, feather=0).get_frame(0)
    expected = np.zeros((256, 256))
    left, top, width, height = frame.props["BRMRWindows"]
    expected[top : top + height, left : left + width] = 1
    assert expected.mean() == 0.25
    np.testing.assert_array_equal(planes_of(frame)[0], expected)


@pytest.mark.parametrize("name", ["YUV420P8", "RGB24"])
def test_overlay_is_a_picture_in_the_clips_format(make_noise, tiny_brmr, planes_of, name):
    clip = make_noise(getattr(vs, name), 64, 48, length=1)
    overlay = tiny_brmr(clip, output="overlay")
    assert facts(overlay) == facts(clip)
    shown = planes_of(overlay.get_frame(0))[0].astype("f8")
    assert np.abs(shown - planes_of(clip.get_frame(0))[0]).mean() > 10


def test_properties_tell_how_the_frame_came_about(make_clip, stubbed_brmr):
    clip = make_clip([[np.full((256, 320), 0.5, "f4")] * 3], vs.RGBS)
    filtered = stubbed_brmr()
    props = filtered(clip, max_iterations=3).get_frame(0).props
    assert props["BRMRIterations"] == 3
    assert len(props["BRMRWindows"]) == 12
    assert props["BRMRWindows"][:4] == [0, 0, 128, 128]
    assert props["BRMRSharpness"] > props["BRMRSharpnessInput"]
    props = filtered(clip, max_iterations=0).get_frame(0).props
    assert props["BRMRIterations"] == 0
    assert "BRMRWindows" not in props


@pytest.mark.parametrize("name", ["YUV420P8", "YUV420P10", "GRAY8", "RGB24", "YUV444PS"])
def test_frames_that_are_sharp_enough_pass_untouched(make_noise, tiny_brmr, planes_of, name):
    clip = make_noise(getattr(vs, name), length=1, properties=[{"Number": 3}])
    frame = tiny_brmr(clip, skip_above=0.0).get_frame(0)
    for plane, original in zip(planes_of(frame), planes_of(clip.get_frame(0)), strict=True):
        np.testing.assert_array_equal(plane, original)
    assert frame.props["BRMRIterations"] == 0
    assert frame.props["BRMRSharpness"] == frame.props["BRMRSharpnessInput"] > 0
    assert frame.props["Number"] == 3
    assert not [name for name in frame.props if name.startswith("_VSDeblur")]


# Sizes


@pytest.mark.parametrize(
    ("name", "width", "height"),
    [
        ("RGB24", 16, 16),
        ("YUV420P8", 32, 32),
        ("GRAY8", 17, 19),
        ("YUV444P8", 33, 130),
        ("YUV422P8", 258, 17),
        ("RGBS", 300, 200),
    ],
)
def test_any_size_from_16x16_is_taken(make_noise, tiny_brmr, planes_of, name, width, height):
    clip = make_noise(getattr(vs, name), width, height, length=1)
    planes = planes_of(tiny_brmr(clip).get_frame(0))
    assert planes[0].shape == (height, width)
    assert (planes[0] != planes_of(clip.get_frame(0))[0]).mean() > 0.5


# Manners


def test_nothing_is_printed_to_stdout(make_noise, frames_of, tiny_brmr, capfd):
    frames_of(tiny_brmr(make_noise(vs.YUV420P8)))
    assert capfd.readouterr().out == ""


@pytest.mark.needs_gpu
def test_cuda_gives_the_cpus_picture(make_noise, planes_of):
    # With the packaged weights: those made here change a picture by 15 times its range, and half
    # precision is a thousandth of that off. Without rounds of mining: a window may be another one.
    clip = make_noise(vs.RGBS, 256, 128, length=1).std.BoxBlur(hradius=3, vradius=3)
    expected = planes_of(brmr(clip, device="cpu", precision="fp32", max_iterations=0).get_frame(0))
    restored = planes_of(brmr(clip, device="cuda", max_iterations=0).get_frame(0))
    np.testing.assert_allclose(restored, expected, rtol=0, atol=1 / 255)
