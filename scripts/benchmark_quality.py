"""Rebuilds the fixed synthetic set from sharp photos and scores all packaged weights on it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vsdeblur.errors import DeblurError
from vsdeblur.evaluate.benchmarks import NUM_WINDOWS, score_packaged_weights
from vsdeblur.train.validation import BANDS


def main() -> None:
    """Print a table: a row a model, mean luma PSNR gain by band of the input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", type=Path, help="folders of sharp photos not trained on")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--windows", type=int, default=NUM_WINDOWS, help="blurred windows to make")
    options = parser.parse_args()
    table = Table(
        "filter", "model", *[f"{band} dB in" for band in BANDS], title="gain in dB (count)"
    )
    try:
        results = score_packaged_weights(
            options.data, device=options.device, num_windows=options.windows
        )
        for name, model, score in results:
            cells = [
                f"{score.gain[band]:+.2f} ({score.count[band]})" if band in score.gain else "-"
                for band in BANDS
            ]
            table.add_row(name, model, *cells)
    except DeblurError as error:
        sys.exit(f"benchmark_quality: {error}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
