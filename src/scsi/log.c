/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Log pages (SPC-4 7.3) and LOG SENSE. A page is a row, and the lists of pages are computed from
 * the rows.
 *
 * No page has a counter or a parameter after 0000h, so neither the PC field nor a parameter pointer
 * has an effect.
 */

#include "scsi/internal.h"

/* Writes the page without its four-byte header, and returns the length. */
typedef uint32_t build_page(uint8_t *page);

struct page {
    uint8_t code;
    uint8_t subpage;
    build_page *build;
};

enum { SUBPAGES = 0xff };
enum { DS = 0x80, SPF = 0x40 };

static build_page supported_pages, supported_subpages;

/* SPC-4 7.3.9. The disk has no part that fails by degrees, and no thermometer. */
static uint32_t informational_exceptions(uint8_t *page)
{
    page[2] = 0x03; /* control byte of parameter 0000h: a list in binary format */
    page[3] = 4;
    page[6] = 0xff; /* MOST RECENT TEMPERATURE READING: not available; before it ASC 00/00 */
    return 8;
}

/* Ascending, as the lists of pages have them. */
static const struct page pages[] = {
    { 0x00, 0x00, supported_pages },
    { 0x00, SUBPAGES, supported_subpages },
    { 0x2f, 0x00, informational_exceptions },
};
enum { PAGE_COUNT = sizeof pages / sizeof pages[0] };

static uint32_t supported_pages(uint8_t *page)
{
    uint32_t length = 0;

    for (unsigned i = 0; i < PAGE_COUNT; i++)
        if (!pages[i].subpage)
            page[length++] = pages[i].code;
    return length;
}

static uint32_t supported_subpages(uint8_t *page)
{
    for (unsigned i = 0; i < PAGE_COUNT; i++) {
        page[2 * i] = pages[i].code;
        page[2 * i + 1] = pages[i].subpage;
    }
    return 2 * PAGE_COUNT;
}

/* SPC-4 6.8. Nothing is ever saved: DS in every page with parameters, and no SP bit in the CDB. */
enum scsi_step scsi_log_sense(struct scsi_task *task, uint8_t *reply)
{
    uint8_t code = task->cdb[2] & 0x3f;
    uint8_t subpage = task->cdb[3];
    bool known = false;

    for (unsigned i = 0; i < PAGE_COUNT; i++) {
        uint32_t length;

        known = known || pages[i].code == code;
        if (pages[i].code != code || pages[i].subpage != subpage)
            continue;
        length = pages[i].build(reply + 4);
        reply[0] = code | (code ? DS : 0) | (subpage ? SPF : 0);
        reply[1] = subpage;
        be16_put(reply + 2, (uint16_t)length);
        return scsi_reply(task, 4 + length);
    }
    return known ? scsi_fail_cdb(task, 3, 7) : scsi_fail_cdb(task, 2, 5);
}
