"""Real ends for live streams: nginx with its rtmp module, ffmpeg as encoder and as player.

All on 127.0.0.1, started and stopped here.
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

__all__ = ["Nginx", "encoder", "missing", "offsets_of", "player"]

_CONF = """
load_module {module};
daemon off; master_process off; worker_processes 1;
pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 64; }}
rtmp {{ access_log off; server {{
    listen 127.0.0.1:{port}; chunk_size 4096;
    application live {{ live on; }}
}} }}
"""
_SIGNAL = (
    "color=black:size={size}:rate={rate},"
    "drawbox=x=0:y=0:w=iw:h=ih:color=white:t=fill:enable='lt(mod(t,1),{flash})',"
    "noise=alls={noise}:allf=t"
)
_BEEP = "aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.1)':sample_rate=44100"


def missing():
    """What is not installed of all this; empty = nothing."""
    if shutil.which("ffmpeg") is None:
        return "ffmpeg is not installed"
    if shutil.which("nginx") is None:
        return "nginx is not installed"
    return "" if _module() else "nginx has no rtmp module (Debian: libnginx-mod-rtmp)"


def _module():
    said = subprocess.run(["nginx", "-V"], capture_output=True, text=True, check=False).stderr
    folders = [*re.findall(r"--modules-path=(\S+)", said), "/usr/lib/nginx/modules"]
    found = [Path(folder) / "ngx_rtmp_module.so" for folder in folders]
    return next((path for path in found if path.exists()), None)


class Nginx:
    """A server of RTMP."""

    def __init__(self, folder, port):
        self.port = port
        self._folder = folder
        conf = _CONF.format(module=_module(), folder=folder, port=port)
        (folder / "nginx.conf").write_text(conf)
        self.start()

    def address(self, name):
        return f"rtmp://127.0.0.1:{self.port}/live/{name}"

    def start(self):
        command = ["nginx", "-p", self._folder, "-c", self._folder / "nginx.conf"]
        log = (self._folder / "stderr").open("ab")
        with log:
            self._process = subprocess.Popen(command, stderr=log, stdout=log)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError((self._folder / "stderr").read_text())

    def pause(self):
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self._process.send_signal(signal.SIGCONT)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def close(self):
        self.go_on()
        self.kill()


def encoder(address, *, size="160x120", rate=30, seconds=None, more=(), noise=4):
    """An encoder that pushes a flash and a beep each second, in real time."""
    signals = _SIGNAL.format(size=size, rate=rate, flash=0.9 / rate, noise=noise)
    kind = "flv" if address.startswith("rtmp") else "mpegts"
    return subprocess.Popen(
        ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin",
         "-re", "-f", "lavfi", "-i", signals, "-re", "-f", "lavfi", "-i", _BEEP,
         *(("-t", str(seconds)) if seconds else ()),
         "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", str(rate),
         "-c:a", "aac", *more, "-f", kind, address],
    )  # fmt: skip


def player(address, path):
    """A player that writes what it gets to a file, as it came."""
    return subprocess.Popen(
        ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y",
         "-i", address, "-map", "0", "-c", "copy", "-copyts", path],
    )  # fmt: skip


def ended(process, seconds=10):
    """Let a process of ffmpeg finish its file."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Lossy:
    """Hands datagrams on from one port to another, but for a share of them. Use it in a `with`.

    Of MPEG-TS, the lost part is one packet of 188 bytes: the datagram goes on without it.
    """

    def __init__(self, far, near, *, share, seed):
        self.lost = 0
        self._near, self._share = ("127.0.0.1", near), share
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", far))
        self._socket.settimeout(0.1)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while not self._stop.is_set():
                try:
                    data = self._socket.recv(1 << 16)
                except TimeoutError:
                    continue
                packets = [data[at : at + 188] for at in range(0, len(data), 188)]
                kept = [packet for packet in packets if self._random.random() >= self._share]
                self.lost += len(packets) - len(kept)
                out.sendto(b"".join(kept), self._near)


@dataclass
class Offsets:
    """When flashes are seen and beeps are heard, in seconds of a file."""

    flashes: list
    beeps: list

    def between(self):
        """For each flash, by how much the nearest beep is later, in seconds."""
        beeps = np.array(self.beeps)
        return [float(beeps[np.abs(beeps - flash).argmin()] - flash) for flash in self.flashes]


def offsets_of(path):
    """Look for flashes and beeps in a file."""
    flashes, beeps, loud, lit = [], [], False, False
    with av.open(str(path)) as container:
        for packet in container.demux():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                seconds = float(frame.pts * frame.time_base)
                if isinstance(frame, av.VideoFrame):
                    bright = float(np.frombuffer(frame.planes[0], np.uint8)[:64].mean()) > 100
                    if bright and not lit:
                        flashes.append(seconds)
                    lit = bright
                    continue
                sound = np.abs(frame.to_ndarray()[0])
                heard = np.flatnonzero(sound > 0.05)
                if heard.size and not loud:
                    beeps.append(seconds + float(heard[0]) / frame.sample_rate)
                loud = bool(heard.size)
    return Offsets(flashes, beeps)


def resident_bytes():
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_handles():
    return len(list(Path("/proc/self/fd").iterdir()))
