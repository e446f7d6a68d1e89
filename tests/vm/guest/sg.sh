# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# The answers of $DISK to sg3_utils through the kernel's initiator: exit statuses and their meaning.
# Exit statuses of theirs: 5 illegal request, 9 invalid opcode, 14 miscompare, 22 LBA out of range,
# 24 reservation conflict.

BLOCKS=$(cat "$BLOCK/size")

# read_blocks LBA COUNT FILE, write_blocks LBA COUNT FILE: plain READ(16) and WRITE(16).
read_blocks() {
    rm -f "$3"
    sg_dd if="$DISK" of="$3" bs=512 skip="$1" count="$2" blk_sgio=1 cdbsz=16 > /dev/null
}

write_blocks() {
    sg_dd if="$3" of="$DISK" bs=512 seek="$1" count="$2" blk_sgio=1 cdbsz=16 > /dev/null
}

# holds LBA COUNT FILE: are the blocks as the file?
holds() {
    read_blocks "$1" "$2" /tmp/holds && cmp /tmp/holds "$3"
}

# then_holds LBA COUNT FILE COMMAND...: the command succeeds and leaves the blocks like that.
then_holds() {
    lba=$1
    count=$2
    file=$3
    shift 3
    "$@" && holds "$lba" "$count" "$file"
}

# pattern NAME COUNT FILE: blocks that differ from each other and from those of another name.
pattern() {
    seq -w $(($2 * 64)) | sed "s/^/$1 /" | head -c $(($2 * 512)) > "$3"
}

# part FROM COUNT FILE: COUNT blocks of the file's.
part() {
    dd if="$3" bs=512 skip="$1" count="$2" 2> /dev/null
}

pattern one 64 /tmp/one
pattern two 64 /tmp/two
part 0 1 /tmp/one > /tmp/one-block
part 0 8 /tmp/one > /tmp/one-8
part 24 40 /tmp/one > /tmp/one-rest
part 0 1 /tmp/two > /tmp/two-1
cat /tmp/one-block /tmp/one-block /tmp/one-block /tmp/one-block > /tmp/one-block-4
cat /tmp/one-block /tmp/two-1 > /tmp/one-then-two
part 0 16 /dev/zero > /tmp/zeros-16
part 0 4 /dev/zero > /tmp/zeros-4

# Its description of itself.
check 'sg_inq: a disk of vendor WinSpd' shows 'Vendor identification: WinSpd' sg_inq "$DISK"
check 'sg_inq: product RawDisk' shows 'Product identification: RawDisk' sg_inq "$DISK"
check 'sg_inq: an SPC-4 direct access device' shows 'version=0x06' sg_inq "$DISK"
check 'sg_inq: command queuing, no removable medium' shows 'CmdQue=1' sg_inq "$DISK"
check 'sg_vpd -a: succeeds' sg_vpd -a "$DISK"
for page in sv sn di ei bl bdc lbpv; do
    check "sg_vpd: page $page" sg_vpd --page=$page "$DISK"
done
check 'sg_vpd: UNMAP and WRITE SAME with UNMAP are promised' \
    shows 'Write same \(16\) with unmap bit supported \(LBPWS\): 1' sg_vpd --page=lbpv "$DISK"
check 'sg_vpd: designators name the unit and its target port' \
    shows 'iSCSI name|SCSI name string' sg_vpd --page=di "$DISK"
check 'sg_vpd: the serial number is the one that sysfs has' \
    shows "$(tail -c +5 "$BLOCK/device/vpd_pg80")" sg_vpd --page=sn "$DISK"
check 'sg_readcap -16: the last LBA' \
    shows "Last LBA=$((BLOCKS - 1)) " sg_readcap --16 "$DISK"
check 'sg_readcap -16: blocks of 512 bytes' shows 'length=512 bytes' sg_readcap --16 "$DISK"
check 'sg_readcap -16: thin, unmapped blocks read as zeros' \
    shows 'lbpme=1, lbprz=1' sg_readcap --16 "$DISK"
check 'sg_readcap: READ CAPACITY(10) agrees' \
    shows "Last LBA=$((BLOCKS - 1)) " sg_readcap "$DISK"
check 'sg_modes: succeeds for all pages' sg_modes --all "$DISK"
check 'sg_modes: the caching page is there' shows 'Caching' sg_modes --all "$DISK"
check 'sg_modes --six: MODE SENSE(6) succeeds' sg_modes --six --all "$DISK"
check 'sg_logs: lists the pages' shows 'Informational' sg_logs "$DISK"
check 'sg_logs: no failure is predicted' \
    shows 'IE asc = 0x0, ascq = 0x0' sg_logs --page=0x2f "$DISK"
check 'sg_opcodes: succeeds' sg_opcodes "$DISK"
for name in 'Read\(16\)' 'Write\(16\)' 'Unmap' 'Write same\(16\)' 'Compare and write' \
    'Synchronize cache\(16\)' 'Verify\(16\)'; do
    check "sg_opcodes: lists $(echo "$name" | tr -d '\\')" shows "$name" sg_opcodes "$DISK"
done
check 'sg_opcodes: one that it has' shows 'Command is supported' sg_opcodes --opcode=0x42 "$DISK"
check 'sg_opcodes: one that it has not' shows 'NOT supported' sg_opcodes --opcode=0xd0 "$DISK"
check 'sg_luns: one logical unit' shows 'length = 8 ' sg_luns "$DISK"
check 'sg_turs: ready' sg_turs "$DISK"
check 'sg_raw: an opcode that nobody has is refused' exits 9 sg_raw "$DISK" d0 00 00 00 00 00

