"""What front ends may rely on, whatever the filter: every model of every filter keeps to it."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from vsdeblur.errors import DeblurError, OptionError
from vsdeblur.frames import frame_restorer
from vsdeblur.frames.frame_restorer import FrameRestorer, Source
from vsdeblur.frames.luma import LumaCoding
from vsdeblur.frames.ring import window_offsets
from vsdeblur.manifest import load_manifest

CPU = torch.device("cpu")
LEAST_TILES = {
    "dblrgan-fast": 592, "dblrgan-quality": 592, "dblrgan-paper": 172,
    "brmr-fast": 288, "brmr-paper": 512, "sequence-fast": 528, "sequence-paper": 448,
}  # fmt: skip
"""Model -> width and height of the smallest tiles, in pixels."""
TILES_APART = {"brmr-fast": 1e-4}
"""Model -> what tiles may be off; others 1e-5."""
TILES_ALONE = {"brmr-paper"}
"""Models that normalise each tile by itself: what they change is a fifth off on average."""
BF16_PSNR = {"brmr-paper": 40}
"""Model -> how near bf16 comes to fp32 on a smooth picture, in dB, at least; others 50. Instance
normalisation makes much of the little that such a picture holds."""


def same(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=0)


# Pictures


def test_it_is_what_the_manifest_says(case):
    facts, restorer = load_manifest().filter(case.name), case.load()
    assert restorer.radius == case.spec.radius == facts.temporal_radius
    assert restorer.channels == case.spec.channels == {"luma": 1, "RGB": 3}[facts.reads]
    assert restorer.multiplier == (42 if "depth" in case.options else facts.multiplier)
    assert restorer.device == CPU


@pytest.mark.parametrize(
    ("height", "width"), [(16, 16), (17, 33), (33, 17), (16, 23), (31, 16), (24, 32)]
)
def test_any_size_is_restored(case, height, width):
    restorer, window = case.load(), case.window(height, width)
    restored = restorer.restore(window)
    assert restored.shape == (restorer.multiplier, restorer.channels, height, width)
    assert restored.dtype is torch.float32
    assert restored.device == CPU
    assert 0 <= restored.min() < restored.max() <= 1
    assert (restored - window[restorer.radius]).abs().max() > 4 / 255


def test_the_window_is_left_as_it_is(case):
    window = case.window() * 1.5 - 0.2
    before = window.clone()
    case.load().restore(window)
    same(window, before)


def test_what_lies_beyond_the_range_is_kept_and_nothing_else_does(case):
    window = case.window() * 3 - 1
    restorer = case.load()
    restored, inside = restorer.restore(window), restorer.restore(window.clamp(0, 1))
    middle = window[restorer.radius]
    beyond = middle - middle.clamp(0, 1)
    assert beyond.min() < -0.1
    assert beyond.max() > 0.1
    torch.testing.assert_close(restored, inside + beyond, rtol=0, atol=1e-6)
    within = (beyond == 0).expand_as(restored)
    assert 0 <= restored[within].min() < restored[within].max() <= 1


def test_a_window_with_a_number_that_is_none_is_refused(case):
    window = case.window()
    window[case.spec.radius, 0, 3, 5] = float("nan")
    with pytest.raises(DeblurError) as error:
        case.load().restore(window)
    assert str(error.value) == (
        "the network gave a value that is NaN or infinite; use precision='fp32', and check that "
        "the clip itself holds none"
    )


# Always the same


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_window_decides_alone_in_any_order_and_thread(case, precision):
    restorer = case.load(precision=precision)
    windows = [case.window() for _ in range(3)]
    expected = [restorer.restore(window) for window in windows]
    assert not torch.equal(expected[0], expected[1])
    same(restorer.restore(windows[0], 5), expected[0])
    with ThreadPoolExecutor(4) as pool:
        restored = list(pool.map(restorer.restore, windows[::-1] * 2))
    same(restored, expected[::-1] * 2)


def prepared(restorer, window):
    """Frames as front ends prepare them: clamped, in the restorer's type, completed."""
    height, width = window.shape[-2:]
    size = restorer.prepared_size(height, width)
    frames = torch.full((*window.shape[:2], *size), torch.nan, dtype=restorer.frame_type)
    for frame, source in zip(frames, window, strict=True):
        frame[:, :height, :width] = source.clamp(0, 1)
        restorer.complete(frame, height, width)
    return frames


def test_restore_is_its_steps_one_after_the_other(case):
    restorer, window = case.load(), case.window(21, 30) * 1.4 - 0.2
    pictures = restorer.run(prepared(restorer, window), (21, 30)).pictures.float()
    assert len(pictures) == restorer.multiplier
    middle = window[restorer.radius].expand_as(pictures)
    rows = [
        restorer.finish(pictures[..., a:b, :].clone(), middle[..., a:b, :].clone())
        for a, b in ((0, 8), (8, 21))
    ]
    same(torch.cat(rows, -2), restorer.restore(window))


