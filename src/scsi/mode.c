/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Mode pages (SPC-4 7.5, SBC-3 6.5), MODE SENSE and MODE SELECT.
 *
 * A page is a row of constant bytes. Single bits can vary: each is a row of `bits` and a bit of
 * unit->mode. So one table gives current, default and changeable values.
 */

#include "scsi/internal.h"

enum { PAGE_MAX = 20 };
enum { CACHING = 0x08, CONTROL = 0x0a, ALL_PAGES = 0x3f, ALL_SUBPAGES = 0xff };

struct page {
    uint8_t profiles;
    uint8_t length; /* with the two bytes of header */
    uint8_t bytes[PAGE_MAX];
};

/* Ascending by code, as MODE SENSE returns them. The original's unit begins with the caching page,
 * its only page; here it also has the control page, for MODE SELECT. */
static const struct page pages[] = {
    /* Read-Write Error Recovery: the engine retries nothing and reassigns nothing */
    { SCSI_MODERN, 12, { 0x01, 0x0a } },
    { SCSI_EVERY_PROFILE, 20, { CACHING, 0x12 } },
    /* QUEUE ALGORITHM MODIFIER 1: SIMPLE commands may be reordered */
    { SCSI_EVERY_PROFILE, 12, { CONTROL, 0x0a, 0x00, 0x10 } },
    /* Informational Exceptions Control: DEXCPT, since there are none */
    { SCSI_MODERN, 12, { 0x1c, 0x0a, 0x08 } },
};
enum { PAGE_COUNT = sizeof pages / sizeof pages[0] };

static const struct {
    uint8_t page;
    uint8_t byte;
    uint8_t mask;
    uint32_t mode;
} bits[] = {
    { CACHING, 2, 0x04, SCSI_MODE_WCE },
    { CACHING, 2, 0x01, SCSI_MODE_RCD },
    { CONTROL, 2, 0x04, SCSI_MODE_D_SENSE },
    { CONTROL, 4, 0x08, SCSI_MODE_SWP },
};
enum { BIT_COUNT = sizeof bits / sizeof bits[0] };

static uint32_t changeable(const struct scsi_unit *unit)
{
    return SCSI_MODE_D_SENSE | SCSI_MODE_SWP | (unit->params.cache ? SCSI_MODE_WCE : 0);
}

/* The page with the bits of `mode` on top of its constants, or (all = false) alone. */
static void build_page(const struct page *page, uint32_t mode, bool all, uint8_t *to)
{
    memset(to, 0, page->length);
    memcpy(to, page->bytes, all ? page->length : 2);
    for (unsigned i = 0; i < BIT_COUNT; i++)
        if (bits[i].page == page->bytes[0] && (mode & bits[i].mode))
            to[bits[i].byte] |= bits[i].mask;
}

/* SBC-3 6.5.2: short or long LBA mode parameter block descriptor; returns its length. */
static uint32_t build_block_descriptor(const struct scsi_unit *unit, bool is_long, uint8_t *to)
{
    uint64_t count = scsi_capacity(unit);

    if (is_long) {
        be64_put(to, count);
        be32_put(to + 12, unit->params.block_length);
        return 16;
    }
    be32_put(to, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX);
    be24_put(to + 5, unit->params.block_length);
    return 8;
}

enum { CURRENT, CHANGEABLE, DEFAULT, SAVED };

/* The pages that the CDB asks for; returns their length, 0 when there is no such page. */
static uint32_t build_pages(const struct scsi_unit *unit, const uint8_t *cdb, uint8_t *to)
{
    uint8_t control = cdb[2] >> 6;
    uint8_t code = cdb[2] & 0x3f;
    uint32_t mode = control == CHANGEABLE ? changeable(unit)
        : control == DEFAULT ? scsi_mode_default(&unit->params) : scsi_mode(unit);
    uint32_t length = 0;

    if (cdb[3] != 0 && cdb[3] != ALL_SUBPAGES)
        return 0;
    for (unsigned i = 0; i < PAGE_COUNT; i++) {
        if (!scsi_has_row(unit, pages[i].profiles) ||
            (code != ALL_PAGES && code != pages[i].bytes[0]))
            continue;
        build_page(&pages[i], mode, control != CHANGEABLE, to + length);
        length += pages[i].length;
    }
    return length;
}

