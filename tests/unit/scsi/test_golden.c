/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The reference unit's answers beside their golden files. */

#include "test.h"
#include "golden.h"
#include "pages.h"
#include "reserve.h"

static const char *const names[256] = {
    [0x00] = "TEST UNIT READY", [0x03] = "REQUEST SENSE", [0x08] = "READ(6)", [0x0a] = "WRITE(6)",
    [0x12] = "INQUIRY", [0x16] = "RESERVE(6)", [0x17] = "RELEASE(6)",
    [0x15] = "MODE SELECT(6)", [0x1a] = "MODE SENSE(6)",
    [0x1b] = "START STOP UNIT", [0x1e] = "PREVENT ALLOW MEDIUM REMOVAL",
    [0x25] = "READ CAPACITY(10)", [0x28] = "READ(10)", [0x2a] = "WRITE(10)",
    [0x2e] = "WRITE AND VERIFY(10)", [0x2f] = "VERIFY(10)", [0x34] = "PRE-FETCH(10)",
    [0x35] = "SYNCHRONIZE CACHE(10)", [0x41] = "WRITE SAME(10)", [0x42] = "UNMAP",
    [0x4d] = "LOG SENSE",
    [0x56] = "RESERVE(10)", [0x57] = "RELEASE(10)",
    [0x55] = "MODE SELECT(10)", [0x5a] = "MODE SENSE(10)", [0x88] = "READ(16)",
    [0x89] = "COMPARE AND WRITE", [0x8a] = "WRITE(16)", [0x8b] = "ORWRITE(16)",
    [0x8e] = "WRITE AND VERIFY(16)", [0x8f] = "VERIFY(16)", [0x90] = "PRE-FETCH(16)",
    [0x91] = "SYNCHRONIZE CACHE(16)", [0x93] = "WRITE SAME(16)", [0xa0] = "REPORT LUNS",
    [0xa8] = "READ(12)", [0xaa] = "WRITE(12)", [0xae] = "WRITE AND VERIFY(12)",
    [0xaf] = "VERIFY(12)",
};

static const struct {
    uint8_t opcode;
    uint16_t action;
    const char *name;
} actions[] = {
    { 0x9e, 0x10, "READ CAPACITY(16)" },
    { 0x9e, 0x12, "GET LBA STATUS" },
    { 0xa3, 0x0c, "REPORT SUPPORTED OPERATION CODES" },
    { 0xa3, 0x0d, "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS" },
    { 0x5e, 0x00, "PERSISTENT RESERVE IN, READ KEYS" },
    { 0x5e, 0x01, "PERSISTENT RESERVE IN, READ RESERVATION" },
    { 0x5e, 0x02, "PERSISTENT RESERVE IN, REPORT CAPABILITIES" },
    { 0x5e, 0x03, "PERSISTENT RESERVE IN, READ FULL STATUS" },
    { 0x5f, 0x00, "PERSISTENT RESERVE OUT, REGISTER" },
    { 0x5f, 0x01, "PERSISTENT RESERVE OUT, RESERVE" },
    { 0x5f, 0x02, "PERSISTENT RESERVE OUT, RELEASE" },
    { 0x5f, 0x03, "PERSISTENT RESERVE OUT, CLEAR" },
    { 0x5f, 0x04, "PERSISTENT RESERVE OUT, PREEMPT" },
    { 0x5f, 0x05, "PERSISTENT RESERVE OUT, PREEMPT AND ABORT" },
    { 0x5f, 0x06, "PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY" },
};

/* Fields of a command descriptor of REPORT SUPPORTED OPERATION CODES. */
static const char *name_of(const uint8_t *command)
{
    if (!(command[5] & 0x01))
        return names[command[0]] ? names[command[0]] : "?";
    for (unsigned i = 0; i < COUNT(actions); i++)
        if (actions[i].opcode == command[0] && actions[i].action == be16_get(command + 2))
            return actions[i].name;
    return "?";
}

