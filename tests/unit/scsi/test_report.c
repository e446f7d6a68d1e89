/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* REPORT LUNS, supported operation codes and task management functions; unit control. */

#include "test.h"

static const uint8_t *opcodes(struct disk *disk, uint8_t options, uint8_t opcode, uint16_t action)
{
    return in(disk, CDB(0xa3, 0x0c, options, opcode, B16(action), B32(4096)), 4096);
}

static void report_luns_lists_the_ports(void **state)
{
    struct disk *disk = *state;
    static const uint64_t luns[] = { 0, UINT64_C(7) << 48, UINT64_C(0x4123) << 48 };
    const uint8_t *reply;

    disk->port.luns = luns;
    disk->port.lun_count = 3;
    for (uint8_t select = 0; select <= 2; select += 2) {
        reply = in(disk, CDB(0xa0, 0, select, 0, 0, 0, B32(64)), 64);
        assert_length(disk, 32);
        assert_int_equal(be32_get(reply), 24);
        assert_int_equal(be64_get(reply + 16), luns[1]);
        assert_int_equal(be64_get(reply + 24), luns[2]);
    }
}

static void there_are_no_well_known_logical_units(void **state)
{
    struct disk *disk = *state;

    assert_int_equal(be32_get(in(disk, CDB(0xa0, 0, 1, 0, 0, 0, B32(64)), 64)), 0);
    assert_length(disk, 8);
}

static void other_lun_reports_are_refused(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0xa0, 0, 3, 0, 0, 0, B32(64)), 64);
    assert_cdb_field(disk, 2, 7);
    in(disk, CDB(0xa0, 0x80, 0, 0, 0, 0, B32(64)), 64);
    assert_cdb_field(disk, 1, 7);
}

static void report_luns_is_cut_to_the_allocation_length(void **state)
{
    struct disk *disk = *state;

    assert_int_equal(be32_get(in(disk, CDB(0xa0, 0, 0, 0, 0, 0, B32(4)), 64)), 8);
    assert_length(disk, 4);
}

/* The general answer and the single ones must agree: they come from one table. */
static void every_listed_command_answers_for_itself(void **state)
{
    struct disk *disk = *state;
    uint8_t all[4096];
    unsigned count = 0;

    memcpy(all, opcodes(disk, 0x00, 0, 0), 4096);
    for (uint32_t at = 4; at < 4 + be32_get(all); at += 8, count++) {
        const uint8_t *entry = all + at, *reply;
        bool has_action = entry[5] & 0x01;

        reply = opcodes(disk, has_action ? 0x02 : 0x01, entry[0], be16_get(entry + 2));
        assert_good(disk);
        assert_int_equal(reply[1], 0x03);
        assert_int_equal(be16_get(reply + 2), be16_get(entry + 6));
        assert_int_equal(reply[4], entry[0]);
        if (has_action)
            assert_int_equal(reply[5] & 0x1f, be16_get(entry + 2));
        assert_length(disk, 4 + be16_get(reply + 2));
        opcodes(disk, 0x03, entry[0], be16_get(entry + 2));
        assert_good(disk);
        assert_int_equal(disk_reply(disk)[1], 0x03);
    }
    assert_int_equal(count, 54);
}

static void unlisted_commands_are_not_supported(void **state)
{
    struct disk *disk = *state;

    assert_int_equal(opcodes(disk, 0x01, 0x06, 0)[1], 0x01);
    assert_length(disk, 4);
    assert_int_equal(opcodes(disk, 0x02, 0x9e, 0x11)[1], 0x01);
    assert_int_equal(opcodes(disk, 0x03, 0x28, 0x01)[1], 0x01);
    assert_int_equal(opcodes(disk, 0x03, 0xa3, 0x00)[1], 0x01);
}

static void service_actions_must_be_asked_for_as_such(void **state)
{
    struct disk *disk = *state;

    opcodes(disk, 0x01, 0x9e, 0);
    assert_cdb_field(disk, 2, 2);
    opcodes(disk, 0x02, 0x28, 0);
    assert_cdb_field(disk, 2, 2);
    opcodes(disk, 0x04, 0x28, 0);
    assert_cdb_field(disk, 2, 2);
    opcodes(disk, 0x08, 0, 0);
    assert_cdb_field(disk, 2, 3);
}

static void timeouts_descriptors_come_when_asked_for(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = opcodes(disk, 0x80, 0, 0);

    for (uint32_t at = 4; at < 4 + be32_get(reply); at += 20) {
        assert_int_equal(reply[at + 5] & 0x02, 0x02);
        assert_int_equal(be16_get(reply + at + 8), 0x0a);
    }
    reply = opcodes(disk, 0x81, 0x28, 0);
    assert_length(disk, 4 + 10 + 12);
    assert_int_equal(reply[1], 0x83);
    assert_int_equal(be16_get(reply + 14), 0x0a);
}

