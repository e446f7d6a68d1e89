/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* PERSISTENT RESERVE IN. */

#include "reserve.h"

static void nothing_is_registered_at_first(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply;

    for (uint8_t action = 0; action <= 3; action++) {
        if (action == 2)
            continue;
        reply = reserve_in(disk, action);
        assert_length(disk, 8);
        assert_int_equal(be64_get(reply), 0);
    }
}

static void read_keys_lists_every_registration(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply;

    enroll(disk, 0);
    enroll(disk, 1);
    reply = reserve_in(disk, 0);
    assert_length(disk, 8 + 16);
    assert_int_equal(be32_get(reply), 2);
    assert_int_equal(be32_get(reply + 4), 16);
    assert_int_equal(registered(disk), 1 << 0 | 1 << 1);
}

static void two_nexuses_may_have_one_key(void **state)
{
    struct disk *disk = *state;

    reserve_out(disk, 0, REGISTER, 0, 0, KEY(0));
    reserve_out(disk, 1, REGISTER, 0, 0, KEY(0));
    assert_good(disk);
    assert_int_equal(be32_get(reserve_in(disk, 0) + 4), 16);
}

static void read_reservation_names_the_holder(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply;

    enroll(disk, 0);
    hold(disk, 1, WE_RO);
    reply = reserve_in(disk, 1);
    assert_length(disk, 24);
    assert_int_equal(be32_get(reply), 2);
    assert_int_equal(be64_get(reply + 8), KEY(1));
    assert_int_equal(reply[21], WE_RO);
}

static void what_all_registrants_hold_has_no_key(void **state)
{
    struct disk *disk = *state;

    hold(disk, 1, EA_AR);
    assert_int_equal(reserved(disk), EA_AR);
    assert_int_equal(holders_key(disk), 0);
}

/* SPC-4 5.13: bytes 4 and 5 have a bit for each type. */
static void capabilities_are_what_there_is(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply = reserve_in(disk, 2);

    assert_length(disk, 8);
    assert_int_equal(be16_get(reply), 8);
    assert_int_equal(reply[2], 0x04); /* ATP_C; neither SIP_C nor PTPL_C, nor CRH */
    assert_int_equal(reply[3], 0x80); /* TMV; nothing is PTPL_A */
    assert_int_equal(be16_get(reply + 4), 0xea01);
    assert_int_equal(be16_get(reply + 6), 0);
}

static void every_type_that_capabilities_list_can_be_had(void **state)
{
    struct disk *disk = *state;
    uint16_t mask = be16_get(reserve_in(disk, 2) + 4);

    enroll(disk, 0);
    for (unsigned type = 0; type < 16; type++) {
        bool listed = type < 8 ? mask >> (8 + type) & 1 : mask >> (type - 8) & 1;

        reserve_out(disk, 0, RESERVE, (uint8_t)type, KEY(0), 0);
        if (!listed) {
            assert_cdb_field(disk, 2, 3);
            continue;
        }
        assert_good(disk);
        assert_int_equal(reserved(disk), type);
        reserve_out(disk, 0, RELEASE, (uint8_t)type, KEY(0), 0);
        assert_good(disk);
    }
}

static void full_status_describes_every_registration(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply, *one;
    unsigned holders = 0;

    enroll(disk, 0);
    hold(disk, 1, EA);
    reply = reserve_in(disk, 3);
    assert_length(disk, 8 + 2 * (24 + 24));
    assert_int_equal(be32_get(reply), 2);
    assert_int_equal(be32_get(reply + 4), 2 * (24 + 24));
    for (one = reply + 8; one < reply + 8 + 96; one += 48) {
        bool holder = be64_get(one) == KEY(1);
        const struct scsi_nexus *nexus = &disk->nexus[holder];

        holders += holder;
        assert_int_equal(be64_get(one), KEY(holder));
        assert_int_equal(be32_get(one + 8), 0);
        assert_int_equal(one[12], holder ? 0x01 : 0);
        assert_int_equal(one[13], holder ? EA : 0);
        assert_int_equal(be32_get(one + 14), 0);
        assert_int_equal(be16_get(one + 18), 7);
        assert_int_equal(be32_get(one + 20), 24);
        assert_memory_equal(one + 24, nexus->transport_id, 24);
    }
    assert_int_equal(holders, 1);
}

static void all_registrants_are_holders(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply;

    enroll(disk, 0);
    hold(disk, 1, WE_AR);
    reply = reserve_in(disk, 3);
    assert_int_equal(reply[8 + 12], 0x01);
    assert_int_equal(reply[8 + 13], WE_AR);
    assert_int_equal(reply[8 + 48 + 12], 0x01);
    assert_int_equal(reply[8 + 48 + 13], WE_AR);
}

