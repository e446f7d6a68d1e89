/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* SHA-256 against the examples that NIST publishes for FIPS 180-4, and lengths around a block. */

#include "scsi/sha256.h"
#include "test.h"

static void assert_digest(const char *message, size_t length, const char *expected)
{
    uint8_t digest[SCSI_SHA256_LENGTH];
    char text[2 * SCSI_SHA256_LENGTH + 1];

    scsi_sha256(message, length, digest);
    for (unsigned i = 0; i < SCSI_SHA256_LENGTH; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(text, expected);
}

static void the_examples_of_the_standard_come_out(void **state)
{
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    static const char long_end[] =
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
        "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";

    (void)state;
    assert_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest(two_blocks, sizeof two_blocks - 1,
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_digest(long_end, sizeof long_end - 1,
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
}

static void a_million_bytes_come_out(void **state)
{
    enum { MILLION = 1000000 };
    char *message = malloc(MILLION);

    (void)state;
    assert_non_null(message);
    memset(message, 'a', MILLION);
    assert_digest(message, MILLION,
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(message);
}

static void lengths_around_the_padding_come_out(void **state)
{
    static const char a[65] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    (void)state;
    assert_digest(a, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
    assert_digest(a, 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
    assert_digest(a, 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34");
    assert_digest(a, 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_standard_come_out),
        cmocka_unit_test(a_million_bytes_come_out),
        cmocka_unit_test(lengths_around_the_padding_come_out),
    };

    return cmocka_run_group_tests_name("sha256", tests, NULL, NULL);
}
