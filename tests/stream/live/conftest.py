"""What live tests are made of: an identity filter, ends that misbehave, a look at the result."""

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from live_stand_ins import Identity

from vsdeblur.stream.live import (
    Clock,
    Journal,
    LiveOptions,
    LiveSession,
    Secrets,
    make_targets,
    source_for,
)
from vsdeblur.stream.live.levels import PASSED, Level, LiveFilter


def identity_filter(seconds=0.0, radius=2):
    level = Level("identity", Identity(seconds))
    return LiveFilter(radius, 1, torch.device("cpu"), (level, PASSED))


@dataclass
class Run:
    """A live run in a thread."""

    session: LiveSession
    events: list
    thread: threading.Thread = None
    error: BaseException = None

    def start(self):
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def _run(self):
        try:
            self.session.run()
        except Exception as error:
            self.error = error

    def wait(self, seconds=30):
        self.thread.join(seconds)
        assert not self.thread.is_alive(), self.events
        if self.error is not None:
            raise self.error
        return self.status

    def stop(self):
        """As Ctrl-C does; returns how long it took."""
        start = time.monotonic()
        self.session.stop()
        self.wait(10)
        return time.monotonic() - start

    @property
    def status(self):
        return self.session.status()

    def until(self, claim, seconds=15):
        """Wait until something holds of the status."""
        give_up = time.monotonic() + seconds
        while not claim(self.status):
            assert time.monotonic() < give_up, (self.status, self.events)
            assert self.thread.is_alive(), (self.error, self.events)
            time.sleep(0.02)

    def said(self, text):
        return [event for event in self.events if text in event]


@pytest.fixture
def live():
    """Starts a live run; it is stopped at the end."""
    runs = []

    def start(source, *outputs, chosen=None, clock=None, rules=None, **options):
        secrets = Secrets()
        clock = clock or Clock()
        live_options = LiveOptions(**{"max_latency": 0.5, "preset": "ultrafast"} | options)
        events = []
        journal = Journal(events.append, secrets)
        opened = source if hasattr(source, "shown") else source_for(
            secrets.address(str(source)), live_options, clock
        )  # fmt: skip
        targets = make_targets([secrets.address(str(each)) for each in outputs], live_options)
        session = LiveSession(
            opened, targets, chosen or identity_filter(), live_options, journal,
            clock=clock, rules=rules,
        )  # fmt: skip
        run = Run(session, events)
        runs.append(run)
        return run.start()

    yield start
    for run in runs:
        run.session.stop()
        run.thread.join(5)


@pytest.fixture
def free_port():
    """Gives ports that nobody uses."""

    def port(kind=socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as each:
            each.bind(("127.0.0.1", 0))
            return each.getsockname()[1]

    return port


def write_stream(
    file, *, seconds=2, rate=30, size=(64, 48), start=0, sound=True, paced=False,
    container="mpegts", stop=None, gop=15, sound_codec="aac", codec="libx264",
    tune="zerolatency", pix_fmt="yuv420p",
):  # fmt: skip
    """Write a clip whose frames are as bright as their number says, with a tone that follows it.

    `start` is the first time, in seconds.
    """
    with av.open(file, "w", format=container) as out:
        video = out.add_stream(codec, rate=rate, options={"tune": tune} if tune else {})
        video.width, video.height, video.pix_fmt = *size, pix_fmt
        video.codec_context.gop_size = gop
        audio = out.add_stream(sound_codec, rate=48000) if sound else None
        heard, begun = 0, time.monotonic()
        for number in range(round(seconds * rate)):
            if stop is not None and stop.is_set():
                return
            while audio and heard * 1024 / 48000 <= number / rate:
                out.mux(audio.encode(_tone(heard, start)))
                heard += 1
            luma = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            luma[: size[1]] = 32 + number % 180
            frame = av.VideoFrame.from_ndarray(luma, format="yuv420p").reformat(format=pix_fmt)
            frame.pts = round((number / rate + start) * 90000)
            frame.time_base = Fraction(1, 90000)
            out.mux(video.encode(frame))
            if paced:
                time.sleep(max(0, begun + (number + 1) / rate - time.monotonic()))
        out.mux(video.encode(None))
        if audio:
            out.mux(audio.encode(None))


def _tone(number, start):
    wave = np.sin((np.arange(1024) + 1024 * number) / 10).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.vstack([wave, wave]), "fltp", "stereo")
    frame.sample_rate = 48000
    frame.pts = 1024 * number + round(start * 48000)
    frame.time_base = Fraction(1, 48000)
    return frame


