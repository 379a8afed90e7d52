"""The reports hold what was found, and their files appear whole or not at all."""

import base64
import dataclasses
import io
import json
import re

import pytest
from PIL import Image
from rich.console import Console

from vsdeblur.errors import OptionError
from vsdeblur.evaluate.report.console import print_tables
from vsdeblur.evaluate.report.curves import psnr_chart
from vsdeblur.evaluate.report.page import check_target, html_report, json_report, write_whole


def test_json_holds_every_figure(evaluated):
    evaluation, _ = evaluated()
    report = json.loads(json_report(evaluation))
    assert list(report) == [
        "schema", "method", "options", "versions", "protocol", "sets", "timing",
    ]  # fmt: skip
    (some,) = report["sets"]
    assert [video["name"] for video in some["videos"]] == ["first", "second <b>"]
    for video, scores in zip(some["videos"], evaluation.sets[0].videos, strict=True):
        assert (video["width"], video["height"], len(video["pixels_sha256"])) == (64, 48, 64)
        assert [frame.pop("index") for frame in video["frames"]] == [0, 1, 2]
        assert video["frames"] == [frame.figures for frame in scores.frames]
    names = {f"{s}_{f}_{c}" for s in ("input", "restored") for f in ("psnr", "ssim")
             for c in ("luma", "rgb")}  # fmt: skip
    warping = {"input_warping", "restored_warping", "sharp_warping", "warping_share"}
    lies = {f"{s}_{f}" for s in ("input", "restored")
            for f in ("psnr_aligned", "shift", "shift_change")}  # fmt: skip
    assert set(some["mean_over_frames"]) == set(some["mean_over_videos"]) == names | warping | lies
    assert [video["gain"]["worst"] for video in some["videos"]] == [
        min(video.gains) for video in evaluation.sets[0].videos
    ]


def test_json_is_the_same_on_every_machine_but_for_the_timing(evaluated):
    one, other = (json.loads(json_report(evaluated()[0])) for _ in range(2))
    assert one.pop("timing")["device_name"] == other.pop("timing")["device_name"] == "a CPU"
    assert one == other


def test_the_table_shows_the_means(evaluated):
    evaluation, _ = evaluated()
    text = io.StringIO()
    print_tables(evaluation, Console(file=text, width=100))
    rows = {line.split("  ")[1].strip(): line.split()[-5:] for line in text.getvalue().splitlines()
            if line.startswith("  ") and line.strip()}  # fmt: skip
    assert rows["blurred input"][2] == "28.13"  # 20 log10(255 / 10)
    assert rows["dblrgan fast"][2] == "34.15"
    assert rows["change"][2] == "+6.02"
    assert "aligned PSNR 28.13 to 34.15 dB, mean shift 0.00 to 0.00 px" in text.getvalue()
    assert "ms a frame of 64x48 (median), fp32 on a CPU" in text.getvalue()


def test_the_page_refers_to_nothing_outside(evaluated):
    page = html_report(*evaluated())
    assert "http" not in page.replace("http-equiv", "")
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)""", page)
    assert not re.search(r"url\(|@import|fetch\(", page)
    assert "default-src 'none'" in page


def test_the_page_escapes_names(evaluated):
    page = html_report(*evaluated())
    assert "<b>" not in page
    assert "second &lt;b&gt;" in page


def test_the_page_shows_pictures_of_the_frames(evaluated):
    page = html_report(*evaluated())
    images = re.findall(r'src="data:image/webp;base64,([^"]+)" alt="(\w+): ', page)
    frames, crops = 6 * 3, (2 + 1) * 3  # two videos: two best crops and the worst
    assert len(images) == frames + crops
    sizes = [Image.open(io.BytesIO(base64.b64decode(data))).size for data, _ in images]
    assert sizes == [(64, 48)] * frames + [(48, 48)] * crops
    means = {}
    for data, state in images[:3]:
        means[state] = Image.open(io.BytesIO(base64.b64decode(data))).convert("L").resize((1, 1))
    levels = {state: mean.getpixel((0, 0)) for state, mean in means.items()}
    assert levels["Blurred"] - levels["Sharp"] == pytest.approx(10, abs=2)
    assert levels["Restored"] - levels["Sharp"] == pytest.approx(5, abs=2)


def test_curves_go_up_where_psnr_is_higher(evaluated):
    evaluation, _ = evaluated()
    chart = psnr_chart(evaluation.sets[0])
    assert [stretch.name for stretch in chart.stretches] == ["first", "second <b>"]
    for stretch in chart.stretches:
        heights = {
            state: [float(point.split(",")[1]) for point in line.split()]
            for state, line in stretch.lines.items()
        }
        assert all(r < i for r, i in zip(heights["restored"], heights["input"], strict=True))
        assert all(chart.top <= y <= chart.bottom for line in heights.values() for y in line)
    assert chart.ticks[0][0] == chart.bottom
    assert float(chart.ticks[-1][1]) >= 34.15


def test_a_set_of_luma_has_no_rgb_columns(evaluated):
    evaluation, gallery = evaluated()
    (scores,) = evaluation.sets
    videos = [
        dataclasses.replace(
            video,
            frames=[
                dataclasses.replace(
                    f, figures={k: v for k, v in f.figures.items() if not k.endswith("rgb")}
                )
                for f in video.frames
            ],
        )
        for video in scores.videos
    ]
    luma = dataclasses.replace(evaluation, sets=[dataclasses.replace(scores, videos=videos)])
    page = html_report(luma, gallery)
    assert "luma PSNR" in page
    assert "RGB PSNR" not in page


def test_a_file_is_replaced_whole(tmp_path):
    target = tmp_path / "report.json"
    target.write_text("old")
    write_whole(target, "new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_stop_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "report.json"
    target.write_text("old")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write_whole(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_targets_are_checked(tmp_path):
    check_target("--json", tmp_path / "new.json")
    assert not list(tmp_path.iterdir())
    with pytest.raises(OptionError, match=r"--html .* is a folder; give the name of a file"):
        check_target("--html", tmp_path)
    with pytest.raises(OptionError, match=r"--json .*: there is no folder .*none; make it first"):
        check_target("--json", tmp_path / "none" / "new.json")


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.touch", refuse)
    with pytest.raises(OptionError, match=r"cannot write to the folder .*: Permission denied"):
        check_target("--json", tmp_path / "new.json")
