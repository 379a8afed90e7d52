"""Steps as CUDA graphs, which the CPU plays: what they compute, and what stops them."""

from contextlib import contextmanager
from types import SimpleNamespace

import lightning_fabric
import pytest
import torch
from simulated_cuda.device import READS_A_VALUE, SimulatedCUDA, _effects
from torch.utils._python_dispatch import TorchDispatchMode

from vsdeblur.train.brmr.brmr_task import BRMRTask
from vsdeblur.train.dblrgan.window_task import WindowTask
from vsdeblur.train.graphed_step import GraphedStep
from vsdeblur.train.recipe import AdversarialSettings, load_stages
from vsdeblur.train.sequence.sequence_task import SequenceTask
from vsdeblur.train.settings import PairSettings
from vsdeblur.train.stage_run import LOOK_STEPS, _Fence
from vsdeblur.train.trainer import Trainer

SENDS_A_VALUE = "aten::lift_fresh"
"""Makes a tensor of Python's numbers: a device would have to wait for them."""


class Recorder(TorchDispatchMode):
    """Records operations; in the end everything is as it was before, as nothing was done."""

    def __init__(self, operations):
        super().__init__()
        self._operations = operations
        self._made, self._before = set(), {}
        self._random = torch.get_rng_state()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.name().startswith((*READS_A_VALUE, SENDS_A_VALUE)):
            raise RuntimeError(f"operation not permitted when stream is capturing: {func.name()}")
        kwargs = dict(kwargs or {})
        for tensor in _effects(func, args, kwargs, ())[1]:
            place = tensor.untyped_storage().data_ptr()
            if place not in self._made:
                self._before.setdefault((place, tensor.storage_offset()), (tensor, tensor.clone()))
        result = func(*args, **kwargs)
        self._made |= {
            t.untyped_storage().data_ptr() for t in _effects(func, args, kwargs, result)[2]
        }
        self._operations.append((func, args, kwargs, result))
        return result

    @torch.no_grad()
    def undo(self):
        for tensor, before in self._before.values():
            tensor.copy_(before)
        torch.set_rng_state(self._random)


class Graph:
    def __init__(self):
        self.operations = []

    @torch.no_grad()
    def replay(self):
        for func, args, kwargs, result in self.operations:
            again = func(*args, **kwargs)
            kept, values = (_effects(func, args, kwargs, each)[2] for each in (result, again))
            for tensor, value in zip(kept, values, strict=True):
                tensor.copy_(value)


WARM_UP_STEPS = 2


@pytest.fixture
def cuda(monkeypatch):
    SimulatedCUDA().install(monkeypatch)
    monkeypatch.setattr("vsdeblur.train.graphed_step.WARM_UP_STEPS", WARM_UP_STEPS)

    @contextmanager
    def recording(graph):
        recorder = Recorder(graph.operations)
        try:
            with recorder:
                yield
        except RuntimeError:
            raise RuntimeError("operation failed due to a previous error during capture")  # noqa: B904
        finally:
            recorder.undo()

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(Trainer, "_why_no_graph", lambda trainer: None)


def walk():
    """A step that remembers, and whose result depends on all steps before it."""
    state = torch.zeros(3)

    def step(numbers, scale):
        state.mul_(0.9).add_(numbers * scale)
        return state.sum()

    return step


def batches(num):
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(2, 3, generator=generator).unbind() for _ in range(num)]


def test_a_graph_does_what_the_steps_would(cuda):
    said = []
    graphed, eager = GraphedStep(walk(), None, said.append), walk()
    for batch in batches(WARM_UP_STEPS + 5):
        assert float(graphed(*batch)) == float(eager(*batch))
    assert graphed._graph is not None
    assert len(graphed._graph.operations) < 10
    assert said == []


