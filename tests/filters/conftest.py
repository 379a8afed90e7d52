"""Filters by name, with small models; what they refuse, and with how many threads they run."""

import pytest
import vapoursynth as vs

import vsdeblur
from vsdeblur.errors import DeblurError
from vsdeblur.manifest import load_manifest


@pytest.fixture
def threads():
    """Sets VapourSynth's number of threads; it is as before afterwards."""
    before = vs.core.num_threads

    def use(count):
        vs.core.num_threads = count

    yield use
    vs.core.num_threads = before


@pytest.fixture
def frames_of():
    """Gives a clip's frames in order; `frames` of VapourSynth collects garbage after each clip."""
    return lambda clip: [clip.get_frame(n) for n in range(clip.num_frames)]


@pytest.fixture
def gray():
    """Makes a grey clip of no matter what."""

    def gray(**facts):
        facts = {"format": vs.GRAY8, "width": 32, "height": 24, "length": 3} | facts
        return vs.core.std.BlankClip(**facts)

    return gray


@pytest.fixture
def small_options(small_weights):
    """Filter -> what makes it run here, with a small relative of its default model."""

    def options(name):
        facts = load_manifest().filter(name)
        model = facts.model(facts.parameters["model"].default).name
        return {"device": "cpu", "precision": "fp32", "weights": small_weights(name, model)}

    return options


@pytest.fixture
def refusal(small_options, gray):
    """The text with which a filter refuses a clip or an option, without the filter's name."""

    def refusal(name, clip=None, **options):
        clip = gray() if clip is None else clip
        with pytest.raises(vs.Error) as error:
            getattr(vsdeblur, name)(clip, **small_options(name) | options)
        assert isinstance(error.value.__cause__, DeblurError)
        text = str(error.value)
        assert text.startswith(f"{name}: ")
        assert "\n" not in text
        return text.removeprefix(f"{name}: ")

    return refusal


@pytest.fixture
def frame_refusal(small_options):
    """The text with which a filter refuses a frame, without the filter's name."""

    def refusal(name, clip, **options):
        filtered = getattr(vsdeblur, name)(clip, **small_options(name) | options)
        with pytest.raises(vs.Error) as error:
            filtered.get_frame(0)
        # VapourSynth puts the traceback of a frame's error before its text.
        before, _, text = str(error.value).splitlines()[-1].partition(f"{name}: ")
        assert text, before
        return text

    return refusal
