"""What `vsdeblur doctor` finds out about backends and the cache."""

import torch

from vsdeblur.cli import doctor
from vsdeblur.runtime import compile as compile_module
from vsdeblur.runtime.backends.engine_cache import EngineCache
from vsdeblur.runtime.backends.openvino import openvino_obstacle
from vsdeblur.runtime.compile import BACKENDS, Choice
from vsdeblur.runtime.timing import timing_versions


def found(check):
    return {check.part: check for check in check()}


def test_it_names_what_auto_takes_and_why_not_the_others(monkeypatch):
    others = {"tensorrt_rtx": "tensorrt-rtx is not installed: pip install it", "eager": "is slower"}
    monkeypatch.setattr(
        compile_module, "choose", lambda *_: Choice(backend="tensorrt", others=others)
    )
    found_checks = found(doctor._backends)
    assert found_checks["backend"].works
    assert found_checks["backend"].found.startswith("auto takes tensorrt on ")
    assert found_checks["backend tensorrt_rtx"].found == "tensorrt-rtx is not installed"
    assert found_checks["backend tensorrt_rtx"].advice == "pip install it"
    assert found_checks["backend eager"].found == "is slower"


def test_every_backend_is_spoken_of():
    found_checks = found(doctor._backends)
    taken = found_checks["backend"].found.split()[2]
    assert found_checks.keys() == {
        "backend",
        *(f"backend {name}" for name in BACKENDS if name != taken),
    }
    if not torch.cuda.is_available():
        can_openvino = openvino_obstacle(torch.device("cpu"), torch.float32) is None
        assert taken == ("openvino" if can_openvino else "eager")
        assert "GPU" in found_checks["backend tensorrt"].found


def test_it_says_what_auto_measured_here(monkeypatch, tmp_path):
    monkeypatch.setenv("VSDEBLUR_CACHE", str(tmp_path))

    def keep(network, **versions):
        key = {"backend": "timing", "network": network, "precision": "bfloat16", **versions}
        took = '{"openvino": 80.5, "eager": 73.25}'
        EngineCache().get(network, key, ".timing", lambda path: path.write_text(took))

    keep("dblrgan-fast", **timing_versions())
    keep("dblrgan-old", **timing_versions() | {"torch": "1.0"})
    (check,) = found(doctor._timings).values()
    assert check.part == "timed dblrgan-fast"
    assert check.found == "eager 73.25 ms, openvino 80.5 ms a frame in bfloat16"


def test_it_says_where_engines_are_and_which_are_damaged(monkeypatch, tmp_path):
    monkeypatch.setenv("VSDEBLUR_CACHE", str(tmp_path))
    (tmp_path / "damaged.rtx").write_bytes(b"x")
    check = found(doctor._cache)["cache"]
    assert check.works
    assert check.found.startswith(f"{tmp_path}, 1 engines")
    assert check.advice == "1 damaged: vsdeblur engines prune"


def test_it_says_when_engines_cannot_be_kept(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("VSDEBLUR_CACHE", str(tmp_path / "file"))
    check = found(doctor._cache)["cache"]
    assert check.works is False
    assert "VSDEBLUR_CACHE" in check.advice
