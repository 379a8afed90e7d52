"""`vsdeblur evaluate`, in process, with the real fast model on tiny frames."""

import json
import sys
from functools import partial

import pytest

from vsdeblur.cli.main import main
from vsdeblur.data.kernels import KERNELS
from vsdeblur.evaluate import scoring
from vsdeblur.evaluate.sets import blurred_pictures as pictures_set
from vsdeblur.evaluate.sets import opening as sets
from vsdeblur.runtime.weights import sha256_of


def run(*arguments):
    return main(["evaluate", "--device", "cpu", *map(str, arguments)])


def refusal(capfd, *arguments):
    """The one line that a refused command says."""
    assert run(*arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("vsdeblur: error: ")
    assert err.count("\n") == 1
    return err


def test_the_real_model_is_scored(capfd, gopro_folder, tmp_path, fast_weights):
    files = tmp_path / "scores.json", tmp_path / "scores.html"
    status = run(
        "--data", f"gopro={gopro_folder}", "--weights", fast_weights, "--precision", "fp32",
        "--json", files[0], "--html", files[1],
    )  # fmt: skip
    out, err = capfd.readouterr()
    assert status == 0
    assert err == ""
    for text in ("GOPRO_Large", "mean over 6 frames", "mean over 2 videos", "dblrgan fast", "fp32"):
        assert text in out
    report = json.loads(files[0].read_text())
    assert report["method"]["weights_sha256"] == sha256_of(tmp_path / fast_weights)
    assert report["options"]["data"] == ["gopro=GOPRO_Large"]
    means = report["sets"][0]["mean_over_frames"]
    assert means["restored_psnr_luma"] != means["input_psnr_luma"]
    assert str(tmp_path) not in files[0].read_text() + files[1].read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "GOPRO_Large", "scores.html", "scores.json",
    ]  # fmt: skip


def test_several_sets_may_follow_one_option(capfd, gopro_folder, fast_weights):
    (gopro_folder / "test" / "GOPR0001_11_00" / "blur_gamma").symlink_to("blur")
    (gopro_folder / "test" / "GOPR0002_11_00" / "blur_gamma").symlink_to("blur")
    data = [f"gopro={gopro_folder}", f"gopro-gamma={gopro_folder}"]
    assert run("--data", *data, "--weights", fast_weights, "--max-frames", 1) == 0
    assert capfd.readouterr().out.count("mean over 2 frames") == 2


@pytest.mark.needs_gpu
def test_a_gpu_gives_the_same_scores(capfd, gopro_folder, tmp_path, fast_weights):
    means = []
    for device in ("cpu", "cuda"):
        file = tmp_path / f"{device}.json"
        arguments = ["--weights", fast_weights, "--precision", "fp32", "--json", file]
        assert run("--data", f"gopro={gopro_folder}", "--device", device, *arguments) == 0
        means.append(json.loads(file.read_text())["sets"][0]["mean_over_frames"])
    for name, value in means[0].items():
        assert means[1][name] == pytest.approx(value, abs=0.05), name


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--data", "gopro"], "--data must be NAME=DIR"),
        (["--data", "nothing=DIR"], "unknown dataset 'nothing'; choose one of: "),
        (["--data", "gopro=none"], "no folder 'none' for dataset 'gopro'"),
        (["--data", "gopro=DIR", "gopro=DIR"], "dataset 'gopro' is given twice"),
        (["--data", "gopro=DIR", "--split", "best"], "unknown split 'best'"),
        (["--data", "gopro=DIR", "--filter", "sharpen"], "unknown filter 'sharpen'"),
        (["--data", "gopro=DIR", "--model", "huge"], "unknown model 'huge'"),
        (["--data", "gopro=DIR", "--precision", "int4"], "unknown precision 'int4'"),
        (["--data", "gopro=DIR", "--json", "none/a.json"], "--json none/a.json: there is no"),
        (["--data", "gopro=DIR", "--html", "."], "--html . is a folder"),
        (["--data", "gopro=DIR", "--max-frames", "0"], "--max-frames"),
        ([], "--data"),
    ],
)
def test_bad_options_are_refused(capfd, gopro_folder, monkeypatch, tmp_path, arguments, text):
    monkeypatch.chdir(tmp_path)
    folder = str(gopro_folder)
    assert text in refusal(capfd, *(argument.replace("DIR", folder) for argument in arguments))


