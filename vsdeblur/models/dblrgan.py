"""The models of `dblrgan` (paper 001): DBLRNet, and its small relative."""

from __future__ import annotations

from functools import partial

from torch import nn

from .dblrnet import DBLRNet, FastDBLRNet, FoldedDBLRNet
from .spec import InferenceForm, ModelSpec

__all__ = ["DBLRGAN_MODELS"]


def _fold_dblrnet(network: nn.Module) -> InferenceForm:
    assert isinstance(network, DBLRNet)
    folded = FoldedDBLRNet(network.eval())
    folded.global_skip = False
    return InferenceForm(folded, adds_middle_frame=network.global_skip)


def _fold_fast(network: nn.Module) -> InferenceForm:
    assert isinstance(network, FastDBLRNet)
    adds_middle_frame = network.global_skip
    network.global_skip = False
    return InferenceForm(network.eval(), adds_middle_frame)


DBLRGAN_MODELS: dict[str, ModelSpec] = {
    "fast": ModelSpec(
        build=FastDBLRNet,
        fold=_fold_fast,
        channels_in=(5,),
        radius=2,
        channels=1,
        multiple_of=8,
        # 3x3 convolutions reach 10 px at half size, 24 at a quarter, 64 at an eighth, and 24
        # and 10 again on the way up; a place within the 8x8 grid adds up to 7.
        receptive_radius=139,
        values_per_pixel=37,
    ),
    "quality": ModelSpec(
        build=partial(FastDBLRNet, widths=(64, 128, 256)),
        fold=_fold_fast,
        channels_in=(5,),
        radius=2,
        channels=1,
        multiple_of=8,
        receptive_radius=139,  # as that of "fast": it is as deep
        values_per_pixel=69,
    ),
    "paper": ModelSpec(
        build=DBLRNet,
        fold=_fold_dblrnet,
        channels_in=(5,),
        radius=2,
        channels=1,
        multiple_of=1,
        receptive_radius=35,
        values_per_pixel=645,
    ),
}
"""By model name, as in the manifest."""
