/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* PREEMPT, PREEMPT AND ABORT, and what becomes of commands that wait meanwhile. */

#include "reserve.h"

static void a_holder_is_preempted(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    enroll(disk, 1);
    reserve_out(disk, 1, PREEMPT, EA, KEY(1), KEY(0));
    assert_good(disk);
    assert_attention(disk, 0, 0x2a05);
    assert_attention(disk, 0, 0);
    assert_attention(disk, 1, 0);
    assert_int_equal(registered(disk), 1 << 1);
    assert_int_equal(reserved(disk), EA);
    assert_int_equal(holders_key(disk), KEY(1));
}

static void who_holds_nothing_loses_its_registration_alone(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    enroll(disk, 1);
    enroll(disk, 2);
    reserve_out(disk, 1, PREEMPT, EA, KEY(1), KEY(2));
    assert_good(disk);
    assert_attention(disk, 0, 0);
    assert_attention(disk, 2, 0x2a05);
    assert_int_equal(registered(disk), 1 << 0 | 1 << 1);
    assert_int_equal(reserved(disk), WE);
    assert_int_equal(holders_key(disk), KEY(0));
}

static void without_a_reservation_none_is_made(void **state)
{
    struct disk *disk = *state;

    enroll(disk, 0);
    enroll(disk, 1);
    reserve_out(disk, 1, PREEMPT, EA, KEY(1), KEY(0));
    assert_good(disk);
    assert_attention(disk, 0, 0x2a05);
    assert_int_equal(registered(disk), 1 << 1);
    assert_int_equal(reserved(disk), 0);
}

static void all_with_the_key_are_preempted_save_the_sender(void **state)
{
    struct disk *disk = *state;

    for (unsigned n = 0; n < 3; n++)
        reserve_out(disk, n, REGISTER, 0, 0, KEY(0));
    reserve_out(disk, 0, RESERVE, WE, KEY(0), 0);
    reserve_out(disk, 1, PREEMPT, EA, KEY(0), KEY(0));
    assert_good(disk);
    assert_attention(disk, 0, 0x2a05);
    assert_attention(disk, 1, 0);
    assert_attention(disk, 2, 0x2a05);
    assert_int_equal(be32_get(reserve_in(disk, 0) + 4), 8);
    assert_int_equal(reserved(disk), EA);
    disk_run(disk, 1, &disk->unit, CDB(0x28, 0, B32(0), 0, B16(1)), SCSI_DATA_IN, NULL, 512);
    assert_good(disk);
}

static void a_holder_may_preempt_itself_to_change_the_type(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    enroll(disk, 1);
    reserve_out(disk, 0, PREEMPT, EA_RO, KEY(0), KEY(0));
    assert_good(disk);
    assert_int_equal(reserved(disk), EA_RO);
    assert_int_equal(holders_key(disk), KEY(0));
    assert_attention(disk, 0, 0);
    assert_attention(disk, 1, 0x2a04); /* the type it knew is no more */
}

static void the_same_type_is_no_news(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE_RO);
    enroll(disk, 1);
    enroll(disk, 2);
    reserve_out(disk, 1, PREEMPT, WE_RO, KEY(1), KEY(0));
    assert_attention(disk, 0, 0x2a05);
    assert_attention(disk, 2, 0);
}

static void an_unknown_key_is_a_conflict(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    reserve_out(disk, 0, PREEMPT, WE, KEY(0), KEY(1));
    assert_conflict(disk);
    enroll(disk, 1);
    reserve_out(disk, 1, REGISTER, 0, KEY(1), 0);
    reserve_out(disk, 0, PREEMPT_AND_ABORT, WE, KEY(0), KEY(1)); /* it was known once */
    assert_conflict(disk);
}

static void key_zero_is_all_registrants(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE_AR);
    enroll(disk, 1);
    enroll(disk, 2);
    reserve_out(disk, 2, PREEMPT, EA, KEY(2), 0);
    assert_good(disk);
    assert_attention(disk, 0, 0x2a05);
    assert_attention(disk, 1, 0x2a05);
    assert_attention(disk, 2, 0);
    assert_int_equal(registered(disk), 1 << 2);
    assert_int_equal(reserved(disk), EA);
    assert_int_equal(holders_key(disk), KEY(2));
}

