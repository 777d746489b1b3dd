# shellcheck shell=bash
# Settings and helpers shared by up, down and service. Sourced, never run.

# Debian keeps mariadbd where only root looks for programs.
export PATH=$PATH:/usr/sbin:/sbin
umask 077

say() { printf '%4ds %s\n' "$SECONDS" "$*"; }
die() { say "FAILED: $*" >&2; exit 1; }

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export DEVSTACK_DIR=${DEVSTACK_DIR:-/tmp/oaktree-devstack}
# Not every service quotes its paths, nor its database URL.
[[ $DEVSTACK_DIR =~ ^/[A-Za-z0-9._/-]+$ ]] ||
    die "DEVSTACK_DIR must be an absolute path of letters, digits, '.', '_' and '-'"

VENV=$DEVSTACK_DIR/venv
BIN=$VENV/bin
export VENV
export ETC=$DEVSTACK_DIR/etc      # configuration, written anew by every up
export STATE=$DEVSTACK_DIR/state  # databases, images, objects, keys
export RUN=$DEVSTACK_DIR/run      # one NAME.pid a process
LOG=$DEVSTACK_DIR/log
# Marks the folder as ours to wipe, and is the lock of up and down.
MARKER=$DEVSTACK_DIR/.oaktree-devstack

# The state holds for the ports and the password it was made with: down and
# service need to be told DEVSTACK_DIR only.
SETTINGS=$STATE/settings
asked=${DEVSTACK_PORT_OFFSET-}:${DEVSTACK_PASSWORD-}
# shellcheck source=/dev/null
[ ! -e "$SETTINGS" ] || . "$SETTINGS"
DEVSTACK_PORT_OFFSET=${DEVSTACK_PORT_OFFSET:-10000}
export DEVSTACK_PASSWORD=${DEVSTACK_PASSWORD:-oaktree-devstack}
[[ $DEVSTACK_PASSWORD =~ ^[A-Za-z0-9._-]+$ ]] ||
    die "DEVSTACK_PASSWORD may have letters, digits, '.', '_' and '-'"
# Above 32767 the kernel gives ports to outgoing connections.
[[ $DEVSTACK_PORT_OFFSET =~ ^[0-9]{1,5}$ ]] && ((10#$DEVSTACK_PORT_OFFSET <= 21000)) ||
    die "DEVSTACK_PORT_OFFSET must be a number from 0 to 21000"

remember_settings() {
    [[ -z ${asked%%:*} || ${asked%%:*} = "$DEVSTACK_PORT_OFFSET" ]] &&
        [[ -z ${asked#*:} || ${asked#*:} = "$DEVSTACK_PASSWORD" ]] ||
        die "the state in $STATE was made with port offset $DEVSTACK_PORT_OFFSET" \
            "and its own password; forget it with 'down --wipe', or ask for the same"
    printf '%s\n' "DEVSTACK_PORT_OFFSET=$DEVSTACK_PORT_OFFSET" \
        "DEVSTACK_PASSWORD=$DEVSTACK_PASSWORD" >"$SETTINGS"
}

# NAME_PORT is the service's usual port plus the offset.
while read -r name usual; do
    export "${name}_PORT=$((10#$DEVSTACK_PORT_OFFSET + usual))"
done <<END
KEYSTONE 5000
NOVA 8774
CINDER 8776
PLACEMENT 8778
GLANCE 9292
NEUTRON 9696
SWIFT 8080
SWIFT_OBJECT 6200
SWIFT_CONTAINER 6201
SWIFT_ACCOUNT 6202
MYSQL 3306
MEMCACHED 11211
EPMD 4369
RABBITMQ 5672
RABBITMQ_DIST 5673
END
export KEYSTONE_URL=http://127.0.0.1:$KEYSTONE_PORT/v3

lock() { # held until this script ends
    exec 9>>"$MARKER"
    flock -n 9 && return
    # A killed up may have left an installer or a migration at work.
    say "waiting for another up or down on $DEVSTACK_DIR"
    flock -w 600 9 || die "another up or down on $DEVSTACK_DIR does not end"
}
