"""Moments that are asked for, and pictures as they are shown."""

from fractions import Fraction

import av
import numpy as np
import plain_clips
import pytest
from PIL import ExifTags, Image, ImageCms

from vsdeblur.errors import OptionError
from vsdeblur.preview import Asked, film_facts, see_film, see_picture
from vsdeblur.preview.sights import _time_of
from vsdeblur.stream.film import Film
from vsdeblur.stream.positions import parse_position


class Darker(plain_clips.Identity):
    """A restorer that darkens."""

    def __init__(self, multiplier=1, radius=0, channels=1):
        super().__init__()
        self.multiplier, self.radius, self.channels = multiplier, radius, channels

    def restore(self, window, number=0):
        return (0.5 * window[self.radius]).repeat(self.multiplier, 1, 1, 1)


def asked(restorer=None, name="dblrgan"):
    return Asked(name=name, restorer=restorer or Darker(), options=(), settings="")


def test_a_frame_is_found_by_its_number_at_a_rate_that_is_not_whole(tmp_path):
    path = plain_clips.write_clip(tmp_path / "in.mkv", count=40, rate=Fraction(30000, 1001))
    with Film(path) as film:
        for number in (0, 1, 17, 39):
            seconds = _time_of(parse_position(f"{number}f"), film)
            assert film.moment(seconds, 0).number == number


def test_a_video_is_looked_at_in_three_places(tmp_path):
    path = plain_clips.write_clip(tmp_path / "in.mkv", count=30)
    said = []
    with Film(path) as film:
        sights = list(see_film(film, [], [asked(), asked(name="brmr")], said.append))
        assert film_facts(film) == ["64x48", "25 frames/s", "0:00:01.20 long"]
    assert [sight.title.partition(", ")[2] for sight in sights] == [
        "frame 5", "frame 15", "frame 25",
    ]  # fmt: skip
    assert len(said) == 6
    assert said[1] == "brmr at 0:00:00.20, frame 5"
    for sight in sights:
        assert sight.aspect == 64 / 48
        first, second = sight.versions
        assert first.middle.mean() < sight.source.mean()
        np.testing.assert_array_equal(first.middle, second.middle)


def test_a_filter_that_gives_several_shows_them_all(tmp_path):
    path = plain_clips.write_clip(tmp_path / "in.mkv", count=6)
    with Film(path) as film:
        (sight,) = see_film(film, [parse_position("2f")], [asked(Darker(multiplier=7))])
    assert len(sight.versions[0].pictures) == 7


def test_a_video_is_shown_turned_and_in_its_shape(tmp_path):
    path = plain_clips.write_clip(tmp_path / "in.mkv", count=3)
    with av.open(str(path)) as plain, av.open(str(tmp_path / "turned.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        stream.set_display_matrix([0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30])
        for frame in plain.decode(video=0):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with Film(tmp_path / "turned.mp4") as film:
        (sight,) = see_film(film, [parse_position("0")], [asked()])
        own = film.pixels(film.moment(Fraction(0), 0).frame)
    assert sight.source.shape == (64, 48, 3)
    np.testing.assert_array_equal(sight.source, np.rot90(own, -1))  # a quarter clockwise
    assert sight.aspect == pytest.approx(48 / (2 * 64))
    assert sight.versions[0].middle.shape == (64, 48, 3)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
def test_pictures_of_all_kinds_are_shown_in_8_bits_of_rgb(tmp_path, mode):
    path = tmp_path / "in.png"
    bands = {"L": (), "RGB": (3,), "RGBA": (4,), "I;16": ()}[mode]
    kind = np.uint16 if mode == "I;16" else np.uint8
    pixels = np.full((20, 30, *bands), 200 * (257 if kind is np.uint16 else 1), kind)
    Image.fromarray(pixels).save(path)
    sight = see_picture(path, [asked()], max_megapixels=1)
    assert sight.source.shape == (20, 30, 3)
    assert sight.source.dtype == np.uint8
    assert (sight.source == 200).all()
    assert (sight.versions[0].middle == 100).all()
    assert sight.title == "in.png"


def test_a_photo_is_shown_upright_and_through_its_profile(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:10, :10] = 250
    Image.fromarray(pixels).save(tmp_path / "in.png", exif=exif, icc_profile=profile)
    sight = see_picture(tmp_path / "in.png", [asked()], max_megapixels=1)
    assert sight.source.shape == (30, 20, 3)
    assert sight.source[5, 15].min() >= 249  # what was at the left is at the right
    assert sight.source[25, 5].max() == 0
    assert sight.aspect == pytest.approx(20 / 30)


def test_a_picture_is_not_looked_at_with_a_filter_of_several(tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "in.png")
    with pytest.raises(OptionError, match="sequence gives several frames for each"):
        see_picture(tmp_path / "in.png", [asked(Darker(7), "sequence")], max_megapixels=1)
