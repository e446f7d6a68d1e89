/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The ring of lines, and the thread that takes them to the program. The lock is held only while a
 * line is copied; the program's function is called without it. */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "lib/log.h"
#include "spd/spd.h"

struct line {
    int level;
    char text[SPD_LOG_LINE_MAX];
};

static void to_standard_error(void *context, int level, const char *text)
{
    static const char *const names[] = { "error", "warning", "information" };
    char now[OS_UTC_MAX];

    (void)context;
    if (level > SPD_LOG_INFO)
        return;
    os_utc_text(now);
    fprintf(stderr, "libspd: %s %s: %s\n", now, names[level], text);
}

static _Atomic(spd_log_function) log_function = to_standard_error;

static os_mutex lock = OS_MUTEX_INIT;             /* also for log_limit.c */
static void *log_context OS_GUARDED_BY(lock);     /* for the function */
static os_cond work = OS_COND_INIT;               /* for the thread */
static os_cond quiet = OS_COND_INIT;              /* a line was delivered */
static struct {
    struct line ring[SPD_LOG_LINES];
    uint32_t first;
    uint32_t count;
    uint64_t lost;
    uint32_t units;
    bool running;    /* there is a thread */
    bool delivering; /* the program's function has a line */
    bool ending;     /* one thread joins it */
    bool changed;    /* the errand may be due */
    os_thread thread;
    const struct spd_log_errand *errand; /* NULL before there is one */
} spool OS_GUARDED_BY(lock);

static _Thread_local bool on_log_thread;

/* A place at the end; NULL: the ring is full, and a line is lost. */
static struct line *add(int level) OS_REQUIRES(lock)
{
    struct line *line;

    if (spool.count == SPD_LOG_LINES) {
        spool.lost++;
        return NULL;
    }
    line = &spool.ring[(spool.first + spool.count++) % SPD_LOG_LINES];
    line->level = level;
    os_cond_signal(&work);
    return line;
}

static void add_counts(bool any) OS_REQUIRES(lock)
{
    char raw[SPD_LOG_LINE_MAX];
    struct line *line;

    while (spool.count < SPD_LOG_LINES && spd_limit_report(any, os_now_ns(), raw, sizeof raw)) {
        line = add(SPD_LOG_WARNING);
        spd_log_escape(raw, line->text, sizeof line->text);
    }
}

/* Takes the oldest line. The freed place, behind the remaining lines, gets the count of lost
 * lines. */
static void take(struct line *line) OS_REQUIRES(lock)
{
    uint64_t lost = spool.lost;

    *line = spool.ring[spool.first];
    spool.first = (spool.first + 1) % SPD_LOG_LINES;
    spool.count--;
    if (!lost)
        return;
    spool.lost = 0;
    snprintf(add(SPD_LOG_WARNING)->text, SPD_LOG_LINE_MAX,
        "%" PRIu64 " lines of the log were lost, since it was not taken in time", lost);
}

static void deliver(void) OS_REQUIRES(lock)
{
    spd_log_function function = atomic_load(&log_function);
    void *context = log_context;
    struct line line;

    take(&line);
    spool.delivering = true;
    os_mutex_unlock(&lock);
    if (function)
        function(context, line.level, line.text);
    os_mutex_lock(&lock);
    spool.delivering = false;
    os_cond_broadcast(&quiet);
}

/* There is no line. The errand may make one. */
static void run_errand_and_wait(void) OS_REQUIRES(lock)
{
    const struct spd_log_errand *errand = spool.errand;
    int64_t ms;

    spool.changed = false;
    os_mutex_unlock(&lock);
    ms = errand ? errand->run() : SPD_LOG_NEVER;
    os_mutex_lock(&lock);
    if (spool.count || spool.ending || spool.changed)
        return;
    if (spd_limit_pending() && (ms == SPD_LOG_NEVER || ms > SPD_LOG_SUMMARY_SECONDS * 1000))
        ms = SPD_LOG_SUMMARY_SECONDS * 1000;
    if (ms == SPD_LOG_NEVER)
        os_cond_wait(&work, &lock);
    else
        os_cond_wait_ms(&work, &lock, (uint32_t)ms);
}

static void run(void *unused)
{
    (void)unused;
    on_log_thread = true;
    os_mutex_lock(&lock);
    while (!spool.ending) {
        add_counts(false);
        if (spool.count)
            deliver();
        else
            run_errand_and_wait();
    }
    os_mutex_unlock(&lock);
}

/* The errand's lock comes before ours, as in its run(). A thread that brings an errand does so
 * before it takes that lock: if there is no errand yet, it waits here until the fork is over. */
static void before_fork(void) OS_ACQUIRE(lock)
{
    const struct spd_log_errand *errand;

    os_mutex_lock(&lock);
    errand = spool.errand;
    if (!errand)
        return;
    os_mutex_unlock(&lock);
    errand->before_fork();
    os_mutex_lock(&lock);
}

