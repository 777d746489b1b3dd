# shellcheck shell=bash
# Every process: how it is started, watched and stopped. Sourced, never run.

# In the order of start; a service NAME is the process NAME and every NAME-*.
BACKING=(mysql memcached epmd rabbitmq)
WORKERS=(nova-conductor nova-scheduler nova-compute cinder-scheduler cinder-volume)
PROCESSES=("${BACKING[@]}" keystone placement glance neutron "${WORKERS[@]}"
           nova-api cinder-api swift-account swift-container swift-object swift-proxy)

export OS_KEYSTONE_CONFIG_DIR=$ETC OS_PLACEMENT_CONFIG_DIR=$ETC OS_GLANCE_CONFIG_DIR=$ETC
export OS_NEUTRON_CONFIG_DIR=$ETC OS_NEUTRON_CONFIG_FILES=neutron.conf
export OS_NOVA_CONFIG_DIR=$ETC
# Nova takes the first file for its paste configuration.
export OS_NOVA_CONFIG_FILES="$VENV/etc/nova/api-paste.ini;$ETC/nova.conf"

describe() { # PROCESS: sets COMMAND, PORT (or empty), URL_PATH (or empty)
    PORT='' URL_PATH=''
    case $1 in
    mysql)
        PORT=$MYSQL_PORT
        # Nothing here is worth waiting for a disk.
        COMMAND=(mariadbd --no-defaults --user="$(id -un)" --datadir="$STATE/mysql"
                 --bind-address=127.0.0.1 --port="$PORT" --socket="$RUN/mysql.sock"
                 --pid-file="$RUN/mysqld" --skip-name-resolve --max-connections=1000
                 --skip-log-bin --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0
                 --innodb-flush-method=nosync --debug-no-sync
                 --innodb-buffer-pool-size=256M --performance-schema=0) ;;
    memcached)
        PORT=$MEMCACHED_PORT
        COMMAND=(memcached -u "$(id -un)" -l 127.0.0.1 -p "$PORT" -m 128) ;;
    epmd)
        PORT=$EPMD_PORT
        COMMAND=(epmd -address 127.0.0.1 -port "$PORT") ;;
    rabbitmq)
        PORT=$RABBITMQ_PORT
        # Its cookie lies in HOME. Idle Erlang schedulers must not spin.
        COMMAND=(env HOME="$STATE/rabbitmq" RABBITMQ_NODENAME=oaktree-devstack@localhost
                 RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT="$PORT"
                 RABBITMQ_DIST_PORT="$RABBITMQ_DIST_PORT"
                 ERL_EPMD_PORT="$EPMD_PORT" ERL_EPMD_ADDRESS=127.0.0.1
                 RABBITMQ_LOGS=- RABBITMQ_LOG_BASE="$LOG"
                 RABBITMQ_MNESIA_BASE="$STATE/rabbitmq/mnesia"
                 RABBITMQ_CONFIG_FILE="$ETC/rabbitmq"
                 RABBITMQ_ENABLED_PLUGINS_FILE="$ETC/rabbitmq_plugins"
                 RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 2:2 +sbwt none +sbwtdcpu none \
+sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
                 /usr/lib/rabbitmq/bin/rabbitmq-server) ;;
    keystone) api keystone.wsgi.api "$KEYSTONE_PORT" /v3 ;;
    placement) api placement.wsgi.api "$PLACEMENT_PORT" / ;;
    glance) api glance.wsgi.api "$GLANCE_PORT" /healthcheck ;;
    neutron) api neutron.wsgi.api "$NEUTRON_PORT" / ;;
    nova-api) api nova.wsgi.osapi_compute "$NOVA_PORT" / ;;
    nova-compute)
        COMMAND=("$BIN/python" -m oaktree_devstack.nova_compute
                 --config-file "$ETC/nova.conf") ;;
    nova-*) COMMAND=("$BIN/$1" --config-file "$ETC/nova.conf") ;;
    cinder-api) api cinder.wsgi.api "$CINDER_PORT" / --config-file "$ETC/cinder.conf" ;;
    cinder-*) COMMAND=("$BIN/$1" --config-file "$ETC/cinder.conf") ;;
    swift-account) swift "$1" "$SWIFT_ACCOUNT_PORT" ;;
    swift-container) swift "$1" "$SWIFT_CONTAINER_PORT" ;;
    swift-object) swift "$1" "$SWIFT_OBJECT_PORT" ;;
    swift-proxy) swift "$1" "$SWIFT_PORT" ;;
    *) die "no process is called $1" ;;
    esac
}
api() { # MODULE PORT URL_PATH [ARGUMENT...]
    PORT=$2 URL_PATH=$3
    COMMAND=("$BIN/python" -m oaktree_devstack.serve "$1" "$2" "${@:4}")
}
swift() { # swift-SERVER PORT
    PORT=$2 URL_PATH=/healthcheck
    COMMAND=("$BIN/python" -m oaktree_devstack.swift_server
             "$ETC/swift/swift.conf" "${1#swift-}" "$ETC/swift/${1#swift-}-server.conf")
}

