"""The fixed synthetic benchmark: blurred windows from sharp photos, the same bytes everywhere."""

from .benchmark import (
    NUM_WINDOWS,
    SEED,
    SyntheticBenchmark,
    SyntheticWindow,
    benchmark_digest,
    luma_psnr,
)
from .odd_cases import NUM_ODD_WINDOWS, ODD_CASES, OddWindows
from .take import SUBSETS

__all__ = [
    "NUM_ODD_WINDOWS",
    "NUM_WINDOWS",
    "ODD_CASES",
    "SEED",
    "SUBSETS",
    "OddWindows",
    "SyntheticBenchmark",
    "SyntheticWindow",
    "benchmark_digest",
    "luma_psnr",
]
