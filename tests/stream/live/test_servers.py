"""Trials against real servers: minutes each, so that they are slow; VSDEBLUR_TRIAL_SECONDS is how
long the steady one takes, VSDEBLUR_TRIAL_TIMES how often ends are killed."""

import logging
import os
import socket
import time
from itertools import pairwise

import av
import live_servers as servers
import numpy as np
import pytest
import torch
from live_stand_ins import Identity

from vsdeblur.stream.live.levels import PASSED, Level, LiveFilter

SECONDS = float(os.environ.get("VSDEBLUR_TRIAL_SECONDS", "60"))
TIMES = int(os.environ.get("VSDEBLUR_TRIAL_TIMES", "6"))
BOUND = 0.5
MOST_OFFSET = 0.020

log = logging.getLogger("trial")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(servers.missing()), reason=servers.missing() or "-"),
]


@pytest.fixture
def nginx(tmp_path, free_port):
    folder = tmp_path / "nginx"
    folder.mkdir()
    server = servers.Nginx(folder, free_port())
    yield server
    server.close()


@pytest.fixture
def processes():
    """Starts encoders and players, and stops them."""
    started = []

    def start(make, *arguments, **options):
        started.append(make(*arguments, **options))
        return started[-1]

    yield start
    for each in started:
        servers.ended(each)


def tell(run, *more):
    """Log the figures of a trial: pytest --log-cli-level=INFO."""
    for line in (run.status, *more, *run.events):
        log.info("%s", line)


def check_offsets(path, breaks=0):
    """Sound and picture are together in a file, throughout; at a break one may be cut off."""
    offsets = servers.offsets_of(path).between()
    assert len(offsets) > 3
    together = [offset for offset in offsets if abs(offset) < 0.3]
    assert len(together) >= len(offsets) - 2 * breaks
    assert max(map(abs, together)) <= MOST_OFFSET, offsets


def test_steady(live, nginx, processes, tmp_path):
    """RTMP in and out, with AAC: every frame counted, nearly all restored, in step, in time."""
    processes(servers.encoder, nginx.address("in"))
    run = live(nginx.address("in"), nginx.address("out"), max_latency=BOUND)
    run.until(lambda status: status.restored > 30)
    watching = processes(servers.player, nginx.address("out"), tmp_path / "seen.mkv")
    time.sleep(SECONDS)
    servers.ended(watching)
    run.stop()
    status = run.status
    tell(run)
    assert status.frames_in == status.restored + status.passed + status.dropped
    assert status.frames_in >= 29 * SECONDS
    assert status.restored >= 0.999 * status.frames_in - 3  # at both ends
    assert status.outputs[0].within_bound >= 0.999
    assert status.outputs[0].av_offset_max <= MOST_OFFSET
    check_offsets(tmp_path / "seen.mkv")


def test_a_network_that_is_too_slow_for_a_while(live, nginx, processes, tmp_path):
    """Three times too long for 20 s, twice: time is kept, quality gives way and returns."""
    start = time.monotonic()

    def slow():
        return any(begin <= time.monotonic() - start < begin + 20 for begin in (15, 55))

    chosen = several_levels({"best": 0.010, "fast": 0.003}, lambda: 10 if slow() else 1)
    processes(servers.encoder, nginx.address("in"))
    run = live(nginx.address("in"), nginx.address("out"), max_latency=BOUND, chosen=chosen)
    run.until(lambda status: status.restored > 30)
    lowest = 0
    while (passed := time.monotonic() - start) < 150 and (passed < 95 or run.status.level):
        lowest = max(lowest, run.status.level)
        time.sleep(0.2)
    status = run.status
    run.stop()
    tell(run)
    assert lowest > 0
    assert status.level == 0
    assert status.level_changes <= 4
    assert status.outputs[0].within_bound >= 0.999
    assert status.dropped < 0.01 * status.frames_in  # a busy machine stops for half a second


def several_levels(costs, slowness):
    """A filter with levels that take so many seconds, times what the moment says."""
    levels = [
        Level(name, Identity(lambda cost=cost: cost * slowness())) for name, cost in costs.items()
    ]
    return LiveFilter(2, 1, torch.device("cpu"), (*levels, PASSED))


