"""The set of odd windows: what each filter is scored on, and what is measured beside PSNR."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from vsdeblur.data.photos import find_photos
from vsdeblur.evaluate.evaluation import Evaluation, Method
from vsdeblur.evaluate.report.cases import case_rows
from vsdeblur.evaluate.report.console import print_tables
from vsdeblur.evaluate.report.gallery import Gallery
from vsdeblur.evaluate.report.page import html_report, json_report
from vsdeblur.evaluate.scores import FrameScores, SetScores, VideoScores
from vsdeblur.evaluate.scoring import Scorer
from vsdeblur.evaluate.sets.opening import open_set
from vsdeblur.evaluate.synthetic import ODD_CASES, OddWindows

SIZE = 64


@pytest.fixture
def odd(monkeypatch, tmp_path, rng):
    """The set of two pictures: two small windows of each case."""
    for index in range(2):
        coarse = Image.fromarray(rng.integers(0, 255, (40, 50, 3), dtype=np.uint8))
        coarse.resize((600, 480), Image.Resampling.BICUBIC).save(tmp_path / f"{index}.png")
    monkeypatch.setattr(
        OddWindows, "from_folders", lambda folders: OddWindows(
            find_photos(folders), num_windows=2, size=SIZE
        )
    )  # fmt: skip
    return open_set(f"odd={tmp_path}", "test")


def of_cases(some, *names):
    return replace(some, videos=[video for video in some.videos if video.name in names])


def test_every_case_is_a_video(odd):
    assert [video.name for video in odd.videos] == list(ODD_CASES)
    assert {len(video) for video in odd.videos} == {2}
    assert odd.title == "odd windows made from 2 photos"
    sample = odd.videos[0].sample(1, radius=2, multiplier=1)
    assert (sample.window.shape, sample.sharp.shape) == ((5, 1, SIZE, SIZE), (1, 1, SIZE, SIZE))


def test_filters_of_single_frames_get_the_cases_that_concern_them(odd):
    assert odd.suited_to(2) is odd
    names = [video.name for video in odd.suited_to(0).videos]
    assert {"plain", "lamps", "letterbox", "zoom"} <= set(names)
    assert not {"strobe", "cut_both", "doubled", "black"} & set(names)
    assert all(not ODD_CASES[name].needs_neighbours for name in names)


def test_a_filter_of_colour_gets_grey_and_one_of_moments_gets_them(odd):
    (plain,) = of_cases(odd, "plain").videos
    grey = plain.sample(0, radius=0, multiplier=1)
    assert grey.window.shape == (1, 3, SIZE, SIZE)
    assert (grey.window[:, 0] == grey.window[:, 2]).all()
    moments = plain.sample(0, radius=0, multiplier=7)
    assert moments.sharp.shape == (7, 1, SIZE, SIZE)
    assert moments.flow.shape == (2, SIZE, SIZE)


def test_light_in_black_bars_is_measured(odd, stub):
    def leaks(window):
        leaked = window[2:3].clone()
        leaked[..., SIZE // 8 - 2, 5] = 6 / 255
        leaked[..., 0, 5] = 1  # far from the picture
        return leaked

    (scores,) = Scorer(stub(leaks)).score([of_cases(odd, "letterbox", "plain")])
    letterbox, plain = sorted(case_rows(scores), key=lambda row: row.name)
    assert letterbox.bar_light == 6
    assert plain.bar_light is None
    figures = scores.mean_over_frames
    assert (figures["input_bar"], figures["restored_bar"]) == (0, 6)


def test_lamps_that_turn_grey_are_counted(odd, stub):
    (scores,) = Scorer(stub()).score([of_cases(odd, "lamps")])
    assert case_rows(scores)[0].white_lamps == 1
    dimmed = stub(lambda window: window[2:3].clamp(max=0.9))
    (scores,) = Scorer(dimmed).score([of_cases(odd, "lamps")])
    assert case_rows(scores)[0].white_lamps == 0
    assert scores.mean_over_frames["restored_num_lamps"] >= 1


def video(name, gains, **extra):
    frames = [
        FrameScores(
            index=n,
            figures={"input_psnr_luma": 25.0, "restored_psnr_luma": 25.0 + gain}
            | {figure: values[n] for figure, values in extra.items() if values[n] is not None},
            seconds=0.1,
        )
        for n, gain in enumerate(gains)
    ]
    return VideoScores(name=name, width=64, height=64, pixels_sha256="", frames=frames)


def test_mean_and_worst_by_hand():
    lamps = {"restored_lamps": [0.5, 1.0, None], "restored_num_lamps": [2.0, 6.0, None]}
    videos = [video("strobe", [1.0, -4.0, 0.0]), video("lamps", [1.0, 2.0, 3.0], **lamps)]
    scores = SetScores(name="odd", title="", split="test", is_whole=True, videos=videos)
    strobe, lit = case_rows(scores)
    assert (strobe.mean_gain, strobe.worst_gain, strobe.white_lamps) == (-1, -4, None)
    assert (lit.mean_gain, lit.worst_gain, lit.white_lamps) == (2, 1, 7 / 8)


def test_reports_show_mean_and_worst_of_each_case(odd, stub):
    sets = [of_cases(odd, "plain", "strobe", "letterbox")]
    gallery = Gallery(sets)
    scores = Scorer(stub(lambda w: w.mean(0)[None]), watchers=[gallery]).score(sets)
    method = Method(
        filter="dblrgan", model="fast", weights_file="f", weights_sha256="0", temporal_radius=2,
        multiplier=1, reads="luma", device="cpu", precision="fp32",
    )  # fmt: skip
    found = Evaluation(method=method, options={}, versions={}, device_name="", sets=scores)
    rows = {row.name: row for row in case_rows(scores[0])}
    printed = io.StringIO()
    print_tables(found, Console(file=printed, width=120))
    line = next(text for text in printed.getvalue().splitlines() if "strobe" in text)
    gains = [f"{rows['strobe'].mean_gain:+.2f}", f"{rows['strobe'].worst_gain:+.2f}"]
    assert line.split() == ["strobe", "2", *gains]
    assert "white" not in printed.getvalue().split("luma PSNR by case")[1]

    (facts,) = json.loads(json_report(found))["sets"]
    assert [case["name"] for case in facts["cases"]] == ["plain", "strobe", "letterbox"]
    assert facts["videos"][1]["gain"] == {
        "mean": rows["strobe"].mean_gain, "worst": rows["strobe"].worst_gain,
    }  # fmt: skip
    page = html_report(found, gallery)
    assert "worst<small>of a frame</small>" in page
    assert gains[1] in page
