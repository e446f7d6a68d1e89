/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The operator's view of operations that fail. The initiator has its sense data, but the operator
 * must learn of the failure as well, and of a remedy. The first failure of a kind is a line with
 * all details. The others are counted, and a line gives the count at 10, 100,
 * ... and once a minute while it goes on.
 */

#ifndef SPD_LIB_TROUBLE_H
#define SPD_LIB_TROUBLE_H

#include <stdbool.h>

#include "os/os.h"
#include "spd/spd.h"

enum { SPD_TROUBLES = 16, SPD_TROUBLE_TEXT_MAX = 256 };

/* A kind: the operation that failed, and its error. */
struct spd_trouble {
    spd_operation operation;
    spd_status status; /* without the LBA */
    uint64_t count;
    uint64_t told; /* ns: the last line */
};

struct spd_troubles {
    os_mutex lock;
    uint32_t known; /* the kind that was logged least recently makes place for another */
    struct spd_trouble kinds[SPD_TROUBLES];
};

/* "a read", ...; by spd_operation. */
extern const char *const spd_operation_names[];
enum { SPD_OPERATION_LAST = SPD_PREFETCH };

/* The errno value that spd_status_set_errno() was given; 0: none. */
int spd_status_errno(const spd_status *status);

/* Makes a status of an operation's result, if that is not 0 and its own status is GOOD. */
void spd_status_of_result(spd_status *status, int result, spd_operation operation, uint64_t lba);

/* "No space left on device (7/27/07)" */
void spd_trouble_text(const spd_status *status, char text[SPD_TROUBLE_TEXT_MAX]);

/* Counts another failure; *count of this kind so far. True: the caller logs it. */
bool spd_trouble_count(struct spd_troubles *troubles, spd_operation operation,
    const spd_status *status, uint64_t now, uint64_t *count);

/* The status is not GOOD. */
void spd_trouble_report(struct spd_unit *unit, spd_operation operation, uint64_t lba,
    const spd_status *status);

#endif
