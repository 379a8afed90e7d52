"""Networks from elsewhere: which files are taken, what they are used for, and what is refused."""

import hashlib
import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import lightning_fabric
import pytest
import torch
from torch import nn

from vsdeblur.cli.main import main
from vsdeblur.errors import DataError, OptionError, WeightsError
from vsdeblur.train.loop import train
from vsdeblur.train.recipe import load_stages
from vsdeblur.train.sequence import perceptual
from vsdeblur.train.sequence.perceptual import (
    IMAGENET,
    RAFT_FILES,
    VGG19_FILES,
    check_crop,
    load_raft,
    load_vgg19,
)
from vsdeblur.train.sequence.sequence_losses import central_content_loss, flow_loss
from vsdeblur.train.sequence.sequence_task import SequenceTask
from vsdeblur.train.settings import SequenceSettings

TINY = {"widths": [8, 8, 8], "num_blocks": [1, 1, 1], "num_decoder_blocks": [1, 1]}


class FakeVGG19(nn.Module):
    """As many layers as torchvision's; the last convolution is told from what follows it."""

    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(3, 2, 1), *(nn.Identity() for _ in range(33)), nn.Conv2d(2, 4, 1)]
        self.features = nn.Sequential(*layers, nn.Threshold(9, 9), nn.MaxPool2d(2))


class FakeRAFT(nn.Module):
    """Says that everything moves by the difference of brightness times a weight, to the right."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, start, end):
        x = self.weight * (end - start).mean(1)
        return [torch.zeros(1), torch.stack([x, torch.zeros_like(x)], 1)]


@pytest.fixture(autouse=True)
def fake_torchvision(monkeypatch):
    flow = SimpleNamespace(raft_small=lambda weights: FakeRAFT(), raft_large=None)
    models = SimpleNamespace(vgg19=lambda weights, init_weights: FakeVGG19(), optical_flow=flow)
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(models=models))


def saved(network, path):
    """Its weights as a file, and the first digits of the file's hash."""
    torch.save(network.state_dict(), path)
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


@pytest.fixture
def vgg19_file(tmp_path, monkeypatch):
    prefix = saved(FakeVGG19(), tmp_path / "vgg.pth")
    monkeypatch.setitem(VGG19_FILES, prefix, "ours.pth")
    return tmp_path / "vgg.pth"


@pytest.fixture
def raft_file(tmp_path, monkeypatch):
    prefix = saved(FakeRAFT(), tmp_path / "raft.pth")
    monkeypatch.setitem(RAFT_FILES, prefix, "raft_small.pth")
    return tmp_path / "raft.pth"


@pytest.fixture
def stages(small):
    tiny = {"steps": 1, "model_options": TINY, "initial_weights": "default"}
    return [small(stage, **tiny) for stage in load_stages("sequence")]


@pytest.fixture
def trainer_of(stages, options):
    def trainer_of(settings, **networks):
        stage = replace(stages[0], sequence=settings, crop=128)
        fabric = lightning_fabric.Fabric(accelerator="cpu", precision="32-true")
        task = SequenceTask([stage], replace(options, **networks))
        return task.trainer(stage, fabric, None, compiled=False)

    return trainer_of


def test_files_are_known_by_the_digits_that_torchvision_gives_them():
    for prefix, name in (VGG19_FILES | RAFT_FILES).items():
        assert name.endswith(f"-{prefix}.pth")


def test_vgg19_ends_with_its_last_convolution(tmp_path):
    network = FakeVGG19()
    prefix = saved(network, tmp_path / "a.pth")
    features = load_vgg19(tmp_path / "a.pth", {prefix: "a"})
    frames = torch.rand(2, 1, 6, 8)
    mean, deviation = (torch.tensor(part).view(3, 1, 1) for part in IMAGENET)
    rgb = (frames.expand(-1, 3, -1, -1) - mean) / deviation
    expected = network.features[34](network.features[0](rgb))
    torch.testing.assert_close(features(frames), expected)
    assert not any(p.requires_grad for p in features.parameters())


def test_raft_gives_its_last_flow_and_lets_gradients_through(tmp_path):
    prefix = saved(FakeRAFT(), tmp_path / "a.pth")
    flow = load_raft(tmp_path / "a.pth", {prefix: "raft_small"})
    start = torch.zeros(1, 1, 4, 4, requires_grad=True)
    found = flow(start, torch.ones(1, 1, 4, 4))
    assert found.shape == (1, 2, 4, 4)
    assert (found[:, 0] == 2).all()  # from [0, 1] to [-1, 1]
    found.sum().backward()
    assert (start.grad == -2).all()


