"""Lays out in .gpu what a machine with a card, but no network, needs beside the checkout.

`scripts/gpu_check` and `scripts/train_for` find it there. Git ignores the folder; whoever copies
the checkout to the machine takes it along.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageOps
from training_runs import ROOT, RUNS

from vsdeblur.data.datasets.high_speed import SUFFIXES as VIDEOS
from vsdeblur.data.photos import SUFFIXES as PICTURES
from vsdeblur.data.photos import opened_picture
from vsdeblur.errors import DataError, DeblurError

CARD = ROOT / ".gpu"
PARTS = ("data", "validation", "start")
PACKAGES = ("vapoursynth", "lightning-fabric", "platformdirs")
"""What a machine with PyTorch and the usual libraries around it lacks, and can be carried. PyAV is
left out: the rows that want it are not measured."""
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014", "manylinux1")
QUALITY = 90
"""Of the JPEGs: training blurs, shrinks and adds noise."""
MIB = 1 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Lay the folder out and say how much will travel; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        data = dict(_by_name(options.data))
        _check([*(f for folders in data.values() for f in folders), *options.validation])
        CARD.mkdir(exist_ok=True)
        with TemporaryDirectory(prefix="new-", dir=CARD) as new:  # what was there stays till then
            for line in _lay_out(data, options, Path(new)):
                print(line)
            for part in PARTS:
                shutil.rmtree(CARD / part, ignore_errors=True)
                if (Path(new) / part).is_dir():
                    (Path(new) / part).rename(CARD / part)
    except (DeblurError, OSError) as error:
        print(f"prepare_card: {error}", file=sys.stderr)
        return 2
    print(_wheels(options.python))
    return _say_size(options.limit)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="prepare_card", description=__doc__)
    parser.add_argument(
        "data", nargs="+", metavar="[NAME=]DIR",
        help="folders to train on, by the source of the recipe (default NAME: photos)",
    )  # fmt: skip
    parser.add_argument(
        "--validation", nargs="+", type=Path, metavar="DIR", default=[],
        help="folders of other sharp photos, to choose weights by",
    )  # fmt: skip
    parser.add_argument(
        "--start",
        type=Path,
        metavar="DIR",
        help="what an earlier train_for has left, to go on from",
    )
    parser.add_argument(
        "--size", type=int, default=1024, help="longer side of the photos (default: %(default)s)"
    )
    parser.add_argument(
        "--python", default="3.12", help="of that machine (default: %(default)s, on x86-64 Linux)"
    )
    parser.add_argument(
        "--limit", type=float, default=64, metavar="MIB", help="may travel (default: %(default)s)"
    )
    return parser


def _lay_out(
    data: Mapping[str, Sequence[Path]], options: argparse.Namespace, new: Path
) -> Iterator[str]:
    """Fill a folder; yields what is to be said of each part."""
    for name, folders in data.items():
        yield f"{name}: {_copy_photos(folders, new / 'data' / name, options.size)} files"
    if options.validation:
        count = _copy_photos(options.validation, new / "validation", options.size)
        yield f"validation: {count} files"
    if options.start is not None:
        yield f"start: {_copy_starts(options.start, new / 'start') or 'no weights of any run'}"


def _by_name(data: Sequence[str]) -> Iterator[tuple[str, list[Path]]]:
    """Folders by the name of their source, as `vsdeblur train` has it."""
    folders: dict[str, list[Path]] = {}
    for text in data:
        name, equals, folder = text.partition("=")
        named = bool(equals) and "/" not in name
        folders.setdefault(name if named else "photos", []).append(Path(folder if named else text))
    yield from folders.items()


def _check(folders: Iterable[Path]) -> None:
    """Refuse folders that are missing or hold nothing to train on."""
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"no folder {str(folder)!r}")
        if not any(file.suffix.lower() in (*PICTURES, *VIDEOS) for file in folder.iterdir()):
            raise DataError(f"no photo and no video in {str(folder)!r}")


def _copy_photos(folders: Iterable[Path], target: Path, size: int) -> int:
    """Copy photos, none larger than `size`, and videos as they are; returns how many."""
    target.mkdir(parents=True)
    count = 0
    for folder in folders:
        for file in sorted(folder.iterdir()):
            kind = file.suffix.lower()
            if kind in VIDEOS:
                shutil.copyfile(file, target / f"{count:04}-{file.name}")
            elif kind in PICTURES:
                _copy_photo(file, target / f"{count:04}-{file.stem}.jpg", size)
            else:
                continue
            count += 1
    return count


def _copy_photo(file: Path, target: Path, size: int) -> None:
    with opened_picture(file) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    picture.save(target, quality=QUALITY)


def _copy_starts(folder: Path, target: Path) -> str:
    """Copy weights that are named after runs; returns the names."""
    names = [name for name in RUNS if (folder / f"{name}.safetensors").is_file()]
    target.mkdir()
    for name in names:
        shutil.copyfile(folder / f"{name}.safetensors", target / f"{name}.safetensors")
    return ", ".join(names)


def _wheels(python: str) -> str:
    """Fetch the wheels, unless they are there; returns what is to be said of them."""
    folder = CARD / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    there = {file.name.partition("-")[0].lower().replace("_", "-") for file in folder.glob("*.whl")}
    missing = [name for name in PACKAGES if name not in there]
    if missing:
        platforms = [part for name in PLATFORMS for part in ("--platform", f"{name}_x86_64")]
        command = [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
            "--only-binary=:all:", "--python-version", python, "--implementation", "cp", *platforms,
            "--dest", str(folder), *map(_pinned, missing),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            return f"wheels: {', '.join(missing)} could not be had ({why})"
    return f"wheels: {', '.join(PACKAGES)}, for Python {python}"


def _pinned(name: str) -> str:
    """The version that is used here."""
    try:
        return f"{name}=={version(name)}"
    except PackageNotFoundError:
        return name


def _say_size(limit: float) -> int:
    own = sum(_size(file) for file in CARD.rglob("*") if "site" not in file.parts)
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    tree = sum(_size(ROOT / name) for name in listed.stdout.split("\0") if name)
    total = (own + tree) / MIB
    print(f".gpu: {own / MIB:.1f} MiB; with the checkout {total:.1f} MiB will travel")
    if total <= limit:
        return 0
    print(
        f"prepare_card: that is more than {limit:g} MiB; give fewer folders or a smaller --size",
        file=sys.stderr,
    )
    return 1


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() and not file.is_symlink() else 0


if __name__ == "__main__":
    sys.exit(main())