/* The parts of the mode parameter header that depend on the profile. */
static const struct header {
    bool block_descriptor; /* unless DBD is set */
    bool dpofua;           /* FUA counts also without a cache: every write has it then */
} headers[] = {
    [SCSI_PROFILE_MODERN] = { .block_descriptor = true, .dpofua = true },
    [SCSI_PROFILE_WINSPD] = { .block_descriptor = false, .dpofua = false },
};

static const struct header *header_of(const struct scsi_unit *unit)
{
    return &headers[unit->params.profile];
}

static uint8_t device_specific(const struct scsi_unit *unit)
{
    bool protected = unit->params.write_protected || (scsi_mode(unit) & SCSI_MODE_SWP);
    bool dpofua = header_of(unit)->dpofua || unit->params.cache;

    return (dpofua ? 0x10 : 0) | (protected ? 0x80 : 0); /* DPOFUA, WP */
}

static bool is_long_form(const struct scsi_task *task)
{
    return ((const struct scsi_row *)task->row)->length == 10;
}

/* SPC-4 6.11, 6.12 */
enum scsi_step scsi_mode_sense(struct scsi_task *task, uint8_t *reply)
{
    const struct scsi_unit *unit = task->unit;
    const uint8_t *cdb = task->cdb;
    uint32_t header = is_long_form(task) ? 8 : 4;
    bool long_lba = is_long_form(task) && (cdb[1] & 0x10);
    bool has_descriptor = header_of(unit)->block_descriptor && !(cdb[1] & 0x08); /* DBD */
    uint32_t descriptor = 0, length;

    if (cdb[2] >> 6 == SAVED)
        return scsi_fail(task, SCSI_SAVING_NOT_SUPPORTED);
    if (has_descriptor)
        descriptor = build_block_descriptor(unit, long_lba, reply + header);
    length = build_pages(unit, cdb, reply + header + descriptor);
    if (!length)
        return (cdb[3] != 0 && cdb[3] != ALL_SUBPAGES) ? scsi_fail_cdb(task, 3, 7)
                                                      : scsi_fail_cdb(task, 2, 5);
    length += header + descriptor;
    if (header == 8) {
        be16_put(reply, (uint16_t)(length - 2));
        reply[3] = device_specific(unit);
        reply[4] = has_descriptor && long_lba;
        be16_put(reply + 6, (uint16_t)descriptor);
    } else {
        reply[0] = (uint8_t)(length - 1);
        reply[2] = device_specific(unit);
        reply[3] = (uint8_t)descriptor;
    }
    return scsi_reply(task, length);
}

/* A parameter list being read, and the mode bits that it wants. */
struct selection {
    const uint8_t *list;
    uint32_t length;
    uint32_t at;
    uint32_t touched;
    uint32_t set;
};

