"""The preview in a headless browser, without a network: line, keys, choices, sizes, copying."""

import base64

import browsers
import numpy as np
import pytest

from vsdeblur.preview import Sight, Version
from vsdeblur.preview.page import html_page

WIDTH, HEIGHT = 320, 200


@pytest.fixture(scope="module")
def browser():
    with browsers.headless_browser() as browser:
        yield browser


def flat(value):
    return np.full((HEIGHT, WIDTH, 3), value, np.uint8)


@pytest.fixture
def asked():
    """What the page says of two versions; nothing is restored here."""

    class Named:
        def __init__(self, name, options):
            self.name, self.options, self.settings = name, options, f"vsdeblur 9.9: {name}"

    return [
        Named("dblrgan", ("--filter", "dblrgan")),
        Named("sequence", ("--filter", "sequence", "--exposure", "0.5")),
    ]


@pytest.fixture
def file(tmp_path, asked):
    """Two moments; the second version has three pictures of each, ever lighter."""
    changed = flat(60)
    changed[40:80, 200:240] = 250
    versions = (
        Version(name="dblrgan", pictures=(changed,)),
        Version(name="sequence", pictures=(flat(90), flat(120), flat(150))),
    )
    sights = [
        Sight(title=f"0:00:0{n}.00, frame {25 * n}", source=flat(60), versions=versions, aspect=1.6)
        for n in (1, 2)
    ]
    path = tmp_path / "a b.preview.html"
    path.write_text(html_page("a b.mp4", ["320x200", "25 frames/s"], sights, asked), "utf-8")
    return path


@pytest.fixture
def page(browser, file):
    with browsers.opened(browser, file) as page:
        yield page


def clip(page):
    """The clip of the picture that is right of the line."""
    return page.locator("img.over:visible").first.evaluate("e => getComputedStyle(e).clipPath")


def colour_at(page, figure, across, down):
    """The colour that is seen in a figure, at a share of its width and height."""
    png = figure.locator(".stage").screenshot()
    return page.evaluate(
        """async ([png, across, down]) => {
            const image = new Image();
            image.src = "data:image/png;base64," + png;
            await image.decode();
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [image.width, image.height];
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0);
            const [x, y] = [across * image.width, down * image.height];
            return context.getImageData(x, y, 1, 1).data[0];
        }""",
        [base64.b64encode(png).decode(), across, down],
    )


def test_the_line_is_dragged_with_the_mouse(page):
    line = page.locator(".stage input").first
    assert clip(page) == "inset(0px 0px 0px 50%)"
    line.evaluate("e => e.scrollIntoView({block: 'end'})")
    box = line.bounding_box()
    middle = box["y"] + 0.8 * box["height"]
    page.mouse.move(box["x"] + 0.5 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], middle, steps=5)
    page.mouse.move(box["x"] + 0.2 * box["width"], middle, steps=5)
    page.mouse.up()
    left = float(clip(page).split()[-1].rstrip("%)"))
    assert left == pytest.approx(20, abs=3)
    divider = page.locator(".divider").first.bounding_box()
    assert divider["x"] + 1 == pytest.approx(box["x"] + left / 100 * box["width"], abs=1.5)


