"""Where a run gets its material and goes, and how it tells its caller how it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .validation import Score

__all__ = ["TrainOptions", "TrainProgress"]


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Where a run gets its material, and for how long it may go on now."""

    data: Mapping[str, Sequence[Path]]
    """Folders of each source of the recipe; sources that are not named are left out."""
    validation: Sequence[Path] = ()
    """Folders of other sharp photos, to choose the best weights by; empty = every tenth photo
    (or video, where there are no photos) of `data` is kept for that and not trained on."""
    out: Path
    """Folder of the run."""
    init: Path | None = None
    """Weights to start from; None = random ones. A resumed run has its own."""
    vgg19: Path | None = None
    """torchvision's weights of VGG19, whose features then compare frames (`sequence`); None = those
    of the discriminator do."""
    raft: Path | None = None
    """torchvision's weights of RAFT, which then gives the flow of the restored frames (`sequence`);
    None = the flow is the true one of the synthesis."""
    resume: bool = False
    """Continue the run that is in `out`."""
    minutes: float | None = None
    """Stop after this many minutes; None = when the recipe's steps are done."""
    anneal: bool = False
    """Let the learning rate fall to zero as the minutes run out, whatever the recipe's steps."""
    accelerator: str = "auto"
    """Fabric's accelerator: "auto", "cpu" or "cuda"."""
    devices: int = 1
    """How many devices share each batch."""
    precision: str = "bf16-mixed"
    """Fabric's precision: "bf16-mixed" or "32-true"."""
    compile: bool = False
    """Compile the network with torch.compile."""
    eval_steps: int = 1000
    """Steps between evaluations."""
    log_steps: int = 50
    """Steps between reports; each tells the mean since the one before."""
    num_validation: int = 64
    """Blurred windows in the validation set."""


@dataclass(frozen=True)
class TrainProgress:
    """How a run stands; given to the caller after every few steps."""

    stage: str
    step: int
    steps: int | None
    """All steps of the stage; None = the clock ends it."""
    loss: float
    samples_per_second: float
    matrix_share: float
    """Share of the device's measured matrix-product rate that forward and backward reach."""
    seconds_left: float | None = None
    """Until the clock ends the stage; None = its steps do."""
    score: Score | None = None
    """Set after an evaluation."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Where the time since the last report went: "data", "update", "evaluation"."""