static void key_zero_is_nobody_where_one_holds(void **state)
{
    struct disk *disk = *state;

    enroll(disk, 0);
    reserve_out(disk, 0, PREEMPT, EA, KEY(0), 0);
    assert_field(disk, false, 8, 8);
    reserve_out(disk, 0, RESERVE, WE_RO, KEY(0), 0);
    reserve_out(disk, 0, PREEMPT, EA, KEY(0), 0);
    assert_field(disk, false, 8, 8);
    assert_int_equal(reserved(disk), WE_RO);
}

static void one_of_all_registrants_loses_its_registration_alone(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE_AR);
    enroll(disk, 1);
    enroll(disk, 2);
    reserve_out(disk, 2, PREEMPT, EA, KEY(2), KEY(0));
    assert_good(disk);
    assert_attention(disk, 0, 0x2a05);
    assert_attention(disk, 1, 0);
    assert_int_equal(reserved(disk), WE_AR);
    assert_int_equal(registered(disk), 1 << 1 | 1 << 2);
}

static void an_attention_waits_for_who_comes_again(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    enroll(disk, 1);
    reserve_out(disk, 1, PREEMPT, WE, KEY(1), KEY(0));
    disk_nexus(disk, 0);
    assert_attention(disk, 0, 0x2900);
    assert_attention(disk, 0, 0x2a05);
    assert_attention(disk, 0, 0);
}

static void attentions_of_one_nexus_come_one_by_one(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE_RO);
    enroll(disk, 1);
    reserve_out(disk, 0, RELEASE, WE_RO, KEY(0), 0);
    reserve_out(disk, 0, PREEMPT, WE, KEY(0), KEY(1));
    assert_attention(disk, 1, 0x2a04);
    assert_attention(disk, 1, 0x2a05);
    assert_attention(disk, 1, 0);
}

static void fill_places(struct disk *disk, unsigned count)
{
    static uint64_t names[SCSI_REGISTRATIONS];

    for (uint64_t i = 0; i < count; i++) {
        names[i] = i;
        disk_nexus(disk, 3);
        scsi_nexus_name(&disk->nexus[3], (const uint8_t *)&names[i], 8);
        assert_attention(disk, 3, 0x2900);
        enroll(disk, 3);
    }
}

static void a_place_goes_first_to_whom_nothing_is_to_be_told(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    enroll(disk, 1);
    enroll(disk, 2);
    reserve_out(disk, 1, PREEMPT, WE, KEY(1), KEY(0)); /* 0 has something to hear */
    reserve_out(disk, 2, REGISTER, 0, KEY(2), 0);      /* 2 has not */
    fill_places(disk, SCSI_REGISTRATIONS - 2);
    assert_attention(disk, 0, 0x2a05);
}

static void the_last_place_is_of_one_who_never_came_to_hear(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    enroll(disk, 1);
    reserve_out(disk, 1, PREEMPT, WE, KEY(1), KEY(0));
    fill_places(disk, SCSI_REGISTRATIONS - 1);
    assert_attention(disk, 3, 0);
    assert_attention(disk, 0, 0);
    reserve_out(disk, 0, REGISTER, 0, 0, KEY(0));
    assert_sense(disk, 0x5, 0x5504);
}

static void read_first_block(struct disk *disk, unsigned n)
{
    disk_run(disk, n, &disk->unit, CDB(0x28, 0, B32(0), 0, B16(1)), SCSI_DATA_IN, NULL, 512);
}

static void write_first_block(struct disk *disk, unsigned n)
{
    uint8_t block[512];

    memset(block, 0xee, sizeof block);
    disk_run(disk, n, &disk->unit, CDB(0x2a, 0, B32(0), 0, B16(1)), SCSI_DATA_OUT, block, 512);
}

static void preempt_0(struct disk *disk)
{
    reserve_out(disk, 1, PREEMPT, WE, KEY(1), KEY(0));
    assert_good(disk);
}

static void preempt_and_abort_0(struct disk *disk)
{
    reserve_out(disk, 1, PREEMPT_AND_ABORT, WE, KEY(1), KEY(0));
    assert_good(disk);
}

static void reserve_by_1(struct disk *disk)
{
    reserve_out(disk, 1, RESERVE, WE, KEY(1), 0);
    assert_good(disk);
}

