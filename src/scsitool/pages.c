/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "scsitool/pages.h"

/* SPC-4 7.8.1: the begin of every VPD page. */
#define VPD_HEADER \
    { "PERIPHERAL QUALIFIER", 0, 7, 3 }, \
    { "PERIPHERAL DEVICE TYPE", 0, 4, 5 }, \
    { "PAGE CODE", 1, 7, 8 }, \
    { "PAGE LENGTH", 2, 7, 16, FIELD_LENGTH }

/* Pages of a list or of text: their decoders go on behind the header. */
static const struct field vpd_header[] = { VPD_HEADER };

/* SPC-4 7.8.7, with what SPC-5 added */
static const struct field extended_inquiry[] = {
    VPD_HEADER,
    { "ACTIVATE_MICROCODE", 4, 7, 2 },
    { "SPT", 4, 5, 3 },
    { "GRD_CHK", 4, 2, 1 },
    { "APP_CHK", 4, 1, 1 },
    { "REF_CHK", 4, 0, 1 },
    { "UASK_SUP", 5, 5, 1 },
    { "GROUP_SUP", 5, 4, 1 },
    { "PRIOR_SUP", 5, 3, 1 },
    { "HEADSUP", 5, 2, 1 },
    { "ORDSUP", 5, 1, 1 },
    { "SIMPSUP", 5, 0, 1 },
    { "WU_SUP", 6, 3, 1 },
    { "CRD_SUP", 6, 2, 1 },
    { "NV_SUP", 6, 1, 1 },
    { "V_SUP", 6, 0, 1 },
    { "NO_PI_CHK", 7, 5, 1 },
    { "P_I_I_SUP", 7, 4, 1 },
    { "LUICLR", 7, 0, 1 },
    { "R_SUP", 8, 4, 1 },
    { "HSSRELEF", 8, 1, 1 },
    { "CBCS", 8, 0, 1 },
    { "MULTI I_T NEXUS MICROCODE DOWNLOAD", 9, 3, 4 },
    { "EXTENDED SELF-TEST COMPLETION MINUTES", 10, 7, 16 },
    { "POA_SUP", 12, 7, 1 },
    { "HRA_SUP", 12, 6, 1 },
    { "VSA_SUP", 12, 5, 1 },
    { "MAXIMUM SUPPORTED SENSE DATA LENGTH", 13, 7, 8 },
};

/* SBC-3 6.6.3, with what SBC-4 added */
static const struct field block_limits[] = {
    VPD_HEADER,
    { "WSNZ", 4, 0, 1 },
    { "MAXIMUM COMPARE AND WRITE LENGTH", 5, 7, 8 },
    { "OPTIMAL TRANSFER LENGTH GRANULARITY", 6, 7, 16 },
    { "MAXIMUM TRANSFER LENGTH", 8, 7, 32 },
    { "OPTIMAL TRANSFER LENGTH", 12, 7, 32 },
    { "MAXIMUM PREFETCH LENGTH", 16, 7, 32 },
    { "MAXIMUM UNMAP LBA COUNT", 20, 7, 32 },
    { "MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT", 24, 7, 32 },
    { "OPTIMAL UNMAP GRANULARITY", 28, 7, 32 },
    { "UGAVALID", 32, 7, 1 },
    { "UNMAP GRANULARITY ALIGNMENT", 32, 6, 31 },
    { "MAXIMUM WRITE SAME LENGTH", 36, 7, 64 },
    { "MAXIMUM ATOMIC TRANSFER LENGTH", 44, 7, 32 },
    { "ATOMIC ALIGNMENT", 48, 7, 32 },
    { "ATOMIC TRANSFER LENGTH GRANULARITY", 52, 7, 32 },
    { "MAXIMUM ATOMIC TRANSFER LENGTH WITH ATOMIC BOUNDARY", 56, 7, 32 },
    { "MAXIMUM ATOMIC BOUNDARY SIZE", 60, 7, 32 },
};

/* SBC-3 6.6.2, with what SBC-4 added */
static const struct field block_device_characteristics[] = {
    VPD_HEADER,
    { "MEDIUM ROTATION RATE", 4, 7, 16 },
    { "PRODUCT TYPE", 6, 7, 8 },
    { "WABEREQ", 7, 7, 2 },
    { "WACEREQ", 7, 5, 2 },
    { "NOMINAL FORM FACTOR", 7, 3, 4 },
    { "ZONED", 8, 5, 2 },
    { "RBWZ", 8, 3, 1 },
    { "BOCS", 8, 2, 1 },
    { "FUAB", 8, 1, 1 },
    { "VBULS", 8, 0, 1 },
    { "DEPOPULATION TIME", 12, 7, 32 },
};

/* SBC-3 6.6.4; LBPRZ has three bits since SBC-4 */
static const struct field logical_block_provisioning[] = {
    VPD_HEADER,
    { "THRESHOLD EXPONENT", 4, 7, 8 },
    { "LBPU", 5, 7, 1 },
    { "LBPWS", 5, 6, 1 },
    { "LBPWS10", 5, 5, 1 },
    { "LBPRZ", 5, 4, 3 },
    { "ANC_SUP", 5, 1, 1 },
    { "DP", 5, 0, 1 },
    { "MINIMUM PERCENTAGE", 6, 7, 5 },
    { "PROVISIONING TYPE", 6, 2, 3 },
    { "THRESHOLD PERCENTAGE", 7, 7, 8 },
};

