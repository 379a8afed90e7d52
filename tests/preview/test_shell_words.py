"""The command to copy, in the quotes of the user's shell."""

import shlex

import pytest

from vsdeblur.preview.shell_words import command_line, restore_command


@pytest.mark.parametrize("name", ["a b.mp4", "it's.mp4", "$HOME.mp4", "a;b.mp4", "ä.mp4", "-x.mp4"])
def test_a_shell_reads_back_what_was_meant(name):
    line = restore_command(name, ["--filter", "dblrgan"], windows=False)
    words = shlex.split(line)
    assert words[:2] == ["vsdeblur", "restore"]
    assert words[2] in (name, f"./{name}")
    assert not words[2].startswith("-")
    assert not words[3].startswith("-")
    assert words[4:] == ["--filter", "dblrgan"]


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        (r"D:\clips\a.mp4", r"D:\clips\a.mp4"),
        (r"D:\my clips\a.mp4", r'"D:\my clips\a.mp4"'),
        ("it's.mp4", '"it\'s.mp4"'),
        ("$a.mp4", "'$a.mp4'"),
        ("it's $a.mp4", "'it''s $a.mp4'"),
        ("a(1).mp4", '"a(1).mp4"'),
    ],
)
def test_powershell_and_cmd_have_other_quotes(name, quoted):
    assert command_line(["vsdeblur", name], windows=True) == f"vsdeblur {quoted}"


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("clips/a.b.mp4", "clips/a.b-restored.mp4"),
        ("photo.HEIC", "photo-restored.png"),
        ("noname", "noname-restored.mkv"),
        ("https://example.org/v/a.mp4?key=1", "a-restored.mp4"),
    ],
)
def test_the_result_has_a_name_of_its_own(source, target):
    assert shlex.split(restore_command(source, [], windows=False))[3] == target
