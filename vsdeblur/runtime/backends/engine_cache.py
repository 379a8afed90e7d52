"""Keeps compiled engines for the next process: built once, found again, never half-written."""

from __future__ import annotations

import atexit
import errno
import hashlib
import json
import logging
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ...errors import EngineError
from ..quiet import stdout_to_stderr

__all__ = ["CacheEntry", "EngineCache", "cache_folder", "code_digest", "write_beside"]

log = logging.getLogger("vsdeblur")

VARIABLE = "VSDEBLUR_CACHE"
"""Environment variable that names the folder."""
ROOT = 0
"""The user that may write anywhere as it is."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""What the system says where a disk or a user's share of it is full."""
BESIDE = (".json", ".lock", ".partial", ".runtime")
"""Suffixes of what lies beside an engine."""


def cache_folder(given: str | Path | None = None) -> Path:
    """The folder given, or that of VSDEBLUR_CACHE, or the user's cache folder for this package."""
    chosen = given or os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("vsdeblur", appauthor=False)


@dataclass(frozen=True, kw_only=True)
class CacheEntry:
    """An engine in the cache."""

    path: Path
    key: Mapping[str, str]
    """What it was built from, and for what."""
    size: int
    """Bytes."""
    seconds: float
    """How long it took to build."""
    last_used: float
    """Seconds since the epoch."""
    intact: bool
    """Whether it is what was written."""


class EngineCache:
    """Engines in a folder, each with a JSON file that says what it is.

    Args:
        folder: Where they are; see `cache_folder`.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = cache_folder(folder)

    def get(
        self, name: str, key: Mapping[str, str], suffix: str, build: Callable[[Path], None]
    ) -> Path:
        """Find an engine, or build it.

        Several processes that want the same one build it once. Where the folder cannot be written
        to, it is built in a temporary one, which lasts as long as this process.

        Args:
            name: How its file's name begins.
            key: All that it depends on; another value makes another engine.
            suffix: How its file's name ends.
            build: Writes it to the path it is given.

        Returns:
            The engine's file, whole and built from `key`.
        """
        path = self.folder / f"{name}-{_digest(key)}{suffix}"
        try:
            _refuse_foreign(self.folder)
            if _is_valid(path, key):
                _touch(path)
                return path
            return _build_once(path, key, build)
        except _UnusableFolderError as error:
            log.warning(
                "cannot keep engines in %s (%s): they go to a temporary folder and are built anew "
                "next time; set %s to a folder of your own that can be written to",
                self.folder, error, VARIABLE,
            )  # fmt: skip
            return _built_for_now(path.name, key, build)

    def problem(self) -> str | None:
        """Why engines cannot be kept in the folder; None = they can."""
        try:
            _make_private(self.folder)
            _refuse_foreign(self.folder)
            with tempfile.TemporaryFile(dir=self.folder):
                return None
        except (OSError, _UnusableFolderError) as error:
            return getattr(error, "strerror", None) or str(error)

    def entries(self) -> Iterator[CacheEntry]:
        """All engines in the folder, by name; also those whose JSON file is missing."""
        if self.folder.is_dir():
            for path in sorted(self.folder.iterdir()):
                if path.is_file() and path.suffix not in BESIDE:
                    yield _entry(path)

    def remove(self, entry: CacheEntry) -> None:
        """Delete an engine, and what lies beside it."""
        for path in (entry.path, *entry.path.parent.glob(f"{entry.path.name}.*")):
            path.unlink(missing_ok=True)


class _UnusableFolderError(Exception):
    """The cache's folder cannot be written to, or others may write to it."""


