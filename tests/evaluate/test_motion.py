"""Motion inside a group: known shifts, still sequences, and what the reports tell of them."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from vsdeblur.cli.main import main
from vsdeblur.evaluate.metrics.motion import end_point_error, motion_figures, score_motion
from vsdeblur.evaluate.report.comparison import compared_figures
from vsdeblur.evaluate.scoring import Scorer
from vsdeblur.evaluate.sets import opening as sets
from vsdeblur.evaluate.sets.luma_windows import LumaWindows
from vsdeblur.evaluate.sets.samples import EvaluationSet
from vsdeblur.evaluate.synthetic import SyntheticBenchmark
from vsdeblur.models import MODELS
from vsdeblur.runtime.weights import save_weights

SIZE, STEP = 64, 1


@pytest.fixture
def picture(rng):
    """Detail of many sizes, wider than a frame."""
    layers = [rng.integers(0, 256, (128 // n, 180 // n), dtype="u1") for n in (4, 10, 25)]
    seen = [Image.fromarray(layer).resize((90, SIZE), Image.Resampling.BICUBIC) for layer in layers]
    return (np.mean([np.asarray(layer) for layer in seen], 0) / 2).astype("u1")


@pytest.fixture
def moments(picture):
    """Seven moments of a scene that moves 6 pixels to the right: (7, 1, 64, 64)."""
    seen = [picture[:, 20 - n : 20 - n + SIZE] for n in range(0, 7 * STEP, STEP)]
    return torch.tensor(np.stack(seen))[:, None].float()


@pytest.fixture
def flow():
    flow = np.zeros((2, SIZE, SIZE), np.float32)
    flow[0] = 6 * STEP
    return flow


@pytest.fixture
def moving_set(moments, flow):
    codes = moments[:, 0].byte().numpy()
    blurred = np.rint(codes.mean(0)).astype("u1")
    window = SimpleNamespace(
        blurred=np.stack([codes[0], blurred, codes[6]]), sharp=codes[3], moments=codes, flow=flow
    )
    videos = [LumaWindows("slide", [window] * 2)]
    return EvaluationSet(name="photos", title="", split="test", videos=videos)


def scored(stub, evaluation_set, function):
    restorer = stub(function, radius=1, multiplier=7)
    (scores,) = Scorer(restorer).score([evaluation_set])
    return scores


def test_end_point_error_by_hand():
    true = np.zeros((2, 4, 10), np.float32)
    assert end_point_error(true, true) == 0
    found = true.copy()
    found[:, 0] = [[3.0], [4.0]]  # in one row of four
    assert end_point_error(found, true) == pytest.approx(5 / 4)


def test_places_that_leave_the_frame_do_not_count():
    true = np.zeros((2, 4, 10), np.float32)
    true[0] = 8  # only the first two columns stay
    found = true.copy()
    found[1, :, 2:] = 100
    assert end_point_error(found, true) == 0
    assert end_point_error(np.zeros_like(true), true) == pytest.approx(8)
    assert end_point_error(found, true + 10) is None


def test_a_known_shift_is_measured(moments, flow):
    figures = motion_figures(moments, moments, moments, flow)
    assert figures["motion"] == pytest.approx(6)
    assert figures["input_epe"] == pytest.approx(6)
    assert figures["restored_epe"] == figures["sharp_epe"] < 0.5
    assert figures["input_step"] == 0
    assert figures["restored_step"] == figures["sharp_step"] > 2
    assert figures["right_way"] == 1


def test_the_flow_of_the_sharp_moments_stands_for_one_that_is_not_known(moments):
    figures = motion_figures(moments, moments, moments, None)
    assert figures["restored_epe"] == 0
    assert figures["input_epe"] == pytest.approx(6, abs=0.5)
    assert "sharp_epe" not in figures


def test_a_group_that_runs_backwards_is_told(moments, flow):
    figures = motion_figures(moments.flip(0), moments, moments, flow)
    assert figures["right_way"] == 0
    assert figures["restored_epe"] < 0.5


def test_little_motion_is_not_asked_for_its_way(moments):
    still = moments[3:4].expand(7, -1, -1, -1)
    figures = motion_figures(still, still, still, np.zeros((2, SIZE, SIZE), np.float32))
    assert "right_way" not in figures
    assert figures["restored_epe"] == 0
    assert score_motion([figures]) is None


def test_the_true_moments_pass_and_a_still_sequence_fails(stub, moving_set, moments):
    true = scored(stub, moving_set, lambda window: moments / 255)
    motion = score_motion([frame.figures for frame in true.frames])
    assert motion.is_real
    assert (motion.groups, motion.right_way) == (2, 1)
    assert motion.change_share == 1

    still = scored(stub, moving_set, lambda window: window[1:2].expand(7, -1, -1, -1))
    motion = score_motion([frame.figures for frame in still.frames])
    assert not motion.is_real
    assert motion.error_share == 1
    assert (motion.change, motion.right_way) == (0, 0)


def test_a_still_sequence_that_flickers_fails_too(stub, moving_set, moments):
    flicker = torch.tensor([0.0, 0.05] * 4)[:7, None, None, None]
    shown = scored(stub, moving_set, lambda window: window[1:2] + flicker)
    motion = score_motion([frame.figures for frame in shown.frames])
    assert motion.change_share > 0.2
    assert not motion.is_real


def test_figures_say_whether_the_motion_is_real(stub, moving_set, moments):
    true = scored(stub, moving_set, lambda window: moments / 255)
    found = {figure.figure: figure for figure in compared_figures(true, "sequence")}
    assert "the motion is real" in found["end_point_error_share"].text
    assert found["end_point_error_share"].value < 0.1
    assert found["end_point_error"].published.value == 10.03
    assert found["right_way"].value == 1
    means = true.mean_over_frames
    gain = means["restored_psnr_luma"] - means["input_psnr_luma"]
    assert found["blurred_gain"].value == pytest.approx(gain)
    assert "(2)" in found["blurred_gain"].title

    still = scored(stub, moving_set, lambda window: window[1:2].expand(7, -1, -1, -1))
    found = {figure.figure: figure for figure in compared_figures(still, "sequence")}
    assert "the motion is not real" in found["end_point_error_share"].text
    assert found["blurred_gain"].value == 0


def test_a_filter_of_single_frames_has_no_such_figures(stub, moving_set):
    restorer = stub(lambda window: window[1:2], radius=1)
    (scores,) = Scorer(restorer).score([moving_set])
    assert not any("epe" in name or "step" in name for name in scores.mean_over_frames)
    assert compared_figures(scores, "dblrgan") == []


def test_sequence_is_evaluated_by_the_command(capfd, tmp_path, picture, monkeypatch):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(2):
        Image.fromarray(2 * picture).resize((400, 300)).save(photos / f"{number}.png")
    monkeypatch.setattr(
        sets.SyntheticBenchmark, "from_folders",
        classmethod(lambda cls, folders: SyntheticBenchmark(
            sorted(folders[0].iterdir()), num_windows=1, size=64
        )),
    )  # fmt: skip
    network = MODELS["sequence"]["fast"].build(widths=[8, 8, 8])
    weights = tmp_path / "tiny.safetensors"
    save_weights(
        weights, network.state_dict(), filter_name="sequence", model="fast",
        options={"widths": [8, 8, 8]}, notes={},
    )  # fmt: skip
    file = tmp_path / "scores.json"
    page = tmp_path / "scores.html"
    status = main([
        "evaluate", "--filter", "sequence", "--data", f"photos={photos}", "--device", "cpu",
        "--precision", "fp32", "--weights", str(weights), "--json", str(file), "--html", str(page),
    ])  # fmt: skip
    out, err = capfd.readouterr()
    assert (status, err) == (0, "")
    (set_facts,) = json.loads(file.read_text())["sets"]
    means = set_facts["mean_over_frames"]
    for figure in ("restored_epe", "input_epe", "sharp_epe", "restored_step", "motion"):
        assert means[figure] >= 0
    assert means["sharp_epe"] < means["input_epe"]
    assert {finding["figure"] for finding in set_facts["findings"]} >= {"blurred_gain", "right_way"}
    for text in ("end-point", "neighbour", "of a still sequence"):
        assert text in out
    assert "end-point error" in page.read_text()
