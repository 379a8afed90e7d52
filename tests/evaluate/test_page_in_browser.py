"""The page in a headless browser, without a network."""

import browsers
import pytest

from vsdeblur.evaluate.report.page import html_report


@pytest.fixture(scope="module")
def browser():
    with browsers.headless_browser() as browser:
        yield browser


@pytest.fixture
def page(browser, evaluated, tmp_path):
    """The report of two videos."""
    file = tmp_path / "report.html"
    file.write_text(html_report(*evaluated()), encoding="utf-8")
    with browsers.opened(browser, file) as page:
        yield page


def clip(page):
    """The clip of the picture that is right of the line."""
    return page.locator(".right:visible").first.evaluate("e => getComputedStyle(e).clipPath")


def test_the_line_follows_keys_and_mouse(page):
    slider = page.locator(".stage input").first
    assert clip(page) == "inset(0px 0px 0px 50%)"
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert clip(page) == "inset(0px 0px 0px 50.5%)"
    page.keyboard.press("Home")
    assert clip(page) == "inset(0px 0px 0px 0%)"
    box = slider.bounding_box()
    slider.click(position={"x": 0.75 * box["width"], "y": 0.25 * box["height"]})
    box = slider.bounding_box()
    left = float(clip(page).split()[-1].rstrip("%)"))
    assert left == pytest.approx(75, abs=3)
    divider = page.locator(".divider").first.bounding_box()
    assert divider["x"] + 1 == pytest.approx(box["x"] + left / 100 * box["width"], abs=1.5)


def test_the_sharp_frame_can_be_put_on_the_right(page):
    stage = page.locator(".stage").first
    assert stage.locator(".restored").is_visible()
    page.get_by_label("sharp original").first.check()
    assert stage.locator(".sharp").is_visible()
    assert not stage.locator(".restored").is_visible()
    assert stage.locator(".tag.after").text_content() == "sharp"
    page.keyboard.press("ArrowLeft")
    assert stage.locator(".restored").is_visible()


def test_all_pictures_are_there(page):
    widths = page.eval_on_selector_all("img", "all => all.map(image => image.naturalWidth)")
    assert len(widths) == 27
    assert min(widths) > 0


def test_the_curves_can_be_read(page):
    chart = page.locator(".chart svg")
    box = chart.bounding_box()
    chart.hover(position={"x": 0.1 * box["width"], "y": 0.5 * box["height"]})
    assert page.locator("output").text_content() == "first, frame 0: 28.13 → 34.15 dB (+6.02)"


def test_a_narrow_screen_does_not_scroll_sideways(page):
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_both_schemes_have_their_own_colours(page):
    colours = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(colours) == 2