/* The block descriptor may repeat the present format, or leave the number of blocks to the unit. */
static bool select_block_descriptor(struct scsi_task *task, struct selection *s, uint32_t length,
    bool is_long, uint32_t length_field)
{
    uint8_t now[16] = { 0 };
    const uint8_t *asked = s->list + s->at;
    uint32_t count_size = is_long ? 8 : 4;
    static const uint8_t zeros[8];
    static const uint8_t ones[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

    if (!length)
        return true;
    if (length != (is_long ? 16u : 8u)) {
        scsi_fail_parameter(task, length_field, SCSI_WHOLE_BYTE);
        return false;
    }
    if (s->length - s->at < length) {
        scsi_fail(task, SCSI_PARAMETER_LIST_LENGTH_ERROR);
        return false;
    }
    build_block_descriptor(task->unit, is_long, now);
    if (memcmp(asked, now, count_size) && memcmp(asked, zeros, count_size) &&
        memcmp(asked, ones, count_size)) {
        scsi_fail_parameter(task, s->at, SCSI_WHOLE_BYTE);
        return false;
    }
    if (memcmp(asked + count_size, now + count_size, length - count_size)) {
        scsi_fail_parameter(task, s->at + (is_long ? 12 : 5), SCSI_WHOLE_BYTE);
        return false;
    }
    s->at += length;
    return true;
}

/* NULL: the unit has no such page. */
static const struct page *find_page(const struct scsi_unit *unit, uint8_t code)
{
    for (unsigned i = 0; i < PAGE_COUNT; i++)
        if (pages[i].bytes[0] == code && scsi_has_row(unit, pages[i].profiles))
            return &pages[i];
    return NULL;
}

/* Checks a page: bits that are not changeable must keep their values. */
static bool select_page(struct scsi_task *task, struct selection *s)
{
    const uint8_t *asked = s->list + s->at;
    uint32_t left = s->length - s->at;
    uint32_t can_change = changeable(task->unit);
    const struct page *page = find_page(task->unit, asked[0] & 0x7f);
    uint8_t now[PAGE_MAX], mask[PAGE_MAX];

    if (!page) { /* unknown, or the subpage format, which we do not have */
        scsi_fail_parameter(task, s->at, (asked[0] & 0x40) ? 6 : 5);
        return false;
    }
    if (left < 2 || left < page->length) {
        scsi_fail(task, SCSI_PARAMETER_LIST_LENGTH_ERROR);
        return false;
    }
    build_page(page, scsi_mode(task->unit), true, now);
    build_page(page, can_change, false, mask);
    for (unsigned byte = 1; byte < page->length; byte++) {
        uint8_t wrong = (asked[byte] ^ now[byte]) & (byte == 1 ? 0xff : (uint8_t)~mask[byte]);
        unsigned bit = 7;

        if (!wrong)
            continue;
        while (!(wrong & 1u << bit))
            bit--;
        scsi_fail_parameter(task, s->at + byte, bit);
        return false;
    }
    for (unsigned b = 0; b < BIT_COUNT; b++) {
        if (bits[b].page != page->bytes[0] || !(bits[b].mode & can_change))
            continue;
        s->touched |= bits[b].mode;
        s->set &= ~bits[b].mode;
        if (asked[bits[b].byte] & bits[b].mask)
            s->set |= bits[b].mode;
    }
    s->at += page->length;
    return true;
}

static bool select_list(struct scsi_task *task, struct selection *s)
{
    uint32_t header = is_long_form(task) ? 8 : 4;
    uint32_t descriptor;

    if (s->length < header) {
        scsi_fail(task, SCSI_PARAMETER_LIST_LENGTH_ERROR);
        return false;
    }
    descriptor = header == 8 ? be16_get(s->list + 6) : s->list[3];
    s->at = header;
    if (!select_block_descriptor(task, s, descriptor, header == 8 && (s->list[4] & 0x01),
            header == 8 ? 6 : 3))
        return false;
    while (s->at < s->length)
        if (!select_page(task, s))
            return false;
    return true;
}

enum { START, HAVE_DATA, HAVE_SCRATCH, FLUSHED };

/* The whole list is good: change everything at once. */
static enum scsi_step apply(struct scsi_task *task, const struct selection *s)
{
    struct scsi_unit *unit = task->unit;
    uint32_t before = scsi_mode(unit), after;

    do {
        after = (before & ~s->touched) | s->set;
    } while (!atomic_compare_exchange_weak(&unit->mode, &before, after));
    if (before != after)
        scsi_unit_attention(unit, SCSI_UA_MODE, task->nexus);
    /* SBC-3 6.5.5: switching the write cache off writes back what it holds. */
    if (before & ~after & SCSI_MODE_WCE) {
        task->op = (struct scsi_op){ .lba = 0 };
        return scsi_ask(task, SCSI_FLUSH, FLUSHED);
    }
    return scsi_finish(task);
}

/* SPC-4 6.9, 6.10 */
enum scsi_step scsi_mode_select(struct scsi_task *task)
{
    const uint8_t *cdb = task->cdb;
    uint32_t length = is_long_form(task) ? be16_get(cdb + 7) : cdb[4];
    struct selection selection = { .list = task->scratch };

    switch (task->phase) {
    case START:
        if (!scsi_transfer(task, SCSI_DATA_OUT, length))
            return SCSI_DONE;
        if (!length)
            return scsi_finish(task);
        if (!(cdb[1] & 0x10)) /* PF: no vendor specific format */
            return scsi_fail_cdb(task, 1, 4);
        return scsi_ask(task, SCSI_DATA, HAVE_DATA);
    case HAVE_DATA:
        return scsi_ask(task, SCSI_SCRATCH, HAVE_SCRATCH);
    case HAVE_SCRATCH:
        selection.length = (uint32_t)task->buffer_length;
        scsi_data_copy(task, 0, task->scratch, selection.length);
        if (!select_list(task, &selection))
            return SCSI_DONE;
        return apply(task, &selection);
    default:
        return scsi_finish(task);
    }
}
