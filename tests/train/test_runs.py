"""Runs: what they leave on disk, how they resume, stage by stage, and what they refuse."""

import json
from dataclasses import replace
from pathlib import Path
from shutil import copy2

import pytest
import torch
from safetensors.torch import load_file

from vsdeblur.errors import DataError, WeightsError
from vsdeblur.models.dblrnet import FastDBLRNet
from vsdeblur.runtime.weights import load_network, save_weights
from vsdeblur.train.loop import train
from vsdeblur.train.recipe import AdversarialSettings, SourceSettings


def test_a_run_leaves_weights_that_load_and_logs(recipe, options):
    seen = []
    best = train([recipe], options, seen.append)
    load_network(FastDBLRNet, best, filter_name="dblrgan", model="fast")
    assert [p.step for p in seen] == [5, 10]
    assert all(p.score is not None for p in seen)
    names = {path.name for path in options.out.iterdir()}
    assert {"last.ckpt", "best.ckpt", "recipe.json", "fast.safetensors"} <= names
    assert any(name.startswith("validation-") for name in names)
    assert list(options.out.rglob("metrics.csv"))
    assert list(options.out.rglob("events.out.tfevents*"))
    facts = json.loads((options.out / "recipe.json").read_text())
    assert facts["recipe"]["steps"] == 10
    assert torch.__version__.startswith(facts["versions"]["torch"])
    assert not list(options.out.glob("*.partial"))


def test_ten_steps_equal_five_and_five(recipe, options, tmp_path):
    train([recipe], options)
    parts = replace(options, out=tmp_path / "parts")
    train([recipe], replace(parts, minutes=0))  # stops after one step
    assert torch.load(parts.out / "last.ckpt", weights_only=True)["step"] == 1
    train([recipe], replace(parts, resume=True))
    whole, pieces = (
        torch.load(out / "last.ckpt", weights_only=True) for out in (options.out, parts.out)
    )
    assert whole["step"] == pieces["step"] == 10
    for part in ("network", "average"):
        for name, value in whole[part].items():
            torch.testing.assert_close(value, pieces[part][name], rtol=0, atol=0)


def test_a_run_can_start_from_weights(recipe, options, tmp_path, fast_weights):
    frozen = replace(recipe, steps=1, learning_rate=0.0)
    best = train([frozen], replace(options, init=Path(fast_weights)))
    before, after = (load_file(path) for path in (fast_weights, best))
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=0)
    with pytest.raises(WeightsError, match="no weights file"):
        train([recipe], replace(options, out=tmp_path / "other", init=tmp_path / "none"))


def test_ctrl_c_loses_nothing(recipe, options):
    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train([recipe], replace(options, eval_steps=1000, out=options.out), stop)
    assert torch.load(options.out / "last.ckpt", weights_only=True)["step"] == 10


def test_without_validation_folders_every_tenth_photo_is_held_out(recipe, options, photos):
    train([recipe], replace(options, validation=(), minutes=0))
    material = json.loads((options.out / "recipe.json").read_text())["material"]
    assert [Path(path).name for path in material["photos"]] == ["1.png"]


def test_one_photo_is_too_few_to_hold_one_out(recipe, options, photos, tmp_path):
    (tmp_path / "one").mkdir()
    copy2(photos / "train" / "0.png", tmp_path / "one")
    alone = replace(options, data={"photos": [tmp_path / "one"]}, validation=())
    with pytest.raises(DataError, match="cannot be trained on and held out"):
        train([recipe], alone)


def test_material_that_the_recipe_does_not_name_is_refused(recipe, options):
    with pytest.raises(DataError, match=r"has no source 'dvd'; it has: photos, concert"):
        train([recipe], replace(options, data={"dvd": [options.out]}))
    with pytest.raises(DataError, match=r"give --data NAME=DIR, NAME being one of: photos"):
        train([recipe], replace(options, data={}))
    odd = replace(recipe, sources={"photos": SourceSettings(kind="films")})
    with pytest.raises(DataError, match=r"kind 'films'; choose one of: photos, dvd"):
        train([odd], options)
    with pytest.raises(DataError, match="nothing to resume in"):
        train([recipe], replace(options, resume=True))
    assert not options.out.exists()  # what is refused leaves nothing behind


def test_a_folder_that_cannot_be_made_is_named(recipe, options, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write to .*file/run"):
        train([recipe], replace(options, out=tmp_path / "file" / "run"))


@pytest.fixture
def stages(recipe):
    tiny = AdversarialSettings(width=4, hidden=8, learning_rate=1e-3)
    first = replace(recipe, stage="first", steps=2)
    return [first, replace(recipe, stage="second", steps=2, adversarial=tiny)]


def test_a_stage_starts_from_the_best_weights_of_the_one_before(stages, options):
    frozen = replace(stages[1], learning_rate=0.0, adversarial=None)
    best = train([stages[0], frozen], options)
    before = load_file(options.out / "first" / "fast.safetensors")
    after = load_file(best)
    assert best == options.out / "second" / "fast.safetensors"
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=0)


def test_stages_cut_into_pieces_equal_the_whole(stages, options, tmp_path):
    options = replace(options, num_validation=1, eval_steps=1)
    train(stages, options)
    parts = replace(options, out=tmp_path / "parts", minutes=0)  # a step a piece
    train(stages, parts)
    for _ in range(3):
        train(stages, replace(parts, resume=True))
    states = [
        torch.load(out / "second" / "last.ckpt", weights_only=True)
        for out in (options.out, parts.out)
    ]
    assert [state["step"] for state in states] == [2, 2]
    for part in ("network", "average"):
        for name, value in states[0][part].items():
            torch.testing.assert_close(value, states[1][part][name], rtol=0, atol=0)
    for name, value in states[0]["critic"]["network"].items():
        torch.testing.assert_close(value, states[1]["critic"]["network"][name], rtol=0, atol=0)


def test_weights_of_another_form_are_refused(recipe, options, tmp_path):
    path = tmp_path / "other.safetensors"
    state = FastDBLRNet(global_skip=False).state_dict()
    save_weights(path, state, filter_name="dblrgan", model="fast", options={"global_skip": False})
    with pytest.raises(DataError, match=r"was trained with {'global_skip': False}"):
        train([recipe], replace(options, init=path))


def test_runs_that_cannot_go_on_are_refused(recipe, options):
    with pytest.raises(DataError, match="nothing to resume in"):
        train([recipe], replace(options, resume=True))
    train([recipe], replace(options, minutes=0))
    with pytest.raises(DataError, match="holds a run already; add --resume"):
        train([recipe], options)
    other = replace(recipe, batch_size=4)
    with pytest.raises(DataError, match="'batch_size' was 2 and is now 4"):
        train([other], replace(options, resume=True))
    (options.out / "last.ckpt").write_bytes(b"x" * 100)
    with pytest.raises(DataError, match=r"last\.ckpt' is damaged"):
        train([recipe], replace(options, resume=True))
