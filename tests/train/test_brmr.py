"""Training of brmr: pairs, the critic, mining, and what a run leaves behind."""

import math
from dataclasses import replace

import lightning_fabric
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from vsdeblur.errors import DataError
from vsdeblur.models.brmr import build_fast_brmr, build_paper_brmr
from vsdeblur.models.pix2pix import CAMDiscriminator, CAMOutput
from vsdeblur.runtime.weights import load_network
from vsdeblur.train.brmr.brmr_critic import PairCritic, conditional_loss
from vsdeblur.train.brmr.brmr_task import ImageTrainer, PatchTrainer
from vsdeblur.train.brmr.brmr_validation import rgb_psnr
from vsdeblur.train.brmr.colour_photos import PictureSet
from vsdeblur.train.brmr.mining import MinedPool, mine
from vsdeblur.train.brmr.pairs import PairPool, PairSource
from vsdeblur.train.loop import train
from vsdeblur.train.recipe import load_stages
from vsdeblur.train.settings import BlurSettings, PairSettings

TINY = {"width": 4, "max_width": 8, "critic_width": 4}
BLUR = BlurSettings(margin=32, max_blur=6)


def source_of(files, **settings):
    settings = PairSettings(**{"size": 160} | settings)
    photos = PictureSet(files, settings.size + 64)
    return PairSource([(photos, 1.0)], settings, BLUR)


def pool_of(files, batch_size=2):
    quiet = load_stages("brmr")[0].pool
    settings = replace(quiet, capacity=16, initial=4)
    return PairPool(source_of(files), settings, batch_size=batch_size, seed=1)


@pytest.fixture
def critic():
    torch.manual_seed(0)
    fabric = lightning_fabric.Fabric(accelerator="cpu", precision="32-true")
    network = CAMDiscriminator(width=4, normalize=False)
    return PairCritic(network, 3e-3, 1.0, fabric)


@pytest.mark.parametrize("camera_share", [0.0, 1.0])
def test_only_the_window_of_a_patched_picture_is_blurred(train_photos, camera_share):
    pair = source_of(train_photos, camera_share=camera_share).pair(3)
    assert pair.window.sum() == 128 * 128
    inside = pair.window.expand(3, -1, -1)
    assert (pair.patched[inside] == pair.blurred[inside]).all()
    assert (pair.patched[~inside] == pair.sharp[~inside]).all()
    assert (pair.blurred != pair.sharp).any()


def test_batches_of_pairs_depend_on_their_step_alone(train_photos):
    pool = pool_of(train_photos, batch_size=4)
    for step in range(5):
        pool.batch(step)
    whole = pool.batch(5)
    for part, again in zip(whole, pool_of(train_photos, batch_size=4).batch(5), strict=True):
        torch.testing.assert_close(part, again, rtol=0, atol=0)
    blurred, sharp, patched, window = whole
    assert (window.sum((1, 2, 3)) == 128 * 128).all()
    torch.testing.assert_close(patched, torch.where(window.bool(), blurred, sharp), rtol=0, atol=0)
    assert [tuple(part.shape) for part in whole] == [(4, 3, 160, 160)] * 3 + [(4, 1, 160, 160)]
    assert all(part.min() >= 0 and part.max() <= 1 for part in whole)


def test_small_photos_are_enlarged_and_damaged_ones_named(tmp_path):
    Image.fromarray(np.zeros((50, 90, 3), np.uint8)).save(tmp_path / "a.png")
    picture = PictureSet([tmp_path / "a.png"], 64).picture(torch.Generator())
    assert picture.shape == (3, 64, 64)
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"cannot read .*b\.png"):
        PictureSet([tmp_path / "b.png"], 64)


def test_conditional_loss_is_minus_the_log_of_the_probability():
    logits = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])  # sharp 3/4 and 1/2
    output = CAMOutput(logits, torch.zeros(2, 1, 1), torch.zeros(2, 1, 1))
    expected = -(math.log(3 / 4) + math.log(1 / 2)) / 2
    assert conditional_loss(output, is_sharp=True) == pytest.approx(expected)
    expected = -(math.log(1 / 4) + math.log(1 / 2)) / 2
    assert conditional_loss(output, is_sharp=False) == pytest.approx(expected)


