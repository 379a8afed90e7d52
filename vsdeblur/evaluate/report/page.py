"""The JSON and the HTML report, and putting files in place whole."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

from ...errors import OptionError
from ..evaluation import Evaluation, Method
from ..metrics.highlights import LEAST_WHITE, MOST_AREA, REACH, STILL_WHITE
from ..metrics.moment_direction import LEAST_MOTION
from ..metrics.registration import MOST_SHIFT
from ..scores import SetScores
from .cases import case_rows
from .comparison import compared_figures, published_seconds
from .curves import psnr_chart
from .gallery import Gallery
from .published import PROTOCOLS, Published
from .summary import formatted, published_columns, summarize

__all__ = ["SCHEMA", "check_target", "html_report", "json_report", "write_whole"]

SCHEMA = 1
"""Version of the JSON report's form; it rises when a name changes or goes."""

PROTOCOL = {
    "pictures": "8 bit, whole, not aligned unless said so",
    "luma": "BT.601, full range: Y = 0.299 R + 0.587 G + 0.114 B, rounded to 8 bit",
    "rgb": "of a filter that reads luma: the restored Y with the Cb and Cr of the blurred input",
    "psnr": "in dB, peak 255, over all pixels and channels of a frame; equal frames count as 100",
    "ssim": "Gaussian window 11 x 11, sigma 1.5, K1 0.01, K2 0.03, range 255, window positions "
    "inside the frame; of RGB the mean of the channels",
    "gain": "of a video, in dB: restored minus input in luma PSNR, the mean over its frames and "
    "the worst of them",
    "psnr_aligned": "luma PSNR after the shift of the whole picture that lays it best on the "
    f"sharp frame (enhanced correlation, OpenCV; at most {MOST_SHIFT:g} pixels; bicubic), over the "
    "pixels that both have, or as it is if that is better; not of filters that make several "
    "frames of one",
    "shift": "length of that shift in pixels; shift_change: how far it is from that of the frame "
    "before: a video whose pictures lie unevenly shakes",
    "lamps": f"of sets that ask for it: lamps (white places of at most {MOST_AREA} pixels, luma "
    f"{LEAST_WHITE} or more, in the sharp frame and in the blurred one) of which a pixel within "
    f"{REACH} pixels has at least {STILL_WHITE}: their share; num_lamps: how many there are",
    "bar": "8-bit levels, of sets that ask for it: largest luma in the seven rows of black bars "
    "that are next to the picture",
    "warping": "8-bit levels: mean absolute difference of luma between a frame and the one before, "
    "warped by the optical flow of the sharp frames (OpenCV DIS, medium), over the pixels whose "
    "flow forth and back agree; warping_share is their share",
    "moments": "of a filter that makes several frames of one: the mean over them, in the order, "
    "forwards or backwards, that has the better luma PSNR",
    "stages": "of a filter with intermediate results: each is scored as the restored frames are; "
    "g_image is the image generator's picture, before any region is refined",
    "epe": "of a filter that makes several frames of one, in pixels: mean distance of where the "
    "optical flow from the first of them to the last (OpenCV DIS, medium) leads from where the "
    "true one does, over the places that stay in the frame; the true flow is that of the "
    "synthesis or, where it is not known, the one between the sharp frames; input: no motion",
    "step": "8-bit levels: mean absolute difference of luma between neighbours of the frames made "
    "of one; input: a still sequence",
    "motion": f"in pixels: a twentieth of a frame's places move further than this; groups of more "
    f"than {LEAST_MOTION:g} are asked which way they run (right_way: 1 as the true ones, 0 not)",
    "iterations": "of a filter that works in rounds: how many of them were accepted",
    "region_iou": "intersection over union, in pixels, of the 128x128 window that the critic finds "
    "most blurred and the one that is blurred in a sharp picture, anywhere in it; windows are "
    "looked for every 64 pixels, and the best that these allow is given beside it",
    "mean_over_frames": "every frame of the set counts the same",
    "mean_over_videos": "mean of each video's mean: every video counts the same",
}
"""What the figures are, by their names in the reports."""


