"""scripts/average_weights.py: the mean of weights, and what cannot be averaged."""

import average_weights
import pytest
import torch

from vsdeblur.models import MODELS
from vsdeblur.runtime.weights import load_network, read_weights, save_weights

OPTIONS = {"widths": (8, 8, 8)}


@pytest.fixture
def make(tmp_path):
    """Writes the weights of a small network."""

    def make(name, model="fast", options=OPTIONS, change=None):
        state = MODELS["dblrgan"][model].build(**options).state_dict()
        if change is not None:
            change(state)
        path = tmp_path / f"{name}.safetensors"
        save_weights(path, state, filter_name="dblrgan", model=model, options=options)
        return path

    return make


def average(*arguments):
    return average_weights.main(list(map(str, arguments)))


def test_the_mean_is_of_all_numbers_and_loads(make, tmp_path, capsys):
    torch.manual_seed(1)
    one, two, out = make("one"), make("two"), tmp_path / "mean.safetensors"
    assert average(one, two, "--out", out, "--shares", 3, 1) == 0
    assert "the mean of 2 files" in capsys.readouterr().out
    (a, _), (b, _), (mean, facts) = map(read_weights, (one, two, out))
    for name, tensor in mean.items():
        torch.testing.assert_close(tensor, (3 * a[name] + b[name]) / 4, rtol=1e-3, atol=1e-4)
    assert facts["mean_of"] == "0.75 one.safetensors, 0.25 two.safetensors"
    load_network(MODELS["dblrgan"]["fast"].build, out, filter_name="dblrgan", model="fast")


def test_the_mean_of_a_file_with_itself_is_the_file(make, tmp_path):
    one, out = make("one"), tmp_path / "mean.safetensors"
    assert average(one, one, one, "--out", out) == 0
    mean = read_weights(out)[0]
    for name, tensor in read_weights(one)[0].items():
        torch.testing.assert_close(mean[name], tensor, msg=name)


def test_counters_are_those_of_the_first(make, tmp_path):
    small = {"stem_width": 4, "width": 8, "head_width": 16}

    def count(number):
        return lambda state: [v.fill_(number) for n, v in state.items() if n.endswith("tracked")]

    files = [make(f"file{n}", "paper", small, count(n)) for n in (3, 9)]
    out = tmp_path / "mean.safetensors"
    assert average(*files, "--out", out) == 0
    counters = [v for n, v in read_weights(out)[0].items() if n.endswith("tracked")]
    assert counters
    assert all(int(counter) == 3 for counter in counters)


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"model": "quality"}, "is for filter 'dblrgan', model 'quality'; expected"),
        ({"options": {"widths": (8, 16, 8)}}, 'has options {"widths": [8, 16, 8]}'),
        ({"change": lambda state: state["stem.weight"].fill_(float("nan"))}, "holds NaN"),
        ({"change": lambda state: state.pop("stem.weight")}, "does not fit model 'fast'"),
    ],
)
def test_weights_of_another_network_are_refused(make, other, text, tmp_path, capsys):
    out = tmp_path / "mean.safetensors"
    assert average(make("one"), make("two", **other), "--out", out) == 2
    said = capsys.readouterr().err
    assert text in said
    assert said.count("\n") == 1
    assert not out.exists()


def test_weights_of_a_model_that_is_not_ours_must_be_alike(tmp_path, capsys):
    files = [tmp_path / f"{name}.safetensors" for name in "ab"]
    for file, size in zip(files, (2, 3), strict=True):
        save_weights(file, {"w": torch.zeros(size)}, filter_name="other", model="x")
    assert average(*files, "--out", tmp_path / "mean.safetensors") == 2
    assert "differ in 'w'; give weights of one network" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "give two files or more to average"),
        (["two"], "no weights file 'two'"),
        (["two", "--shares", "1"], "2 files and 1 shares; give one for each"),
        (["two", "--shares", "1", "-1"], "shares must be numbers whose sum is above 0"),
        (["two", "--shares", "1", "nan"], "shares must be numbers whose sum is above 0"),
        (["two", "--out", "none/out.safetensors"], "there is no folder 'none'"),
        (["two", "--out", "one.safetensors"], "'one.safetensors' is there already"),
    ],
)
def test_misuse_is_one_line_and_status_2(make, arguments, text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make("one")
    given = ["one.safetensors", *arguments]
    assert average(*given, *(["--out", "out"] * ("--out" not in arguments))) == 2
    said = capsys.readouterr().err
    assert text in said
    assert said.count("\n") == 1
