# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# Functions that all guest scripts use. Lines `@@KEY value` go to the host, see machine.py.

# The host that serves the disk, as the guest sees it; 127.0.0.1 is the guest itself.
PORTAL=10.0.2.2

say() {
    echo "@@$*"
}

# Ends the boot; the host takes it as a failure with this text.
fail() {
    dmesg | tail -n 5
    say FAIL "$*"
    reboot -f
}

# Runs a command that has to succeed; its output is in /tmp/must.
must() {
    "$@" > /tmp/must 2>&1 || {
        status=$?
        cat /tmp/must
        fail "in the guest: $*: exit status $status"
    }
}

# Waits for a condition; the time limit is the host's, for the whole boot.
await() {
    until "$@" > /dev/null 2>&1; do
        sleep 0.1
    done
}

# Asks the host and waits for its answer.
ask() {
    say ASK "$*"
    read -r answer
}

# check 'what is true' COMMAND...: one line of the test report.
check() {
    what=$1
    shift
    if "$@" > /tmp/check 2>&1; then
        say OK "$what"
    else
        status=$?
        say NOT "$what"
        say NOTE "$*: exit status $status"
        head -n 20 /tmp/check | sed 's/^/@@NOTE /'
    fi
}

# Conditions for check. Each runs the command behind its own arguments.

# exits STATUS COMMAND...
exits() {
    expected=$1
    shift
    "$@"
    status=$?
    echo "exit status $status, expected $expected"
    [ $status -eq "$expected" ]
}

# shows REGEX COMMAND...: it succeeds and a line of its output matches.
shows() {
    pattern=$1
    shift
    "$@" > /tmp/shows 2>&1
    status=$?
    cat /tmp/shows
    [ $status -eq 0 ] && grep -qE -- "$pattern" /tmp/shows
}

report_kernel_log() {
    dmesg -r | sed 's/^/@@LOG /'
}

# Brings up the network of QEMU's user mode, where 10.0.2.2 is the host's 127.0.0.1.
network_up() {
    await test -e /sys/class/net/eth0
    must ip link set lo up
    must ip link set eth0 up
    must ip addr add 10.0.2.15/24 dev eth0
    must ip route add default via 10.0.2.2
}

iscsid_listens() {
    grep -q ISCSIADM_ABSTRACT_NAMESPACE /proc/net/unix
}

# Finds the session's disk.
session_disk() {
    DISK=$(cd "$SESSION/device" && ls -d target*/*/block/* | head -n 1)
    DISK=/dev/${DISK##*/}
    [ -b "$DISK" ]
}

# A session that the target's crash took away is to come back, however long that takes.
iscsid_settings() {
    cat <<'CONF'
node.startup = manual
node.session.timeo.replacement_timeout = 600
node.conn[0].timeo.login_timeout = 120
node.conn[0].timeo.logout_timeout = 120
node.conn[0].timeo.noop_out_interval = 5
node.conn[0].timeo.noop_out_timeout = 120
node.session.scan = auto
CONF
}

# iscsid_settings with digests and CHAP both ways; $SECRET is ours, $TARGET_SECRET the target's.
iscsid_secure_settings() {
    iscsid_settings
    echo 'node.conn[0].iscsi.HeaderDigest = CRC32C'
    echo 'node.conn[0].iscsi.DataDigest = CRC32C'
    for session in node.session discovery.sendtargets; do
        cat <<CONF
$session.auth.authmethod = CHAP
$session.auth.chap_algs = SHA256
$session.auth.username = guest
$session.auth.password = $SECRET
$session.auth.username_in = target
$session.auth.password_in = $TARGET_SECRET
CONF
    done
}

# node OPTION...: iscsiadm about our target.
node() {
    iscsiadm -m node -T "$IQN" -p "$PORTAL:$PORT" "$@"
}

# initiator_up SETTINGS: iscsid runs and has a record of $IQN at $PORT; nobody has logged in yet.
initiator_up() {
    network_up
    mkdir -p /etc/iscsi /run/lock
    # iscsid asks who it is that talks to it, by name.
    echo 'root:x:0:0::/:/bin/sh' > /etc/passwd
    echo 'InitiatorName=iqn.2026-01.org.winspd:guest' > /etc/iscsi/initiatorname.iscsi
    "$1" > /etc/iscsi/iscsid.conf
    must iscsid
    await iscsid_listens
    must iscsiadm -m discovery -t sendtargets -p "$PORTAL:$PORT" -o nonpersistent
    grep -q "$IQN" /tmp/must || fail "discovery did not name $IQN: $(cat /tmp/must)"
    # The portal that discovery told is the host's loopback, which is somebody else in here.
    must node -o new
}

# Logs in with the kernel's own initiator; then there are $SESSION and $CONNECTION, directories of
# sysfs, and the disk is $DISK.
login() {
    must node --login
    SESSION=$(echo /sys/class/iscsi_session/session*)
    CONNECTION=$(echo /sys/class/iscsi_connection/connection*)
    await session_disk
    BLOCK=/sys/block/${DISK##*/}
    SCSI_DISK=$(echo "$BLOCK"/device/scsi_disk/*)
}

logout() {
    must node --logout
}

# serve NAME COMMAND...: starts a program that serves a disk in here, and waits until it serves.
# Its output goes to /run/NAME.log. It gets a mount namespace of its own: a server whose namespace
# has a mount on its own device cannot end, because the mount's last flush waits for it.
serve() {
    name=$1
    shift
    : > "/run/$name.log"
    unshare -m "$@" >> "/run/$name.log" 2>&1 &
    echo $! > "/run/$name.pid"
    await serves_or_ended "$name"
    grep -q '^serving ' "/run/$name.log" || fail "$* ended: $(cat "/run/$name.log")"
}

serves_or_ended() {
    grep -q '^serving ' "/run/$1.log" || ! kill -0 "$(cat "/run/$1.pid")"
}

# crash NAME: no warning, no chance to flush anything.
crash() {
    kill -9 "$(cat "/run/$1.pid")"
    wait "$(cat "/run/$1.pid")"
    true
}

# ends_in_order NAME: a condition for check; the server ends on SIGTERM with status 0.
ends_in_order() {
    kill "$(cat "/run/$1.pid")"
    wait "$(cat "/run/$1.pid")"
    status=$?
    cat "/run/$1.log"
    return $status
}
