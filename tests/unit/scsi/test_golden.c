/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The reference unit's answers beside their golden files. */

#include "test.h"
#include "golden.h"
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

/* Of a command descriptor of REPORT SUPPORTED OPERATION CODES. */
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

/* A page, and the golden file that it is compared with. */
struct page {
    const char *name;
    uint8_t code;
    uint8_t subpage;
    const struct field *fields;
    size_t count;
};
#define FIELDS(fields) (fields), COUNT(fields)

static const struct field inquiry_fields[] = {
    BITS(0, 7, 3, "PERIPHERAL QUALIFIER"),
    BITS(0, 4, 5, "PERIPHERAL DEVICE TYPE"),
    BITS(1, 7, 1, "RMB"),
    BYTES(2, 1, "VERSION"),
    BITS(3, 5, 1, "NORMACA"),
    BITS(3, 4, 1, "HISUP"),
    BITS(3, 3, 4, "RESPONSE DATA FORMAT"),
    BYTES(4, 1, "ADDITIONAL LENGTH"),
    BITS(5, 7, 1, "SCCS"),
    BITS(5, 5, 2, "TPGS"),
    BITS(5, 3, 1, "3PC"),
    BITS(5, 0, 1, "PROTECT"),
    BITS(6, 6, 1, "ENCSERV"),
    BITS(6, 4, 1, "MULTIP"),
    BITS(7, 1, 1, "CMDQUE"),
    BYTES(8, 8, "T10 VENDOR IDENTIFICATION"),
    BYTES(16, 16, "PRODUCT IDENTIFICATION"),
    BYTES(32, 4, "PRODUCT REVISION LEVEL"),
    BYTES(36, 20, "vendor specific"),
    BYTES(58, 2, "VERSION DESCRIPTOR 1"),
    BYTES(60, 2, "VERSION DESCRIPTOR 2"),
    BYTES(62, 2, "VERSION DESCRIPTOR 3"),
    BYTES(64, 2, "VERSION DESCRIPTOR 4"),
    BYTES(66, 2, "VERSION DESCRIPTOR 5"),
};

/* What every VPD page begins with. */
#define VPD_HEADER \
    BITS(0, 7, 3, "PERIPHERAL QUALIFIER"), BITS(0, 4, 5, "PERIPHERAL DEVICE TYPE"), \
        BYTES(1, 1, "PAGE CODE"), BYTES(2, 2, "PAGE LENGTH")

