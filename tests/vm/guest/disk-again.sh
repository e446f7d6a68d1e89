# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# A fresh boot: is what the load wrote still there?

. /guest/load.sh
login
check 'after a reboot: every block of the load is as written' every_block_is_as_written
logout