def test_the_critic_learns_to_tell_pairs_apart_and_where_blur_is(critic, train_photos):
    blurred, sharp, patched, window = pool_of(train_photos).batch(0)

    def confidences():
        with torch.no_grad():
            return [critic.network(blurred, p).confidence.mean() for p in (sharp, blurred)]

    for _ in range(60):
        critic.learn(blurred, sharp, blurred)
        critic.learn_places(patched, window)
    real, generated = confidences()
    assert real > generated + 0.2
    with torch.no_grad():
        heat = critic.network(patched, patched).heat_blur
    inside = torch.nn.functional.max_pool2d(window, 8)[:, 0] > 0
    assert heat[inside].mean() > heat[~inside].mean()


def test_judging_teaches_the_generator_alone(critic, train_photos):
    blurred = pool_of(train_photos).batch(0)[0]
    candidate = blurred.clone().requires_grad_()
    critic.judge(blurred, candidate).backward()
    assert candidate.grad.abs().sum() > 0
    assert all(p.grad is None and p.requires_grad for p in critic.network.parameters())


def test_mined_windows_are_those_the_critic_points_at(train_photos, tmp_path):
    networks = build_paper_brmr(**TINY, global_skip=True, normalize_critic=False).eval()
    for parameter in networks.g_image.head.parameters():
        torch.nn.init.zeros_(parameter)  # the image generator changes nothing
    source = source_of(train_photos, size=256)
    mine(networks, source, 3, tmp_path / "mined.safetensors", seed=0)
    assert [file.name for file in tmp_path.iterdir()] == ["mined.safetensors"]
    mined = load_file(tmp_path / "mined.safetensors")
    for index in range(3):
        pair = source.pair(index)
        places = [
            (top, left)
            for top in (0, 64, 128)
            for left in (0, 64, 128)
            if torch.equal(pair.blurred[:, top : top + 128, left : left + 128],
                           mined["deblurred"][index])
        ]  # fmt: skip
        ((top, left),) = places
        assert torch.equal(pair.sharp[:, top : top + 128, left : left + 128], mined["sharp"][index])
    batches = MinedPool(tmp_path / "mined.safetensors", batch_size=4, seed=1).batch(2)
    again = MinedPool(tmp_path / "mined.safetensors", batch_size=4, seed=1).batch(2)
    for batch, same in zip(batches, again, strict=True):
        assert batch.shape == (4, 3, 128, 128)
        torch.testing.assert_close(batch, same, rtol=0, atol=0)
    seen, _ = MinedPool(
        tmp_path / "mined.safetensors", with_input=True, batch_size=4, seed=1
    ).batch(2)
    # The image generator has changed nothing: what it was given is what it gave.
    torch.testing.assert_close(seen, torch.cat([batches[0]] * 2, 1), rtol=0, atol=0)


def test_several_windows_of_a_picture_may_be_mined(train_photos, tmp_path):
    networks = build_paper_brmr(**TINY, global_skip=True, normalize_critic=False).eval()
    source = source_of(train_photos, size=256)
    for regions in (1, 2):
        mine(networks, source, 3, tmp_path / f"{regions}.safetensors", seed=0, regions=regions)
    one, two = (load_file(tmp_path / f"{regions}.safetensors")["sharp"] for regions in (1, 2))
    assert len(one) == len(two) == 3
    for hottest in one[:2]:  # the second picture's comes third at the latest
        assert any(torch.equal(hottest, window) for window in two)
    assert not torch.equal(one, two)


def test_rgb_psnr_by_hand():
    restored = torch.zeros(3, 2, 2)
    restored[0] = 0.3
    assert rgb_psnr(restored, torch.zeros(3, 2, 2)) == pytest.approx(-10 * math.log10(0.03))