def test_single_pictures_are_refused_to_a_filter_that_reads_neighbours(
    capfd, gopro_folder, fast_weights
):
    photos = gopro_folder / "test" / "GOPR0001_11_00" / "sharp"
    err = refusal(capfd, "--data", f"pictures={photos}", "--weights", fast_weights)
    assert "single pictures have no neighbours" in err
    assert "the filter reads 5 frames and makes 1; use a set of videos, or a filter" in err


@pytest.fixture
def brmr_report(capfd, gopro_folder, tmp_path, brmr_weights, monkeypatch):
    """What brmr's evaluation of seven pictures prints, its JSON and its page."""
    monkeypatch.setattr(pictures_set, "SIZE", 136)
    small = partial(pictures_set.open_pictures, num_per_kernel=1, num_regions=2)
    monkeypatch.setattr(sets, "open_pictures", small)
    files = tmp_path / "scores.json", tmp_path / "scores.html"
    photos = gopro_folder / "test" / "GOPR0001_11_00" / "sharp"
    status = run(
        "--filter", "brmr", "--data", f"pictures={photos}", "--weights", brmr_weights,
        "--precision", "fp32", "--json", files[0], "--html", files[1],
    )  # fmt: skip
    out, err = capfd.readouterr()
    assert (status, err) == (0, "")
    return out, json.loads(files[0].read_text()), files[1].read_text()


def test_brmr_is_scored_with_its_parts(brmr_report):
    out, report, page = brmr_report
    assert report["method"]["stages"] == {"g_image": "G_i alone"}
    (set_facts,) = report["sets"]
    assert [video["name"] for video in set_facts["videos"]] == list(KERNELS)
    means = set_facts["mean_over_frames"]
    first = set_facts["videos"][0]["mean"]
    psnr = [first[f"{state}_psnr_rgb"] for state in ("input", "g_image", "restored")]
    assert psnr[0] != psnr[1]
    iterations, regions = set_facts["findings"]
    assert iterations["value"] == means["restored_iterations"]
    assert iterations["published"]["value"] == 2.3
    assert (regions["figure"], regions["published"]["value"]) == ("region_iou", 0.676)
    assert 0 <= regions["value"] <= regions["attainable"] <= 1
    assert report["timing"]["published"]["value"] == 2.16
    for text in ("G_i alone", "of at most", "published: 2.3 (", "published: 2.16 s"):
        assert text in out
    for text in (f"{psnr[0]:.2f} → {psnr[1]:.2f} → {psnr[2]:.2f}", "Published: 0.676", "31.93"):
        assert text in " ".join(page.split())


def test_a_missing_library_is_named(capfd, gopro_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    err = refusal(capfd, "--data", f"gopro={gopro_folder}")
    assert "needs torchmetrics, which is not installed; pip install 'vsdeblur[evaluate]'" in err


def test_ctrl_c_leaves_nothing_behind(capfd, gopro_folder, tmp_path, monkeypatch, fast_weights):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(scoring, "frame_figures", stop)
    json_file, html_file = tmp_path / "scores.json", tmp_path / "scores.html"
    json_file.write_text("old")
    arguments = ["--weights", fast_weights, "--json", json_file, "--html", html_file]
    assert run("--data", f"gopro={gopro_folder}", *arguments) == 130
    assert capfd.readouterr().err.strip() == "vsdeblur: error: stopped"
    assert json_file.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["GOPRO_Large", "scores.json"]
