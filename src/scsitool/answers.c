/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Whole answers: a structure, or a header and a list. */

#include "scsitool/decode.h"
#include "scsitool/pages.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void show(struct printer *printer, const struct field *field, size_t count,
    const uint8_t *data, size_t length)
{
    decode_fields(printer, (struct fields){ field, count }, data, length);
}

#define SHOW(printer, array, data, length) \
    show(printer, array, sizeof(array) / sizeof((array)[0]), data, length)

/* Bytes that no table describes. */
static void show_rest(struct printer *printer, const char *name, const uint8_t *data,
    size_t length)
{
    if (length > 0)
        printer_bytes(printer, name, data, length);
}

/* SPC-4 6.6.2, with LU_CONG of SPC-5 */
static const struct field standard_inquiry[] = {
    { "PERIPHERAL QUALIFIER", 0, 7, 3 },
    { "PERIPHERAL DEVICE TYPE", 0, 4, 5 },
    { "RMB", 1, 7, 1 },
    { "LU_CONG", 1, 6, 1 },
    { "VERSION", 2, 7, 8 },
    { "NORMACA", 3, 5, 1 },
    { "HISUP", 3, 4, 1 },
    { "RESPONSE DATA FORMAT", 3, 3, 4 },
    { "ADDITIONAL LENGTH", 4, 7, 8, FIELD_LENGTH },
    { "SCCS", 5, 7, 1 },
    { "ACC", 5, 6, 1 },
    { "TPGS", 5, 5, 2 },
    { "3PC", 5, 3, 1 },
    { "PROTECT", 5, 0, 1 },
    { "ENCSERV", 6, 6, 1 },
    { "VS", 6, 5, 1 },
    { "MULTIP", 6, 4, 1 },
    { "CMDQUE", 7, 1, 1 },
    { "VS", 7, 0, 1 },
    { "T10 VENDOR IDENTIFICATION", 8, 7, 64, FIELD_TEXT },
    { "PRODUCT IDENTIFICATION", 16, 7, 128, FIELD_TEXT },
    { "PRODUCT REVISION LEVEL", 32, 7, 32, FIELD_TEXT },
    { "VENDOR SPECIFIC", 36, 7, 160, FIELD_BYTES },
    { "CLOCKING", 56, 3, 2 },
    { "QAS", 56, 1, 1 },
    { "IUS", 56, 0, 1 },
    { "VERSION DESCRIPTOR 1", 58, 7, 16 },
    { "VERSION DESCRIPTOR 2", 60, 7, 16 },
    { "VERSION DESCRIPTOR 3", 62, 7, 16 },
    { "VERSION DESCRIPTOR 4", 64, 7, 16 },
    { "VERSION DESCRIPTOR 5", 66, 7, 16 },
    { "VERSION DESCRIPTOR 6", 68, 7, 16 },
    { "VERSION DESCRIPTOR 7", 70, 7, 16 },
    { "VERSION DESCRIPTOR 8", 72, 7, 16 },
};

void decode_inquiry(struct printer *printer, const uint8_t *data, size_t length)
{
    SHOW(printer, standard_inquiry, data, length);
}

/* SPC-4 7.8.6.1 */
static const struct field designation_descriptor[] = {
    { "PROTOCOL IDENTIFIER", 0, 7, 4 },
    { "CODE SET", 0, 3, 4 },
    { "PIV", 1, 7, 1 },
    { "ASSOCIATION", 1, 5, 2 },
    { "DESIGNATOR TYPE", 1, 3, 4 },
    { "DESIGNATOR LENGTH", 3, 7, 8, FIELD_LENGTH },
};

static void decode_designators(struct printer *printer, const uint8_t *data, size_t length)
{
    enum { HEADER = 4, CODE_SET_ASCII = 2, CODE_SET_UTF8 = 3 };

    while (length >= HEADER) {
        size_t size = smaller(HEADER + (size_t)data[3], length);
        uint8_t code_set = data[0] & 0x0f;

        SHOW(printer, designation_descriptor, data, size);
        if (code_set == CODE_SET_ASCII || code_set == CODE_SET_UTF8)
            printer_text(printer, "DESIGNATOR", data + HEADER, size - HEADER);
        else
            printer_bytes(printer, "DESIGNATOR", data + HEADER, size - HEADER);
        data += size;
        length -= size;
    }
    show_rest(printer, "INCOMPLETE DESIGNATION DESCRIPTOR", data, length);
}

