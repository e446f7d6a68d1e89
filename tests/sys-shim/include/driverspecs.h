/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The annotations (SAL) that the driver's sources have: only Microsoft's compiler reads them. */

#ifndef SHIM_DRIVERSPECS_H
#define SHIM_DRIVERSPECS_H

#define _Acquires_lock_(Lock)
#define _Guarded_by_(Lock)
#define _IRQL_requires_max_(Level)
#define _No_competing_thread_
#define _Requires_lock_held_(Lock)
#define _Requires_lock_not_held_(Lock)
#define _Requires_no_locks_held_
#define _When_(Condition, Annotations)

#endif
