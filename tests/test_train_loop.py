"""Training: losses, optimiser, recipes, batches, resume, and one real run on tiny photos."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from vsdeblur.errors import DataError, WeightsError
from vsdeblur.models.dblrnet import FastDBLRNet
from vsdeblur.runtime.weights import load_weights
from vsdeblur.train.loop import TrainOptions, train
from vsdeblur.train.losses import charbonnier_loss, frequency_loss, luma_psnr, mse_loss, psnr_loss
from vsdeblur.train.muon import Muon, orthogonalized
from vsdeblur.train.photos import PhotoSet, find_photos
from vsdeblur.train.pool import PoolSettings, WindowPool
from vsdeblur.train.recipe import RECIPES, load_recipe
from vsdeblur.train.synthesis import BlurSettings
from vsdeblur.train.validation import ValidationSet

BLUR = BlurSettings(size=40, margin=16, max_blur=8)
POOL = PoolSettings(capacity=16, initial=8, reuse=2)


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Two folders, train and val, of small pictures."""
    root = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for name in ("train", "val"):
        (root / name).mkdir()
        for index in range(2):
            coarse = generator.integers(0, 255, (40, 60, 3), dtype=np.uint8)
            picture = Image.fromarray(coarse).resize((480, 400), Image.Resampling.BICUBIC)
            picture.save(root / name / f"{index}.png")
    return root


@pytest.fixture
def recipe():
    return replace(
        load_recipe("dblrgan-fast"), steps=10, batch_size=2, crop=32, warmup_steps=2, blur=BLUR,
        pool=POOL,
    )  # fmt: skip


@pytest.fixture
def options(photos, tmp_path):
    return TrainOptions(
        data=[photos / "train"],
        validation=[photos / "val"],
        out=tmp_path / "run",
        accelerator="cpu",
        precision="32-true",
        eval_steps=5,
        num_validation=4,
    )


@pytest.fixture(autouse=True)
def small_validation(monkeypatch):
    """Four windows of 64 pixels in place of 192."""
    original = ValidationSet.from_files.__func__

    def from_files(cls, files, *, num_windows):
        return original(cls, files, num_windows=num_windows, size=64)

    monkeypatch.setattr(ValidationSet, "from_files", classmethod(from_files))


def test_losses_match_values_computed_by_hand():
    sharp = torch.zeros(2, 1, 2, 2)
    restored = torch.zeros(2, 1, 2, 2)
    restored[0] = 0.3
    assert charbonnier_loss(restored, sharp, epsilon=0.4) == pytest.approx((0.5 + 0.4) / 2)
    # Squared errors 0.09 and 0, plus 1e-6: log10 gives -1.0458 and -6.
    assert mse_loss(restored, sharp) == pytest.approx(0.045)
    assert psnr_loss(restored, sharp) == pytest.approx((-1.045753 - 6) / 2, abs=1e-4)
    # The transform of a constant 0.3 on 2x2 is 0.6 at zero frequency: one of 8 real numbers.
    assert frequency_loss(restored, sharp) == pytest.approx(0.6 / 16)


def test_muon_update_is_nearly_orthogonal_and_ignores_the_gradient_scale():
    matrices = torch.randn(3, 16, 40)
    singular = torch.linalg.svdvals(orthogonalized(matrices).float())
    assert singular.min() > 0.3
    assert singular.max() < 1.3
    difference = orthogonalized(matrices) - orthogonalized(1024 * matrices)
    assert difference.abs().max() < 1e-6


def test_muon_lowers_a_loss():
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(8, 4, 3, 3))
    optimizer = Muon([weight], lr=0.05, weight_decay=0)
    before = float(weight.detach().square().sum())
    for _ in range(50):
        weight.square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert float(weight.detach().square().sum()) < before / 2


@pytest.mark.parametrize("name", [path.stem for path in RECIPES.glob("*.toml")])
def test_every_recipe_takes_a_real_step(name, options):
    recipe = load_recipe(name)
    assert recipe.name == name
    small = replace(recipe, batch_size=2, crop=32, blur=BLUR, pool=POOL)
    best = train(small, replace(options, minutes=0, num_validation=2))
    assert best.is_file()
    assert torch.load(options.out / "last.ckpt", weights_only=True)["step"] == 1


def test_learning_rate_warms_up_stays_and_falls_to_zero(recipe):
    recipe = replace(recipe, steps=100, warmup_steps=10, decay_share=0.4, learning_rate=1.0)
    assert recipe.learning_rate_at(0) == pytest.approx(0.1)
    assert recipe.learning_rate_at(50) == 1
    assert recipe.learning_rate_at(80) == pytest.approx(0.5)
    assert recipe.learning_rate_at(99) == pytest.approx(0.025)


def test_bad_recipes_are_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"no recipe 'nothing'; choose one of: .*dblrgan-fast"):
        load_recipe("nothing")
    bad = tmp_path / "bad.toml"
    bad.write_text('filter = "dblrgan"\nmodel = "fast"\nsteps = 5\nstepz = 3\n')
    with pytest.raises(DataError, match=r"bad\.toml: unknown key 'stepz'; allowed: .*steps"):
        load_recipe(str(bad))
    bad.write_text("steps = = 3")
    with pytest.raises(DataError, match="is not valid TOML"):
        load_recipe(str(bad))


def test_photos_that_are_missing_or_damaged_are_named(tmp_path):
    with pytest.raises(DataError, match=r"no folder .*nowhere"):
        find_photos([tmp_path / "nowhere"])
    with pytest.raises(DataError, match=r"no photo in .*expected files ending in"):
        find_photos([tmp_path])
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"cannot read .*broken\.jpg"):
        PhotoSet(find_photos([tmp_path]), patch_size=32)