static const struct page vpd_pages[] = {
    { 0x00, FIELDS(vpd_header) },
    { 0x80, FIELDS(vpd_header) },
    { 0x83, FIELDS(vpd_header) },
    { 0x86, FIELDS(extended_inquiry) },
    { 0xb0, FIELDS(block_limits) },
    { 0xb1, FIELDS(block_device_characteristics) },
    { 0xb2, FIELDS(logical_block_provisioning) },
};

/* SPC-4 7.5: the begin of a mode page of page_0 format. */
#define MODE_HEADER \
    { "PS", 0, 7, 1 }, \
    { "SPF", 0, 6, 1 }, \
    { "PAGE CODE", 0, 5, 6 }, \
    { "PAGE LENGTH", 1, 7, 8, FIELD_LENGTH }

/* SBC-3 6.5: Read-Write Error Recovery */
static const struct field read_write_error_recovery[] = {
    MODE_HEADER,
    { "AWRE", 2, 7, 1 },
    { "ARRE", 2, 6, 1 },
    { "TB", 2, 5, 1 },
    { "RC", 2, 4, 1 },
    { "EER", 2, 3, 1 },
    { "PER", 2, 2, 1 },
    { "DTE", 2, 1, 1 },
    { "DCR", 2, 0, 1 },
    { "READ RETRY COUNT", 3, 7, 8 },
    { "LBPERE", 7, 7, 1 },
    { "WRITE RETRY COUNT", 8, 7, 8 },
    { "RECOVERY TIME LIMIT", 10, 7, 16 },
};

/* SBC-3 6.5.5 */
static const struct field caching[] = {
    MODE_HEADER,
    { "IC", 2, 7, 1 },
    { "ABPF", 2, 6, 1 },
    { "CAP", 2, 5, 1 },
    { "DISC", 2, 4, 1 },
    { "SIZE", 2, 3, 1 },
    { "WCE", 2, 2, 1 },
    { "MF", 2, 1, 1 },
    { "RCD", 2, 0, 1 },
    { "DEMAND READ RETENTION PRIORITY", 3, 7, 4 },
    { "WRITE RETENTION PRIORITY", 3, 3, 4 },
    { "DISABLE PRE-FETCH TRANSFER LENGTH", 4, 7, 16 },
    { "MINIMUM PRE-FETCH", 6, 7, 16 },
    { "MAXIMUM PRE-FETCH", 8, 7, 16 },
    { "MAXIMUM PRE-FETCH CEILING", 10, 7, 16 },
    { "FSW", 12, 7, 1 },
    { "LBCSS", 12, 6, 1 },
    { "DRA", 12, 5, 1 },
    { "VENDOR SPECIFIC", 12, 4, 2 },
    { "SYNC_PROG", 12, 2, 2 },
    { "NV_DIS", 12, 0, 1 },
    { "NUMBER OF CACHE SEGMENTS", 13, 7, 8 },
    { "CACHE SEGMENT SIZE", 14, 7, 16 },
};

/* SPC-4 7.5.8 */
static const struct field control[] = {
    MODE_HEADER,
    { "TST", 2, 7, 3 },
    { "TMF_ONLY", 2, 4, 1 },
    { "DPICZ", 2, 3, 1 },
    { "D_SENSE", 2, 2, 1 },
    { "GLTSD", 2, 1, 1 },
    { "RLEC", 2, 0, 1 },
    { "QUEUE ALGORITHM MODIFIER", 3, 7, 4 },
    { "NUAR", 3, 3, 1 },
    { "QERR", 3, 2, 2 },
    { "VS", 4, 7, 1 },
    { "RAC", 4, 6, 1 },
    { "UA_INTLCK_CTRL", 4, 5, 2 },
    { "SWP", 4, 3, 1 },
    { "ATO", 5, 7, 1 },
    { "TAS", 5, 6, 1 },
    { "ATMPE", 5, 5, 1 },
    { "RWWP", 5, 4, 1 },
    { "AUTOLOAD MODE", 5, 2, 3 },
    { "BUSY TIMEOUT PERIOD", 8, 7, 16 },
    { "EXTENDED SELF-TEST COMPLETION TIME", 10, 7, 16 },
};

/* SBC-3 6.5: Informational Exceptions Control */
static const struct field informational_exceptions[] = {
    MODE_HEADER,
    { "PERF", 2, 7, 1 },
    { "EBF", 2, 5, 1 },
    { "EWASC", 2, 4, 1 },
    { "DEXCPT", 2, 3, 1 },
    { "TEST", 2, 2, 1 },
    { "EBACKERR", 2, 1, 1 },
    { "LOGERR", 2, 0, 1 },
    { "MRIE", 3, 3, 4 },
    { "INTERVAL TIMER", 4, 7, 32 },
    { "REPORT COUNT", 8, 7, 32 },
};

static const struct page mode_pages[] = {
    { 0x01, FIELDS(read_write_error_recovery) },
    { 0x08, FIELDS(caching) },
    { 0x0a, FIELDS(control) },
    { 0x1c, FIELDS(informational_exceptions) },
};

static const struct fields *find(const struct page *pages, size_t count, uint8_t code)
{
    for (size_t i = 0; i < count; i++) {
        if (pages[i].code == code)
            return &pages[i].fields;
    }
    return NULL;
}

const struct fields *pages_vpd(uint8_t code)
{
    return find(vpd_pages, sizeof vpd_pages / sizeof vpd_pages[0], code);
}

const struct fields *pages_mode(uint8_t code)
{
    return find(mode_pages, sizeof mode_pages / sizeof mode_pages[0], code);
}
