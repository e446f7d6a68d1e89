# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# The doors that make a block device of this system, $DOORS: rawdisk serves in here, and what people
# do with a disk is done with each.

BLOCKS=131072

# On a busy host a server may need more than the 30 seconds for which the kernel's target waits.
door_name() {
    case $DOOR in
        tcmu) echo 'tcmu:?timeout=0' ;;
        *) echo "$DOOR:" ;;
    esac
}

# begin NAME OPTION...: the server of door $DOOR runs, and the device is $DEVICE.
begin() {
    name=$1
    shift
    serve "$name" rawdisk -f "/tmp/$DOOR.img" -c $BLOCKS -p "$(door_name)" "$@"
    DEVICE=$(sed -n 's,^serving \(/dev/.*\),\1,p' "/run/$name.log")
    [ -b "$DEVICE" ] || fail "$DOOR: no block device: $(cat "/run/$name.log")"
}

# load OPTION...: mixed sizes at random places, all read back and compared.
load() {
    fio --name=load --filename="$DEVICE" --direct=1 --ioengine=libaio --iodepth=16 --rw=randrw \
        --bsrange=512-64k --bs_unaligned=0 --blockalign=512 --size=32m --verify=crc32c \
        --verify_fatal=1 --randseed=1 "$@"
}

crash_under_load() {
    load --rw=randwrite --loops=2 > /run/load.log 2>&1 &
    load_pid=$!
    await wrote_enough
    crash "$DOOR"
    begin "$DOOR"
    wait $load_pid
    status=$?
    cat /run/load.log
    return $status
}

wrote_enough() {
    ! kill -0 $load_pid ||
        [ "$(awk '{ print $7 }' "/sys/block/${DEVICE##*/}/stat")" -gt $((written + 2000)) ]
}

has_no_device() {
    ! [ -b "$DEVICE" ]
}

must mount -t configfs none /sys/kernel/config
for DOOR in $DOORS; do
    begin "$DOOR"
    check "$DOOR: the disk has its size" test "$(cat "/sys/block/${DEVICE##*/}/size")" = $BLOCKS
    check "$DOOR: mixed sizes at random places are read as written" load
    must mkfs.ext4 -q "$DEVICE"
    must mount -t ext4 "$DEVICE" /mnt
    must dd if=/dev/urandom of=/mnt/file bs=64k count=64 conv=fsync
    check "$DOOR: ext4 gives space back" fstrim /mnt
    must umount /mnt
    check "$DOOR: ext4 is sound" e2fsck -f -n "$DEVICE"
    written=$(awk '{ print $7 }' "/sys/block/${DEVICE##*/}/stat")
    check "$DOOR: a server that is killed under load and starts again loses nothing" \
        crash_under_load
    check "$DOOR: the server ends in order" ends_in_order "$DOOR"
    check "$DOOR: it takes its device along" has_no_device
    begin "$DOOR" -W 0
    check "$DOOR: a read-only disk refuses writes" exits 1 dd if=/dev/zero of="$DEVICE" count=1
    check "$DOOR: and the server ends" ends_in_order "$DOOR"
    rawdisk -f "/tmp/$DOOR.img" -p "$DOOR:" --exec 'blkid "$SPD_DEVICE"; exit 5' > /run/exec.log 2>&1
    check "$DOOR: a command has the device" test $? = 5
done
