# shellcheck shell=bash
# What has to be on the machine: Debian packages and a virtual environment.

PACKAGES=(python3 python3-venv ca-certificates curl mariadb-server memcached rabbitmq-server)
POLICY=/usr/sbin/policy-rc.d

installed() { # PACKAGE, and configured: an interrupted installation leaves halves
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() ( # COMMAND...: what packages leave behind is for everyone to read
    umask 022
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
)

install_packages() {
    local package missing=()
    for package in "${PACKAGES[@]}"; do
        # Any Python that makes environments will do.
        [[ $package = python3* ]] && python3 -c 'import venv, ensurepip' 2>/dev/null && continue
        installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
        die "not root, and there is no sudo: let root run 'apt-get install ${missing[*]}'"
    say "installing ${missing[*]}"
    apt_get "${missing[@]}" >>"$LOG/apt.log" 2>&1 || die "apt-get; see $LOG/apt.log"
}
apt_get() {
    local status
    # Else Debian starts each package's daemon at once, on its usual port:
    # see invoke-rc.d(8).
    [ -e $POLICY ] || printf '%s\n' '#!/bin/sh' '# oaktree-devstack' 'exit 101' |
        as_root install -m 755 /dev/stdin $POLICY
    as_root dpkg --configure -a &&
        as_root apt-get update &&
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
    status=$?
    ! grep -qs oaktree-devstack $POLICY || as_root rm $POLICY
    return $status
}

install_venv() {
    local wanted process
    wanted=$({ echo "$SOURCE"; cat "$SOURCE"/{requirements.txt,plugins/pyproject.toml}; } | sha256sum)
    [ "$(cat "$VENV/installed" 2>/dev/null)" != "$wanted" ] || return 0
    for process in "${PROCESSES[@]}"; do
        ! alive "$process" || die "the Python packages have changed: run 'down' first"
    done
    say "installing the Python packages"
    # --no-deps: requirements.txt is complete, and resolving takes minutes.
    { python3 -m venv --clear "$VENV" &&
        "$BIN/pip" install --no-deps -r "$SOURCE/requirements.txt" -e "$SOURCE/plugins"; } \
        >"$LOG/pip.log" 2>&1 || die "pip; see $LOG/pip.log"
    echo "$wanted" >"$VENV/installed"
}