static void unmap_is_reported_only_with_thin_provisioning(void **state)
{
    struct scsi_unit_params params = disk_params();
    struct disk *disk = *state;

    assert_int_equal(opcodes(disk, 0x01, 0x42, 0)[1], 0x03);
    assert_int_equal(opcodes(disk, 0x01, 0x93, 0)[5], 0x09);
    params.unmap_zeros = false;
    disk = reopen(state, &params);
    assert_int_equal(opcodes(disk, 0x01, 0x42, 0)[1], 0x03);
    assert_int_equal(opcodes(disk, 0x01, 0x93, 0)[5], 0x01);
    assert_int_equal(opcodes(disk, 0x01, 0x41, 0)[5], 0x00);
    params.unmap = false;
    disk = reopen(state, &params);
    assert_int_equal(opcodes(disk, 0x01, 0x42, 0)[1], 0x01);
    assert_int_equal(opcodes(disk, 0x01, 0x93, 0)[5], 0x01);
    assert_int_equal(opcodes(disk, 0x01, 0x41, 0)[5], 0x00);
}

static void the_report_is_cut_to_the_allocation_length(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0xa3, 0x0c, 0, 0, 0, 0, B32(4)), 4096);
    assert_length(disk, 4);
}

/* A bit outside the usage data makes the command fail, at that very bit. */
static void usage_data_is_what_the_decoder_enforces(void **state)
{
    struct disk *disk = *state;
    uint8_t all[4096];

    memcpy(all, opcodes(disk, 0x00, 0, 0), 4096);
    for (uint32_t at = 4; at < 4 + be32_get(all); at += 8) {
        uint8_t usage[16], cdb[16];
        uint16_t length = be16_get(all + at + 6), action = be16_get(all + at + 2);
        bool has_action = all[at + 5] & 0x01;

        memcpy(usage, opcodes(disk, has_action ? 0x02 : 0x01, all[at], action) + 4, length);
        for (unsigned i = has_action ? 16 : 8; i < length * 8u; i++) {
            if (usage[i / 8] & 1u << i % 8)
                continue;
            memset(cdb, 0, sizeof cdb);
            cdb[0] = all[at];
            cdb[1] = (uint8_t)action;
            cdb[i / 8] |= (uint8_t)(1u << i % 8);
            none(disk, cdb);
            assert_cdb_field(disk, i / 8, i % 8);
        }
    }
}

static void task_management_is_what_the_port_offers(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = in(disk, CDB(0xa3, 0x0d, 0, 0, 0, 0, B32(64)), 64);

    assert_length(disk, 4);
    assert_int_equal(reply[0], 0xc8);
    assert_int_equal(reply[1], 0);
    reply = in(disk, CDB(0xa3, 0x0d, 0x80, 0, 0, 0, B32(64)), 64);
    assert_length(disk, 16);
    assert_int_equal(reply[0], 0xc8);
    assert_int_equal(reply[3], 12);
    in(disk, CDB(0xa3, 0x0d, 0x01, 0, 0, 0, B32(64)), 64);
    assert_cdb_field(disk, 2, 0);
}

static void stopping_writes_the_cache_back_and_the_unit_stays_ready(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x1b, 0, 0, 0, 0x00));
    assert_good(disk);
    assert_int_equal(disk->log_count, 1);
    assert_int_equal(disk->log[0].step, SCSI_FLUSH);
    none(disk, CDB(0x00));
    assert_good(disk);
    none(disk, CDB(0x1b, 1, 0, 0, 0x04)); /* IMMED, NO_FLUSH */
    assert_good(disk);
    assert_int_equal(disk->log_count, 0);
    none(disk, CDB(0x1b, 0, 0, 0, 0x01));
    assert_good(disk);
    assert_int_equal(disk->log_count, 0);
}

static void there_is_nothing_to_eject_and_no_power_condition(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x1b, 0, 0, 0, 0x02));
    assert_cdb_field(disk, 4, 1);
    none(disk, CDB(0x1b, 0, 0, 0, 0x20));
    assert_cdb_field(disk, 4, 5);
}

static void removal_can_be_prevented_and_allowed(void **state)
{
    struct disk *disk = *state;

    none(disk, CDB(0x1e, 0, 0, 0, 1));
    assert_good(disk);
    none(disk, CDB(0x1e, 0, 0, 0, 0));
    assert_good(disk);
    none(disk, CDB(0x1e, 0, 0, 0, 4));
    assert_cdb_field(disk, 4, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(report_luns_lists_the_ports),
        TEST(there_are_no_well_known_logical_units),
        TEST(other_lun_reports_are_refused),
        TEST(report_luns_is_cut_to_the_allocation_length),
        TEST(every_listed_command_answers_for_itself),
        TEST(unlisted_commands_are_not_supported),
        TEST(service_actions_must_be_asked_for_as_such),
        TEST(timeouts_descriptors_come_when_asked_for),
        TEST(unmap_is_reported_only_with_thin_provisioning),
        TEST(the_report_is_cut_to_the_allocation_length),
        TEST(usage_data_is_what_the_decoder_enforces),
        TEST(task_management_is_what_the_port_offers),
        TEST(stopping_writes_the_cache_back_and_the_unit_stays_ready),
        TEST(there_is_nothing_to_eject_and_no_power_condition),
        TEST(removal_can_be_prevented_and_allowed),
    };

    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
