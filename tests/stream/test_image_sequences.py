"""Image sequences, in and out: pixels, times, numbers, and what is refused."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, PngImagePlugin

from vsdeblur.cli.main import main
from vsdeblur.errors import OptionError, VideoError
from vsdeblur.stream import StreamOptions, plan_file, restore_file
from vsdeblur.stream.deep_pictures import read_deep, write_deep
from vsdeblur.stream.excerpt import ExcerptRequest
from vsdeblur.stream.jobs.forecast import forecast_file
from vsdeblur.stream.positions import parse_position
from vsdeblur.stream.sequences.names import find_pictures, pattern_of
from vsdeblur.stream.sequences.rates import parse_rate
from vsdeblur.stream.settings import ResumeRequest

COUNT = 10
SIZE = (48, 64)
SETTINGS = "vsdeblur 0: --filter none; weights sha256 " + "0" * 64


def noise(index, channels=3, deep=False):
    random = np.random.default_rng(index)
    shape = SIZE if channels == 1 else (*SIZE, channels)
    return random.integers(0, 65536 if deep else 256, shape).astype(np.uint16 if deep else np.uint8)


def write_picture(path, pixels, **more):
    path.parent.mkdir(exist_ok=True)
    if pixels.dtype == np.uint16 and pixels.ndim == 3:
        path.write_bytes(write_deep(pixels, path.suffix, more))
    else:
        Image.fromarray(pixels).save(path, **more)


def read_picture(path):
    with Image.open(path) as image:
        is_deep = ";16" in str(image.tile[0][3])
        pixels = np.asarray(image)
    return read_deep(path) if is_deep and pixels.ndim == 3 else pixels


@pytest.fixture
def sequence(tmp_path):
    """Writes f0001.png and so on; returns the pattern and the pixels."""

    def write(channels=3, deep=False, suffix=".png", numbers=range(1, COUNT + 1)):
        pictures = [noise(number, channels, deep) for number in numbers]
        for number, pixels in zip(numbers, pictures, strict=True):
            write_picture(tmp_path / "in" / f"f{number:04d}{suffix}", pixels)
        return tmp_path / "in" / f"f%04d{suffix}", pictures

    return write


@pytest.fixture
def mean_restorer(make_restorer):
    """All five frames are in the result, each by its own share."""

    def mean(window):
        shares = window.new_tensor([0.1, 0.15, 0.3, 0.2, 0.25])
        return (window * shares[:, None, None, None]).sum(0, keepdim=True)

    return make_restorer(mean)


# Pixels


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_is_left_alone_keeps_its_values(
    tmp_path, sequence, make_restorer, channels, deep, suffix
):
    pattern, pictures = sequence(channels, deep, suffix)
    result = restore_file(pattern, tmp_path / "out" / f"g%04d{suffix}", make_restorer())
    assert result.frames_out == COUNT
    for number, pixels in enumerate(pictures, 1):
        written = read_picture(tmp_path / "out" / f"g{number:04d}{suffix}")
        assert written.dtype == pixels.dtype
        assert np.array_equal(written, pixels)
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.parametrize("deep", [False, True])
def test_luma_is_restored_from_the_neighbours(tmp_path, sequence, mean_restorer, deep):
    pattern, pictures = sequence(3, deep)
    restore_file(pattern, tmp_path / "out" / "%d.png", mean_restorer)
    peak = 65535 if deep else 255
    shares = np.array([0.299, 0.587, 0.114])
    luma = [pixels @ shares for pixels in pictures]
    mean = sum(s * luma[i] for s, i in zip([0.1, 0.15, 0.3, 0.2, 0.25], range(3, 8), strict=True))
    wanted = (pictures[5] + (mean - luma[5])[..., None]).round().clip(0, peak)
    written = read_picture(tmp_path / "out" / "6.png").astype(int)
    assert abs(written - wanted).max() <= 1


def test_rgb_is_restored_as_rgb(tmp_path, sequence, make_rgb_restorer):
    pattern, pictures = sequence()
    restorer = make_rgb_restorer(lambda window: window.flip(1))  # red and blue change places
    restore_file(pattern, tmp_path / "out" / "f%04d.png", restorer)
    assert np.array_equal(read_picture(tmp_path / "out" / "f0003.png"), pictures[2][..., ::-1])


def test_several_pictures_for_each_are_numbered_on(tmp_path, sequence, make_restorer):
    pattern, pictures = sequence()
    restorer = make_restorer(lambda w: torch.cat([w[2:3], w[2:3] * 0.5, w[2:3]]))
    restorer.multiplier = 3
    assert restore_file(pattern, tmp_path / "out" / "f%04d.png", restorer).frames_out == 3 * COUNT
    assert len(list((tmp_path / "out").iterdir())) == 3 * COUNT
    for number in range(COUNT):
        whole = read_picture(tmp_path / "out" / f"f{3 * number + 1:04d}.png")
        assert np.array_equal(whole, pictures[number])


@pytest.mark.parametrize(("pix_fmt", "dtype"), [("yuv444p", np.uint8), ("yuv444p10le", np.uint16)])
def test_video_becomes_pictures_of_its_depth(tmp_path, write_clip, make_restorer, pix_fmt, dtype):
    clip = write_clip(tmp_path / "in.mkv", count=4, pix_fmt=pix_fmt, codec="ffv1")
    restore_file(clip, tmp_path / "out" / "%03d.png", make_restorer())
    with av.open(str(clip)) as container:
        frames = list(container.decode(video=0))
    for number, frame in enumerate(frames, 1):
        written = read_picture(tmp_path / "out" / f"{number:03d}.png")
        assert written.dtype == dtype
        # BT.601, as SD video without a name is taken for.
        y, u, v = (np.asarray(p, np.float64) for p in planes_of(frame))
        scale = 1 if dtype == np.uint8 else 4
        y, u, v = (y / scale - 16) / 219, (u / scale - 128) / 224, (v / scale - 128) / 224
        rgb = np.stack([y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u], -1)
        peak = np.iinfo(dtype).max
        assert abs(written - (rgb * peak).clip(0, peak)).max() <= 1 * (peak // 255)


def planes_of(frame):
    dtype = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    return [
        np.frombuffer(plane, dtype).reshape(plane.height, -1)[:, : plane.width]
        for plane in frame.planes
    ]


def test_pictures_become_a_video_and_pictures_again(tmp_path, sequence, make_restorer):
    pattern, pictures = sequence()
    video = tmp_path / "video.mkv"
    options = StreamOptions(codec="ffv1", pixel_format="yuv444p12le")
    restore_file(pattern, video, make_restorer(), options)
    restore_file(
        video, tmp_path / "out" / "%04d.png", make_restorer(), StreamOptions(pixel_format="rgb24")
    )
    for number, pixels in enumerate(pictures, 1):
        assert np.array_equal(read_picture(tmp_path / "out" / f"{number:04d}.png"), pixels)


def test_grey_pictures_are_full_range_in_a_video(tmp_path, sequence, make_restorer, read_clip):
    pattern, pictures = sequence(channels=1)
    restore_file(pattern, tmp_path / "out.mkv", make_restorer(), StreamOptions(codec="ffv1"))
    frames = read_clip(tmp_path / "out.mkv")
    assert frames[0].frame.color_range == 2
    assert np.array_equal(frames[3].planes[0], pictures[3])


def test_a_phone_s_video_becomes_upright_pictures(tmp_path, write_clip, make_restorer):
    def turn(stream):
        stream.set_display_matrix([0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30])

    upright = write_clip(tmp_path / "a.mp4", count=2)
    turned = write_clip(tmp_path / "b.mp4", count=2, setup=turn)
    for clip in (upright, turned):
        restore_file(clip, tmp_path / clip.stem / "%d.png", make_restorer())
    with av.open(str(turned)) as container:
        turns = next(container.decode(video=0)).rotation // 90
    assert turns % 4 in (1, 3)
    plain, other = (read_picture(tmp_path / name / "1.png") for name in ("a", "b"))
    assert np.array_equal(other, np.rot90(plain, turns))


def test_alpha_of_a_video_is_kept_in_pictures(tmp_path, write_clip, make_restorer, plane_values):
    clip = write_clip(tmp_path / "in.mkv", count=2, pix_fmt="yuva420p", codec="ffv1")
    restore_file(clip, tmp_path / "out" / "%d.png", make_restorer())
    with av.open(str(clip)) as container:
        alpha = plane_values(next(container.decode(video=0)))[3]
    assert np.array_equal(read_picture(tmp_path / "out" / "1.png")[..., 3], alpha)


def test_opaque_pictures_make_a_video_without_alpha(tmp_path, make_restorer, read_clip):
    for number in range(4):
        pixels = np.dstack([noise(number), np.full(SIZE, 255, np.uint8)])
        write_picture(tmp_path / "in" / f"{number}.png", pixels)
    restore_file(tmp_path / "in", tmp_path / "out.mp4", make_restorer())
    assert read_clip(tmp_path / "out.mp4")[0].frame.format.name == "yuv444p"
    restore_file(tmp_path / "in", tmp_path / "out", make_restorer())
    assert read_picture(tmp_path / "out" / "0.png").shape[-1] == 4


def test_what_describes_a_picture_stays_with_it(tmp_path, make_restorer):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for number in range(4):
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Title", f"picture {number}")
        more = {"pnginfo": texts, "icc_profile": profile, "dpi": (72, 72)}
        write_picture(tmp_path / "in" / f"{number}.png", noise(number), **more)
    options = StreamOptions(settings=SETTINGS)
    restore_file(tmp_path / "in" / "%d.png", tmp_path / "out" / "%d.png", make_restorer(), options)
    for number in range(4):
        with Image.open(tmp_path / "out" / f"{number}.png") as image:
            assert image.text == {"Title": f"picture {number}", "Comment": SETTINGS}
            assert image.info["icc_profile"] == profile
            assert round(image.info["dpi"][0]) == 72


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures_are_upright(tmp_path, make_restorer, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for number in range(2):
        write_picture(tmp_path / "in" / f"{number}.png", noise(number), exif=exif.tobytes())
    restore_file(tmp_path / "in" / "%d.png", tmp_path / "out" / "%d.png", make_restorer())
    from PIL import ImageOps

    with (
        Image.open(tmp_path / "in" / "1.png") as before,
        Image.open(tmp_path / "out" / "1.png") as after,
    ):
        assert after.getexif().get(0x0112, 1) == 1
        assert np.array_equal(np.asarray(ImageOps.exif_transpose(before)), np.asarray(after))


# Times and numbers


def test_pictures_have_the_rate_that_is_said(tmp_path, sequence, make_restorer, read_clip):
    pattern, _ = sequence()
    rate = Fraction(24000, 1001)
    options = StreamOptions(codec="libx264", input_rate=rate, encoder_options={"qp": "0"})
    restore_file(pattern, tmp_path / "out.mp4", make_restorer(), options)
    frames = read_clip(tmp_path / "out.mp4")
    assert [frame.seconds for frame in frames] == [n / rate for n in range(COUNT)]
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert Fraction(str(container.streams.video[0].average_rate)) == rate


def test_missing_pictures_are_said_and_leave_a_gap(
    tmp_path, sequence, make_restorer, read_clip, caplog
):
    pattern, _ = sequence(numbers=[3, 4, 5, 8, 9, 10, 11, 12])
    caplog.set_level("WARNING", logger="vsdeblur")
    options = StreamOptions(codec="ffv1")
    result = restore_file(pattern, tmp_path / "out.mkv", make_restorer(), options)
    assert f"{pattern}: 2 pictures are missing, number 6 to 7" in caplog.text
    assert not result.whole
    times = [round(frame.seconds * 25) for frame in read_clip(tmp_path / "out.mkv")]
    assert times == [0, 1, 2, 5, 6, 7, 8, 9]
    restore_file(pattern, tmp_path / "out" / "x%04d.png", make_restorer())
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == [f"x{number:04d}.png" for number in (3, 4, 5, 8, 9, 10, 11, 12)]


def test_every_tenth_number_has_no_gaps(tmp_path, sequence, make_restorer, read_clip):
    pattern, _ = sequence(numbers=range(10, 60, 10))
    result = restore_file(pattern, tmp_path / "o.mkv", make_restorer(), StreamOptions(codec="ffv1"))
    assert result.whole
    assert [round(f.seconds * 25) for f in read_clip(tmp_path / "o.mkv")] == [0, 1, 2, 3, 4]


def test_a_damaged_picture_is_held(tmp_path, sequence, make_restorer):
    pattern, pictures = sequence()
    damaged = tmp_path / "in" / "f0004.png"
    damaged.write_bytes(damaged.read_bytes()[:200])
    result = restore_file(pattern, tmp_path / "out" / "f%04d.png", make_restorer())
    assert not result.whole
    assert len(list((tmp_path / "out").iterdir())) == COUNT
    assert np.array_equal(read_picture(tmp_path / "out" / "f0004.png"), pictures[2])


def test_a_part_keeps_its_numbers(tmp_path, sequence, mean_restorer):
    pattern, _ = sequence()
    restore_file(pattern, tmp_path / "whole" / "f%04d.png", mean_restorer)
    part = ExcerptRequest(parse_position("3f"), parse_position("4f"))
    options = StreamOptions(part=part)
    restore_file(pattern, tmp_path / "part" / "f%04d.png", mean_restorer, options)
    written = sorted((tmp_path / "part").iterdir())
    assert [path.name for path in written] == [f"f{number:04d}.png" for number in range(4, 8)]
    for path in written:
        assert np.array_equal(read_picture(path), read_picture(tmp_path / "whole" / path.name))


def test_a_folder_is_sorted_as_people_count(tmp_path, make_restorer, read_clip):
    for number in (1, 2, 10, 9):
        write_picture(
            tmp_path / "in" / f"shot {number}b.png", np.full((*SIZE, 3), number, np.uint8)
        )
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    restore_file(tmp_path / "in", tmp_path / "out", make_restorer())
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        f"shot {number}b.png" for number in (1, 2, 9, 10)
    }
    seen = []
    restorer = make_restorer(lambda w: seen.append(round(float(w[2].mean()) * 255)) or w[2:3])
    restore_file(tmp_path / "in", tmp_path / "out.mkv", restorer, StreamOptions(codec="ffv1"))
    assert [value - min(seen) for value in seen] == [0, 1, 8, 9]


def test_long_sequences_are_read_as_they_go(tmp_path, make_restorer):
    import threading

    for number in range(120):
        write_picture(tmp_path / "in" / f"{number:03d}.png", noise(number % 7, 1))
    loaded = []
    from vsdeblur.stream.sequences import feed

    real = feed.load_picture

    def load(path, most):
        loaded.append(path)
        return real(path, most)

    ahead = []
    feed.load_picture = load
    try:
        restorer = make_restorer(lambda w: ahead.append(len(loaded) - restorer.windows) or w[2:3])
        restore_file(tmp_path / "in", tmp_path / "out", restorer)
    finally:
        feed.load_picture = real
    assert max(ahead) < 40
    assert len(list((tmp_path / "out").iterdir())) == 120
    assert threading.active_count() < 20


# What is written where


def test_what_is_there_is_replaced_only_if_that_is_said(tmp_path, sequence, make_restorer):
    pattern, _ = sequence()
    target = tmp_path / "out" / "f%04d.png"
    keep = StreamOptions(overwrite=False)
    restore_file(pattern, target, make_restorer(), keep)
    with pytest.raises(
        VideoError, match=r"holds such pictures already, f0001\.png the first of 10"
    ):
        restore_file(pattern, target, make_restorer(), keep)
    restore_file(pattern, tmp_path / "out" / "other%04d.png", make_restorer(), keep)
    restore_file(pattern, target, make_restorer())


def test_ctrl_c_leaves_whole_pictures_and_resume_goes_on(tmp_path, sequence, make_restorer):
    pattern, pictures = sequence()

    def stop(window):
        if restorer.windows > 4:
            raise KeyboardInterrupt
        return window[2:3]

    restorer = make_restorer(stop)
    request = ResumeRequest(settings=SETTINGS, goes_on=True)
    options = StreamOptions(settings=SETTINGS, overwrite=False, resume=request)
    target = tmp_path / "out" / "f%04d.png"
    result = restore_file(pattern, target, restorer, options)
    assert result.interrupted
    assert len(list((tmp_path / "out").iterdir())) == 4
    again = make_restorer()
    result = restore_file(pattern, target, again, options)
    assert result.frames_out == COUNT
    assert again.numbers == list(range(4, COUNT))
    for number, pixels in enumerate(pictures, 1):
        assert np.array_equal(read_picture(tmp_path / "out" / f"f{number:04d}.png"), pixels)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]


def test_a_video_of_pictures_goes_on_too(tmp_path, sequence, make_restorer, read_clip):
    pattern, _ = sequence()

    def stop(window):
        if restorer.windows > 4:
            raise KeyboardInterrupt
        return window[2:3]

    restorer = make_restorer(stop)
    request = ResumeRequest(settings=SETTINGS, goes_on=True, keeps_all=True)
    options = StreamOptions(codec="ffv1", resume=request)
    assert restore_file(pattern, tmp_path / "out.mkv", restorer, options).can_go_on
    write_picture(tmp_path / "in" / "f0011.png", noise(11))
    with pytest.raises(VideoError, match=r"begun with f%04d\.png as it was before it changed"):
        restore_file(pattern, tmp_path / "out.mkv", make_restorer(), options)
    (tmp_path / "in" / "f0011.png").unlink()
    again = make_restorer()
    assert restore_file(pattern, tmp_path / "out.mkv", again, options).frames_out == COUNT
    assert again.windows == COUNT - 3
    restore_file(pattern, tmp_path / "whole.mkv", make_restorer(), StreamOptions(codec="ffv1"))
    pairs = zip(read_clip(tmp_path / "out.mkv"), read_clip(tmp_path / "whole.mkv"), strict=True)
    assert all(np.array_equal(a.planes[0], b.planes[0]) for a, b in pairs)


def test_pictures_of_other_settings_are_not_gone_on_with(tmp_path, sequence, make_restorer):
    pattern, _ = sequence()
    target = tmp_path / "out" / "f%04d.png"
    restore_file(pattern, target, make_restorer(), StreamOptions(settings=SETTINGS))
    other = SETTINGS.replace("none", "another")
    options = StreamOptions(settings=other, resume=ResumeRequest(settings=other, goes_on=True))
    with pytest.raises(
        VideoError, match=r"f0010\.png does not say that it was restored with these"
    ):
        restore_file(pattern, target, make_restorer(), options)


def test_an_error_removes_the_folder_that_it_left_empty(tmp_path, sequence, make_restorer):
    pattern, _ = sequence()

    def fail(window):
        raise RuntimeError("the card is gone")

    with pytest.raises(RuntimeError):
        restore_file(pattern, tmp_path / "out" / "f%04d.png", make_restorer(fail))
    assert not (tmp_path / "out").exists()


def test_a_dry_run_measures_pictures_too(tmp_path, sequence, write_clip, make_restorer):
    clip = write_clip(tmp_path / "in.mkv", count=40, sound_at=0)
    target = tmp_path / "out" / "%04d.png"
    plan = plan_file(clip, target, make_restorer())
    assert plan.lines()[1].endswith("left out, pictures hold no other tracks")
    forecast = forecast_file(clip, target, make_restorer(), StreamOptions())
    assert not (tmp_path / "out").exists()
    restore_file(clip, target, make_restorer())
    size = sum(path.stat().st_size for path in (tmp_path / "out").iterdir())
    assert forecast.bytes == pytest.approx(size, rel=0.1)
    pattern, _ = sequence()
    forecast = forecast_file(pattern, tmp_path / "o.mkv", make_restorer(), StreamOptions())
    assert forecast.frames == COUNT
    assert forecast.measured is not None


# Names


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("f%04d.png", ("f", 4, ".png")),
        ("a/%d.jpg", ("", 1, ".jpg")),
        ("f%4d.png", None),
        ("f.png", None),
        ("%d-%d.png", None),
        ("50%.png", None),
    ],
)
def test_patterns_are_told_from_names(name, parts):
    assert pattern_of(name) == parts


def test_numbers_of_a_pattern_are_those_that_it_writes(tmp_path):
    for name in ("f0001.png", "f0002.png", "f00003.png", "f3.png", "f10000.png", "g0001.png"):
        (tmp_path / name).touch()
    assert find_pictures(tmp_path / "f%04d.png").numbers == (1, 2, 10000)
    assert find_pictures(tmp_path / "f%d.png").numbers == (3, 10000)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([1, 2, 3], ""),
        ([1, 3], ""),
        ([1, 2, 4], "1 picture is missing, number 3"),
        ([1, 2, 5, 6, 9], "4 pictures are missing, number 3 to 4, 7 to 8"),
        ([1, 2, 4, 6, 8, 10], "4 pictures are missing, number 3, 5, 7, ..."),
    ],
)
def test_gaps_are_said(tmp_path, numbers, said):
    for number in numbers:
        (tmp_path / f"f{number:02d}.png").touch()
    assert find_pictures(tmp_path / "f%02d.png").gaps() == said


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", Fraction(25)),
        ("23.976", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("24000/1001", Fraction(24000, 1001)),
    ],
)
def test_rates_are_read(text, rate):
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["0", "-1", "x", "1/0", "1001", "", "25fps"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(OptionError, match="is no rate"):
        parse_rate(text)


# What is refused


def test_what_is_no_sequence_is_refused(tmp_path, sequence, write_clip, make_restorer):
    pattern, _ = sequence()
    clip = write_clip(tmp_path / "clip.mkv")

    def refusal(source, target, **options):
        with pytest.raises((VideoError, OptionError)) as refused:
            restore_file(source, target, make_restorer(), StreamOptions(**options))
        assert "\n" not in str(refused.value)
        return str(refused.value)

    out = tmp_path / "out.mkv"
    assert "no picture fits the pattern" in refusal(tmp_path / "in" / "x%04d.png", out)
    assert "does not exist" in refusal(tmp_path / "no" / "x%04d.png", out)
    assert "is no pattern of pictures" in refusal(tmp_path / "in" / "x%04d.mkv", out)
    (tmp_path / "empty").mkdir()
    assert "holds no picture" in refusal(tmp_path / "empty", out)
    assert "--input-rate is for pictures" in refusal(clip, out, input_rate=Fraction(25))
    assert "is an image sequence" in refusal(pattern, out, join=(clip,))
    assert "is not written; write .avif" in refusal(clip, tmp_path / "o" / "%d.heic")
    assert "make it first" in refusal(clip, tmp_path / "no" / "o" / "%d.png")
    assert "is a folder; give the name of a file" in refusal(clip, tmp_path / "empty")
    assert "holds the pictures that are read" in refusal(pattern, tmp_path / "in" / "f%04d.png")
    assert "holds the pictures that are read" in refusal(tmp_path / "in", tmp_path / "in")
    write_picture(tmp_path / "in" / "f0005.png", noise(5)[:40])
    assert "f0005.png is 64x40 pixels, not 64x48 as f0001.png" in refusal(pattern, out)
    write_picture(tmp_path / "in" / "g1.png", noise(1))
    assert "holds several sequences (f%d.png, g%d.png)" in refusal(tmp_path / "in", out)


def test_the_command_asks_what_a_folder_of_pictures_is(capfd, tmp_path, sequence, monkeypatch):
    sequence()
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["restore", "in", "out", "--device", "cpu"]) == 2
    said = capfd.readouterr().err
    assert "in holds pictures: if they are the frames of one video give --input-rate" in said
    assert main(["restore", "in", "out", "--input-rate", "25", "--device", "cpu"]) == 0
    assert len(list((tmp_path / "out").iterdir())) == COUNT
    assert "10 frames" in capfd.readouterr().err
    assert main(["restore", "in", "out", "--input-rate", "25", "--no-clobber"]) == 0
    assert "out exists and stays as it is" in capfd.readouterr().err
    assert main(["restore", "in/f%04d.png", "--out", "out2"]) == 2
    assert "is the pattern of an image sequence" in capfd.readouterr().err
    assert main(["restore", "in", "--out", "out2", "--input-rate", "25"]) == 2
    assert "--input-rate is for one image sequence" in capfd.readouterr().err
    assert main(["restore", "in", "o.mkv", "--input-rate", "fast"]) == 2
    assert "'fast' is no rate" in capfd.readouterr().err