static void an_initiator_without_a_name_has_no_specific_protocol(void **state)
{
    struct disk *disk = *state;
    static const uint8_t id[24] = { 0x0f };
    const uint8_t *reply;

    scsi_nexus_init(&disk->nexus[2], &disk->unit, &disk->port);
    assert_attention(disk, 2, 0x2900);
    enroll(disk, 2);
    reply = reserve_in(disk, 3);
    assert_length(disk, 8 + 24 + 24);
    assert_memory_equal(reply + 8 + 24, id, 24);
}

/* The longest reply there is, far longer than what builders get zeroed. */
static void full_status_of_a_full_table(void **state)
{
    struct disk *disk = *state;
    static uint8_t ids[SCSI_REGISTRATIONS][SCSI_TRANSPORT_ID_MAX];
    const uint8_t *reply;

    for (unsigned i = 0; i < SCSI_REGISTRATIONS; i++) {
        memset(ids[i], 0x40 + i, sizeof ids[i]);
        disk_nexus(disk, 1);
        scsi_nexus_name(&disk->nexus[1], ids[i], sizeof ids[i]);
        assert_attention(disk, 1, 0x2900);
        enroll(disk, 1);
    }
    reply = reserve_in(disk, 3);
    assert_length(disk, 8 + SCSI_REGISTRATIONS * (24 + SCSI_TRANSPORT_ID_MAX));
    for (unsigned i = 0; i < SCSI_REGISTRATIONS; i++) {
        const uint8_t *one = reply + 8 + i * (24 + SCSI_TRANSPORT_ID_MAX);

        assert_int_equal(be32_get(one + 8), 0);
        assert_int_equal(be32_get(one + 20), SCSI_TRANSPORT_ID_MAX);
        assert_memory_equal(one + 24, ids[i], sizeof ids[i]);
    }
}

static void replies_are_cut_to_the_allocation_length(void **state)
{
    struct disk *disk = *state;
    const uint8_t *reply;

    hold(disk, 0, WE);
    for (uint8_t action = 0; action <= 3; action++) {
        reply = in(disk, CDB(0x5e, action, 0, 0, 0, 0, 0, B16(6)), 64);
        assert_length(disk, 6);
        if (action != 2)
            assert_int_equal(be32_get(reply), 1);
        none(disk, CDB(0x5e, action));
        assert_length(disk, 0);
    }
}

static void register_1(struct disk *disk)
{
    enroll(disk, 1);
}

/* It waits for the exclusive task before it, and lets reads and writes be. */
static void the_answer_is_of_when_it_entered(void **state)
{
    struct disk *disk = *state;

    disk->meanwhile = register_1;
    reserve_in(disk, 0);
    assert_null(disk->meanwhile);
    assert_false(disk->task.exclusive);
    assert_length(disk, 8 + 8);
}

static void bad_fields_are_refused(void **state)
{
    struct disk *disk = *state;

    in(disk, CDB(0x5e, 0x04, 0, 0, 0, 0, 0, B16(64)), 64);
    assert_cdb_field(disk, 1, 4);
    in(disk, CDB(0x5e, 0x20, 0, 0, 0, 0, 0, B16(64)), 64);
    assert_cdb_field(disk, 1, 5);
    in(disk, CDB(0x5e, 0, 0, 0, 0, 0, 1, B16(64)), 64);
    assert_cdb_field(disk, 6, 0);
}

static void anybody_may_ask_under_any_reservation(void **state)
{
    struct disk *disk = *state;

    hold(disk, 1, EA);
    for (uint8_t action = 0; action <= 3; action++) {
        reserve_in(disk, action);
        assert_good(disk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_registered_at_first),
        TEST(read_keys_lists_every_registration),
        TEST(two_nexuses_may_have_one_key),
        TEST(read_reservation_names_the_holder),
        TEST(what_all_registrants_hold_has_no_key),
        TEST(capabilities_are_what_there_is),
        TEST(every_type_that_capabilities_list_can_be_had),
        TEST(full_status_describes_every_registration),
        TEST(all_registrants_are_holders),
        TEST(an_initiator_without_a_name_has_no_specific_protocol),
        TEST(full_status_of_a_full_table),
        TEST(replies_are_cut_to_the_allocation_length),
        TEST(the_answer_is_of_when_it_entered),
        TEST(bad_fields_are_refused),
        TEST(anybody_may_ask_under_any_reservation),
    };

    return cmocka_run_group_tests_name("persistent_in", tests, NULL, NULL);
}
