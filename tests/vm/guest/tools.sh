# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# The answers of $DISK to our own tools through SG_IO and the block layer. stgtest writes all over
# it.

SG=/dev/$(ls "$BLOCK/device/scsi_generic")

check 'scsitool: INQUIRY of a disk of the kernel' \
    shows '^T10 VENDOR IDENTIFICATION=WinSpd  $' scsitool -c inquiry "$DISK"
check 'scsitool: INQUIRY through the sg driver' \
    shows '^T10 VENDOR IDENTIFICATION=WinSpd  $' scsitool -c inquiry "$SG"
check 'scsitool: the serial number is the one that sysfs has' \
    shows "^PRODUCT SERIAL NUMBER=$(tail -c +5 "$BLOCK/device/vpd_pg80")$" scsitool -c vpd80 "$DISK"
check 'scsitool: the last block' \
    shows "^RETURNED LOGICAL BLOCK ADDRESS=$(($(cat "$BLOCK/size") - 1)) " scsitool -c capacity "$SG"
for command in luns vpd0 vpd83 vpd86 vpdb0 vpdb1 vpdb2 mode-sense mode-caching capacity16 \
    lba-status opcodes task-management request-sense; do
    check "scsitool: $command draws its table" shows '^\+--------\+' scsitool "$command" "$SG"
done
check 'scsitool: ready' shows '^OK$' scsitool ready "$SG"
check 'scsitool: a refusal shows its sense data' \
    shows '^ADDITIONAL SENSE CODE=33 ' scsitool -c --lba 0xffffffffffff lba-status "$SG"
check 'scsitool: a device that is not SCSI' exits 50 scsitool inquiry /dev/null
check 'stgtest: random transfers of up to three times what the disk takes at once' \
    shows '^OK$' stgtest "$DISK" 30 WR '*' '*'
check 'stgtest: flush and unmap are refused there' exits 87 stgtest "$DISK" 1 WFU
