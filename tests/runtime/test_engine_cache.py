"""Engines are built once, kept whole, and found again."""

import errno
import json
import logging
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from vsdeblur.errors import EngineError
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


# A folder that others may write to


needs_owners = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs owners of files")


@needs_owners
def test_folders_are_made_for_their_owner_alone(tmp_path, builds):
    cache = EngineCache(tmp_path / "new" / "cache")
    cache.get("net", KEY, ".rtx", builds)
    assert cache.folder.stat().st_mode & 0o777 == 0o700


@needs_owners
def test_a_folder_that_others_may_write_to_is_refused(cache, builds, caplog):
    planted = cache.get("net", KEY, ".rtx", builds)
    cache.folder.chmod(0o777)
    used = cache.get("net", KEY, ".rtx", builds)
    assert used.parent != cache.folder
    assert "others may write to it" in caplog.text
    assert cache.problem() == "others may write to it"
    assert planted.exists()


@needs_owners
def test_a_folder_of_another_user_is_refused(cache, builds, caplog, monkeypatch):
    cache.folder.mkdir(parents=True, exist_ok=True)
    own = os.geteuid()
    monkeypatch.setattr(engine_cache, "ROOT", own + 2)
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    assert cache.get("net", KEY, ".rtx", builds).parent != cache.folder
    assert "it belongs to another user" in caplog.text


def test_names_of_unfinished_files_cannot_be_foreseen(cache, builds):
    cache.get("net", KEY, ".rtx", builds)
    cache.get("net", KEY | {"weights": "def"}, ".rtx", builds)
    names = {path.name.split("-")[0] for path in builds.paths}
    assert len(names) == 2
    assert not any(str(os.getpid()) == name.strip(".") for name in names)


def test_a_link_in_the_place_of_an_unfinished_file_is_not_followed(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_bytes(b"dear")
    monkeypatch.setattr(engine_cache.secrets, "token_hex", lambda n: "0")
    (tmp_path / "out.0.partial").symlink_to(victim)
    with pytest.raises(FileExistsError):
        engine_cache.write_beside(tmp_path / "out", b"evil")
    assert victim.read_bytes() == b"dear"


# A full disk, and files that are not what they should be


def test_a_full_disk_gives_way_to_a_temporary_folder(cache, caplog):
    def build(path):
        if path.parent == cache.folder:
            raise OSError(errno.ENOSPC, "No space left on device")
        path.write_bytes(b"engine")

    assert cache.get("net", KEY, ".rtx", build).read_bytes() == b"engine"
    assert "No space left on device" in caplog.text
    assert not [path for path in cache.folder.iterdir() if path.suffix == ".rtx"]


def test_no_room_anywhere_is_one_line(cache):
    def build(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(EngineError, match="temporary folder either: No space left"):
        cache.get("net", KEY | {"weights": "too large"}, ".rtx", build)


@pytest.mark.parametrize(
    "text", ["[]", "3", '{"key": 3, "seconds": "long"}', '{"key": [1]}', "[" * 100_000, "\ud800"]
)
def test_odd_words_beside_an_engine_are_read_as_none(cache, builds, text):
    path = cache.get("net", KEY, ".rtx", builds)
    path.with_name(f"{path.name}.json").write_bytes(text.encode(errors="surrogatepass"))
    (entry,) = cache.entries()
    assert entry.key == {}
    assert not entry.intact
    cache.get("net", KEY, ".rtx", builds)
    assert len(builds.paths) == 2