static const struct field vpd_00[] = { VPD_HEADER, BYTES(4, 7, "supported pages") };
static const struct field vpd_80[] = { VPD_HEADER, BYTES(4, 36, "PRODUCT SERIAL NUMBER") };
static const struct field vpd_86[] = {
    VPD_HEADER,
    BITS(4, 7, 2, "ACTIVATE MICROCODE"),
    BITS(4, 5, 3, "SPT"),
    BITS(4, 2, 1, "GRD_CHK"),
    BITS(4, 1, 1, "APP_CHK"),
    BITS(4, 0, 1, "REF_CHK"),
    BITS(5, 5, 1, "UASK_SUP"),
    BITS(5, 4, 1, "GROUP_SUP"),
    BITS(5, 3, 1, "PRIOR_SUP"),
    BITS(5, 2, 1, "HEADSUP"),
    BITS(5, 1, 1, "ORDSUP"),
    BITS(5, 0, 1, "SIMPSUP"),
    BITS(6, 3, 1, "WU_SUP"),
    BITS(6, 2, 1, "CRD_SUP"),
    BITS(6, 1, 1, "NV_SUP"),
    BITS(6, 0, 1, "V_SUP"),
    BITS(7, 4, 1, "P_I_I_SUP"),
    BITS(7, 0, 1, "LUICLR"),
    BITS(8, 4, 1, "R_SUP"),
    BITS(8, 0, 1, "CBCS"),
    BITS(9, 3, 4, "MULTI I_T NEXUS MICROCODE DOWNLOAD"),
    BYTES(10, 2, "EXTENDED SELF-TEST COMPLETION MINUTES"),
    BITS(12, 7, 1, "POA_SUP"),
    BITS(12, 6, 1, "HRA_SUP"),
    BITS(12, 5, 1, "VSA_SUP"),
    BYTES(13, 1, "MAXIMUM SUPPORTED SENSE DATA LENGTH"),
};
static const struct field vpd_b0[] = {
    VPD_HEADER,
    BITS(4, 0, 1, "WSNZ"),
    BYTES(5, 1, "MAXIMUM COMPARE AND WRITE LENGTH"),
    BYTES(6, 2, "OPTIMAL TRANSFER LENGTH GRANULARITY"),
    BYTES(8, 4, "MAXIMUM TRANSFER LENGTH"),
    BYTES(12, 4, "OPTIMAL TRANSFER LENGTH"),
    BYTES(16, 4, "MAXIMUM PREFETCH LENGTH"),
    BYTES(20, 4, "MAXIMUM UNMAP LBA COUNT"),
    BYTES(24, 4, "MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT"),
    BYTES(28, 4, "OPTIMAL UNMAP GRANULARITY"),
    BITS(32, 7, 1, "UGAVALID"),
    BITS(32, 6, 7, "UNMAP GRANULARITY ALIGNMENT (high bits)"),
    BYTES(33, 3, "UNMAP GRANULARITY ALIGNMENT (low bytes)"),
    BYTES(36, 8, "MAXIMUM WRITE SAME LENGTH"),
};
static const struct field vpd_b1[] = {
    VPD_HEADER,
    BYTES(4, 2, "MEDIUM ROTATION RATE"),
    BYTES(6, 1, "PRODUCT TYPE"),
    BITS(7, 7, 2, "WABEREQ"),
    BITS(7, 5, 2, "WACEREQ"),
    BITS(7, 3, 4, "NOMINAL FORM FACTOR"),
    BITS(8, 1, 1, "FUAB"),
    BITS(8, 0, 1, "VBULS"),
};
static const struct field vpd_b2[] = {
    VPD_HEADER,
    BYTES(4, 1, "THRESHOLD EXPONENT"),
    BITS(5, 7, 1, "LBPU"),
    BITS(5, 6, 1, "LBPWS"),
    BITS(5, 5, 1, "LBPWS10"),
    BITS(5, 4, 3, "LBPRZ"),
    BITS(5, 1, 1, "ANC_SUP"),
    BITS(5, 0, 1, "DP"),
    BITS(6, 7, 5, "MINIMUM PERCENTAGE"),
    BITS(6, 2, 3, "PROVISIONING TYPE"),
    BYTES(7, 1, "THRESHOLD PERCENTAGE"),
};

static const struct field designator_fields[] = {
    BITS(0, 7, 4, "PROTOCOL IDENTIFIER"),
    BITS(0, 3, 4, "CODE SET"),
    BITS(1, 7, 1, "PIV"),
    BITS(1, 5, 2, "ASSOCIATION"),
    BITS(1, 3, 4, "DESIGNATOR TYPE"),
    BYTES(3, 1, "DESIGNATOR LENGTH"),
};

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

    golden_fields(text, reply, 4, (const struct field[]){ VPD_HEADER }, 4);
    for (uint64_t at = 4; at < disk->task.moved_length; at += 4 + reply[at + 3]) {
        fprintf(text, "\ndesignation descriptor at byte %u\n", (unsigned)at);
        golden_fields(text, reply + at, 4, designator_fields, COUNT(designator_fields));
        golden_fields(text, reply + at + 4, reply[at + 3],
            (const struct field[]){ { 0, 7, reply[at + 3] * 8, "DESIGNATOR" } }, 1);
    }
    golden_compare("vpd-83");
}

#define MODE_HEADER BITS(0, 7, 1, "PS"), BITS(0, 6, 1, "SPF"), BITS(0, 5, 6, "PAGE CODE"), \
    BYTES(1, 1, "PAGE LENGTH")

