"""`vsdeblur benchmark`: options in, measured rows out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ..errors import OptionError
from ..manifest import load_manifest

__all__ = ["benchmark"]


@click.command()
@click.option("--filter", "filters", multiple=True, help="Filter; may be given again [all].")
@click.option("--model", "models", multiple=True, help="Model; may be given again [all].")
@click.option(
    "--size", "sizes", multiple=True, default=("1080p",), show_default=True,
    help="360p, 720p, 1080p, 4K or WxH; may be given again.",
)  # fmt: skip
@click.option("--backend", "backends", multiple=True, default=("auto",), show_default=True)
@click.option("--precision", "precisions", multiple=True, default=("auto",), show_default=True)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--network", type=click.Choice(["model", "identity"]), default="model", show_default=True,
    help="identity: time the shell around the network, against the usual one of RGBS planes.",
)  # fmt: skip
@click.option(
    "--jobs", type=click.IntRange(2),
    help="Time so many `vsdeblur restore` side by side against one alone, and nothing else.",
)  # fmt: skip
@click.option(
    "--repeats", type=click.IntRange(5), default=5, show_default=True,
    help="Runs of which the median counts.",
)  # fmt: skip
@click.option("--frames", default=400, show_default=True, help="Frames of a run (identity).")
@click.option(
    "--most-seconds", default=120.0, show_default=True,
    help="Rows that would take longer are measured without vspipe.",
)  # fmt: skip
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all figures.")
@click.option("--markdown", "markdown_file", type=click.Path(path_type=Path), help="Write a table.")
def benchmark(
    filters: Sequence[str],
    models: Sequence[str],
    sizes: Sequence[str],
    backends: Sequence[str],
    precisions: Sequence[str],
    device: str,
    network: str,
    jobs: int | None,
    repeats: int,
    frames: int,
    most_seconds: float,
    json_file: Path | None,
    markdown_file: Path | None,
) -> int:
    """Measure filters on this machine: the network alone, and end to end through vspipe.

    Every row is printed as soon as it is measured; files are whole at any time.
    """
    _check(sizes, [json_file, markdown_file])
    from tempfile import TemporaryDirectory

    from .jobs import measure_jobs
    from .report import Report
    from .rows import cases, measure, measure_shells

    with (
        TemporaryDirectory(prefix="vsdeblur-benchmark-") as name,
        Report(json_file, markdown_file) as report,
    ):
        folder = Path(name)
        if jobs is not None:
            report.add_jobs(
                measure_jobs(jobs, device=device, repeats=repeats, folder=folder, tell=_tell_jobs)
            )
        elif network == "identity":
            shells = measure_shells(sizes[0], device=device, repeats=repeats, frames=frames)
            click.echo("\n".join(shells.commands), err=True)
            report.add_shells(shells)
        else:
            chosen = filters or tuple(load_manifest().filters)
            for case in cases(chosen, models, sizes, backends, precisions, [device]):
                click.echo(case.command(), err=True)
                report.add(
                    measure(
                        case, repeats=repeats, most_seconds=most_seconds, folder=folder,
                        tell=report.tell,
                    )
                )  # fmt: skip
    return 0


def _tell_jobs(count: int, seconds: float) -> None:
    click.echo(f"{count} at once: {seconds:.1f} s", err=True)


def _check(sizes: Sequence[str], targets: Sequence[Path | None]) -> None:
    """Refuse what would only fail after minutes.

    Raises:
        OptionError: A size is none, or a file's folder is not there.
    """
    known = ("360p", "720p", "1080p", "4K")
    for size in sizes:
        numbers = size.lower().split("x")
        if size not in known and not (len(numbers) == 2 and all(n.isdigit() for n in numbers)):
            raise OptionError(f"unknown size {size!r}; choose one of: {', '.join(known)}, or WxH")
    for target in targets:
        if target is not None and not target.parent.is_dir():
            raise OptionError(f"there is no folder {str(target.parent)!r}")
