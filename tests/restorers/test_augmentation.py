"""Test-time augmentation of every model: the mean over copies that are restored by themselves."""

import pytest
import torch

from vsdeblur.errors import OptionError

TURNED = (-2, -1)


def copies_of(case):
    """How the four copies come about, and how they are undone."""

    def backwards(window):
        return window.flip(0) if case.name == "dblrgan" else window

    return [
        (lambda window: window, lambda pictures: pictures),
        (lambda window: backwards(window.flip(-1)), lambda pictures: pictures.flip(-1)),
        (
            lambda window: torch.rot90(window, 1, TURNED),
            lambda pictures: torch.rot90(pictures, -1, TURNED),
        ),
        (
            lambda window: backwards(window.mT.flip(TURNED)),
            lambda pictures: pictures.flip(TURNED).mT,
        ),
    ]


def nearer(pictures, first):
    """Moments the way round in which they are nearer to others."""
    return min(pictures, pictures.flip(0), key=lambda each: float((each - first).square().mean()))


def test_it_is_the_mean_over_copies_restored_by_themselves(undecided):
    window = undecided.window(32, 48)
    restorer = undecided.load()
    restored = [undo(restorer.restore(change(window))) for change, undo in copies_of(undecided)]
    expected = torch.stack([nearer(pictures, restored[0]) for pictures in restored])
    augmented = undecided.load(tta=4).restore(window)
    # The mean is taken before values are cut off at black and white.
    inside = ((expected > 0) & (expected < 1)).all(0)
    assert inside.float().mean() > 0.8
    torch.testing.assert_close(augmented[inside], expected.mean(0)[inside], rtol=0, atol=2e-5)
    assert (augmented - restored[0]).abs().max() > 1 / 255


def test_one_copy_is_what_is_restored_without(case):
    window = case.window()
    torch.testing.assert_close(
        case.load(tta=1).restore(window), case.load().restore(window), rtol=0, atol=0
    )


@pytest.mark.parametrize("tta", [0, 2, 16])
def test_other_numbers_of_copies_are_refused(undecided, tta):
    with pytest.raises(OptionError) as error:
        undecided.load(tta=tta)
    assert str(error.value) == f"tta must be one of: 1, 4, 8, got {tta}"


def test_eight_copies_are_restored_in_tiles_as_they_are_whole(undecided):
    if undecided.id == "brmr-paper":
        pytest.skip("it normalises each tile by itself")
    window = undecided.window(32, 620)
    whole = undecided.load(tta=8).restore(window)
    tiled = undecided.load(tta=8, tile=(592, 592)).restore(window)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-4)
