"""The manifest agrees with the code it speaks for, and checks what users give."""

import dataclasses
import inspect
from pathlib import Path

import pytest

import vsdeblur
from vsdeblur.errors import OptionError
from vsdeblur.manifest import Parameter, load_manifest
from vsdeblur.models import MODELS
from vsdeblur.restorers.brmr.restorer import BRMROptions
from vsdeblur.runtime.compile import BACKENDS
from vsdeblur.runtime.device import PRECISIONS, resolve_device
from vsdeblur.runtime.weights import sha256_of
from vsdeblur.train.recipe import RECIPES

FILTERS = load_manifest().filters
every_filter = pytest.mark.parametrize("facts", FILTERS.values(), ids=FILTERS)


def parameter(**facts):
    return Parameter(**{"name": "amount", "type": "int", "help": ""} | facts)


# The manifest and the code


@every_filter
def test_parameters_are_those_of_the_python_filter(facts):
    signature = inspect.signature(getattr(vsdeblur, facts.name))
    clip, *given = signature.parameters.values()
    assert clip.name == "clip"
    defaults = {p.name: p.default for p in given}
    from_manifest = {p.name: p.default for p in facts.parameters.values()}
    assert sorted(defaults) == sorted(from_manifest)
    assert defaults == from_manifest


@every_filter
def test_parameters_stand_in_the_order_of_the_python_filter(facts):
    signature = inspect.signature(getattr(vsdeblur, facts.name))
    assert list(facts.parameters) == list(signature.parameters)[1:]


@every_filter
def test_every_parameter_of_load_restorer_can_be_given(facts):
    accepted = inspect.signature(vsdeblur.load_restorer).parameters.keys() - {"name", "options"}
    own = {parameter.name for parameter in facts.own_parameters}
    temporal = {p.name for p in facts.parameters.values() if p.temporal}
    assert facts.parameters.keys() - own - temporal == accepted - {"model"}


@every_filter
def test_only_filters_of_several_frames_ask_about_scenes(facts):
    assert ("scene_threshold" in facts.parameters) == (facts.temporal_radius > 0)


def test_defaults_of_brmr_are_those_of_its_restorer():
    own = FILTERS["brmr"].own_parameters
    expected = {p.name: p.default for p in own if p.name != "model"}
    assert dataclasses.asdict(BRMROptions()) == expected


@every_filter
def test_every_default_is_allowed(facts):
    assert facts.check({}) == {p.name: p.default for p in facts.parameters.values()}


@every_filter
def test_models_are_those_in_the_table(facts):
    automatic = ("auto",) if facts.parameters["model"].default == "auto" else ()
    assert tuple(MODELS[facts.name]) == tuple(facts.models)
    assert facts.parameters["model"].choices == (*automatic, *facts.models)


@every_filter
def test_radius_and_channels_are_those_of_the_models(facts):
    for spec in MODELS[facts.name].values():
        assert spec.radius == facts.temporal_radius
        assert spec.channels == {"luma": 1, "RGB": 3}[facts.reads]


def test_every_filter_has_models_and_a_python_function():
    assert MODELS.keys() == FILTERS.keys()
    assert FILTERS.keys() <= set(vsdeblur.__all__)


@every_filter
def test_precisions_are_those_the_runtime_knows(facts):
    assert facts.parameters["precision"].choices == ("auto", *PRECISIONS)


@every_filter
def test_backends_are_those_the_runtime_knows(facts):
    assert facts.parameters["backend"].choices == ("auto", *BACKENDS)


@every_filter
def test_devices_are_those_the_runtime_knows(facts):
    with pytest.raises(OptionError) as error:
        resolve_device("none")
    assert f"choose one of: {', '.join(facts.parameters['device'].choices)} (" in str(error.value)


@every_filter
def test_weights_files_are_there_and_have_the_hash_the_manifest_gives(facts):
    for model in facts.models.values():
        if model.weights is not None:
            assert model.weights.is_file(), model.weights
            assert sha256_of(model.weights) == model.sha256


def test_smallest_clip_is_16x16():
    assert (load_manifest().min_width, load_manifest().min_height) == (16, 16)


# What users give


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("int", 3, 3),
        ("float", 3, 3.0),
        ("float", 0.5, 0.5),
        ("bool", False, False),
        ("str", "text", "text"),
        ("str", Path("a") / "b", str(Path("a") / "b")),
        ("size", (640, 480), (640, 480)),
        ("size", [640, 480], (640, 480)),
    ],
)
def test_allowed_value_comes_back_in_the_parameters_type(kind, given, expected):
    checked = parameter(type=kind).check(given)
    assert checked == expected
    assert type(checked) is type(expected)


