"""Engines are built once, kept whole, and found again."""

import json
import logging
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from vsdeblur.runtime.backends import engine_cache
from vsdeblur.runtime.backends.engine_cache import EngineCache, cache_folder

KEY = {"backend": "example", "weights": "abc"}


@pytest.fixture
def builds():
    """A builder that counts."""

    def build(path):
        build.paths.append(path)
        path.write_bytes(b"engine")

    build.paths = []
    return build


def test_an_engine_is_built_once(cache, builds):
    first = cache.get("net", KEY, ".rtx", builds)
    second = EngineCache(cache.folder).get("net", KEY, ".rtx", builds)
    assert first == second
    assert first.read_bytes() == b"engine"
    assert len(builds.paths) == 1


def test_another_key_is_another_engine(cache, builds):
    first = cache.get("net", KEY, ".rtx", builds)
    second = cache.get("net", KEY | {"weights": "def"}, ".rtx", builds)
    assert first != second
    assert len(builds.paths) == 2


def damage_content(path):
    path.write_bytes(b"engimes")


def cut_short(path):
    path.write_bytes(b"eng")


def lose_sidecar(path):
    path.with_name(f"{path.name}.json").unlink()


def garble_sidecar(path):
    path.with_name(f"{path.name}.json").write_text("{")


def change_key(path):
    sidecar = path.with_name(f"{path.name}.json")
    facts = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps(facts | {"key": {"backend": "other"}}))


@pytest.mark.parametrize(
    "harm", [damage_content, cut_short, lose_sidecar, garble_sidecar, change_key]
)
def test_a_damaged_or_foreign_engine_is_built_anew(cache, builds, harm):
    path = cache.get("net", KEY, ".rtx", builds)
    harm(path)
    assert cache.get("net", KEY, ".rtx", builds).read_bytes() == b"engine"
    assert len(builds.paths) == 2


def test_a_failed_build_leaves_nothing(cache):
    def fail(path):
        path.write_bytes(b"half")
        raise ValueError("broke")

    with pytest.raises(ValueError, match="broke"):
        cache.get("net", KEY, ".rtx", fail)
    assert [p for p in cache.folder.iterdir() if p.suffix != ".lock"] == []


def build_slowly(folder, ready, results):
    cache = EngineCache(folder)
    built = []

    def build(path):
        built.append(path)
        time.sleep(0.3)
        path.write_bytes(b"engine")

    ready.wait()
    path = cache.get("net", KEY, ".rtx", build)
    results.put((len(built), path.read_bytes()))


def test_two_processes_build_it_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=build_slowly, args=(tmp_path / "cache", ready, results))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    found = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    assert sorted(found) == [(0, b"engine"), (1, b"engine")]


def assert_built_elsewhere(folder, builds, caplog):
    path = EngineCache(folder).get("net", KEY, ".rtx", builds)
    assert path.read_bytes() == b"engine"
    assert folder not in path.parents
    (record,) = [r for r in caplog.records if r.levelname == "WARNING"]
    assert str(folder) in record.getMessage()
    assert "VSDEBLUR_CACHE" in record.getMessage()


def test_a_folder_that_cannot_be_made_gives_way_to_a_temporary_one(tmp_path, builds, caplog):
    (tmp_path / "file").write_text("in the way")
    assert_built_elsewhere(tmp_path / "file" / "cache", builds, caplog)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_gives_way_to_a_temporary_one(tmp_path, builds, caplog):
    tmp_path.chmod(0o500)
    assert_built_elsewhere(tmp_path, builds, caplog)


def test_an_engine_in_a_read_only_folder_is_used(cache, builds, monkeypatch):
    path = cache.get("net", KEY, ".rtx", builds)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(engine_cache.os, "utime", refuse)
    monkeypatch.setattr(engine_cache, "_locked", refuse)
    assert cache.get("net", KEY, ".rtx", builds) == path


def test_entries_say_what_is_there(cache, builds):
    good = cache.get("good", KEY, ".rtx", builds)
    bad = cache.get("bad", KEY, ".pt2", builds)
    cut_short(bad)
    good.with_name(f"{good.name}.sm89.runtime").write_bytes(b"kernels")
    entries = {entry.path: entry for entry in cache.entries()}
    assert entries.keys() == {good, bad}
    assert entries[good].intact
    assert entries[good].key == KEY
    assert entries[good].size == 6
    assert not entries[bad].intact


def test_an_engine_is_removed_with_all_that_lies_beside_it(cache, builds):
    path = cache.get("net", KEY, ".rtx", builds)
    path.with_name(f"{path.name}.sm89.runtime").write_bytes(b"kernels")
    (entry,) = cache.entries()
    cache.remove(entry)
    assert list(cache.folder.iterdir()) == []


def test_a_folder_that_is_used_is_noted(cache, builds):
    path = cache.get("net", KEY, ".rtx", builds)
    os.utime(path.with_name(f"{path.name}.json"), (0, 0))
    cache.get("net", KEY, ".rtx", builds)
    (entry,) = cache.entries()
    assert entry.last_used > time.time() - 60


def test_the_folder_is_the_argument_the_variable_or_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("VSDEBLUR_CACHE", str(tmp_path / "variable"))
    assert cache_folder(tmp_path / "given") == tmp_path / "given"
    assert cache_folder() == tmp_path / "variable"
    monkeypatch.delenv("VSDEBLUR_CACHE")
    assert cache_folder().name == "vsdeblur"
    assert cache_folder("~/engines") == Path.home() / "engines"


def test_what_a_build_prints_does_not_reach_stdout(cache, capfd, caplog):
    def build(path):
        os.write(1, b"from a library")
        path.write_bytes(b"engine")

    with caplog.at_level(logging.CRITICAL, logger="vsdeblur"):  # a test before may log to stderr
        cache.get("net", KEY, ".rtx", build)
    os.write(1, b"frames")
    assert capfd.readouterr() == ("frames", "from a library")
