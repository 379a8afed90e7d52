"""Runs a restorer over a set and scores every frame."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError
from ..manifest import load_manifest
from ..restorers import Restorer
from .evaluation_task import EvaluationTask, plain_task
from .frame_pictures import FramePictures, RestoredSample, frame_figures, restore_sample
from .further_figures import ShiftFigures, measured_figures
from .metrics.flicker import motion_between, warping_error
from .metrics.localisation import RegionScore, score_regions
from .scores import FrameScores, SetScores, VideoScores
from .sets.samples import EvaluationSet, EvaluationVideo, Sample

__all__ = ["FrameWatcher", "Scorer", "ScoringProgress"]


@dataclass(frozen=True, kw_only=True)
class ScoringProgress:
    """How far an evaluation is."""

    frames_done: int
    frames_expected: int
    seconds_elapsed: float


class FrameWatcher(Protocol):
    """Sees every scored frame with its pictures."""

    def see(
        self, set_name: str, video: EvaluationVideo, scores: FrameScores, pictures: FramePictures
    ) -> None:
        """Take what is wanted; the pictures are not kept after the call."""
        ...


class Scorer:
    """Scores a restorer on sets.

    Args:
        restorer: The filter's algorithm.
        task: What is scored beside its result; None = nothing.
        max_frames: Score the first so many frames of each video; None = all. Windows still reach
            beyond them, so these frames score as they do in a whole run.
        watchers: Those who want to see the frames.
        on_progress: Called after every frame.
    """

    def __init__(
        self,
        restorer: Restorer,
        *,
        task: EvaluationTask | None = None,
        max_frames: int | None = None,
        watchers: Sequence[FrameWatcher] = (),
        on_progress: Callable[[ScoringProgress], None] = lambda progress: None,
    ) -> None:
        self._restorer = restorer
        self._task = task or plain_task(restorer)
        self._max_frames = max_frames
        self._watchers = watchers
        self._on_progress = on_progress
        self._warm: set[tuple[int, ...]] = set()
        self._start = time.monotonic()
        self._done = 0

    def score(self, sets: Sequence[EvaluationSet]) -> list[SetScores]:
        """Score all sets.

        Raises:
            DataError: A frame cannot be read or is too small, or a set cannot serve the restorer.
            DeblurError: The restorer failed.
        """
        videos = [video for evaluation_set in sets for video in evaluation_set.videos]
        self._expected = sum(map(self._length, videos))
        return [self._set(evaluation_set) for evaluation_set in sets]

    def _length(self, video: EvaluationVideo) -> int:
        return min(len(video), self._max_frames or len(video))

    def _set(self, evaluation_set: EvaluationSet) -> SetScores:
        return SetScores(
            name=evaluation_set.name,
            title=evaluation_set.title,
            split=evaluation_set.split,
            is_whole=all(self._length(video) == len(video) for video in evaluation_set.videos),
            videos=[self._video(evaluation_set.name, video) for video in evaluation_set.videos],
            regions=self._regions(evaluation_set),
            by_video=evaluation_set.by_video,
        )

    def _regions(self, evaluation_set: EvaluationSet) -> RegionScore | None:
        if self._task.localise is None or evaluation_set.sharp_pictures is None:
            return None
        return score_regions(self._task.localise, evaluation_set.sharp_pictures())

    def _video(self, set_name: str, video: EvaluationVideo) -> VideoScores:
        frames: list[FrameScores] = []
        pixels = hashlib.sha256()
        flicker, shifts = _Flicker(), ShiftFigures(is_sequence=video.is_sequence)
        for index in range(self._length(video)):
            sample = self._sample(set_name, video, index)
            pixels.update(sample.window[self._restorer.radius].numpy().tobytes())
            pixels.update(sample.sharp.numpy().tobytes())
            restored = self._restored(sample)
            pictures = restored.pictures
            figures = {**frame_figures(pictures, restored.intermediates), **restored.figures}
            figures |= measured_figures(sample, pictures)
            if self._restorer.multiplier == 1:
                figures |= shifts.figures(pictures)
                if video.is_sequence:
                    figures |= flicker.figures(pictures)
            scores = FrameScores(index=index, figures=figures, seconds=restored.seconds)
            frames.append(scores)
            for watcher in self._watchers:
                watcher.see(set_name, video, scores, pictures)
            self._report()
        height, width = sample.sharp.shape[-2:]
        return VideoScores(
            name=video.name,
            width=width,
            height=height,
            pixels_sha256=pixels.hexdigest(),
            frames=frames,
        )

    def _sample(self, set_name: str, video: EvaluationVideo, index: int) -> Sample:
        restorer, least = self._restorer, load_manifest()
        sample = video.sample(index, radius=restorer.radius, multiplier=restorer.multiplier)
        channels, height, width = sample.sharp.shape[-3:]
        if height < least.min_height or width < least.min_width:
            raise DataError(
                f"{set_name}: frames of video {video.name!r} are {width}x{height} pixels; at least "
                f"{least.min_width}x{least.min_height} can be restored"
            )
        if channels < restorer.channels:
            raise DataError(
                f"{set_name} has luma only, and the filter reads RGB; use another set, such as "
                "pictures=DIR"
            )
        return sample

    def _restored(self, sample: Sample) -> RestoredSample:
        shape = tuple(sample.window.shape)
        if shape not in self._warm:  # the first run of a size finds its kernels and memory
            restore_sample(self._restorer, self._task, sample)
            self._warm.add(shape)
        return restore_sample(self._restorer, self._task, sample)

    def _report(self) -> None:
        self._done += 1
        self._on_progress(
            ScoringProgress(
                frames_done=self._done,
                frames_expected=self._expected,
                seconds_elapsed=time.monotonic() - self._start,
            )
        )


class _Flicker:
    """Warping errors of the frames of a video, in order."""

    def __init__(self) -> None:
        self._before: dict[str, NDArray[np.uint8]] | None = None

    def figures(self, pictures: FramePictures) -> dict[str, float]:
        """Figures of the next frame; none for the first, or where nothing is seen in both."""
        planes = {
            "sharp": _plane(pictures.sharp.luma),
            "input": _plane(pictures.blurred.luma),
            "restored": _plane(pictures.restored.luma),
        }
        before, self._before = self._before, planes
        if before is None:
            return {}
        motion = motion_between(before["sharp"], planes["sharp"])
        figures = {"warping_share": float(motion.valid.mean())}
        for state, plane in planes.items():
            error = warping_error(before[state], plane, motion)
            if error is not None:
                figures[f"{state}_warping"] = error
        return figures


def _plane(luma: Tensor) -> NDArray[np.uint8]:
    """(1, 1, H, W) of whole numbers -> (H, W)."""
    plane: NDArray[np.uint8] = luma[0, 0].byte().cpu().numpy()
    return plane