@pytest.mark.parametrize(
    ("kind", "words", "values"),
    [
        ("int", "a whole number", [1.5, "1", None, True, (1,)]),
        ("float", "a number", ["0.5", None, False, [1.0]]),
        ("bool", "true or false", [0, 1, "true", None]),
        ("str", "a text", [1, None, True, b"text"]),
        (
            "size",
            "a pair (width, height) of whole numbers above 0",
            [640, "640x480", (640,), (640, 480, 3), (0, 480), (640, -1), (64.0, 48), None],
        ),
    ],
)
def test_value_of_another_type_is_refused(kind, words, values):
    for value in values:
        with pytest.raises(OptionError) as error:
            parameter(type=kind).check(value)
        assert str(error.value) == f"amount must be {words}, got {value!r}"


def test_a_pair_of_truth_values_is_no_size():
    with pytest.raises(OptionError, match=r"amount must be a pair"):
        parameter(type="size").check((True, True))


@pytest.mark.parametrize("kind", ["int", "float", "bool", "str", "size"])
def test_none_is_allowed_where_the_parameter_is_optional(kind):
    assert parameter(type=kind, optional=True).check(None) is None
    with pytest.raises(OptionError, match=r" or none, got \{\}$"):
        parameter(type=kind, optional=True).check({})


@pytest.mark.parametrize("value", [-1, 5, 4.0001, float("nan"), float("inf")])
def test_number_out_of_bounds_is_refused(value):
    with pytest.raises(OptionError) as error:
        parameter(type="float", min=0.0, max=4.0).check(value)
    assert str(error.value) == f"amount must be a number from 0.0 to 4.0, got {value!r}"


@pytest.mark.parametrize("value", [0, 4])
def test_bounds_themselves_are_allowed(value):
    assert parameter(min=0, max=4).check(value) == value


def test_unknown_choice_is_refused_with_the_known_ones():
    with pytest.raises(OptionError) as error:
        parameter(name="mode", type="str", choices=("soft", "hard")).check("medium")
    assert str(error.value) == "unknown mode 'medium'; choose one of: soft, hard"


def test_choice_of_another_type_is_refused_with_the_known_ones():
    with pytest.raises(OptionError) as error:
        parameter(name="mode", type="str", choices=("soft", "hard")).check(7)
    assert str(error.value) == "mode must be one of: soft, hard, got 7"


@pytest.mark.parametrize("value", [0, 2, 3, 16, "4", 4.0, True])
def test_numbers_may_be_choices(value):
    copies = parameter(name="copies", choices=(1, 4, 8))
    assert [copies.check(number) for number in (1, 4, 8)] == [1, 4, 8]
    with pytest.raises(OptionError) as error:
        copies.check(value)
    assert str(error.value) == f"copies must be one of: 1, 4, 8, got {value!r}"


@pytest.mark.parametrize("value", ["cuda:0", "cuda:17", "cpu"])
def test_n_in_a_choice_stands_for_any_number(value):
    assert parameter(type="str", choices=("cpu", "cuda:N")).check(value) == value


@pytest.mark.parametrize("value", ["cuda:", "cuda:N", "cuda:x", "cuda:-1", "cuda: 1", "xcuda:1"])
def test_n_in_a_choice_stands_for_nothing_but_a_number(value):
    with pytest.raises(OptionError, match=r"^unknown amount "):
        parameter(type="str", choices=("cpu", "cuda:N")).check(value)


def test_unknown_parameter_is_refused_with_the_known_ones():
    facts = FILTERS["dblrgan"]
    with pytest.raises(OptionError) as error:
        facts.check({"model": "fast", "regions": 2})
    assert str(error.value) == (
        "unknown parameter 'regions'; choose one of: "
        "model, guard, skip_sharp, strength, tta, num_streams, device, precision, backend, tile, "
        "scene_threshold, weights, cache"
    )


def test_unknown_filter_is_refused_with_the_known_ones():
    with pytest.raises(OptionError) as error:
        load_manifest().filter("sharpen")
    assert str(error.value) == f"unknown filter 'sharpen'; choose one of: {', '.join(FILTERS)}"


def test_given_options_are_checked_and_the_others_filled_in():
    checked = FILTERS["dblrgan"].check({"tile": [640, 640], "scene_threshold": 1})
    assert checked == {
        "model": "auto",
        "guard": True,
        "skip_sharp": "clean",
        "strength": 1.0,
        "tta": 1,
        "num_streams": 1,
        "device": "auto",
        "precision": "auto",
        "backend": "auto",
        "tile": (640, 640),
        "scene_threshold": 1.0,
        "weights": None,
        "cache": None,
    }


@every_filter
def test_weights_say_what_they_are_what_made_them_and_what_they_score(facts):
    for model in facts.models.values():
        if model.weights is not None:
            assert model.sha256
            assert model.licence
            assert model.trained_on
            assert (RECIPES / f"{model.recipe}.toml").is_file()
            assert model.scores
            assert (model.weights.parent / "card.md").is_file()
