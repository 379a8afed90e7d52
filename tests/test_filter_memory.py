"""Memory of long runs."""

from pathlib import Path

import pytest
import vapoursynth as vs

from vsdeblur.filters.dblrgan import restore_windows
from vsdeblur.models import MODELS
from vsdeblur.restorers.dblrgan import WindowRestorer
from vsdeblur.runtime import heap
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
    monkeypatch.setattr(heap, "_give_back", lambda: given.append(1))
    monkeypatch.setattr(heap, "FRAMES", 10)
    for frame in identity(length=40, width=16, height=16).frames():
        frame.close()
    assert len(given) == 4


def test_giving_back_works_whatever_the_c_library():
    heap._give_back()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc to read memory from")
def test_memory_does_not_grow_with_the_length_of_a_clip(identity):
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
