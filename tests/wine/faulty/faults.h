/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Faults of a miniport. Byte 2 of a TEST UNIT READY (with a 1 in byte 3), a service request's
 * number (IRP_*) or the path of a reset (RESET_*) says which. The last ones show only when the
 * adapter goes and the driver is unloaded. */

#ifndef FAULTY_FAULTS_H
#define FAULTY_FAULTS_H

#define FAULTS(X) \
    X(SRB_TWICE) \
    X(SRB_WITH_A_LOCK) \
    X(SRB_PENDING) \
    X(SRB_TOO_LONG) \
    X(SRB_WITHOUT_SENSE) \
    X(SRB_FREEZES) \
    X(IRP_TWICE) \
    X(IRP_PENDING) \
    X(IRP_TOO_LONG) \
    X(IRP_WITH_AN_ADDRESS) \
    X(IRP_WITH_A_LOCK) \
    X(IRP_KEEPS_A_LOCK) \
    X(RESET_WAITS) \
    X(LOCK_KEPT) \
    X(LOCK_RELEASED_TWICE) \
    X(WAITS) \
    X(DELAYS) \
    X(DPC_DELAYS) \
    X(OPENS_A_KEY) \
    X(QUERIES_A_KEY) \
    X(CLOSES) \
    X(LOOKS_UP) \
    X(BUILDS_AN_IRP) \
    X(FLUSHES_DPCS) \
    X(ASKS_THE_VERSION) \
    X(COMPLETES_WITH_A_LOCK) \
    X(LOGS_WITH_A_LOCK) \
    X(LOGS_TOO_MUCH) \
    X(LOGS_ANOTHER_REVISION) \
    X(PAGED_POOL) \
    X(POOL_EXECUTABLE) \
    X(POOL_OF_NOTHING) \
    X(POOL_TWICE) \
    X(POOL_OVERRUN) \
    X(POOL_TAG) \
    X(POOL_OF_ANOTHER) \
    X(STRANGE_NOTIFICATION) \
    X(STRANGE_FUNCTION) \
    X(STRANGE_ADDRESS) \
    X(STARTIO_FALSE) \
    X(SRB_NEVER) \
    X(SRB_WRITTEN_LATER) \
    X(DATA_WRITTEN_LATER) \
    X(POOL_LEAKED) \
    X(IRP_NEVER)

#define FAULT(name) FAULT_##name,
enum fault { FAULTS(FAULT) FAULT_COUNT };
#undef FAULT

#endif
