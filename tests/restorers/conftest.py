"""Every model of every filter, small, as what the contract of `Restorer` holds for."""

from dataclasses import dataclass

import pytest
import torch

from vsdeblur.models import MODELS
from vsdeblur.restorers import load_restorer

OWN = {"brmr": {"max_iterations": 2}}
"""Filter -> its own parameters, where the defaults would take long."""
MODEL_CASES = {
    f"{name}-{model}": (name, model, OWN.get(name, {}))
    for name, models in MODELS.items()
    for model in models
}
CASES = MODEL_CASES | {"sequence-depth-2": ("sequence", "fast", {"depth": 2})}
UNDECIDED = {"brmr": {"max_iterations": 0}, "sequence": {"order": False}}
"""Filter -> its own parameters with which nothing is decided that a rounding could turn."""
HALF_APART = {"dblrgan": 1 / 255}
"""Filter -> what half precision may be off; others 2/255."""


@dataclass
class Case:
    """A model of a filter, and how it is loaded."""

    name: str
    model: str
    options: dict

    @property
    def spec(self):
        return MODELS[self.name][self.model]

    @property
    def id(self):
        return f"{self.name}-{self.model}"

    @property
    def half_apart(self):
        return HALF_APART.get(self.name, 2 / 255)

    def load(self, **options):
        given = {"model": self.model, "device": "cpu", "precision": "fp32"} | self.options
        return load_restorer(self.name, **given | options)

    def clip(self, count, height, width):
        """Frames of stripes that move, with a little noise, in [0, 1]."""
        t, c = torch.arange(count)[:, None, None, None], torch.arange(self.spec.channels)
        y, x = torch.arange(height)[:, None], torch.arange(width)
        stripes = torch.sin((x + 3 * t + 7 * c[:, None, None]) / 5 + y / 9)
        return 0.4 + 0.25 * stripes + 0.2 * torch.rand(stripes.shape)

    def window(self, height=24, width=32):
        return self.clip(2 * self.spec.radius + 1, height, width)


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request, small_weights):
    name, model, own = request.param
    return Case(name, model, own | {"weights": small_weights(name, model)})


@pytest.fixture(params=MODEL_CASES.values(), ids=MODEL_CASES)
def undecided(request, small_weights):
    """A model of a filter that decides nothing: it may be compared with what is nearly the same."""
    name, model, _ = request.param
    return Case(name, model, UNDECIDED.get(name, {}) | {"weights": small_weights(name, model)})
