# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# Only the tcmu: door has these. Two images, a and b, are two units.

# begin OPTION...: the server of image a has the disk $DISK.
begin() {
    serve a rawdisk -f /tmp/a.img -p tcmu:disk "$@"
    DISK=$(sed -n 's,^serving /dev/\(sd.*\),\1,p' /run/a.log)
    [ -b "/dev/$DISK" ] || fail "no disk: $(cat /run/a.log)"
}

load() {
    fio --name=load --filename="/dev/$DISK" --direct=1 --ioengine=libaio --iodepth=16 \
        --rw=randwrite --bsrange=512-64k --blockalign=512 --size=32m --verify=crc32c "$@"
}

sectors_written() {
    awk '{ print $7 }' "/sys/block/$DISK/stat"
}

wrote_more() {
    [ "$(sectors_written)" -gt "$written" ]
}

# Each reset comes while the load writes.
reset_under_load() {
    load > /run/load.log 2>&1 &
    load_pid=$!
    for _ in 1 2 3; do
        written=$(($(sectors_written) + 1000))
        await wrote_more
        sg_reset -d "/dev/$DISK" || return 1
    done
    wait $load_pid
    status=$?
    cat /run/load.log
    return $status
}

has_sectors() {
    [ "$(cat "/sys/block/$DISK/size")" = "$1" ]
}

refuses_the_other_unit() {
    ! rawdisk -f /tmp/b.img -p tcmu:disk > /run/b.log 2>&1 && cat /run/b.log &&
        grep -q 'the disk of another server' /run/b.log
}

# The generic device takes commands that change something also where the disk is read-only.
generic() {
    echo "/dev/$(ls "/sys/block/$DISK/device/scsi_generic")"
}

leaves_nothing() {
    ! ls -d /sys/kernel/config/target/core/user_0/disk /sys/kernel/config/target/loopback/naa.* \
        /dev/uio* /dev/sd*
}

must mount -t configfs none /sys/kernel/config
must mkdir -p /var/target/pr
truncate -s 64M /tmp/a.img
truncate -s 64M /tmp/b.img
check 'no --user, for only root can take the disk away' \
    exits 87 rawdisk -f /tmp/a.img -p tcmu:disk --user 1000 --group 1000

begin --sandbox
check 'resets under load lose nothing' reset_under_load
check 'alone, the kernel keeps reservations: a key is registered' \
    sg_persist --out --register --param-sark=abc "/dev/$DISK"
check 'and reported' shows 0xabc sg_persist --in --read-keys "/dev/$DISK"
check 'and RESERVE conflicts with it' exits 24 sg_raw "/dev/$DISK" 16 00 00 00 00 00
check 'a name in use is refused' refuses_the_other_unit
check 'a disk that is served in a sandbox goes in order' ends_in_order a
check 'no system call was refused' exits 1 grep 'sandbox:' /run/a.log
check 'nothing is left' leaves_nothing

begin
crash a
check 'the name of a server that died is refused to another unit' refuses_the_other_unit
truncate -s 96M /tmp/a.img
begin
check 'an image that grew meanwhile has its new size' await has_sectors 196608
truncate -s 128M /tmp/a.img
must kill -USR1 "$(pidof rawdisk)"
check 'so has one that grows under its server' await has_sectors 262144
check 'the server ends' ends_in_order a

begin -p unix:/run/a.sock
check 'beside another door, no key is registered' \
    exits 9 sg_persist --out --register --param-sark=abc "$(generic)"
check 'beside another door, RESERVE is refused' exits 9 sg_raw "$(generic)" 16 00 00 00 00 00
check 'this server ends, too' ends_in_order a
check 'and nothing is left' leaves_nothing
