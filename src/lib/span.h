/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Where the data of an operation lies in the scatter list of its command, whose operations are
 * pieces of it that begin and end anywhere. */

#ifndef SPD_LIB_SPAN_H
#define SPD_LIB_SPAN_H

#include "lib/door.h"

struct spd_span {
    const struct scsi_vec *first;
    uint32_t count;
    size_t skip; /* bytes into the first piece */
    size_t length;
};

/* The span of the present operation, which moves data. scratch becomes the list where the data lies
 * in the scratch memory of the task. False when the operation is not within its buffer. */
bool spd_span_find(
    const struct spd_request *request, struct scsi_vec *scratch, struct spd_span *span);

/* Copies all bytes of the span from buffer, or to it. */
void spd_span_copy(const struct spd_span *span, unsigned char *buffer, bool into_span);

/* Cuts the operation out of the door's scatter list without copying data, into request->op_vec: the
 * list itself where it fits, else a copy of its pieces with the ends trimmed. False: there is no
 * room for that. */
bool spd_span_cut(struct spd_request *request, const struct spd_span *span);

#endif
