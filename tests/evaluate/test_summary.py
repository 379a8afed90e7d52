"""Published figures stand beside ours only where they were made in the same way."""

import pytest

from vsdeblur.data.datasets import DATASETS
from vsdeblur.evaluate.report import published, summary
from vsdeblur.evaluate.report.published import PROTOCOLS, PUBLISHED, Published
from vsdeblur.evaluate.report.summary import formatted, published_columns, summarize
from vsdeblur.evaluate.scores import FrameScores, SetScores, VideoScores


def scores(name="gopro", *, videos=("a", "b"), is_whole=True, split="test", extra=None):
    figures = {"input_psnr_luma": 25.0, "restored_psnr_luma": 27.0, "sharp_warping": 1.0}
    figures |= extra or {}
    frame = FrameScores(index=0, figures=figures, seconds=0.1)
    made = [
        VideoScores(name=video, width=64, height=48, pixels_sha256="", frames=[frame])
        for video in videos
    ]
    return SetScores(name=name, title="T", split=split, is_whole=is_whole, videos=made)


@pytest.fixture
def split_of_two(monkeypatch):
    """The test splits have two videos of one frame."""
    counts = dict.fromkeys(published.TEST_SPLITS, (2, 2))
    monkeypatch.setattr(summary, "TEST_SPLITS", counts)


def test_sections_hold_input_restored_and_change():
    first, second = summarize(scores(), "ours").sections
    assert [first.title, second.title] == ["mean over 2 frames", "mean over 2 videos"]
    assert [row.method for row in first.ours] == ["blurred input", "ours", "sharp frames"]
    assert first.change == {"psnr_luma": 2.0}


def test_one_video_has_no_mean_over_videos():
    assert len(summarize(scores(videos="a"), "ours").sections) == 1


def test_only_figures_of_our_protocol_stand_beside(split_of_two):
    found = summarize(scores(), "ours")
    beside = {row.method for section in found.sections for row in section.published}
    assert {"VRT", "NAFNet (width 32)", "SRN"} <= beside
    assert {row.method for row in found.apart} >= {"BSSTNet", "PVDNet", "ESTRNN"}
    assert not beside & {row.method for row in found.apart}
    assert "other protocols" in found.why_apart
    assert found.sections[1].published == []  # none of GoPro is a mean over videos
    groups = found.sections[0].protocols.values()
    methods = [method for group in groups for method in group]
    assert sorted(methods) == sorted(row.method for row in found.sections[0].published)


def test_paper_000_on_pictures_stands_apart():
    found = summarize(scores("pictures"), "ours")
    assert [section.published for section in found.sections] == [[], []]
    psnr = {row.method: row.psnr for row in found.apart}
    assert (psnr["iGAN (G_i alone)"], psnr["adversarial BRMR"]) == (30.77, 31.93)
    assert found.why_apart == "published for pictures that are not available"


def test_stages_stand_between_the_input_and_the_result():
    (section,) = summarize(
        scores(videos="a", extra={"mid_psnr_luma": 26.0, "restored_iterations": 3.0}),
        "ours",
        {"mid": "half way"},
    ).sections
    assert [row.method for row in section.ours[:3]] == ["blurred input", "half way", "ours"]
    assert [row.figures["psnr_luma"] for row in section.ours[:3]] == [25, 26, 27]
    assert [row.figures.get("iterations") for row in section.ours[:3]] == [None, None, 3]
    assert section.change == {"psnr_luma": 2.0}


def test_paper_001_on_dvd_stands_apart(split_of_two):
    apart = summarize(scores("dvd"), "ours").apart
    assert 33.04 in [row.psnr for row in apart if row.method == "DBLRNet"]


@pytest.mark.parametrize(
    "part", [{"is_whole": False}, {"videos": ("a", "b", "c")}, {"split": "train"}]
)
def test_a_part_of_the_test_split_compares_with_nothing(split_of_two, part):
    found = summarize(scores(**part), "ours")
    assert [section.published for section in found.sections] == [[]] * len(found.sections)
    assert bool(found.apart) == (part != {"split": "train"})


def test_each_camera_has_its_own_mean_and_figures(split_of_two):
    found = summarize(scores("kitti", videos=("left/000000", "right/000000")), "ours")
    assert [section.title for section in found.sections] == [
        "mean over 2 frames", "mean over 2 videos",
        "left: mean over 1 frame", "right: mean over 1 frame",
    ]  # fmt: skip
    psnr = [[row.psnr for row in section.published] for section in found.sections]
    assert psnr == [[], [], [30.10, 30.24, 30.42], [30.54, 30.71, 30.87]]
    assert not found.apart


def test_ssim_stands_beside_only_where_it_is_defined_as_ours():
    facts = {"dataset": "gopro", "method": "m", "protocol": "frames", "psnr": 30.0, "ssim": 0.9}
    ours, other = (
        Published(**facts, source="s", ssim_is_ours=is_ours) for is_ours in (True, False)
    )
    assert published_columns(ours) == {"psnr_rgb": 30.0, "ssim_rgb": 0.9}
    assert published_columns(other) == {"psnr_rgb": 30.0}


def test_published_rows_are_whole():
    assert len({(row.dataset, row.method, row.protocol) for row in PUBLISHED}) == len(PUBLISHED)
    for row in PUBLISHED:
        assert row.protocol in PROTOCOLS
        assert row.dataset in {*DATASETS, "pictures"}
        assert row.method
        assert row.source
        assert 20 < row.psnr < 40
        assert row.ssim is None or 0.8 < row.ssim < 1
    assert published.TEST_SPLITS.keys() <= DATASETS.keys()


def test_figures_as_text():
    assert formatted("psnr_luma", 30.126) == "30.13"
    assert formatted("ssim_rgb", 0.91236, sign=True) == "+0.9124"
    assert formatted("warping", None) == ""
