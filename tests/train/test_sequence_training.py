"""Training of sequence: its terms, its stages, and what a run leaves behind."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import lightning_fabric
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from vsdeblur.models.sequence import SequenceNet
from vsdeblur.runtime.weights import load_network
from vsdeblur.train.loop import train
from vsdeblur.train.losses import charbonnier_loss
from vsdeblur.train.recipe import load_stages
from vsdeblur.train.sequence.sequence_losses import bicycle_loss, in_better_order, pair_content_loss
from vsdeblur.train.sequence.sequence_task import SequenceTask
from vsdeblur.train.settings import (
    ADVERSARIAL_WEIGHT,
    FLOW_WEIGHT,
    SequenceSettings,
)

TINY = {"widths": [8, 8, 8], "num_blocks": [1, 1, 1], "num_decoder_blocks": [1, 1]}
NOTHING = SequenceSettings(central=0, perceptual=0, pair=0, adversarial=0, flow=0, critic_width=4)
EVERYTHING = SequenceSettings(gram=0.01, bicycle=0.5, ordered=1.0, free_order=True, critic_width=4)


@pytest.fixture(autouse=True)
def known_speed(monkeypatch):
    """Measuring the machine would take longer than these runs."""
    monkeypatch.setattr("vsdeblur.train.stage_run.matrix_rate", lambda *_: 1e9)


@pytest.fixture
def stages(small):
    tiny = {"steps": 2, "model_options": TINY, "initial_weights": "default"}
    return [small(stage, **tiny) for stage in load_stages("sequence")]


@pytest.fixture
def trainer_of(stages, options):
    def trainer_of(settings, **changes):
        stage = replace(stages[0], sequence=settings, warmup_steps=0, **changes)
        fabric = lightning_fabric.Fabric(accelerator="cpu", precision="32-true")
        return SequenceTask([stage], options).trainer(stage, fabric, None, compiled=False)

    return trainer_of


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 1, 8, 14, generator=generator)
    picture = torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bicubic").clamp(0, 1)
    sharp = torch.cat([picture[..., n : n + 32] for n in range(7)], 1)
    flow = torch.zeros(2, 2, 32, 32)
    flow[:, 0] = -6.0
    return sharp.mean(1, keepdim=True), sharp, flow, -flow


def test_the_paper_recipe_has_the_papers_terms():
    base, gram, hepta = (stage.sequence for stage in load_stages("sequence-paper"))
    assert (base.adversarial, base.flow) == (ADVERSARIAL_WEIGHT, FLOW_WEIGHT)
    assert (base.central, base.perceptual, base.pair, base.gram, base.bicycle) == (1, 1, 1, 0, 0)
    assert asdict(gram) == asdict(base) | {"gram": 1.0}
    assert hepta.bicycle == 1
    assert not hepta.opens_blurred
    assert not hepta.needs_features
    for settings in (base, gram, hepta):
        assert not settings.ordered
        assert not settings.free_order


def test_early_training_on_a_cpu_costs_the_generator_alone(stages, options):
    fabric = lightning_fabric.Fabric(accelerator="cpu", precision="32-true")
    task = SequenceTask(stages, options)
    has_critic = [
        task.trainer(stage, fabric, None, compiled=False).critic is not None for stage in stages
    ]
    assert has_critic == [False, True, False]
    pool = task.pool(stages[0], task.trainer(stages[0], fabric, None, compiled=False), options.out)
    assert len(pool.batch(0)) == 2


def test_terms_are_weighted_and_added(trainer_of, batch):
    blurred, sharp = batch[:2]
    settings = replace(NOTHING, pair=2.0, ordered=3.0)
    trainer = trainer_of(settings, losses={"charbonnier": 0.5})
    restored = trainer.network(blurred)
    expected = 2 * pair_content_loss(restored, sharp)
    expected += 1.5 * charbonnier_loss(in_better_order(restored, sharp), sharp)
    torch.testing.assert_close(trainer.objective(blurred, sharp), expected)


def test_bicycle_opens_the_mean_of_the_sharp_moments(trainer_of, batch):
    _, sharp = batch[:2]
    trainer = trainer_of(replace(NOTHING, bicycle=0.5))
    expected = 0.5 * bicycle_loss(trainer.network(sharp.mean(1, keepdim=True)), sharp)
    torch.testing.assert_close(trainer.objective(torch.rand(2, 1, 32, 32), sharp), expected)


def test_gram_opens_the_mean_of_three_opened_moments(trainer_of, batch):
    trainer = trainer_of(replace(NOTHING, gram=0.01))
    seen = []
    trainer.network.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    trainer.objective(*batch[:2])
    opened = trainer.network(batch[0]).detach()
    torch.testing.assert_close(seen[1], opened[:, [0, 3, 6]].mean(1, keepdim=True))


def test_gradients_of_all_passes_add_up(trainer_of, batch):
    blurred, sharp = batch[:2]
    both = trainer_of(replace(NOTHING, pair=1.0, bicycle=0.5))
    loss = both.objective(blurred, sharp)
    loss.backward()
    separate = trainer_of(NOTHING)
    pair = pair_content_loss(separate.network(blurred), sharp)
    mean = sharp.mean(1, keepdim=True)
    cycle = 0.5 * bicycle_loss(separate.network(mean), sharp)
    (pair + cycle).backward()
    torch.testing.assert_close(loss, pair + cycle)
    for ours, theirs in zip(both.network.parameters(), separate.network.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-7)


def test_the_critic_learns_and_gets_no_gradient_from_the_generator(trainer_of, batch):
    trainer = trainer_of(EVERYTHING)
    before = {n: v.clone() for n, v in trainer.critic.network.state_dict().items()}
    loss = trainer.objective(*batch)
    trainer.fabric.backward(loss)
    assert all(p.grad is None for p in trainer.critic.network.parameters())
    assert all(p.requires_grad for p in trainer.critic.network.parameters())
    assert any((v != before[n]).any() for n, v in trainer.critic.network.state_dict().items())
    assert all(p.grad is not None for p in trainer.network.parameters())


@pytest.mark.parametrize(
    "settings", [EVERYTHING, replace(NOTHING, ordered=1.0), replace(NOTHING, bicycle=1.0)]
)
def test_the_loss_falls_on_a_batch(trainer_of, batch, settings):
    flows = batch[2:] if settings.flow else ()
    trainer = trainer_of(settings, learning_rate=3e-3, losses={"charbonnier": 1.0}, steps=1000)
    losses = [float(trainer.update(*batch[:2], *flows)) for _ in range(20)]
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_a_run_goes_through_its_stages_and_leaves_weights_that_load(stages, options):
    seen = []
    best = train(stages, replace(options, eval_steps=2, num_validation=1), seen.append)
    assert best == options.out / "hepta" / "fast.safetensors"
    assert [progress.stage for progress in seen] == ["base", "gram", "hepta"]
    network = load_network(SequenceNet, best, filter_name="sequence", model="fast")
    assert network(torch.rand(1, 1, 32, 32)).shape == (1, 7, 32, 32)
    facts = json.loads((options.out / "gram" / "recipe.json").read_text())
    assert facts["recipe"]["sequence"]["gram"] == stages[1].sequence.gram
    with Image.open(options.out / "base" / "validation-000002.png") as sheet:
        assert sheet.size == (8 * 64, 8 * 64)


def test_a_stage_starts_from_the_best_weights_of_the_one_before(stages, options):
    options = replace(options, eval_steps=2, num_validation=1)
    frozen = [stages[0], replace(stages[1], learning_rate=0.0, sequence=NOTHING)]
    frozen[1] = replace(frozen[1], sequence=replace(NOTHING, pair=1.0))
    best = train(frozen, options)
    before = load_file(options.out / "base" / "fast.safetensors")
    for name, value in load_file(best).items():
        torch.testing.assert_close(before[name], value, rtol=0, atol=0)


def test_stages_cut_into_pieces_equal_the_whole(stages, options, tmp_path):
    options = replace(options, num_validation=1, eval_steps=1)
    train(stages[:2], options)
    parts = replace(options, out=tmp_path / "parts", minutes=0)  # a step a piece
    train(stages[:2], parts)
    for _ in range(3):
        train(stages[:2], replace(parts, resume=True))
    whole, pieces = (
        torch.load(Path(out) / "gram" / "last.ckpt", weights_only=True)
        for out in (options.out, parts.out)
    )
    assert whole["step"] == pieces["step"] == 2
    for part in ("network", "average"):
        for name, value in whole[part].items():
            torch.testing.assert_close(value, pieces[part][name], rtol=0, atol=0)
    for name, value in whole["critic"]["network"].items():
        torch.testing.assert_close(value, pieces["critic"]["network"][name], rtol=0, atol=0)
