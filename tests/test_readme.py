"""The README says what the manifest says."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_tables_are_those_of_the_manifest():
    spec = importlib.util.spec_from_file_location("update", ROOT / "scripts/update_readme.py")
    update = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(update)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert update.with_tables(text) == text
    assert "| `scene_threshold` |" in text


def test_every_file_the_readme_links_to_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [part.split(")")[0] for part in text.split("](")[1:]]
    local = [link for link in links if "://" not in link]
    assert local
    assert [link for link in local if not (ROOT / link).exists()] == []
