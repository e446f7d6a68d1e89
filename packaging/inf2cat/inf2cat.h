/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * inf2cat makes the catalogue of a driver package: the list of digests that Windows asks for when
 * it installs the driver. A run makes one file, so nothing here is freed that lives until the
 * end, and what is wrong ends the program with a message.
 */

#ifndef INF2CAT_H
#define INF2CAT_H

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32 }; /* SHA-256 */

struct arch {
    const char *name;   /* as users name it */
    const char *suffix; /* ends section names of the INF: ntSUFFIX, and SUFFIX for lists of files */
    uint16_t machine;   /* the PE format's number */
    const char *os;     /* the systems that the catalogue is for */
};

/* The kind of a file, and its digest: Authenticode's of a PE image, else that of all bytes. */
struct file {
    uint16_t machine; /* 0: no PE image */
    unsigned char digest[DIGEST_BYTES];
};

struct member {
    const char *name;
    struct file file;
};

/* Prints a message to standard error, ends the program with status 1. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Allocated memory, zeroed. Never NULL. */
void *allocate(size_t count, size_t size);

/* All bytes of a file of at most 64 MiB, and a zero behind them. */
unsigned char *read_file(const char *path, size_t *length);

/* Digests a file. A PE image whose header points outside the file ends the program. */
struct file file_digest(const char *path);

/* inf.c. An entry a line: of "a = b", key and value; of "a", twice the same. Sections, keys and
 * values are without quotes, blanks around them, and comments. */
struct inf_line {
    const char *section, *key, *value;
};

struct inf {
    const char *path;
    struct inf_line *lines;
    size_t count;
};

/* Reads an INF in ASCII or UTF-8. A file that is not well-formed ends the program. */
struct inf inf_read(const char *path);

/* Parses length bytes, which end with a zero that is not counted; the lines point into them, and
 * they are changed. NULL, or what is wrong, and the number of the line, from 1, in *line. Lines
 * before it are there in both cases; inf_free() frees them. */
const char *inf_parse(struct inf *inf, char *bytes, size_t length, size_t *line);

void inf_free(struct inf *inf);

/* The next line of a section after number *at, which it moves; NULL behind the last. Names are
 * compared without regard to case. Begin with *at = 0. */
const struct inf_line *inf_next(const struct inf *inf, const char *section, size_t *at);

/* The value of a key; NULL where there is none. */
const char *inf_value(const struct inf *inf, const char *section, const char *key);

/* A copy, for free(), of the part of a list that number says, from 0; NULL where there is none. */
char *inf_item(const char *list, unsigned number);

/* printf() into new memory. Never NULL. */
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* catalogue.c. Writes the catalogue. hardware is a list that ends with NULL; time is what
 * SOURCE_DATE_EPOCH is. Members are sorted by their digests on return. */
void catalogue_write(const char *path, const struct arch *arch, struct member *members,
    size_t count, char *const *hardware, int64_t time);

#endif
