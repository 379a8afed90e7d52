"""Averages weights of one model: of runs from one start, or a run's and what it started from.

Runs that began with the same weights lie near each other, and so does their mean, which often keeps
more of what each has learned than either ("Model soups", arXiv:2203.05482).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from vsdeblur.errors import DeblurError, OptionError, WeightsError
from vsdeblur.models import MODELS
from vsdeblur.runtime.weights import load_network, made_for, read_weights, save_weights


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the mean of weights files into a file; returns the exit status."""
    options = _parser().parse_args(arguments)
    shares = options.shares or [1.0] * len(options.files)
    try:
        _check(options.files, shares, options.out)
        write_average(options.files, [share / math.fsum(shares) for share in shares], options.out)
    except (DeblurError, OSError) as error:
        print(f"average_weights: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: the mean of {len(options.files)} files")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="weights to average")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write")
    parser.add_argument(
        "--shares", nargs="+", type=float, metavar="SHARE",
        help="what each file counts, such as 3 1 (default: all the same)",
    )  # fmt: skip
    return parser


def _check(files: Sequence[Path], shares: Sequence[float], out: Path) -> None:
    """Refuse what does not go together.

    Raises:
        OptionError: It does not.
    """
    if len(files) < 2:
        raise OptionError("give two files or more to average")
    if len(shares) != len(files):
        raise OptionError(f"{len(files)} files and {len(shares)} shares; give one for each")
    if not all(map(math.isfinite, shares)) or not math.fsum(shares) > 0:
        raise OptionError("shares must be numbers whose sum is above 0")
    if not out.parent.is_dir():
        raise OptionError(f"there is no folder {str(out.parent)!r}")
    if out.exists():
        raise OptionError(f"{str(out)!r} is there already; give another name")


def write_average(files: Sequence[Path], shares: Sequence[float], out: Path) -> None:
    """Write the weighted mean of weights files.

    Args:
        files: Weights of one filter, model and size.
        shares: What each counts; their sum is 1.
        out: File to write.

    Raises:
        WeightsError: A file is missing or damaged, or not of the model of the first.
    """
    filter_name, model = made_for(files[0])
    mean: dict[str, Tensor] = {}
    options: dict[str, object] = {}
    for file, share in zip(files, shares, strict=True):
        if filter_name in MODELS and model in MODELS[filter_name]:  # whole, finite, and fitting
            load_network(
                MODELS[filter_name][model].build, file, filter_name=filter_name, model=model
            )
        state, facts = read_weights(file)
        own = json.loads(facts.get("options", "{}"))
        if file is files[0]:
            options = own
            mean = {name: _part(tensor, share) for name, tensor in state.items()}
            continue
        _check_alike(files[0], file, mean, state, options, own)
        for name, tensor in state.items():
            mean[name] = mean[name] + _part(tensor, share) if _counts(tensor) else mean[name]
    parts = ", ".join(f"{share:g} {file.name}" for file, share in zip(files, shares, strict=True))
    save_weights(
        out, mean, filter_name=filter_name, model=model, options=options, notes={"mean_of": parts}
    )


def _part(tensor: Tensor, share: float) -> Tensor:
    """What a tensor adds to the mean: counters and the like are the first file's."""
    return share * tensor if _counts(tensor) else tensor


def _counts(tensor: Tensor) -> bool:
    return tensor.is_floating_point()


def _check_alike(
    first: Path,
    other: Path,
    mean: dict[str, Tensor],
    state: dict[str, Tensor],
    options: dict[str, object],
    own: dict[str, object],
) -> None:
    """Refuse weights that do not belong to the same network as those before them.

    Raises:
        WeightsError: They do not; the text says where they differ.
    """
    if own != options:
        raise WeightsError(
            f"{str(other)!r} has options {json.dumps(own)}, {str(first)!r} {json.dumps(options)}; "
            "give weights of one network"
        )
    differing = sorted(
        name
        for name in mean.keys() | state.keys()
        if name not in mean or name not in state or mean[name].shape != state[name].shape
    )
    if differing:
        raise WeightsError(
            f"{str(other)!r} and {str(first)!r} differ in {differing[0]!r}; give weights of one "
            "network"
        )


if __name__ == "__main__":
    sys.exit(main())
