"""Rebuilds the fixed synthetic benchmark from sharp photos and scores all packaged weights."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vsdeblur.errors import DeblurError
from vsdeblur.evaluate.benchmark_scores import ModelScore, counts, score_packaged_weights
from vsdeblur.evaluate.synthetic import (
    NUM_WINDOWS,
    SyntheticBenchmark,
    SyntheticWindow,
    benchmark_digest,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the set's digest and a table: a row a model, mean luma PSNR gain by subset and band."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.json is not None and not options.json.parent.is_dir():
        parser.error(f"--json: there is no folder {str(options.json.parent)!r}")
    try:
        benchmark = SyntheticBenchmark.from_folders(options.data, num_windows=options.windows)
        windows = list(benchmark)
        digest = benchmark_digest(windows)
        print(f"sha256 of the set: {digest}", flush=True)
        scores = list(score_packaged_weights(windows, device=options.device))
    except DeblurError as error:
        sys.exit(f"benchmark_quality: {error}")
    Console(width=170).print(_table(windows, scores))
    if options.json is not None:
        _write_json(options.json, digest, windows, scores)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", type=Path, help="folders of sharp photos not trained on")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--windows", type=int, default=NUM_WINDOWS, help="blurred windows a subset to make"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the scores here")
    return parser


def _table(windows: Sequence[SyntheticWindow], scores: Sequence[ModelScore]) -> Table:
    columns = [(s, band, n) for s, bands in counts(windows).items() for band, n in bands.items()]
    table = Table(title="mean gain in luma PSNR, dB; columns: subset, input in dB, windows")
    for name in ("filter", "model", *[f"{s}\n{band}\n({n})" for s, band, n in columns]):
        table.add_column(name)
    table.add_column("mean\n22-32")
    for score in scores:
        gains = [f"{score.gain[subset][band]:+.2f}" for subset, band, _ in columns]
        table.add_row(score.filter, score.model, *gains, f"{score.mean_gain:+.2f}")
    return table


def _write_json(
    path: Path, digest: str, windows: Sequence[SyntheticWindow], scores: Sequence[ModelScore]
) -> None:
    models = [
        {"filter": s.filter, "model": s.model, "mean_gain": s.mean_gain, "gain": s.gain}
        for s in scores
    ]
    facts = {"sha256": digest, "windows": counts(windows), "models": models}
    beside = path.with_name(f"{path.name}.partial")
    beside.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    os.replace(beside, path)


if __name__ == "__main__":
    main()
