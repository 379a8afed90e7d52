"""Runs a network over frames of any size: whole where memory allows, otherwise in tiles."""

from __future__ import annotations

import gc
import logging
from pathlib import Path

import torch
from torch import Tensor

from ..errors import DeviceError
from ..models.layers import pad_by_reflection
from .network import Network
from .tile_network import TileNetwork
from .tiling import FEATHER, least_tile, run_tiled

__all__ = ["FittedNetwork", "free_memory"]

SHARE = 0.8
"""Part of the free memory that a network may fill: the estimate knows its tensors, not all."""

log = logging.getLogger(__name__)


class FittedNetwork:
    """A network that takes frames of any size.

    Without a tile size given, one is estimated for each size of frame from the free memory. If
    memory runs out all the same, the frame is run again in tiles of a quarter of the area, once,
    and so are all that follow. In tiles a frame comes out as it would whole, if `tile_network` is
    given or the network measures nothing of the whole frame.

    Args:
        network: (N, T, h, w) -> (N, C, h, w).
        tile: Width and height of tiles in pixels; None = as large as memory allows.
        receptive_radius: How far an output pixel can depend on the input, in pixels.
        multiple_of: Where tiles may start.
        values_per_pixel: Numbers that the network holds at once for each pixel.
        feather: Pixels over which neighbouring tiles are blended.
        tile_network: Runs tiles by what is measured of the whole frame; None = `network` does, by
            each tile alone.
    """

    def __init__(
        self,
        network: Network,
        *,
        tile: tuple[int, int] | None,
        receptive_radius: int,
        multiple_of: int,
        values_per_pixel: float,
        feather: int = FEATHER,
        tile_network: TileNetwork | None = None,
    ) -> None:
        self._network = network
        self._tile_network = tile_network
        self._given = tile
        self._reach = receptive_radius
        self._multiple_of = multiple_of
        self._values_per_pixel = values_per_pixel
        self._feather = feather
        self._tiles: dict[tuple[int, int], tuple[int, int] | None] = {}
        self._shrunk: set[tuple[int, int]] = set()
        self._at_once: dict[tuple[int, int], int] = {}

    def __call__(self, frames: Tensor) -> Tensor:
        """Run it: (N, T, H, W) -> (N, C, H, W).

        Raises:
            OptionError: Tiles of the given size would hold nothing but overlap.
            DeviceError: Memory ran out in tiles too.
            EngineError: The network for tiles cannot be compiled.
        """
        size = (frames.shape[-1], frames.shape[-2])
        if size not in self._tiles:
            self._tiles[size] = self._given or self._estimated(frames)
        try:
            return self._run(frames, self._tiles[size])
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            self._shrink(size, frames.device, error)
        # Outside the handler: an exception keeps what filled the memory alive.
        _release(frames.device)
        try:
            return self._run(frames, self._tiles[size])
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            raise self._too_large(size, frames.device) from error

    def most_at_once(self, frames: Tensor) -> int:
        """How many of such frames, (N, T, H, W), may be joined to one batch and still run whole.

        On the CPU one frame keeps all cores busy. The first answer for a size holds for all frames
        of that size: a batch can differ from its parts in the last bit.
        """
        if frames.device.type == "cpu" or self._given is not None:
            return 1
        size = (frames.shape[-1], frames.shape[-2])
        if size not in self._at_once:
            needed = self._bytes_per_pixel(frames) * size[0] * size[1]
            free = free_memory(frames.device)
            self._at_once[size] = 1 if free is None else max(1, int(SHARE * free / needed))
        return self._at_once[size]

    def _bytes_per_pixel(self, frames: Tensor) -> float:
        return self._values_per_pixel * frames.element_size() * frames.shape[0]

    def _run(self, frames: Tensor, tile: tuple[int, int] | None) -> Tensor:
        if tile is None:
            return self._network(frames)
        padded = pad_by_reflection(frames, self._multiple_of)
        network = self._network
        is_cut = tile[0] < frames.shape[-1] or tile[1] < frames.shape[-2]
        if is_cut and self._tile_network is not None:
            network = self._tile_network.of(padded)
        output = run_tiled(
            network,
            padded,
            tile=tile,
            receptive_radius=self._reach,
            multiple_of=self._multiple_of,
            feather=self._feather,
        )
        return output[..., : frames.shape[-2], : frames.shape[-1]]

    def _estimated(self, frames: Tensor) -> tuple[int, int] | None:
        """The largest tile that free memory is likely to hold; None = the whole frame."""
        free = free_memory(frames.device)
        if free is None:
            return None
        bytes_per_pixel = self._bytes_per_pixel(frames)
        whole = width, height = (frames.shape[-1], frames.shape[-2])
        tile = whole
        while tile[0] * tile[1] * bytes_per_pixel > SHARE * free:
            smaller = self._halved(tile, (True, False) if tile[0] >= tile[1] else (False, True))
            smaller = smaller if smaller != tile else self._halved(tile, (True, True))
            if smaller == tile:
                break
            tile = smaller
        if tile == whole:
            return None
        log.warning(
            "a %dx%d frame needs about %.1f GB and %.1f GB are free: it is restored in tiles of "
            "%dx%d",
            width, height, width * height * bytes_per_pixel / 1e9, free / 1e9, *tile,
        )  # fmt: skip
        return tile

    def _halved(self, tile: tuple[int, int], axes: tuple[bool, bool]) -> tuple[int, int]:
        """A tile with half the width, height or both, but no less than the model needs."""
        least = least_tile(self._reach, self._multiple_of, self._feather)
        width, height = (
            max(min(length, least), -(-length // 2)) if halve else length
            for length, halve in zip(tile, axes, strict=True)
        )
        return width, height

    def _shrink(self, size: tuple[int, int], device: torch.device, error: BaseException) -> None:
        """Choose tiles of a quarter of the area for frames of a size.

        Raises:
            DeviceError: They were made smaller before, or cannot be.
        """
        tile = self._tiles[size] or size
        smaller = self._halved(tile, (True, True))
        if size in self._shrunk or smaller == tile:
            raise self._too_large(size, device) from error
        self._shrunk.add(size)
        self._tiles[size] = smaller
        log.warning(
            "memory ran out on %s with %s of %dx%d: going on with tiles of %dx%d",
            device, "frames" if tile == size else "tiles", *tile, *smaller,
        )  # fmt: skip

    def _too_large(self, size: tuple[int, int], device: torch.device) -> DeviceError:
        least = least_tile(self._reach, self._multiple_of, self._feather)
        return DeviceError(
            f"not enough memory on {device} for frames of {size[0]}x{size[1]}, in tiles of "
            f"{'x'.join(map(str, self._tiles[size] or size))} either; use smaller tiles "
            f"(tile=({least}, {least}) is the least), precision='fp16' or 'bf16', or another device"
        )


def free_memory(device: torch.device) -> int | None:
    """Bytes that can still be had on a device; None = unknown."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + cached)
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux
        return None
    facts = dict(line.split(":", 1) for line in lines)
    return int(facts["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in facts else None


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, as CUDA, PyTorch on the CPU or Python say it."""
    named = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return named or "DefaultCPUAllocator" in str(error) or "std::bad_alloc" in str(error)


def _release(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
