"""The filters: one record for each, by which everything else finds a filter's parts.

To add a filter, write its files, give it an entry in `plugin_manifest.toml` and a record here, and
the package's `__init__` a line for type checkers. The parts are named, not imported: whoever needs
one imports it, so that a command runs without what others need.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True, kw_only=True)
class FilterRecord:
    """Where the parts of a filter are: "module:attribute" each.

    How it behaves in a stream its restorer says: see `restorers.base.Restorer`.
    """

    models: str
    """Model name -> `models.ModelSpec`."""
    restorer: str
    """Makes its algorithm; see `restorers.loaded_model.RestorerFactory`."""
    script_function: str
    """What VapourSynth scripts call; `vsdeblur` offers it under the filter's name."""
    training_task: str | None = None
    """How its models are trained; see `train.task.TaskFactory`. None = they are not."""
    training_options: tuple[str, ...] = ()
    """Those of the `TrainOptions` "vgg19" and "raft" that its training heeds."""
    evaluation_task: str | None = None
    """What is scored beside its result; see `evaluate.evaluation_task.EvaluationTaskFactory`. None
    = nothing."""


RECORDS: dict[str, FilterRecord] = {
    "dblrgan": FilterRecord(
        models="vsdeblur.models.dblrgan:DBLRGAN_MODELS",
        restorer="vsdeblur.restorers.dblrgan:make_dblrgan",
        script_function="vsdeblur.filters.dblrgan:dblrgan",
        training_task="vsdeblur.train.dblrgan.window_task:WindowTask",
    ),
    "brmr": FilterRecord(
        models="vsdeblur.models.brmr:BRMR_MODELS",
        restorer="vsdeblur.restorers.brmr.restorer:make_brmr",
        script_function="vsdeblur.filters.brmr:brmr",
        training_task="vsdeblur.train.brmr.brmr_task:BRMRTask",
        evaluation_task="vsdeblur.evaluate.brmr_evaluation:brmr_evaluation",
    ),
    "sequence": FilterRecord(
        models="vsdeblur.models.sequence:SEQUENCE_MODELS",
        restorer="vsdeblur.restorers.sequence:make_sequence",
        script_function="vsdeblur.filters.sequence:sequence",
        training_task="vsdeblur.train.sequence.sequence_task:SequenceTask",
        training_options=("vgg19", "raft"),
    ),
}
"""By the filters' names, as in the manifest."""


class FilterPart[Part](Mapping[str, Part]):
    """One part of every filter that has it, by the filter's name; imported when it is asked for.

    Args:
        field: The `FilterRecord`'s field that names it.
    """

    def __init__(self, field: str) -> None:
        self._field = field

    def __getitem__(self, filter_name: str) -> Part:
        """Import a filter's part.

        Raises:
            KeyError: The filter has no record, or not this part.
        """
        place = getattr(RECORDS[filter_name], self._field)
        if place is None:
            raise KeyError(filter_name)
        return cast(Part, pkgutil.resolve_name(place))

    def __contains__(self, filter_name: object) -> bool:
        """Whether a filter has the part; nothing is imported to find out."""
        return filter_name in list(self)

    def __iter__(self) -> Iterator[str]:
        """Names of the filters that have the part, in the records' order."""
        return (name for name, record in RECORDS.items() if getattr(record, self._field))

    def __len__(self) -> int:
        return len(list(iter(self)))
