"""Shell completion: what is offered, and that the shells take the scripts."""

import os
import shutil
import subprocess
import sys

import pytest
from click.shell_completion import BashComplete

from vsdeblur.cli.completion import PROGRAM, SHELLS, VARIABLE
from vsdeblur.cli.main import app, main


def offered(*words):
    """What is offered for the last word."""
    *before, incomplete = words
    shell = BashComplete(app, {}, PROGRAM, VARIABLE)
    return [item.value for item in shell.get_completions(before, incomplete)]


def test_commands_options_and_values_are_offered():
    assert offered("re") == ["restore"]
    assert offered("restore", "--max-m") == ["--max-megapixels"]
    assert offered("restore", "--filter", "b") == ["brmr"]
    assert offered("restore", "--model", "") == ["auto", "fast", "paper", "quality"]
    assert offered("restore", "--filter", "brmr", "--model", "") == ["fast", "paper"]
    assert offered("restore", "--guard", "t") == ["true"]
    assert offered("restore", "--tta", "") == ["1", "4", "8"]
    assert offered("restore", "--exposure", "") == []


@pytest.mark.parametrize("words", [("restore", "in"), ("info", "in"), ("restore", "--weights", "")])
def test_files_are_left_to_the_shell(words):
    shell = BashComplete(app, {}, PROGRAM, VARIABLE)
    assert [item.type for item in shell.get_completions(list(words[:-1]), words[-1])] == ["file"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_its_script(capsys, shell):
    assert main(["completion", shell]) == 0
    assert f"{shell}_complete" in capsys.readouterr().out


def test_the_shell_is_guessed_and_unknown_ones_are_refused(monkeypatch, capsys):
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    if os.name != "nt":
        assert main(["completion"]) == 0
        assert "fish_complete" in capsys.readouterr().out
    assert main(["completion", "csh"]) == 2
    message = "unknown shell 'csh'; choose one of: bash, zsh, fish, powershell"
    assert capsys.readouterr().err == f"vsdeblur: error: {message}\n"


@pytest.mark.parametrize(
    ("shell", "code"),
    [
        (
            "bash",
            '. ./script; COMP_WORDS=(vsdeblur restore --fil); COMP_CWORD=2; '
            '_vsdeblur_completion vsdeblur; echo "${COMPREPLY[@]}"',
        ),
        (
            "zsh",
            "autoload -Uz compinit; compinit -u -d ./dump; . ./script; which _vsdeblur_completion",
        ),
        ("fish", "source ./script; complete -C 'vsdeblur restore --fil'"),
    ],
)  # fmt: skip
def test_the_shells_take_their_scripts(tmp_path, shell, code):
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"there is no {shell} here")
    (tmp_path / "vsdeblur").write_text(
        f"#!{sys.executable}\nimport sys\nfrom vsdeblur.cli.main import main\nsys.exit(main())\n"
    )
    (tmp_path / "vsdeblur").chmod(0o755)
    environ = os.environ | {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.getcwd(),  # noqa: PTH109
        "HOME": str(tmp_path),
    }
    job = [sys.executable, tmp_path / "vsdeblur", "completion", shell]
    script = subprocess.run(job, env=environ, capture_output=True, check=True).stdout
    (tmp_path / "script").write_bytes(script)
    done = subprocess.run(
        [found, "-c", code], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert ("_vsdeblur_completion" if shell == "zsh" else "--filter") in done.stdout