void decode_vpd(struct printer *printer, const uint8_t *data, size_t length)
{
    enum { HEADER = 4 };
    static const struct field supported[] = { { "VPD PAGE", 0, 7, 8 } };
    const struct fields *page = pages_vpd(length > 1 ? data[1] : 0);
    const uint8_t *body = data + HEADER;
    size_t body_length;

    decode_fields(printer, page ? *page : *pages_vpd(0x00), data, length);
    if (length <= HEADER)
        return;
    body_length = smaller(decode_be(data + 2, 2), length - HEADER);
    switch (data[1]) {
    case 0x00:
        for (size_t i = 0; i < body_length; i++)
            SHOW(printer, supported, body + i, 1);
        break;
    case 0x80:
        printer_text(printer, "PRODUCT SERIAL NUMBER", body, body_length);
        break;
    case 0x83:
        decode_designators(printer, body, body_length);
        break;
    default:
        if (!page)
            printer_bytes(printer, "PAGE", body, body_length);
    }
}

/* SPC-4 7.5 and SBC-3 6.5.2 */
static const struct field mode_header_6[] = {
    { "MODE DATA LENGTH", 0, 7, 8, FIELD_LENGTH },
    { "MEDIUM TYPE", 1, 7, 8 },
    { "WP", 2, 7, 1 },
    { "DPOFUA", 2, 4, 1 },
    { "BLOCK DESCRIPTOR LENGTH", 3, 7, 8 },
};

static const struct field block_descriptor[] = {
    { "NUMBER OF LOGICAL BLOCKS", 0, 7, 32 },
    { "LOGICAL BLOCK LENGTH", 5, 7, 24 },
};

static const struct field mode_page_0[] = {
    { "PS", 0, 7, 1 },
    { "SPF", 0, 6, 1 },
    { "PAGE CODE", 0, 5, 6 },
    { "PAGE LENGTH", 1, 7, 8, FIELD_LENGTH },
};

static const struct field mode_sub_page[] = {
    { "PS", 0, 7, 1 },
    { "SPF", 0, 6, 1 },
    { "PAGE CODE", 0, 5, 6 },
    { "SUBPAGE CODE", 1, 7, 8 },
    { "PAGE LENGTH", 2, 7, 16, FIELD_LENGTH },
};

static void decode_mode_pages(struct printer *printer, const uint8_t *data, size_t length)
{
    while (length >= 2) {
        bool sub_page = data[0] & 0x40;
        size_t header = sub_page ? 4 : 2;
        const struct fields *page = sub_page ? NULL : pages_mode(data[0] & 0x3f);
        size_t size;

        if (length < header)
            break;
        size = smaller(header + decode_be(data + header / 2, header / 2), length);
        if (page) {
            decode_fields(printer, *page, data, size);
        } else {
            if (sub_page)
                SHOW(printer, mode_sub_page, data, size);
            else
                SHOW(printer, mode_page_0, data, size);
            show_rest(printer, "PAGE", data + header, size - header);
        }
        data += size;
        length -= size;
    }
    show_rest(printer, "INCOMPLETE PAGE", data, length);
}

void decode_mode_sense_6(struct printer *printer, const uint8_t *data, size_t length)
{
    enum { HEADER = 4, DESCRIPTOR = 8 };
    size_t descriptors;

    SHOW(printer, mode_header_6, data, length);
    if (length < HEADER)
        return;
    length = smaller(length, 1u + data[0]);
    if (length < HEADER)
        return;
    descriptors = smaller(data[3], length - HEADER);
    data += HEADER;
    length -= HEADER;
    for (; descriptors >= DESCRIPTOR; descriptors -= DESCRIPTOR) {
        SHOW(printer, block_descriptor, data, DESCRIPTOR);
        data += DESCRIPTOR;
        length -= DESCRIPTOR;
    }
    show_rest(printer, "INCOMPLETE BLOCK DESCRIPTOR", data, descriptors);
    decode_mode_pages(printer, data + descriptors, length - descriptors);
}

/* SBC-3 5.15.2 */
void decode_read_capacity_10(struct printer *printer, const uint8_t *data, size_t length)
{
    static const struct field fields[] = {
        { "RETURNED LOGICAL BLOCK ADDRESS", 0, 7, 32 },
        { "LOGICAL BLOCK LENGTH IN BYTES", 4, 7, 32 },
    };

    SHOW(printer, fields, data, length);
}

/* SBC-3 5.16.2 */
void decode_read_capacity_16(struct printer *printer, const uint8_t *data, size_t length)
{
    static const struct field fields[] = {
        { "RETURNED LOGICAL BLOCK ADDRESS", 0, 7, 64 },
        { "LOGICAL BLOCK LENGTH IN BYTES", 8, 7, 32 },
        { "P_TYPE", 12, 3, 3 },
        { "PROT_EN", 12, 0, 1 },
        { "P_I_EXPONENT", 13, 7, 4 },
        { "LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT", 13, 3, 4 },
        { "LBPME", 14, 7, 1 },
        { "LBPRZ", 14, 6, 1 },
        { "LOWEST ALIGNED LOGICAL BLOCK ADDRESS", 14, 5, 14 },
    };

    SHOW(printer, fields, data, length);
}

