"""README.md and docs/ say what the manifest, the imports and the measurements say."""

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import draw_house
import pytest
import update_readme

from vsdeblur.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text_of(page):
    return page.read_text(encoding="utf-8")


def prose_of(page):
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)


def links_of(page):
    """Where a page's links and pictures lead to, but for other sites."""
    links = re.findall(r"\]\(([^)\s]+)\)", prose_of(page))
    return [link for link in links if "://" not in link]


def anchors_of(page):
    """Names of a page's headings in links, as GitHub makes them."""
    seen, anchors = Counter(), set()
    for heading in re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return anchors


def resolves(page, link):
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in anchors_of(target))


@every_page
def test_links_lead_to_files_and_headings_that_exist(page):
    assert [link for link in links_of(page) if not resolves(page, link)] == []


def test_a_link_to_nothing_is_noticed(tmp_path):
    page, other = tmp_path / "a.md", tmp_path / "b.md"
    page.write_text("[x](b.md#two-words) [y](b.md#three) [z](c.md) [s](https://example.org/c.md)\n")
    other.write_text("# Two words\n\n```sh\n# three\n```\n")
    assert [link for link in links_of(page) if not resolves(page, link)] == ["b.md#three", "c.md"]


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), [PAGES[0]]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        targets = {(page.parent / link.partition("#")[0]).resolve() for link in links_of(page)}
        waiting += [each for each in PAGES if each.resolve() in targets and each not in reached]
    assert reached == set(PAGES)


def test_every_command_is_on_its_page():
    text = text_of(ROOT / "docs/command.md")
    for name, command in app.commands.items():
        assert re.search(rf"^## vsdeblur {name}\b", text, re.MULTILINE)
        for parameter in getattr(command, "params", []):
            assert all(f"`{option}" in text for option in parameter.opts if option[:2] == "--")


def test_the_readme_is_short():
    assert len(PAGES[0].read_bytes()) <= 10_000


@every_page
def test_what_is_written_by_the_script_is_not_stale(page):
    assert update_readme.with_tables(text_of(page)) == text_of(page), "run scripts/update_readme.py"


def test_tables_have_what_the_manifest_has():
    assert "| `scene_threshold` |" in text_of(ROOT / "docs/filters.md")
    for name in ("dblrgan", "brmr", "sequence"):
        assert f"| `{name}` |" in text_of(PAGES[0])


def test_a_score_of_the_manifest_comes_into_the_table(monkeypatch):
    monkeypatch.setattr(update_readme, "measured", lambda facts, model: f"figure of {model.name}")
    assert update_readme.with_tables(text_of(PAGES[0])).count("figure of fast") == 3


# The picture of the house


def test_the_house_is_drawn_from_the_imports_as_they_are():
    drawn = draw_house.draw(draw_house.read_house())
    assert drawn == text_of(ROOT / "docs/house.svg"), "run scripts/update_readme.py"


def test_rooms_and_numbers_of_imports_are_in_the_picture():
    drawn = draw_house.draw(
        draw_house.House(
            [["top"], ["left", "right"], ["foot"]],
            Counter(top=3, left=1, right=2, foot=5),
            Counter({("top", "right"): 17, ("foot", "left"): 23}),
        )
    )
    texts = ["".join(each.itertext()) for each in ElementTree.fromstring(drawn).iter()]
    for expected in ("top 3", "left 1", "right 2", "foot 5", "17", "23"):
        assert texts.count(expected) == 1
    assert drawn.count(draw_house.UP) == 1  # the foot imports what stands above it
    assert drawn.count('class="floor"') == 1
