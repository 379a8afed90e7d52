"""Memory of long runs."""

import os
from pathlib import Path

import pytest
import vapoursynth as vs

from vsdeblur.filters.dblrgan import restore_windows
from vsdeblur.models import MODELS
from vsdeblur.restorers.dblrgan import WindowRestorer
from vsdeblur.runtime import host
from vsdeblur.runtime.device import resolve_device


@pytest.fixture
def identity():
    """`dblrgan` with a network that gives the middle frame back, on a grey clip."""

    def identity(length, width=640, height=360):
        spec, device = MODELS["dblrgan"]["fast"], resolve_device("cpu")
        restorer = WindowRestorer(lambda x: x[:, 2:3], spec, device, adds_middle_frame=False)
        clip = vs.core.std.BlankClip(
            format=vs.YUV420P8, color=[120, 128, 128], width=width, height=height, length=length
        )
        return restore_windows(clip, restorer, None, "identity")

    return identity


def test_freed_memory_is_given_back_from_time_to_time(monkeypatch, identity):
    given = []
    monkeypatch.setattr(host, "_give_back", lambda: given.append(1))
    monkeypatch.setattr(host, "FRAMES", 10)
    for frame in identity(length=40, width=16, height=16).frames():
        frame.close()
    assert len(given) == 4


def test_giving_back_works_whatever_the_c_library():
    host._give_back()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc to read memory from")
def test_memory_does_not_grow_with_the_length_of_a_clip(monkeypatch, identity):
    monkeypatch.setenv(host.KEEP_MEMORY, "1")
    host.keep_for_next_frame.__wrapped__()  # as with a network that a command compiles for the CPU
    resident = []
    for n, frame in enumerate(identity(length=10_000).frames()):
        frame.close()
        if n >= 500 and n % 100 == 0:
            pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
            resident.append(int(pages) * 4096)
    assert len(resident) == 95
    early, late = resident[:24], resident[-24:]
    # A hundredth of a frame more for each frame; to let go of nothing would be a hundred times it.
    assert sum(late) / 24 - sum(early) / 24 < 0.01 * 10_000 * 640 * 360 * 1.5


def test_glibc_is_told_to_keep_memory_where_that_is_asked_for(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("MALLOC_", "GLIBC_TUNABLES"))]:
        monkeypatch.delenv(name)
    told = {}
    monkeypatch.setattr(host, "_of_glibc", lambda name: told.__setitem__)
    monkeypatch.delenv(host.KEEP_MEMORY, raising=False)
    host.keep_for_next_frame.__wrapped__()
    assert told == {}  # hosts that load a filter have not asked
    monkeypatch.setenv(host.KEEP_MEMORY, "1")
    host.keep_for_next_frame.__wrapped__()
    assert told == host.KEPT


def test_glibc_takes_the_settings():
    mallopt = host._of_glibc("mallopt")
    if mallopt is None:
        pytest.skip("glibc only")
    assert [mallopt(parameter, value) for parameter, value in host.KEPT.items()] == [1, 1, 1]


@pytest.mark.parametrize(
    ("name", "text"),
    [("MALLOC_ARENA_MAX", "2"), ("GLIBC_TUNABLES", "glibc.malloc.check=0:glibc.malloc.perturb=1")],
)
def test_a_malloc_that_is_set_up_already_is_left_alone(monkeypatch, name, text):
    monkeypatch.setattr(host, "_of_glibc", lambda name: pytest.fail(f"{name} was looked for"))
    monkeypatch.setenv(host.KEEP_MEMORY, "1")
    monkeypatch.setenv(name, text)
    host.keep_for_next_frame.__wrapped__()