static void supported_operation_codes(void **state)
{
    struct disk *disk = *state;
    uint8_t all[4096];
    FILE *text = golden_begin();

    memcpy(all, in(disk, CDB(0xa3, 0x0c, 0, 0, 0, 0, B32(4096)), 4096), 4096);
    fprintf(text, "COMMAND DATA LENGTH %u\n", be32_get(all));
    for (uint32_t at = 4; at < 4 + be32_get(all); at += 8) {
        uint8_t opcode = all[at];
        uint16_t action = be16_get(all + at + 2), length = be16_get(all + at + 6);
        bool has_action = all[at + 5] & 0x01;
        const uint8_t *one;

        fprintf(text, "%02x", opcode);
        if (has_action)
            fprintf(text, "/%02x", action);
        fprintf(text, ": %s\n", name_of(all + at));
        one = in(disk, CDB(0xa3, 0x0c, has_action ? 2 : 1, opcode, B16(action), B32(64)), 64);
        fprintf(text, "    usage");
        for (unsigned i = 0; i < length; i++)
            fprintf(text, " %02x", one[4 + i]);
        fprintf(text, "\n");
    }
    golden_compare("opcodes");
}

/* The columns of the standards' tables of what reservations stop (SPC-4 5.13.1, SBC-3 table 13):
 * another nexus holds this type, and the command's nexus is registered or not. */
static const struct {
    uint8_t type;
    bool registered;
} situations[] = {
    { WE, false },
    { WE, true },
    { EA, false },
    { EA, true },
    { WE_RO, true },
    { EA_RO, true },
    { WE_AR, true },
    { EA_AR, true },
    { WE_RO, false },
    { EA_RO, false },
    { WE_AR, false },
    { EA_AR, false },
    { RESERVED, false },
};

static void print_conflicts(FILE *text, struct disk *disk, const uint8_t *cdb, const char *name,
    const char *variant)
{
    for (unsigned i = 0; i < COUNT(situations); i++) {
        struct scsi_unit_params params = disk->unit.params;

        disk_close(disk);
        disk_open(disk, &params, params.block_count);
        if (situations[i].type == RESERVED)
            disk_run(disk, 1, &disk->unit, CDB(0x16), SCSI_NO_DATA, NULL, 0);
        else
            hold(disk, 1, situations[i].type);
        if (situations[i].registered)
            enroll(disk, 0);
        none(disk, cdb);
        fprintf(text, "%-4s", disk->task.status == SCSI_RESERVATION_CONFLICT ? "C" : "a");
    }
    fprintf(text, " %s%s\n", name, variant);
}

static void reservation_conflicts(void **state)
{
    struct disk *disk = *state;
    static const uint8_t start_stop = 0x1b, prevent_allow = 0x1e, reserve_out = 0x5f;
    uint8_t all[4096];
    FILE *text = golden_begin();

    memcpy(all, in(disk, CDB(0xa3, 0x0c, 0, 0, 0, 0, B32(4096)), 4096), 4096);
    fprintf(text, "Another nexus holds a reservation of TYPE\n"
        "    1, 5 RO, 7 AR: Write Exclusive; 3, 6 RO, 8 AR: Exclusive Access; f: by RESERVE\n"
        "and ours is registered (r) or not (u): is the command allowed (a), or a conflict (C)?\n");
    for (unsigned i = 0; i < COUNT(situations); i++)
        fprintf(text, "%x%-3c", situations[i].type, situations[i].registered ? 'r' : 'u');
    fprintf(text, "\n");
    for (uint32_t at = 4; at < 4 + be32_get(all); at += 8) {
        uint8_t opcode = all[at];
        uint16_t action = be16_get(all + at + 2);
        const char *name = name_of(all + at);

        if (opcode == reserve_out)
            continue; /* the keys decide */
        print_conflicts(text, disk, CDB(opcode, (uint8_t)action), name, "");
        if (opcode == start_stop)
            print_conflicts(text, disk, CDB(opcode, 0, 0, 0, 0x01), name, ", START = 1");
        if (opcode == prevent_allow)
            print_conflicts(text, disk, CDB(opcode, 0, 0, 0, 0x01), name, ", PREVENT = 1");
    }
    golden_compare("reservations");
}

static const struct page vpd_pages[] = {
    { "vpd-00", 0x00, 0, FIELDS(vpd_00) },
    { "vpd-80", 0x80, 0, FIELDS(vpd_80) },
    { "vpd-86", 0x86, 0, FIELDS(vpd_86) },
    { "vpd-b0", 0xb0, 0, FIELDS(vpd_b0) },
    { "vpd-b1", 0xb1, 0, FIELDS(vpd_b1) },
    { "vpd-b2", 0xb2, 0, FIELDS(vpd_b2) },
};

static void compare(const struct page *page, const uint8_t *data, size_t length)
{
    golden_fields(golden_begin(), data, length, page->fields, page->count);
    golden_compare(page->name);
}

