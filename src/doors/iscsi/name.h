/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* iSCSI names: RFC 7143 4.2.7, RFC 3721 1.1, RFC 3722. */

#ifndef ISCSI_NAME_H
#define ISCSI_NAME_H

/* Says what is wrong with a name; NULL: nothing. Letters of ASCII are made lower case in place,
 * since names that differ in case alone are one (RFC 3722 2.2). Other characters are compared as
 * they are. */
const char *name_fault(char *name);

#endif
