"""`vsdeblur doctor`: what is here, what works, and what to do about what is missing."""

from __future__ import annotations

import importlib
import platform
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from ..errors import DeblurError
from ..manifest import load_manifest

__all__ = ["Check", "all_checks", "print_report"]


class Check(NamedTuple):
    """One line of the report."""

    part: str
    works: bool | None
    """None: not there, and not needed."""
    found: str
    advice: str = ""
    """What to do if it does not work."""


def print_report(console: Console) -> None:
    """Print a table of all checks."""
    table = Table("")
    for heading in ("part", "found", "what to do"):
        table.add_column(heading, overflow="fold")
    marks = {True: "[green]ok[/]", False: "[red]no[/]", None: "-"}
    for check in all_checks():
        table.add_row(marks[check.works], check.part, check.found, check.advice)
    console.print(table)


def all_checks() -> Iterator[Check]:
    """Look at every part; a part that breaks becomes a check, not an error."""
    yield Check("Python", True, platform.python_version())
    checks: dict[str, Callable[[], Iterator[Check]]] = {
        "torch": _torch,
        "backends": _backends,
        "timings": _timings,
        "VapourSynth": _vapoursynth,
        "PyAV": _pyav,
        "OpenCV": _opencv,
        "weights": _weights,
        "cache": _cache,
        "training": _training,
    }
    for part, check in checks.items():
        try:
            yield from check()
        except Exception as error:
            yield Check(part, False, f"{type(error).__name__}: {error}", f"reinstall {part}")


def _torch() -> Iterator[Check]:
    import torch

    from ..runtime.device import cpu_has_fast_bf16

    yield Check("torch", True, torch.__version__)
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(index)
            memory = f"{facts.total_memory / 2**30:.1f} GiB"
            yield Check("GPU", True, f"cuda:{index} {facts.name}, {memory}")
    else:
        advice = "install an NVIDIA driver to use a GPU; everything works on the CPU without one"
        yield Check("GPU", None, "no CUDA device", advice)
    native = "bf16 natively" if cpu_has_fast_bf16() else "no native bf16: fp32 is used"
    capability = torch.backends.cpu.get_cpu_capability()
    yield Check("CPU", True, f"{capability}, {torch.get_num_threads()} threads, {native}")


def _backends() -> Iterator[Check]:
    """What `auto` takes on the device that it would take, and why not the others."""
    from ..runtime.compile import choose
    from ..runtime.device import resolve_device, resolve_dtype

    device = resolve_device("auto")
    dtype = resolve_dtype("auto", device)
    choice = choose(device, dtype)
    precision = str(dtype).removeprefix("torch.")
    yield Check("backend", True, f"auto takes {choice.backend} on {device} in {precision}")
    for name, reason in choice.others.items():
        found, _, advice = reason.partition(": ")
        yield Check(f"backend {name}", None, found, advice)


def _timings() -> Iterator[Check]:
    """What `auto` measured of networks on a CPU, where that still holds."""
    from ..runtime.backends.engine_cache import EngineCache
    from ..runtime.compile import is_current
    from ..runtime.timing import read_timing

    for entry in EngineCache().entries():
        if entry.key.get("backend") == "timing" and entry.intact and is_current(entry.key):
            took = sorted(read_timing(entry.path).items(), key=lambda item: item[1])
            told = ", ".join(f"{name} {milliseconds:.4g} ms" for name, milliseconds in took)
            part = f"timed {entry.key['network']}"
            yield Check(part, True, f"{told} a frame in {entry.key['precision']}")


def _cache() -> Iterator[Check]:
    """Where engines are kept, and whether they can be."""
    from ..runtime.backends.engine_cache import EngineCache

    cache = EngineCache()
    problem = cache.problem()
    if problem:
        advice = "set VSDEBLUR_CACHE to a folder that can be written to"
        yield Check("cache", False, f"{cache.folder}: {problem}", advice)
        return
    kept = list(cache.entries())
    damaged = sum(not entry.intact for entry in kept)
    found = f"{cache.folder}, {len(kept)} engines, {sum(e.size for e in kept) / 1e6:.0f} MB"
    advice = f"{damaged} damaged: vsdeblur engines prune" if damaged else ""
    yield Check("cache", True, found, advice)


def _vapoursynth() -> Iterator[Check]:
    vapoursynth = importlib.import_module("vapoursynth")
    yield Check("VapourSynth", True, f"R{vapoursynth.__version__.release_major}")
    plugins = sorted(plugin.namespace for plugin in vapoursynth.core.plugins())
    advice = "" if "bs" in plugins else "to open files: pip install vapoursynth-bestsource"
    yield Check("VapourSynth plugins", "bs" in plugins or None, ", ".join(plugins), advice)
    command = shutil.which("vspipe")
    advice = "" if command else "put the folder of your Python's scripts on the PATH"
    yield Check("vspipe", bool(command) or None, command or "not on the PATH", advice)


def _pyav() -> Iterator[Check]:
    av = importlib.import_module("av")
    encoders = [name for name in ("libx264", "libx265", "h264_nvenc") if _has_encoder(av, name)]
    yield Check("PyAV", True, f"{av.__version__}, encoders: {', '.join(encoders)}")


def _has_encoder(av: object, name: str) -> bool:
    try:
        av.codec.Codec(name, "w")  # type: ignore[attr-defined]
    except Exception:
        return False
    return True


def _opencv() -> Iterator[Check]:
    try:
        cv2 = importlib.import_module("cv2")
    except ImportError:
        advice = "for sequence's chroma='flow': pip install 'vsdeblur[sequence]'"
        yield Check("OpenCV", None, "not installed", advice)
    else:
        yield Check("OpenCV", True, cv2.__version__)


def _weights() -> Iterator[Check]:
    from ..restorers import load_restorer

    for facts in load_manifest().filters.values():
        for model in facts.models.values():
            part = f"weights {facts.name} {model.name}"
            if model.weights is None:
                yield Check(part, None, "none shipped yet", "train it, or use another model")
                continue
            try:
                load_restorer(facts.name, model=model.name, device="cpu", backend="eager")
            except DeblurError as error:
                yield Check(part, False, str(error), "reinstall vsdeblur")
            else:
                yield Check(part, True, str(model.weights))


def _training() -> Iterator[Check]:
    needed = ("lightning-fabric", "opencv-python-headless", "tensorboard")
    missing = [name for name in needed if not _version(name)]
    if missing:
        advice = "pip install 'vsdeblur[train]'"
        yield Check("training", None, f"not installed: {', '.join(missing)}", advice)
    else:
        yield Check("training", True, f"lightning-fabric {_version('lightning-fabric')}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
