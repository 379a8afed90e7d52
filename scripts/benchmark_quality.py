"""Rebuilds the fixed synthetic benchmark from sharp photos and scores weights on it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vsdeblur.errors import DeblurError
from vsdeblur.evaluate.benchmark_scores import (
    ModelScore,
    counts,
    score_packaged_weights,
    score_weights,
)
from vsdeblur.evaluate.synthetic import (
    NUM_WINDOWS,
    SyntheticBenchmark,
    SyntheticWindow,
    benchmark_digest,
)


@dataclass(frozen=True)
class Scored:
    """The benchmark, as it is or compressed, with the scores on it."""

    name: str
    """What the windows are called."""
    sha256: str
    windows: Sequence[SyntheticWindow]
    scores: Sequence[ModelScore]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the set's digest and a table: a row a model, mean luma PSNR gain by subset and band."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.json is not None and not options.json.parent.is_dir():
        parser.error(f"--json: there is no folder {str(options.json.parent)!r}")
    try:
        benchmark = SyntheticBenchmark.from_folders(options.data, num_windows=options.windows)
        windows = list(benchmark)
        variants = [_scored("the set", windows, options)]
        if options.compressed:
            from vsdeblur.evaluate.synthetic.compression import CRF, compressed

            behind = [compressed(window) for window in windows]
            variants.append(_scored(f"the set behind H.264, CRF {CRF}", behind, options))
    except DeblurError as error:
        sys.exit(f"benchmark_quality: {error}")
    console = Console(width=210)
    for variant in variants:
        console.print(_table(variant, variants[0].scores))
    if options.json is not None:
        _write_json(options.json, variants)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+", type=Path, help="folders of sharp photos not trained on")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--windows", type=int, default=NUM_WINDOWS, help="blurred windows a subset to make"
    )
    parser.add_argument(
        "--compressed", action="store_true", help="score the same windows behind H.264 too"
    )
    parser.add_argument(
        "--weights", type=Path, nargs="+", metavar="FILE", default=[],
        help="score these files instead of all packaged ones; each says of what model it is",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the scores here")
    return parser


def _scored(name: str, windows: Sequence[SyntheticWindow], options: argparse.Namespace) -> Scored:
    digest = benchmark_digest(windows)
    print(f"sha256 of {name}: {digest}", flush=True)
    if options.weights:
        scores = [score_weights(file, windows, device=options.device) for file in options.weights]
    else:
        scores = list(score_packaged_weights(windows, device=options.device))
    return Scored(name, digest, windows, scores)


def _table(variant: Scored, clean: Sequence[ModelScore]) -> Table:
    """Scores of a variant; beside the mean, what share of the gain on the clean set it is."""
    columns = [
        (s, band, n) for s, bands in counts(variant.windows).items() for band, n in bands.items()
    ]
    table = Table(
        title=f"{variant.name}: mean gain in luma PSNR, dB; columns: subset, clean input in dB, "
        "windows"
    )
    for name in ("filter", "model", *[f"{s}\n{band}\n({n})" for s, band, n in columns]):
        table.add_column(name)
    table.add_column("mean\n22-32")
    is_clean = variant.scores is clean
    if not is_clean:
        table.add_column("of clean\n22-32")
    for score, before in zip(variant.scores, clean, strict=True):
        gains = [f"{score.gain[subset][band]:+.2f}" for subset, band, _ in columns]
        kept = [] if is_clean else [_share(score.mean_gain, before.mean_gain)]
        table.add_row(score.filter, score.model, *gains, f"{score.mean_gain:+.2f}", *kept)
    return table


def _share(gain: float, clean: float) -> str:
    """A share of a gain; of a loss there is none."""
    return f"{100 * gain / clean:.0f}%" if clean > 0 else "-"


def _write_json(path: Path, variants: Sequence[Scored]) -> None:
    """The clean set's facts at the top, as ever; those of the compressed one below."""
    facts, *others = [_facts(variant) for variant in variants]
    if others:
        facts["compressed"] = others[0]
    beside = path.with_name(f"{path.name}.partial")
    beside.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    os.replace(beside, path)


def _facts(variant: Scored) -> dict[str, object]:
    models = [asdict(score) | {"mean_gain": score.mean_gain} for score in variant.scores]
    return {"sha256": variant.sha256, "windows": counts(variant.windows), "models": models}


if __name__ == "__main__":
    main()
