/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Helpers of the launcher's tests: its service, classes of their own, its client, its pipe.
 * They use the service that is installed, whatever it is. Texts are UTF-8. A call that cannot do
 * what it is for ends the test. Only one test runs at a time.
 */

#ifndef LAUNCHER_LAUNCHED_H
#define LAUNCHER_LAUNCHED_H

#include <stdbool.h>

#include "../../wine/programs/check.h"

#define EVERYBODY "D:P(A;;RPWPLC;;;WD)"
#define ANYBODY_STARTS "D:P(A;;RP;;;WD)"
#define ANSWER_ROOM 8192

/* launched.c: the fixture of the suites. before: the service runs, and no other program of the
 * tests. after: the tests leave nothing in the registry or on the disk. */
void launched_before(void);
void launched_after(void);
/* The path of a file in the folder of the tests; good until the sixth call from this one. */
const char *file_of(const char *name);
/* Parts of tests in other processes: servers, and clients that do wrong. */
int launcher_child(const char *child, const char *argument);

/* service.c */
bool service_exists(void);
/* The path of its program, and of another one beside that. */
const char *service_program(void);
void program_beside_service(char *path, size_t room, const char *name);
void service_start(void);
void service_stop(void); /* returns when it is done */

/* classes.c. A class of the tests is called kit-NAME, and is gone after the test. Its program is a
 * server of these tests, its Security EVERYBODY. */
void class_add(const char *name);
void class_text(const char *name, const char *value, const char *text); /* NULL: without it */
void class_number(const char *name, const char *value, DWORD number);
/* CommandLine of such a server, which notes in the file LOG.log: servers.h has the modes. */
void class_command(const char *name, const char *log, const char *mode);
/* Names below Instances, as the launcher stores them; whether there is one of this name. */
unsigned stored_count(const char *name);
bool is_stored(const char *name, const char *instance);
/* Strings with their NULs, and one more. */
void store(const char *name, const char *instance, const char *strings, size_t length);
void classes_remove(void);

/* talk.c. launchctl with these words. */
struct said {
    DWORD status;
    char output[ANSWER_ROOM], errors[ANSWER_ROOM];
};
/* As a user who is no administrator, if wanted: with a token in which that group only denies. */
const struct said *run_line(const char *line, bool as_user);
const struct said *ctl(const char *words);
const struct said *ctl_as_user(const char *words);
/* It prints this and has this exit status. */
#define SAYS(Wanted, Words) says(__FILE__, __LINE__, Wanted, Words, 0, false)
#define USER_READS(Wanted, Words) says(__FILE__, __LINE__, Wanted, Words, 0, true)
void says(const char *file, int line, const char *wanted, const char *words, DWORD status,
    bool as_user);

/* messages.c. Sends it, | for a NUL; the answer in the same form, or "none N": an error. */
void message_send(const char *text, char answer[ANSWER_ROOM], DWORD level);
void message_bytes(DWORD count, char answer[ANSWER_ROOM]);
#define ANSWERS(Text, Wanted) answers(__FILE__, __LINE__, Text, Wanted)
void answers(const char *file, int line, const char *text, const char *wanted);
/* The instances of the tests' classes, "kit-t one\n" and on, in order. */
const char *instances(void);
#define WAIT_FOR_INSTANCES(Wanted) WAIT_UNTIL(!strcmp(instances(), Wanted))
/* Has them end, by force, until none is left. */
void instances_end(void);
/* At the same time, each on a thread. */
enum { CALLS = 8 };
struct call {
    const char *text;
    char answer[ANSWER_ROOM];
};
void messages_at_once(struct call *calls, unsigned count);
/* The launcher's record of an instance of kit-t; false: there is none. */
struct view {
    DWORD process, restarts;
    int disk; /* -1: none */
    char guid[40];
};
bool view(const char *class_name, const char *instance, struct view *view);
/* Another launcher, until the end: list gets an answer with the instance c i, all else the text.
 * owner: SY or BA. Only one runs at a time. */
void launcher_answer(const char *owner, const char *text);
void launcher_answer_end(void);

/* records.c: of the event log. Skips the test where there is none. */
struct records {
    DWORD next[2];
};
struct records records_now(void);
/* Waits for one since then that has all parts, in this order; the last is NULL. */
void wait_for_record(const struct records *since, ...);

/* servers.c: what a server has noted. */
void wait_for_note(const char *log, const char *line, unsigned times);
unsigned notes(const char *log, const char *line);
/* The line by number, from 0; -1 is the last. "" when there is none. */
const char *note_at(const char *log, int number);
/* How many processes there are of this program. */
unsigned own_processes(void);

#endif
