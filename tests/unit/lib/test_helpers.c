/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Errors, status, GUIDs, partition tables, the log, the pool. */

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/door.h"
#include "lib/pool.h"

static void every_error_has_a_number_and_a_text_of_its_own(void **state)
{
    enum { FIRST = SPD_ERROR_NO_MEMORY, LAST = SPD_ERROR_QUEUES };

    (void)state;
    /* Neither a negative errno value nor one of Windows or Winsock. */
    assert_true(FIRST < -15999);
    for (int i = FIRST; i >= LAST; i--) {
        assert_string_not_equal(spd_strerror(i), "unknown error");
        for (int j = FIRST; j > i; j--)
            assert_string_not_equal(spd_strerror(i), spd_strerror(j));
    }
    assert_string_equal(spd_strerror(LAST - 1), "unknown error");
    assert_string_equal(spd_strerror(0), "success");
    assert_string_equal(spd_strerror(-9999), "unknown error");
}

static void setting_a_status_leaves_nothing_of_the_old_one(void **state)
{
    uint64_t lba = 77;
    spd_status status;

    (void)state;
    memset(&status, 0xff, sizeof status);
    spd_status_set(&status, 3, 0x11, 1, &lba);
    assert_int_equal(status.scsi_status, 2);
    assert_int_equal(status.sense_key, 3);
    assert_int_equal(status.asc, 0x11);
    assert_int_equal(status.ascq, 1);
    assert_int_equal(status.information_valid, 1);
    assert_int_equal(status.information, 77);
    spd_status_set(&status, 5, 0x20, 0, NULL);
    assert_int_equal(status.ascq, 0);
    assert_int_equal(status.information_valid, 0);
    assert_int_equal(status.information, 0);
}

struct answer {
    uint8_t status, key, asc, ascq, valid;
};

static void expect_answer(int errnum, spd_operation operation, struct answer answer)
{
    spd_status status;

    memset(&status, 0xff, sizeof status);
    spd_status_set_errno(&status, errnum, operation, 5);
    if (status.scsi_status != answer.status || status.sense_key != answer.key ||
        status.asc != answer.asc || status.ascq != answer.ascq)
        fail_msg("%s of operation %d: status %u, sense %x/%02x/%02x", strerror(errnum), operation,
            status.scsi_status, status.sense_key, status.asc, status.ascq);
    assert_int_equal(status.information_valid, answer.valid);
    assert_int_equal(status.information, answer.valid ? 5 : 0);
}

