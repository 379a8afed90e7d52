"""The `vsdeblur` command. Parses, calls, prints to stderr; decides nothing else.

Each command imports what it needs when it runs, so that `vsdeblur doctor` works where PyAV,
VapourSynth or TensorRT does not.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from .. import __version__
from ..benchmark.run_benchmark import benchmark
from ..errors import DeblurError
from ..manifest import load_manifest
from ..registry import RECORDS
from .completion import completion
from .demo import demo
from .encoding import EncodingRequest, encoding_options
from .engines import engines, export
from .info import info
from .job_request import JobRequest, job_options
from .live import live
from .option_groups import GroupedCommand
from .options import RESTORE_GROUPS, ManyFolders, filter_option, filter_options, parsed
from .outside import STOPPED, leave, never_fail_to_print, stop_signals, unbroken_stderr
from .preview import preview
from .progress import progress_view
from .reporting import Reporter, log_to, reporter, reporting_options, rich_handler

__all__ = ["app", "main"]

REFUSED = 2
"""Exit status after what the user can mend."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the return value is the exit status.

    0: done. 1: of several files some failed, or the source was damaged, and `--strict` was asked
    for. 2: something the user can mend, said in one line on stderr. 130: stopped by Ctrl-C, 143 by
    SIGTERM, 129 by SIGHUP. A traceback means a bug.
    """
    if argv is None:  # a process of our own: it may keep its memory (see `runtime.host`)
        os.environ.setdefault("VSDEBLUR_KEEP_MEMORY", "1")
        never_fail_to_print()
    # Threads that wait by spinning take the cores from a second job; PyTorch reads it once.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    status = _run(argv)
    return leave(status) if argv is None else status


def _run(argv: Sequence[str] | None) -> int:
    told = Reporter()
    arguments = None if argv is None else list(argv)
    with unbroken_stderr(), stop_signals() as signals:
        try:
            status = app.main(args=arguments, standalone_mode=False, obj=told)
        except DeblurError as error:
            return told.refuse(str(error), REFUSED)
        except click.ClickException as error:
            return told.refuse(error.format_message(), REFUSED)
        except (KeyboardInterrupt, click.Abort):
            return told.refuse("stopped", signals.status)
        if status == STOPPED:
            return signals.status
        return status if isinstance(status, int) else 0


def _trained_with(option: str) -> str:
    """The filters whose training heeds an option."""
    return ", ".join(name for name, each in RECORDS.items() if option in each.training_options)


@click.group(help=load_manifest().summary + ".", context_settings={"max_content_width": 100})
@click.version_option(__version__, prog_name="vsdeblur")
def app() -> None:
    """Set up what all commands share."""
    log_to(rich_handler())
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)


app.add_command(benchmark)
app.add_command(live)


@app.command(cls=GroupedCommand, groups=RESTORE_GROUPS)
@click.argument(
    "names",
    metavar="IN... OUT",
    nargs=-1,
    required=True,
    type=click.Path(allow_dash=True, readable=False),
)
@job_options
@filter_option(load_manifest())
@filter_options(load_manifest())
@encoding_options
@click.option("--overwrite", is_flag=True, help="Replace what exists, by what is complete.")
@click.option(
    "--dry-run", is_flag=True,
    help="Say what becomes of each track, and how long and large all will be; do nothing.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Exit with 1 if frames of IN are damaged or missing.")
@click.option(
    "--no-settings-tag", "settings_tag", is_flag=True, flag_value=False, default=True,
    help="Leave out of OUT's metadata what it was restored with: see vsdeblur info.",
)  # fmt: skip
@reporting_options(as_json=True)
def restore(
    names: tuple[str, ...],
    filter_name: str,
    overwrite: bool,
    dry_run: bool,
    strict: bool,
    settings_tag: bool,
    **given: Any,  # noqa: ANN401
) -> int:
    """Restore videos and still pictures.

    IN is a file, a pipe, an address or - for stdin; OUT a file, a pipe or - for stdout, which need
    --container. Times, audio, subtitles, colour and HDR data are kept. Ctrl-C finishes a playable
    file.

    Several files, folders and patterns go into a folder: --out DIR. What is done already is passed
    over; what fails stops nothing else.
    """
    asked = JobRequest.taken_from(given, names, overwrite=overwrite, dry_run=dry_run)
    facts = load_manifest().filter(filter_name)
    encoding = EncodingRequest.taken_from(given, facts)
    options = parsed(facts, given)
    several = {name: options.get(name) for name in ("moments", "fps")}
    from ..restorers import load_restorer
    from ..stream import settings_text
    from ..stream.planning import check_options

    reporter().explain_failures()
    work = asked.work(encoding.fields["codec"], encoding.fields["join"])
    if work is None:
        return 0
    check_options(encoding.options(**several))  # before a model is loaded in vain
    further = asked.described() | encoding.described()
    restorer = load_restorer(
        filter_name, **{name: v for name, v in options.items() if name != "scene_threshold"}
    )
    settings = settings_text(filter_name, options, restorer.device, further)
    stream_options = encoding.options(
        scene_threshold=options.get("scene_threshold"),
        **several,
        part=asked.part,
        resume=asked.noted(settings),
        input_rate=asked.rate,
        settings=settings if settings_tag else None,
    )
    if dry_run:
        work.plan(restorer, stream_options)
        return 0
    return work.run(restorer, stream_options, strict=strict)


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
@click.option(
    "--anneal", is_flag=True,
    help="Let the learning rate fall to zero as the MINUTES run out, whatever the recipe's steps: "
    "for rented machines. A later run starts from the weights with --init.",
)  # fmt: skip
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

    with progress_view(_console()) as progress:
        found = run_evaluation(filter_name, data=data, on_progress=progress.update, **options)
    print_tables(found, Console())
    return 0


for command in (preview, info, demo, engines, export, completion):
    app.add_command(command)


@app.command()
def doctor() -> int:
    """Say what is installed, what works, and what to do about what is missing."""
    from .doctor import print_report

    print_report(_console())
    return 0


def _console() -> Console:
    """Progress and tables go to stderr: stdout may carry frames."""
    return Console(stderr=True)
