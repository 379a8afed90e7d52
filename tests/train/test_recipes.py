"""Recipes: their files, their schedules, and one real step of each."""

from dataclasses import replace

import pytest
import torch

from vsdeblur.errors import DataError
from vsdeblur.train.loop import train
from vsdeblur.train.recipe import RECIPES, AdversarialSettings, load_stages
from vsdeblur.train.schedule import Schedule


def shrunk(stage, small):
    """A stage with tiny networks and pictures, and one step."""
    values = {"steps": 1}
    if stage.adversarial:
        values["adversarial"] = replace(stage.adversarial, width=4, hidden=8)
    if stage.sequence:
        values["sequence"] = replace(stage.sequence, critic_width=4)
        values["model_options"] = {"widths": [4] * (3 if stage.model == "fast" else 4)}
    if stage.filter == "brmr":
        values["model_options"] = {"width": 4, "max_width": 8, "critic_width": 4}
        values["pairs"] = replace(stage.pairs, size=128, num_mined=2)
        values["blur"] = replace(stage.blur, margin=32, max_blur=4)
    if stage.initial_weights == "dblrgan":  # they are of the full width
        values["initial_weights"] = "default"
    return small(stage, **values)


def has_critic(stage):
    terms = stage.sequence
    if stage.stage == "critic":  # it is what is trained
        return False
    return bool(stage.adversarial or (terms and (terms.adversarial or terms.needs_features)))


@pytest.mark.parametrize("name", [path.stem for path in RECIPES.glob("*.toml")])
def test_every_stage_of_every_recipe_takes_a_real_step(name, options, small):
    stages = [shrunk(stage, small) for stage in load_stages(name)]
    best = train(stages, replace(options, num_validation=2))
    assert best.is_file()
    for stage in stages:
        checkpoint = torch.load(options.out / stage.stage / "last.ckpt", weights_only=True)
        assert checkpoint["step"] == 1
        assert (checkpoint["critic"] is not None) == has_critic(stage)


def test_learning_rate_warms_up_stays_and_falls_to_zero(recipe):
    recipe = replace(recipe, steps=100, warmup_steps=10, decay_share=0.4, learning_rate=1.0)
    assert recipe.learning_rate_at(0) == pytest.approx(0.1)
    assert recipe.learning_rate_at(50) == 1
    assert recipe.learning_rate_at(80) == pytest.approx(0.5)
    assert recipe.learning_rate_at(99) == pytest.approx(0.025)


def test_learning_rate_falls_to_a_tenth_once_when_the_loss_stands_still(recipe):
    recipe = replace(
        recipe, steps=100, warmup_steps=0, decay_share=0.0, learning_rate=1.0, plateau_patience=2
    )
    schedule = Schedule(recipe)
    rates = []
    for loss in (0.9, 0.8, 0.8, 0.7, 0.75, 0.71, 0.2, 0.3, 0.3, 0.3):
        schedule.evaluated(0.0, loss)
        rates.append(schedule.learning_rate_at(50))
    assert rates == [1.0] * 5 + [0.1] * 5
    resumed = Schedule(recipe)
    resumed.load(schedule.state())
    assert resumed.learning_rate_at(50) == 0.1


def test_a_stage_ends_when_its_score_no_longer_rises(recipe):
    schedule = Schedule(replace(recipe, early_stop=2))
    over = []
    for score in (0.1, 0.3, 0.2, 0.35, 0.3, 0.34):
        schedule.evaluated(score, 0.0)
        over.append(schedule.is_over)
    assert over == [False] * 5 + [True]
    assert schedule.best_score == 0.35


def test_bad_recipes_are_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"no recipe 'nothing'; choose one of: .*dblrgan-fast"):
        load_stages("nothing")
    bad = tmp_path / "bad.toml"
    start = 'filter = "dblrgan"\nmodel = "fast"\nsteps = 5\n'
    for text, message in {
        start + "stepz = 3": r"bad\.toml: unknown key 'stepz'; allowed: .*steps",
        "steps = = 3": "is not valid TOML",
        start + "[sources.x]\nkid = 1": r"\[sources\.x\]: unknown key 'kid'; allowed: .*kind",
        start + "[[stages]]\n[[stages]]": "needs a `stage` name of its own",
        'model = "fast"': "missing 2 required keyword-only arguments",
    }.items():
        bad.write_text(text)
        with pytest.raises(DataError, match=message):
            load_stages(str(bad))


def test_stages_inherit_what_stands_above_them(tmp_path):
    path = tmp_path / "two.toml"
    path.write_text(
        'filter = "dblrgan"\nmodel = "fast"\nsteps = 5\n[[stages]]\nstage = "a"\n'
        '[[stages]]\nstage = "b"\nsteps = 7\nadversarial = { weight = 0.5 }\n'
    )
    first, second = load_stages(str(path))
    assert (first.steps, second.steps) == (5, 7)
    assert first.adversarial is None
    assert second.adversarial == AdversarialSettings(weight=0.5)
