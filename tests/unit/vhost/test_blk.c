/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The things that a guest can do with its block device. */

#include "fixture.h"

#include <endian.h>
#include <string.h>

static const uint64_t kinds[] = {
    0,
    UINT64_C(1) << VIRTIO_F_EVENT_IDX,
    UINT64_C(1) << VIRTIO_F_RING_PACKED,
    UINT64_C(1) << VIRTIO_F_RING_PACKED | UINT64_C(1) << VIRTIO_F_EVENT_IDX,
};
static const uint32_t devices[] = { SPD_NEVER_BLOCKS, 0 };
#define COUNT(array) (sizeof (array) / sizeof (array)[0])

static void reads_and_writes_of_each_kind_of_ring(void **state)
{
    for (size_t i = 0; i < COUNT(kinds) * COUNT(devices); i++) {
        begin(ALL | devices[i % 2], NULL);
        front_all(kinds[i / 2]);
        for (uint32_t round = 0; round < 3 * RING; round++) {
            memset(blk_data(0), (int)round + 100, 8 * BLOCK);
            assert_int_equal(blk_do(VIRTIO_BLK_T_OUT, 40, 8 * BLOCK), VIRTIO_BLK_S_OK);
            memset(blk_data(0), 0, 9 * BLOCK);
            assert_int_equal(blk_do(VIRTIO_BLK_T_IN, 39, 9 * BLOCK), VIRTIO_BLK_S_OK);
            assert_int_equal(blk_data(0)[0], 40);
            assert_int_equal(blk_data(0)[BLOCK], (uint8_t)(round + 100));
            assert_int_equal(blk_data(0)[9 * BLOCK - 1], (uint8_t)(round + 100));
        }
        fixture_teardown(state);
    }
}

static void several_requests_at_once(void **state)
{
    struct ring *ring = &front.rings[0];

    (void)state;
    begin(ALL, NULL);
    front_all(BASIC);
    for (uint32_t round = 0; round < 50; round++) {
        for (uint16_t i = 0; i < 5; i++)
            blk_add(ring, i, VIRTIO_BLK_T_IN, 10u * i, BLOCK);
        ring_kick(ring);
        for (int i = 0; i < 5; i++) {
            uint32_t written;
            uint16_t number = ring_wait(ring, &written) / 3;

            assert_int_equal(written, BLOCK + 1);
            assert_int_equal(blk_status(number), VIRTIO_BLK_S_OK);
            assert_int_equal(blk_data(number)[0], 10 * number + 1);
        }
    }
}

static void several_rings_at_once(void **state)
{
    for (int threads = 1; threads <= 3; threads += 2) {
        begin(ALL, threads == 1 ? NULL : "?queues=4&threads=3");
        front_connect();
        front_begin(BASIC);
        for (uint16_t i = 0; i < RINGS; i++)
            front_ring(i, 0);
        for (uint32_t round = 0; round < 50; round++) {
            for (uint16_t i = 0; i < RINGS; i++) {
                blk_add(&front.rings[i], i, VIRTIO_BLK_T_IN, 5u * i, BLOCK);
                ring_kick(&front.rings[i]);
            }
            for (uint16_t i = 0; i < RINGS; i++) {
                uint32_t written;

                assert_int_equal(ring_wait(&front.rings[i], &written), 3 * i);
                assert_int_equal(blk_status(i), VIRTIO_BLK_S_OK);
                assert_int_equal(blk_data(i)[0], 5 * i + 1);
            }
        }
        fixture_teardown(state);
    }
}

