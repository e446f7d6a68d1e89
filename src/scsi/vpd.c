/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Vital product data (SPC-4 7.8, SBC-3 6.6). A page is a row, and page 00h is computed from the
 * rows. */

#include "scsi/internal.h"

/* Writes the page without its four-byte header, and returns the length. */
typedef uint32_t build_page(const struct scsi_task *task, uint8_t *page);

struct page {
    uint8_t code;
    uint8_t profiles;
    build_page *build;
};

static build_page supported_pages;

/* Unit Serial Number page: the GUID as text. */
static uint32_t serial_number(const struct scsi_task *task, uint8_t *page)
{
    char text[37];

    scsi_guid_text(task->unit->params.guid, text);
    memcpy(page, text, 36);
    return 36;
}

enum { BINARY = 1, ASCII = 2 };
enum { T10_VENDOR = 0x1, NAA = 0x3, UUID = 0xa };

/* The header of a designation descriptor of the logical unit; returns the place of its data. */
static uint8_t *designator(uint8_t **at, uint8_t code_set, uint8_t type, uint8_t length)
{
    uint8_t *header = *at;

    header[0] = code_set;
    header[1] = type;
    header[3] = length;
    *at += 4 + length;
    return header + 4;
}

/* SPC-4 7.8.6.4: vendor, product, so many bytes of the revision, and serial number. */
static uint8_t *put_t10_with(const struct scsi_task *task, uint8_t *at, uint8_t revision)
{
    const struct scsi_unit_params *params = &task->unit->params;
    uint8_t *data = designator(&at, ASCII, T10_VENDOR, 8 + 16 + revision + 36);
    char text[37];

    scsi_guid_text(params->guid, text);
    memcpy(data, params->vendor_id, 8);
    memcpy(data + 8, params->product_id, 16);
    memcpy(data + 24, params->product_revision, revision);
    memcpy(data + 24 + revision, text, 36);
    return at;
}

/* A program that is updated is still the same disk. */
static uint8_t *put_t10(const struct scsi_task *task, uint8_t *at)
{
    return put_t10_with(task, at, 0);
}

static uint8_t *put_t10_revision(const struct scsi_task *task, uint8_t *at)
{
    return put_t10_with(task, at, 4);
}

static uint8_t *put_naa(const struct scsi_task *task, uint8_t *at)
{
    const struct scsi_unit_params *params = &task->unit->params;
    uint8_t *data = designator(&at, BINARY, NAA, params->wwn_length);

    memcpy(data, params->wwn, params->wwn_length);
    return at;
}

/* SPC-5, UUID designator: type 1 is an RFC 4122 UUID; then a reserved byte */
static uint8_t *put_uuid(const struct scsi_task *task, uint8_t *at)
{
    uint8_t *data = designator(&at, BINARY, UUID, 18);

    data[0] = 0x10;
    memcpy(data + 2, task->unit->params.guid, 16);
    return at;
}

static uint8_t *put_port(const struct scsi_task *task, uint8_t *at)
{
    const struct scsi_port *port = task->nexus->port;

    if (!port || !port->designators_length)
        return at;
    memcpy(at, port->designators, port->designators_length);
    return at + port->designators_length;
}

/* In the order of the page. Systems name a disk after the first designator. */
static const struct {
    uint8_t profiles;
    uint8_t *(*put)(const struct scsi_task *task, uint8_t *at); /* returns where it ends */
} designators[] = {
    { SCSI_MODERN, put_naa },
    { SCSI_MODERN, put_uuid },
    { SCSI_MODERN, put_t10 },
    { SCSI_WINSPD, put_t10_revision },
    { SCSI_EVERY_PROFILE, put_port },
};

/* SPC-4 7.8.6 */
static uint32_t device_identification(const struct scsi_task *task, uint8_t *page)
{
    uint8_t *at = page;

    for (unsigned i = 0; i < sizeof designators / sizeof designators[0]; i++)
        if (scsi_has_row(task->unit, designators[i].profiles))
            at = designators[i].put(task, at);
    return (uint32_t)(at - page);
}

/* SPC-4 7.8.7 */
static uint32_t extended_inquiry(const struct scsi_task *task, uint8_t *page)
{
    page[1] = 0x04 | 0x02 | 0x01;               /* HEADSUP, ORDSUP, SIMPSUP */
    page[2] = task->unit->params.cache ? 0x01 : 0; /* V_SUP */
    return 0x3c;
}

