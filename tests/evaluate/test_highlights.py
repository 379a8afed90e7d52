"""Lamps: small, white, with darkness around; and whether they stay white."""

import numpy as np

from vsdeblur.evaluate.metrics.highlights import MOST_AREA, REACH, find_lamps


def dark(height=60, width=90):
    return np.full((height, width), 30, np.uint8)


def test_lamps_are_found_and_large_or_pale_places_are_not():
    picture = dark()
    picture[10:13, 10:13] = 255
    picture[40, 20] = 251
    picture[5:7, 40:44] = 245  # pale
    picture[30:52, 50:72] = 255  # a window
    assert MOST_AREA < 22 * 22
    assert len(find_lamps(picture)) == 2


def test_a_white_speck_in_a_bright_sky_is_no_lamp():
    sky = np.full((40, 40), 235, np.uint8)
    sky[20, 20] = 255
    assert len(find_lamps(sky)) == 0
    assert len(find_lamps(np.full((20, 20), 255, np.uint8))) == 0
    assert len(find_lamps(dark())) == 0


def test_a_lamp_that_turns_grey_is_told_and_one_that_moves_is_not():
    picture = dark()
    picture[10:13, 10:13] = picture[40:42, 60:62] = 255
    lamps = find_lamps(picture)
    assert lamps.white_in(picture).all()
    grey = picture.copy()
    grey[10:13, 10:13] = 200
    assert lamps.white_in(grey).tolist() == [False, True]
    assert lamps.white_in(np.roll(picture, REACH, 1)).all()
    assert not lamps.white_in(np.roll(picture, 20, 1)).any()


def test_some_of_the_lamps():
    picture = dark()
    picture[10:13, 10:13] = picture[40:42, 60:62] = 255
    lamps = find_lamps(picture)
    second = lamps.only(np.array([False, True]))
    assert len(second) == 1
    picture[40:42, 60:62] = 30
    assert lamps.white_in(picture).tolist() == [True, False]
    assert second.white_in(picture).tolist() == [False]
