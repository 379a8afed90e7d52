"""`vsdeblur info`: what a file is, and what it was restored with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..manifest import load_manifest
from .reporting import reporter

if TYPE_CHECKING:
    from ..runtime.weights import WeightsInfo
    from ..stream import FileInfo
    from ..stream.settings_tag import RestoredWith

__all__ = ["info"]

WEIGHTS_SUFFIX = ".safetensors"
HEADING = 14
"""Characters of the column of headings."""


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(allow_dash=True, readable=False))
@click.option("--json", "as_json", is_flag=True, help="Write it as JSON.")
def info(file: str, as_json: bool) -> int:
    """Say what FILE is, and what it was restored with.

    FILE is a video, a picture, a recording or a file of weights. What a result was restored with
    stands in its metadata, unless it was made with --no-settings-tag or its format has no place
    for it.
    """
    if file.lower().endswith(WEIGHTS_SUFFIX):
        from ..runtime.weights import describe_weights

        weights = describe_weights(Path(file))
        _write(file, {"kind": "weights", **asdict(weights)}, as_json, _weights_lines(weights))
        return 0
    from ..stream import describe_file

    reporter().explain_failures()
    found = describe_file(file)
    as_object = asdict(found)
    for told, each in zip(as_object["restored_with"], found.restored_with, strict=True):
        told["installed"] = each.installed
    _write(file, as_object, as_json, _file_lines(found))
    return 0


def _write(
    file: str, found: dict[str, object], as_json: bool, lines: Iterator[tuple[str, str]]
) -> None:
    if as_json:
        click.echo(json.dumps({"file": file, **found}, indent=2))
        return
    click.echo(f"{file}: {found['kind']}")
    for heading, text in lines:
        click.echo(f"  {heading:<{HEADING}}{text}".rstrip())


def _file_lines(found: FileInfo) -> Iterator[tuple[str, str]]:
    yield from found.facts.items()
    for number, track in enumerate(found.tracks):
        yield f"track {number}", track
    if found.kind == "sound":
        yield "", "there is no picture track in it to restore"
    for each in found.restored_with:
        yield from _restoration_lines(each)
    if not found.restored_with and found.kind != "sound":
        why = "" if found.can_tell else "; files of this format have no place to say it"
        yield "restored", f"it does not say so{why}"


def _restoration_lines(restored: RestoredWith) -> Iterator[tuple[str, str]]:
    yield "restored", f"by vsdeblur {restored.version}"
    whose = restored.installed
    of_whom = f"those installed as {whose}" if whose else "none of those installed"
    yield "weights", f"sha256 {restored.sha256}, {of_whom}"
    yield "command", f"vsdeblur restore IN OUT {restored.options}"


def _weights_lines(weights: WeightsInfo) -> Iterator[tuple[str, str]]:
    facts = dict(weights.metadata)
    model = f"{facts.pop('filter', '?')} {facts.pop('model', '?')}"
    yield "for", model if "?" not in model else "it does not say: not weights of vsdeblur"
    stored = ", ".join(weights.precisions)
    yield "holds", f"{weights.numbers:,} numbers in {weights.tensors} tensors of {stored}"
    yield "sha256", weights.sha256
    yield "installed", _installed_as(weights.sha256)
    for name, text in sorted(facts.items()):
        yield name, " ".join(text.split())


def _installed_as(sha256: str) -> str:
    for facts in load_manifest().filters.values():
        for model in facts.models.values():
            if model.sha256 == sha256:
                return f"as {facts.name} {model.name}"
    return "no"