def test_finish_needs_the_middle_frame_only_where_it_says_so(case):
    restorer, window = case.load(), case.window(21, 30)
    pictures = restorer.run(prepared(restorer, window), (21, 30)).pictures.float().clone()
    middle = window[restorer.radius].expand_as(pictures).clone()
    given = middle if restorer.adds_middle_frame else None
    same(restorer.finish(pictures, given, exceeds=False), restorer.restore(window))


# Windows at cuts


def test_planes_are_restored_as_tensors_are_at_cuts_too(monkeypatch, case):
    monkeypatch.setattr(frame_restorer, "BAND_PIXELS", 4 * 30)
    length, cut, coding, restorer = 8, 6, LumaCoding(bits=8), case.load()
    numbers = (256 * (1.5 * case.clip(length, 21, 30) - 0.25)).clamp(0, 255)
    clip = numbers.to(torch.uint8).numpy()
    luma = [torch.cat([coding.decode(plane, CPU) for plane in frame]) for frame in clip]
    assert luma[0].min() < 0
    assert luma[0].max() > 1
    front_end = FrameRestorer(restorer, 21, 30, coding, in_flight=2)
    for n in range(length):
        window = window_around(n, restorer.radius, length, cut)
        targets = np.empty((restorer.multiplier, restorer.channels, 21, 30), np.uint8)
        front_end.restore(window, [Source(list(clip[i]), coding) for i in window], list(targets))
        restored = restorer.restore(torch.stack([luma[i] for i in window]), n)
        expected = [coding.encode(plane[None]) for plane in restored.flatten(0, 1)]
        np.testing.assert_array_equal(targets.reshape(-1, 21, 30), expected)


def window_around(n, radius, length, cut):
    """Numbers of a window's frames; a scene begins at `cut`."""
    first_of_scene = {0, cut, length}
    cuts = [after in first_of_scene for after in range(n - radius + 1, n + radius + 1)]
    return [n + offset for offset in window_offsets(cuts)]


# Tiles


def least_tile(case, window):
    """The smallest tile that is allowed, by what is said of one that is not."""
    with pytest.raises(OptionError) as error:
        case.load(tile=(32, 32)).restore(window)
    return int(re.search(r"must be at least (\d+)x\1 for this model", str(error.value))[1])


@pytest.mark.parametrize(("precision", "height", "width"), [("fp32", 24, 1000), ("bf16", 1000, 24)])
def test_tiles_come_out_as_in_the_whole(undecided, precision, height, width):
    window = undecided.window(height, width)
    least = least_tile(undecided, window)
    assert least < 1000
    whole = undecided.load(precision=precision).restore(window)
    difference = undecided.load(precision=precision, tile=(least, least)).restore(window) - whole
    if undecided.id in TILES_ALONE:
        change = whole - window[undecided.spec.radius]
        assert difference.abs().mean() < 0.2 * change.abs().mean()
    else:
        apart = TILES_APART.get(undecided.id, 1e-5) if precision == "fp32" else undecided.half_apart
        assert difference.abs().max() <= apart


def test_a_tile_too_small_for_the_model_is_refused(undecided):
    window = undecided.window(24, 1000)
    least = least_tile(undecided, window)
    assert least == LEAST_TILES.get(undecided.id, least)
    with pytest.raises(OptionError) as error:
        undecided.load(tile=(least - 1, least)).restore(window)
    assert str(error.value) == (
        f"tile must be at least {least}x{least} for this model (the overlap is {least // 2} "
        f"pixels), got {least - 1}x{least}"
    )


@pytest.mark.parametrize(("height", "width"), [(17, 33), (24, 40)])
def test_a_tile_as_large_as_the_frame_is_allowed(case, height, width):
    window = case.window(height, width)
    same(case.load(tile=(width, height)).restore(window), case.load().restore(window))


# Precision and devices


def test_bf16_gives_a_smooth_picture_as_fp32_does(undecided):
    x, y = torch.linspace(0, 1, 96), torch.linspace(0, 1, 64)[:, None]
    smooth = 0.2 + 0.5 * x * y + 0.1 * torch.sin(3 * x)
    window = smooth.expand(2 * undecided.spec.radius + 1, undecided.spec.channels, 64, 96)
    difference = undecided.load(precision="bf16").restore(window) - undecided.load().restore(window)
    assert difference.abs().max() <= 0.03
    assert -10 * difference.square().mean().log10() >= BF16_PSNR.get(undecided.id, 50)


@pytest.mark.needs_gpu
def test_cuda_gives_the_cpus_picture(undecided):
    window = undecided.window(64, 96)
    restored = undecided.load(device="cuda", precision="fp16").restore(window.cuda()).cpu()
    expected = undecided.load().restore(window)
    torch.testing.assert_close(restored, expected, rtol=0, atol=undecided.half_apart)
