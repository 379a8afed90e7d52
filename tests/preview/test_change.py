"""How far a picture was changed, and where most."""

import numpy as np

from vsdeblur.preview.change import MOST_CHANGE, change_of, heat_map, places_of_most_change


def test_a_change_is_that_of_the_channel_that_changed_most():
    before = np.zeros((2, 2, 3), np.uint8)
    after = before.copy()
    after[0, 1] = (3, 200, 10)
    np.testing.assert_array_equal(change_of(before, after), [[0, 200], [0, 0]])
    np.testing.assert_array_equal(change_of(after, before), change_of(before, after))


def test_the_map_has_the_size_of_the_picture_and_a_fixed_scale():
    none = heat_map(np.zeros((6, 8), np.float32))
    most = heat_map(np.full((6, 8), MOST_CHANGE, np.float32))
    assert none.shape == (6, 8, 3)
    assert none.max() == 0
    np.testing.assert_array_equal(most, heat_map(np.full((6, 8), 255, np.float32)))
    assert most[0, 0].tolist() == [255, 250, 190]


def test_the_places_of_most_change_come_in_order_and_do_not_overlap():
    change = np.zeros((50, 100), np.float32)
    change[5:10, 5:10] = 9
    change[30:35, 80:85] = 20
    first, second, *rest = places_of_most_change(change, (20, 20), 8)
    assert first[0] in range(65, 81)
    assert first[1] in range(15, 31)
    assert second[0] <= 5
    assert second[1] <= 5
    places = [first, second, *rest]
    for n, (left, top) in enumerate(places):
        assert 0 <= left <= 80
        assert 0 <= top <= 30
        for other_left, other_top in places[:n]:
            assert abs(left - other_left) >= 20 or abs(top - other_top) >= 20


def test_a_picture_as_small_as_a_part_has_one_place():
    assert places_of_most_change(np.zeros((16, 16), np.float32), (16, 16), 3) == [(0, 0)]
