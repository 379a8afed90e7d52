"""What a device can do is measured by a matrix product."""

import torch

from vsdeblur.runtime import speed


def test_the_rate_is_the_median_of_five_warm_products(monkeypatch):
    seconds = iter([9.0, 0.5, 8.0, 0.25, 0.125])
    done = []

    def timed(work, device):
        assert len(done) == 1  # warmed up
        return next(seconds)

    def product(device, dtype):
        assert (device.type, dtype) == ("cpu", torch.bfloat16)
        return (lambda: done.append(1)), 3e9

    monkeypatch.setattr(speed, "timed", timed)
    monkeypatch.setattr(speed, "matrix_product", product)
    assert speed.matrix_rate(torch.device("cpu"), torch.bfloat16) == 6e9
    assert next(seconds, None) is None


def test_a_matrix_product_counts_two_operations_for_each_of_its_sums():
    work, flops = speed.matrix_product(torch.device("cpu"), torch.float32)
    result = work()
    assert flops == 2 * result.numel() * result.shape[0]
