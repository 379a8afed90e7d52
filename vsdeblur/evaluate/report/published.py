"""Figures that others published for the test splits we read, each with how it was made.

PSNR of one network on one test set differs by up to 3 dB between papers, because frames, colours
and alignment differ. A figure is set beside ours only where its protocol is ours; the others are
listed apart, with what differs. SSIM is set beside only where its definition is known to be ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "PROTOCOLS",
    "PUBLISHED",
    "PUBLISHED_WORKINGS",
    "TEST_SPLITS",
    "Protocol",
    "Published",
    "PublishedWorking",
    "published_for",
]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How figures were made."""

    text: str
    """Frames, colours, mean, and what differs from ours."""
    beside: Literal["mean_over_frames", "mean_over_videos"] | None
    """Which of our means it is the same as; None = it is like neither."""
    group: str = ""
    """Videos it is of, by the beginning of their names up to "/"; "" = all."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published figure."""

    dataset: str
    method: str
    protocol: str
    """Key in `PROTOCOLS`."""
    psnr: float
    """dB."""
    ssim: float | None
    ssim_is_ours: bool
    """Whether SSIM is defined as in `metrics`."""
    source: str


@dataclass(frozen=True, kw_only=True)
class PublishedWorking:
    """A published figure of how a filter works."""

    value: float
    protocol: str
    """How it was made, and what differs from ours."""
    source: str


PROTOCOLS: dict[str, Protocol] = {
    "frames": Protocol(
        text="8-bit RGB, whole frames, mean over all frames of the test split, by the method's "
        "own evaluation code",
        beside="mean_over_frames",
    ),
    "unrounded": Protocol(
        text="RGB, whole frames, mean over all frames of the test split, by the method's own "
        "evaluation code; the output is not rounded to 8 bit, worth about 0.01 dB",
        beside="mean_over_frames",
    ),
    "stated": Protocol(
        text="RGB, mean over all frames of the test split, as the source says or implies; no "
        "evaluation code was seen",
        beside="mean_over_frames",
    ),
    "no-ends": Protocol(
        text="RGB, mean over frames without the first and last two of each video, as the "
        "method's evaluation code has it",
        beside=None,
    ),
    "aligned-30": Protocol(
        text="mean over the 10 videos, 30 frames of each, every frame first aligned with its "
        "sharp partner (evaluation code of Koehler et al. 2012), as the authors of the dataset "
        "say; paper 001 repeats these rows beside its own and does not say how it made those",
        beside=None,
    ),
    "aligned": Protocol(
        text="mean over frames, each first aligned with its sharp partner (evaluation code of "
        "Koehler et al. 2012); the first frame of a video and a border may be left out",
        beside=None,
    ),
    "own": Protocol(
        text="the method's own protocol: frames, crops, or which of GoPro's two blurred versions "
        "it was are not stated",
        beside=None,
    ),
    "concert": Protocol(
        text="280 pictures of 256x256 from concert videos, blurred by the seven kernels; the "
        "pictures are not available, the kernels' sizes are not in the paper, and whether it is "
        "of RGB or of luma is not stated; ours are other pictures, blurred by sizes of our own",
        beside=None,
    ),
    "left": Protocol(
        text="mean over the left camera's frames of all 199 scenes; whether of RGB or of luma is "
        "not stated",
        beside="mean_over_frames",
        group="left",
    ),
    "right": Protocol(
        text="mean over the right camera's frames of all 199 scenes; whether of RGB or of luma "
        "is not stated",
        beside="mean_over_frames",
        group="right",
    ),
}

TEST_SPLITS: dict[str, tuple[int, int]] = {
    "dvd": (10, 1000),
    "gopro": (11, 1111),
    "gopro-gamma": (11, 1111),
    "kitti": (398, 1194),
}
"""Videos and frames of the test splits that the protocols speak of."""

_PAPER_001 = "Zhang et al. 2018, arXiv:1804.00533, table {}"
_PAPER_000 = "Lin et al. 2019, doi:10.1145/3343031.3351038, {}"
_VRT = "Liang et al. 2022, arXiv:2201.12288 and 2206.02146"
_QUOTED = "table of arXiv:2201.12288 and 2206.02146"


def _rows(
    dataset: str, protocol: str, source: str, text: str, *, ssim_is_ours: bool = False
) -> list[Published]:
    """One row a line: method, PSNR, SSIM; `-` where there is none."""
    rows = []
    for line in text.strip().splitlines():
        method, psnr, ssim = (part.strip() for part in line.split("|"))
        rows.append(
            Published(
                dataset=dataset,
                method=method,
                protocol=protocol,
                psnr=float(psnr),
                ssim=None if ssim == "-" else float(ssim),
                ssim_is_ours=ssim_is_ours,
                source=source,
            )
        )
    return rows


