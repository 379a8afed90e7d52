"""Files from cameras and phones, where they are: VSDEBLUR_CLIPS names their folder."""

import os
from pathlib import Path

import av
import pytest

from vsdeblur.stream import StreamOptions, restore_file


def camera_clips():
    folder = os.environ.get("VSDEBLUR_CLIPS")
    paths = sorted(Path(folder).rglob("formats/*.mp4")) if folder else []
    return paths or [pytest.param(None, marks=pytest.mark.skip("VSDEBLUR_CLIPS is not set"))]


@pytest.mark.slow
@pytest.mark.parametrize("path", camera_clips())
def test_camera_files_survive(tmp_path, path, make_restorer):
    target = tmp_path / "out.mp4"

    def stop_after_three(window):
        if restorer.windows > 3:
            raise KeyboardInterrupt
        return window[2:3]

    restorer = make_restorer(stop_after_three)
    result = restore_file(path, target, restorer, StreamOptions(preset="ultrafast"))
    assert result.frames_out == 3
    source, written = read_first(path), read_first(target)
    assert written.pts == source.pts
    assert (written.width, written.height) == (source.width, source.height)
    for name in ("rotation", "color_range", "color_primaries", "color_trc", "colorspace"):
        assert getattr(written, name) == getattr(source, name)


def read_first(path):
    with av.open(str(path)) as container:
        return next(container.decode(video=0))
