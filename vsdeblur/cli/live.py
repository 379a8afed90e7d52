"""The command `vsdeblur live`: a stream in, the same one restored out, as long as it lasts."""

from __future__ import annotations

import re
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from ..errors import DeblurError, OptionError
from ..manifest import load_manifest
from .option_groups import GroupedCommand
from .options import RUNNING, filter_option, filter_options, parsed
from .outside import STOPPED
from .progress import StatusLine

if TYPE_CHECKING:
    from ..stream.live import LiveOptions, LiveStatus, Secrets

__all__ = ["live"]

GROUPS = {
    "Common options": (
        "--filter", "--model", "--device", "--max-latency", "--also", "--listen", "--reconnect",
        "--overwrite", "--test-source", "--help",
    ),
    "How it is encoded": (
        "--codec", "--preset", "--bitrate", "--keyframes", "--pixel-format", "--container",
    ),
    "How it does": ("--status", "--metrics"),
    "What is opened": ("--key-file", "--allow-playlist"),
    "All filters": ("--tta", "--weights", "--scene-threshold", *RUNNING),
}  # fmt: skip
_UNITS = {"": 1, "k": 1000, "m": 1_000_000}


@click.command(cls=GroupedCommand, groups=GROUPS)
@click.argument("addresses", metavar="[IN] OUT", nargs=-1)
@filter_option(load_manifest())
@filter_options(load_manifest())
@click.option(
    "--max-latency", type=float, default=0.5, show_default=True, metavar="S",
    help="Seconds from a frame's packets coming to its own leaving, at most.",
)  # fmt: skip
@click.option("--also", multiple=True, metavar="OUT", help="A further output; may be repeated.")
@click.option("--listen", is_flag=True, help="Wait at IN for an encoder that pushes to us.")
@click.option("--test-source", is_flag=True, help="Restore a stream made here; IN is left out.")
@click.option(
    "--reconnect", type=float, metavar="S",
    help="Try for so many seconds to get a lost end back [default: for ever].",
)  # fmt: skip
@click.option("--codec", default="libx264", show_default=True, help="Encoder; NVENC: h264_nvenc.")
@click.option("--preset", help="The encoder's preset [default: a fast one].")
@click.option(
    "--bitrate", metavar="BITS", help="Of the video, such as 4M or 2500k [default: by its size]."
)
@click.option(
    "--keyframes", type=float, default=2.0, show_default=True, metavar="S",
    help="Seconds between key frames.",
)  # fmt: skip
@click.option(
    "--pixel-format", help="Of the output [default: the source's, or yuv420p where players are]."
)
@click.option("--container", help="Format of OUT where its address does not say it.")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it is a file that exists.")
@click.option(
    "--allow-playlist", is_flag=True, help="Let a local playlist open the files that it names."
)
@click.option(
    "--key-file", multiple=True, metavar="[NAME=]FILE",
    help="What $NAME in an address stands for [default NAME: KEY; the environment otherwise].",
)  # fmt: skip
@click.option(
    "--status", metavar="FILE", help="Add a line of JSON to FILE (- = stdout) each second."
)
@click.option(
    "--metrics", type=click.IntRange(1, 65535), metavar="PORT",
    help="Tell Prometheus the same, on 127.0.0.1.",
)  # fmt: skip
def live(
    addresses: tuple[str, ...],
    filter_name: str,
    max_latency: float,
    also: tuple[str, ...],
    listen: bool,
    test_source: bool,
    reconnect: float | None,
    codec: str,
    preset: str | None,
    bitrate: str | None,
    keyframes: float,
    pixel_format: str | None,
    container: str | None,
    overwrite: bool,
    allow_playlist: bool,
    key_file: tuple[str, ...],
    status: str | None,
    metrics: int | None,
    **given: str | None,
) -> int:
    """Restore a live stream, on time.

    IN and OUT are addresses (rtmp, rtsp, udp, tcp, http...), files, pipes, or - for stdin and
    stdout; OUT.m3u8 is a playlist with its segments. When there is not time enough, quality gives
    way before time does. Ctrl-C ends both sides.
    """
    if len(addresses) != 1 + (not test_source):
        raise click.UsageError(
            "give OUT alone with --test-source" if test_source else "give IN and OUT"
        )
    from ..stream.live import LiveOptions, Secrets, read_keys

    facts = load_manifest().filter(filter_name)
    chosen = parsed(facts, given)
    options = LiveOptions(
        max_latency=max_latency,
        reconnect=reconnect,
        listen=listen,
        codec=codec,
        preset=preset,
        bit_rate=None if bitrate is None else _bits(bitrate),
        key_frame_seconds=keyframes,
        pixel_format=pixel_format,
        container=container,
        scene_threshold=chosen.pop("scene_threshold", None),
        overwrite=overwrite,
        allow_playlist=allow_playlist,
    )
    secrets = Secrets(read_keys(key_file))
    try:
        source = None if test_source else addresses[0]
        outputs = [addresses[-1], *also]
        _check_stdout(outputs, status)
        return _run(source, outputs, filter_name, chosen, options, secrets, status, metrics)
    except DeblurError as error:
        raise type(error)(secrets.masked(str(error))) from None


def _run(
    source: str | None,
    outputs: list[str],
    filter_name: str,
    chosen: dict[str, Any],
    options: LiveOptions,
    secrets: Secrets,
    status: str | None,
    metrics: int | None,
) -> int:
    from ..stream import live as stream
    from ..stream.live.watching.metrics import serve_metrics

    console, clock = Console(stderr=True), stream.Clock()
    journal = stream.Journal(partial(_say, console), secrets)
    if source is None:
        opened: stream.LiveSource = stream.TrialSource(clock)
    else:
        opened = stream.source_for(secrets.address(source), options, clock)
    targets = stream.make_targets([secrets.address(each) for each in outputs], options)
    restores = stream.load_live_filter(filter_name, chosen)
    with ExitStack() as stack:
        line = stack.enter_context(StatusLine(console))
        file = stack.enter_context(stream.StatusFile(status)) if status else None

        def report(now: LiveStatus) -> None:
            line.update(stream.in_words(now))
            if file is not None:
                file.write(now)

        session = stream.LiveSession(opened, targets, restores, options, journal, report, clock)
        if metrics is not None:
            stack.enter_context(serve_metrics(metrics, session.status))
        interrupted = session.run()
    journal.say(stream.in_words(session.status(), ended=True))
    return STOPPED if interrupted else 0


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True, markup=False)


def _check_stdout(outputs: list[str], status: str | None) -> None:
    if status == "-" and "-" in outputs:
        raise OptionError("--status - and an output to - do not go together; give a file to one")


def _bits(text: str) -> int:
    """A bit rate as people write it, in bits a second."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmM]?)", text)
    if match is None:
        raise OptionError(f"--bitrate must be a number such as 4M or 2500k, got {text!r}")
    return round(float(match[1]) * _UNITS[match[2].lower()])
