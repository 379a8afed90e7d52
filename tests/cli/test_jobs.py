"""`vsdeblur restore` with several files: what becomes of each, and how it ends."""

import os
import signal
import subprocess
import time

import av
import numpy as np
import pytest
import torch
from PIL import Image

from vsdeblur import restorers
from vsdeblur.cli import jobs as jobs_module
from vsdeblur.cli.main import main

FRAMES = 6


class Identity:
    """A restorer that restores nothing; what it is told to do comes before each frame."""

    radius, multiplier, channels = 0, 1, 1
    device = torch.device("cpu")
    exposure, moves_chroma = 1.0, False

    def __init__(self):
        self.before = lambda number: None
        self.frames = 0

    def restore(self, window, number=0):
        self.frames += 1
        self.before(number)
        return window


@pytest.fixture
def restorer(monkeypatch):
    stub = Identity()
    monkeypatch.setattr(restorers, "load_restorer", lambda name, **options: stub)
    return stub


def write_clip(path, brightness=100, count=FRAMES):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(
                np.full((72, 64), brightness + index, np.uint8), "yuv420p"
            )
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def brightness_of(path):
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray()[:48] for frame in container.decode(video=0)]
    return len(frames), int(frames[0].mean().round())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three videos and a picture, in two levels; the working folder is that around them."""
    write_clip(tmp_path / "in" / "a.mkv", 50)
    write_clip(tmp_path / "in" / "b.mp4", 100)
    write_clip(tmp_path / "in" / "deep" / "a.mkv", 150)
    Image.new("RGB", (64, 48), (10, 20, 30)).save(tmp_path / "in" / "p.png")
    (tmp_path / "in" / "notes.txt").write_text("not a video")
    (tmp_path / "in" / ".hidden.mkv").write_bytes(b"not to be touched")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capfd, *arguments):
    status = main(["restore", *(str(argument) for argument in arguments)])
    out, err = capfd.readouterr()
    assert out == ""
    return status, err


def files_of(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


# Which files become which


def test_a_folder_is_restored_file_by_file(capfd, folder, restorer):
    status, err = run(capfd, "in", "--out", "out")
    assert status == 0
    assert files_of(folder / "out") == ["a.mkv", "b.mp4", "p.png"]
    assert "[1/3] in/a.mkv -> out/a.mkv" in err
    assert err.strip().endswith("3 restored")


def test_the_tree_is_mirrored_and_equal_names_never_meet(capfd, folder, restorer):
    assert run(capfd, "in", "--out", "out", "--recursive")[0] == 0
    assert files_of(folder / "out") == ["a.mkv", "b.mp4", "deep/a.mkv", "p.png"]
    assert brightness_of(folder / "out/a.mkv") == (FRAMES, 50)
    assert brightness_of(folder / "out/deep/a.mkv") == (FRAMES, 150)


def test_results_inside_the_folder_are_not_restored_again(capfd, folder, restorer):
    for _ in range(2):
        assert run(capfd, "in", "--out", "in/out", "--recursive")[0] == 0
    assert files_of(folder / "in/out") == ["a.mkv", "b.mp4", "deep/a.mkv", "p.png"]


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("in/*.mkv", ["a.mkv"]),
        ("in/**/*.mkv", ["a.mkv", "deep/a.mkv"]),
        ("in/[ab].m*", ["a.mkv", "b.mp4"]),
        ("i?", ["in/a.mkv", "in/b.mp4", "in/p.png"]),
    ],
)
def test_patterns_that_no_shell_has_replaced_are_found(capfd, folder, restorer, pattern, files):
    assert run(capfd, pattern, "--out", "out")[0] == 0
    assert files_of(folder / "out") == files


def test_a_name_with_brackets_is_a_file_if_it_is_there(capfd, folder, restorer):
    write_clip(folder / "in [x].mkv")
    assert run(capfd, "in [x].mkv", "--out", "out")[0] == 0
    assert files_of(folder / "out") == ["in [x].mkv"]


@pytest.mark.parametrize("out", ["out/", "there"])
def test_the_last_name_may_be_the_folder(capfd, folder, restorer, out):
    (folder / "there").mkdir()
    assert run(capfd, "in/a.mkv", "in/b.mp4", out)[0] == 0
    assert files_of(folder / out) == ["a.mkv", "b.mp4"]
    assert run(capfd, "in/p.png", out)[0] == 0
    assert files_of(folder / out) == ["a.mkv", "b.mp4", "p.png"]


@pytest.mark.parametrize(
    ("suffix", "files"),
    [
        (".mov", ["a.mov", "b.mov", "p.png"]),
        ("-sharp", ["a-sharp.mkv", "b-sharp.mp4", "p-sharp.png"]),
        ("-sharp.mov", ["a-sharp.mov", "b-sharp.mov", "p-sharp.png"]),
        (".tiff", ["a.mkv", "b.mp4", "p.tiff"]),
    ],
)
def test_a_suffix_ends_the_names_of_its_kind(capfd, folder, restorer, suffix, files):
    assert run(capfd, "in", "--out", "out", "--suffix", suffix)[0] == 0
    assert files_of(folder / "out") == files


def test_with_a_suffix_alone_results_lie_beside_their_sources(capfd, folder, restorer):
    assert run(capfd, "in/a.mkv", "in/b.mp4", "--suffix", "-sharp")[0] == 0
    assert {"a-sharp.mkv", "b-sharp.mp4"} < set(files_of(folder / "in"))


def test_what_a_container_cannot_hold_is_written_as_matroska(capfd, folder, restorer):
    (folder / "in/a.mkv").rename(folder / "in/a.webm")
    assert run(capfd, "in/a.webm", "--out", "out")[0] == 0
    assert files_of(folder / "out") == ["a.mkv"]


def test_a_file_that_is_named_twice_is_restored_once(capfd, folder, restorer):
    assert "1 restored" in run(capfd, "in/a.mkv", "./in/a.mkv", "in/*.mkv", "--out", "out")[1]


# What is done already


def test_what_is_done_is_passed_over(capfd, folder, restorer):
    run(capfd, "in/a.mkv", "in/p.png", "--out", "out")
    restorer.frames = 0
    status, err = run(capfd, "in", "--out", "out")
    assert status == 0
    assert err.strip().endswith("1 restored, 2 done already")
    assert restorer.frames == FRAMES


def test_other_settings_are_not_what_is_done(capfd, folder, restorer):
    run(capfd, "in/a.mkv", "--out", "out")
    status, err = run(capfd, "in/a.mkv", "--out", "out", "--model", "quality")
    assert status == 1
    assert "out/a.mkv exists and is not what these settings give" in err
    assert run(capfd, "in/a.mkv", "--out", "out", "--codec", "ffv1")[0] == 1
    assert run(capfd, "in/a.mkv", "--out", "out", "--codec", "ffv1", "--overwrite")[0] == 0


def test_what_is_incomplete_is_done_again(capfd, folder, restorer):
    def stop(number):
        if number == 3:
            raise KeyboardInterrupt

    restorer.before = stop
    assert run(capfd, "in/b.mp4", "--out", "out")[0] == 130
    assert files_of(folder / "out") == ["b.incomplete.mp4"]
    restorer.before = lambda number: None
    assert run(capfd, "in/b.mp4", "--out", "out")[0] == 0
    assert brightness_of(folder / "out/b.mp4") == (FRAMES, 100)


def test_a_picture_that_was_cut_off_is_not_done(capfd, folder, restorer):
    run(capfd, "in/p.png", "--out", "out")
    picture = folder / "out/p.png"
    picture.write_bytes(picture.read_bytes()[: picture.stat().st_size // 2])
    assert run(capfd, "in/p.png", "--out", "out")[0] == 1


def test_what_is_not_ours_is_never_replaced_unasked(capfd, folder, restorer):
    (folder / "out").mkdir()
    (folder / "out/a.mkv").write_bytes(b"old")
    status, err = run(capfd, "in", "--out", "out")
    assert status == 1
    assert "2 restored, 1 failed" in err
    assert (folder / "out/a.mkv").read_bytes() == b"old"
    assert run(capfd, "in", "--out", "out", "--no-clobber")[0] == 0
    assert (folder / "out/a.mkv").read_bytes() == b"old"
    assert run(capfd, "in/a.mkv", "--out", "out", "--overwrite")[0] == 0
    assert brightness_of(folder / "out/a.mkv") == (FRAMES, 50)


@pytest.mark.parametrize("answer", [True, False])
def test_on_a_terminal_it_asks_before_the_first_job(capfd, folder, restorer, monkeypatch, answer):
    (folder / "out").mkdir()
    (folder / "out/b.mp4").write_bytes(b"old")
    asked = []

    def ask(target):
        asked.append((target.name, restorer.frames))
        return answer

    monkeypatch.setattr(jobs_module, "at_terminal", lambda: True)
    monkeypatch.setattr(jobs_module, "may_replace", ask)
    status, err = run(capfd, "in", "--out", "out")
    assert status == 0
    assert asked == [("b.mp4", 0)]
    assert ("1 kept as it was" in err) is not answer
    assert ((folder / "out/b.mp4").read_bytes() == b"old") is not answer


def test_no_clobber_keeps_a_single_target(capfd, folder, restorer):
    (folder / "out.mkv").write_bytes(b"old")
    status, err = run(capfd, "in/a.mkv", "out.mkv", "--no-clobber")
    assert status == 0
    assert "out.mkv exists and stays as it is" in err
    assert (folder / "out.mkv").read_bytes() == b"old"
    assert run(capfd, "in/a.mkv", "new.mkv", "--no-clobber")[0] == 0


# How it ends


def test_one_that_fails_stops_nothing_else(capfd, folder, restorer):
    (folder / "in/b.mp4").write_bytes(b"no video at all")
    status, err = run(capfd, "in", "--out", "out")
    assert status == 1
    assert files_of(folder / "out") == ["a.mkv", "p.png"]
    assert "2 restored, 1 failed" in err
    assert "failed: in/b.mp4: cannot open in/b.mp4" in err
    assert "Traceback" not in err


def test_a_bug_in_one_file_stops_nothing_else(capfd, folder, restorer):
    def fail(number):
        if restorer.frames == 2:
            raise ZeroDivisionError("the bug")

    restorer.before = fail
    status, err = run(capfd, "in", "--out", "out")
    assert status == 1
    assert "failed: in/a.mkv: ZeroDivisionError: the bug" in err
    assert "Traceback" in err
    assert "2 restored, 1 failed" in err


def test_a_folder_in_which_nothing_came_about_is_not_left(capfd, folder, restorer):
    (folder / "in/b.mp4").write_bytes(b"no video at all")
    assert run(capfd, "in/b.mp4", "--out", "new/out")[0] == 1
    assert not (folder / "new").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals of other systems")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_job_in_hand_and_says_what_is_left(capfd, folder, restorer, name):
    def stop(number):
        if restorer.frames == FRAMES + 3:
            os.kill(os.getpid(), getattr(signal, name))
            time.sleep(0.2)

    restorer.before = stop
    status, err = run(capfd, "in", "--out", "out")
    assert status == 128 + getattr(signal, name)
    assert "out/b.incomplete.mp4: " in err
    assert "1 restored, 2 left" in err
    assert "left: in/b.mp4" in err
    assert "left: in/p.png" in err
    assert files_of(folder / "out") == ["a.mkv", "b.incomplete.mp4"]
    assert brightness_of(folder / "out/b.incomplete.mp4")[0] <= 3


def test_damage_counts_with_strict(capfd, folder, restorer):
    clip = write_clip(folder / "in/a.mkv", count=90)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 3 // 4])
    assert run(capfd, "in", "--out", "out")[0] == 0
    assert run(capfd, "in", "--out", "other", "--strict")[0] == 1


def test_a_dry_run_plans_each_file_and_writes_nothing(capfd, folder, restorer):
    (folder / "in/b.mp4").write_bytes(b"no video at all")
    status, err = run(capfd, "in/a.mkv", "in/b.mp4", "--out", "out", "--dry-run")
    assert status == 0
    assert "in/a.mkv -> out/a.mkv\n  video track 0 (h264): restored" in err
    assert "would fail: cannot open in/b.mp4" in err
    assert not (folder / "out").exists()
    run(capfd, "in/a.mkv", "--out", "out")
    assert "out/a.mkv: done already" in run(capfd, "in", "--out", "out", "--dry-run")[1]


# What is refused


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in/a.mkv"], "there is 'in/a.mkv' and no OUT"),
        (["in/a.mkv", "in/b.mp4", "out.mkv"], "2 files cannot become one, 'out.mkv'"),
        (["in/a.mkv", "in/deep", "--out", "o"], "would both become o/a.mkv"),
        (["in/a.mkv", "--out", "in"], "in/a.mkv would be written over itself"),
        (["in/a.mkv", "in/b.mp4", "--suffix", ".mp4"], "would be written over itself"),
        (["in/a.mkv", "--out", "in/b.mp4"], "--out in/b.mp4 is a file"),
        (["in/a.mkv", "--out", "o", "--suffix", "a/b"], "'a/b' cannot end a name"),
        (["in/*.avi", "--out", "o"], "no file fits the pattern 'in/*.avi'"),
        (["in/nothing.avi", "--out", "o"], "in/nothing.avi does not exist"),
        (["empty", "--out", "o"], "the folder empty holds no video and no picture; --recursive"),
        (["-", "--out", "o"], "- is no file"),
        (["https://example.org/a.mkv", "--out", "o"], "is no file"),
        (["in/a.mkv", "--out", "o", "--join", "in/b.mp4"], "--join continues one IN"),
        (["in/a.mkv", "o.mkv", "--overwrite", "--no-clobber"], "not both"),
        (["in/a.mkv", "o.mkv", "--recursive"], "--recursive is for folders"),
    ],
)
def test_misuse_is_refused_in_one_line(capfd, folder, restorer, arguments, said):
    (folder / "empty").mkdir()
    before = files_of(folder)
    status, err = run(capfd, *arguments)
    assert status in (1, 2)
    assert said in err
    assert "Traceback" not in err
    assert files_of(folder) == before
    if status == 2:
        assert err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_two_names_of_one_place_do_not_meet_there(capfd, folder, restorer):
    (folder / "out").mkdir()
    (folder / "out/deep").symlink_to(folder / "out")
    status, err = run(capfd, "in", "--out", "out", "--recursive", "--overwrite")
    assert status == 2
    assert "would both become" in err


def test_what_becomes_of_an_empty_command(capfd, restorer):
    assert main(["restore"]) == 2
    assert "Missing argument 'IN... OUT'" in capfd.readouterr().err


def test_the_command_itself_restores_a_folder(folder):
    done = subprocess.run(
        ["vsdeblur", "restore", "in", "--out", "out", "--device", "cpu"],
        capture_output=True, check=False, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert files_of(folder / "out") == ["a.mkv", "b.mp4", "p.png"]
