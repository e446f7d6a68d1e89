/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A second disk beside the fixture's, at the same address. */

#ifndef TEST_ISCSI_UNITS_H
#define TEST_ISCSI_UNITS_H

#include "fixture.h"

#define OTHER_TARGET "iqn.2026-01.org.example:other"

enum {
    LUNS_CHANGED = 0x3f0e,
    NOT_SUPPORTED = 0x2500,
    POWER_ON = 0x2900,
    LUN_RESET_OCCURRED = 0x2903,
    TARGET_RESET_OCCURRED = 0x2902,
};

extern struct disk beside;

/* path: the target, and perhaps a LUN and a query. */
void open_beside(const char *path, bool hold);
void close_beside(void);
/* disk is LUN 0 of the fixture's target, beside is LUN 1; their devices wait where hold says so. */
void open_two(bool hold);
/* client logs in, and has both settled. */
void begin_two(void);

/* cmocka's set-ups, and what undoes all of them. */
int open_units(void **state);
int open_held_units(void **state);
int close_units(void **state);

int sense_at(struct client *c, uint8_t lun);
/* A bit for each LUN that REPORT LUNS lists. */
unsigned report_luns(struct client *c);

#define WITH_UNITS(OPEN, TEST) cmocka_unit_test_setup_teardown(TEST, OPEN, close_units)

#endif