def _make_private(folder: Path) -> None:
    """Make a folder that only its owner may look into."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _refuse_foreign(folder: Path) -> None:
    """Refuse a folder in which others may put what a graphics card then runs.

    Raises:
        _UnusableFolderError: It is another user's, or others may write to it.
    """
    if not hasattr(os, "geteuid"):
        return
    try:
        facts = folder.stat()
    except OSError:
        return  # it is made, or found unusable, later
    if facts.st_uid not in (os.geteuid(), ROOT):
        raise _UnusableFolderError("it belongs to another user")
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _UnusableFolderError("others may write to it")


def _built_for_now(name: str, key: Mapping[str, str], build: Callable[[Path], None]) -> Path:
    """Build an engine that lasts as long as this process.

    Raises:
        EngineError: It cannot be written there either.
    """
    try:
        return _build_once(_temporary_folder() / name, key, build)
    except (_UnusableFolderError, OSError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise EngineError(f"cannot write engines to the temporary folder either: {said}") from error


def _build_once(path: Path, key: Mapping[str, str], build: Callable[[Path], None]) -> Path:
    with _locked(path):
        # Another process may have built it while this one waited.
        if not _is_valid(path, key):
            _build(path, key, build)
    return path


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the engine's lock, which processes on this machine share."""
    from filelock import FileLock, Timeout

    lock = FileLock(f"{path}.lock")
    try:
        _make_private(path.parent)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.info("waiting for another process that builds %s", path.name)
            lock.acquire()
    except OSError as error:
        raise _UnusableFolderError(error.strerror or str(error)) from error
    try:
        yield
    finally:
        lock.release()


def _build(path: Path, key: Mapping[str, str], build: Callable[[Path], None]) -> None:
    # Some libraries look at the suffix of what they write.
    beside = path.with_name(f".{secrets.token_hex(8)}-{path.name}")
    log.info("building %s, once for this machine", path.name)
    started = time.perf_counter()
    try:
        _make_new(beside)
        with stdout_to_stderr():
            build(beside)
        facts = {
            "key": dict(key),
            "sha256": _sha256(beside),
            "size": beside.stat().st_size,
            "seconds": round(time.perf_counter() - started, 3),
        }
        os.replace(beside, path)
        write_beside(_sidecar(path), json.dumps(facts, indent=2).encode())
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise _UnusableFolderError(error.strerror) from error
    finally:
        beside.unlink(missing_ok=True)


def _make_new(path: Path) -> None:
    """Make an empty file where there is nothing, not even a link to another."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))


def write_beside(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all."""
    partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}.partial")
    try:
        _make_new(partial)
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _facts(path: Path) -> dict[str, Any]:
    """What is written beside an engine; nothing where that is missing or damaged."""
    try:
        facts = json.loads(_sidecar(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _is_valid(path: Path, key: Mapping[str, str]) -> bool:
    return _facts(path).get("key") == dict(key) and _is_intact(path)


def _is_intact(path: Path) -> bool:
    facts = _facts(path)
    return (
        path.is_file()
        and path.stat().st_size == facts.get("size")
        and _sha256(path) == facts.get("sha256")
    )


def _entry(path: Path) -> CacheEntry:
    facts, facts_of_file = _facts(path), path.stat()
    used = _sidecar(path).stat().st_mtime if facts else facts_of_file.st_mtime
    key, seconds = facts.get("key"), facts.get("seconds")
    return CacheEntry(
        path=path,
        key={str(k): str(v) for k, v in key.items()} if isinstance(key, dict) else {},
        size=facts_of_file.st_size,
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
        last_used=used,
        intact=_is_intact(path),
    )


def _touch(path: Path) -> None:
    """Note that an engine was used; a folder that cannot be written to need not know."""
    with suppress(OSError):
        os.utime(_sidecar(path))


def _digest(key: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(key), sort_keys=True).encode()).hexdigest()[:16]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="vsdeblur-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def code_digest(*modules: str) -> str:
    """A digest of our own code that shapes an engine: the models, and the given files beside this.

    Args:
        modules: Modules of `vsdeblur.runtime.backends`: paths below it, without ".py".
    """
    here = Path(__file__).resolve().parent
    files = [
        *sorted((here.parents[1] / "models").glob("*.py")),
        *(here / f"{m}.py" for m in modules),
    ]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
