"""Fixed clips: the same pixels in any order, those of the references, and those of the command."""

import json
import random
from itertools import chain, product
from pathlib import Path

import av
import numpy as np
import pytest
import vapoursynth as vs

import vsdeblur
from vsdeblur.cli.main import main
from vsdeblur.manifest import load_manifest
from vsdeblur.registry import RECORDS

REFERENCES = json.loads((Path(__file__).parent / "references.json").read_text(encoding="utf-8"))
"""Filter -> format -> what `cells_of` gives for one frame."""
WIDTH, HEIGHT, LENGTH, CUT = 48, 32, 6, 4
OWN = {"brmr": {"max_iterations": 1}}
"""Filter -> its own parameters, where the defaults would take long."""
CASES = {name: (name, OWN.get(name, {})) for name in RECORDS} | {
    "brmr-dropout": ("brmr", OWN["brmr"] | {"dropout": True, "seed": 3})
}


@pytest.fixture
def filtered(small_options):
    """Makes a filter's clip, with a small network."""

    def filtered(name, clip):
        name, own = CASES[name]
        return getattr(vsdeblur, name)(clip, **small_options(name) | own)

    return filtered


# The clips: integers, so that no rounding depends on the machine


def texture():
    """Smooth noise, from 0 to 65535: (3, height, width)."""
    noise = np.random.RandomState(5).randint(0, 256, (3, HEIGHT + 32, WIDTH + 32))
    for axis in (1, 2) * 3:
        noise = sum(np.roll(noise, shift, axis) for shift in range(4))
    noise -= noise.min()
    return noise * 65535 // noise.max()


def planes_at(n, name):
    """Planes of frame n: the texture moves, and jumps at the cut."""
    top, left = 2 * n + 10 * (n >= CUT), 3 * n
    window = texture()[:, top : top + HEIGHT, left : left + WIDTH]
    if name == "RGB24":
        return list((window * 255 // 65535).astype("u1"))
    scale, dtype = (256, "u2") if name.endswith("P16") else (1, "u1")
    luma = 16 * scale + window[0] * (219 * scale) // 65535
    step = 1 if name.startswith("YUV444") else 2
    chroma = 16 * scale + window[1:, ::step, ::step] * (224 * scale) // 65535
    return [plane.astype(dtype) for plane in (luma, *chroma)]


@pytest.fixture
def fixed_clip(make_clip):
    def fixed_clip(name, *, marked=True):
        frames = [planes_at(n, name) for n in range(LENGTH)]
        properties = [{"_SceneChangePrev": int(marked and n == CUT)} for n in range(LENGTH)]
        return make_clip(frames, getattr(vs, name), properties)

    return fixed_clip


# Order


def forward(clip):
    return {n: clip.get_frame(n) for n in range(clip.num_frames)}


def backward(clip):
    return {n: clip.get_frame(n) for n in reversed(range(clip.num_frames))}


def shuffled(clip):
    numbers = random.Random(0).sample(range(clip.num_frames), clip.num_frames)
    return {n: clip.get_frame(n) for n in numbers}


def prefetched(clip):
    return dict(enumerate(clip.frames(prefetch=8)))


def all_at_once(clip):
    futures = {n: clip.get_frame_async(n) for n in range(clip.num_frames)}
    return {n: future.result() for n, future in futures.items()}


ACCESSES = {
    "YUV420P8": list(product((1, 4), (backward, shuffled, prefetched, all_at_once))),
    "YUV420P16": [(1, backward), (4, all_at_once)],
    "RGB24": [(1, backward), (4, all_at_once)],
}
"""Format -> numbers of threads and orders in which a clip of it is asked for its frames."""


@pytest.mark.parametrize("video_format", ACCESSES)
@pytest.mark.parametrize("name", CASES)
def test_pixels_are_the_same_whatever_the_order(
    fixed_clip, filtered, threads, planes_of, name, video_format
):
    clip = fixed_clip(video_format)
    threads(1)
    expected = forward(filtered(name, clip))
    for num_threads, order in ACCESSES[video_format]:
        threads(num_threads)
        for n, frame in order(filtered(name, clip)).items():
            np.testing.assert_equal(planes_of(frame), planes_of(expected[n]))
            assert dict(frame.props) == dict(expected[n].props)


# References


def cells_of(planes):
    """Means of two rows of four cells of each plane, in [0, 1]."""
    scaled = [plane / np.iinfo(plane.dtype).max for plane in planes]
    cells = [plane.reshape(2, plane.shape[0] // 2, 4, -1).mean((1, 3)) for plane in scaled]
    return np.array(cells).reshape(3, 8).round(4)


@pytest.mark.parametrize("video_format", ACCESSES)
@pytest.mark.parametrize("name", RECORDS)
def test_pixels_are_those_of_the_reference(fixed_clip, filtered, planes_of, name, video_format):
    # The last frame before the cut; of its moments the second: their order counts.
    multiplier = load_manifest().filter(name).multiplier
    number = (CUT - 1) * multiplier + min(1, multiplier - 1)
    frame = filtered(name, fixed_clip(video_format)).get_frame(number)
    found = cells_of(planes_of(frame))
    reference = REFERENCES.get(name, {}).get(video_format)
    assert reference, f"there is none yet; it would be {found.tolist()}"
    np.testing.assert_allclose(found, reference, rtol=0, atol=0.5 / 255)
    source = cells_of(planes_at(CUT - 1, video_format))
    assert np.abs(source - reference).max() > 4 / 255


# The command


def samples_of(frame):
    """Planes of a decoded frame, of 8 bits: views."""
    rows = [np.frombuffer(plane, np.uint8).reshape(plane.height, -1) for plane in frame.planes]
    return [each[:, : plane.width] for each, plane in zip(rows, frame.planes, strict=True)]


def write_fixed_clip(path, name, pix_fmt):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pix_fmt
        for n in range(LENGTH):
            frame = av.VideoFrame(WIDTH, HEIGHT, pix_fmt)
            for samples, numbers in zip(samples_of(frame), planes_at(n, name), strict=True):
                np.copyto(samples, numbers)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("name", RECORDS)
def test_the_command_gives_the_filters_pixels(
    tmp_path, fixed_clip, filtered, small_options, frames_of, planes_of, name
):
    reads_rgb = load_manifest().filter(name).reads == "RGB"  # two roundings in the filter
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    write_fixed_clip(source, "YUV420P8", "yuv420p")
    options = {"filter": name, "codec": "ffv1"} | small_options(name) | OWN.get(name, {})
    given = [(f"--{key.replace('_', '-')}", str(value)) for key, value in options.items()]
    assert main(["restore", str(source), str(target), *chain(*given)]) == 0
    clip = filtered(name, fixed_clip("YUV420P8", marked=False))
    with av.open(str(target)) as container:
        for decoded, frame in zip(container.decode(video=0), frames_of(clip), strict=True):
            for samples, plane in zip(samples_of(decoded), planes_of(frame), strict=True):
                assert np.abs(samples.astype(int) - plane).max() <= reads_rgb