def test_an_encoder_that_is_killed_and_begins_anew(live, nginx, processes, tmp_path):
    """Twenty times, its clock at 0 again: the output stays open, in step."""
    pushing = processes(servers.encoder, nginx.address("in"))
    run = live(nginx.address("in"), nginx.address("out"), max_latency=BOUND)
    run.until(lambda status: status.restored > 30)
    watching = processes(servers.player, nginx.address("out"), tmp_path / "seen.mkv")
    for _ in range(TIMES):
        time.sleep(2.5)
        pushing.kill()
        pushing.wait()
        pushing = processes(servers.encoder, nginx.address("in"))
        before = run.status.restored
        run.until(lambda status, before=before: status.restored > before + 30)
    time.sleep(3)
    servers.ended(watching)
    run.stop()
    tell(run)
    assert run.status.outputs[0].reconnects == 0
    assert run.status.outputs[0].av_offset_max <= MOST_OFFSET
    check_offsets(tmp_path / "seen.mkv", breaks=TIMES)


def test_a_server_that_is_killed_and_started_again(live, nginx, processes, tmp_path, free_port):
    """Ten times; and one that accepts and takes nothing for 15 s: back within 3 s, memory flat."""
    (tmp_path / "far").mkdir()
    far = servers.Nginx(tmp_path / "far", free_port())
    processes(servers.encoder, nginx.address("in"), noise=60)
    try:
        run = live(nginx.address("in"), far.address("out"), max_latency=BOUND, bit_rate=3_000_000)
        run.until(lambda status: status.restored > 60)
        memory, times = servers.resident_bytes(), []
        for number in range(TIMES // 2):
            far.kill()
            run.until(lambda status: not status.outputs[0].connected)
            time.sleep(number % 4)
            far.start()
            times.append(seconds_until_connected(run))
            time.sleep(1)
        far.pause()
        time.sleep(15)
        grown = servers.resident_bytes() - memory
        assert not run.status.outputs[0].connected
        far.go_on()
        times.append(seconds_until_connected(run))
        watching = processes(servers.player, far.address("out"), tmp_path / "seen.mkv")
        time.sleep(6)
        servers.ended(watching)
        run.stop()
    finally:
        far.close()
    tell(run, times, grown)
    assert max(times) <= 3
    assert grown < 20e6
    assert run.status.outputs[0].av_offset_max <= MOST_OFFSET
    check_offsets(tmp_path / "seen.mkv")


def seconds_until_connected(run):
    start = time.monotonic()
    run.until(lambda status: status.outputs[0].connected)
    frames = run.status.outputs[0].frames
    run.until(lambda status: status.outputs[0].frames > frames)
    return time.monotonic() - start


def test_transport_streams_with_losses_and_a_clock_that_wraps(
    live, processes, receiver, free_port, seen
):
    """MPEG-TS over UDP, 0.5% of the packets lost, and 33 bits of clock that begin anew."""
    far, near = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
    viewer = receiver()
    with servers.Lossy(far, near, share=0.005, seed=1) as lossy:
        shift = ["-output_ts_offset", str(2**33 / 90000 - 12), "-muxdelay", "0"]
        processes(servers.encoder, f"udp://127.0.0.1:{far}?pkt_size=1316", more=shift)
        run = live(f"udp://127.0.0.1:{near}", viewer.url, max_latency=BOUND)
        run.until(lambda status: status.restored > 30)
        time.sleep(40)
        run.stop()
    status = run.status
    tell(run, lossy.lost)
    assert lossy.lost > 5
    assert status.frames_in > 30 * 35
    assert status.held < 30
    assert status.outputs[0].av_offset_max <= MOST_OFFSET
    result = seen(viewer.files[0])
    steps = [after - before for before, after in pairwise(result.times)]
    assert min(steps) > 0
    assert max(steps) < 1.5
    assert result.times[-1] > 38


def test_pictures_that_change_size_and_rate(live, nginx, processes, tmp_path):
    """An encoder goes, another one with other pictures comes: the stream goes on with those."""
    pushing = processes(servers.encoder, nginx.address("in"))
    run = live(nginx.address("in"), nginx.address("out"), tmp_path / "out.mkv", max_latency=BOUND)
    run.until(lambda status: status.restored > 60)
    servers.ended(pushing)
    processes(servers.encoder, nginx.address("in"), size="320x240", rate=25)
    run.until(lambda status: status.restored > 150)
    watching = processes(servers.player, nginx.address("out"), tmp_path / "seen.mkv")
    time.sleep(6)
    servers.ended(watching)
    run.stop()
    tell(run)
    for path in (tmp_path / "seen.mkv", tmp_path / "out.2.mkv"):
        with av.open(str(path)) as container:
            assert container.streams.video[0].codec_context.width == 320
            times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
        assert np.median(np.diff(times)) == pytest.approx(1 / 25, abs=0.002)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.streams.video[0].codec_context.width == 160
    check_offsets(tmp_path / "seen.mkv")
