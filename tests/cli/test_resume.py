"""`vsdeblur restore --resume`: what the command says and leaves."""

import av
import numpy as np
import pytest
import torch

from vsdeblur import restorers
from vsdeblur.cli.main import main
from vsdeblur.stream.resume.journal import Journal

FRAMES = 20


class Identity:
    """A restorer that restores nothing; what it is told to do comes before each frame."""

    radius, multiplier, channels = 0, 1, 1
    device = torch.device("cpu")
    exposure, moves_chroma = 1.0, False

    def __init__(self):
        self.before = lambda number: None
        self.frames = 0

    def restore(self, window, number=0):
        self.before(number)
        self.frames += 1
        return window

    def stop_at(self, stop):
        def before(number):
            if number == stop:
                raise KeyboardInterrupt

        self.before = before


@pytest.fixture
def restorer(monkeypatch):
    stub = Identity()
    monkeypatch.setattr(restorers, "load_restorer", lambda name, **options: stub)
    return stub


def write_clip(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), 5 * index, np.uint8), "yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def clip(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_clip(tmp_path / "in.mkv")


def run(capfd, *arguments):
    status = main(["restore", *(str(argument) for argument in arguments)])
    return status, capfd.readouterr().err


def frames_in(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def files_of(folder):
    return {path.name for path in folder.iterdir()}


def test_a_job_that_was_stopped_goes_on(capfd, tmp_path, clip, restorer):
    restorer.stop_at(12)
    status, err = run(capfd, clip, "out.mkv", "--resume")
    assert status == 130
    assert "there is nothing of out.mkv to go on with; it is begun" in " ".join(err.split())
    assert "holds the first 12 frames and plays; --resume goes on" in " ".join(err.split())
    restorer.before, restorer.frames = (lambda number: None), 0
    status, err = run(capfd, clip, "out.mkv", "--resume")
    assert status == 0
    assert "out.mkv: 12 frames are there already" in err
    assert restorer.frames == FRAMES - 11
    assert frames_in("out.mkv") == FRAMES
    assert files_of(tmp_path) == {"in.mkv", "out.mkv"}


@pytest.mark.parametrize(("option", "noted"), [([], True), (["--no-resume"], False)])
def test_every_job_is_noted_unless_it_is_not_to_be(capfd, tmp_path, clip, restorer, option, noted):
    seen = []
    restorer.before = lambda number: seen.append("out.mkv.resume" in files_of(tmp_path))
    assert run(capfd, clip, "out.mkv", *option)[0] == 0
    assert set(seen) == {noted}
    assert files_of(tmp_path) == {"in.mkv", "out.mkv"}


def test_an_hour_of_work_is_not_lost_unasked(capfd, tmp_path, clip, restorer):
    restorer.stop_at(12)
    run(capfd, clip, "out.mkv", "--resume")
    notes = Journal(tmp_path / "out.mkv.resume")
    notes.note_facts({"seconds": "3600"})
    notes.close()
    restorer.before, restorer.frames = (lambda number: None), 0
    status, err = run(capfd, clip, "out.mkv")
    assert status == 2
    assert err.strip() == (
        "vsdeblur: error: out.mkv was begun and stopped after 60 minutes; go on with --resume, or "
        "begin again with --overwrite"
    )
    assert restorer.frames == 0
    assert run(capfd, clip, "out.mkv", "--dry-run")[0] == 0
    assert "out.mkv.resume" in files_of(tmp_path)
    assert run(capfd, clip, "out.mkv", "--overwrite")[0] == 0
    assert files_of(tmp_path) == {"in.mkv", "out.incomplete.mkv", "out.mkv"}


def test_other_settings_are_refused_in_one_line(capfd, tmp_path, clip, restorer):
    restorer.stop_at(12)
    run(capfd, clip, "out.mkv", "--resume")
    status, err = run(capfd, clip, "out.mkv", "--resume", "--quality", "20", "--model", "quality")
    assert status == 2
    assert err.strip().startswith("vsdeblur: error: out.mkv was begun with ")
    assert "with model " in err
    assert "with quality 16, not 20" in err
    assert err.count("\n") == 1


def test_of_several_files_the_one_in_hand_goes_on(capfd, tmp_path, clip, restorer):
    write_clip(tmp_path / "a.mkv")
    restorer.stop_at(12)
    assert run(capfd, "a.mkv", "in.mkv", "--out", "out", "--resume")[0] == 130
    restorer.before, restorer.frames = (lambda number: None), 0
    status, err = run(capfd, "a.mkv", "in.mkv", "--out", "out")
    assert status == 0
    assert "out/a.mkv: 12 frames are there already" in err
    assert restorer.frames == FRAMES - 11 + FRAMES
    assert files_of(tmp_path / "out") == {"a.mkv", "in.mkv"}
