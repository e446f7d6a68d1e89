/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Device names: scheme://authority/path?query or scheme:path?query (RFC 3986), taken apart and put
 * together. Users type names again that programs have printed, so both directions are here.
 */

#ifndef SPD_LIB_URI_H
#define SPD_LIB_URI_H

#include <stddef.h>
#include <stdint.h>

enum { SPD_URI_QUERY_MAX = 16 };

struct spd_uri {
    char *scheme;
    char *host; /* NULL without an authority; no brackets around an IPv6 address */
    int port;   /* -1: not given */
    char *path; /* percent-decoded, without the slash that ends the authority */
    uint32_t query_count;
    struct {
        char *name;
        char *value; /* "" when there is no '=' */
    } query[SPD_URI_QUERY_MAX];
    char *storage; /* the memory to which all of them point */
};

/* 0, or SPD_ERROR_URI / SPD_ERROR_NO_MEMORY with a detail. */
int spd_uri_parse(const char *text, struct spd_uri *uri);
void spd_uri_free(struct spd_uri *uri);

/* uri_text.c: a text from which spd_uri_parse() makes the same parts. malloc'ed; NULL: no
 * memory. */
char *spd_uri_text(const struct spd_uri *uri);

/* NULL when absent. */
const char *spd_uri_query(const struct spd_uri *uri, const char *name);

/* SPD_ERROR_URI_PARAMETER when the query has a name that is not in the NULL-terminated list. The
 * detail has this name and lists the allowed ones. */
int spd_uri_check_query(const struct spd_uri *uri, const char *const allowed[]);

#endif
