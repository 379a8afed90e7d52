"""Going on with a job that was stopped or killed: as if it never had been."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import killed_job
import numpy as np
import pytest
from killed_job import SETTINGS, Mean

from vsdeblur.errors import VideoError
from vsdeblur.stream import StreamOptions, restore_file
from vsdeblur.stream.deinterlacing import Deinterlacing
from vsdeblur.stream.excerpt import ExcerptRequest
from vsdeblur.stream.positions import parse_position
from vsdeblur.stream.resume import check_begun, journal
from vsdeblur.stream.resume.journal import Journal
from vsdeblur.stream.settings import ResumeRequest

COUNT = 90
B_FRAMES = {"qp": "0", "bf": "3", "g": "30"}
"""With them what is encoded last need not be shown last."""
CODECS = {
    "x264 in MP4": (".mp4", {"codec": "libx264", "encoder_options": B_FRAMES}),
    "x264 in Matroska": (".mkv", {"codec": "libx264", "encoder_options": B_FRAMES}),
    "x264 in a transport stream": (".ts", {"codec": "libx264", "encoder_options": B_FRAMES}),
    "ffv1": (".mkv", {"codec": "ffv1"}),
    "x265": (".mkv", {"codec": "libx265", "encoder_options": {"x265-params": "lossless=1"}}),
    "ffv1 in AVI": (".avi", {"codec": "ffv1"}),
}

kills = pytest.mark.skipif(os.name == "nt", reason="no such signal")


def request(**given):
    return ResumeRequest(settings=given.pop("settings", SETTINGS), **given)


GOES_ON = request(goes_on=True, keeps_all=True)


@pytest.fixture
def source(tmp_path, write_clip):
    pts = [index + (index > 40) * 20 + index // 7 for index in range(COUNT)]  # a pause, and jitter
    time_base = Fraction(1, 50)
    return write_clip(tmp_path / "in.mkv", count=COUNT, pts=pts, time_base=time_base, sound_at=0)


def stop_at(number, error=KeyboardInterrupt):
    def before(current):
        if current == number:
            raise error

    return before


def run(source, target, restorer=None, **options):
    return restore_file(source, target, restorer or Mean(), StreamOptions(**options))


def kill(source, target, at, **options):
    """Run a job in a process of its own, until it kills itself."""
    script = Path(killed_job.__file__)
    job = [sys.executable, script, source, target, str(at), json.dumps(options)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}  # noqa: PTH109
    done = subprocess.run(job, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == -9, done.stderr


def packets_of(path, kind):
    with av.open(str(path)) as container:
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux()
            if packet.size and packet.stream.type == kind
        ]


def assert_equal(read_clip, target, whole):
    frames, wanted = read_clip(target), read_clip(whole)
    assert [frame.seconds for frame in frames] == [frame.seconds for frame in wanted]
    for frame, other in zip(frames, wanted, strict=True):
        assert all(np.array_equal(*p) for p in zip(frame.planes, other.planes, strict=True))
    assert packets_of(target, "audio") == packets_of(whole, "audio")


def files_of(folder):
    return {path.name for path in folder.iterdir()}


# As if nothing had happened


@kills
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[] if kind == "x264 in MP4" else pytest.mark.slow)
        for kind in CODECS
    ],
)
def test_after_a_kill_all_is_as_in_one_run(tmp_path, source, read_clip, kind):
    suffix, options = CODECS[kind]
    whole, target = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    run(source, whole, **options)
    kill(source, target, 70, **options)
    assert f"out{suffix}.resume" in files_of(tmp_path)
    assert any(name.startswith(".out") for name in files_of(tmp_path))  # what the killed one wrote
    restorer = Mean()
    result = run(source, target, restorer, resume=GOES_ON, **options)
    assert result.frames_out == COUNT
    assert len(restorer.numbers) < COUNT - 5  # or nothing was kept
    assert_equal(read_clip, target, whole)
    assert files_of(tmp_path) == {"in.mkv", whole.name, target.name}


@kills
@pytest.mark.slow
def test_it_may_be_killed_again_and_again(tmp_path, source, read_clip):
    suffix, options = CODECS["x264 in Matroska"]
    whole, target = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    run(source, whole, **options)
    for at in (60, 75, 85):
        kill(source, target, at, **options)
    run(source, target, resume=GOES_ON, **options)
    assert_equal(read_clip, target, whole)
    assert files_of(tmp_path) == {"in.mkv", whole.name, target.name}


@kills
@pytest.mark.slow
def test_several_frames_for_each_go_on_in_the_middle_of_one(tmp_path, source, read_clip):
    options = {"codec": "libx264", "encoder_options": B_FRAMES}
    whole, target = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    run(source, whole, Mean(multiplier=3), **options)
    kill(source, target, 50, multiplier=3, **options)
    restorer = Mean(multiplier=3)
    assert run(source, target, restorer, resume=GOES_ON, **options).frames_out == 3 * COUNT
    assert 30 < restorer.numbers[0] <= 50
    assert_equal(read_clip, target, whole)


@pytest.mark.parametrize("at", [1, 2, 3, 40, 41, COUNT - 1])
@pytest.mark.parametrize("kind", ["x264 in MP4", "ffv1"])
def test_after_ctrl_c_all_is_as_in_one_run(tmp_path, source, read_clip, kind, at):
    suffix, options = CODECS[kind]
    whole, target = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    run(source, whole, **options)
    stopped = run(source, target, Mean(stop_at(at)), resume=GOES_ON, **options)
    assert stopped.interrupted
    assert stopped.can_go_on
    assert stopped.frames_out == at
    restorer = Mean()
    run(source, target, restorer, resume=GOES_ON, **options)
    assert restorer.numbers[0] == at - 1  # of which it is not known that it was all there
    assert_equal(read_clip, target, whole)
    assert files_of(tmp_path) == {"in.mkv", whole.name, target.name}


@pytest.mark.parametrize("error", [VideoError("the card is gone"), RuntimeError("out of memory")])
def test_after_an_error_too(tmp_path, source, read_clip, error):
    whole, target = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    run(source, whole, codec="ffv1")
    with pytest.raises(type(error), match=str(error)):
        run(source, target, Mean(stop_at(50, error)), codec="ffv1", resume=GOES_ON)
    run(source, target, codec="ffv1", resume=GOES_ON)
    assert_equal(read_clip, target, whole)
    assert files_of(tmp_path) == {"in.mkv", "whole.mkv", "out.mkv"}


def test_a_part_goes_on_too(tmp_path, source, read_clip):
    part = ExcerptRequest(parse_position("0.5"), parse_position("40f"))
    options = {"codec": "ffv1", "part": part}
    whole, target = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    run(source, whole, **options)
    first = Mean()
    run(source, tmp_path / "numbers.mkv", first, **options)
    run(source, target, Mean(stop_at(first.numbers[20])), resume=GOES_ON, **options)
    restorer = Mean()
    run(source, target, restorer, resume=GOES_ON, **options)
    assert restorer.numbers == first.numbers[19:]
    assert_equal(read_clip, target, whole)


@pytest.mark.parametrize("at", [1, 33, 41])
def test_a_wanted_rate_goes_on(tmp_path, source, read_clip, at):
    options = {"codec": "ffv1", "fps": 60}
    whole, target = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    run(source, whole, Mean(multiplier=3), **options)
    run(source, target, Mean(stop_at(at), multiplier=3), resume=GOES_ON, **options)
    run(source, target, Mean(multiplier=3), resume=GOES_ON, **options)
    assert_equal(read_clip, target, whole)


@pytest.mark.parametrize("at", [2, 75, 84])
def test_deinterlaced_pictures_go_on(tmp_path, source, read_clip, at):
    fields = Deinterlacing(rate="field", order="top")
    options = {"codec": "ffv1", "deinterlace": fields}
    whole, target = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    run(source, whole, **options)
    run(source, target, Mean(stop_at(at)), resume=GOES_ON, **options)
    restorer = Mean()
    assert run(source, target, restorer, resume=GOES_ON, **options).frames_out == 2 * COUNT
    assert restorer.numbers[0] > 0
    assert_equal(read_clip, target, whole)


def test_slow_motion_with_stretched_sound_goes_on(tmp_path, source, read_clip):
    options = {"codec": "ffv1", "slow_motion": True, "stretch_audio": True}
    whole, target = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    run(source, whole, Mean(multiplier=3), **options)
    run(source, target, Mean(stop_at(33), multiplier=3), resume=GOES_ON, **options)
    run(source, target, Mean(multiplier=3), resume=GOES_ON, **options)
    assert_equal(read_clip, target, whole)


def test_alpha_goes_on(tmp_path, write_clip, plane_values):
    source = write_clip(tmp_path / "in.mkv", count=20, pix_fmt="yuva420p", codec="ffv1")
    options = {"codec": "libvpx-vp9", "encoder_options": {"lossless": "1", "cpu-used": "8"}}
    run(source, tmp_path / "whole.webm", **options)
    run(source, tmp_path / "out.webm", Mean(stop_at(10)), resume=GOES_ON, **options)
    run(source, tmp_path / "out.webm", resume=GOES_ON, **options)

    def alpha_of(path):
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        with av.open(str(path)) as container:
            packets = [p for p in container.demux(video=0) if p.size]
            frames = [frame for packet in packets for frame in decoder.decode(packet)]
        return [plane_values(frame)[3] for frame in frames]

    alpha, wanted = alpha_of(tmp_path / "out.webm"), alpha_of(tmp_path / "whole.webm")
    assert len(alpha) == 20
    assert all(np.array_equal(*pair) for pair in zip(alpha, wanted, strict=True))


def test_progress_tells_what_was_there(tmp_path, source):
    target, seen = tmp_path / "out.mkv", []
    run(source, target, Mean(stop_at(50)), codec="ffv1", resume=GOES_ON)
    restore_file(source, target, Mean(), StreamOptions(codec="ffv1", resume=GOES_ON), seen.append)
    assert [each.frames_done for each in seen] == list(range(1, COUNT + 1))
    assert seen[10].frames_kept == 11
    assert seen[-1].frames_kept == 49


# What is left


def test_a_whole_run_leaves_nothing(tmp_path, source):
    run(source, tmp_path / "out.mkv", codec="ffv1", resume=request())
    assert files_of(tmp_path) == {"in.mkv", "out.mkv"}


def test_less_than_a_minute_of_work_is_kept_only_if_asked(tmp_path, source):
    target = tmp_path / "out.mkv"
    result = run(source, target, Mean(stop_at(20)), codec="ffv1", resume=request())
    assert not result.can_go_on
    assert files_of(tmp_path) == {"in.mkv", "out.incomplete.mkv"}


def make_it_an_hour(target):
    notes = Journal(Path(f"{target}.resume"))
    notes.note_facts({"seconds": "3600"})
    notes.close()


def test_what_was_begun_is_not_begun_again_unasked(tmp_path, source):
    target = tmp_path / "out.mkv"
    run(source, target, Mean(stop_at(20)), codec="ffv1", resume=GOES_ON)
    make_it_an_hour(target)
    before = (tmp_path / "out.mkv.resume").stat().st_size
    said = r"out\.mkv was begun and stopped after 60 minutes; go on with --resume, or begin again"
    with pytest.raises(VideoError, match=said):
        run(source, target, codec="ffv1", resume=request(), overwrite=False)
    with pytest.raises(VideoError, match=said):
        check_begun(target, goes_on=False, overwrite=False)
    check_begun(target, goes_on=True, overwrite=False)
    check_begun(target, goes_on=False, overwrite=True)
    assert (tmp_path / "out.mkv.resume").stat().st_size == before
    restorer = Mean()
    run(source, target, restorer, codec="ffv1", resume=request(), overwrite=True)
    assert len(restorer.numbers) == COUNT


def test_what_was_changed_since_is_not_removed(tmp_path, source):
    target = tmp_path / "out.mkv"
    run(source, target, Mean(stop_at(20)), codec="ffv1", resume=GOES_ON)
    (tmp_path / "out.incomplete.mkv").write_bytes(b"something else now")
    run(source, target, codec="ffv1", resume=GOES_ON)
    assert files_of(tmp_path) == {"in.mkv", "out.mkv", "out.incomplete.mkv"}


def test_what_is_no_file_is_not_noted(tmp_path, source):
    target = Path("/dev/null")
    if not target.is_char_device():
        pytest.skip("needs a device")
    options = {"codec": "ffv1", "container": "matroska"}
    assert run(source, target, resume=GOES_ON, **options).frames_out == COUNT


# What is refused


OTHER = {
    "quality": ({"quality": 20.0}, "begun with quality 16, not 20"),
    "codec": ({"codec": "libx265"}, "begun with codec libx264, not libx265"),
    "preset": ({"preset": "fast"}, "begun with preset not given, not fast"),
    "settings": (
        {"resume": request(settings=SETTINGS.replace("none", "x"), goes_on=True)},
        "begun with filter none, not x",
    ),
    "weights": (
        {"resume": request(settings=SETTINGS.replace("256 0", "256 1"), goes_on=True)},
        "begun with weights weights sha256 0",
    ),
    "part": (
        {"part": ExcerptRequest(parse_position("1"))},
        "begun with start not given, not 1",
    ),
}


@pytest.mark.parametrize("other", OTHER)
def test_other_settings_are_refused_in_one_line(tmp_path, source, other):
    options, said = OTHER[other]
    target = tmp_path / "out.mkv"
    run(source, target, Mean(stop_at(20)), resume=GOES_ON)
    with pytest.raises(VideoError) as refused:
        run(source, target, **{"resume": GOES_ON} | options)
    assert said in str(refused.value)
    assert "give the same settings, or begin again with --overwrite" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "out.mkv.resume" in files_of(tmp_path)
    assert run(source, target, resume=GOES_ON).frames_out == COUNT


def test_a_source_that_has_changed_is_refused(tmp_path, source, write_clip):
    target = tmp_path / "out.mkv"
    run(source, target, Mean(stop_at(20)), codec="ffv1", resume=GOES_ON)
    os.utime(source, (1, 1))
    with pytest.raises(VideoError, match=r"begun with in\.mkv as it was before it changed"):
        run(source, target, codec="ffv1", resume=GOES_ON)
    other = write_clip(tmp_path / "other.mkv")
    with pytest.raises(VideoError, match=r"begun with in\.mkv, not other\.mkv"):
        run(other, target, codec="ffv1", resume=GOES_ON)


def test_an_encoder_that_has_changed_is_refused(tmp_path, source):
    target = tmp_path / "out.mkv"
    run(source, target, Mean(stop_at(20)), codec="ffv1", resume=GOES_ON)
    notes = Journal(tmp_path / "out.mkv.resume")
    notes.note_facts({"encoder's header": "00"})
    notes.close()
    with pytest.raises(VideoError, match="the encoder gives another encoder's header than before"):
        run(source, target, codec="ffv1", resume=GOES_ON)


def test_a_damaged_journal_is_refused(tmp_path, source):
    (tmp_path / "out.mkv.resume").write_bytes(b"no database at all" * 100)
    with pytest.raises(VideoError, match=r"out\.mkv\.resume is damaged or no journal"):
        run(source, tmp_path / "out.mkv", codec="ffv1", resume=GOES_ON)


def test_two_jobs_do_not_write_one_file(tmp_path, source):
    held = Journal(tmp_path / "out.mkv.resume")
    held.note_facts({"x": "y"})
    with pytest.raises(VideoError, match="is in use: another job writes the same file"):
        run(source, tmp_path / "out.mkv", codec="ffv1", resume=GOES_ON)
    held.close()


# The journal


def packet_of(pts, dts):
    packet = av.Packet(bytes([pts]))
    packet.pts, packet.dts, packet.duration = pts, dts, 1
    return packet


@pytest.mark.parametrize(
    ("order", "count"),
    [([0, 1, 2, 3], 4), ([0, 3, 1, 2], 4), ([0, 3, 1], 1), ([0, 3, 1, 2, 6, 4], 4), ([2, 0], 0)],
)
def test_what_has_gaps_does_not_count(tmp_path, order, count):
    notes = Journal(tmp_path / "x.resume")
    for number in range(8):
        notes.note_frame(number, number)
    for index, pts in enumerate(order):
        notes.note_packet(packet_of(pts, index - 2))
    notes.write()
    notes.close()
    notes = Journal(tmp_path / "x.resume")
    kept = notes.kept()
    assert (kept.frames if kept else 0) == count
    if kept:
        assert bytes(notes.packet(count - 1, Fraction(1, 25))) == bytes([order[count - 1]])
    notes.close()


def test_what_is_not_written_at_once_is_lost_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_COMMIT_SECONDS", 1000)
    notes = Journal(tmp_path / "x.resume")
    for number in range(4):
        notes.note_frame(number, number)
        notes.note_packet(packet_of(number, number))
        if number == 1:
            notes.write()
    notes.close()
    notes = Journal(tmp_path / "x.resume")
    assert notes.kept().frames == 2
    notes.close()