static void standard_inquiry_data(void **state)
{
    static const struct page page = { "inquiry", 0, 0, FIELDS(inquiry_fields) };
    struct disk *disk = *state;
    const uint8_t *reply = in(disk, CDB(0x12, 0, 0, 0, 255), 255);

    compare(&page, reply, disk->task.moved_length);
}

static void vital_product_data(void **state)
{
    struct disk *disk = *state;

    for (unsigned i = 0; i < COUNT(vpd_pages); i++) {
        const uint8_t *reply = in(disk, CDB(0x12, 1, vpd_pages[i].code, 2, 0), 512);

        compare(&vpd_pages[i], reply, disk->task.moved_length);
    }
}

static void device_identification(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = in(disk, CDB(0x12, 1, 0x83, 2, 0), 512);
    FILE *text = golden_begin();

    golden_designators(text, reply, disk->task.moved_length);
    golden_compare("vpd-83");
}

static const struct page mode_pages[] = {
    { "mode-01", 0x01, 0, FIELDS(mode_01) },
    { "mode-08", 0x08, 0, FIELDS(mode_08) },
    { "mode-0a", 0x0a, 0, FIELDS(mode_0a) },
    { "mode-1c", 0x1c, 0, FIELDS(mode_1c) },
};

static void mode_parameters(void **state)
{
    struct disk *disk = *state;
    static const char *const controls[] = { "current", "changeable", "default" };

    for (unsigned i = 0; i < COUNT(mode_pages); i++) {
        FILE *text = golden_begin();

        for (unsigned control = 0; control < COUNT(controls); control++) {
            uint8_t page = (uint8_t)(control << 6 | mode_pages[i].code);
            const uint8_t *reply = in(disk, CDB(0x1a, 0x08, page, 0, 255), 255);

            assert_good(disk);
            fprintf(text, "%s%s values\n", control ? "\n" : "", controls[control]);
            golden_fields(text, reply + 4, disk->task.moved_length - 4, mode_pages[i].fields,
                mode_pages[i].count);
        }
        golden_compare(mode_pages[i].name);
    }
}

#define LOG_HEADER BITS(0, 7, 1, "DS"), BITS(0, 6, 1, "SPF"), BITS(0, 5, 6, "PAGE CODE"), \
    BYTES(1, 1, "SUBPAGE CODE"), BYTES(2, 2, "PAGE LENGTH")

static const struct field log_00[] = { LOG_HEADER, BYTES(4, 2, "supported pages") };
static const struct field log_00_ff[] = {
    LOG_HEADER,
    BYTES(4, 2, "supported page and subpage"),
    BYTES(6, 2, "supported page and subpage"),
    BYTES(8, 2, "supported page and subpage"),
};
static const struct field log_2f[] = {
    LOG_HEADER,
    BYTES(4, 2, "PARAMETER CODE"),
    BITS(6, 7, 1, "DU"),
    BITS(6, 5, 1, "TSD"),
    BITS(6, 4, 1, "ETC"),
    BITS(6, 3, 2, "TMC"),
    BITS(6, 1, 2, "FORMAT AND LINKING"),
    BYTES(7, 1, "PARAMETER LENGTH"),
    BYTES(8, 1, "INFORMATIONAL EXCEPTION ADDITIONAL SENSE CODE"),
    BYTES(9, 1, "INFORMATIONAL EXCEPTION ADDITIONAL SENSE CODE QUALIFIER"),
    BYTES(10, 1, "MOST RECENT TEMPERATURE READING"),
};

static const struct page log_pages[] = {
    { "log-00", 0x00, 0x00, FIELDS(log_00) },
    { "log-00-ff", 0x00, 0xff, FIELDS(log_00_ff) },
    { "log-2f", 0x2f, 0x00, FIELDS(log_2f) },
};

static void log_parameters(void **state)
{
    struct disk *disk = *state;

    for (unsigned i = 0; i < COUNT(log_pages); i++) {
        const uint8_t *reply = in(disk,
            CDB(0x4d, 0, 0x40 | log_pages[i].code, log_pages[i].subpage, 0, 0, 0, 2, 0), 512);

        compare(&log_pages[i], reply, disk->task.moved_length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(supported_operation_codes),
        TEST(reservation_conflicts),
        TEST(standard_inquiry_data),
        TEST(vital_product_data),
        TEST(device_identification),
        TEST(mode_parameters),
        TEST(log_parameters),
    };

    return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
