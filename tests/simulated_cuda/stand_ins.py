"""Stand-ins for `torch.cuda`'s streams, events and graphs, and for locks (see `simulated_cuda`)."""

import _thread

from simulated_cuda.races import Actor


class Stream(Actor):
    def __init__(self, device):
        super().__init__(f"stream {len(device.streams)}")
        self.cuda_stream = len(device.streams)
        device.streams.append(self)
        self._device = device

    def record_event(self, event=None):
        event = event or Event(self._device)
        event.record(self)
        return event

    def wait_event(self, event):
        event.wait(self)

    def wait_stream(self, stream):
        self.wait_event(stream.record_event())

    def synchronize(self):
        self.record_event().synchronize()


class Event:
    def __init__(self, device):
        self._device, self._clock = device, {}

    def record(self, stream=None):
        with self._device.races.mutex:
            stream = stream or self._device.current_stream
            stream.learns(self._device.host.clock)
            self._clock = dict(stream.clock)

    def wait(self, stream=None):
        with self._device.races.mutex:
            (stream or self._device.current_stream).learns(self._clock)

    def synchronize(self):
        self._device.host.learns(self._clock)


class Graph:
    """Operations that are done again, in the memory of the first time."""

    def __init__(self, device):
        self._device, self.operations = device, []

    def replay(self):
        self._device.replay(self.operations)


class HostLock:
    """A lock that hands on what its holders know."""

    def __init__(self, device):
        self._device, self._lock, self._known = device, _thread.allocate_lock(), {}
        self.locked = self._is_owned = self._lock.locked

    def acquire(self, *args, **options):
        held = self._lock.acquire(*args, **options)
        if held:
            self._device.host.learns(self._known)
        return held

    def release(self):
        self._device.host.steps()
        self._known = dict(self._device.host.clock)
        self._lock.release()

    def __enter__(self):
        self.acquire()

    def __exit__(self, *error):
        self.release()
