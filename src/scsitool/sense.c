/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Sense data of both formats (SPC-4 4.5). */

#include "scsitool/decode.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* SPC-4 4.5.3 */
static const struct field fixed_sense[] = {
    { "VALID", 0, 7, 1 },
    { "RESPONSE CODE", 0, 6, 7 },
    { "FILEMARK", 2, 7, 1 },
    { "EOM", 2, 6, 1 },
    { "ILI", 2, 5, 1 },
    { "SDAT_OVFL", 2, 4, 1 },
    { "SENSE KEY", 2, 3, 4 },
    { "INFORMATION", 3, 7, 32 },
    { "ADDITIONAL SENSE LENGTH", 7, 7, 8, FIELD_LENGTH },
    { "COMMAND-SPECIFIC INFORMATION", 8, 7, 32 },
    { "ADDITIONAL SENSE CODE", 12, 7, 8 },
    { "ADDITIONAL SENSE CODE QUALIFIER", 13, 7, 8 },
    { "FIELD REPLACEABLE UNIT CODE", 14, 7, 8 },
    { "SKSV", 15, 7, 1 },
    { "SENSE KEY SPECIFIC", 15, 6, 23 },
};

/* SPC-4 4.5.2.1 */
static const struct field descriptor_sense[] = {
    { "RESPONSE CODE", 0, 6, 7 },
    { "SENSE KEY", 1, 3, 4 },
    { "ADDITIONAL SENSE CODE", 2, 7, 8 },
    { "ADDITIONAL SENSE CODE QUALIFIER", 3, 7, 8 },
    { "SDAT_OVFL", 4, 7, 1 },
    { "ADDITIONAL SENSE LENGTH", 7, 7, 8, FIELD_LENGTH },
};

#define DESCRIPTOR_HEADER \
    { "DESCRIPTOR TYPE", 0, 7, 8 }, \
    { "ADDITIONAL LENGTH", 1, 7, 8, FIELD_LENGTH }

static const struct field any_descriptor[] = { DESCRIPTOR_HEADER };

static const struct field information_descriptor[] = {
    DESCRIPTOR_HEADER,
    { "VALID", 2, 7, 1 },
    { "INFORMATION", 4, 7, 64 },
};

static const struct field command_specific_descriptor[] = {
    DESCRIPTOR_HEADER,
    { "COMMAND-SPECIFIC INFORMATION", 4, 7, 64 },
};

static const struct field sense_key_specific_descriptor[] = {
    DESCRIPTOR_HEADER,
    { "SKSV", 4, 7, 1 },
    { "SENSE KEY SPECIFIC", 4, 6, 23 },
};

static const struct field unit_descriptor[] = {
    DESCRIPTOR_HEADER,
    { "FIELD REPLACEABLE UNIT CODE", 3, 7, 8 },
};

static const struct field block_commands_descriptor[] = {
    DESCRIPTOR_HEADER,
    { "ILI", 3, 5, 1 },
};

/* By DESCRIPTOR TYPE. */
static const struct fields descriptors[] = {
    [0] = FIELDS(information_descriptor),
    [1] = FIELDS(command_specific_descriptor),
    [2] = FIELDS(sense_key_specific_descriptor),
    [3] = FIELDS(unit_descriptor),
    [5] = FIELDS(block_commands_descriptor),
};

static void decode_descriptors(struct printer *printer, const uint8_t *data, size_t length)
{
    while (length >= 2) {
        size_t size = 2u + data[1];

        if (size > length)
            size = length;
        if (data[0] < COUNT(descriptors) && descriptors[data[0]].field) {
            decode_fields(printer, descriptors[data[0]], data, size);
        } else {
            decode_fields(printer, (struct fields)FIELDS(any_descriptor), data, size);
            printer_bytes(printer, "DESCRIPTOR", data + 2, size - 2);
        }
        data += size;
        length -= size;
    }
    if (length > 0)
        printer_bytes(printer, "INCOMPLETE SENSE DATA DESCRIPTOR", data, length);
}

void decode_sense(struct printer *printer, const uint8_t *data, size_t length)
{
    enum { HEADER = 8, DESCRIPTOR_CURRENT = 0x72, DESCRIPTOR_DEFERRED = 0x73 };
    uint8_t code = length > 0 ? data[0] & 0x7f : 0;

    if (code != DESCRIPTOR_CURRENT && code != DESCRIPTOR_DEFERRED) {
        decode_fields(printer, (struct fields)FIELDS(fixed_sense), data, length);
        return;
    }
    decode_fields(printer, (struct fields)FIELDS(descriptor_sense), data, length);
    if (length <= HEADER)
        return;
    length -= HEADER;
    if (length > data[7])
        length = data[7];
    decode_descriptors(printer, data + HEADER, length);
}