static const struct field mode_01[] = {
    MODE_HEADER,
    BITS(2, 7, 1, "AWRE"),
    BITS(2, 6, 1, "ARRE"),
    BITS(2, 5, 1, "TB"),
    BITS(2, 4, 1, "RC"),
    BITS(2, 3, 1, "EER"),
    BITS(2, 2, 1, "PER"),
    BITS(2, 1, 1, "DTE"),
    BITS(2, 0, 1, "DCR"),
    BYTES(3, 1, "READ RETRY COUNT"),
    BITS(7, 7, 1, "LBPERE"),
    BYTES(8, 1, "WRITE RETRY COUNT"),
    BYTES(10, 2, "RECOVERY TIME LIMIT"),
};
static const struct field mode_08[] = {
    MODE_HEADER,
    BITS(2, 7, 1, "IC"),
    BITS(2, 6, 1, "ABPF"),
    BITS(2, 5, 1, "CAP"),
    BITS(2, 4, 1, "DISC"),
    BITS(2, 3, 1, "SIZE"),
    BITS(2, 2, 1, "WCE"),
    BITS(2, 1, 1, "MF"),
    BITS(2, 0, 1, "RCD"),
    BITS(3, 7, 4, "DEMAND READ RETENTION PRIORITY"),
    BITS(3, 3, 4, "WRITE RETENTION PRIORITY"),
    BYTES(4, 2, "DISABLE PRE-FETCH TRANSFER LENGTH"),
    BYTES(6, 2, "MINIMUM PRE-FETCH"),
    BYTES(8, 2, "MAXIMUM PRE-FETCH"),
    BYTES(10, 2, "MAXIMUM PRE-FETCH CEILING"),
    BITS(12, 7, 1, "FSW"),
    BITS(12, 6, 1, "LBCSS"),
    BITS(12, 5, 1, "DRA"),
    BITS(12, 0, 1, "NV_DIS"),
    BYTES(13, 1, "NUMBER OF CACHE SEGMENTS"),
    BYTES(14, 2, "CACHE SEGMENT SIZE"),
};
static const struct field mode_0a[] = {
    MODE_HEADER,
    BITS(2, 7, 3, "TST"),
    BITS(2, 4, 1, "TMF_ONLY"),
    BITS(2, 3, 1, "DPICZ"),
    BITS(2, 2, 1, "D_SENSE"),
    BITS(2, 1, 1, "GLTSD"),
    BITS(2, 0, 1, "RLEC"),
    BITS(3, 7, 4, "QUEUE ALGORITHM MODIFIER"),
    BITS(3, 3, 1, "NUAR"),
    BITS(3, 2, 2, "QERR"),
    BITS(4, 7, 1, "VS"),
    BITS(4, 6, 1, "RAC"),
    BITS(4, 5, 2, "UA_INTLCK_CTRL"),
    BITS(4, 3, 1, "SWP"),
    BITS(5, 7, 1, "ATO"),
    BITS(5, 6, 1, "TAS"),
    BITS(5, 5, 1, "ATMPE"),
    BITS(5, 4, 1, "RWWP"),
    BITS(5, 2, 3, "AUTOLOAD MODE"),
    BYTES(8, 2, "BUSY TIMEOUT PERIOD"),
    BYTES(10, 2, "EXTENDED SELF-TEST COMPLETION TIME"),
};
static const struct field mode_1c[] = {
    MODE_HEADER,
    BITS(2, 7, 1, "PERF"),
    BITS(2, 5, 1, "EBF"),
    BITS(2, 4, 1, "EWASC"),
    BITS(2, 3, 1, "DEXCPT"),
    BITS(2, 2, 1, "TEST"),
    BITS(2, 1, 1, "EBACKERR"),
    BITS(2, 0, 1, "LOGERR"),
    BITS(3, 3, 4, "MRIE"),
    BYTES(4, 4, "INTERVAL TIMER"),
    BYTES(8, 4, "REPORT COUNT"),
};

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
