# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# Servers in here whose disks are slow, fail, are protected or grow.

PORTAL=127.0.0.1

# attach NAME PROGRAM ARGUMENT...: serves a disk, and logs in. The disk is $DISK.
attach() {
    IQN=iqn.2026-01.org.winspd:$1
    known=$(echo /sys/class/iscsi_session/session*)
    serve "$@" -p "iscsi://127.0.0.1:0/$IQN"
    PORT=$(sed -n 's,^serving iscsi://127.0.0.1:\([0-9]*\)/.*,\1,p' "/run/$1.log")
    must node -o new
    must node --login
    for SESSION in /sys/class/iscsi_session/session*; do
        case " $known " in
        *" $SESSION "*) ;;
        *) break ;;
        esac
    done
    await session_disk
    BLOCK=/sys/block/${DISK##*/}
}

# detach NAME: the initiator of that disk leaves, and the server ends.
detach() {
    IQN=iqn.2026-01.org.winspd:$1
    PORT=$(sed -n 's,^serving iscsi://127.0.0.1:\([0-9]*\)/.*,\1,p' "/run/$1.log")
    logout
    check "filters: the server of $1 ends in order" ends_in_order "$1"
}

sum_of() {
    md5sum < "$1" || fail "there is no sum of $1"
}

fails() {
    ! "$@"
}

network_up
mkdir -p /etc/iscsi /run/lock
echo 'root:x:0:0::/:/bin/sh' > /etc/passwd
echo 'InitiatorName=iqn.2026-01.org.winspd:guest' > /etc/iscsi/initiatorname.iscsi
iscsid_settings > /etc/iscsi/iscsid.conf
must iscsid
await iscsid_listens

# A mounted ext4 grows.
attach grow rawdisk -f /tmp/grow.img -c 32768
must mkfs.ext4 -q "$DISK"
must mount -t ext4 "$DISK" /mnt
must dd if=/dev/urandom of=/mnt/file bs=64k count=16
before=$(sum_of /mnt/file)
must truncate -s 32M /tmp/grow.img
must kill -USR1 "$(cat /run/grow.pid)"
await grep -q 'has grown from 32768 to 65536 blocks' /run/grow.log
must sync
must dd if=/dev/urandom of=/mnt/other bs=4k count=1 conv=fsync
check 'filters: the kernel learns of the new size by a unit attention' \
    shows 'Capacity data has changed' dmesg
echo 1 > "$BLOCK/device/rescan"
check 'filters: the disk has 32 MiB after a rescan' test "$(cat "$BLOCK/size")" = 65536
check 'filters: ext4 grows while it is mounted' resize2fs "$DISK"
must dd if=/dev/zero of=/mnt/large bs=1M count=20 conv=fsync
must umount /mnt
check 'filters: the grown ext4 is sound' e2fsck -f -n "$DISK"
must mount -t ext4 "$DISK" /mnt
check 'filters: the file is the same after growth' test "$(sum_of /mnt/file)" = "$before"
must umount /mnt
detach grow

# ext4 sees bad blocks, and only these.
attach bad memdisk --size 64M --filter error:lba=60000-79999,on=read
# With blocks of this length all metadata is elsewhere.
must mkfs.ext4 -q -b 4096 "$DISK"
must mount -t ext4 "$DISK" /mnt
must dd if=/dev/urandom of=/mnt/first bs=64k count=16 conv=fsync
must dd if=/dev/zero of=/mnt/large bs=1M count=44 conv=fsync
first=$(sum_of /mnt/first)
echo 3 > /proc/sys/vm/drop_caches
check 'filters: a file on good blocks is read' test "$(sum_of /mnt/first)" = "$first"
check 'filters: a file on bad blocks is not' fails dd if=/mnt/large of=/dev/null bs=1M
check 'filters: the kernel names a bad block' \
    shows 'critical medium error, dev sd.*, sector [67]....' dmesg
must umount /mnt
detach bad

# md raid1 goes on when a leg fails. The array is made as admin-guide/md.rst of the kernel says.
attach good memdisk --size 16M
good=$(cat "$BLOCK/dev")
attach failing memdisk --size 16M --filter error:kind=hardware,on=write,skip=2
echo md7 > /sys/module/md_mod/parameters/new_array
MD=/sys/block/md7/md
echo none > $MD/metadata_version
echo raid1 > $MD/level
echo 2 > $MD/raid_disks
echo "$good" > $MD/new_dev
cat "$BLOCK/dev" > $MD/new_dev
for slot in $MD/dev-*; do
    echo 15000 > "$slot/size"
done
echo 0 > "$(ls -d $MD/dev-* | head -n 1)/slot"
echo 1 > "$(ls -d $MD/dev-* | tail -n 1)/slot"
echo 15000 > $MD/component_size
echo none > $MD/resync_start
echo active > $MD/array_state
check 'filters: raid1 runs with both legs' shows '\[UU\]' cat /proc/mdstat
must dd if=/dev/urandom of=/tmp/data bs=64k count=64
check 'filters: a write to raid1 succeeds while a leg fails' \
    dd if=/tmp/data of=/dev/md7 bs=64k conv=fsync
check 'filters: raid1 has thrown the failing leg out' shows '\(F\)' cat /proc/mdstat
echo 3 > /proc/sys/vm/drop_caches
check 'filters: raid1 has the data' \
    test "$(dd if=/dev/md7 bs=64k count=64 2> /dev/null | md5sum)" = "$(sum_of /tmp/data)"
echo clear > $MD/array_state
detach failing
detach good

# All the others at once, and then the committed changes behind write protection.
attach all rawdisk -f /tmp/all.img -c 65536 --debug-log /run/all.requests --filter log:on=write \
    --filter delay:time=1ms,on=write,distribution=exponential --filter rate:iops=2000 \
    --filter error:kind=recovered,rate=1,on=read --filter cow:file=/tmp/all.cow,end=commit
must mkfs.ext4 -q "$DISK"
must mount -t ext4 "$DISK" /mnt
must dd if=/dev/urandom of=/mnt/file bs=64k count=16 conv=fsync
before=$(sum_of /mnt/file)
must umount /mnt
check 'filters: ext4 behind all filters is sound' e2fsck -f -n "$DISK"
detach all
check 'filters: the log has the writes' grep -q '<<Write Status=GOOD' /run/all.requests
check 'filters: the changes are committed' test ! -e /tmp/all.cow
attach protected rawdisk -f /tmp/all.img --filter readonly
check 'filters: the kernel knows that the disk is protected' test "$(cat "$BLOCK/ro")" = 1
must mount -t ext4 -o ro "$DISK" /mnt
check 'filters: the committed file is right' test "$(sum_of /mnt/file)" = "$before"
must umount /mnt
detach protected