# Its treatment of data.
check 'WRITE(16) then READ(16) give the same' then_holds 1000 64 /tmp/one \
    write_blocks 1000 64 /tmp/one
check 'sg_unmap: succeeds' sg_unmap --lba=1008 --num=16 --force "$DISK"
check 'sg_unmap: the blocks read as zeros' holds 1008 16 /tmp/zeros-16
check 'sg_unmap: the blocks before are as they were' holds 1000 8 /tmp/one-8
check 'sg_unmap: the blocks behind are as they were' holds 1024 40 /tmp/one-rest
check 'sg_unmap: beyond the end is refused' \
    exits 22 sg_unmap --lba=$((BLOCKS - 4)) --num=8 --force "$DISK"
check 'sg_write_same: WRITE SAME(10) repeats its block' then_holds 2000 4 /tmp/one-block-4 \
    sg_write_same --10 --in=/tmp/one-block --xferlen=512 --lba=2000 --num=4 "$DISK"
check 'sg_write_same: WRITE SAME(16) repeats its block' then_holds 2100 4 /tmp/one-block-4 \
    sg_write_same --16 --in=/tmp/one-block --xferlen=512 --lba=2100 --num=4 "$DISK"
check 'sg_write_same: with UNMAP the blocks read as zeros' then_holds 2100 4 /tmp/zeros-4 \
    sg_write_same --16 --unmap --lba=2100 --num=4 --xferlen=512 "$DISK"
check 'sg_write_same: with NDOB the blocks read as zeros' then_holds 2000 4 /tmp/zeros-4 \
    sg_write_same --16 --ndob --lba=2000 --num=4 "$DISK"
check 'sg_write_same: beyond the end is refused' exits 22 \
    sg_write_same --16 --in=/tmp/one-block --xferlen=512 --lba=$((BLOCKS - 1)) --num=2 "$DISK"
check 'sg_verify: VERIFY(10) of good blocks' sg_verify --lba=1000 --count=8 "$DISK"
check 'sg_verify: VERIFY(16) of good blocks' sg_verify --16 --lba=1000 --count=8 "$DISK"
check 'sg_verify: blocks that are as ours' \
    sg_verify --lba=1000 --count=8 --ndo=4096 --in=/tmp/one "$DISK"
check 'sg_verify: blocks that differ are a miscompare' \
    exits 14 sg_verify --lba=1000 --count=8 --ndo=4096 --in=/tmp/two "$DISK"
check 'sg_verify: beyond the end is refused' exits 22 sg_verify --16 --lba="$BLOCKS" --count=1 "$DISK"
check 'sg_compare_and_write: equal data, then it writes' then_holds 1000 1 /tmp/two-1 \
    sg_compare_and_write --in=/tmp/one-then-two --lba=1000 --num=1 --xferlen=1024 "$DISK"
check 'sg_compare_and_write: other data is a miscompare' \
    exits 14 sg_compare_and_write --in=/tmp/one-then-two --lba=1000 --num=1 --xferlen=1024 "$DISK"
check 'sg_compare_and_write: after a miscompare nothing has changed' holds 1000 1 /tmp/two-1
check 'sg_get_lba_status: succeeds' sg_get_lba_status --lba=0 "$DISK"
check 'sg_get_lba_status: its first extent begins where we asked' \
    shows '^0x0*3e8 +0x[1-9a-f]' sg_get_lba_status --brief --lba=1000 "$DISK"
check 'sg_get_lba_status: beyond the end is refused' \
    exits 22 sg_get_lba_status --lba="$BLOCKS" "$DISK"

# persist in|out ARGUMENTS...
persist() {
    direction=$1
    shift
    sg_persist --$direction "$@" "$DISK"
}

check 'sg_persist: all types can be had' \
    shows 'Exclusive Access, all registrants: 1' persist in --report-capabilities
check 'sg_persist: a key is registered' persist out --register --param-sark=0x5d1
check 'sg_persist: the key is there' shows '0x5d1' persist in --read-keys
check 'sg_persist: a reservation is made' persist out --reserve --param-rk=0x5d1 --prout-type=5
check 'sg_persist: the reservation is there' \
    shows 'Write Exclusive, registrants only' persist in --read-reservation
check 'sg_persist: full status names the initiator' \
    shows ',i,0x[0-9a-f]{12}' persist in --read-full-status
check 'sg_persist: with another key it is a conflict' \
    exits 24 persist out --release --param-rk=0x666 --prout-type=5
check 'sg_persist: the holder writes on' then_holds 1000 64 /tmp/one write_blocks 1000 64 /tmp/one
check 'sg_persist: all of it is cleared' persist out --clear --param-rk=0x5d1
check 'sg_persist: no key is left' shows 'NO registered' persist in --read-keys
check 'sg_sync: SYNCHRONIZE CACHE(10)' sg_sync "$DISK"
check 'sg_sync: SYNCHRONIZE CACHE(16)' sg_sync --16 "$DISK"
check 'sg_reset: a logical unit reset succeeds' sg_reset --device "$DISK"
check 'sg_reset: data is still there' holds 1024 40 /tmp/one-rest
