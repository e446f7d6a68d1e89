/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "lib/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/misuse.h"

struct entry {
    struct entry *next;
    const void *key;
    const char *uri, *what;
    uint64_t began; /* nanoseconds */
    uint64_t id;
    os_socket socket;
    bool dropped;
    char who[];
};

static os_mutex lock = OS_MUTEX_INIT;
static struct entry *entries OS_GUARDED_BY(lock); /* the latest session is the first */

static void before_fork(void) OS_ACQUIRE(lock)
{
    os_mutex_lock(&lock);
}

/* A child has none of its parent's sessions. */
static void after_fork(bool child) OS_RELEASE(lock)
{
    if (child)
        entries = NULL;
    os_mutex_unlock(&lock);
}

/* A peer may have chosen the text: it is made fit to print once, for all readers. */
static struct entry *new_entry(const char *who)
{
    char text[SPD_LOG_LINE_MAX];
    struct entry *entry;

    spd_log_escape(who, text, sizeof text);
    entry = malloc(sizeof *entry + strlen(text) + 1);
    if (entry)
        strcpy(entry->who, text);
    return entry;
}

void spd_sessions_add(const void *key, const os_socket *socket, const char *uri, const char *what,
    const char *who)
{
    static bool watching OS_GUARDED_BY(lock);
    static uint64_t begun OS_GUARDED_BY(lock);
    struct entry *entry = new_entry(who);

    if (!entry)
        return;
    entry->key = key;
    entry->uri = uri;
    entry->what = what;
    entry->began = os_now_ns();
    entry->socket = socket ? *socket : OS_NO_SOCKET;
    entry->dropped = false;
    os_mutex_lock(&lock);
    if (!watching)
        os_at_fork(before_fork, after_fork);
    watching = true;
    entry->id = ++begun;
    entry->next = entries;
    entries = entry;
    os_mutex_unlock(&lock);
}

bool spd_sessions_remove(const void *key)
{
    struct entry *gone = NULL;
    bool dropped;

    os_mutex_lock(&lock);
    for (struct entry **at = &entries; *at; at = &(*at)->next)
        if ((*at)->key == key) {
            gone = *at;
            *at = gone->next;
            break;
        }
    os_mutex_unlock(&lock);
    dropped = gone && gone->dropped;
    free(gone);
    return dropped;
}

/* Under the lock, since its door closes a connection after the session has left the list. */
int spd_session_drop(uint64_t id)
{
    int error = SPD_ERROR_STATE;

    os_mutex_lock(&lock);
    for (struct entry *entry = entries; entry; entry = entry->next)
        if (entry->id == id) {
            entry->dropped = entry->socket != OS_NO_SOCKET;
            error = entry->dropped ? 0 : SPD_ERROR_NOT_SUPPORTED;
            if (entry->dropped)
                os_socket_cut(entry->socket);
            break;
        }
    os_mutex_unlock(&lock);
    if (error == SPD_ERROR_STATE)
        return spd_fail(error, "there is no session %llu", (unsigned long long)id);
    return error ? spd_fail(error, "the kernel or driver keeps this session") : 0;
}

uint32_t spd_sessions(spd_session_function function, void *context)
{
    uint64_t now = os_now_ns();
    uint32_t count = 0;

    os_mutex_lock(&lock);
    for (const struct entry *entry = entries; entry; entry = entry->next, count++) {
        spd_session session = {
            .size = sizeof session, .id = entry->id, .uri = entry->uri, .what = entry->what,
            .who = entry->who,
            .seconds = now > entry->began ? (now - entry->began) / 1000000000u : 0,
        };

        if (function)
            function(context, &session);
    }
    os_mutex_unlock(&lock);
    return count;
}
