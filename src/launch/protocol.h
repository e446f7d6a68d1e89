/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Messages of the launcher's pipe. A client writes one message and reads one; then the
 * launcher disconnects. A message is UTF-16LE. A request is the letter of a command, directly
 * followed by strings, each with its NUL. An answer is `$` and a payload, or `!`, an error in
 * decimal and a NUL. Other programs speak it too, so nothing here may change.
 *
 * Pure functions without a Windows header: the native tests and the fuzzer compile them too. They
 * allocate nothing, and may be called on any thread.
 */

#ifndef LAUNCH_PROTOCOL_H
#define LAUNCH_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uchar.h>

#define LAUNCH_PIPE u"\\\\.\\pipe\\WinSpd.{82021730-C8F8-4C54-BAEB-C04D111FEA57}"
/* A class that matches all: its instance is a process id, as strtoul(..., 0) reads it. */
#define LAUNCH_CLASS_BY_PID u".pid."

enum {
    LAUNCH_MESSAGE_MAX = 2048, /* characters in a message: 4096 bytes */
    LAUNCH_PAYLOAD_MAX = LAUNCH_MESSAGE_MAX - 1,
    LAUNCH_ARGUMENTS_MAX = 9,
    LAUNCH_DISKS_MAX = 16, /* in an answer to LAUNCH_VIEW */
    LAUNCH_GUID_MAX = 39,  /* characters of {82021730-...} with its NUL */
};

/* Win32's numbers of errors that have a meaning of their own in this protocol. */
enum {
    LAUNCH_ERROR_NOT_FOUND = 2,     /* start: no such class; else: no such instance */
    LAUNCH_ERROR_ACCESS_DENIED = 5, /* and for users without rights, also if it is not there */
    LAUNCH_ERROR_INVALID = 87,      /* no such command, or a string is missing */
    LAUNCH_ERROR_MALFORMED = 109,   /* made by the client: no answer of the protocol */
    LAUNCH_ERROR_NO_ROOM = 122,     /* the answer is longer than a message */
    LAUNCH_ERROR_ALREADY = 183,     /* start: it runs */
    LAUNCH_ERROR_IN_USE = 2404,     /* stop: a volume could not be locked */
    LAUNCH_ERROR_BAD_CLASS = 1610,  /* start: a value of the class; an event record says which */
};

enum launch_command {
    LAUNCH_START,
    LAUNCH_STOP,
    LAUNCH_STOP_FORCED,
    LAUNCH_INFO,
    LAUNCH_LIST,
    LAUNCH_QUIT, /* in the original's debug builds; ours answers LAUNCH_ERROR_INVALID */
    /* These are ours; older launchers answer LAUNCH_ERROR_INVALID. */
    LAUNCH_VIEW, /* what LAUNCH_INFO does not tell */
    LAUNCH_NEXT, /* a list in pages: the instances behind a given one, which need not be there any
                  * more. Two empty names: from the beginning. No more: an empty payload */
    LAUNCH_COMMANDS,
};

struct launch_command_info {
    char16_t letter;
    bool names_instance; /* a class and an instance follow */
    bool has_arguments;  /* then up to LAUNCH_ARGUMENTS_MAX; more are ignored */
};

extern const struct launch_command_info launch_commands[LAUNCH_COMMANDS];

/* The strings belong to the caller, or lie in the message that was decoded. */
struct launch_request {
    enum launch_command command;
    const char16_t *class_name, *instance_name; /* where the command has them, else NULL */
    size_t argument_count;
    const char16_t *arguments[LAUNCH_ARGUMENTS_MAX];
};

/* bytes: the message as it arrived, of so many bytes. Returns 0, or LAUNCH_ERROR_INVALID: no such
 * command, an odd length, a string that is missing or has no NUL. */
uint32_t launch_decode_request(
    const char16_t *message, size_t bytes, struct launch_request *request);

/* Returns the characters of the message, 0 when it would be longer than LAUNCH_MESSAGE_MAX. */
size_t launch_encode_request(
    const struct launch_request *request, char16_t message[LAUNCH_MESSAGE_MAX]);

/* An answer that grows: begin, then strings, each whole with its NUL or not at all (false). */
struct launch_answer {
    size_t length; /* characters */
    char16_t message[LAUNCH_MESSAGE_MAX];
};

void launch_answer_success(struct launch_answer *answer);
bool launch_answer_string(struct launch_answer *answer, const char16_t *text);
/* Replaces the whole answer by an error. */
void launch_answer_failure(struct launch_answer *answer, uint32_t error);

/* Decodes an answer of that many bytes: the error (0: success; LAUNCH_ERROR_MALFORMED), and the
 * payload's characters. They are in the message, and end with a NUL unless there are none. */
uint32_t launch_decode_answer(
    const char16_t *message, size_t bytes, const char16_t **payload, size_t *length);

/* The next of the strings in a payload; moves behind it. NULL: no more, or no NUL. */
const char16_t *launch_next_string(const char16_t **payload, size_t *length);

/* The payload of LAUNCH_VIEW: class, instance, and strings NAME=VALUE: pid, uptime (seconds),
 * restarts, and for each disk disk=NUMBER GUID. A reader skips names that it does not know. */
struct launch_view {
    const char16_t *class_name, *instance_name;
    uint32_t process_id; /* 0: the server has crashed and is about to be started again */
    uint64_t uptime;     /* seconds since this process was started */
    uint32_t restarts;   /* after crashes */
    size_t disk_count;
    struct launch_disk {
        uint32_t number; /* N in \\.\PhysicalDriveN */
        char16_t guid[LAUNCH_GUID_MAX];
    } disks[LAUNCH_DISKS_MAX];
};

/* Appends to an answer of success. false: it does not fit. */
bool launch_encode_view(const struct launch_view *view, struct launch_answer *answer);
/* The names lie in the payload. false: no view. */
bool launch_decode_view(const char16_t *payload, size_t length, struct launch_view *view);

#endif
