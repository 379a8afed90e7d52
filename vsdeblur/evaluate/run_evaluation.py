"""`vsdeblur evaluate`: options in, figures and reports out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

from ..errors import DataError, OptionError
from ..manifest import load_manifest
from ..restorers import Restorer, load_restorer
from ..restorers.loading import model_for
from ..runtime.device import PRECISIONS, resolve_dtype
from ..runtime.weights import sha256_of
from .evaluation import Evaluation, Method, device_name, library_versions
from .evaluation_task import EvaluationTask, evaluation_task
from .report.gallery import Gallery
from .report.page import check_target, html_report, json_report, write_whole
from .scoring import Scorer, ScoringProgress
from .sets.opening import open_set
from .sets.samples import EvaluationSet

__all__ = ["run_evaluation"]


def run_evaluation(
    filter_name: str,
    *,
    data: Sequence[str],
    model: str | None = None,
    weights: Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    split: str = "test",
    max_frames: int | None = None,
    json_file: Path | None = None,
    html_file: Path | None = None,
    on_progress: Callable[[ScoringProgress], None] = lambda progress: None,
) -> Evaluation:
    """Score a filter on datasets, and write the reports asked for.

    Args:
        filter_name: As in the manifest.
        data: "NAME=DIR" for each set.
        model: Model of the filter; None = its default.
        weights: A .safetensors file to use in place of the packaged weights.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "fp32", "fp16" or "bf16".
        split: "test" or "train".
        max_frames: Score the first so many frames of each video; None = all.
        json_file: Where all figures go.
        html_file: Where the page goes.
        on_progress: Called after every frame.

    Raises:
        OptionError: A name or value is not allowed, or a report cannot be written.
        DataError: A set, a frame or a library that is needed is missing or damaged.
        DeviceError: The device or precision is not available here.
        WeightsError: The weights are missing, damaged or of another model.
    """
    _need("torchmetrics", "skimage", "cv2", "jinja2")
    for option, file in (("--json", json_file), ("--html", html_file)):
        if file is not None:
            check_target(option, file)
    sets = _open_sets(data, split)
    load = partial(
        load_restorer,
        filter_name,
        model=model,
        device=device,
        precision=precision,
        weights=weights,
    )
    restorer = load()
    sets = [evaluation_set.suited_to(restorer.radius) for evaluation_set in sets]
    task = evaluation_task(filter_name, restorer, load)
    gallery = Gallery(sets, max_frames) if html_file is not None else None
    watchers = [gallery] if gallery is not None else []
    scorer = Scorer(
        restorer,
        task=task,
        max_frames=max_frames,
        watchers=watchers,
        on_progress=on_progress,
    )
    evaluation = Evaluation(
        method=_method(filter_name, model, weights, restorer, task, precision),
        options={
            "filter": filter_name,
            "data": [_without_path(text) for text in data],
            "model": model,
            "weights": weights.name if weights is not None else None,
            "device": device,
            "precision": precision,
            "split": split,
            "max_frames": max_frames,
        },
        versions=library_versions(),
        device_name=device_name(restorer.device),
        sets=scorer.score(sets),
    )
    if json_file is not None:
        write_whole(json_file, json_report(evaluation))
    if html_file is not None and gallery is not None:
        write_whole(html_file, html_report(evaluation, gallery))
    return evaluation


def _need(*modules: str) -> None:
    try:
        for module in modules:
            import_module(module)
    except ModuleNotFoundError as error:
        raise DataError(
            f"evaluation needs {error.name}, which is not installed; "
            "pip install 'vsdeblur[evaluate]'"
        ) from error


def _open_sets(data: Sequence[str], split: str) -> list[EvaluationSet]:
    sets = [open_set(text, split) for text in data]
    names = [evaluation_set.name for evaluation_set in sets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise OptionError(f"dataset {twice!r} is given twice; give each once")
    return sets


def _method(
    filter_name: str,
    model: str | None,
    weights: Path | None,
    restorer: Restorer,
    task: EvaluationTask,
    precision: str,
) -> Method:
    facts = load_manifest().filter(filter_name)
    asked = facts.parameters["model"].default if model is None else model
    chosen = model_for(facts, asked, weights, restorer.device.type)
    file = weights or chosen.weights
    assert file is not None  # the restorer was loaded from it
    dtype = resolve_dtype(precision, restorer.device)
    return Method(
        filter=filter_name,
        model=chosen.name,
        weights_file=file.name,
        weights_sha256=sha256_of(file),
        temporal_radius=restorer.radius,
        multiplier=restorer.multiplier,
        reads=facts.reads,
        device=str(restorer.device),
        precision=next(name for name, known in PRECISIONS.items() if known == dtype),
        intermediates={name: each.title for name, each in task.intermediates.items()},
    )


def _without_path(text: str) -> str:
    """NAME=DIR with the last part of DIR only: the rest is the machine's affair."""
    name, _, folder = text.partition("=")
    return f"{name}={Path(folder).resolve().name}"
