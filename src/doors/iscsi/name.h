/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* iSCSI names: RFC 7143 4.2.7, RFC 3721 1.1, RFC 3722. */

#ifndef ISCSI_NAME_H
#define ISCSI_NAME_H

#include <stdbool.h>

/* Makes the normal form of a name, in place, whose bytes can be compared; the length stays. Returns
 * the fault of the name, after which the text is useless; NULL: none. */
const char *iscsi_name_fault(char *name);

/* Whether the received text is this name, which is in its normal form. */
bool iscsi_name_is(const char *text, const char *name);

#endif
