# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# Everything that needs no reboot runs in a single boot: the tools of sg3_utils, then a load on a
# disk whose server dies twice. Transfers follow while the server's own storage is out of reach; at
# the end comes another disk.

. /guest/load.sh
. /guest/far.sh
initiator_up iscsid_settings
login
. /guest/sg.sh
serial=$(serial_number)
run_load_over_crashes
check 'load over crashes: read again, every block is as written' every_block_is_as_written
check 'load over crashes: the disk has the serial number it had' test "$serial" = "$(serial_number)"
run_transfers_out_of_reach
logout
. /guest/recovered.sh