/* SPC-4 6.33 */
void decode_report_luns(struct printer *printer, const uint8_t *data, size_t length)
{
    enum { HEADER = 8 };
    static const struct field header[] = {
        { "LUN LIST LENGTH", 0, 7, 32, FIELD_LENGTH, .extra = 4 },
    };
    static const struct field entry[] = { { "LUN", 0, 7, 64, FIELD_BYTES } };
    size_t list;

    SHOW(printer, header, data, length);
    if (length < HEADER)
        return;
    list = smaller(decode_be(data, 4), length - HEADER);
    for (data += HEADER; list >= 8; data += 8, list -= 8)
        SHOW(printer, entry, data, 8);
    show_rest(printer, "INCOMPLETE LUN", data, list);
}

/* SPC-4 6.35.2 and 6.35.4 */
void decode_supported_opcodes(struct printer *printer, const uint8_t *data, size_t length)
{
    enum { HEADER = 4, DESCRIPTOR = 8, TIMEOUTS = 12, CTDP = 0x02 };
    static const struct field header[] = { { "COMMAND DATA LENGTH", 0, 7, 32, FIELD_LENGTH } };
    static const struct field command[] = {
        { "OPERATION CODE", 0, 7, 8 },
        { "SERVICE ACTION", 2, 7, 16 },
        { "CTDP", 5, 1, 1 },
        { "SERVACTV", 5, 0, 1 },
        { "CDB LENGTH", 6, 7, 16 },
    };
    static const struct field timeouts[] = {
        { "DESCRIPTOR LENGTH", 0, 7, 16, FIELD_LENGTH },
        { "COMMAND SPECIFIC", 3, 7, 8 },
        { "NOMINAL COMMAND PROCESSING TIMEOUT", 4, 7, 32 },
        { "RECOMMENDED COMMAND TIMEOUT", 8, 7, 32 },
    };
    size_t list;

    SHOW(printer, header, data, length);
    if (length < HEADER)
        return;
    list = smaller(decode_be(data, 4), length - HEADER);
    data += HEADER;
    while (list >= DESCRIPTOR) {
        bool timed = data[5] & CTDP;

        SHOW(printer, command, data, DESCRIPTOR);
        data += DESCRIPTOR;
        list -= DESCRIPTOR;
        if (timed) {
            size_t size = smaller(TIMEOUTS, list);

            SHOW(printer, timeouts, data, size);
            data += size;
            list -= size;
        }
    }
    show_rest(printer, "INCOMPLETE COMMAND DESCRIPTOR", data, list);
}

/* SPC-4 6.36 */
void decode_task_management(struct printer *printer, const uint8_t *data, size_t length)
{
    static const struct field fields[] = {
        { "ATS", 0, 7, 1 },
        { "ATSS", 0, 6, 1 },
        { "CACAS", 0, 5, 1 },
        { "CTSS", 0, 4, 1 },
        { "LURS", 0, 3, 1 },
        { "QTS", 0, 2, 1 },
        { "TRS", 0, 1, 1 },
        { "WAKES", 0, 0, 1 },
        { "QAES", 1, 2, 1 },
        { "QTSS", 1, 1, 1 },
        { "ITNRS", 1, 0, 1 },
    };

    SHOW(printer, fields, data, length);
}

/* SBC-3 5.4.2 */
void decode_lba_status(struct printer *printer, const uint8_t *data, size_t length)
{
    enum { HEADER = 8, DESCRIPTOR = 16 };
    static const struct field header[] = { { "PARAMETER DATA LENGTH", 0, 7, 32, FIELD_LENGTH } };
    static const struct field descriptor[] = {
        { "LOGICAL BLOCK ADDRESS", 0, 7, 64 },
        { "NUMBER OF LOGICAL BLOCKS", 8, 7, 32 },
        { "PROVISIONING STATUS", 12, 3, 4 },
    };
    size_t list;

    SHOW(printer, header, data, length);
    if (length < HEADER)
        return;
    list = smaller(length, 4 + decode_be(data, 4));
    list -= smaller(list, HEADER);
    for (data += HEADER; list >= DESCRIPTOR; data += DESCRIPTOR, list -= DESCRIPTOR)
        SHOW(printer, descriptor, data, DESCRIPTOR);
    show_rest(printer, "INCOMPLETE LBA STATUS DESCRIPTOR", data, list);
}
