"""`vsdeblur engines` and `vsdeblur export`, in process."""

import io

import pytest
from rich.console import Console

from vsdeblur.cli.main import main
from vsdeblur.cli.progress import step
from vsdeblur.runtime.backends import onnx as onnx_backend
from vsdeblur.runtime.backends.tensorrt_rtx_build import build_obstacle

needs_library = pytest.mark.skipif(build_obstacle() is not None, reason=str(build_obstacle()))


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("VSDEBLUR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def run(capfd, *arguments):
    status = main([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    return status, out, err


def test_where_prints_the_folder(capfd, cache, tmp_path):
    assert run(capfd, "engines", "where") == (0, f"{cache}\n", "")
    other = tmp_path / "other"
    assert run(capfd, "engines", "where", "--cache", other) == (0, f"{other}\n", "")


def test_an_empty_cache_is_listed_and_pruned(capfd, cache):
    status, out, _ = run(capfd, "engines", "list")
    assert status == 0
    assert str(cache) in out
    status, _, err = run(capfd, "engines", "prune")
    assert status == 0
    assert "0.0 MB freed" in err


@needs_library
def test_an_engine_is_built_listed_kept_and_deleted(capfd, cache, fast_weights):
    status, out, err = run(capfd, "engines", "build", "--weights", fast_weights)
    assert (status, out) == (0, "")
    (engine,) = cache.glob("*.rtx")
    assert engine.name in err
    assert engine.name.startswith("dblrgan-fast-float16-")
    _, out, _ = run(capfd, "engines", "list")
    assert "tensorrt_rtx" in out
    run(capfd, "engines", "prune")
    assert engine.exists()
    engine.write_bytes(b"damaged")
    _, out, _ = run(capfd, "engines", "list")
    assert "damaged" in out
    _, _, err = run(capfd, "engines", "prune")
    assert f"deleted {engine.name}" in err
    assert not list(cache.glob("*.rtx*"))
    assert len(list(cache.glob("*.onnx"))) == 1  # the next one is built from it


def test_a_step_is_drawn_on_a_terminal_alone():
    for is_terminal in (True, False):
        drawn = io.StringIO()
        with step(Console(file=drawn, force_terminal=is_terminal), "exporting"):
            pass
        assert ("exporting" in drawn.getvalue()) == is_terminal


@needs_library
@pytest.mark.slow
def test_all_engines_of_packaged_weights_are_built(capfd, cache):
    status, _, err = run(capfd, "engines", "build", "--all")
    assert status == 0
    names = {path.name.rsplit("-", 1)[0] for path in cache.glob("*.rtx")}
    precisions = ("float32", "float16", "bfloat16")
    assert {f"dblrgan-{m}-{p}" for m in ("fast", "paper") for p in precisions} <= names
    assert {f"sequence-fast{tile}-{p}" for tile in ("", "-tile") for p in precisions} <= names
    assert "left out, no weights are shipped yet" in err


def test_a_network_is_exported_to_onnx(capfd, tmp_path, fast_weights):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    target = tmp_path / "fast.onnx"
    status, out, err = run(capfd, "export", target, "--weights", fast_weights)
    assert (status, out) == (0, "")
    assert str(target) in err
    facts = {entry.key: entry.value for entry in onnx.load(target).metadata_props}
    assert facts["network"] == "dblrgan-fast"
    assert facts["precision"] == "float32"
    assert facts["height_and_width_divide_by"] == "8"


@needs_library
def test_a_network_is_exported_as_an_engine(capfd, tmp_path, fast_weights):
    target = tmp_path / "fast.engine"
    status, _, _ = run(capfd, "export", target, "--format", "engine", "--weights", fast_weights)
    assert status == 0
    assert target.stat().st_size > 4 * 1_700_000


def test_each_network_of_a_model_is_exported_beside_the_other(
    capfd, monkeypatch, tmp_path, brmr_weights
):
    monkeypatch.setattr(onnx_backend, "onnx_model", lambda *given: b"exported")
    options = ["--filter", "brmr", "--precision", "fp16", "--weights", brmr_weights]
    status, _, _ = run(capfd, "export", tmp_path / "b.onnx", *options)
    assert status == 0
    written = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert written == {f"b-{part}.onnx" for part in ("g_image", "d_image", "g_patch")}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["x.onnx", "--filter", "sharpen"], "unknown filter 'sharpen'"),
        (["x.onnx", "--model", "huge"], "unknown model 'huge'"),
        (["x.onnx", "--precision", "int8"], "unknown precision 'int8'; choose one of: fp32, fp16"),
        (["x.onnx", "--filter", "brmr", "--model", "paper"], "no weights are shipped for model"),
        (["none/x.onnx"], "there is no folder"),
        (["x.onnx", "--format", "torch"], "'torch' is not one of 'onnx', 'engine'"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line(capfd, monkeypatch, tmp_path, arguments,
                                                        text):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capfd, "export", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("vsdeblur: error: ")
    assert err.count("\n") == 1
    assert text in err
    assert list(tmp_path.iterdir()) == []
