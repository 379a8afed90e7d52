"""A day of a live stream, with faults drawn from a seed, at a clock that runs as fast as it can.

VSDEBLUR_SOAK_HOURS is how long it is, in hours of the stream.
"""

import array
import contextlib
import fcntl
import logging
import os
import random
import termios
import threading
import time
from fractions import Fraction

import av
import live_servers as servers
import numpy as np
import pytest

from vsdeblur.errors import VideoError
from vsdeblur.stream.live import Clock
from vsdeblur.stream.live.ends.pipes import PipeEnd, PipeMouth
from vsdeblur.stream.live.ends.sources import open_bytes

HOURS = float(os.environ.get("VSDEBLUR_SOAK_HOURS", "2"))
RATE, SOUND_RATE, LOOP = 2, 8000, 16
"""Frames and samples a second, and the seconds after which the same comes again: whole packets."""
BETWEEN_FAULTS = 600
"""Seconds of the stream, about."""

log = logging.getLogger("trial")


class Material:
    """Packets of a loop, to send again and again."""

    def __init__(self, size):
        self.container = av.open("material", "w", format="null")
        video = self.container.add_stream("libx264", rate=RATE, options={"tune": "zerolatency"})
        video.width, video.height = size
        video.codec_context.gop_size = RATE * 4
        sound = self.container.add_stream("aac", rate=SOUND_RATE)
        sound.codec_context.layout = "mono"
        self.container.start_encoding()
        self.sound = sound
        self.size = size
        pictures = [(Fraction(n, RATE), video.encode(self._frame(n))) for n in range(RATE * LOOP)]
        tones = [
            (Fraction(1024 * n, SOUND_RATE), sound.encode(self._tone(n)))
            for n in range(SOUND_RATE * LOOP // 1024 + 4)
        ]
        self.packets = sorted(
            [(at, "video", bytes(p), p.is_keyframe) for at, made in pictures for p in made]
            + [(at, "audio", bytes(p), True) for at, made in tones for p in made if at < LOOP],
            key=lambda each: each[:2],
        )

    def _frame(self, number):
        luma = np.full((self.size[1] * 3 // 2, self.size[0]), 128, np.uint8)
        luma[: self.size[1]] = 40 + 5 * number
        frame = av.VideoFrame.from_ndarray(luma, format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        return frame

    def _tone(self, number):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = SOUND_RATE, 1024 * number
        frame.time_base = Fraction(1, SOUND_RATE)
        return frame


class StreamClock(Clock):
    """Time passes as the source sends, and not before what it has sent is taken."""

    def __init__(self):
        super().__init__()
        self._now = 0.0
        self._moved = threading.Condition()
        self.busy = lambda: False
        self.driven = False  # by a source that sends; otherwise time passes by itself

    def now(self):
        return self._now

    def real(self, seconds):
        return seconds / 20

    def wait(self, event, seconds):
        until = self._now + seconds
        with self._moved:
            while self._now < until and not event.is_set():
                self._moved.wait(0.001)
                if not self.driven:
                    self._now += 0.1
        return event.is_set()

    def advance(self, until):
        """Let time pass, in steps that others can follow."""
        while self._now < until:
            give_up = time.monotonic() + 0.005
            while self.busy() and time.monotonic() < give_up:
                time.sleep(0.0002)
            with self._moved:
                self._now = min(until, self._now + 0.1)
                self._moved.notify_all()


class FaultySource:
    """Sends the material for ever, and does what encoders do on bad days."""

    shown, again, pace, listens = "the faulty source", True, None, False

    def __init__(self, clock, seed):
        self.clock = clock
        self.random = random.Random(seed)
        self.materials = [Material((32, 32)), Material((48, 32))]
        self.stop = threading.Event()
        self.away_until = 0.0
        self.faults = 0
        self.size = 0

    def open(self):
        if self.clock.now() < self.away_until:
            raise VideoError("the encoder is away")
        reading, writing = os.pipe()
        self._reading = reading
        gone = threading.Event()
        mouth = PipeMouth(writing, gone)
        threading.Thread(target=self._send, args=(mouth,), daemon=True).start()
        try:
            return open_bytes(PipeEnd(reading, self.stop), self.shown)
        except VideoError:
            gone.set()
            raise

    def unread(self):
        """Bytes that wait to be read."""
        number = array.array("i", [0])
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._reading, termios.FIONREAD, number)
        return number[0]

    def close(self):
        self.stop.set()

    def _send(self, mouth):
        material = self.materials[self.size]
        base = Fraction(self.random.choice([0, 0, 1000, 95_430]))
        try:
            with av.open(
                mouth, "w", format="mpegts", container_options={"flush_packets": "1"}
            ) as out:
                tracks = {
                    "video": out.add_mux_stream("h264", rate=RATE, width=32, height=32),
                    "audio": out.add_stream_from_template(material.sound),
                }
                out.start_encoding()
                self._loop(out, tracks, material, base)
        except (av.FFmpegError, OSError):
            return
        finally:
            self.clock.driven = False
            mouth.close()

    def _loop(self, out, tracks, material, base):
        self.clock.driven = True
        begun, fault_at = self.clock.now(), self._next_fault(0)
        sent = Fraction(0)
        while not self.stop.is_set():
            for at, kind, data, key in material.packets:
                time_in = sent + at
                if time_in > fault_at and key and kind == "video":
                    self.faults += 1
                    fault_at = self._next_fault(float(time_in))
                    fault = self.random.choice(["hang up", "silent", "clock", "size"])
                    if fault in ("hang up", "size"):
                        self.size = (self.size + (fault == "size")) % 2
                        self.away_until = self.clock.now() + self.random.uniform(0, 60)
                        return
                    if fault == "silent":
                        for _ in range(self.random.randrange(10, 400)):
                            time.sleep(0.001)
                            self.clock.advance(self.clock.now() + 0.1)
                            begun += 0.1
                    else:
                        base += self.random.choice([-300, 500, 4000])
                packet = av.Packet(data)
                packet.pts = packet.dts = round((base + time_in) * 90_000)
                packet.time_base, packet.is_keyframe = Fraction(1, 90_000), key
                packet.stream = tracks[kind]
                out.mux_one(packet)
                self.clock.advance(begun + float(time_in))
                if self.stop.is_set():
                    return
            sent += LOOP

    def _next_fault(self, after):
        return after + self.random.expovariate(1 / BETWEEN_FAULTS)


@pytest.mark.slow
def test_a_day_with_faults_leaves_nothing_behind(live, receiver):
    clock = StreamClock()
    source, viewer = FaultySource(clock, seed=1), receiver()
    viewer.keeps = False
    faults = random.Random(2)
    run = live(source, viewer.url, clock=clock, max_latency=60.0)
    clock.busy = lambda: source.unread() or run.session.is_behind()
    run.until(lambda status: status.restored > 20)
    marks, next_fault = [], 0.0
    while clock.now() < HOURS * 3600:
        time.sleep(0.2)
        assert run.thread.is_alive(), (run.error, run.events[-5:])
        marks.append((clock.now(), servers.resident_bytes(), servers.open_handles()))
        if clock.now() > next_fault:
            next_fault = clock.now() + faults.expovariate(1 / BETWEEN_FAULTS)
            harm(viewer, faults.choice(["refuse", "idle"]), faults.uniform(0, 0.5))
    status = run.status
    run.stop()
    settled = [mark for mark in marks if mark[0] > 60 * 30] or marks
    memory = [f"{mark[0] / 3600:.1f} h: {mark[1] / 1e6:.1f} MB, {mark[2]} handles"
              for mark in settled[:: max(1, len(settled) // 24)]]  # fmt: skip
    for line in (status, f"{source.faults} faults", *memory, run.events[-5:]):
        log.info("%s", line)
    assert source.faults > HOURS
    assert status.frames_in > 0.8 * RATE * HOURS * 3600
    assert status.dropped < 0.02 * status.frames_in
    assert status.outputs[0].av_offset_max <= 0.020
    tenth = max(1, len(settled) // 10)
    first, last = (
        np.median([mark[1] for mark in part]) for part in (settled[:tenth], settled[-tenth:])
    )
    assert last - first < 10e6
    assert settled[-1][2] <= settled[0][2] + 2


def harm(viewer, fault, seconds):
    """Let the other end fail for so long, in seconds of the machine."""
    if fault == "refuse":
        viewer.refuse()
        time.sleep(seconds)
        viewer.listen()
    else:
        viewer.idle.set()
        time.sleep(seconds)
        viewer.idle.clear()