@pytest.fixture
def make_stream(tmp_path):
    """Writes a clip; see `write_stream`."""

    def make(name="in.ts", **options):
        path = tmp_path / name
        write_stream(str(path), **options)
        return path

    return make


class Encoder:
    """Waits at a port like a camera, and sends a stream to whoever calls, in real time."""

    def __init__(self, port, **options):
        self.port, self.options = port, options
        self.calls = 0
        self.stop = threading.Event()
        self.paused = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.settimeout(0.1)
        self._connection = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def url(self):
        return f"tcp://127.0.0.1:{self.port}"

    def hang_up(self):
        """Break the connection off."""
        if self._connection is not None:
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.stop.set()
        self._thread.join(5)
        self._listener.close()

    def _run(self):
        while not self.stop.is_set():
            try:
                self._connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.calls += 1
            options = {k: v(self.calls) if callable(v) else v for k, v in self.options.items()}
            with self._connection, self._connection.makefile("wb", buffering=0) as file:
                try:
                    paused = _Paused(file, self.paused)
                    write_stream(paused, paced=True, stop=self.stop, **options)
                except (OSError, av.FFmpegError):
                    continue


class _Paused:
    """A file whose writes wait while they are told to."""

    def __init__(self, file, paused):
        self._file, self._paused = file, paused

    def write(self, data):
        while self._paused.is_set():
            time.sleep(0.01)
        return self._file.write(data)


@pytest.fixture
def encoder(free_port):
    """Starts encoders; see `Encoder`."""
    started = []

    def start(**options):
        started.append(Encoder(free_port(), **options))
        return started[-1]

    yield start
    for each in started:
        each.paused.clear()
        each.close()


class Receiver:
    """Takes what is sent to a port, a file a connection; it may be told not to."""

    def __init__(self, port, folder):
        self.port, self.folder = port, folder
        self.stop, self.idle = threading.Event(), threading.Event()
        self.keeps = True
        self.files = []
        self.connections = []
        self._threads = []
        self.listen()

    @property
    def url(self):
        return f"tcp://127.0.0.1:{self.port}"

    def listen(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.settimeout(0.1)
        self._accepting = threading.Thread(target=self._accept, args=(self._listener,))
        self._accepting.start()

    def refuse(self):
        """Hang up and answer nobody."""
        self._listener.close()
        self._accepting.join()  # only then the port is free
        for each in self.connections:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.stop.set()
        self.idle.clear()
        self.refuse()
        for thread in self._threads:
            thread.join(5)

    def _accept(self, listener):
        while not self.stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self.connections = [each for each in self.connections if each.fileno() >= 0]
            self._threads = [each for each in self._threads if each.is_alive()]
            self.connections.append(connection)
            self.files.append(self.folder / f"received-{len(self.files)}.ts")
            thread = threading.Thread(target=self._take, args=(connection, self.files[-1]))
            self._threads.append(thread)
            thread.start()

    def _take(self, connection, path):
        connection.settimeout(0.1)
        with connection, path.open("wb") as file:
            while not self.stop.is_set():
                if self.idle.is_set():
                    time.sleep(0.02)
                    continue
                try:
                    data = connection.recv(1 << 16)
                except TimeoutError:
                    continue
                except OSError:
                    return
                if not data:
                    return
                if self.keeps:
                    file.write(data)


@pytest.fixture
def receiver(free_port, tmp_path):
    """Starts receivers; see `Receiver`."""
    started = []

    def start():
        folder = tmp_path / f"receiver-{len(started)}"
        folder.mkdir()
        started.append(Receiver(free_port(), folder))
        return started[-1]

    yield start
    for each in started:
        each.close()


@dataclass
class Seen:
    """What a player sees and hears of a file."""

    times: list
    numbers: list
    """Of the frames, by their brightness."""
    sound: list
    """When packets of sound are heard."""
    sizes: list
    formats: list


def look_at(path):
    times, numbers, sound, sizes, formats = [], [], [], [], []
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.stream.type == "audio":
                if packet.pts is not None:
                    sound.append(float(packet.pts * packet.time_base))
                continue
            for frame in packet.decode():
                times.append(float(frame.pts * frame.time_base))
                luma = frame.reformat(format="yuv420p").to_ndarray()[: frame.height]
                numbers.append(round(float(luma.mean())) - 32)
                formats.append(frame.format.name)
                sizes.append((frame.width, frame.height))
    return Seen(times, numbers, sound, sizes, formats)


@pytest.fixture
def seen():
    return look_at
