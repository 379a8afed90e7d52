# Sourced by the other scripts: finds a Python, makes .venv, installs the package in it, once.
# Afterwards $PYTHON is set and `vspipe` works.

VENV=$ROOT/.venv
EXTRAS=dev
export PIP_DISABLE_PIP_VERSION_CHECK=1

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

find_python() {
    local candidate pyenv=${PYENV_ROOT:-$HOME/.pyenv}
    for candidate in python3.14 python3.13 python3.12 python3 python; do
        if is_new_enough "$candidate"; then echo "$candidate"; return; fi
    done
    # A pyenv version works by its path even where it is not switched on.
    for candidate in $(ls -d "$pyenv"/versions/3.*/bin/python3 2>/dev/null | sort -rV); do
        if is_new_enough "$candidate"; then echo "$candidate"; return; fi
    done
    return 1
}

set_up() {
    local found stamp wanted
    PYTHON=$VENV/bin/python
    if ! is_new_enough "$PYTHON"; then
        found=$(find_python) ||
            fail "no Python 3.12 or newer found (looked for python3.14 to python3.12, python3 and" \
                 "pyenv's versions); install one, for example with: pyenv install 3.13"
        echo "making .venv with $("$found" --version)" >&2
        "$found" -m venv --clear "$VENV" || fail "cannot make $VENV with $found"
    fi
    # Install again only when what is to be installed has changed.
    stamp=$VENV/installed
    wanted=$(cat "$ROOT/setup.py" "$ROOT/scripts/environment.sh" | cksum)
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        echo "installing vsdeblur and what it needs (PyTorch is large: a few minutes)" >&2
        "$PYTHON" -m pip install --quiet --editable "$ROOT[$EXTRAS]" >&2 ||
            fail "installation failed; the lines above say why"
        echo "$wanted" > "$stamp"
    fi
    # vspipe finds its Python through a configuration file; ours stays inside .venv.
    export XDG_CONFIG_HOME=$VENV/config
    export PATH=$VENV/bin:$PATH
    if [ ! -d "$XDG_CONFIG_HOME" ]; then
        "$VENV/bin/vapoursynth" config >&2 || fail "vapoursynth config failed"
    fi
}

# The Python that has PyTorch, on a machine where nothing can be installed.
find_torch() {
    local candidate
    for candidate in python3 python python3.14 python3.13 python3.12; do
        if "$candidate" -c 'import importlib.util as u, sys
sys.exit(sys.version_info < (3, 12) or u.find_spec("torch") is None)' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# As set_up; but where scripts/prepare_card has laid out .gpu and there is no .venv, as on a machine
# with a card and no network, the checkout runs as it lies, with the wheels that came along.
set_up_here() {
    local site=$ROOT/.gpu/site wheels
    if [ -d "$VENV" ] || [ ! -d "$ROOT/.gpu" ]; then set_up; return; fi
    PYTHON=$(find_torch) || fail "no Python 3.12 or newer with PyTorch found"
    wheels=("$ROOT"/.gpu/wheels/*.whl)
    if [ ! -d "$site" ] && [ -e "${wheels[0]}" ]; then
        "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --target "$site" \
            "${wheels[@]}" >&2 ||
            fail "the wheels in .gpu cannot be installed; the lines above say why"
    fi
    export PYTHONPATH=$ROOT:$site${PYTHONPATH:+:$PYTHONPATH} PATH=$site/bin:$PATH
    export XDG_CONFIG_HOME=$ROOT/.gpu/config PYTHONUNBUFFERED=1
    if [ -x "$site/bin/vapoursynth" ] && [ ! -d "$XDG_CONFIG_HOME" ]; then
        "$PYTHON" "$site/bin/vapoursynth" config >&2 ||
            echo "vspipe will not run: vapoursynth config failed" >&2
    fi
}
