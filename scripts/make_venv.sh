#!/bin/sh
# Makes the virtual environment $1 with any Python >= 3.11: $PYTHON if set, else the first that is found.
# What is missing is said in one sentence. An environment that is there and good enough is kept.
set -eu

venv=$1
new_enough='import sys; sys.exit(sys.version_info < (3, 11))'
complete='import ensurepip, venv'

fail() {
    echo "$*" >&2
    exit 1
}

if [ -e "$venv" ]; then
    if "$venv/bin/python" -c "$new_enough" 2>/dev/null; then
        "$venv/bin/python" -m pip --version >/dev/null 2>&1 && exit 0
        fail "The environment $venv has no pip; remove it, or choose another: make VENV=name ..."
    fi
    if "$venv/bin/python" -c '' 2>/dev/null; then
        fail "The environment $venv is of $("$venv/bin/python" --version), and 3.11 or newer is needed;" \
            "remove it, or choose another: make VENV=name ..."
    fi
    [ -e "$venv/pyvenv.cfg" ] || fail "$venv is in the way: it is no Python environment; move it, or choose" \
        "another: make VENV=name ..."
    rm -rf "$venv" # an environment whose Python was removed or upgraded
fi

found=
if [ -n "${PYTHON:-}" ]; then
    "$PYTHON" -c "$new_enough" 2>/dev/null || fail "PYTHON=$PYTHON is not a Python of version 3.11 or newer."
    found=$PYTHON
else
    for candidate in python3 python3.12 python3.13 python3.11 python3.14 python; do
        if "$candidate" -c "$new_enough" 2>/dev/null; then
            found=$candidate
            break
        fi
    done
fi

# uv brings a Python of its own, and needs no ensurepip.
if command -v uv >/dev/null 2>&1; then
    if [ -z "$found" ] || ! "$found" -c "$complete" 2>/dev/null; then
        exec uv venv --quiet --seed --python "${found:-3.12}" "$venv"
    fi
fi

[ -n "$found" ] || fail "Python 3.11 or newer is needed and was not found ($(python3 --version 2>/dev/null ||
    echo 'no python3 at all')); install one, or name it: make PYTHON=/path/to/python3.12 ..."
"$found" -c "$complete" 2>/dev/null || fail "This Python ($found) cannot make environments; on Debian and" \
    "Ubuntu install them with: apt install python3-venv"

trap 'rm -rf "$venv"' INT TERM
"$found" -m venv "$venv" || {
    rm -rf "$venv"
    fail "$found could not make the environment $venv; its message stands above."
}
echo "Environment: $("$venv/bin/python" --version) in $venv"