def test_the_line_follows_the_keys_and_says_where_it_is(page):
    page.keyboard.press("Tab")
    for _ in range(8):
        if page.evaluate("document.activeElement.matches('.stage input')"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert clip(page) == "inset(0px 0px 0px 50.5%)"
    page.keyboard.press("Home")
    assert clip(page) == "inset(0px 0px 0px 0%)"
    page.keyboard.press("End")
    assert clip(page) == "inset(0px 0px 0px 100%)"
    assert page.evaluate("document.activeElement.getAttribute('aria-valuetext')") == (
        "100% of the left picture"
    )
    outline = page.locator(".divider").first.evaluate(
        "e => getComputedStyle(e, '::after').outlineStyle"
    )
    assert outline == "solid"


def test_left_and_right_show_what_was_chosen(page):
    figure = page.locator(".compare").first
    assert colour_at(page, figure, 0.25, 0.75) == 60
    figure.locator("input[name$=right][value=version1]").check()
    assert colour_at(page, figure, 0.25, 0.75) == 60
    assert colour_at(page, figure, 0.9, 0.75) == 120
    assert figure.locator(".tag.right").text_content() == "sequence"
    figure.locator("input[name$=left][value=version1]").check()
    assert colour_at(page, figure, 0.25, 0.75) == 120
    assert colour_at(page, figure, 0.9, 0.75) == 120
    page.keyboard.press("ArrowLeft")
    assert figure.locator("input[name$=left][value=version0]").is_checked()
    assert page.locator(".compare").nth(1).locator(".tag.right").text_content() == "dblrgan"


def test_the_map_of_the_change_comes_with_its_scale(page):
    figure = page.locator(".compare").first
    assert not page.locator(".legend").first.is_visible()
    figure.get_by_label("change by dblrgan").check()
    assert page.locator(".legend").first.is_visible()
    assert colour_at(page, figure, 0.69, 0.3) > 200
    assert colour_at(page, figure, 0.9, 0.9) < 20


def test_several_moments_of_an_exposure_are_chosen_and_played(page):
    figure = page.locator(".compare").first
    figure.locator("input[name$=right][value=version1]").check()
    moments = figure.get_by_label("Moment of the exposure")
    moments.focus()
    page.keyboard.press("ArrowRight")
    assert colour_at(page, figure, 0.9, 0.75) == 150
    play = figure.get_by_role("button", name="Play")
    play.click()
    page.wait_for_function("e => e.value !== '2'", arg=moments.element_handle())
    figure.get_by_role("button", name="Stop").click()
    stopped = moments.input_value()
    page.wait_for_timeout(300)
    assert moments.input_value() == stopped


@pytest.mark.parametrize(("zoom", "width"), [("100%", 320), ("200%", 640), ("400%", 1280)])
def test_pixels_are_shown_in_their_own_size_and_larger(page, zoom, width):
    figure = page.locator(".compare").first
    button = figure.get_by_role("button", name=zoom)
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert figure.locator("img").first.bounding_box()["width"] == width
    figure.get_by_role("button", name="Fit").click()
    assert figure.locator("img").first.bounding_box()["width"] > 500


def test_the_command_is_copied(browser, file):
    with browsers.opened(browser, file, permissions=["clipboard-read", "clipboard-write"]) as page:
        button = page.get_by_role("button", name="Copy the command for sequence")
        button.click()
        page.wait_for_function("e => e.textContent === 'Copied'", arg=button.element_handle())
        copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("--filter sequence --exposure 0.5")
    assert copied.startswith("vsdeblur restore ")
    assert "a b.mp4" in copied


def test_all_pictures_are_there_and_crops_keep_their_pixels(page):
    widths = page.eval_on_selector_all("img", "all => all.map(image => image.naturalWidth)")
    assert min(widths) > 0
    crops = page.locator(".crop img")
    assert crops.count() == 2 * 3  # of each moment one: the picture has room for no second
    assert crops.first.evaluate("e => [e.naturalWidth, getComputedStyle(e).imageRendering]") == [
        160, "pixelated",
    ]  # fmt: skip


def test_crops_of_all_versions_are_beside_each_other(page):
    boxes = [each.bounding_box() for each in page.locator(".crop").first.locator("img").all()]
    assert len({box["y"] for box in boxes}) == 1
    widths = [box["width"] for box in boxes]
    assert widths == pytest.approx([widths[0]] * 3, abs=1)
    assert widths[0] >= 2 * 160


@pytest.mark.parametrize("width", [320, 360, 768])
def test_a_narrow_window_does_not_scroll_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator(".stage").first.bounding_box()
    assert box["x"] + box["width"] <= width


def test_a_high_picture_fits_into_the_window(browser, tmp_path, asked):
    high = np.full((900, 300, 3), 80, np.uint8)
    sight = Sight(title="high", source=high, aspect=1 / 3,
                  versions=(Version(name="dblrgan", pictures=(high,)),))  # fmt: skip
    file = tmp_path / "high.html"
    file.write_text(html_page("high.mp4", [], [sight], asked[:1]), "utf-8")
    with browsers.opened(browser, file, viewport={"width": 1200, "height": 800}) as page:
        assert page.locator(".stage").bounding_box()["height"] <= 800


def test_both_schemes_have_their_own_colours(page):
    colours = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(colours) == 2


def test_names_are_shown_as_they_are(browser, tmp_path, asked):
    name = '<b>&"it\'s".mp4'
    sight = Sight(title="<i>", source=flat(1), aspect=1.6,
                  versions=(Version(name="dblrgan", pictures=(flat(2),)),))  # fmt: skip
    file = tmp_path / "page.html"
    file.write_text(html_page(name, ["<u>"], [sight], asked[:1]), "utf-8")
    with browsers.opened(browser, file) as page:
        assert page.locator("h1").text_content() == name
        assert page.locator("h2").text_content() == "<i>"
        assert page.locator("header b, header i, header u").count() == 0
