"""A filter from the outside: its files, its entry in the manifest, and its record.

It multiplies luma by its one weight.
"""

from pathlib import Path

from vsdeblur.registry import FilterRecord

ENTRY = (Path(__file__).parent / "manifest.toml").read_text()
RECORD = FilterRecord(
    models="toy_filter.model:TOY_MODELS",
    restorer="toy_filter.restorer:make_toy",
    script_function="toy_filter.script_function:toy",
    training_task="vsdeblur.train.dblrgan.window_task:WindowTask",
    evaluation_task="toy_filter.evaluation:toy_evaluation",
)
