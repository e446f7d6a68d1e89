/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/nbd/option.h"

#include <string.h>

#include "doors/nbd/protocol.h"
#include "scsi/be.h"

/* The rest of an option's data. */
struct reader {
    const uint8_t *at;
    size_t left;
};

struct text {
    const uint8_t *at;
    uint32_t length;
};

static bool read_u16(struct reader *r, uint16_t *value)
{
    if (r->left < 2)
        return false;
    *value = be16_get(r->at);
    r->at += 2;
    r->left -= 2;
    return true;
}

static bool read_u32(struct reader *r, uint32_t *value)
{
    if (r->left < 4)
        return false;
    *value = be32_get(r->at);
    r->at += 4;
    r->left -= 4;
    return true;
}

/* Its length, and the text. */
static bool read_text(struct reader *r, struct text *text)
{
    if (!read_u32(r, &text->length) || text->length > r->left || text->length > NBD_STRING_MAX)
        return false;
    text->at = r->at;
    r->at += text->length;
    r->left -= text->length;
    return true;
}

static void put(struct nbd_answer *answer, const void *bytes, size_t length)
{
    /* NBD_ANSWER_MAX has room for all that an option can be answered with. */
    if (length > sizeof answer->bytes - answer->length)
        return;
    memcpy(answer->bytes + answer->length, bytes, length);
    answer->length += length;
}

static void put_u16(struct nbd_answer *answer, uint16_t value)
{
    uint8_t bytes[2];

    be16_put(bytes, value);
    put(answer, bytes, sizeof bytes);
}

static void put_u32(struct nbd_answer *answer, uint32_t value)
{
    uint8_t bytes[4];

    be32_put(bytes, value);
    put(answer, bytes, sizeof bytes);
}

static void put_u64(struct nbd_answer *answer, uint64_t value)
{
    uint8_t bytes[8];

    be64_put(bytes, value);
    put(answer, bytes, sizeof bytes);
}

static void put_header(struct nbd_answer *answer, uint32_t option, uint32_t type, size_t length)
{
    put_u64(answer, NBD_OPTION_REPLY_MAGIC);
    put_u32(answer, option);
    put_u32(answer, type);
    put_u32(answer, (uint32_t)length);
}

static enum nbd_course say(
    struct nbd_answer *answer, uint32_t option, uint32_t type, const char *text)
{
    answer->length = 0;
    put_header(answer, option, type, strlen(text));
    put(answer, text, strlen(text));
    return NBD_GO_ON;
}

static enum nbd_course invalid(struct nbd_answer *answer, uint32_t option, const char *text)
{
    return say(answer, option, NBD_REP_ERR_INVALID, text);
}

static enum nbd_course acknowledge(struct nbd_answer *answer, uint32_t option)
{
    put_header(answer, option, NBD_REP_ACK, 0);
    return NBD_GO_ON;
}

/* The empty name is that of the default export: there is but one. */
static bool is_export(const struct nbd_export *export, const struct text *name)
{
    return name->length == 0 || (name->length == strlen(export->name) &&
        memcmp(name->at, export->name, name->length) == 0);
}

static uint16_t flags_of(const struct nbd_export *export, const struct nbd_terms *terms)
{
    return export->flags | (terms->structured ? NBD_FLAG_SEND_DF : 0);
}

/* Each function takes an option. */

static enum nbd_course take_export_name(const struct nbd_export *export, struct nbd_terms *terms,
    uint32_t option, struct reader *r, struct nbd_answer *answer)
{
    static const uint8_t zeroes[NBD_OLD_ZEROES];
    const struct text name = { r->at, (uint32_t)r->left };

    (void)option;
    if (!is_export(export, &name))
        return NBD_NO_EXPORT;
    put_u64(answer, export->size);
    put_u16(answer, flags_of(export, terms));
    if (!terms->no_zeroes)
        put(answer, zeroes, sizeof zeroes);
    return NBD_TRANSMIT;
}

static enum nbd_course take_abort(const struct nbd_export *export, struct nbd_terms *terms,
    uint32_t option, struct reader *r, struct nbd_answer *answer)
{
    (void)export, (void)terms, (void)r;
    acknowledge(answer, option);
    return NBD_LEAVE;
}

