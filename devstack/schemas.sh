# shellcheck shell=bash
# Databases, keys and rings: what each service wants made before it starts.

once() { # STEP COMMAND...: unless an earlier up did it
    local step=$1
    shift
    [ ! -e "$STATE/done-$step" ] || return 0
    "$@" >>"$LOG/setup-$step.log" 2>&1 || die "$step; see $LOG/setup-$step.log"
    touch "$STATE/done-$step"
    say "  $step"
}

sql() { mariadb --no-defaults --socket="$RUN/mysql.sock" -u "$(id -un)" -N "$@"; }

make_mysql() {
    rm -rf "$STATE/mysql"
    # Who runs this needs no password, through the socket.
    mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$STATE/mysql" \
        --auth-root-authentication-method=socket --auth-root-socket-user="$(id -un)" \
        --skip-name-resolve --skip-test-db
}

make_mysql_user() {
    sql <<END
CREATE OR REPLACE USER devstack@127.0.0.1 IDENTIFIED BY '$DEVSTACK_PASSWORD';
GRANT ALL ON *.* TO devstack@127.0.0.1;
END
}

# MySQL cannot roll back a schema: one left unfinished is begun anew.
fresh() { # DATABASE...
    local database
    for database; do
        echo "DROP DATABASE IF EXISTS $database; CREATE DATABASE $database CHARACTER SET utf8;"
    done | sql
}

make_keystone() {
    local manage=("$BIN/keystone-manage" --config-file "$ETC/keystone.conf")
    local owner=(--keystone-user "$(id -un)" --keystone-group "$(id -gn)")
    rm -rf "$STATE/keystone"
    mkdir -p "$STATE"/keystone/{fernet,receipts,credential,lock}
    fresh keystone && "${manage[@]}" db_sync &&
        "${manage[@]}" fernet_setup "${owner[@]}" &&
        "${manage[@]}" credential_setup "${owner[@]}" &&
        "${manage[@]}" bootstrap --bootstrap-password "$DEVSTACK_PASSWORD" \
            --bootstrap-region-id RegionOne --bootstrap-public-url "$KEYSTONE_URL" \
            --bootstrap-internal-url "$KEYSTONE_URL" --bootstrap-admin-url "$KEYSTONE_URL"
}

make_placement() {
    fresh placement && "$BIN/placement-manage" --config-file "$ETC/placement.conf" db sync
}

make_glance() {
    fresh glance && "$BIN/glance-manage" --config-file "$ETC/glance-api.conf" db_sync
}

make_neutron() {
    fresh neutron && "$BIN/neutron-db-manage" --config-file "$ETC/neutron.conf" upgrade heads
}

make_cinder() {
    fresh cinder && "$BIN/cinder-manage" --config-file "$ETC/cinder.conf" db sync
}

make_nova() {
    local manage=("$BIN/nova-manage" --config-file "$ETC/nova.conf")
    fresh nova_api nova nova_cell0 &&
        "${manage[@]}" api_db sync &&
        "${manage[@]}" cell_v2 map_cell0 &&
        "${manage[@]}" cell_v2 create_cell --name cell1 &&
        "${manage[@]}" db sync
}

make_rings() {
    local server port ring
    for server in account container object; do
        port=SWIFT_${server^^}_PORT
        ring=("$BIN/swift-ring-builder" "$ETC/swift/$server.builder")
        rm -f "$ETC/swift/$server.builder"
        "${ring[@]}" create 4 1 1 &&
            "${ring[@]}" add --region 1 --zone 1 --ip 127.0.0.1 --port "${!port}" \
                --device disk --weight 1 &&
            "${ring[@]}" rebalance || return 1
    done
}

# A compute host takes servers once it is mapped to its cell.
map_compute() {
    local i
    for ((i = 0; i < 300; i++)); do
        [ -z "$(sql -e 'SELECT 1 FROM nova.compute_nodes LIMIT 1')" ] || break
        sleep 0.2
    done
    "$BIN/nova-manage" --config-file "$ETC/nova.conf" cell_v2 discover_hosts --verbose &&
        [ -n "$(sql -e 'SELECT 1 FROM nova_api.host_mappings LIMIT 1')" ]
}
