"""Goes on training the packaged weights for so many minutes, several runs side by side.

`scripts/train_for` runs this. Which runs there are, and which need it most: `training_runs`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from types import FrameType

from training_lane import Lane, Settings
from training_results import MOST_FILES, NAMES, Results
from training_runs import ROOT, RUNS, lanes_of, start_of

CARD = ROOT / ".gpu"
"""What `scripts/prepare_card` has laid out."""
FEWEST_MINUTES = 0.5
"""A run's share of the time at least: it starts, is scored twice, and learns in between."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""End all runs."""
LOOK_SECONDS = 2.0
"""From one look at what the runs have written to the next."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, and print a table; the return value is the exit status.

    0: all runs are done. 1: one failed. 2: misuse, in one line. 128 + signal: stopped.
    """
    started = monotonic()
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        on_card = _is_card(options.device)
        lanes = lanes_of(options.runs, on_card=on_card, side_by_side=options.side_by_side)
        _check(options, lanes)
        starts = {name: start_of(RUNS[name], options.start) for lane in lanes for name in lane}
        out, comes_back = _folder(options.out, list(starts))
    except (ValueError, OSError) as error:
        print(f"train_for: {error}", file=sys.stderr)
        return 2
    with _work_folder(out, is_temporary=comes_back) as work:
        settings = Settings(
            data=options.data, validation=options.validation, device=options.device,
            on_card=on_card, work=work, end=started + 60 * options.minutes, lanes=len(lanes),
        )  # fmt: skip
        results = Results(out, starts)
        stopped = _train([Lane(names, settings, results) for names in lanes], results)
    results.say_at_last(options.validation)
    if stopped:
        return 128 + stopped
    return 1 if results.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train_for", description=__doc__)
    parser.add_argument("minutes", type=float, metavar="MINUTES", help="for all runs together")
    parser.add_argument(
        "runs", nargs="*", metavar="RUN",
        help=f"{', '.join(RUNS)}; each goes beside the others, and names that are joined by commas "
        "one after another (default: those that need it most; on a CPU, where all go one after "
        "another, that is the run 'fast')",
    )  # fmt: skip
    parser.add_argument("--data", nargs="+", metavar="[NAME=]DIR", help="as for `vsdeblur train`")
    parser.add_argument(
        "--validation", nargs="+", type=Path, metavar="DIR", help="as for `vsdeblur train`"
    )
    parser.add_argument(
        "--start", type=Path, metavar="DIR",
        help="folder of newer weights to go on from, such as an earlier --out: NAME.safetensors",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="DIR",
        help="folder for weights, logs and pictures (default: $OUT, or else runs/train_for-N)",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument(
        "--side-by-side", action="store_true", help="on a CPU too, where runs then share the cores"
    )
    return parser


def _is_card(device: str) -> bool:
    """Whether the runs have a card."""
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"unknown device {device!r}; choose one of: auto, cpu, cuda")
    import torch  # here: --help and most misuse need not wait for it

    has_card = torch.cuda.is_available()
    if device == "cuda" and not has_card:
        raise ValueError("no CUDA device found; use --device cpu, or run: vsdeblur doctor")
    return has_card and device != "cpu"


def _check(options: argparse.Namespace, lanes: Sequence[Sequence[str]]) -> None:
    """Fill in where the data is, and refuse what would fail after minutes.

    Raises:
        ValueError: Something is missing or too little.
    """
    longest = max(map(len, lanes))
    if not options.minutes >= FEWEST_MINUTES * longest:
        raise ValueError(
            f"{options.minutes:g} minutes are too few for {longest} run(s) one after another; give "
            f"at least {FEWEST_MINUTES * longest:g}"
        )
    if options.data is None:
        folders = sorted((CARD / "data").glob("*/"))
        if not folders:
            raise ValueError("give folders of sharp photos: --data [NAME=]DIR ...")
        options.data = [f"{folder.name}={folder}" for folder in folders]
        if options.validation is None and (CARD / "validation").is_dir():
            options.validation = [CARD / "validation"]
    options.validation = options.validation or []
    if options.start is None and (CARD / "start").is_dir():
        options.start = CARD / "start"
    for folder in [*options.validation, *([options.start] if options.start else [])]:
        if not folder.is_dir():
            raise ValueError(f"no folder {str(folder)!r}")


def _folder(given: Path | None, names: Sequence[str]) -> tuple[Path, bool]:
    """Where results go, and whether that is a lent machine's $OUT: few files come back from it.

    Raises:
        ValueError: There are results in it already, or more would come than fit.
        OSError: It cannot be made.
    """
    lent = os.environ.get("OUT") if given is None else None
    files = [*NAMES, *(f"{name}.safetensors" for name in names)]
    if lent and len(files) > MOST_FILES:
        raise ValueError(
            f"{len(files)} files would come into $OUT, from which {MOST_FILES} come back; give "
            f"{MOST_FILES - len(NAMES)} runs at most, or --out"
        )
    out = Path(lent) if lent else given or _free_folder()
    if any((out / file).exists() for file in [*files, "runs"]):
        raise ValueError(f"there are results in {str(out)!r} already; give another --out")
    out.mkdir(parents=True, exist_ok=True)
    return out, bool(lent)


def _free_folder() -> Path:
    number = 1
    while (ROOT / "runs" / f"train_for-{number}").exists():
        number += 1
    return ROOT / "runs" / f"train_for-{number}"


@contextmanager
def _work_folder(out: Path, *, is_temporary: bool) -> Iterator[Path]:
    """Where the runs have their checkpoints and curves: not in a folder of few files."""
    if not is_temporary:
        yield out / "runs"
        return
    with tempfile.TemporaryDirectory(prefix="train_for-") as folder:
        yield Path(folder)


def _train(lanes: Sequence[Lane], results: Results) -> int:
    """Run all lanes to their end, or until a signal comes; returns its number, or 0."""
    stop = Event()
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        stop.set()

    heeded = [n for n in SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]  # not under nohup
    before = {number: signal.signal(number, note) for number in heeded}
    threads = [Thread(target=lane.go, args=[stop]) for lane in lanes]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(LOOK_SECONDS)
                results.collect()
    finally:
        stop.set()  # if this failed, nothing is to go on unseen
        for thread in threads:
            thread.join()
        for number, handler in before.items():
            signal.signal(number, handler)
    results.collect()
    return came[0] if came else 0


if __name__ == "__main__":
    sys.exit(main())