/* The handshake makes the client's former wishes void: anyone on the way may have changed them. */
static enum nbd_course take_starttls(const struct nbd_export *export, struct nbd_terms *terms,
    uint32_t option, struct reader *r, struct nbd_answer *answer)
{
    if (export->tls == NBD_TLS_NONE)
        return say(answer, option, NBD_REP_ERR_UNSUP, "this server has no TLS");
    if (r->left || terms->secure)
        return invalid(answer, option,
            terms->secure ? "this connection has TLS already" : "this option has no data");
    acknowledge(answer, option);
    return NBD_SECURE;
}

static enum nbd_course take_list(const struct nbd_export *export, struct nbd_terms *terms,
    uint32_t option, struct reader *r, struct nbd_answer *answer)
{
    size_t name = strlen(export->name), description = strlen(export->description);

    (void)terms;
    if (r->left)
        return invalid(answer, option, "this option has no data");
    put_header(answer, option, NBD_REP_SERVER, 4 + name + description);
    put_u32(answer, (uint32_t)name);
    put(answer, export->name, name);
    put(answer, export->description, description);
    return acknowledge(answer, option);
}

static void put_text_info(
    struct nbd_answer *answer, uint32_t option, uint16_t kind, const char *text)
{
    put_header(answer, option, NBD_REP_INFO, 2 + strlen(text));
    put_u16(answer, kind);
    put(answer, text, strlen(text));
}

static void put_info(const struct nbd_export *export, const struct nbd_terms *terms,
    uint32_t option, uint16_t kind, struct nbd_answer *answer)
{
    switch (kind) {
    case NBD_INFO_EXPORT:
        put_header(answer, option, NBD_REP_INFO, 12);
        put_u16(answer, kind);
        put_u64(answer, export->size);
        put_u16(answer, flags_of(export, terms));
        break;
    case NBD_INFO_NAME:
        put_text_info(answer, option, kind, export->name);
        break;
    case NBD_INFO_DESCRIPTION:
        put_text_info(answer, option, kind, export->description);
        break;
    case NBD_INFO_BLOCK_SIZE:
        put_header(answer, option, NBD_REP_INFO, 14);
        put_u16(answer, kind);
        put_u32(answer, export->block_min);
        put_u32(answer, export->block_preferred);
        put_u32(answer, export->block_max);
        break;
    }
}

/* The size and the block sizes are always in the answer: all clients need them. Each kind of
 * information is there once, however often it is asked for. */
static enum nbd_course take_info(const struct nbd_export *export, struct nbd_terms *terms,
    uint32_t option, struct reader *r, struct nbd_answer *answer)
{
    unsigned wanted = 1u << NBD_INFO_EXPORT | 1u << NBD_INFO_BLOCK_SIZE;
    struct text name;
    uint16_t count, kind;

    if (!read_text(r, &name) || !read_u16(r, &count) || r->left != count * 2u)
        return invalid(answer, option, "the lengths in this option do not fit its data");
    if (!is_export(export, &name))
        return say(answer, option, NBD_REP_ERR_UNKNOWN, "there is no export of this name");
    while (read_u16(r, &kind)) {
        if (kind <= NBD_INFO_BLOCK_SIZE)
            wanted |= 1u << kind;
    }
    for (kind = 0; kind <= NBD_INFO_BLOCK_SIZE; kind++) {
        if (wanted & 1u << kind)
            put_info(export, terms, option, kind, answer);
    }
    acknowledge(answer, option);
    return option == NBD_OPT_GO ? NBD_TRANSMIT : NBD_GO_ON;
}

static enum nbd_course take_structured(const struct nbd_export *export, struct nbd_terms *terms,
    uint32_t option, struct reader *r, struct nbd_answer *answer)
{
    (void)export;
    if (r->left)
        return invalid(answer, option, "this option has no data");
    terms->structured = true;
    return acknowledge(answer, option);
}

static enum nbd_course take_extended(const struct nbd_export *export, struct nbd_terms *terms,
    uint32_t option, struct reader *r, struct nbd_answer *answer)
{
    (void)export;
    if (r->left)
        return invalid(answer, option, "this option has no data");
    terms->structured = true;
    terms->extended = true;
    return acknowledge(answer, option);
}

static bool text_is(const struct text *text, const char *other)
{
    return text->length == strlen(other) && memcmp(text->at, other, text->length) == 0;
}

