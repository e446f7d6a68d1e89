/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Units come and go: provision, unprovision, list. */

#include "client.h"

static void provision_and_unprovision(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);

    CHECK_EQUAL(provision_good(&params), BTL(0));
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void bad_parameters_are_refused(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = { 0 };
    UINT32 btl;

    CHECK_EQUAL(provision(&params, &btl), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(btl, NO_BTL);
    params.Guid = guid_a;
    CHECK_EQUAL(provision(&params, &btl), ERROR_INVALID_PARAMETER);
    params = small_unit(&guid_a);
    params.MaxTransferLength = 513;
    CHECK_EQUAL(provision(&params, &btl), ERROR_INVALID_PARAMETER);
    params = small_unit(&guid_a);
    params.MaxTransferLength = 0;
    CHECK_EQUAL(provision(&params, &btl), ERROR_INVALID_PARAMETER);
    params = small_unit(&guid_a);
    params.DeviceType = 5;
    CHECK_EQUAL(provision(&params, &btl), ERROR_INVALID_PARAMETER);
    params = small_unit(&guid_a);
    params.BlockLength = 8;
    CHECK_EQUAL(provision(&params, &btl), ERROR_INVALID_PARAMETER);
    params = small_unit(&guid_a);
    params.BlockCount = 0;
    CHECK_EQUAL(provision(&params, &btl), ERROR_INVALID_PARAMETER);
    params = small_unit(&guid_a);
    params.Reserved[7] = 1;
    CHECK_EQUAL(provision(&params, &btl), ERROR_INVALID_PARAMETER);
    params = small_unit(&guid_a);
    CHECK_EQUAL(provision_good(&params), BTL(0));
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

static void a_guid_is_there_once(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS a = small_unit(&guid_a), b = small_unit(&guid_b);
    UINT32 btl;

    CHECK_EQUAL(provision_good(&a), BTL(0));
    CHECK_EQUAL(provision(&a, &btl), ERROR_ALREADY_EXISTS);
    CHECK_EQUAL(btl, NO_BTL);
    CHECK_EQUAL(provision_good(&b), BTL(1));
    CHECK_EQUAL(unprovision(&guid_a), 0);
    CHECK_EQUAL(unprovision(&guid_b), 0);
    CHECK_EQUAL(unprovision(&guid_a), ERROR_FILE_NOT_FOUND);
}

static void a_free_target_is_used_again(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS a = small_unit(&guid_a), b = small_unit(&guid_b);

    CHECK_EQUAL(provision_good(&a), BTL(0));
    CHECK_EQUAL(provision_good(&b), BTL(1));
    CHECK_EQUAL(unprovision(&guid_a), 0);
    CHECK_EQUAL(provision_good(&a), BTL(0));
    CHECK_EQUAL(unprovision(&guid_a), 0);
    CHECK_EQUAL(unprovision(&guid_b), 0);
}

static void as_many_units_as_targets(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    UINT32 btl;
    unsigned i;

    for (i = 0; i < SPD_IOCTL_STORAGE_UNIT_CAPACITY; i++) {
        params.Guid.Data1 = guid_a.Data1 + i;
        CHECK_EQUAL(provision_good(&params), BTL(i));
    }
    params.Guid = guid_b;
    CHECK_EQUAL(provision(&params, &btl), ERROR_CANNOT_MAKE);
    CHECK_EQUAL(btl, NO_BTL);
    /* A duplicate is reported even without room. */
    params.Guid = guid_a;
    CHECK_EQUAL(provision(&params, &btl), ERROR_ALREADY_EXISTS);
    for (i = 0; i < SPD_IOCTL_STORAGE_UNIT_CAPACITY; i++) {
        params.Guid.Data1 = guid_a.Data1 + i;
        CHECK_EQUAL(unprovision(&params.Guid), 0);
    }
}

static void units_are_listed(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS a = small_unit(&guid_a), b = small_unit(&guid_b);
    UINT32 list[16];
    DWORD bytes;

    CHECK_EQUAL(list_units(NULL, 0, &bytes), 0);
    provision_good(&a);
    provision_good(&b);
    CHECK_EQUAL(list_units(list, 4, &bytes), ERROR_INSUFFICIENT_BUFFER);
    CHECK_EQUAL(list_units(list, sizeof list, &bytes), 0);
    CHECK_EQUAL(bytes, 8);
    CHECK_EQUAL(list[0], BTL(0));
    CHECK_EQUAL(list[1], BTL(1));
    CHECK_EQUAL(unprovision(&guid_a), 0);
    CHECK_EQUAL(unprovision(&guid_b), 0);
    CHECK_EQUAL(list_units(list, sizeof list, &bytes), 0);
    CHECK_EQUAL(bytes, 0);
}

static void closing_a_handle_changes_nothing(void)
{
    SPD_IOCTL_STORAGE_UNIT_PARAMS params = small_unit(&guid_a);
    HANDLE second = open_adapter();
    UINT32 list[4];
    DWORD bytes;

    CHECK(second != INVALID_HANDLE_VALUE);
    provision_good(&params);
    CHECK(CloseHandle(second));
    CHECK_EQUAL(list_units(list, sizeof list, &bytes), 0);
    CHECK_EQUAL(bytes, 4);
    CHECK_EQUAL(unprovision(&guid_a), 0);
}

/* The common checks of every code: lengths, Size, Code. */
static void malformed_blocks_are_refused(void)
{
    static const UINT16 codes[] = { SPD_IOCTL_PROVISION, SPD_IOCTL_UNPROVISION, SPD_IOCTL_TRANSACT,
        SPD_IOCTL_SET_TRANSACT_PID };
    UCHAR buffer[256] = { 0 }, out[256];
    SPD_IOCTL_BASE_PARAMS *base = (SPD_IOCTL_BASE_PARAMS *)buffer;
    unsigned i;

    CHECK_EQUAL(service(adapter, NULL, 0, NULL, 0, NULL), ERROR_INVALID_PARAMETER);
    CHECK_EQUAL(service(adapter, buffer, 7, out, sizeof out, NULL), ERROR_INVALID_PARAMETER);
    base->Size = 8;
    base->Code = 'z';
    CHECK_EQUAL(service(adapter, buffer, 8, out, sizeof out, NULL), ERROR_INVALID_PARAMETER);
    for (i = 0; i < sizeof codes / sizeof *codes; i++) {
        base->Size = 8;
        base->Code = codes[i];
        CHECK_EQUAL(service(adapter, buffer, 8, out, sizeof out, NULL), ERROR_INVALID_PARAMETER);
        base->Size = sizeof buffer;
        CHECK_EQUAL(service(adapter, buffer, 15, out, sizeof out, NULL), ERROR_INVALID_PARAMETER);
    }
}

const struct test ioctl_tests[] = {
    { "provision and unprovision", provision_and_unprovision, "ioctl_provision_test" },
    { "bad parameters are refused", bad_parameters_are_refused, "ioctl_provision_invalid_test" },
    { "a GUID is there once", a_guid_is_there_once, "ioctl_provision_multi_test" },
    { "a free target is used again", a_free_target_is_used_again },
    { "as many units as targets", as_many_units_as_targets, "ioctl_provision_toomany_test" },
    { "units are listed", units_are_listed, "ioctl_list_test" },
    { "closing a handle changes nothing", closing_a_handle_changes_nothing },
    { "malformed blocks are refused", malformed_blocks_are_refused },
    { 0 }
};
