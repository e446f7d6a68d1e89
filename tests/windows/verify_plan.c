/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The plan. A program whose name begins with winspd- or devsetup- is of the package. */

#include "verify.h"

#define EVENTS "/c:200 /rd:true /f:text"
#define DRIVER "winspd-" ARCH ".sys"
/* The name in winspd-test.cer, which packaging/signer.py makes. */
#define SIGNER "\"WinSpd test certificate, for machines of testers alone\""

enum { VERIFIER_RESTARTS = 2 };

const struct step steps[] = {
    { "what system this is", "winspd-tests-" ARCH " --facts", FOR_REPORT, 2 },
    { "how Windows was started", "bcdedit /enum {current}", FOR_REPORT, 2 },
    { "what has to be so", NULL, MUST_WORK, 1, .act = check_system },

    { "trust the test certificate", "certutil -addstore -f Root winspd-test.cer", IF_INSTALLING, 2,
        "winspd-test.cer" },
    { "trust its publisher", "certutil -addstore -f TrustedPublisher winspd-test.cer",
        IF_INSTALLING, 2, "winspd-test.cer" },
    { "install by the package", "msiexec /i " PACKAGE " ADDLOCAL=core,developer /qn /norestart "
        "/l*v " PACKAGE_LOG, IF_INSTALLING | IF_PACKAGE | MUST_WORK, 20 },
    { "the log of the installation", NULL, IF_INSTALLING | IF_PACKAGE | FOR_REPORT, 1,
        .act = report_package_log },
    { "install the driver", "devsetup-" ARCH " add root\\winspd winspd.inf",
        IF_INSTALLING | UNLESS_PACKAGE | MUST_WORK, 10 },
    { "make the launcher's service", "sc create WinSpd.Launcher binPath= " LAUNCHER
        " start= demand", IF_INSTALLING | UNLESS_PACKAGE, 2 },
    { "what the package has installed", NULL, 0, 1, .act = check_installation },
    { "switch Driver Verifier on", "verifier /standard /driver " DRIVER,
        IF_VERIFIER | MUST_WORK | RESTARTS, 2, .also_good = VERIFIER_RESTARTS },
    { "what Driver Verifier checks", "verifier /query", IF_VERIFIER | FOR_REPORT, 2 },

    { "all tests", "winspd-tests-" ARCH " --tap --no-abort", 0, 120 },
#ifdef _WIN64
    { "the tests of 32-bit programs", "winspd-tests-x86 --tap --no-abort api:* dll:*",
        UNLESS_CHOSEN, 60 },
#endif
    { "sleep and resume", "winspd-tests-" ARCH " --tap --no-abort \"+power: a disk is there after "
        "the machine slept\"", IF_SLEEP | UNLESS_CHOSEN, 20 },
    { "what Driver Verifier found", "verifier /query", IF_VERIFIER | FOR_REPORT, 2 },

    { "events of the driver",
        "wevtutil qe System \"/q:*[System[Provider[@Name='WinSpd']]]\" " EVENTS, FOR_REPORT, 5 },
    { "events of programs",
        "wevtutil qe Application \"/q:*[System[Provider[@Name='WinSpd']]]\" " EVENTS, FOR_REPORT,
        5 },
    { "disk errors", "wevtutil qe System \"/q:*[System[Provider[@Name='disk']]]\" " EVENTS,
        FOR_REPORT, 5 },
    { "crashes of Windows", "wevtutil qe System \"/q:*[System[Provider[@Name="
        "'Microsoft-Windows-WER-SystemErrorReporting']]]\" " EVENTS, FOR_REPORT, 5 },
    { "dumps", NULL, FOR_REPORT, 1, .act = report_dumps },
    { "driver packages", "pnputil /enum-drivers", FOR_REPORT, 5 },
    { "the log of device installations", NULL, FOR_REPORT, 1, .act = report_setup_log },

    { "remove the package", "msiexec /x " PACKAGE " /qn /norestart /l*v " PACKAGE_LOG,
        IF_INSTALLING | IF_PACKAGE | AT_THE_END, 20 },
    { "the log of the removal", NULL, IF_INSTALLING | IF_PACKAGE | FOR_REPORT, 1,
        .act = report_package_log },
    { "stop the launcher's service", "sc stop WinSpd.Launcher",
        IF_INSTALLING | UNLESS_PACKAGE | FOR_REPORT, 2 },
    { "remove the launcher's service", "sc delete WinSpd.Launcher",
        IF_INSTALLING | UNLESS_PACKAGE | AT_THE_END, 2 },
    { "remove the driver", "devsetup-" ARCH " remove root\\winspd",
        IF_INSTALLING | UNLESS_PACKAGE | AT_THE_END, 10 },
    { "forget the test certificate", "certutil -delstore Root " SIGNER,
        IF_INSTALLING | AT_THE_END, 2, "winspd-test.cer" },
    { "forget its publisher", "certutil -delstore TrustedPublisher " SIGNER,
        IF_INSTALLING | AT_THE_END, 2, "winspd-test.cer" },
    { "switch Driver Verifier off", "verifier /reset", IF_VERIFIER | AT_THE_END, 2,
        .also_good = VERIFIER_RESTARTS },
    { "what is left", "winspd-tests-" ARCH " --facts", FOR_REPORT, 2 },
};

const unsigned step_count = sizeof steps / sizeof steps[0];
