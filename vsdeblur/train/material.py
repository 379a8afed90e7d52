"""The photos and videos of a run: what is trained on, and what is kept for validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..data.datasets import DATASETS, PairedVideo, open_dataset
from ..data.photos import PhotoSet, find_photos
from ..errors import DataError
from .recipe import Recipe
from .validation import ValidationSet

__all__ = ["DRAWINGS", "Material"]

DRAWINGS = "drawings"
"""The kind of a source that is made by code, and has no folder."""


@dataclass
class Material:
    """Photos and videos by the name of their source, and those held out for validation."""

    photos: dict[str, list[Path]] = field(default_factory=dict)
    videos: dict[str, list[PairedVideo]] = field(default_factory=dict)
    held_out_photos: list[Path] = field(default_factory=list)
    held_out_videos: list[PairedVideo] = field(default_factory=list)

    @classmethod
    def find(
        cls,
        stages: Sequence[Recipe],
        data: Mapping[str, Sequence[Path]],
        validation: Sequence[Path],
    ) -> Material:
        """List everything in the given folders and decide what is held out.

        Args:
            stages: Stages of a recipe, which name the sources.
            data: Folders of each source.
            validation: Folders of photos to validate on; empty = every tenth photo (or, where
                there are only videos, every tenth video) is held out.

        Raises:
            DataError: A folder is missing, empty or laid out otherwise than its dataset is.
        """
        material = cls()
        for stage in stages:
            check_sources(stage, data)
        for name, folders in data.items():
            kind = stages[0].sources[name].kind
            if kind == "photos":
                material.photos[name] = find_photos(folders)
            else:
                found = [
                    video for folder in folders for video in open_dataset(kind, folder, "train")
                ]
                material.videos[name] = found
        material._hold_out(find_photos(validation) if validation else [])
        return material

    def _hold_out(self, others: list[Path]) -> None:
        self.held_out_photos = others
        if not others and self.photos:
            for name, files in self.photos.items():
                self.photos[name], kept = _split(files, "photo")
                self.held_out_photos += kept
        elif not others:
            for name, videos in self.videos.items():
                self.videos[name], kept_videos = _split(videos, "video")
                self.held_out_videos += kept_videos

    @property
    def names(self) -> dict[str, list[str]]:
        """What is trained on, source by source, for the record."""
        photos = {name: [str(file) for file in files] for name, files in self.photos.items()}
        return photos | {name: [v.name for v in videos] for name, videos in self.videos.items()}

    def photo_sets(self, patch_size: int, device: torch.device) -> Iterator[tuple[str, PhotoSet]]:
        """The photos of each source, in memory: (name, photos)."""
        for name, files in self.photos.items():
            yield name, PhotoSet(files, patch_size, device)

    def held_out[Held: ValidationSet](self, kind: type[Held], num: int) -> Held:
        """A set of so many windows to validate on: of photos or, where there are none, videos."""
        if self.held_out_photos:
            return kind.from_files(self.held_out_photos, num_windows=num)
        return kind.from_videos(self.held_out_videos, num_windows=num)


def _split[T](items: list[T], what: str) -> tuple[list[T], list[T]]:
    """All but every tenth, and every tenth."""
    if len(items) < 2:
        raise DataError(
            f"one {what} ({items[0]}) cannot be trained on and held out; add {what}s, or name "
            "photos to validate on with --validation"
        )
    held_out = items[::10]
    return [item for index, item in enumerate(items) if index % 10], held_out


def check_sources(recipe: Recipe, data: Mapping[str, Sequence[Path]]) -> None:
    """Refuse material that a recipe has no place for.

    Raises:
        DataError: A name that the recipe does not have, a kind that does not exist, or nothing.
    """
    known = ", ".join(n for n, source in recipe.sources.items() if source.kind != DRAWINGS)
    for name in data:
        if name not in recipe.sources:
            raise DataError(
                f"recipe {recipe.name!r} has no source {name!r}; it has: {known} (give material "
                "as --data NAME=DIR)"
            )
        if recipe.sources[name].kind == DRAWINGS:
            raise DataError(
                f"source {name!r} of recipe {recipe.name!r} is drawn by code, without a folder; "
                f"those with one are: {known}"
            )
    if not data:
        raise DataError(f"no material: give --data NAME=DIR, NAME being one of: {known}")
    for name, settings in recipe.sources.items():
        if settings.kind == DRAWINGS and recipe.filter != "dblrgan":
            raise DataError(
                f"source {name!r} of recipe {recipe.name!r} is of kind {DRAWINGS!r}, which is for "
                f"recipes of dblrgan; leave it out to train {recipe.filter}"
            )
        if settings.kind not in ("photos", DRAWINGS, *DATASETS):
            kinds = ", ".join(["photos", *DATASETS, DRAWINGS])
            raise DataError(
                f"source {name!r} of recipe {recipe.name!r} has kind {settings.kind!r}; choose "
                f"one of: {kinds}"
            )
