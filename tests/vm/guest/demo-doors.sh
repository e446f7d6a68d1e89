# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# The demo's further doors. Each finds the files that were left through the doors before it, checks
# them, and leaves one of its own. rawdisk runs on the host with the image, and in here with
# /dev/vda, which is the same disk.

visit() {
    await test -b "$2"
    must mount -t ext4 "$2" /mnt
    [ ! -e /mnt/sums ] || (cd /mnt && must sha256sum -c sums)
    before=$(ls /mnt/by-* 2> /dev/null | wc -l)
    must dd if=/dev/urandom of="/mnt/by-$1" bs=64k count=16
    (cd /mnt && sha256sum by-* > sums)
    must umount /mnt
    say VISITED "$1 ${2#/dev/} $before"
}

by_iscsi() {
    initiator_up iscsid_settings
    login
    visit iSCSI "${DISK}1"
    logout
}

by_nbd() {
    must nbd-client "$PORTAL" "$NBD_PORT" /dev/nbd0 -N demo -b 512
    must blockdev --rereadpt /dev/nbd0
    visit NBD /dev/nbd0p1
    must nbd-client -d /dev/nbd0
}

by_vhost() {
    visit vhost-user /dev/vda1
}

# part DISK: the name of its first partition.
part() {
    case $1 in
        *[0-9]) echo "${1}p1" ;;
        *) echo "${1}1" ;;
    esac
}

# here DOOR URI: a server in here makes a disk of /dev/vda.
here() {
    serve "$1" rawdisk -f /dev/vda -p "$2"
    device=$(sed -n 's,^serving \(/dev/.*\),\1,p' "/run/$1.log")
    visit "$1" "$(part "$device")"
    ends_in_order "$1" > /tmp/must 2>&1 || fail "$1: the server did not end: $(cat /tmp/must)"
}

by_tcmu() {
    must mount -t configfs none /sys/kernel/config
    here TCMU 'tcmu:?timeout=0'
}

by_ublk() {
    here ublk ublk:
}

for door in $DOORS; do
    "by_$door"
done
