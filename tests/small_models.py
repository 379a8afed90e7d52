"""Small relatives of the filters' models: untrained, but what they give visibly differs."""

import torch
from torch import nn

from vsdeblur.models import MODELS
from vsdeblur.models.blur_code import GatedBlock
from vsdeblur.models.dblrnet import DBLRNet
from vsdeblur.runtime.weights import save_weights

SMALL = {
    ("dblrgan", "fast"): ({"widths": (8, 8, 8)}, 0.3),
    ("dblrgan", "quality"): ({"widths": (8, 8, 8)}, 0.3),
    ("dblrgan", "paper"): ({"stem_width": 4, "width": 8, "head_width": 16}, 1),
    ("brmr", "fast"): ({"width": 8, "max_width": 8, "blocks": (1,), "critic_width": 4}, 0.05),
    ("brmr", "paper"): ({"width": 4, "max_width": 8, "critic_width": 4}, 0.4),
    ("sequence", "fast"): ({"widths": (8, 8, 8)}, 0.3),
    ("sequence", "paper"): ({"widths": (4, 8, 8, 8)}, 0.5),
}
"""Filter and model -> options of its networks, and the scale of what they give. A model without an
entry is built as it is."""
HEADS = ("head", "l35")
"""What the models call their last layers."""


def save_small_model(folder, filter_name, model):
    """Write the weights file of a small model, the same at each call; returns its path."""
    options, gain = SMALL.get((filter_name, model), ({}, None))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = MODELS[filter_name][model].build(**options)
        if gain is not None:
            with torch.no_grad():
                _enliven(network, gain)
    path = folder / f"{filter_name}-{model}.safetensors"
    state = network.state_dict()
    save_weights(path, state, filter_name=filter_name, model=model, options=options)
    return str(path)


def _enliven(network, gain):
    """Give the layers that keep an untrained network from changing anything other weights."""
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            randomize_norm(module)
        elif isinstance(module, GatedBlock):
            nn.init.normal_(module.excite.weight)
        elif name.rpartition(".")[2] in HEADS:
            nn.init.normal_(module.weight, 0, gain / module.weight[0].numel() ** 0.5)
            nn.init.constant_(module.bias, 0.0 if getattr(network, "global_skip", True) else 0.5)
        elif isinstance(network, DBLRNet) and isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight)  # a few channels of N(0, 0.01) fade away


def randomize_norm(norm):
    """Statistics and scale that are not those a fresh network has."""
    norm.running_mean.normal_(0, 0.1)
    norm.running_var.uniform_(0.5, 1.5)
    norm.weight.uniform_(0.2, 0.6)
    norm.bias.normal_(0, 0.05)
