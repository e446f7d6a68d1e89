/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The pages that scsitool knows, as tables. */

#ifndef SCSITOOL_PAGES_H
#define SCSITOOL_PAGES_H

#include "scsitool/decode.h"

struct page {
    uint8_t code;
    struct fields fields;
};

/* NULL when the table has none. */
const struct fields *pages_vpd(uint8_t code);
const struct fields *pages_mode(uint8_t code);

#endif