@pytest.mark.parametrize(("load", "option"), [(load_vgg19, "--vgg19"), (load_raft, "--raft")])
def test_other_files_are_refused(tmp_path, load, option):
    with pytest.raises(WeightsError, match=rf"no file .*none.* for {option}; it takes torchvision"):
        load(tmp_path / "none.pth")
    (tmp_path / "vgg19-dcbb9e9d.pth").write_bytes(b"something else")
    with pytest.raises(WeightsError, match=rf"is not what {option} takes: its SHA-256 begins with"):
        load(tmp_path / "vgg19-dcbb9e9d.pth")
    damaged = hashlib.sha256(b"something else").hexdigest()[:8]
    with pytest.raises(WeightsError, match="is damaged"):
        load(tmp_path / "vgg19-dcbb9e9d.pth", {damaged: "raft_small"})
    prefix = saved(nn.Linear(2, 2), tmp_path / "linear.pth")
    with pytest.raises(WeightsError, match="does not fit torchvision's network"):
        load(tmp_path / "linear.pth", {prefix: "raft_small"})


def test_a_missing_torchvision_is_named(vgg19_file, raft_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    for load, file in ((load_vgg19, vgg19_file), (load_raft, raft_file)):
        with pytest.raises(DataError, match=r"needs torchvision, .* 'vsdeblur\[perceptual\]'"):
            load(file)


@pytest.mark.parametrize("crop", [120, 132])
def test_crops_that_raft_cannot_take_are_refused(crop):
    check_crop(128)
    with pytest.raises(DataError, match=rf"128 pixels or more .* the recipe has {crop}"):
        check_crop(crop)


def test_vgg19_takes_the_place_of_the_critics_features(trainer_of, vgg19_file):
    settings = SequenceSettings(pair=0, adversarial=0, flow=0)
    trainer = trainer_of(settings, vgg19=vgg19_file)
    assert trainer.critic is None
    blurred, sharp = torch.rand(1, 1, 32, 32), torch.rand(1, 7, 32, 32)
    expected = central_content_loss(trainer.network(blurred), sharp, load_vgg19(vgg19_file))
    torch.testing.assert_close(trainer.objective(blurred, sharp), expected)
    assert trainer_of(settings).critic is not None


def test_raft_takes_the_place_of_the_true_flow(trainer_of, raft_file):
    settings = SequenceSettings(central=0, pair=0, adversarial=0)
    trainer = trainer_of(settings, raft=raft_file)
    blurred, sharp = torch.rand(1, 1, 32, 32), torch.rand(1, 7, 32, 32)
    restored = trainer.network(blurred)
    flow = load_raft(raft_file)
    first, last = restored[:, :1], restored[:, -1:]
    expected = 0.001 * flow_loss(restored, sharp, flow(first, last), flow(last, first))
    torch.testing.assert_close(trainer.objective(blurred, sharp), expected)


def test_a_run_notes_what_it_was_compared_by(stages, options, vgg19_file):
    train(stages[:1], replace(options, vgg19=vgg19_file, num_validation=1))
    material = json.loads((options.out / "base" / "recipe.json").read_text())["material"]
    assert (material["features"], material["flow"]) == (["vgg.pth"], ["the synthesis'"])


def test_other_recipes_and_small_crops_leave_nothing_behind(recipe, options, stages, raft_file):
    with pytest.raises(OptionError, match=r"--raft is for recipes of sequence; .* trains dblrgan"):
        train([recipe], replace(options, raft=raft_file))
    with pytest.raises(DataError, match="the recipe has 32"):
        train(stages, replace(options, raft=raft_file))
    assert not options.out.exists()


def test_the_command_refuses_in_one_line(capfd, photos, tmp_path):
    status = main([
        "train", "sequence", "--data", str(photos / "train"), "--out", str(tmp_path / "run"),
        "--device", "cpu", "--vgg19", str(tmp_path / "none.pth"),
    ])  # fmt: skip
    err = capfd.readouterr().err
    assert status == 2
    assert err.startswith("vsdeblur: error: no file ")
    assert err.count("\n") == 1


def test_the_real_raft_is_built_and_filled(tmp_path, monkeypatch):
    monkeypatch.undo()
    optical_flow = pytest.importorskip("torchvision.models.optical_flow")
    torch.manual_seed(0)
    network = optical_flow.raft_small(weights=None)
    prefix = saved(network, tmp_path / "raft.pth")
    flow = load_raft(tmp_path / "raft.pth", {prefix: perceptual.RAFT_FILES["01064c6d"]})
    assert flow(torch.rand(1, 1, 128, 128), torch.rand(1, 1, 128, 128)).shape == (1, 2, 128, 128)
