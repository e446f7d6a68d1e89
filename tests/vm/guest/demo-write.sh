# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# The demo's first boot: look at the disk, partition it, format it, fill it.

initiator_up iscsid_settings
login
say STEP 'the guest kernel'"'"'s own iSCSI initiator logged in'

trim() {
    sed 's/ *$//' "$1"
}

say FACT vendor "$(trim "$BLOCK/device/vendor")"
say FACT product "$(trim "$BLOCK/device/model")"
say FACT revision "$(trim "$BLOCK/device/rev")"
say FACT serial "$(tail -c +5 "$BLOCK/device/vpd_pg80")"
say FACT sectors "$(cat "$BLOCK/size")"
say FACT logical_block "$(cat "$BLOCK/queue/logical_block_size")"
say FACT physical_block "$(cat "$BLOCK/queue/physical_block_size")"
say FACT cache "$(cat "$SCSI_DISK/cache_type")"
say FACT fua "$(cat "$SCSI_DISK/FUA")"
say FACT thin "$(cat "$SCSI_DISK/thin_provisioning")"
say FACT trim_by "$(cat "$SCSI_DISK/provisioning_mode")"
say FACT trim_max "$(cat "$BLOCK/queue/discard_max_bytes")"
say SEEN

must sgdisk --clear --new 1:0:+512M --typecode 1:8300 --change-name 1:ext4 \
    --new 2:0:0 --typecode 2:0700 --change-name 2:NTFS "$DISK"
await test -b "${DISK}2"
say STEP 'GPT with two partitions written'
must mkfs.ext4 -q -L demo "${DISK}1"
say STEP 'partition 1 formatted as ext4'
must mkntfs -q -Q -L demo "${DISK}2"
say STEP 'partition 2 formatted as NTFS'

mkdir -p /mnt/ext4 /mnt/ntfs
must mount -t ext4 "${DISK}1" /mnt/ext4
must ntfs-3g -o big_writes "${DISK}2" /mnt/ntfs
for fs in ext4 ntfs; do
    must cp -r /tree "/mnt/$fs/tree"
    must sync
    say STEP "$(find "/mnt/$fs/tree" -type f | wc -l) files copied to $fs"
done
must umount /mnt/ext4
must umount /mnt/ntfs
logout
say STEP 'both unmounted, logged out'
