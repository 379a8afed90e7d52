"""The VapourSynth filter, picture by picture: formats, luma, chroma, properties, colours."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import vapoursynth as vs

import vsdeblur
from vsdeblur import dblrgan, load_restorer
from vsdeblur.frames.luma import LumaCoding

LUMA_FORMATS = [
    "YUV420P8",
    "YUV422P8",
    "YUV444P8",
    "YUV420P10",
    "YUV422P12",
    "YUV444P16",
    "YUV420PH",
    "YUV444PS",
    "GRAY8",
    "GRAY10",
    "GRAY16",
    "GRAYH",
    "GRAYS",
]
RGB_FORMATS = ["RGB24", "RGB30", "RGB48", "RGBH", "RGBS"]
luma_formats = pytest.mark.parametrize("name", LUMA_FORMATS)
rgb_formats = pytest.mark.parametrize("name", RGB_FORMATS)
every_format = pytest.mark.parametrize("name", LUMA_FORMATS + RGB_FORMATS)

PROPERTIES = [
    {"Number": n, "Share": n / 7, "Name": f"frame {n}", "_Range": n % 2} for n in range(4)
]


@pytest.fixture
def options(fast_weights):
    return {"device": "cpu", "precision": "fp32", "weights": fast_weights}


def middle(window):
    return window[2:3]


def facts(clip):
    return clip.format.id, clip.width, clip.height, clip.num_frames, clip.fps


@every_format
def test_format_size_length_and_rate_stay(make_noise, options, name):
    clip = make_noise(getattr(vs, name)).std.AssumeFPS(fpsnum=30000, fpsden=1001)
    restored = dblrgan(clip, **options)
    assert facts(restored) == facts(clip)
    frame = restored.get_frame(1)
    assert (frame.format.id, frame.width, frame.height) == (clip.format.id, 32, 24)


@every_format
def test_properties_are_those_of_the_middle_frame(make_noise, options, frames_of, name):
    constant = [{**p, "_Range": 1} if name in RGB_FORMATS else p for p in PROPERTIES]
    clip = make_noise(getattr(vs, name), properties=constant)
    for frame, source in zip(frames_of(dblrgan(clip, **options)), frames_of(clip), strict=True):
        assert dict(frame.props) == {**source.props, "DBLRSharpness": 0}
        assert "Number" in frame.props


def test_private_properties_stay_private(make_noise, options):
    clip = make_noise(vs.GRAY8, properties=PROPERTIES)
    frame = dblrgan(clip, scene_threshold=0.5, **options).get_frame(2)
    assert dict(frame.props) == {**clip.get_frame(2).props, "DBLRSharpness": 0}


@pytest.mark.parametrize("name", [name for name in LUMA_FORMATS if name.startswith("YUV")])
def test_chroma_is_untouched(make_noise, options, frames_of, planes_of, name):
    clip = make_noise(getattr(vs, name))
    for frame, source in zip(frames_of(dblrgan(clip, **options)), frames_of(clip), strict=True):
        for plane, original in zip(planes_of(frame)[1:], planes_of(source)[1:], strict=True):
            np.testing.assert_array_equal(plane, original)


@pytest.mark.parametrize("model", ["fast", "paper"])
@luma_formats
def test_luma_is_exactly_what_the_restorer_gives(
    make_noise, weights_files, frames_of, planes_of, name, model
):
    options = {"device": "cpu", "precision": "fp32", "weights": weights_files[model]}
    clip = make_noise(getattr(vs, name), properties=[{"_Range": 1}] * 4)
    sources = [planes_of(frame)[0] for frame in frames_of(clip)]
    peak = 1 if sources[0].dtype.kind == "f" else (1 << clip.format.bits_per_sample) - 1
    is_float = peak == 1
    bits = clip.format.bits_per_sample
    coding = LumaCoding(bits=bits, is_float=is_float, full_range=True)
    restorer = load_restorer("dblrgan", model=model, **options)
    restored = dblrgan(clip, model=model, **options)
    for n, numbers in [(0, [0, 0, 0, 1, 2]), (2, [0, 1, 2, 3, 3])]:
        luma = planes_of(restored.get_frame(n))[0]
        window = torch.stack([coding.decode(sources[i], restorer.device) for i in numbers])
        picture = restorer.restore(window)[0]
        np.testing.assert_array_equal(luma, coding.encode(picture))
        # The same in other words, but for what lies between two numbers to the last bit.
        np.testing.assert_allclose(luma, picture[0] * peak, rtol=0, atol=0.51 * (peak > 1) + 1e-3)
        assert (luma != sources[n]).mean() > 0.5


@pytest.mark.parametrize(
    ("name", "properties", "black", "span"),
    [
        ("GRAY8", {"_Range": 0}, 16, 219),
        ("GRAY8", {"_Range": 1}, 0, 255),
        ("GRAY8", {}, 16, 219),
        ("YUV420P10", {"_Range": 0}, 64, 876),
        ("YUV420P10", {"_Range": 1}, 0, 1023),
        ("GRAY16", {"_Range": 0}, 4096, 56064),
        ("GRAYS", {"_Range": 0}, 0, 1),
    ],
)
def test_range_property_says_what_the_numbers_mean(
    make_noise, stubbed, planes_of, name, properties, black, span
):
    windows = []
    clip = make_noise(getattr(vs, name), length=1, properties=[properties])
    restored = stubbed(lambda window: windows.append(window) or window[2:3])(clip).get_frame(0)
    source = planes_of(clip.get_frame(0))[0]
    expected = ((source.astype("f8") - black) / span).clip(0, 1)
    np.testing.assert_allclose(windows[0][2, 0].numpy(), expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(planes_of(restored)[0], source)


@luma_formats
def test_picture_that_is_left_alone_comes_back_identical(make_noise, stubbed, planes_of, name):
    clip = make_noise(getattr(vs, name), length=2)
    for plane, original in zip(
        planes_of(stubbed(middle)(clip).get_frame(1)), planes_of(clip.get_frame(1)), strict=True
    ):
        np.testing.assert_array_equal(plane, original)


# RGB


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("RGB24", 0), ("RGB30", 0), ("RGB48", 0), ("RGBH", 2e-3), ("RGBS", 2e-6)],
)
def test_rgb_that_is_left_alone_comes_back(make_noise, stubbed, planes_of, name, tolerance):
    clip = make_noise(getattr(vs, name), properties=PROPERTIES[1:2] * 4)
    frame, source = stubbed(middle)(clip).get_frame(1), clip.get_frame(1)
    assert dict(frame.props) == dict(source.props)
    for plane, original in zip(planes_of(frame), planes_of(source), strict=True):
        assert plane.dtype == original.dtype
        difference = np.abs(plane.astype("f8") - original.astype("f8"))
        assert difference.max() <= tolerance


@pytest.mark.parametrize("name", ["RGB24", "RGB48"])
def test_rgb_of_limited_range_that_is_left_alone_comes_back(make_noise, stubbed, planes_of, name):
    limited = [{"_Range": 0}] * 2
    noise = make_noise(getattr(vs, name), length=2, properties=limited)
    step = 1 << (noise.format.bits_per_sample - 8)
    clip = noise.std.Limiter(16 * step, 235 * step)
    frame, source = stubbed(middle)(clip).get_frame(1), clip.get_frame(1)
    assert frame.props["_Range"] == 0
    np.testing.assert_array_equal(planes_of(frame), planes_of(source))


@rgb_formats
def test_brighter_luma_brightens_red_green_and_blue_alike(make_clip, stubbed, planes_of, name):
    video_format = getattr(vs, name)
    is_float = name in ("RGBH", "RGBS")
    bits = vs.core.get_video_format(video_format).bits_per_sample
    peak = 1 if is_float else (1 << bits) - 1
    dtype = {"RGB24": "u1", "RGBH": "f2", "RGBS": "f4"}.get(name, "u2")
    colours = [np.full((16, 16), share * peak).astype(dtype) for share in (0.2, 0.4, 0.6)]
    brightened = stubbed(lambda window: window[2:3] + 0.2)(make_clip([colours], video_format))
    for plane, colour in zip(planes_of(brightened.get_frame(0)), colours, strict=True):
        change = (plane.astype("f8") - colour.astype("f8")) / peak
        np.testing.assert_allclose(change, 0.2, rtol=0, atol=1 / 255 if bits == 8 else 2e-3)


# Sizes


@pytest.mark.parametrize(
    ("name", "width", "height"),
    [
        ("GRAY8", 16, 16),
        ("YUV420P8", 16, 16),
        ("GRAY8", 17, 19),
        ("GRAYS", 19, 17),
        ("YUV444P8", 33, 17),
        ("YUV422P8", 18, 17),
        ("YUV420P10", 34, 18),
        ("RGB24", 17, 33),
    ],
)
def test_any_size_from_16x16_is_taken(make_noise, options, planes_of, name, width, height):
    clip = make_noise(getattr(vs, name), width, height, length=2)
    frame = dblrgan(clip, **options).get_frame(1)
    planes = planes_of(frame)
    assert planes[0].shape == (height, width)
    assert (planes[0] != planes_of(clip.get_frame(1))[0]).mean() > 0.5


def test_tiles_do_not_show(make_noise, options, planes_of):
    clip = make_noise(vs.GRAYS, 700, 32, length=1)
    tiled = planes_of(dblrgan(clip, tile=(640, 640), **options).get_frame(0))
    whole = planes_of(dblrgan(clip, **options).get_frame(0))
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1 / 255)


# Manners


def test_nothing_is_printed_to_stdout(make_noise, options, frames_of, capfd):
    frames_of(dblrgan(make_noise(vs.YUV420P8), scene_threshold=0.1, **options))
    assert capfd.readouterr().out == ""


def imported_by(statement):
    code = f"import sys; {statement}; print(*sorted(sys.modules))"
    package_root = str(Path(vsdeblur.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=package_root, check=True, capture_output=True, text=True
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import vsdeblur", {"vapoursynth", "av", "torch_tensorrt", "tensorrt_rtx", "torch"}),
        (
            "from vsdeblur import load_restorer",
            {"vapoursynth", "av", "torch_tensorrt", "tensorrt_rtx"},
        ),
        ("from vsdeblur import dblrgan", {"av", "torch_tensorrt", "tensorrt_rtx"}),
        ("from vsdeblur import brmr", {"av", "cv2", "torch_tensorrt", "tensorrt_rtx"}),
    ],
)
def test_importing_brings_in_no_more_than_is_needed(statement, heavy):
    modules = imported_by(statement)
    assert "vsdeblur" in modules
    assert not modules & heavy
