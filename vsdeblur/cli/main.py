"""The `vsdeblur` command. Parses, calls, prints to stderr; decides nothing else.

Each command imports what it needs when it runs, so that `vsdeblur doctor` works where PyAV,
VapourSynth or TensorRT does not.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.logging import RichHandler

from .. import __version__
from ..benchmark.run_benchmark import benchmark
from ..errors import DeblurError
from ..manifest import load_manifest
from ..registry import RECORDS
from .engines import engines, export
from .live import live
from .options import ManyFolders, check_speed, filter_option, filter_options, parsed
from .outside import STOPPED, stop_signals, unbroken_stderr

__all__ = ["app", "main"]

SEVERAL = ", ".join(f.name for f in load_manifest().filters.values() if f.multiplier > 1)
"""Filters that give several frames for each."""
INCOMPLETE = 1
"""Exit status of `--strict` where the source was not whole."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the return value is the exit status.

    0: done. 1: done, but the source was damaged, and `--strict` was asked for. 2: something the
    user can mend, said in one line on stderr. 130: stopped by Ctrl-C, 143 by SIGTERM, 129 by
    SIGHUP. A traceback means a bug.
    """
    if argv is None:  # a process of our own: it may keep its memory (see `runtime.host`)
        os.environ.setdefault("VSDEBLUR_KEEP_MEMORY", "1")
    # Threads that wait by spinning take the cores from a second job; PyTorch reads it once.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with unbroken_stderr(), stop_signals() as signals:
        try:
            status = app.main(args=None if argv is None else list(argv), standalone_mode=False)
        except DeblurError as error:
            return _refuse(str(error))
        except click.ClickException as error:
            return _refuse(error.format_message())
        except (KeyboardInterrupt, click.Abort):
            _refuse("stopped")
            return signals.status
        if status == STOPPED:
            return signals.status
        return status if isinstance(status, int) else 0


def _refuse(message: str) -> int:
    print(f"vsdeblur: error: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _trained_with(option: str) -> str:
    """The filters whose training heeds an option."""
    return ", ".join(name for name, each in RECORDS.items() if option in each.training_options)


@click.group(help=load_manifest().summary + ".", context_settings={"max_content_width": 100})
@click.version_option(__version__, prog_name="vsdeblur")
def app() -> None:
    """Set up what all commands share."""
    handler = RichHandler(console=_console(), show_path=False, show_time=False)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler], force=True)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)


app.add_command(benchmark)
app.add_command(live)


@app.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@filter_option(load_manifest())
@filter_options(load_manifest())
@click.option("--codec", default="libx264", show_default=True, help="Encoder; NVENC: h264_nvenc.")
@click.option(
    "--quality", default=16.0, show_default=True, help="Constant quality (CRF, CQ): less is better."
)
@click.option("--preset", help="The encoder's preset.")
@click.option("--container", help="Container format [default: from OUT's suffix].")
@click.option("--pixel-format", help="Pixel format of the output [default: the source's].")
@click.option(
    "--high-rate", is_flag=True,
    help=f"({SEVERAL}) Keep the duration, multiply the frame rate [default].",
)  # fmt: skip
@click.option(
    "--slow-motion", is_flag=True,
    help=f"({SEVERAL}) Keep the frame rate, multiply the duration; without sound.",
)  # fmt: skip
@click.option(
    "--stretch-audio", is_flag=True,
    help=f"({SEVERAL}) Give --slow-motion the sound, stretched at its own pitch.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists, by what is complete.")
@click.option(
    "--join", multiple=True, metavar="FILE", help="A file that continues IN; may be repeated."
)
@click.option(
    "--drop", is_flag=True, help="Give up tracks that OUT's container cannot hold, and another can."
)
@click.option(
    "--max-megapixels", type=click.FloatRange(min=0), default=300.0, show_default=True,
    help="Still pictures with more are refused.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what becomes of each track, and do nothing.")
@click.option("--strict", is_flag=True, help="Exit with 1 if frames of IN are damaged or missing.")
@click.option(
    "--allow-playlist", is_flag=True, help="Let a local playlist open the files that it names."
)
def restore(
    source: str,
    target: str,
    filter_name: str,
    codec: str,
    quality: float,
    preset: str | None,
    container: str | None,
    pixel_format: str | None,
    high_rate: bool,
    slow_motion: bool,
    stretch_audio: bool,
    overwrite: bool,
    join: tuple[str, ...],
    drop: bool,
    max_megapixels: float,
    dry_run: bool,
    strict: bool,
    allow_playlist: bool,
    **given: str | None,
) -> int:
    """Restore a video, or a still picture.

    IN is a file, a pipe, an address or - for stdin; OUT a file, a pipe or - for stdout, which need
    --container. Times, audio, subtitles, colour and HDR data are kept. Ctrl-C finishes a playable
    file.
    """
    facts = load_manifest().filter(filter_name)
    options = parsed(facts, given)
    check_speed(facts, high_rate=high_rate, slow_motion=slow_motion, stretch_audio=stretch_audio)
    threshold = options.get("scene_threshold")
    from ..restorers import load_restorer
    from ..stream import StreamOptions, plan_file, restore_file, settings_text
    from ..stream.paths import check_paths
    from .progress import StreamBar

    overwrite = overwrite or dry_run or _may_replace(target)
    for each in (source, *join):
        check_paths(each, target, overwrite=overwrite)  # before a model is loaded in vain
    restorer = load_restorer(
        filter_name, **{name: v for name, v in options.items() if name != "scene_threshold"}
    )
    stream_options = StreamOptions(
        codec=codec,
        quality=quality,
        preset=preset,
        container=container,
        pixel_format=pixel_format,
        scene_threshold=threshold,
        slow_motion=slow_motion,
        stretch_audio=stretch_audio,
        overwrite=overwrite,
        join=join,
        drop=drop,
        max_megapixels=max_megapixels,
        allow_playlist=allow_playlist,
        settings=settings_text(filter_name, options, restorer.device),
    )
    if dry_run:
        for line in plan_file(source, target, restorer, stream_options).lines():
            _say(line)
        return 0
    with StreamBar(_console()) as bar:
        result = restore_file(source, target, restorer, stream_options, bar.update)
    written = "stdout" if str(result.target) == "-" else result.target
    if result.frames_out:
        _say(f"{written}: {result.frames_out} frames")
    if result.interrupted:
        held = f"{written} holds the first {result.frames_out} frames and plays"
        _refuse(f"stopped; {held if result.frames_out else 'nothing was written'}")
        return STOPPED
    return INCOMPLETE if strict and not result.whole else 0


def _may_replace(target: str) -> bool:
    """Whether the user, asked on the terminal, lets an existing file be replaced."""
    asks = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    exists = target != "-" and Path(target).is_file()
    return asks and exists and click.confirm(f"{target} exists; replace it?", err=True)


def _say(line: str) -> None:
    """Print a line to stderr as it is: names may hold what Rich takes for markup."""
    _console().print(line, highlight=False, soft_wrap=True, markup=False)


@app.command(cls=ManyFolders)
@click.argument("recipe")
@click.option(
    "--data", multiple=True, required=True, metavar="[NAME=]DIR...",
    help="Folders to train on, by the source of the recipe they are for [default NAME: photos].",
)  # fmt: skip
@click.option(
    "--validation", multiple=True, type=click.Path(path_type=Path), metavar="DIR...",
    help="Folders of other sharp photos, to choose the best weights by "
    "[default: every tenth photo of DATA, which is then not trained on].",
)  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
@click.option("--init", type=click.Path(path_type=Path), help="Weights to start from.")
@click.option(
    "--vgg19", type=click.Path(path_type=Path), metavar="FILE",
    help=f"({_trained_with('vgg19')}) torchvision's vgg19-dcbb9e9d.pth, to compare frames by its "
    "features.",
)  # fmt: skip
@click.option(
    "--raft", type=click.Path(path_type=Path), metavar="FILE",
    help=f"({_trained_with('raft')}) torchvision's RAFT weights, such as "
    "raft_large_C_T_SKHT_V2-ff5fadd5.pth, for the flow of the restored frames.",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Continue the run that is in OUT.")
@click.option("--minutes", type=float, help="Stop after so many minutes; resume later.")
@click.option("--steps", type=int, help="Steps of each stage [default: the recipe's].")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--devices", default=1, show_default=True, help="How many devices share a batch.")
@click.option("--precision", default="auto", show_default=True, help="auto, bf16 or fp32.")
@click.option("--compile", is_flag=True, help="Compile the network with torch.compile.")
@click.option("--eval-steps", default=1000, show_default=True, help="Steps between evaluations.")
def train(
    recipe: str,
    data: tuple[str, ...],
    validation: tuple[Path, ...],
    out: Path,
    init: Path | None,
    resume: bool,
    minutes: float | None,
    steps: int | None,
    **options: Any,  # noqa: ANN401
) -> int:
    """Train a model by a RECIPE (a name such as dblrgan-fast, or a .toml file)."""
    from ..train.run_training import run_training

    best = run_training(
        recipe,
        data=data,
        validation=validation,
        out=out,
        init=init,
        resume=resume,
        minutes=minutes,
        steps=steps,
        console=_console(),
        **options,
    )
    _console().print(f"best weights so far: {best}", highlight=False, soft_wrap=True)
    return 0


@app.command(cls=ManyFolders)
@filter_option(load_manifest())
@click.option("--data", multiple=True, required=True, metavar="NAME=DIR...", help="Datasets.")
@click.option("--model", help="Model of the filter [default: the filter's].")
@click.option("--weights", type=click.Path(path_type=Path), help="Weights to use instead.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--precision", default="auto", show_default=True, help="auto, fp32, fp16 or bf16.")
@click.option("--split", default="test", show_default=True, help="test or train.")
@click.option("--max-frames", type=click.IntRange(min=1), help="Frames of each video at most.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all figures.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write a page to view.")
def evaluate(filter_name: str, data: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401
    """Score a filter on datasets of blurred frames and their sharp partners."""
    from ..evaluate.report.console import print_tables
    from ..evaluate.run_evaluation import run_evaluation
    from .progress import StreamBar

    with StreamBar(_console()) as bar:
        found = run_evaluation(filter_name, data=data, on_progress=bar.update, **options)
    print_tables(found, Console())
    return 0


app.add_command(engines)
app.add_command(export)


@app.command()
def doctor() -> int:
    """Say what is installed, what works, and what to do about what is missing."""
    from .doctor import print_report

    print_report(_console())
    return 0


def _console() -> Console:
    """Progress and tables go to stderr: stdout may carry frames."""
    return Console(stderr=True)
