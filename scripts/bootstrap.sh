# SPDX-License-Identifier: BSD-3-Clause
# Sourced by the scripts here: leaves a Python environment with the harness in $venv.
# Does nothing, in a few milliseconds, when that is so already. Needs only what a minimal Debian
# has; python3 and its venv module are installed where missing.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${CCA_VENV:-$checkout/.venv}
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV

say() { echo "cca: $*" >&2; }
die() { echo "cca: error: $1" >&2; [ -z "${2:-}" ] || echo "hint: $2" >&2; exit 2; }

# Services and containers may start us without HOME.
[ -n "${HOME:-}" ] || HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
[ -n "$HOME${CCA_CACHE:-}" ] ||
    die "HOME is not set, and this user has no home folder" "set HOME or CCA_CACHE"
export HOME
cache=${CCA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cca-harness}

# Prints what the environment was made from; a difference means to make it anew.
fingerprint() { echo "$checkout"; cat "$checkout/pyproject.toml"; }

# Succeeds if a Python can make environments: recent enough, with venv and ensurepip.
usable() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Prints the Python to use. The system's comes first: an active environment or pyenv may go away.
find_python() {
    local candidate
    for candidate in ${CCA_PYTHON:+"$CCA_PYTHON"} /usr/bin/python3 python3 python3.13 python3.12 \
        python3.11; do
        if usable "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Runs apt-get as root, with package lists of our own: the machine's lists stay as they are.
apt_get() {
    local lists=$cache/apt/bootstrap-lists sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    [ -z "$sudo" ] || command -v sudo >/dev/null 2>&1 ||
        die "Python 3.11 or newer with venv is missing, and this is not root and there is no sudo" \
            "let root run: apt-get install python3 python3-venv"
    mkdir -p "$lists/partial" || die "cannot write $lists" "set CCA_CACHE to another folder"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dir::State::Lists="$lists" \
        -o APT::Sandbox::User=root -o DPkg::Lock::Timeout=600 "$@" </dev/null >&2
}

install_python() {
    [ -z "${CCA_NO_INSTALL:-}" ] ||
        die "Python 3.11 or newer with venv is missing, and CCA_NO_INSTALL forbids to install it"
    command -v apt-get >/dev/null 2>&1 ||
        die "Python 3.11 or newer with venv is missing" "install it, or set CCA_PYTHON"
    say "installing python3 and python3-venv …"
    apt_get update && apt_get install -y --no-install-recommends python3 python3-venv ||
        die "python3-venv could not be installed" "check the network and the mirror in /etc/apt"
}

make_environment() {
    local python
    # It is emptied below: never a folder that is something else.
    [ ! -e "$venv" ] || [ -f "$venv/pyvenv.cfg" ] || rmdir "$venv" 2>/dev/null ||
        die "$venv is not a Python environment" "set CCA_VENV to one, or to a folder to be made"
    [ -z "${CCA_PYTHON:-}" ] || usable "$CCA_PYTHON" ||
        die "CCA_PYTHON: $CCA_PYTHON is no Python 3.11 or newer that can make environments" \
            "set it to one, or to nothing: then one is looked for"
    python=$(find_python) || { install_python; python=$(find_python); } ||
        die "no Python 3.11 or newer that can make environments" "set CCA_PYTHON to one"
    say "making the Python environment $venv ($("$python" --version 2>&1)) …"
    rm -f "$venv/.cca-stamp"
    "$python" -m venv --clear "$venv" || die "$python -m venv $venv failed"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check \
        -e "$checkout[dev]" </dev/null >&2 ||
        die "installing the Python packages failed" "check the network, and pip's configuration"
    fingerprint >"$venv/.cca-stamp"
}

up_to_date() {
    [ -x "$venv/bin/python" ] && [ -f "$venv/.cca-stamp" ] &&
        cmp -s "$venv/.cca-stamp" <(fingerprint)
}

if ! up_to_date; then
    mkdir -p "$(dirname "$venv")" 2>/dev/null
    # One at a time: the second of two scripts started together finds the work done.
    exec 9>"$venv.lock" || die "cannot write $venv.lock" "set CCA_VENV to a folder that you may write"
    flock 9
    up_to_date || make_environment
    exec 9>&-
fi
# Programs of the environment (ruff, the console script) come first for everything started here.
export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH
# Compiled modules go there too: quick starts, and no files of theirs in the checkout.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX=$venv/pycache
