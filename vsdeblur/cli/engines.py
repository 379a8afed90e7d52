"""`vsdeblur engines` and `vsdeblur export`: compiled engines, and networks for other runtimes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
from rich.console import Console
from rich.table import Table

from ..errors import OptionError, WeightsError
from ..manifest import ModelFacts, load_manifest
from .options import filter_option
from .progress import step

if TYPE_CHECKING:
    from ..runtime.backends.engine_cache import EngineCache
    from ..runtime.network import NetworkSource

__all__ = ["engines", "export"]

CACHE_OPTION = click.option(
    "--cache", type=click.Path(path_type=Path),
    help="Folder of the engines [default: VSDEBLUR_CACHE, or the user's cache folder].",
)  # fmt: skip
FILTER_OPTION = filter_option(load_manifest())
MODEL_OPTION = click.option("--model", help="Model of the filter [default: the filter's].")
WEIGHTS_OPTION = click.option("--weights", type=click.Path(path_type=Path),
                              help="Weights to use instead of the packaged ones.")  # fmt: skip
PRECISION_OPTION = click.option("--precision", default="fp16", show_default=True,
                                help="fp16, bf16 or fp32.")  # fmt: skip
DAY = 24 * 3600


@click.group()
def engines() -> None:
    """Build, list and delete compiled engines."""


@engines.command()
@FILTER_OPTION
@MODEL_OPTION
@WEIGHTS_OPTION
@PRECISION_OPTION
@click.option("--all", "build_all", is_flag=True, help="Every model with weights, all precisions.")
@CACHE_OPTION
def build(
    filter_name: str,
    model: str | None,
    weights: Path | None,
    precision: str,
    build_all: bool,
    cache: Path | None,
) -> int:
    """Build engines of TensorRT for RTX. It needs no GPU.

    Each takes seconds, in which its network is exported to ONNX: that model is kept as well.
    """
    from ..restorers.loading import load_parts
    from ..runtime.backends.engine_cache import EngineCache
    from ..runtime.device import PRECISIONS
    from ..runtime.tile_network import tile_source

    store = EngineCache(cache)
    chosen = _with_weights() if build_all else [_chosen(filter_name, model, weights)]
    precisions = list(PRECISIONS) if build_all else [_precision(precision)]
    for target in chosen:
        for name in precisions:
            sources, _ = load_parts(*target.place, target.weights, sha256=target.sha256)
            tiles = [tile_source(source) for source in sources.values() if source.measuring]
            for source in [*sources.values(), *tiles]:
                _build_one(source, name, store)
    if build_all:
        for facts, missing in _models(has_weights=False):
            _say(f"{facts} {missing.name}: left out, no weights are shipped yet")
    return 0


@engines.command(name="list")
@CACHE_OPTION
def list_engines(cache: Path | None) -> int:
    """List the engines that are kept."""
    from ..runtime.backends.engine_cache import EngineCache

    store = EngineCache(cache)
    table = Table("engine", "backend", "precision", "MB", "built in s", "last used", "")
    for entry in store.entries():
        used = time.strftime("%Y-%m-%d", time.localtime(entry.last_used))
        table.add_row(
            entry.path.name, entry.key.get("backend", "?"), entry.key.get("precision", "?"),
            f"{entry.size / 1e6:.1f}", f"{entry.seconds:.1f}", used,
            "" if entry.intact else "damaged: rebuilt when needed",
        )  # fmt: skip
    console = Console()
    console.print(table)
    console.print(str(store.folder), highlight=False, soft_wrap=True, markup=False)
    return 0


@engines.command()
@click.option("--all", "prune_all", is_flag=True, help="Delete all engines.")
@click.option("--days", type=click.IntRange(min=0), default=90, show_default=True,
              help="Delete what was not used for so many days.")  # fmt: skip
@CACHE_OPTION
def prune(prune_all: bool, days: int, cache: Path | None) -> int:
    """Delete engines that are damaged, of other versions, or not used any more."""
    from ..runtime.backends.engine_cache import EngineCache
    from ..runtime.compile import is_current

    store = EngineCache(cache)
    freed = 0
    for entry in list(store.entries()):
        unused = time.time() - entry.last_used > days * DAY
        if prune_all or unused or not entry.intact or not is_current(entry.key):
            freed += entry.size
            store.remove(entry)
            _say(f"deleted {entry.path.name}")
    _say(f"{_megabytes(freed)} freed in {store.folder}")
    return 0


@engines.command()
@CACHE_OPTION
def where(cache: Path | None) -> int:
    """Print the folder of the engines."""
    from ..runtime.backends.engine_cache import cache_folder

    click.echo(str(cache_folder(cache)))
    return 0


@click.command()
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--format", "kind", type=click.Choice(["onnx", "engine"]), default="onnx",
              show_default=True, help="engine is TensorRT for RTX's.")  # fmt: skip
@FILTER_OPTION
@MODEL_OPTION
@WEIGHTS_OPTION
@click.option("--precision", default="fp32", show_default=True, help="fp32, fp16 or bf16.")
def export(
    target: Path,
    kind: str,
    filter_name: str,
    model: str | None,
    weights: Path | None,
    precision: str,
) -> int:
    """Write a model's network to OUT, for use elsewhere.

    Of a model of several networks each is written beside OUT, with its name. The frames' batch,
    height and width are free. The model's metadata say what goes in and what comes out.
    """
    from ..restorers.loading import load_parts
    from ..runtime.backends.onnx import describe, onnx_model
    from ..runtime.backends.tensorrt_rtx_build import build_engine
    from ..runtime.device import PRECISIONS

    dtype = PRECISIONS[_precision(precision)]
    if not target.parent.is_dir():
        raise OptionError(f"there is no folder {str(target.parent)!r}; make it, or choose another")
    chosen = _chosen(filter_name, model, weights)
    sources, adds = load_parts(*chosen.place, chosen.weights, sha256=chosen.sha256)
    for part, source in sources.items():
        path = target.with_stem(f"{target.stem}-{part}") if part else target
        facts = describe(source, dtype, gives_residual=adds)
        with step(Console(stderr=True), f"{source.name}: exporting"):
            content = onnx_model(source.module, source.channels, dtype, facts)
            if kind == "engine":
                content = build_engine(content, source.multiple_of)
        _write(path, content)
        _say(f"{path}: {_megabytes(len(content))}")
    return 0


def _build_one(source: NetworkSource, precision: str, store: EngineCache) -> None:
    from ..runtime.backends.tensorrt_rtx import engine_file
    from ..runtime.device import PRECISIONS

    started = time.perf_counter()
    with step(Console(stderr=True), f"{source.name}, {precision}: exporting and building"):
        path = engine_file(source, PRECISIONS[precision], store)
    seconds = time.perf_counter() - started
    _say(f"{path}: {_megabytes(path.stat().st_size)}, {seconds:.1f} s")


class _Chosen(NamedTuple):
    """A model and its weights."""

    place: tuple[str, str]
    """Filter and model."""
    weights: Path
    sha256: str | None


def _chosen(filter_name: str, model: str | None, weights: Path | None) -> _Chosen:
    from ..restorers.loading import find_weights

    facts = load_manifest().filter(filter_name)
    parameter = facts.parameters["model"]
    asked = str(parameter.check(parameter.default if model is None else model))
    chosen = facts.model(asked)
    return _Chosen((filter_name, chosen.name), *find_weights(chosen, weights))


def _with_weights() -> list[_Chosen]:
    """Every model that has packaged weights."""
    found = [_chosen(name, model.name, None) for name, model in _models(has_weights=True)]
    if not found:
        raise WeightsError("no model has packaged weights; reinstall vsdeblur")
    return found


def _models(*, has_weights: bool) -> Iterator[tuple[str, ModelFacts]]:
    """Filter and model: those with packaged weights, or those without."""
    for facts in load_manifest().filters.values():
        for model in facts.models.values():
            if (model.weights is not None) == has_weights:
                yield facts.name, model


def _precision(name: str) -> str:
    from ..runtime.device import PRECISIONS

    if name not in PRECISIONS:
        raise OptionError(f"unknown precision {name!r}; choose one of: {', '.join(PRECISIONS)}")
    return name


def _write(path: Path, content: bytes) -> None:
    from ..runtime.backends.engine_cache import write_beside

    try:
        write_beside(path, content)
    except OSError as error:
        raise OptionError(f"cannot write {str(path)!r}: {error.strerror}") from error


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _say(text: str) -> None:
    Console(stderr=True).print(text, highlight=False, soft_wrap=True, markup=False)
