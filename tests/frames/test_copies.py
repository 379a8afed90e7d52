"""Arrays to a device and back."""

import numpy as np
import pytest
import torch

from vsdeblur.frames.copies import to_device, to_host
from vsdeblur.frames.device_streams import DeviceStreams

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.needs_gpu)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f2", "f4"])
def test_arrays_come_back_as_they_went(device, dtype, rng):
    arrays = [rng.integers(0, 256, (5, 7)).astype(dtype) for _ in range(3)]
    there = to_device([array[:, 1:] for array in arrays], torch.device(device))
    assert there.device.type == device
    back = to_host(there)
    assert back.dtype == arrays[0].dtype
    np.testing.assert_array_equal(back, np.stack(arrays)[..., 1:])


@pytest.mark.parametrize("device", DEVICES)
def test_what_was_brought_there_does_not_follow_the_array(device):
    array = np.zeros((64, 64), np.uint8)
    there = to_device([array], torch.device(device))
    array[:] = 1
    assert not to_host(there).any()


@pytest.mark.needs_gpu
def test_what_a_stage_hands_over_outlives_its_name():
    stages = DeviceStreams(torch.device("cuda", 0))
    for number in range(20):
        with stages.uploading():
            handed = stages.pending(torch.full((1 << 22,), float(number), device="cuda"))
        with stages.computing():
            doubled = handed.taken() * 2
            del handed
            made = stages.pending(doubled)
        with stages.uploading():  # it may get the memory of what was handed over
            torch.full((1 << 22,), -1.0, device="cuda")
        with stages.downloading():
            assert (to_host(made.taken()) == 2 * number).all()
