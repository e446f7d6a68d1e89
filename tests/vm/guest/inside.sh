# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# rawdisk serves in here, over a Unix socket and over iSCSI, and the kernel uses its disk.

IQN=iqn.2026-01.org.winspd:inside
PORTAL=127.0.0.1

serve disk rawdisk -f /tmp/disk.img -c 131072 -p unix:/run/disk.sock \
    -p "iscsi://127.0.0.1:0/$IQN"
check 'inside: stgtest reaches the server by its Unix socket' \
    shows '^OK$' stgtest unix:/run/disk.sock 20 WR '*' '*'
PORT=$(sed -n 's,^serving iscsi://127.0.0.1:\([0-9]*\)/.*,\1,p' /run/disk.log)
initiator_up iscsid_settings
login
check 'inside: both processors are there' test "$(nproc)" = 2
check 'inside: the kernel has a disk of 64 MiB' test "$(cat "$BLOCK/size")" = 131072
must mkfs.ext4 -q "$DISK"
must mount -t ext4 "$DISK" /mnt
must dd if=/dev/urandom of=/mnt/file bs=64k count=64
must umount /mnt
check 'inside: ext4 is sound' e2fsck -f -n "$DISK"
logout
check 'inside: the server ends in order' ends_in_order disk
