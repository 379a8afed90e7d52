"""Runs a network over tiles of a picture so that they come out as in the whole picture."""

from __future__ import annotations

import copy
from collections.abc import Callable
from threading import Lock

import torch
from torch import Tensor

from ..models.measured import TileForm
from .host import num_threads
from .network import Network, NetworkSource

__all__ = ["TileNetwork", "tile_source"]


class TileNetwork:
    """A network for tiles of a picture, given what was measured of the whole picture.

    Most frames are run whole: nothing is compiled, or on the device, before the first tile.

    Args:
        source: The network for whole pictures, which measures them: its `measuring` is not None.
        compile_source: Makes a network ready to run.
        device: Where it runs.
    """

    def __init__(
        self,
        source: NetworkSource,
        compile_source: Callable[[NetworkSource], Network],
        device: torch.device,
    ) -> None:
        assert source.measuring is not None
        self._source = source
        self._measuring = source.measuring.eval().requires_grad_(False)
        self._form = TileForm(self._measuring)
        self._compile = compile_source
        self._device = device
        self._cores = torch.get_num_threads()
        self._compiled: Network | None = None
        self._lock = Lock()

    def of(self, picture: Tensor) -> Network:
        """The network for tiles of a picture.

        Args:
            picture: (N, C, H, W), whole, on the device.

        Raises:
            EngineError: The network cannot be compiled.
        """
        run = self._ready()
        # In float32 at any precision: it is measured once, and decides on every tile.
        with torch.inference_mode(), num_threads(self._cores):
            statistics = self._measuring.measure(picture.float())
        return lambda tile: run(self._form.pack(tile, statistics))

    def _ready(self) -> Network:
        with self._lock:
            if self._compiled is None:
                # What inference mode makes could not be exported.
                with torch.inference_mode(False):
                    compiled = self._compile(tile_source(self._source))
                    self._measuring.to(self._device)
                self._compiled = compiled
            return self._compiled


def tile_source(source: NetworkSource) -> NetworkSource:
    """The network for tiles of pictures that a network measures; its `measuring` is not None."""
    assert source.measuring is not None
    # A copy: backends change what they are given.
    form = TileForm(copy.deepcopy(source.measuring).eval().requires_grad_(False))
    return NetworkSource(
        name=f"{source.name}-tile",
        module=form,
        channels=source.channels,
        multiple_of=form.side,
        digest=source.digest,
        dropout=source.dropout,
    )