def json_report(evaluation: Evaluation) -> str:
    """All figures, per frame too. What hangs on the machine is in "timing" alone."""
    published = published_seconds(evaluation.method.filter)
    report = {
        "schema": SCHEMA,
        "method": _method_facts(evaluation.method),
        "options": evaluation.options,
        "versions": evaluation.versions,
        "protocol": PROTOCOL,
        "sets": [_set_facts(scores, evaluation.method) for scores in evaluation.sets],
        "timing": {
            "device_name": evaluation.device_name,
            "published": asdict(published) if published is not None else None,
            "sets": [_set_timing(scores) for scores in evaluation.sets],
        },
    }
    return json.dumps(report, indent=1, allow_nan=False) + "\n"


def _method_facts(method: Method) -> dict[str, Any]:
    facts = asdict(method)
    facts["stages"] = facts.pop("intermediates")  # what reports of this form call them
    return facts


def _set_facts(scores: SetScores, method: Method) -> dict[str, Any]:
    summary = summarize(scores, method.name, method.intermediates)
    beside = [row for section in summary.sections for row in section.published]
    return {
        "name": scores.name,
        "title": scores.title,
        "split": scores.split,
        "is_whole": scores.is_whole,
        "mean_over_frames": scores.mean_over_frames,
        "mean_over_videos": scores.mean_over_videos,
        "groups": {name: group.mean_over_frames for name, group in scores.groups.items()},
        "published": [_published_facts(row) for row in beside],
        "published_apart": [_published_facts(row) for row in summary.apart],
        "why_apart": summary.why_apart,
        "findings": [asdict(each) for each in compared_figures(scores, method.filter)],
        "videos": [
            {
                "name": video.name,
                "width": video.width,
                "height": video.height,
                "pixels_sha256": video.pixels_sha256,
                "mean": video.mean,
                "gain": {"mean": row.mean_gain, "worst": row.worst_gain},
                "frames": [{"index": f.index, **f.figures} for f in video.frames],
            }
            for video, row in zip(scores.videos, case_rows(scores), strict=True)
        ],
        "cases": [asdict(row) for row in case_rows(scores)] if scores.by_video else [],
    }


def _published_facts(row: Published) -> dict[str, Any]:
    return asdict(row) | {"protocol": PROTOCOLS[row.protocol].text}


def _set_timing(scores: SetScores) -> dict[str, Any]:
    return {
        "name": scores.name,
        "median_seconds": scores.seconds_a_frame,
        "seconds": {video.name: [f.seconds for f in video.frames] for video in scores.videos},
    }


def html_report(evaluation: Evaluation, gallery: Gallery) -> str:
    """One page with everything in it: tables, curves, pictures; it loads nothing from elsewhere."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["figure"] = formatted
    source = files(__package__).joinpath("report.html").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        evaluation=evaluation,
        sets=[_set_view(scores, evaluation, gallery) for scores in evaluation.sets],
        states={"input": "input", **evaluation.method.intermediates, "restored": "restored"},
        definitions=PROTOCOL,
        protocols=PROTOCOLS,
        published_columns=published_columns,
        published_seconds=published_seconds(evaluation.method.filter),
    )


def _set_view(scores: SetScores, evaluation: Evaluation, gallery: Gallery) -> Mapping[str, object]:
    method = evaluation.method
    return {
        "scores": scores,
        "summary": summarize(scores, method.name, method.intermediates),
        "compared_figures": compared_figures(scores, method.filter),
        "cases": case_rows(scores),
        "chart": psnr_chart(scores),
        "frames": gallery.frames[scores.name],
        "best_crops": gallery.crops[scores.name].best(),
        "worst_crop": gallery.crops[scores.name].worst(),
    }


def check_target(option: str, target: Path) -> None:
    """Check that a file can be written, before hours of work.

    Raises:
        OptionError: It is a folder, or its folder is missing or cannot be written to.
    """
    if target.is_dir():
        raise OptionError(f"{option} {target} is a folder; give the name of a file in it")
    if not target.parent.is_dir():
        raise OptionError(f"{option} {target}: there is no folder {target.parent}; make it first")
    probe = _beside(target)
    try:
        probe.touch()
    except OSError as error:
        raise OptionError(
            f"{option} {target}: cannot write to the folder {target.parent}: {error.strerror}; "
            "choose another"
        ) from error
    finally:
        probe.unlink(missing_ok=True)


def write_whole(target: Path, text: str) -> None:
    """Write a file that appears whole or not at all.

    Raises:
        OptionError: It cannot be written.
    """
    partial = _beside(target)
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, target)
    except OSError as error:
        raise OptionError(f"cannot write {target}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _beside(target: Path) -> Path:
    return target.parent / f".{target.name[:100]}.{uuid4().hex[:8]}"
