"""Every model, in one table: to add one, write its file and add its line here."""

from __future__ import annotations

from torch import nn

from .brmr import build_fast_brmr, build_paper_brmr, fold_brmr
from .dblrnet import DBLRNet, FastDBLRNet, FoldedDBLRNet
from .sequence import SequenceNet, build_paper_sequence, fold_sequence
from .spec import BRMRSpec, InferenceForm, ModelSpec

__all__ = ["MODELS", "BRMRSpec", "InferenceForm", "ModelSpec"]


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


MODELS: dict[str, dict[str, ModelSpec]] = {
    "dblrgan": {
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
    },
    "brmr": {
        "fast": BRMRSpec(
            build=build_fast_brmr,
            fold=fold_brmr,
            parts=("g_image", "d_image", "g_patch"),
            channels_in=(3, 6, 6),
            radius=0,
            channels=3,
            multiple_of=16,
            pads_itself=True,
            # G_i's convolutions reach 195 px, but little of it tells: with the packaged weights, a
            # pixel 64 px inside a tile was never off by more than 0.1/255 on photographs.
            receptive_radius=64,
            values_per_pixel=38,
            # conv4 sees 38 pixels, of which 8 are those that its value stands for.
            critic_reach=15,
            refiner_sees_input=True,
        ),
        "paper": BRMRSpec(
            build=build_paper_brmr,
            fold=fold_brmr,
            parts=("g_image", "d_image", "g_patch"),
            channels_in=(3, 6, 3),
            radius=0,
            channels=3,
            multiple_of=256,
            pads_itself=True,
            receptive_radius=64,
            values_per_pixel=267,
            critic_reach=None,
        ),
    },
    "sequence": {
        "fast": ModelSpec(
            build=SequenceNet,
            fold=fold_sequence,
            channels_in=(1,),
            radius=1,
            channels=1,
            multiple_of=8,
            pads_itself=True,
            # 3x3 convolutions reach 10 px at half size, 16 at a quarter, 64 at an eighth, and 16
            # and 10 again on the way up; a place within the 8x8 grid adds up to 7. What the code
            # tells is of the whole frame.
            receptive_radius=123,
            values_per_pixel=34,
        ),
        "paper": ModelSpec(
            build=build_paper_sequence,
            fold=fold_sequence,
            channels_in=(1,),
            radius=1,
            channels=1,
            multiple_of=8,
            pads_itself=True,
            # The same at twice the resolution: 6 + 8 + 32 + 48, and up to 7.
            receptive_radius=101,
            values_per_pixel=226,
        ),
    },
}
"""Filter name -> model name -> what it is."""