static void errno_values_become_what_a_disk_would_say(void **state)
{
    static const struct {
        int errnum;
        spd_operation operation;
        struct answer answer;
    } rows[] = {
        { 0, SPD_READ, { 0 } },
        { EIO, SPD_READ, { 2, 3, 0x11, 0, 1 } },
        { EIO, SPD_WRITE, { 2, 3, 0x0c, 0, 1 } },
        { EIO, SPD_FLUSH, { 2, 3, 0x0c, 0, 1 } },
        { EBADMSG, SPD_READ, { 2, 3, 0x11, 0, 1 } },
        { EILSEQ, SPD_READ, { 2, 3, 0x11, 0, 1 } },
        { ENODATA, SPD_READ, { 2, 3, 0x11, 0, 1 } },
        { EUCLEAN, SPD_UNMAP, { 2, 3, 0x0c, 0, 1 } },
        { ENOSPC, SPD_WRITE, { 2, 7, 0x27, 7, 0 } },
        { EDQUOT, SPD_WRITE, { 2, 7, 0x27, 7, 0 } },
        { EFBIG, SPD_WRITE, { 2, 7, 0x27, 7, 0 } },
        { EROFS, SPD_WRITE, { 2, 7, 0x27, 0, 0 } },
        { EPERM, SPD_WRITE, { 2, 7, 0x27, 0, 0 } },
        { EACCES, SPD_UNMAP, { 2, 7, 0x27, 0, 0 } },
        { EPERM, SPD_READ, { 2, 2, 0x04, 3, 0 } },
        { EACCES, SPD_READ, { 2, 2, 0x04, 3, 0 } },
        { ENOENT, SPD_READ, { 2, 2, 0x04, 3, 0 } },
        { ENODEV, SPD_WRITE, { 2, 2, 0x04, 3, 0 } },
        { ENXIO, SPD_READ, { 2, 2, 0x04, 3, 0 } },
        { ENOMEDIUM, SPD_READ, { 2, 2, 0x04, 3, 0 } },
        { ESTALE, SPD_FLUSH, { 2, 2, 0x04, 3, 0 } },
        { EBADF, SPD_READ, { 2, 4, 0x44, 0, 0 } },
        { EINVAL, SPD_FLUSH, { 2, 4, 0x44, 0, 0 } },
        { EREMOTEIO, SPD_READ, { 2, 4, 0x44, 0, 0 } },
        { 4000, SPD_WRITE, { 2, 4, 0x44, 0, 0 } },
        { -ENOSPC, SPD_WRITE, { 2, 7, 0x27, 7, 0 } }, /* as of a function of the kernel's kind */
        { -70000, SPD_READ, { 2, 4, 0x44, 0, 0 } },
        { INT_MIN, SPD_READ, { 2, 4, 0x44, 0, 0 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_answer(rows[i].errnum, rows[i].operation, rows[i].answer);
}

/* A medium error would be for good: initiators do not try again, and file systems remember it. */
/* A flush does not pass: a second one that succeeds would hide what the first has lost. */
static void what_may_pass_is_busy_but_for_a_flush(void **state)
{
    static const int transient[] = { ETIMEDOUT, ETIME, ECONNREFUSED, ECONNRESET, ECONNABORTED,
        ENOTCONN, ESHUTDOWN, EPIPE, ENETDOWN, ENETUNREACH, ENETRESET, EHOSTDOWN, EHOSTUNREACH,
        ENOLINK, EPROTO, EINPROGRESS, EALREADY, EAGAIN, EWOULDBLOCK, EBUSY, ENOMEM, ENOBUFS, EMFILE,
        ENFILE, ENOLCK, EDEADLK, EADDRINUSE, EADDRNOTAVAIL, EINTR, ECANCELED };
    static const struct answer busy = { .status = 8 }, lost = { 2, 3, 0x0c, 0, 1 };
    spd_status status;

    (void)state;
    for (size_t i = 0; i < sizeof transient / sizeof transient[0]; i++)
        for (int operation = SPD_READ; operation <= SPD_UNMAP; operation++)
            expect_answer(transient[i], (spd_operation)operation,
                operation == SPD_FLUSH ? lost : busy);
    memset(&status, 0xff, sizeof status);
    spd_status_set_busy(&status);
    assert_memory_equal(&status, (&(spd_status){ .scsi_status = 8 }), sizeof status);
}

/* Scripts know the original's spelling, and a value of no name prints, too. */
static void a_status_and_a_sense_key_have_names(void **state)
{
    (void)state;
    assert_string_equal("GOOD", spd_scsi_status_name(SPD_STATUS_GOOD));
    assert_string_equal("TASK_SET_FULL", spd_scsi_status_name(SPD_STATUS_TASK_SET_FULL));
    assert_string_equal("TASK_ABORTED", spd_scsi_status_name(0x40));
    assert_string_equal("UNKNOWN", spd_scsi_status_name(0x01));
    assert_string_equal("UNKNOWN", spd_scsi_status_name(0xff));
    assert_string_equal("NO_SENSE", spd_sense_key_name(SPD_SENSE_NO_SENSE));
    assert_string_equal("MEDIUM_ERROR", spd_sense_key_name(SPD_SENSE_MEDIUM_ERROR));
    assert_string_equal("UNKNOWN", spd_sense_key_name(0x0c));
    assert_string_equal("VOL_OVERFLOW", spd_sense_key_name(SPD_SENSE_VOLUME_OVERFLOW));
    assert_string_equal("COMPLETED", spd_sense_key_name(SPD_SENSE_COMPLETED));
    assert_string_equal("UNKNOWN", spd_sense_key_name(0x10));
}

/* SPC-4 annex F.2 and SAM-5 5.3.1 */
static void names_of_sense_are_two_arguments(void **state)
{
    const uint64_t lba = 3;
    spd_status status;

    (void)state;
    spd_status_set(
        &status, SPD_SENSE_DATA_PROTECT, SPD_ASC_SPACE_ALLOCATION_FAILED_WRITE_PROTECT, &lba);
    assert_int_equal(status.scsi_status, SPD_STATUS_CHECK_CONDITION);
    assert_int_equal(status.sense_key, 7);
    assert_int_equal(status.asc, 0x27);
    assert_int_equal(status.ascq, 7);
    assert_int_equal(status.information, 3);
    status = (spd_status){ SPD_STATUS_CHECK_CONDITION, SPD_SENSE_MEDIUM_ERROR, SPD_ASC_WRITE_ERROR,
        .information = 9 };
    assert_int_equal(status.asc, 0x0c);
    assert_int_equal(status.information, 9);
}

static void a_guid_is_parsed_and_printed(void **state)
{
    static const char text[] = "00112233-4455-6677-8899-aabbccddeeff";
    uint8_t guid[16];
    char printed[37];

    (void)state;
    assert_int_equal(spd_guid_parse("00112233-4455-6677-8899-AABBccddeeff", guid), 0);
    for (int i = 0; i < 16; i++)
        assert_int_equal(guid[i], i * 0x11);
    spd_guid_format(guid, printed);
    assert_string_equal(printed, text);
}

static void text_that_is_no_guid_is_refused_and_changes_nothing(void **state)
{
    static const char *const bad[] = { "", "00112233-4455-6677-8899-aabbccddeef",
        "00112233-4455-6677-8899-aabbccddeefff", "0011223344556677-8899-aabbccddeeff--",
        "00112233-4455-6677-8899-aabbccddeefg", "{0112233-4455-6677-8899-aabbccddeef}" };
    uint8_t guid[16] = { 1 };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(spd_guid_parse(bad[i], guid), SPD_ERROR_TEXT);
        assert_int_equal(guid[0], 1);
    }
}

/* Computed once, outside, as uuid5 of our name space: it must never change, since disks have it. */
static void the_guid_of_a_name_is_what_it_always_was(void **state)
{
    uint8_t guid[16];
    char text[37];

    (void)state;
    spd_guid_from_name("disk", guid);
    spd_guid_format(guid, text);
    assert_string_equal(text, "15c2a14a-ea54-5417-88a0-5b57af8d4b7e");
}

static const uint8_t some_guid[16] = { 1, 2, 3, 4 };

/* The original's example, with the end one block earlier, where it belongs. */
static void a_partition_table_has_the_known_bytes(void **state)
{
    static const spd_partition partition = { .type = 7, .lba = 8, .blocks = 1048568 };
    static const uint8_t start[] = { 0xcd, 0x18, 0xf4, 0xeb, 0xfd, 0 };
    static const uint8_t entry[16] = { 0x00, 0x00, 0x09, 0x00, 0x07, 0x45, 0x04, 0x41, 8, 0, 0, 0,
        0xf8, 0xff, 0x0f, 0x00 };
    uint8_t buffer[512];

    (void)state;
    memset(buffer, 0xee, sizeof buffer);
    assert_int_equal(spd_define_partition_table(&partition, 1, some_guid, buffer), 0);
    assert_memory_equal(buffer, start, sizeof start);
    assert_memory_equal(buffer + 440, "\x02\x76\x57\xe7\0\0", 6); /* sha256sum, backwards */
    assert_memory_equal(buffer + 446, entry, sizeof entry);
    for (int i = 462; i < 510; i++)
        assert_int_equal(buffer[i], 0);
    assert_int_equal(buffer[510], 0x55);
    assert_int_equal(buffer[511], 0xaa);
}

static void an_address_beyond_chs_is_clipped(void **state)
{
    static const spd_partition partition = {
        .type = 0x83, .active = 0x80, .lba = 2048, .blocks = UINT64_C(0xffffffff) - 2047
    };
    uint8_t buffer[512];

    (void)state;
    assert_int_equal(spd_define_partition_table(&partition, 1, some_guid, buffer), 0);
    assert_int_equal(buffer[446], 0x80);
    assert_memory_equal(buffer + 451, "\xfe\xff\xff", 3);
}

/* GUIDs of one byte, of which a folded signature would be that byte or nothing. */
static void each_guid_has_a_signature_of_its_own(void **state)
{
    static const spd_partition partition = { .type = 7, .lba = 8, .blocks = 8 };
    uint8_t signatures[256][4], guid[16], buffer[512];

    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        memset(guid, (int)i, sizeof guid);
        assert_int_equal(spd_define_partition_table(&partition, 1, guid, buffer), 0);
        memcpy(signatures[i], buffer + 440, 4);
        assert_memory_not_equal(signatures[i], "\0\0\0\0", 4);
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(signatures[i], signatures[j], 4);
    }
}

static void bad_partitions_are_refused_and_the_buffer_is_left_alone(void **state)
{
    static const struct {
        spd_partition partition[5];
        uint32_t count;
    } bad[] = {
        { .count = 0 },
        { { { 7, 0, 1, 1 }, { 7, 0, 2, 1 }, { 7, 0, 3, 1 }, { 7, 0, 4, 1 }, { 7, 0, 5, 1 } }, 5 },
        { { { 0, 0, 8, 8 } }, 1 },
        { { { 7, 1, 8, 8 } }, 1 },
        { { { 7, 0, 0, 8 } }, 1 },
        { { { 7, 0, 8, 0 } }, 1 },
        { { { 7, 0, 8, UINT64_C(1) << 32 } }, 1 },
        { { { 7, 0, UINT64_C(1) << 32, 1 } }, 1 },
        { { { 7, 0, UINT64_MAX, 2 } }, 1 },
        { { { 7, 0, 8, UINT64_MAX - 4 } }, 1 },
        { { { 7, 0, 8, 8 }, { 7, 0, 15, 1 } }, 2 },
        { { { 7, 0, 15, 1 }, { 7, 0, 8, 8 } }, 2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t buffer[512] = { 0xee };

        assert_int_equal(
            spd_define_partition_table(bad[i].partition, bad[i].count, some_guid, buffer),
            SPD_ERROR_PARTITION);
        assert_int_equal(buffer[0], 0xee);
    }
}

static void neighbouring_partitions_do_not_overlap(void **state)
{
    static const spd_partition partitions[] = { { 7, 0, 16, 8 }, { 7, 0, 8, 8 } };
    uint8_t buffer[512];

    (void)state;
    assert_int_equal(spd_define_partition_table(partitions, 2, some_guid, buffer), 0);
}

static void a_long_detail_is_cut_not_overrun(void **state)
{
    char text[2000];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    errno = 7;
    assert_int_equal(spd_fail(SPD_ERROR_URI, "%s", text), SPD_ERROR_URI);
    assert_int_equal(strlen(spd_error_detail()), 511);
    assert_int_equal(errno, 7);
}

static void a_pool_gives_no_more_than_its_limit_and_takes_back(void **state)
{
    struct spd_pool pool;
    void *buffers[6];

    (void)state;
    spd_pool_init(&pool, 8192, 6);
    for (int i = 0; i < 6; i++) {
        buffers[i] = spd_pool_take(&pool);
        assert_non_null(buffers[i]);
        memset(buffers[i], i, 8192);
    }
    assert_null(spd_pool_take(&pool));
    for (int i = 0; i < 6; i++)
        spd_pool_give(&pool, buffers[i]);
    assert_non_null(buffers[0] = spd_pool_take(&pool));
    spd_pool_give(&pool, buffers[0]);
    spd_pool_destroy(&pool);
}

/* Pieces of all lengths from 0 on, one after the other in a memory that knows each byte. */
enum { PIECES = 6, PIECES_LENGTH = 0 + 1 + 2 + 3 + 4 + 5 };

static void cut_pieces(unsigned char memory[PIECES_LENGTH], spd_vec pieces[PIECES])
{
    for (size_t i = 0, at = 0; i < PIECES; at += i++)
        pieces[i] = (spd_vec){ memory + at, i };
}

/* Each offset and length, also beyond the pieces; bytes beside the copied ones stay. */
static void scattered_data_is_copied_within_its_pieces(void **state)
{
    unsigned char scattered[PIECES_LENGTH], buffer[2 * PIECES_LENGTH], expected[sizeof buffer];
    spd_vec pieces[PIECES];

    (void)state;
    cut_pieces(scattered, pieces);
    for (size_t offset = 0; offset < PIECES_LENGTH + 3; offset++)
        for (size_t length = 0; length < sizeof buffer; length++) {
            size_t left = offset < PIECES_LENGTH ? PIECES_LENGTH - offset : 0;
            size_t part = length < left ? length : left;

            for (size_t i = 0; i < sizeof buffer; i++)
                buffer[i] = (unsigned char)(100 + i);
            memset(scattered, 7, sizeof scattered);
            memset(expected, 7, sizeof expected);
            memcpy(expected + offset, buffer, part);
            assert_int_equal(spd_vec_put(pieces, PIECES, offset, buffer, length), part);
            assert_memory_equal(scattered, expected, sizeof scattered);

            memset(buffer, 9, sizeof buffer);
            assert_int_equal(spd_vec_get(pieces, PIECES, offset, buffer, length), part);
            assert_memory_equal(buffer, scattered + (part ? offset : 0), part);
            for (size_t i = part; i < sizeof buffer; i++)
                assert_int_equal(buffer[i], 9);

            memset(expected + offset, 0, part);
            assert_int_equal(spd_vec_put(pieces, PIECES, offset, NULL, length), part);
            assert_memory_equal(scattered, expected, sizeof scattered);
        }
    assert_int_equal(spd_vec_put(NULL, 0, 0, buffer, 1), 0);
    assert_int_equal(spd_vec_get(NULL, 0, 0, buffer, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_number_and_a_text_of_its_own),
        cmocka_unit_test(setting_a_status_leaves_nothing_of_the_old_one),
        cmocka_unit_test(errno_values_become_what_a_disk_would_say),
        cmocka_unit_test(what_may_pass_is_busy_but_for_a_flush),
        cmocka_unit_test(a_status_and_a_sense_key_have_names),
        cmocka_unit_test(names_of_sense_are_two_arguments),
        cmocka_unit_test(a_guid_is_parsed_and_printed),
        cmocka_unit_test(text_that_is_no_guid_is_refused_and_changes_nothing),
        cmocka_unit_test(the_guid_of_a_name_is_what_it_always_was),
        cmocka_unit_test(a_partition_table_has_the_known_bytes),
        cmocka_unit_test(an_address_beyond_chs_is_clipped),
        cmocka_unit_test(each_guid_has_a_signature_of_its_own),
        cmocka_unit_test(bad_partitions_are_refused_and_the_buffer_is_left_alone),
        cmocka_unit_test(neighbouring_partitions_do_not_overlap),
        cmocka_unit_test(a_long_detail_is_cut_not_overrun),
        cmocka_unit_test(scattered_data_is_copied_within_its_pieces),
        cmocka_unit_test(a_pool_gives_no_more_than_its_limit_and_takes_back),
    };

    return cmocka_run_group_tests_name("helpers", tests, NULL, NULL);
}