/* The child has no thread yet. The parent delivers the lines and counts of the ring. */
static void after_fork(bool child) OS_RELEASE(lock)
{
    const struct spd_log_errand *errand = spool.errand;

    if (child) {
        spool.count = 0;
        spool.lost = 0;
        spd_limit_forget();
        spool.running = spool.delivering = spool.ending = false;
        on_log_thread = false;
        os_cond_init(&work);
        os_cond_init(&quiet);
    }
    os_mutex_unlock(&lock);
    if (errand)
        errand->after_fork(child);
}

static void at_exit(void);

/* If the thread cannot be made, the lines wait for the next attempt. */
static void start_thread(void) OS_REQUIRES(lock)
{
    static bool registered;

    if (spool.running)
        return;
    if (!registered) {
        registered = true;
        os_at_fork(before_fork, after_fork);
        os_at_exit(at_exit);
    }
    spool.running = os_thread_create(&spool.thread, "spd-log", run, NULL) == 0;
}

/* False: there are lines that the program has not taken within the patience. */
static bool drain(void) OS_REQUIRES(lock)
{
    const uint64_t end = os_now_ns() + SPD_LOG_PATIENCE_MS * UINT64_C(1000000);

    if (on_log_thread)
        return false;
    add_counts(true);
    if (spool.count)
        start_thread();
    while (spool.count || spool.delivering) {
        uint64_t now = os_now_ns();

        if (!spool.running || now >= end)
            return false;
        os_cond_wait_ms(&quiet, &lock, 1 + (uint32_t)((end - now) / 1000000));
    }
    return true;
}

/* Nothing is being delivered. A thread that hangs in the program's function is left alone: it finds
 * the ring when it returns. */
static void end_thread(void) OS_REQUIRES(lock)
{
    os_thread thread = spool.thread;

    if (!spool.running || spool.ending)
        return;
    spool.ending = true;
    os_cond_signal(&work);
    os_mutex_unlock(&lock);
    os_thread_join(thread);
    os_mutex_lock(&lock);
    spool.running = spool.ending = false;
    if (spool.count)
        start_thread();
}

static void at_exit(void)
{
    os_mutex_lock(&lock);
    if (drain())
        end_thread();
    os_mutex_unlock(&lock);
}

void spd_log_take_errand(const struct spd_log_errand *errand)
{
    os_mutex_lock(&lock);
    spool.errand = errand;
    os_mutex_unlock(&lock);
}

void spd_log_begin(void)
{
    os_mutex_lock(&lock);
    spool.units++;
    spool.changed = true;
    os_cond_signal(&work);
    if (atomic_load(&log_function))
        start_thread();
    os_mutex_unlock(&lock);
}

void spd_log_end(void)
{
    os_mutex_lock(&lock);
    if (--spool.units == 0 && drain() && spool.units == 0)
        end_thread();
    os_mutex_unlock(&lock);
}

void spd_log_set(spd_log_function function, void *context)
{
    bool drained;

    os_mutex_lock(&lock);
    drained = drain();
    atomic_store(&log_function, function);
    log_context = context;
    if (drained && !spool.units)
        end_thread();
    else if (function && spool.units)
        start_thread();
    os_mutex_unlock(&lock);
}

static OS_PRINTF(2, 0) void write_line(int level, const char *format, va_list arguments)
{
    char raw[2 * SPD_LOG_LINE_MAX], text[SPD_LOG_LINE_MAX];
    struct line *line;
    int saved = errno;

    vsnprintf(raw, sizeof raw, format, arguments);
    spd_log_escape(raw, text, sizeof text);
    os_mutex_lock(&lock);
    line = add(level);
    if (line)
        snprintf(line->text, sizeof line->text, "%s", text);
    start_thread();
    os_mutex_unlock(&lock);
    errno = saved;
}

void spd_log(int level, const char *format, ...)
{
    va_list arguments;

    if (!atomic_load(&log_function))
        return;
    va_start(arguments, format);
    write_line(level, format, arguments);
    va_end(arguments);
}

void spd_log_limited(
    struct spd_log_limit *limit, const char *peer, int level, const char *format, ...)
{
    va_list arguments;
    bool taken;

    if (!atomic_load(&log_function))
        return;
    os_mutex_lock(&lock);
    taken = spd_limit_take(limit, peer, os_now_ns());
    os_mutex_unlock(&lock);
    if (!taken)
        return;
    va_start(arguments, format);
    write_line(level, format, arguments);
    va_end(arguments);
}

void spd_log_last(const char *line)
{
    spd_log_function function = atomic_load(&log_function);

    fprintf(stderr, "libspd: error: %s\n", line);
    if (!function || function == to_standard_error)
        return;
    spd_log(SPD_LOG_ERROR, "%s", line);
    os_mutex_lock(&lock);
    drain();
    os_mutex_unlock(&lock);
}

bool spd_log_is_own_thread(void)
{
    return on_log_thread;
}
