"""What is printed where frames could flow, in a process of its own."""

import subprocess
import sys

from vsdeblur.runtime import quiet

CODE = """
import ctypes, os, runpy
stdout_to_stderr = runpy.run_path({path!r})["stdout_to_stderr"]
libc = ctypes.CDLL(None)
print("1", end="")
with stdout_to_stderr():
    print("a", end="")
    with stdout_to_stderr():
        libc.printf(b"b")
    os.system("printf c")
print("2", end="")
libc.printf(b"3")
"""


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )  # fmt: skip


def test_python_c_and_children_go_to_stderr_while_it_lasts():
    done = run(CODE.format(path=quiet.__file__))
    assert sorted(done.stdout) == ["1", "2", "3"]
    assert sorted(done.stderr) == ["a", "b", "c"]


def test_a_process_without_stdout_is_left_alone():
    code = (
        "import os, runpy, sys; os.close(1); sys.stdout = None; "
        f"quiet = runpy.run_path({quiet.__file__!r})['stdout_to_stderr']\n"
        "with quiet(): print('x', file=sys.stderr)"
    )
    assert run(code).stderr == "x\n"
