"""The forms of a network that graphs for engines are made of."""

from __future__ import annotations

import copy

import torch
from torch import nn

from .blur_code import BlurCode, ConvolvedBlurCode
from .layers import InstanceNorm

__all__ = ["export_form", "typed_form"]


def typed_form(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy in another precision, for engines that keep the types they are given.

    Statistics of normalisation are float32 nevertheless.

    Args:
        network: Inference form of a model; it is not changed.
        dtype: Precision of weights and input.
    """
    form = copy.deepcopy(network).eval().requires_grad_(False).to(dtype)
    for module in form.modules():
        if isinstance(module, InstanceNorm):
            module.upcasts = True
    return form


def export_form(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A `typed_form` of few operations, which are the same for every height and width.

    Args:
        network: Inference form of a model; it is not changed.
        dtype: Precision of weights and input.
    """
    form = typed_form(network, dtype)
    for parent in list(form.modules()):
        for name, child in parent.named_children():
            if isinstance(child, BlurCode):
                setattr(parent, name, ConvolvedBlurCode(child))
    return form
