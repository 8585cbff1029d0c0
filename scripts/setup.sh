# Sourced by scripts/train, scripts/test and scripts/docs: makes the virtual environment and keeps it current.
#
# Afterwards $root is the repository and $venv the environment: .venv in the repository, or the
# folder that FER_TF_VENV names.

set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=${FER_TF_VENV:-$root/.venv}
[[ $venv == /* ]] || venv=$PWD/$venv

# Only a folder with this file is ever deleted: an environment that somebody else made is not ours.
made=$venv/.fer_tf-made
# Present while an environment of ours is made or changed. A half-installed package can look
# installed to pip, so an environment whose set-up was interrupted is made anew.
unfinished=$venv/.fer_tf-unfinished
# What the last complete installation depended on: its extra, then its fingerprint.
stamp=$venv/.fer_tf-stamp

say() {
    printf 'scripts/%s: %s\n' "${0##*/}" "$*" >&2
}

fail() {
    say "$@"
    exit 1
}

# Print the path of a Python 3.11 to 3.13 that can make virtual environments.
find_python() {
    local candidate
    # A name on PATH can be a version manager's shim with no Python behind it: run each one.
    local probe='import ensurepip, sys, venv
if not (3, 11) <= sys.version_info < (3, 14): sys.exit(1)
print(sys.executable)'
    for candidate in python3.13 python3.12 python3.11 python3 python; do
        "$candidate" -c "$probe" 2>/dev/null && return
    done
    fail "needs Python 3.11, 3.12 or 3.13 with its venv module, and no python3.13, python3.12," \
        "python3.11, python3 or python on PATH is one."
}

# Make an empty environment, in place of an interrupted or broken one of ours.
make_venv() {
    local python
    if [[ ! -e $made && -n $(ls -A -- "$venv" 2>/dev/null) ]]; then
        fail "$venv is not a virtual environment with a working pip, and not this script's to" \
            "replace: remove it, or name another folder with FER_TF_VENV."
    fi
    python=$(find_python)
    mkdir -p -- "$venv"
    touch -- "$made"
    find "$venv/" -mindepth 1 -maxdepth 1 ! -name "${made##*/}" -exec rm -rf {} +
    touch -- "$unfinished"
    "$python" -m venv "$venv"
}

# Print a checksum of all that an installation depends on. The folders are part of it because
# an editable install and a virtual environment both hold their own absolute paths. cksum is
# in every POSIX system, sha256sum is not.
fingerprint() {
    { cat -- "$root/pyproject.toml" "$root/constraints.txt" && echo "$root $venv"; } | cksum
}

# Is $venv set up, as it should be now, with the extra $1 ("" for none)?
is_ready() {
    local extra print
    [[ -x $venv/bin/python && -r $stamp && ! -e $unfinished ]] || return 1
    { IFS= read -r extra && IFS= read -r print; } <"$stamp" || return 1
    # The tests' environment can also train, and build the site.
    [[ $extra == "$1" || $extra == test ]] && [[ $print == "$(fingerprint)" ]]
}

# Install the package into $venv, editable, with the extra $1 ("" for none).
install() {
    local log=$venv/.fer_tf-install.log
    if [[ -e $unfinished ]] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        make_venv
    fi
    if [[ -e $made ]]; then
        touch -- "$unfinished"
    fi
    rm -f -- "$stamp"
    say "setting up $venv with $("$venv/bin/python" -V); once, a minute or more."
    if ! (cd -- "$root" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint constraints.txt --editable ".${1:+[$1]}") >"$log" 2>&1; then
        cat -- "$log" >&2
        fail "pip could not install fer_tf into $venv: its messages are above."
    fi
    printf '%s\n%s\n' "$1" "$(fingerprint)" >"$stamp"
    rm -f -- "$unfinished"
}

# Make sure that $venv is ready, one caller at a time where the system has flock.
ensure() {
    if is_ready "$1"; then
        return
    fi
    {
        if command -v flock >/dev/null; then
            flock 9
        fi
        if ! is_ready "$1"; then
            install "$1"
        fi
    } 9<"$root"
}
