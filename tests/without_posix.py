"""Takes from vsdeblur what Windows does not have: without_posix.py COMMAND... [then COMMAND...]

Modules that only POSIX systems have cannot be imported by our code (other packages keep them), and
functions and signals that only they have are gone. With `--import-all` every module is imported and
what fails is said; `--import-bare` is the same without importing other packages first.
"""

import builtins
import importlib
import itertools
import os
import pkgutil
import signal
import sys

POSIX_MODULES = frozenset(
    [
        "crypt",
        "curses",
        "fcntl",
        "grp",
        "nis",
        "posix",
        "pty",
        "pwd",
        "readline",
        "resource",
        "spwd",
        "syslog",
        "termios",
        "tty",
    ]
)
POSIX_FUNCTIONS = [
    "chown",
    "chroot",
    "fchmod",
    "fork",
    "forkpty",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getloadavg",
    "getpgid",
    "getppgid",
    "getpriority",
    "getuid",
    "killpg",
    "lchown",
    "mkfifo",
    "mknod",
    "nice",
    "openpty",
    "posix_fadvise",
    "posix_fallocate",
    "pread",
    "preadv",
    "pwrite",
    "sched_getaffinity",
    "sched_setaffinity",
    "sendfile",
    "setpgid",
    "setpriority",
    "setsid",
    "setuid",
    "statvfs",
    "sync",
    "sysconf",
    "tcgetpgrp",
    "ttyname",
    "uname",
    "wait",
    "wait3",
    "wait4",
    "waitid",
]
POSIX_FLAGS = ["O_CLOEXEC", "O_DIRECTORY", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC"]
POSIX_SIGNALS = [
    "SIGALRM",
    "SIGCHLD",
    "SIGHUP",
    "SIGKILL",
    "SIGPIPE",
    "SIGQUIT",
    "SIGSTOP",
    "SIGUSR1",
    "SIGUSR2",
]

OTHERS = [
    "av",
    "click",
    "filelock",
    "jinja2",
    "numpy",
    "PIL.Image",
    "PIL.ImageCms",
    "platformdirs",
    "rich.console",
    "rich.progress",
    "rich.table",
    "safetensors.torch",
    "tempfile",
    "tifffile",
    "torch",
    "torch._dynamo",
    "uuid",
    "vapoursynth",
]
"""Other packages: they find out at their import what there is, and are not on trial here."""


def take_away(others):
    """Leave our code with what Windows has; other packages are imported before."""
    for name in others:
        importlib.import_module(name)
    import_module = builtins.__import__

    def import_here(name, globals=None, locals=None, fromlist=(), level=0):
        importer = (globals or {}).get("__name__", "")
        if name.partition(".")[0] in POSIX_MODULES and importer.startswith("vsdeblur"):
            raise ImportError(f"{name} is not there on Windows")
        return import_module(name, globals, locals, fromlist, level)

    builtins.__import__ = import_here
    for name in (*POSIX_FUNCTIONS, *POSIX_FLAGS):
        if hasattr(os, name):
            delattr(os, name)
    for name in POSIX_SIGNALS:
        if hasattr(signal, name):
            delattr(signal, name)


def import_all():
    """Import every module of ours; say what could not be, and why."""
    import vsdeblur

    for module in pkgutil.walk_packages(vsdeblur.__path__, "vsdeblur."):
        if module.name == "vsdeblur.__main__":
            continue
        try:
            importlib.import_module(module.name)
        except Exception as error:
            sys.stdout.write(f"{module.name}: {type(error).__name__}: {error}\n")


def run(commands):
    """Run commands, one after the other, each as a process of its own would; stop at a failure."""
    from vsdeblur.cli.main import main

    for command in commands:
        sys.argv[1:] = command
        if status := main():
            return status
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "--import-bare":
        take_away(others=())
        sys.exit(import_all())
    take_away(OTHERS)
    if sys.argv[1] == "--import-all":
        sys.exit(import_all())
    given = sys.argv[1:]
    cuts = [-1, *(n for n, word in enumerate(given) if word == "then"), len(given)]
    sys.exit(run([given[a + 1 : b] for a, b in itertools.pairwise(cuts)]))