/* SBC-3 6.6.3 */
static uint32_t block_limits(const struct scsi_task *task, uint8_t *page)
{
    const struct scsi_unit *unit = task->unit;
    const struct scsi_unit_params *params = &unit->params;
    uint32_t granularity = params->physical_block_length >> unit->block_shift;
    uint32_t most = unit->command_blocks;

    page[0] = 0x01; /* WSNZ: WRITE SAME needs a number of blocks */
    page[1] = (uint8_t)scsi_compare_blocks_max(unit);
    be16_put(page + 2, (uint16_t)granularity);
    be32_put(page + 4, params->max_command_length ? most : 0);
    be32_put(page + 8, unit->op_blocks < most ? unit->op_blocks : most);
    if (params->unmap) {
        be32_put(page + 16, scsi_unmap_blocks_max(unit));
        be32_put(page + 20, params->max_unmap_ranges);
        be32_put(page + 24, params->unmap_granularity);
        page[28] = params->unmap_granularity ? 0x80 : 0; /* UGAVALID, alignment 0 */
    }
    be64_put(page + 32, scsi_write_same_blocks_max(unit));
    return 0x3c;
}

/* The original's maxima come from its program's buffer. Longer commands are cut. No CDB can have
 * a list of more than SCSI_UNMAP_RANGES_LIMIT ranges, whatever this page says. */
static uint32_t original_block_limits(const struct scsi_task *task, uint8_t *page)
{
    const struct scsi_unit *unit = task->unit;

    be32_put(page + 4, unit->op_blocks);
    if (unit->params.unmap) {
        be32_put(page + 16, scsi_unmap_blocks_max(unit));
        be32_put(page + 20, unit->params.max_transfer_length / (uint32_t)sizeof(struct scsi_range));
    }
    return 0x3c;
}

/* SBC-3 6.6.2 */
static uint32_t block_device_characteristics(const struct scsi_task *task, uint8_t *page)
{
    be16_put(page, task->unit->params.rotation_rate);
    return 0x3c;
}

/* SBC-3 6.6.4 */
static uint32_t logical_block_provisioning(const struct scsi_task *task, uint8_t *page)
{
    if (task->unit->params.unmap) {
        page[1] = 0x80; /* LBPU */
        page[2] = 0x02; /* thin provisioned */
    }
    if (task->unit->params.unmap_zeros)
        page[1] |= 0x40 | 0x20 | 0x04; /* LBPWS, LBPWS10, LBPRZ */
    return 4;
}

/* Ascending, as page 00h lists them. */
static const struct page pages[] = {
    { 0x00, SCSI_EVERY_PROFILE, supported_pages },
    { 0x80, SCSI_EVERY_PROFILE, serial_number },
    { 0x83, SCSI_EVERY_PROFILE, device_identification },
    { 0x86, SCSI_MODERN, extended_inquiry },
    { 0xb0, SCSI_MODERN, block_limits },
    { 0xb0, SCSI_WINSPD, original_block_limits },
    { 0xb1, SCSI_MODERN, block_device_characteristics },
    { 0xb2, SCSI_EVERY_PROFILE, logical_block_provisioning },
};
enum { PAGE_COUNT = sizeof pages / sizeof pages[0] };

static uint32_t supported_pages(const struct scsi_task *task, uint8_t *page)
{
    uint32_t count = 0;

    for (unsigned i = 0; i < PAGE_COUNT; i++)
        if (scsi_has_row(task->unit, pages[i].profiles))
            page[count++] = pages[i].code;
    return count;
}

enum scsi_step scsi_vpd(struct scsi_task *task, uint8_t *reply)
{
    for (unsigned i = 0; task->unit && i < PAGE_COUNT; i++) {
        uint32_t length;

        if (pages[i].code != task->cdb[2] || !scsi_has_row(task->unit, pages[i].profiles))
            continue;
        length = pages[i].build(task, reply + 4);
        reply[1] = pages[i].code;
        be16_put(reply + 2, (uint16_t)length);
        return scsi_reply(task, 4 + length);
    }
    return scsi_fail_cdb(task, 2, 7);
}