processes_of() { # SERVICE or PROCESS
    local process
    for process in "${PROCESSES[@]}"; do
        [[ $process != "$1" && $process != "$1"-* ]] || echo "$process"
    done
}

# A pid alone may be another program's by now; with its time of birth it is
# not. In /proc/PID/stat the name comes before ')', the state right after.
born() { # PID
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    read -r -a stat <<<"${stat##*) }"
    echo "${stat[19]} ${stat[0]}"
}

alive() { # PROCESS: is the recorded one there, and more than a zombie?
    local pid birth now
    read -r pid birth 2>/dev/null <"$RUN/$1.pid" || return 1
    now=$(born "$pid") && [[ ${now% *} = "$birth" && ${now#* } != [ZX] ]]
}

listens() { # PORT
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

start() { # PROCESS, unless it runs
    local pid birth
    alive "$1" && return
    describe "$1"
    if [ -n "$PORT" ] && listens "$PORT"; then
        die "$1: another program listens on port $PORT: 'down --wipe', then another DEVSTACK_PORT_OFFSET"
    fi
    # In a session of its own, a process and its children stop as one group.
    setsid "${COMMAND[@]}" >>"$LOG/$1.log" 2>&1 </dev/null 9>&- &
    pid=$!
    birth=$(born $pid) && echo "$pid ${birth% *}" >"$RUN/$1.pid"
}

stop() { # PROCESS: TERM, ten seconds, then KILL the group
    local pid birth now i
    read -r pid birth 2>/dev/null <"$RUN/$1.pid" || return 0
    if alive "$1"; then
        kill -TERM "$pid"
        for ((i = 0; i < 100; i++)); do
            alive "$1" || break
            sleep 0.1
        done
    fi
    # A number is not given anew while its group has members: with its leader
    # gone it is still ours, with another leader it is not.
    now=$(born "$pid")
    [[ -n $now && ${now% *} != "$birth" ]] || kill -KILL -- "-$pid" 2>/dev/null
    rm -f "$RUN/$1.pid"
}

stop_all() { # PROCESS...: side by side
    local process
    for process; do stop "$process" & done
    wait
}

answers() { # for the process last described
    local code
    if [ -z "$URL_PATH" ]; then
        listens "$PORT"
    else
        code=$(curl -s -o /dev/null -m 20 -w '%{http_code}' "http://127.0.0.1:$PORT$URL_PATH")
        [[ $code -ge 200 && $code -lt 500 ]]
    fi
}

await() { # PROCESS...: until each answers where it listens
    local process deadline=$((SECONDS + 180))
    for process; do
        describe "$process"
        while true; do
            if ! alive "$process"; then
                tail -n 5 "$LOG/$process.log" >&2
                die "$process ended; see $LOG/$process.log"
            fi
            if [ -z "$PORT" ] || answers; then break; fi
            ((SECONDS < deadline)) || die "$process does not answer; see $LOG/$process.log"
            sleep 0.2
        done
    done
}

seed() { # STEP [ARGUMENT...]
    "$BIN/python" "$SOURCE/seed.py" "$@"
}

await_workers() { # PROCESS...: until Nova and Cinder count on those of them that report
    local process reporting=()
    for process; do
        [[ " ${WORKERS[*]} " != *" $process "* ]] || reporting+=("$process")
    done
    [ ${#reporting[@]} -eq 0 ] || seed ready "${reporting[@]}" || die "workers are not up"
}
