/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* CRC32C as the library computes it here, and as it does on Windows, with the processor's
 * instruction and without. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../skip.h"
#include "os/os.h"

#define os_crc32c windows_crc32c
uint32_t windows_crc32c(uint32_t crc, const void *bytes, size_t length);
#include "os/windows/crc32c.c"
#undef os_crc32c

typedef uint32_t crc_function(uint32_t crc, const uint8_t *bytes, size_t length);

static uint32_t here(uint32_t crc, const uint8_t *bytes, size_t length)
{
    return os_crc32c(crc, bytes, length);
}

/* RFC 3720 B.4; an SCSI READ (10) Command PDU is the last. */
static void check_vectors(crc_function *crc)
{
    static const uint8_t pdu[48] = { 0x01, 0xc0, [16] = 0x14, [22] = 4, [27] = 0x14, [31] = 0x18,
        [32] = 0x28, [40] = 2 };
    uint8_t zeros[32] = { 0 }, ones[32], up[32], down[32];

    for (int i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = (uint8_t)i;
        down[i] = (uint8_t)(31 - i);
    }
    assert_int_equal(0x8a9136aa, ~crc(~0u, zeros, 32));
    assert_int_equal(0x62a8ab43, ~crc(~0u, ones, 32));
    assert_int_equal(0x46dd794e, ~crc(~0u, up, 32));
    assert_int_equal(0x113fdb5c, ~crc(~0u, down, 32));
    assert_int_equal(0xd9963a56, ~crc(~0u, pdu, 48));
}

static void this_systems_gives_the_rfcs_answers(void **state)
{
    (void)state;
    check_vectors(here);
}

static void the_table_gives_the_rfcs_answers(void **state)
{
    (void)state;
    check_vectors(by_table);
}

static void the_instruction_gives_the_rfcs_answers(void **state)
{
    (void)state;
    if (!__builtin_cpu_supports("sse4.2"))
        SKIP_BECAUSE("this processor has no CRC32C instruction");
    check_vectors(by_instruction);
}

static void all_agree_on_every_length_and_alignment(void **state)
{
    uint8_t bytes[80];
    bool fast = __builtin_cpu_supports("sse4.2");

    (void)state;
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 167 + 13);
    for (unsigned from = 0; from < 9; from++)
        for (unsigned length = 0; from + length <= sizeof bytes; length++) {
            uint32_t wanted = os_crc32c(0x12345678, bytes + from, length);

            assert_int_equal(wanted, by_table(0x12345678, bytes + from, length));
            assert_int_equal(wanted, windows_crc32c(0x12345678, bytes + from, length));
            if (fast)
                assert_int_equal(wanted, by_instruction(0x12345678, bytes + from, length));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_systems_gives_the_rfcs_answers),
        cmocka_unit_test(the_table_gives_the_rfcs_answers),
        cmocka_unit_test(the_instruction_gives_the_rfcs_answers),
        cmocka_unit_test(all_agree_on_every_length_and_alignment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
