# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
#
# A fresh boot, now with digests and CHAP: is what the load wrote still there?
# Then our own tools, which write over it.

. /guest/load.sh

# connection_has ATTRIBUTE VALUE
connection_has() {
    [ "$(cat "$CONNECTION/$1")" = "$2" ]
}

initiator_up iscsid_secure_settings
say OK 'CHAP: discovery with the right secrets'
must node -o update -n node.session.auth.password -v not-this-secret
check 'CHAP: a wrong secret of the initiator is refused by the target' exits 24 node --login
must node -o update -n node.session.auth.password -v "$SECRET"
must node -o update -n node.session.auth.password_in -v not-this-secret
check 'CHAP: a target that does not know its secret is refused by the initiator' \
    exits 19 node --login
must node -o update -n node.session.auth.password_in -v "$TARGET_SECRET"
login
say OK 'CHAP: login with the right secrets, SHA-256 both ways'
check 'digests: the kernel has negotiated one for headers' connection_has header_digest 1
check 'digests: the kernel has negotiated one for data' connection_has data_digest 1
check 'after a reboot, with digests: every block of the load is as written' \
    every_block_is_as_written
. /guest/tools.sh
logout
