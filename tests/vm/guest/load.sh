# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# Random reads and writes, each block with a checksum and the seed of its place, flushed now and
# then; the server dies in the middle, twice. Acknowledged data must be there afterwards.

# load OPTION...: the same offsets, sizes and contents each time.
load() {
    fio --name=load --filename="$DISK" --ioengine=libaio --direct=1 --iodepth=16 --thread \
        --rw=randrw --rwmixread=30 --bssplit=4k/70:16k/20:64k/10 --offset=16m --size=96m \
        --fsync=64 --randrepeat=1 --verify=crc32c --verify_fatal=1 "$@"
}

session_is() {
    [ "$(cat "$SESSION/state")" = "$1" ]
}

# writes_reach N: has the kernel completed N writes?
writes_reach() {
    set -- "$1" $(cat "$BLOCK/stat")
    [ "$6" -ge "$1" ]
}

load_succeeded() {
    cat /tmp/load
    return "$(cat /tmp/load-status)"
}

run_load_over_crashes() {
    rm -f /tmp/load-status
    (
        load --do_verify=1 > /tmp/load 2>&1
        echo $? > /tmp/load-status
    ) &
    set -- $(cat "$BLOCK/stat")
    before=$5
    for writes in 1000 3000; do
        await writes_reach $((before + writes))
        check "crash after $writes writes: the load is under way" test ! -e /tmp/load-status
        ask CRASH
        await session_is FAILED
        ask RESTART
        await session_is LOGGED_IN
        check "crash after $writes writes: the initiator is back by itself" session_is LOGGED_IN
    done
    wait
    check 'load over crashes: no I/O error, and every block is as written' load_succeeded
}

serial_number() {
    sg_vpd --page=sn "$DISK" | tail -n 1
}

# every_block_is_as_written: reads all that load has written.
every_block_is_as_written() {
    shows 'READ:.*io=[1-9][0-9]' load --verify_only
}
