/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Declares what the library needs of an operating system. Each system has an implementation in its
 * own folder. Locks and waits cannot fail; functions that can fail return 0 or an errno value.
 */

#ifndef OS_OS_H
#define OS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* os_mutex, os_cond, OS_MUTEX_INIT and OS_COND_INIT (instead of their init()), os_thread, and
 * OS_PRINTF for functions like printf. */
#if defined(_WIN32)
#include "os/windows/probes.h"
#include "os/windows/types.h"
#else
#include "os/posix/probes.h"
#include "os/posix/types.h"
#endif

void os_mutex_init(os_mutex *mutex);
void os_mutex_destroy(os_mutex *mutex);
void os_mutex_lock(os_mutex *mutex) OS_ACQUIRE(*mutex);
void os_mutex_unlock(os_mutex *mutex) OS_RELEASE(*mutex);

void os_cond_init(os_cond *cond);
void os_cond_destroy(os_cond *cond);
void os_cond_wait(os_cond *cond, os_mutex *mutex) OS_REQUIRES(*mutex);
/* At most about that long; may return before. */
void os_cond_wait_ms(os_cond *cond, os_mutex *mutex, uint32_t milliseconds) OS_REQUIRES(*mutex);
void os_cond_signal(os_cond *cond);
void os_cond_broadcast(os_cond *cond);

/* The thread blocks every signal, so that the process's signals reach the program's own threads.
 * The name has at most 15 characters, for debuggers; name and argument live as long as the
 * thread. */
int os_thread_create(
    os_thread *thread, const char *name, void (*function)(void *argument), void *argument);
void os_thread_join(os_thread thread);
void os_yield(void);

/* A process has at most OS_FORK_PAIRS pairs of functions. They run around each fork(), on systems
 * with this call. `before` runs on the thread that forks, the last pair first; then `after` runs in
 * both processes, the first pair first. The child has this thread alone. */
enum { OS_FORK_PAIRS = 4 };
void os_at_fork(void (*before)(void), void (*after)(bool child));
/* At exit(), while the other threads still run. Does nothing on systems that call a library's last
 * function after their end. */
void os_at_exit(void (*function)(void));

/* An event: a descriptor that polls readable (net.h) from signal to clear. */
int os_event_open(int *event);
void os_event_close(int event);
void os_event_signal(int event); /* any thread, also a signal handler */
void os_event_clear(int event);
void os_event_wait(int event); /* blocks until it is signalled; does not clear it */

/* The errno value of an error of the system's sockets: Winsock has numbers of its own.
 * All others as they are. */
int os_errno(int error);

/* A monotonic clock. */
uint64_t os_now_ns(void);

/* The time of day in UTC: "2026-11-30T05:28:55Z". */
enum { OS_UTC_MAX = 32 };
void os_utc_text(char text[OS_UTC_MAX]);

/* CPUs that this process may use, at least 1. */
uint32_t os_cpu_count(void);

/* From now on this thread runs on one of these CPUs only: number `index`, modulo their count.
 * Returns the system's number of that CPU, or -1: the system does not allow it. */
int os_thread_bind(uint32_t index);

/* Descriptors that this process may have open at once. */
uint32_t os_descriptor_limit(void);

/* Unpredictable bytes. */
void os_random(void *buffer, size_t length);

/* The hash of two pieces, one after the other. Returns its length; 0 when the system lacks the hash
 * or may not use it. */
enum os_hash { OS_MD5, OS_SHA1, OS_SHA256 };
enum { OS_HASH_MAX = 32 };
size_t os_hash(enum os_hash which, const void *first, size_t first_length, const void *second,
    size_t second_length, uint8_t digest[OS_HASH_MAX]);

/* CRC32C, without the inversions at its begin and end. */
uint32_t os_crc32c(uint32_t crc, const void *bytes, size_t length);

/* Opens the null device as each of the descriptors 0 to 2 that is closed, so that nothing else ever
 * gets their numbers. 0 or an errno value. */
int os_reserve_descriptors(void);

/* Zeroes; the compiler does not leave it out, although nobody reads the bytes again. */
void os_wipe(void *bytes, size_t length);

/* While secrets are in memory the process writes no core dump, and no other program of its user may
 * attach to it or read its memory. Calls nest. Windows has no such switch: nothing keeps out a
 * process of the same user there. */
void os_secrets_begin(void);
void os_secrets_end(void);

/* Opens a regular file with secrets for reading. Only its owner may read or change it, and on
 * Windows also the system and administrators. path: UTF-8. Returns 0 or an errno value (EPERM:
 * others may); after an error, why has the reason as text. */
int os_secret_open(const char *path, FILE **file, char *why, size_t size);

/* Page-aligned and zeroed; takes real memory only for pages that are touched. NULL when there is
 * none. */
void *os_pages_alloc(size_t length);
void os_pages_free(void *pages, size_t length);

/* The callback runs on a thread of its own, once: after SIGINT, SIGTERM or SIGHUP, or a console's
 * event instead. A SIGINT or SIGTERM that comes a second later acts as it did before the watch.
 * SIGHUP stays ignored if it was, and SIGPIPE is ignored during the watch. A
 * process has at most one watch: EBUSY when there is one. A child of fork() does not inherit it:
 * SIGINT, SIGTERM and SIGHUP act there as they did before the watch. */
int os_signal_watch(void (*callback)(void *context), void *context);
/* Waits for a callback that runs. Not from the callback. If a signal has come, later ones act as
 * during the watch. A child of fork() has the handlers restored. */
void os_signal_unwatch(void);

#endif