/* A list may ask for a whole namespace; a selection names its context. */
static bool asks_for_allocation(const struct text *query, uint32_t option)
{
    return text_is(query, "base:allocation") ||
        (option == NBD_OPT_LIST_META_CONTEXT && text_is(query, "base:"));
}

static enum nbd_course take_contexts(const struct nbd_export *export, struct nbd_terms *terms,
    uint32_t option, struct reader *r, struct nbd_answer *answer)
{
    static const char name_of_it[] = "base:allocation";
    struct text name, query;
    uint32_t count;
    bool found;

    if (option == NBD_OPT_SET_META_CONTEXT)
        terms->allocation = false;
    if (!terms->structured)
        return invalid(answer, option, "ask for structured replies first");
    if (!read_text(r, &name) || !read_u32(r, &count))
        return invalid(answer, option, "the lengths in this option do not fit its data");
    if (!is_export(export, &name))
        return say(answer, option, NBD_REP_ERR_UNKNOWN, "there is no export of this name");
    found = option == NBD_OPT_LIST_META_CONTEXT && count == 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!read_text(r, &query))
            return invalid(answer, option, "the lengths in this option do not fit its data");
        found |= asks_for_allocation(&query, option);
    }
    if (r->left)
        return invalid(answer, option, "the lengths in this option do not fit its data");
    if (found) {
        put_header(answer, option, NBD_REP_META_CONTEXT, 4 + sizeof name_of_it - 1);
        put_u32(answer, option == NBD_OPT_SET_META_CONTEXT ? NBD_ALLOCATION_ID : 0);
        put(answer, name_of_it, sizeof name_of_it - 1);
        terms->allocation |= option == NBD_OPT_SET_META_CONTEXT;
    }
    return acknowledge(answer, option);
}

static enum nbd_course (*const options[])(const struct nbd_export *export,
    struct nbd_terms *terms, uint32_t option, struct reader *r, struct nbd_answer *answer) = {
    [NBD_OPT_EXPORT_NAME] = take_export_name,
    [NBD_OPT_ABORT] = take_abort,
    [NBD_OPT_LIST] = take_list,
    [NBD_OPT_STARTTLS] = take_starttls,
    [NBD_OPT_INFO] = take_info,
    [NBD_OPT_GO] = take_info,
    [NBD_OPT_STRUCTURED_REPLY] = take_structured,
    [NBD_OPT_LIST_META_CONTEXT] = take_contexts,
    [NBD_OPT_SET_META_CONTEXT] = take_contexts,
    [NBD_OPT_EXTENDED_HEADERS] = take_extended,
};

/* Only these may come before TLS where the server insists on it. */
static bool waits_for_tls(
    const struct nbd_export *export, const struct nbd_terms *terms, uint32_t option)
{
    return export->tls == NBD_TLS_REQUIRED && !terms->secure && option != NBD_OPT_STARTTLS &&
        option != NBD_OPT_ABORT;
}

static enum nbd_course insist_on_tls(uint32_t option, struct nbd_answer *answer)
{
    if (option == NBD_OPT_EXPORT_NAME)
        return NBD_NO_TLS;
    return say(answer, option, NBD_REP_ERR_TLS_REQD, "this server wants TLS first: use nbds:");
}

void nbd_greet(struct nbd_answer *answer)
{
    answer->length = 0;
    put_u64(answer, NBD_MAGIC);
    put_u64(answer, NBD_OPTION_MAGIC);
    put_u16(answer, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
}

enum nbd_course nbd_option_take(const struct nbd_export *export, struct nbd_terms *terms,
    uint32_t option, const uint8_t *data, uint32_t length, struct nbd_answer *answer)
{
    struct reader r = { data, length };

    answer->length = 0;
    if (waits_for_tls(export, terms, option))
        return insist_on_tls(option, answer);
    if (option >= sizeof options / sizeof options[0] || !options[option])
        return say(answer, option, NBD_REP_ERR_UNSUP, "this server does not know the option");
    return options[option](export, terms, option, &r, answer);
}

void nbd_option_refuse(uint32_t option, struct nbd_answer *answer)
{
    say(answer, option, NBD_REP_ERR_TOO_BIG, "the data of this option is too long");
}
