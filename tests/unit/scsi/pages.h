/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The fields of INQUIRY, VPD and mode pages, as the standards have them: for golden files. */

#ifndef TESTS_SCSI_PAGES_H
#define TESTS_SCSI_PAGES_H

#include "golden.h"

/* A page, and the golden file that it is compared with. */
struct page {
    const char *name;
    uint8_t code;
    uint8_t subpage;
    const struct field *fields;
    size_t count;
};
#define FIELDS(fields) (fields), sizeof(fields) / sizeof((fields)[0])

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

/* The header of every VPD page. */
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

static const struct field mode_header_6[] = {
    BYTES(0, 1, "MODE DATA LENGTH"),
    BYTES(1, 1, "MEDIUM TYPE"),
    BITS(2, 7, 1, "WP"),
    BITS(2, 4, 1, "DPOFUA"),
    BYTES(3, 1, "BLOCK DESCRIPTOR LENGTH"),
};
static const struct field mode_header_10[] = {
    BYTES(0, 2, "MODE DATA LENGTH"),
    BYTES(2, 1, "MEDIUM TYPE"),
    BITS(3, 7, 1, "WP"),
    BITS(3, 4, 1, "DPOFUA"),
    BITS(4, 0, 1, "LONGLBA"),
    BYTES(6, 2, "BLOCK DESCRIPTOR LENGTH"),
};

/* All of VPD page 83h, `length` bytes. */
static inline void golden_designators(FILE *text, const uint8_t *page, uint64_t length)
{
    golden_fields(text, page, 4, (const struct field[]){ VPD_HEADER }, 4);
    for (uint64_t at = 4; at < length; at += 4 + page[at + 3]) {
        fprintf(text, "\ndesignation descriptor at byte %u\n", (unsigned)at);
        golden_fields(text, page + at, 4, designator_fields,
            sizeof designator_fields / sizeof designator_fields[0]);
        golden_fields(text, page + at + 4, page[at + 3],
            (const struct field[]){ { 0, 7, page[at + 3] * 8, "DESIGNATOR" } }, 1);
    }
}

#endif
