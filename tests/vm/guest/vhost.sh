# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# Our disks are this machine's /dev/vda, which can be written, and /dev/vdb, which cannot.

load() {
    fio --name=load --filename=/dev/vda --direct=1 --ioengine=libaio --iodepth=16 --rw=randrw \
        --bsrange=512-64k --bs_unaligned=0 --blockalign=512 --size=32m --verify=crc32c \
        --verify_fatal=1 --randseed=1 "$@"
}

wrote_enough() {
    ! kill -0 $load_pid || [ "$(awk '{ print $7 }' /sys/block/vda/stat)" -gt $((written + 1000)) ]
}

load_succeeded() {
    wait $load_pid
    status=$?
    cat /run/load.log
    return $status
}

await test -b /dev/vda -a -b /dev/vdb
check 'vhost: the disk has its size' test "$(cat /sys/block/vda/size)" = "$BLOCKS"
check 'vhost: it has several queues' test "$(ls /sys/block/vda/mq | wc -l)" = 2
check 'vhost: its serial number is a part of the GUID' test -n "$(cat /sys/block/vda/serial)"
check 'vhost: mixed sizes at random places are read as written' load
must mkfs.ext4 -q /dev/vda
must mount -t ext4 /dev/vda /mnt
must dd if=/dev/urandom of=/mnt/file bs=64k count=64 conv=fsync
check 'vhost: ext4 gives space back' fstrim /mnt
must umount /mnt
check 'vhost: ext4 is sound' e2fsck -f -n /dev/vda
written=$(awk '{ print $7 }' /sys/block/vda/stat)
load --rw=randwrite --loops=2 > /run/load.log 2>&1 &
load_pid=$!
await wrote_enough
ask CRASH
ask RESTART
check 'vhost: a server that is killed under load and starts again loses nothing' load_succeeded
check 'vhost: a read-only disk refuses writes' exits 1 dd if=/dev/zero of=/dev/vdb count=1
