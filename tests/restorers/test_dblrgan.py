"""DBLRGAN: what its network is given, and what becomes of what it gives."""

import pytest
import torch

from vsdeblur.errors import DeblurError
from vsdeblur.models import MODELS
from vsdeblur.restorers.dblrgan import DBLRGANOptions, WindowRestorer

CPU = torch.device("cpu")
FAST = MODELS["dblrgan"]["fast"]

both = pytest.mark.parametrize("model", ["fast", "paper"])


def structured_window(height, width):
    """Five frames of stripes that move, with a little noise."""
    x, y = torch.arange(width), torch.arange(height)[:, None]
    frames = [0.5 + 0.3 * torch.sin((x + 3 * t) / 5 + y / 9) for t in range(5)]
    return torch.stack(frames)[:, None] + 0.15 * torch.rand(5, 1, height, width)


def zeros(frames):
    return torch.zeros_like(frames[:, :1])


def restorer_of(network, *, adds_middle_frame=True, **options):
    """A restorer with a function, which gives residuals, in the place of a network."""
    options = DBLRGANOptions(**options)
    return WindowRestorer(network, FAST, CPU, None, options, adds_middle_frame=adds_middle_frame)


@both
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_restored_picture_is_the_training_networks(load, random_network, model, precision):
    window = structured_window(24, 32).clamp(0, 1)
    with torch.no_grad():
        network = random_network(model).eval()
        network.load_state_dict({n: t.half() for n, t in network.state_dict().items()})
        expected = network(window.transpose(0, 1))[0].clamp(0, 1)
    restored = load(model, precision).restore(window)[0]
    assert (restored - window[2]).abs().max() > 4 / 255  # the test weights do change the picture
    atol = 1e-5 if precision == "fp32" else 0.02
    torch.testing.assert_close(restored, expected, rtol=0, atol=atol)


@both
@pytest.mark.parametrize(
    ("height", "width"), [(16, 16), (17, 33), (33, 17), (16, 23), (31, 16), (19, 24)]
)
def test_any_size_equals_the_one_with_its_edges_repeated(load, model, height, width):
    window = structured_window(height, width)
    multiple_of = MODELS["dblrgan"][model].multiple_of
    padding = (0, -width % multiple_of, 0, -height % multiple_of)
    padded = torch.nn.functional.pad(window, padding, mode="replicate")
    restored = load(model).restore(window)
    assert restored.shape == (1, 1, height, width)
    expected = load(model).restore(padded)[..., :height, :width]
    torch.testing.assert_close(restored, expected, rtol=0, atol=0)


def test_values_beyond_the_nominal_range_are_kept():
    window = torch.rand(5, 1, 16, 16)
    window[2, 0, 0, :4] = torch.tensor([-0.25, 1.25, 1.0, 0.0])
    restored = restorer_of(zeros).restore(window)
    torch.testing.assert_close(restored[0], window[2], rtol=0, atol=0)


def test_network_sees_values_in_the_nominal_range_only():
    seen = []
    window = torch.rand(5, 1, 16, 16) * 3 - 1
    restorer_of(lambda frames: seen.append(frames) or zeros(frames)).restore(window)
    torch.testing.assert_close(seen[0], window.clamp(0, 1).transpose(0, 1), rtol=0, atol=0)


@pytest.mark.parametrize("residual", [-5.0, 5.0])
def test_restored_picture_is_clamped_to_the_nominal_range(residual):
    restored = restorer_of(lambda frames: zeros(frames) + residual).restore(
        torch.rand(5, 1, 16, 16)
    )
    assert restored.unique().tolist() == [float(residual > 0)]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_refused(number):
    def network(frames):
        output = zeros(frames)
        output[0, 0, 3, 5] = number
        return output

    with pytest.raises(DeblurError) as error:
        restorer_of(network).restore(torch.rand(5, 1, 16, 16))
    assert str(error.value) == (
        "the network gave a value that is NaN or infinite; use precision='fp32', and check that "
        "the clip itself holds none"
    )


# What passes


def still_window(height=192, width=256):
    """Five frames of coarse detail that stand still, without noise; some of it beyond [0, 1]."""
    y, x = torch.arange(height)[:, None], torch.arange(width)
    picture = 0.5 + 0.3 * torch.sin(x / 7 + y / 11) * torch.cos(y / 5 - x / 13)
    picture[:3, :3] = 1.25
    return picture.expand(5, 1, -1, -1).clone()


def moving_part_window():
    """The same, with a part that moves."""
    window = still_window()
    for t, frame in enumerate(window):
        frame[0, 80:112, 100 + 5 * t : 132 + 5 * t] = torch.rand(32, 32)
    return window


def never(frames):
    raise AssertionError("the network ran")


def brighter(frames):
    return frames[:, 2:3] * 0 + 0.1


@pytest.mark.parametrize("skip_sharp", ["clean", "all"])
def test_sharp_frames_pass_to_the_last_bit_and_no_network_runs(skip_sharp):
    window = still_window()
    restored = restorer_of(never, skip_sharp=skip_sharp).restore(window)
    torch.testing.assert_close(restored[0], window[2], rtol=0, atol=0)


def test_nothing_passes_if_it_shall_not():
    window = still_window().clamp(0, 0.9)
    restored = restorer_of(brighter, skip_sharp="off").restore(window)
    torch.testing.assert_close(restored[0], window[2] + 0.1)


@pytest.mark.parametrize("adds_middle_frame", [False, True])
def test_sharp_parts_pass_to_the_last_bit(adds_middle_frame):
    window = moving_part_window()

    def network(frames):
        return frames[:, 2:3] * (not adds_middle_frame) + 0.1

    restorer = restorer_of(network, adds_middle_frame=adds_middle_frame, skip_sharp="clean")
    restored = restorer.restore(window)[0, 0]
    middle = window[2, 0]
    torch.testing.assert_close(restored[:, :48], middle[:, :48], rtol=0, atol=0)
    torch.testing.assert_close(
        restored[80:112, 112:140], (middle[80:112, 112:140] + 0.1).clamp(0, 1)
    )


def test_facts_tell_how_much_is_sharp_and_whether_the_frame_passed():
    restorer = restorer_of(brighter, skip_sharp="clean")
    outcomes = [
        restorer.run(window.clamp(0, 1), window.shape[-2:])
        for window in (still_window(), moving_part_window(), structured_window(192, 256))
    ]
    shares = [outcome.facts["sharpness"] for outcome in outcomes]
    assert shares[0] == 1 > shares[1] > 0.5 > shares[2] == 0
    assert [outcome.untouched for outcome in outcomes] == [True, False, False]
    facts = restorer_of(brighter).run(still_window(), (192, 256)).facts
    assert "sharpness" not in facts


# Strength


@pytest.mark.parametrize("adds_middle_frame", [False, True])
@pytest.mark.parametrize("strength", [0.25, 0.5, 1.0])
def test_strength_blends(strength, adds_middle_frame):
    def network(frames):
        return torch.full_like(frames[:, :1], 0.6) - frames[:, 2:3] * adds_middle_frame

    window = structured_window(24, 32).clamp(0, 1)
    restorer = restorer_of(network, adds_middle_frame=adds_middle_frame, strength=strength)
    expected = torch.lerp(window[2], torch.full_like(window[2], 0.6), strength)
    torch.testing.assert_close(restorer.restore(window)[0], expected)


def test_without_strength_the_input_stays_and_no_network_runs():
    window = structured_window(24, 32) * 2 - 0.5
    restored = restorer_of(never, strength=0.0).restore(window)
    torch.testing.assert_close(restored[0], window[2], rtol=0, atol=0)
