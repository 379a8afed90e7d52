"""The script that compares before and after in a previewer, as the documentation gives it."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import plain_clips
import pytest
import vapoursynth as vs

ROOT = Path(__file__).parents[2]


def script():
    text = (ROOT / "docs/filters.md").read_text(encoding="utf-8")
    (code,) = re.findall(
        r"```python\n(import vapoursynth as vs\nfrom vsview.*?)```", text, re.DOTALL
    )
    return code


@pytest.fixture
def clip(tmp_path, monkeypatch):
    if not hasattr(vs.core, "bs"):
        pytest.skip("BestSource is not installed: pip install vapoursynth-bestsource")
    monkeypatch.chdir(tmp_path)
    return plain_clips.write_clip(tmp_path / "concert.mkv", count=3)


def shown(code, clip):
    """The clips that the script hands to a previewer, by name."""
    given = {}
    with pytest.MonkeyPatch.context() as patch:
        stand_in = SimpleNamespace(set_output=lambda node, name: given.update({name: node}))
        patch.setitem(sys.modules, "vsview", stand_in)
        exec(code.replace("concert.mp4", clip.name), {})
    return given


def test_source_and_result_are_beside_each_other(clip):
    given = shown(script(), clip)
    assert list(given) == ["blurred", "restored"]
    for node in given.values():
        assert (node.width, node.height, node.num_frames) == (64, 48, 3)
        node.get_frame(1)


def test_the_previewer_itself_takes_them(clip, monkeypatch):
    vsview = pytest.importorskip("vsview", reason="vsview is not installed")
    exec(script().replace("concert.mp4", clip.name), {})
    assert len(vs.get_outputs()) == 2
    assert vsview
    vs.clear_outputs()
