"""A filter is known everywhere by its record, and the records name what is there."""

import dataclasses
import importlib.util
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from toy_filter import ENTRY, RECORD
from toy_filter.model import ToyNet

import vsdeblur
from vsdeblur import manifest
from vsdeblur.cli import doctor
from vsdeblur.errors import DataError
from vsdeblur.evaluate.evaluation_task import evaluation_task
from vsdeblur.manifest import load_manifest
from vsdeblur.models import MODELS
from vsdeblur.registry import RECORDS, FilterPart
from vsdeblur.restorers import load_restorer
from vsdeblur.runtime.weights import load_network, save_weights
from vsdeblur.train.loop import TASKS, train
from vsdeblur.train.recipe import load_stages
from vsdeblur.train.run_options import TrainOptions

ROOT = Path(__file__).parents[1]
HERE = ("--device", "cpu", "--precision", "fp32", "--backend", "eager")
PLACES = [
    pytest.param(place, id=f"{name}-{field}")
    for name, record in RECORDS.items()
    for field, place in dataclasses.asdict(record).items()
    if isinstance(place, str)
]


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A filter with files, an entry in the manifest and a record of its own; it halves luma."""
    checkout = tmp_path / "checkout"
    (checkout / "weights" / "toy").mkdir(parents=True)
    text = (ROOT / "plugin_manifest.toml").read_text(encoding="utf-8")
    (checkout / "plugin_manifest.toml").write_text(text + ENTRY, encoding="utf-8")
    for folder in (ROOT / "weights").iterdir():
        (checkout / "weights" / folder.name).symlink_to(folder)
    path = checkout / "weights" / "toy" / "small.safetensors"
    save_weights(path, {"conv.weight": torch.full((1, 1, 1, 1), 0.5)}, filter_name="toy",
                 model="small")  # fmt: skip
    monkeypatch.setattr(manifest, "_root", lambda: checkout)
    monkeypatch.setitem(RECORDS, "toy", RECORD)
    load_manifest.cache_clear()
    yield
    load_manifest.cache_clear()


@pytest.fixture
def command(toy):
    """The command as a new process would have it: its options are made when it is imported."""
    spec = importlib.util.find_spec("vsdeblur.cli.main")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda *arguments: module.main([str(argument) for argument in arguments])


# A filter that is new


def test_scripts_and_python_have_it(toy, make_clip):
    import vapoursynth as vs

    plane = np.linspace(0, 1, 16 * 24, dtype=np.float32).reshape(16, 24)
    clip = make_clip([[plane]], vs.GRAYS)
    options = {"device": "cpu", "precision": "fp32"}
    restored = vsdeblur.toy(clip, strength=0.5, **options).get_frame(0)
    np.testing.assert_allclose(np.asarray(restored[0]), 0.75 * plane, atol=1e-6)
    window = torch.from_numpy(plane)[None, None]
    torch.testing.assert_close(load_restorer("toy", **options).restore(window), window / 2)


def test_the_command_offers_it(command, capfd):
    assert command("restore", "--help") == 0
    out = " ".join(capfd.readouterr().out.split())
    assert "--filter [dblrgan|brmr|sequence|toy]" in out
    assert "Options of toy:" in out
    assert "--strength FLOAT 0 gives the input, 1 the product." in out


def test_the_command_restores_with_it(command, tmp_path):
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray"
        frame = av.VideoFrame.from_ndarray(np.full((48, 64), 216, np.uint8), format="gray")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert command("restore", source, target, "--filter", "toy", "--codec", "ffv1", *HERE) == 0
    with av.open(str(target)) as container:
        (restored,) = container.decode(video=0)
    # Half of the way from black, of limited range.
    assert np.unique(restored.to_ndarray(format="gray")).tolist() == [116]


def test_the_doctor_looks_at_its_weights(toy):
    checks = {check.part: check for check in doctor._weights()}
    assert checks["weights toy small"].works


def test_the_tables_of_the_readme_have_it(toy):
    spec = importlib.util.spec_from_file_location("update", ROOT / "scripts/update_readme.py")
    update = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(update)
    marks = "<!-- filters: written by scripts/update_readme.py -->\n<!-- end of filters -->"
    section = update.with_tables(marks).split("`toy`")[1]
    assert "| `small` | one weight | yes | times 0.5 |" in section
    assert "| `strength` | `1.0` | a number from 0.0 to 1.0 | " in section


def test_it_is_evaluated_with_its_parts(command, tmp_path, rng):
    video = tmp_path / "GOPRO_Large" / "test" / "GOPR0001_11_00"
    for kind, level in (("blur", 200), ("sharp", 100)):
        (video / kind).mkdir(parents=True)
        Image.new("RGB", (64, 48), (level,) * 3).save(video / kind / "000000.png")
    report = tmp_path / "report.json"
    data = f"gopro={tmp_path / 'GOPRO_Large'}"
    assert command("evaluate", "--filter", "toy", "--data", data, "--json", report, *HERE[:4]) == 0
    found = json.loads(report.read_text())
    assert found["method"]["stages"] == {"half": "half of toy"}
    (scored,) = found["sets"]
    means = scored["mean_over_frames"]
    psnr = [means[f"{state}_psnr_luma"] for state in ("input", "half", "restored")]
    assert psnr[0] < psnr[1] < psnr[2] == 100


def test_its_models_are_trained(toy, tmp_path, rng):
    for folder in ("train", "held out"):
        (tmp_path / folder).mkdir()
        for number in range(2):
            coarse = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
            picture = Image.fromarray(coarse).resize((480, 400), Image.Resampling.BICUBIC)
            picture.save(tmp_path / folder / f"{number}.png")
    recipe = tmp_path / "toy.toml"
    recipe.write_text(
        'filter = "toy"\nmodel = "small"\nsteps = 1\nbatch_size = 2\ncrop = 32\n'
        "blur = { size = 40, margin = 16, max_blur = 8 }\n"
        "pool = { capacity = 4, initial = 4, reuse = 2 }\n"
    )
    options = TrainOptions(
        data={"photos": [tmp_path / "train"]}, validation=[tmp_path / "held out"],
        out=tmp_path / "run", accelerator="cpu", precision="32-true", num_validation=2,
    )  # fmt: skip
    best = train(load_stages(str(recipe)), options)
    assert best.name == "small.safetensors"
    load_network(ToyNet, best, filter_name="toy", model="small")


# The records


@pytest.mark.parametrize("place", PLACES)
def test_what_a_record_names_is_there(place):
    assert pkgutil.resolve_name(place) is not None


def test_every_filter_of_the_manifest_has_a_record():
    assert list(RECORDS) == list(load_manifest().filters)


def test_type_checkers_know_every_filter():
    text = (ROOT / "vsdeblur" / "__init__.py").read_text(encoding="utf-8")
    for name, record in RECORDS.items():
        module, function = record.script_function.removeprefix("vsdeblur").split(":")
        assert f"    from {module} import {function} as {name}\n" in text


def test_a_part_is_of_the_filters_that_have_it(monkeypatch):
    record = dataclasses.replace(RECORDS["dblrgan"], training_task=None)
    monkeypatch.setitem(RECORDS, "untrained", record)
    tasks = FilterPart("training_task")
    assert list(tasks) == ["dblrgan", "brmr", "sequence"]
    assert len(tasks) == 3
    assert "untrained" not in tasks
    assert "untrained" in MODELS
    with pytest.raises(KeyError):
        tasks["untrained"]
    with pytest.raises(KeyError):
        tasks["unknown"]


def test_to_ask_which_filters_have_a_part_imports_nothing(monkeypatch):
    record = dataclasses.replace(RECORDS["dblrgan"], training_task="no_such_module:Task")
    monkeypatch.setitem(RECORDS, "broken", record)
    assert "broken" in TASKS
    assert len(TASKS) == 4


def test_a_recipe_for_a_filter_without_training_is_refused(monkeypatch, tmp_path):
    record = dataclasses.replace(RECORDS["dblrgan"], training_task=None)
    monkeypatch.setitem(RECORDS, "untrained", record)
    recipe = tmp_path / "mine.toml"
    recipe.write_text('filter = "untrained"\nmodel = "fast"\nsteps = 1\n')
    with pytest.raises(DataError) as error:
        train(load_stages(str(recipe)), TrainOptions(data={}, out=tmp_path / "run"))
    assert str(error.value) == (
        "recipe 'mine' is for filter 'untrained'; choose one of: dblrgan, brmr, sequence"
    )


def test_without_an_evaluation_task_the_result_alone_is_scored():
    class Restorer:
        def restore(self, window):
            return 2 * window

    task = evaluation_task("dblrgan", Restorer(), load_restorer)
    restored, figures = task.restore(torch.ones(1))
    assert (restored.item(), figures, task.intermediates, task.localise) == (2, {}, {}, None)


def test_the_registry_imports_no_part():
    code = (
        "import sys, vsdeblur.registry; "
        "print(*sys.modules.keys() & {'torch', 'numpy', 'vapoursynth', 'av', 'vsdeblur.models'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
