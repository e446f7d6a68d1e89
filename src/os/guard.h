/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Says on a prototype which lock a function needs. clang proves it (-Wthread-safety); other
 * compilers see nothing. The names are those of clang's manual, "Thread Safety Analysis". In C a
 * structure's member cannot name the lock beside it, so that OS_GUARDED_BY() is for variables;
 * functions that touch such members have OS_REQUIRES().
 */

#ifndef OS_GUARD_H
#define OS_GUARD_H

#if defined(__clang__)
#define OS_GUARD(attribute) __attribute__((attribute))
#else
#define OS_GUARD(attribute)
#endif

#define OS_CAPABILITY OS_GUARD(capability("mutex"))
#define OS_GUARDED_BY(lock) OS_GUARD(guarded_by(lock))
/* The caller holds the lock, and still does afterwards. */
#define OS_REQUIRES(lock) OS_GUARD(requires_capability(lock))
/* The caller does not hold the lock, and does afterwards. */
#define OS_ACQUIRE(lock) OS_GUARD(acquire_capability(lock))
/* The same where it returns true. */
#define OS_TRY_ACQUIRE(lock) OS_GUARD(try_acquire_capability(true, lock))
/* The caller holds the lock, and does not afterwards. */
#define OS_RELEASE(lock) OS_GUARD(release_capability(lock))
/* The caller does not hold the lock, which the function takes and lets go of. */
#define OS_EXCLUDES(lock) OS_GUARD(locks_excluded(lock))
/* For a function whose locks depend on its arguments: clang has no words for this. */
#define OS_UNCHECKED OS_GUARD(no_thread_safety_analysis)

#endif