static void register_2(struct disk *disk)
{
    enroll(disk, 2);
}

static void a_write_that_waits_while_it_is_preempted_never_happens(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    enroll(disk, 1);
    disk->meanwhile = preempt_0;
    write_first_block(disk, 0);
    assert_conflict(disk);
    assert_int_equal(disk->log_count, 0);
    assert_true(medium_is(disk, 0, 1, 0));
}

static void a_read_that_waits_while_it_is_preempted_goes_on(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    enroll(disk, 1);
    disk->meanwhile = preempt_0;
    read_first_block(disk, 0);
    assert_length(disk, 512);
}

static void what_waits_is_aborted_where_that_is_asked_for(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    enroll(disk, 1);
    disk->meanwhile = preempt_and_abort_0;
    read_first_block(disk, 0);
    assert_sense(disk, 0x6, 0x2f00);
    assert_int_equal(disk->log_count, 0);
    assert_attention(disk, 0, 0x2a05);
    read_first_block(disk, 0); /* those that come later are not */
    assert_good(disk);
}

static void others_are_not_aborted(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    enroll(disk, 1);
    enroll(disk, 2);
    disk->meanwhile = preempt_and_abort_0;
    read_first_block(disk, 2);
    assert_length(disk, 512);
}

static void preempt_itself(struct disk *disk)
{
    reserve_out(disk, 0, PREEMPT_AND_ABORT, WE, KEY(0), KEY(0));
    assert_good(disk);
}

static void a_nexus_can_abort_its_own(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    disk->meanwhile = preempt_itself;
    read_first_block(disk, 0);
    assert_sense(disk, 0x6, 0x2f00);
}

static void a_write_that_waits_while_another_reserves_never_happens(void **state)
{
    struct disk *disk = *state;

    enroll(disk, 1);
    disk->meanwhile = reserve_by_1;
    write_first_block(disk, 0);
    assert_conflict(disk);
    assert_true(medium_is(disk, 0, 1, 0));
}

static void a_write_waits_for_a_change_that_is_none_of_its_business(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    disk->meanwhile = register_2;
    write_first_block(disk, 0);
    assert_good(disk);
    assert_true(medium_is(disk, 0, 1, 0xee));
}

/* Both were sent at the same time: one comes first, and the other is preempted before it acts. */
static void of_two_that_preempt_each_other_one_wins(void **state)
{
    struct disk *disk = *state;

    hold(disk, 0, WE);
    enroll(disk, 1);
    disk->meanwhile = preempt_and_abort_0;
    reserve_out(disk, 0, PREEMPT_AND_ABORT, EA, KEY(0), KEY(1));
    assert_sense(disk, 0x6, 0x2f00);
    assert_attention(disk, 0, 0x2a05);
    assert_int_equal(registered(disk), 1 << 1);
    assert_int_equal(reserved(disk), WE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_holder_is_preempted),
        TEST(who_holds_nothing_loses_its_registration_alone),
        TEST(without_a_reservation_none_is_made),
        TEST(all_with_the_key_are_preempted_save_the_sender),
        TEST(a_holder_may_preempt_itself_to_change_the_type),
        TEST(the_same_type_is_no_news),
        TEST(an_unknown_key_is_a_conflict),
        TEST(key_zero_is_all_registrants),
        TEST(key_zero_is_nobody_where_one_holds),
        TEST(one_of_all_registrants_loses_its_registration_alone),
        TEST(an_attention_waits_for_who_comes_again),
        TEST(attentions_of_one_nexus_come_one_by_one),
        TEST(a_place_goes_first_to_whom_nothing_is_to_be_told),
        TEST(the_last_place_is_of_one_who_never_came_to_hear),
        TEST(a_write_that_waits_while_it_is_preempted_never_happens),
        TEST(a_read_that_waits_while_it_is_preempted_goes_on),
        TEST(what_waits_is_aborted_where_that_is_asked_for),
        TEST(others_are_not_aborted),
        TEST(a_nexus_can_abort_its_own),
        TEST(a_write_that_waits_while_another_reserves_never_happens),
        TEST(a_write_waits_for_a_change_that_is_none_of_its_business),
        TEST(of_two_that_preempt_each_other_one_wins),
    };

    return cmocka_run_group_tests_name("preempt", tests, NULL, NULL);
}
