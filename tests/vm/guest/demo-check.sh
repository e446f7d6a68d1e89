# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# The demo's second boot: is everything still there? Then delete, trim and check the structures.

initiator_up iscsid_settings
login
await test -b "${DISK}2"
say STEP 'logged in again'

mkdir -p /mnt/ext4 /mnt/ntfs
must mount -t ext4 -o nodiscard "${DISK}1" /mnt/ext4
must ntfs-3g -o ro "${DISK}2" /mnt/ntfs
for fs in ext4 ntfs; do
    cd "/mnt/$fs/tree"
    must sha256sum -c /checksums
    say CHECKED "$fs $(grep -c ': OK$' /tmp/must)"
    find . -type f | wc -l > /tmp/count
    [ "$(cat /tmp/count)" -eq "$(wc -l < /checksums)" ] || fail "$fs has files nobody wrote"
    cd /
done

must rm -r /mnt/ext4/tree
must sync
ask TRIM
must fstrim /mnt/ext4
must sync
ask TRIMMED
must umount /mnt/ext4
must umount /mnt/ntfs

must e2fsck -f -n "${DISK}1"
say STEP 'e2fsck -f -n found no fault in the ext4 partition'
must ntfsfix -n "${DISK}2"
say STEP 'ntfsfix -n found no fault in the NTFS partition'
must sgdisk --verify "$DISK"
grep -q '^No problems found' /tmp/must || fail "sgdisk: $(cat /tmp/must)"
logout