def test_the_patch_generator_may_begin_with_what_the_image_generator_knows(small):
    stage = small(load_stages("brmr")[-1], model_options=TINY)
    assert stage.initial_weights == "image"
    fabric = lightning_fabric.Fabric(accelerator="cpu", precision="32-true")
    networks = PatchTrainer(stage, fabric).network
    image, patch = networks.g_image, networks.g_patch
    torch.testing.assert_close(patch.ups[0].weight, image.ups[0].weight, rtol=0, atol=0)
    windows = torch.rand(2, 6, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(patch(windows), windows[:, 3:], rtol=0, atol=0)
        # Only what the image generator sees is seen: the blurred window.
        seen = torch.nn.functional.pixel_unshuffle(windows, 2)
        torch.testing.assert_close(patch.stem(seen), image.stem(seen[:, :12]), rtol=0, atol=1e-5)
    fresh = PatchTrainer(replace(stage, initial_weights="default"), fabric).network
    assert not torch.equal(fresh.g_patch.ups[0].weight, fresh.g_image.ups[0].weight)


def test_a_share_of_the_windows_is_refined_before_it_is_refined(small):
    pairs = PairSettings(size=128, refined_share=0.5)
    stage = small(load_stages("brmr")[-1], model_options=TINY, pairs=pairs)
    trainer = PatchTrainer(stage, lightning_fabric.Fabric(accelerator="cpu"))
    given = []
    trainer.model.register_forward_pre_hook(lambda module, args: given.append(args[0].clone()))
    torch.nn.init.normal_(trainer.network.g_patch.head.weight, 0, 0.1)
    windows = torch.rand(4, 6, 128, 128)
    trainer.objective(*trainer.arranged(windows, torch.rand(4, 3, 128, 128)))
    first, second = given
    trainer.step = 2
    given.clear()
    trainer.objective(*trainer.arranged(windows, torch.rand(4, 3, 128, 128)))
    assert len(given) == 4
    assert torch.equal(first, windows[:2])
    assert torch.equal(second[2:], windows[2:])
    assert torch.equal(second[:2, :3], windows[:2, :3])
    assert not torch.equal(second[:2, 3:], windows[:2, 3:])


@pytest.mark.parametrize(("index", "initial_weights"), [(0, "dblrgan"), (-1, "image")])
def test_pix2pix_cannot_begin_as_another_network(small, index, initial_weights):
    stage = small(load_stages("brmr")[index], model="paper", model_options=TINY)
    fabric = lightning_fabric.Fabric(accelerator="cpu", precision="32-true")
    kind = PatchTrainer if index else ImageTrainer
    assert stage.initial_weights == initial_weights
    with pytest.raises(DataError, match=f"^initial_weights = '{initial_weights}' is for"):
        kind(stage, fabric)


def test_the_width_must_be_that_of_the_packaged_weights(small):
    stage = small(load_stages("brmr")[0], model_options=TINY)
    fabric = lightning_fabric.Fabric(accelerator="cpu", precision="32-true")
    with pytest.raises(DataError, match="another width"):
        ImageTrainer(stage, fabric)


def test_a_run_trains_one_part_a_stage_and_goes_on_where_it_stopped(options, small, tmp_path):
    changes = {
        "model_options": TINY,
        "pairs": PairSettings(size=128, num_mined=2),
        "blur": BLUR,
        "steps": 2,
    }
    stages = [small(stage, **changes) for stage in load_stages("brmr")]
    stages[0] = replace(stages[0], initial_weights="default")
    options = replace(options, num_validation=1, eval_steps=1)
    best = train(stages, options)
    load_network(build_fast_brmr, best, filter_name="brmr", model="fast")
    image, patch = (
        torch.load(options.out / stage / "last.ckpt", weights_only=True)
        for stage in ("image", "patch")
    )
    before = load_file(options.out / stages[-2].stage / "fast.safetensors")
    same = {
        name: torch.equal(value, before[name])
        for name, value in ((n, t.half()) for n, t in patch["network"].items())
    }
    assert all(same[name] for name in same if not name.startswith("g_patch"))
    assert not all(same[name] for name in same if name.startswith("g_patch"))

    parts = replace(options, out=tmp_path / "parts", minutes=0)
    train(stages, parts)
    for _ in range(2 * len(stages)):
        train(stages, replace(parts, resume=True))
    resumed = torch.load(parts.out / "patch" / "last.ckpt", weights_only=True)
    for name, value in patch["network"].items():
        torch.testing.assert_close(value, resumed["network"][name], rtol=0, atol=0)
    assert image["step"] == resumed["step"] == 2
