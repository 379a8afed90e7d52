"""The fixed synthetic benchmark: blurred windows from sharp photos, the same bytes everywhere."""

from .benchmark import (
    NUM_WINDOWS,
    SEED,
    SyntheticBenchmark,
    SyntheticWindow,
    benchmark_digest,
    luma_psnr,
)
from .take import SUBSETS

__all__ = [
    "NUM_WINDOWS",
    "SEED",
    "SUBSETS",
    "SyntheticBenchmark",
    "SyntheticWindow",
    "benchmark_digest",
    "luma_psnr",
]