PUBLISHED: Sequence[Published] = (
    *_rows("dvd", "stated", _QUOTED, """
        DeepDeblur | 29.85 | .8800
        DBN        | 30.01 | .8877
        DBLRNet    | 30.08 | .8845
        SRN        | 30.53 | .8940
        STFAN      | 31.24 | .9340
        STTN       | 31.61 | .9160
        IFI-RNN    | 31.67 | .9160
        SFE        | 31.71 | .9160
        EDVR       | 31.82 | .9160
        CDVD-TSP   | 32.13 | .9268
        GSTA       | 32.53 | .9468
        ARVo       | 32.80 | .9352
        """),
    *_rows("dvd", "frames", _VRT, """
        VRT        | 34.27 | .9651
        RVRT       | 34.30 | .9655
        """),
    *_rows("dvd", "no-ends", "Li et al. 2023, arXiv:2206.10810", "Shift-Net+ | 34.69 | .9690"),
    *_rows("dvd", "no-ends", "Zhang et al. 2024, arXiv:2406.07551", "BSSTNet | 34.95 | .9703"),
    *_rows("dvd", "aligned", "Son et al. 2022, arXiv:2205.12634", "MTU (30 frames/s) | 30.99 | -"),
    *_rows("dvd", "aligned", _QUOTED, "PVDNet | 32.31 | .9260"),
    *_rows("dvd", "aligned-30", _PAPER_001.format("III"), """
        blurred input  | 27.14 | -
        DBN (noalign)  | 30.05 | -
        DBN (flow)     | 30.05 | -
        DBLRNet        | 33.04 | -
        DBLRGAN        | 33.19 | -
        """),
    *_rows("gopro-gamma", "frames", "SeungjunNah/DeepDeblur-PyTorch", "DeepDeblur | 30.40 | .9018",
           ssim_is_ours=True),
    *_rows("gopro", "unrounded", "Cho et al. 2021, arXiv:2108.05054", """
        MIMO-UNet      | 31.73 | .951
        MIMO-UNet+     | 32.45 | .957
        MIMO-UNet++    | 32.68 | .959
        """),
    *_rows("gopro", "frames", "Zamir et al. 2021, arXiv:2102.02808", "MPRNet | 32.66 | .959"),
    *_rows("gopro", "frames", "Chen et al. 2022, arXiv:2204.04676", """
        NAFNet (width 32) | 32.87 | .9606
        NAFNet (width 64) | 33.71 | .9668
        """),
    *_rows("gopro", "frames", _VRT, """
        VRT            | 34.81 | .9724
        RVRT           | 34.92 | .9738
        """),
    *_rows("gopro", "stated", _QUOTED, """
        SRN            | 30.26 | .9342
        IFI-RNN        | 31.05 | .9110
        DMPHN (stacked) | 31.20 | .9400
        EDVR           | 31.54 | -
        CDVD-TSP       | 31.67 | -
        GSTA           | 32.10 | -
        """),
    *_rows("gopro", "own", _PAPER_000.format("table 3"), """
        DeblurGAN         | 27.94 | -
        multi-scale CNN   | 29.08 | -
        adversarial BRMR  | 30.27 | -
        """),
    *_rows("gopro", "own", "Kupyn et al. 2019, arXiv:1908.03826", """
        DeblurGAN-v2 (MobileNet) | 28.17 | .925
        DeblurGAN-v2 (Inception) | 29.55 | .934
        """),
    *_rows("gopro", "own", "Zhong et al. 2020, ECCV", "ESTRNN | 31.07 | .9023"),
    *_rows("gopro", "aligned", _QUOTED, "PVDNet | 31.98 | -"),
    *_rows("gopro", "no-ends", "Li et al. 2023, arXiv:2206.10810", "Shift-Net+ | 35.88 | .9790"),
    *_rows("gopro", "no-ends", "Zhang et al. 2024, arXiv:2406.07551", "BSSTNet | 35.98 | .9792"),
    *_rows("pictures", "concert", _PAPER_000.format("table 2"), """
        DeblurGAN         | 28.57 | -
        multi-scale CNN   | 29.90 | -
        iGAN (G_i alone)  | 30.77 | -
        adversarial BRMR  | 31.93 | -
        """),
    *_rows("kitti", "left", _PAPER_001.format("IV"), """
        Pan et al.     | 30.24 | -
        DBLRNet        | 30.10 | -
        DBLRGAN        | 30.42 | -
        """),
    *_rows("kitti", "right", _PAPER_001.format("IV"), """
        Pan et al.     | 30.71 | -
        DBLRNet        | 30.54 | -
        DBLRGAN        | 30.87 | -
        """),
)  # fmt: skip
"""All of RGB pictures, as far as their sources tell."""

PUBLISHED_WORKINGS: Mapping[tuple[str, str], PublishedWorking] = {
    ("brmr", "iterations"): PublishedWorking(
        value=2.3,
        protocol="mean over GoPro's 1,111 test pictures, it seems; whether the last round, which "
        "is refused, counts is not stated; ours are the accepted rounds",
        source=_PAPER_000.format("section 4.2"),
    ),
    ("brmr", "region_iou"): PublishedWorking(
        value=0.676,
        protocol="280 partially blurred pictures of the concert set, which is not available; "
        "whether windows were placed off the grid of mining, as ours are, is not stated",
        source=_PAPER_000.format("section 4.1"),
    ),
    ("sequence", "end_point_error"): PublishedWorking(
        value=10.03,
        protocol="mean over GOPRO_Large_all after the third stage, 13.62 after the first and 11.25 "
        "after the second, against a flow of the sharp frames; ours are other pictures",
        source="Zhang et al. 2020, doi:10.1145/3394171.3413929, table 1",
    ),
    ("brmr", "seconds"): PublishedWorking(
        value=2.16,
        protocol="a picture of GoPro on one GTX 1080; the size of the pictures is not stated",
        source=_PAPER_000.format("table 3"),
    ),
}
"""By filter and figure."""


def published_for(dataset: str) -> list[Published]:
    """Figures for the test split of a dataset, the lowest PSNR first."""
    return sorted((row for row in PUBLISHED if row.dataset == dataset), key=lambda row: row.psnr)