def test_a_step_that_asks_the_device_is_done_as_it_comes_and_says_why(cuda):
    said, plain = [], walk()

    def asking(numbers, scale):
        return plain(numbers, float(scale[0]) + torch.zeros(3))

    graphed, eager = GraphedStep(asking, None, said.append), walk()
    for numbers, scale in batches(WARM_UP_STEPS + 5):
        expected = eager(numbers, scale[0].expand(3))
        assert float(graphed(numbers, scale)) == pytest.approx(float(expected))
    (line,) = said
    assert line.startswith("steps are not played as a CUDA graph, and take longer: ")
    assert "not permitted when stream is capturing" in line


def test_where_there_is_no_graph_the_reason_is_said_at_once_unless_it_is_plain():
    said = []
    GraphedStep(walk(), "several devices share a batch", said.append)
    GraphedStep(walk(), "", said.append)
    assert said == [
        "steps are not played as a CUDA graph, and take longer: several devices share a batch"
    ]


def test_python_waits_for_where_a_device_was_at_the_last_look(monkeypatch):
    waited, recorded = [], []
    event = SimpleNamespace(
        record=lambda: recorded.append(len(recorded)),
        synchronize=lambda: waited.append(len(recorded)),
    )
    monkeypatch.setattr(torch.cuda, "Event", lambda: event)
    fence = _Fence(torch.device("cuda"))
    looks = [step for step in range(1, 4 * LOOK_STEPS + 1) if fence.is_reached(step)]
    assert looks == [LOOK_STEPS * n for n in (1, 2, 3, 4)]
    assert waited == [1, 2, 3]  # each time for the one before, while the next steps wait in line
    fence = _Fence(torch.device("cpu"))
    assert all(fence.is_reached(step) for step in range(5))
    assert len(recorded) == 4


NARROW = {"widths": [8, 8, 8], "num_blocks": [1, 1, 1]}
SEQUENCE = {"model_options": NARROW | {"num_decoder_blocks": [1, 1]}}
TINY = {"width": 4, "max_width": 8, "critic_width": 4}
CRITIC = AdversarialSettings(width=4, hidden=8, weight=0.1)
BRMR = {"model_options": TINY, "pairs": PairSettings(size=128)}
CASES = {
    "fast": (WindowTask, "dblrgan-fast", 0, {"model_options": {"widths": [8, 8, 8]}}),
    "fast with a critic": (WindowTask, "dblrgan-fast", 0, {"adversarial": CRITIC}),
    "all losses": (
        WindowTask, "dblrgan-fast", 0,
        {"losses": dict.fromkeys(("l1", "mse", "charbonnier", "frequency", "psnr", "peaks"), 0.1)},
    ),
    "paper": (WindowTask, "dblrgan", 0, {}),
    "sequence, base": (SequenceTask, "sequence", 0, SEQUENCE),
    "sequence, gram": (SequenceTask, "sequence", 1, SEQUENCE),
    "sequence, hepta": (SequenceTask, "sequence", 2, SEQUENCE),
    "brmr, content": (BRMRTask, "brmr", 0, BRMR),
    "brmr, image": (BRMRTask, "brmr", 1, BRMR),
    "brmr, critic": (BRMRTask, "brmr", 3, BRMR),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_stage_can_be_a_graph(cuda, monkeypatch, small, options, case):
    """What is recorded asks nothing and sends nothing, and gives the losses of the plain steps."""
    kind, name, stage, changes = CASES[case]
    recipe = small(load_stages(name)[stage], initial_weights="default", **changes)
    losses, said = [], []
    for why_not in (None, ""):
        monkeypatch.setattr(Trainer, "_why_no_graph", lambda trainer, reason=why_not: reason)
        fabric = lightning_fabric.Fabric(accelerator="cpu", precision="32-true")
        task = kind([recipe], options)
        trainer = task.trainer(recipe, fabric, None, compiled=False, say=said.append)
        batch = task.pool(recipe, trainer, options.out).batch(0)
        losses.append([float(trainer.update(*batch)) for _ in range(WARM_UP_STEPS + 3)])
    assert said == []
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert len(set(losses[0])) == len(losses[0])