def test_small_photos_are_mirrored_to_size(tmp_path):
    Image.new("L", (20, 30), 100).save(tmp_path / "small.png")
    patches = PhotoSet(find_photos([tmp_path]), 96).patches(2, torch.Generator())
    assert patches.shape == (2, 1, 96, 96)
    assert (patches - 100 / 255).abs().max() < 0.01


def pool_of(photos, settings=POOL):
    photo_set = PhotoSet(find_photos([photos / "train"]), BLUR.patch_size)
    return WindowPool(photo_set, BLUR, settings, batch_size=2, crop=32, seed=1)


def test_a_batch_depends_on_its_step_alone(photos):
    forward, jumping = pool_of(photos), pool_of(photos)
    batches = [forward.batch(step) for step in range(30)]
    for step in (29, 3):
        for there, here in zip(batches[step], pool_of(photos).batch(step), strict=True):
            torch.testing.assert_close(there, here, rtol=0, atol=0)
    torch.testing.assert_close(jumping.batch(7)[0], batches[7][0], rtol=0, atol=0)
    assert batches[0][0].shape == (2, 5, 32, 32)
    assert batches[0][1].shape == (2, 1, 32, 32)


def test_the_pool_is_renewed_and_bounded(photos):
    pool = pool_of(photos)
    for step in (0, 10, 40):
        pool.batch(step)
        assert len(pool._groups) * 4 <= POOL.capacity
    assert min(pool._groups) > 0


def test_a_run_leaves_weights_that_load_and_logs(recipe, options):
    seen = []
    best = train(recipe, options, seen.append)
    load_weights(FastDBLRNet(), best, filter_name="dblrgan", model="fast")
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
    train(recipe, options)
    parts = replace(options, out=tmp_path / "parts")
    train(recipe, replace(parts, minutes=0))  # stops after one step
    assert torch.load(parts.out / "last.ckpt", weights_only=True)["step"] == 1
    train(recipe, replace(parts, resume=True))
    whole, pieces = (
        torch.load(out / "last.ckpt", weights_only=True) for out in (options.out, parts.out)
    )
    assert whole["step"] == pieces["step"] == 10
    for part in ("network", "average"):
        for name, value in whole[part].items():
            torch.testing.assert_close(value, pieces[part][name], rtol=0, atol=0)


def test_a_run_can_start_from_weights(recipe, options, tmp_path, fast_weights):
    frozen = replace(recipe, steps=1, learning_rate=0.0)
    best = train(frozen, replace(options, init=Path(fast_weights)))
    before, after = (load_file(path) for path in (fast_weights, best))
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=0)
    with pytest.raises(WeightsError, match="no weights file"):
        train(recipe, replace(options, out=tmp_path / "other", init=tmp_path / "none"))


def test_ctrl_c_loses_nothing(recipe, options):
    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, replace(options, eval_steps=1000, out=options.out), stop)
    assert torch.load(options.out / "last.ckpt", weights_only=True)["step"] == 10


def test_without_validation_folders_every_tenth_photo_is_held_out(recipe, options):
    train(recipe, replace(options, validation=(), minutes=0))
    trained_on = json.loads((options.out / "recipe.json").read_text())["photos"]
    assert [path.rsplit("/", 1)[1] for path in trained_on] == ["1.png"]
    (options.data[0] / "1.png").rename(options.data[0].parent / "away.png")
    with pytest.raises(DataError, match="cannot be trained on and held out"):
        train(recipe, replace(options, validation=(), out=options.out / "other"))
    (options.data[0].parent / "away.png").rename(options.data[0] / "1.png")


def test_one_batch_can_be_learned(photos):
    torch.manual_seed(0)
    blurred, sharp = pool_of(photos).batch(0)
    network = FastDBLRNet(widths=(16, 32), num_blocks=(1, 1))
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        loss = charbonnier_loss(network(blurred), sharp)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_runs_that_cannot_go_on_are_refused(recipe, options):
    with pytest.raises(DataError, match="nothing to resume in"):
        train(recipe, replace(options, resume=True))
    train(recipe, replace(options, minutes=0))
    with pytest.raises(DataError, match="holds a run already; add --resume"):
        train(recipe, options)
    other = replace(recipe, batch_size=4)
    with pytest.raises(DataError, match="'batch_size' was 2 and is now 4"):
        train(other, replace(options, resume=True))
    (options.out / "last.ckpt").write_bytes(b"x" * 100)
    with pytest.raises(DataError, match=r"last\.ckpt' is damaged"):
        train(recipe, replace(options, resume=True))


def test_validation_set_is_the_same_bytes_and_in_its_bands(photos):
    first, second = (
        ValidationSet.from_files(find_photos([photos / "val"]), num_windows=4) for _ in range(2)
    )
    torch.testing.assert_close(first.blurred, second.blurred, rtol=0, atol=0)
    blurred = first.input_psnr < 38
    assert blurred.sum() == 4
    assert (~blurred).sum() == 1
    assert first.input_psnr[blurred].min() >= 22
    assert first.input_psnr[blurred].max() < 32
    score = first.score(first.sharp)
    assert score.gain["22-32"] > 30
    assert score.count["22-32"] == 4


def test_photos_that_cannot_be_validated_on_are_refused(tmp_path):
    Image.new("L", (300, 300), 100).save(tmp_path / "flat.png")
    with pytest.raises(DataError, match="1 validation photos give no blurred window"):
        ValidationSet.from_files(find_photos([tmp_path]), num_windows=1)


def test_luma_psnr_by_hand():
    assert luma_psnr(torch.full((1, 1, 2, 2), 0.1), torch.zeros(1, 1, 2, 2)) == pytest.approx(20)
