# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# A disk whose reads all end with RECOVERED ERROR. The kernel must get their data, and go on.

has_sum() {
    sum=$("$@" | sha256sum)
    echo "$sum"
    [ "${sum%% *}" = "$RECOVERED_SUM" ]
}

PORT=$RECOVERED_PORT
must node -o new
login
check 'recovered errors: the block layer gets the data' has_sum dd "if=$DISK" bs=64k
check 'recovered errors: SG_IO gets the data' has_sum sg_dd blk_sgio=1 bpt=128 bs=512 "if=$DISK" of=-
dmesg > /tmp/kernel-log
check 'recovered errors: the kernel has seen them' grep 'Recovered Error' /tmp/kernel-log
logout