static void what_is_wrong_with_a_request_is_its_status(void **state)
{
    (void)state;
    begin(ALL, NULL);
    front_all(BASIC);
    assert_int_equal(blk_do(VIRTIO_BLK_T_IN, BLOCKS, BLOCK), VIRTIO_BLK_S_IOERR);
    assert_int_equal(blk_do(VIRTIO_BLK_T_IN, UINT64_MAX, BLOCK), VIRTIO_BLK_S_IOERR);
    assert_int_equal(blk_do(VIRTIO_BLK_T_IN, ERROR_LBA, BLOCK), VIRTIO_BLK_S_IOERR);
    assert_int_equal(blk_do(VIRTIO_BLK_T_IN, 0, BLOCK + 1), VIRTIO_BLK_S_IOERR);
    assert_int_equal(blk_do(VIRTIO_BLK_T_IN, 0, 0), VIRTIO_BLK_S_IOERR);
    assert_int_equal(blk_do(3, 0, BLOCK), VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(blk_do(0xffffffff, 0, BLOCK), VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(blk_do(VIRTIO_BLK_T_IN, 0, BLOCK), VIRTIO_BLK_S_OK);
}

static void a_write_protected_disk_refuses_writes(void **state)
{
    (void)state;
    begin(ALL | SPD_WRITE_PROTECTED, NULL);
    front_connect();
    assert_true(front_get(VHOST_GET_FEATURES) >> VIRTIO_BLK_F_RO & 1);
    front_begin(UINT64_C(1) << VIRTIO_BLK_F_RO);
    front_ring(0, 0);
    assert_int_equal(blk_do(VIRTIO_BLK_T_OUT, 0, BLOCK), VIRTIO_BLK_S_IOERR);
    assert_int_equal(fixture.writes, 0);
    assert_int_equal(blk_do(VIRTIO_BLK_T_IN, 0, BLOCK), VIRTIO_BLK_S_OK);
}

static void flushes_only_where_the_guest_can(void **state)
{
    begin(ALL, NULL);
    front_all(UINT64_C(1) << VIRTIO_BLK_F_FLUSH);
    assert_int_equal(blk_do(VIRTIO_BLK_T_OUT, 0, BLOCK), VIRTIO_BLK_S_OK);
    assert_int_equal(fixture.write_flags & SPD_FUA, 0);
    assert_int_equal(fixture.flushes, 0);
    assert_int_equal(blk_do(VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
    assert_int_equal(fixture.flushes, 1);
    fixture_teardown(state);

    begin(ALL, NULL);
    front_all(BASIC);
    assert_int_equal(blk_do(VIRTIO_BLK_T_OUT, 0, BLOCK), VIRTIO_BLK_S_OK);
    assert_int_equal(fixture.write_flags & SPD_FUA, SPD_FUA);
}

static void put_segment(unsigned index, uint64_t sector, uint32_t sectors, uint32_t flags)
{
    uint8_t *at = blk_data(0) + (size_t)index * VIRTIO_BLK_SEGMENT;

    memcpy(at, &(uint64_t){ htole64(sector) }, 8);
    memcpy(at + 8, &(uint32_t[2]){ htole32(sectors), htole32(flags) }, 8);
}

static void discards_and_zeroes(void **state)
{
    (void)state;
    begin(ALL, NULL);
    front_all(BASIC);
    put_segment(0, 10, 2, 0);
    put_segment(1, 20, 1, 0);
    assert_int_equal(
        blk_do(VIRTIO_BLK_T_DISCARD, 0, 2 * VIRTIO_BLK_SEGMENT), VIRTIO_BLK_S_OK);
    assert_int_equal(fixture.memory[10 * BLOCK], 0);
    assert_int_equal(fixture.memory[11 * BLOCK], 0);
    assert_int_equal(fixture.memory[12 * BLOCK], 13);
    assert_int_equal(fixture.memory[20 * BLOCK], 0);
    put_segment(0, 30, 2, VIRTIO_BLK_SEGMENT_F_UNMAP);
    assert_int_equal(
        blk_do(VIRTIO_BLK_T_DISCARD, 0, VIRTIO_BLK_SEGMENT), VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(
        blk_do(VIRTIO_BLK_T_WRITE_ZEROES, 0, VIRTIO_BLK_SEGMENT), VIRTIO_BLK_S_OK);
    assert_int_equal(fixture.memory[30 * BLOCK], 0);
    assert_int_equal(fixture.memory[32 * BLOCK], 33);
    put_segment(0, 40, 0, 0);
    assert_int_equal(
        blk_do(VIRTIO_BLK_T_WRITE_ZEROES, 0, VIRTIO_BLK_SEGMENT), VIRTIO_BLK_S_IOERR);
    put_segment(0, BLOCKS - 1, 2, 0);
    assert_int_equal(blk_do(VIRTIO_BLK_T_DISCARD, 0, VIRTIO_BLK_SEGMENT), VIRTIO_BLK_S_IOERR);
    assert_int_equal(
        blk_do(VIRTIO_BLK_T_DISCARD, 0, VIRTIO_BLK_SEGMENT - 1), VIRTIO_BLK_S_IOERR);
}

static void the_serial_is_of_hexadecimal_digits(void **state)
{
    (void)state;
    begin(ALL, NULL);
    front_all(BASIC);
    memset(blk_data(0), 0, VIRTIO_BLK_ID_LENGTH + 1);
    assert_int_equal(
        blk_do(VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_LENGTH), VIRTIO_BLK_S_OK);
    assert_int_equal(
        strspn((char *)blk_data(0), "0123456789abcdef"), VIRTIO_BLK_ID_LENGTH);
}

/* Everything in pieces that no header or status has for itself. */
static void descriptors_may_be_cut_anywhere(void **state)
{
    struct ring *ring = &front.rings[0];
    uint32_t written;

    (void)state;
    begin(ALL, NULL);
    front_all(UINT64_C(1) << VIRTIO_F_INDIRECT_DESC);
    memset(guest_at(DATA), 0, 2 * BLOCK);
    memcpy(guest_at(DATA) + 8, &(uint64_t){ htole64(7) }, 8);
    ring_add(ring, 0, (struct piece[]){
        { DATA, 5, false }, { DATA + 5, 11, false },
        /* across the regions */
        { MEMORY - 100, 200, true }, { DATA + 4096, BLOCK - 200 + 1, true } }, 4);
    ring_kick(ring);
    assert_int_equal(ring_wait(ring, &written), 0);
    assert_int_equal(written, BLOCK + 1);
    assert_int_equal(*guest_at(MEMORY - 100), 8);
    assert_int_equal(*guest_at(MEMORY + 99), 8);
    assert_int_equal(guest_at(DATA + 4096)[BLOCK - 201], 8);
    assert_int_equal(guest_at(DATA + 4096)[BLOCK - 200], VIRTIO_BLK_S_OK);

    /* and a table across them */
    ring_add_table(ring, 5, MEMORY - 16, (struct piece[]){
        { DATA, 16, false }, { DATA + 8192, BLOCK + 1, true } }, 2);
    ring_kick(ring);
    assert_int_equal(ring_wait(ring, &written), 5);
    assert_int_equal(guest_at(DATA + 8192)[0], 8);
}

static void the_configuration_says_what_the_disk_is(void **state)
{
    struct vhost_config config = { .size = VIRTIO_BLK_CONFIG_LENGTH };
    struct vhost_header header;
    union vhost_payload answer;
    uint64_t capacity;
    int none = -1;

    (void)state;
    begin(ALL, NULL);
    front_connect();
    front_send(VHOST_GET_CONFIG, 0, &config, 12 + config.size, NULL, 0);
    assert_true(front_receive(&header, &answer, &none));
    assert_int_equal(header.size, 12 + config.size);
    memcpy(&capacity, answer.config.bytes, sizeof capacity);
    assert_int_equal(le64toh(capacity), BLOCKS);
    assert_int_equal(answer.config.bytes[VIRTIO_BLK_WRITEBACK], 1);
    assert_int_equal(answer.config.bytes[VIRTIO_BLK_NUM_QUEUES], 16);
    config.offset = VHOST_CONFIG_MAX;
    front_send(VHOST_GET_CONFIG, 0, &config, 12 + config.size, NULL, 0);
    assert_true(front_receive(&header, &answer, &none));
    assert_int_equal(header.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_and_writes_of_each_kind_of_ring),
        TEST(several_requests_at_once),
        TEST(several_rings_at_once),
        TEST(what_is_wrong_with_a_request_is_its_status),
        TEST(a_write_protected_disk_refuses_writes),
        TEST(flushes_only_where_the_guest_can),
        TEST(discards_and_zeroes),
        TEST(the_serial_is_of_hexadecimal_digits),
        TEST(descriptors_may_be_cut_anywhere),
        TEST(the_configuration_says_what_the_disk_is),
    };

    return cmocka_run_group_tests_name("vhost-blk", tests, NULL, NULL);
}
