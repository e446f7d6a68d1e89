# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# The server's storage is out of reach for a while. The kernel waits and tries again; nobody gets an
# error, and no block is taken for bad.

# transfer read|write: 1 MiB where no load is.
transfer() {
    fio --name=far --filename="$DISK" --ioengine=psync --direct=1 --rw="$1" --bs=64k \
        --offset=160m --size=1m > /tmp/transfer 2>&1
    echo $? > /tmp/transfer-status
}

transfer_succeeded() {
    cat /tmp/transfer
    return "$(cat /tmp/transfer-status)"
}

run_transfers_out_of_reach() {
    for direction in write read; do
        rm -f /tmp/transfer-status
        ask CUT
        transfer $direction &
        ask BUSY $direction
        check "out of reach: a $direction waits" test ! -e /tmp/transfer-status
        ask MEND
        wait
        check "out of reach: the $direction ends well" transfer_succeeded
    done
}
