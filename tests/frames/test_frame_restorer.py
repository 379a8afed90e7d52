"""Planes in, planes out: the same numbers as the restorer gives, in bounded memory."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from vsdeblur.errors import DeblurError
from vsdeblur.frames import frame_restorer
from vsdeblur.frames.frame_restorer import FrameRestorer, Source
from vsdeblur.frames.luma import LumaCoding
from vsdeblur.models import MODELS
from vsdeblur.restorers.dblrgan import DBLRGANOptions, WindowRestorer

FAST = MODELS["dblrgan"]["fast"]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.needs_gpu)]
LIMITED, FULL = LumaCoding(bits=8), LumaCoding(bits=8, full_range=True)
CODINGS = {
    "limited": LIMITED,
    "full": FULL,
    "ten bits": LumaCoding(bits=10),
    "half": LumaCoding(bits=16, is_float=True),
    "float": LumaCoding(bits=32, is_float=True),
}


@pytest.fixture
def network():
    """A small network of five frames that visibly changes the middle one."""
    layers = nn.Sequential(nn.Conv2d(5, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 1, 3, padding=1))
    return layers.requires_grad_(False)


@pytest.fixture
def make_planes(rng):
    """Planes of noise in a coding; the upper rows stay within the nominal range."""

    def make(coding, count, height=21, width=30):
        black, white = coding.black, coding.black + coding.span
        inside = rng.uniform(black, white, (count, height // 2, width))
        reach = 0.2 * coding.span if coding.is_float else coding.black
        least, most = (black, white) if coding.full_range else (black - reach, white + reach)
        all_over = rng.uniform(least, most, (count, height - height // 2, width))
        numbers = np.concatenate([inside, all_over], 1)
        whole = numbers if coding.is_float else numbers.clip(0, (1 << coding.bits) - 1).round()
        return whole.astype(coding.number_type)

    return make


def restore(whole, numbers, planes, codings, target):
    sources = [Source([planes[number]], codings[number]) for number in numbers]
    whole.restore(list(numbers), sources, [[target]])


def expected(restorer, coding, window):
    luma = torch.stack([coding.decode(plane, restorer.device) for plane in window])
    return coding.encode(restorer.restore(luma)[0])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("adds_middle_frame", [False, True])
@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)
def test_numbers_are_those_that_the_restorer_gives(
    monkeypatch, network, make_planes, coding, adds_middle_frame, device
):
    monkeypatch.setattr(frame_restorer, "BAND_PIXELS", 4 * 30)
    where = torch.device(device)
    restorer = WindowRestorer(network.to(where), FAST, where, adds_middle_frame=adds_middle_frame)
    source = make_planes(coding, 30)
    whole = FrameRestorer(restorer, 21, 30, coding, in_flight=2)
    target = np.empty_like(source[0])
    for numbers in [[0, 0, 0, 1, 2], *(range(n, n + 5) for n in range(24)), [7, 7, 8, 9, 9]]:
        numbers = list(numbers)
        restore(whole, numbers, source, [coding] * 30, target)
        np.testing.assert_array_equal(
            target, expected(restorer, coding, [source[n] for n in numbers])
        )


def test_each_frame_may_have_its_own_range(network, make_planes):
    restorer = WindowRestorer(network, FAST, torch.device("cpu"), adds_middle_frame=True)
    source = make_planes(FULL, 5)
    whole = FrameRestorer(restorer, 21, 30, LIMITED, in_flight=1)
    codings = [LIMITED, FULL, FULL, LIMITED, FULL]
    target = np.empty_like(source[0])
    restore(whole, range(5), source, codings, target)
    luma = [c.decode(p, restorer.device) for c, p in zip(codings, source, strict=True)]
    np.testing.assert_array_equal(target, FULL.encode(restorer.restore(torch.stack(luma))[0]))


@pytest.mark.parametrize("device", DEVICES)
def test_no_more_frames_are_at_work_than_allowed(make_planes, device):
    where, source = torch.device(device), make_planes(FULL, 40)
    lock, running, most = threading.Lock(), 0, 0

    class Counting(FrameRestorer):
        def _restore(self, *arguments):
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            super()._restore(*arguments)
            threading.Event().wait(0.002)
            with lock:
                running -= 1

    restorer = WindowRestorer(
        lambda frames: frames[:, 2:3], FAST, where,
        options=DBLRGANOptions(num_streams=2), adds_middle_frame=False,
    )  # fmt: skip
    whole = Counting(restorer, 21, 30, FULL, in_flight=2)

    def restored(n):
        target = np.empty_like(source[0])
        restore(whole, range(n - 2, n + 3), source, [FULL] * 40, target)
        return target

    with ThreadPoolExecutor(6) as pool:
        for n, plane in zip(range(2, 38), pool.map(restored, range(2, 38)), strict=True):
            np.testing.assert_array_equal(plane, source[n])
    assert 1 <= most <= 2


@pytest.mark.parametrize("device", DEVICES)
def test_a_number_that_is_none_is_refused_and_leaves_room_for_the_next(make_planes, device):
    where, source = torch.device(device), make_planes(FULL, 5)
    broken = [True]

    def network(frames):
        output = frames[:, 2:3].clone()
        if broken:
            broken.pop()
            output[0, 0, 3, 5] = float("inf")
        return output

    restorer = WindowRestorer(network, FAST, where, adds_middle_frame=False)
    whole = FrameRestorer(restorer, 21, 30, FULL, in_flight=1)
    target = np.empty_like(source[0])
    with pytest.raises(DeblurError, match="NaN or infinite"):
        restore(whole, range(5), source, [FULL] * 5, target)
    restore(whole, range(5), source, [FULL] * 5, target)
    np.testing.assert_array_equal(target, source[2])
