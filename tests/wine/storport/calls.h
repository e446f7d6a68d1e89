/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The double's own calls that a kernel allows at PASSIVE_LEVEL alone: the judge looks at each, as
 * it looks at the miniport's. Wine has no IRQL, but the judge knows where the miniport's routines
 * run.
 */

#ifndef STORPORT_CALLS_H
#define STORPORT_CALLS_H

void judge_own_call(const char *call);
void judge_own_deletion(void);

#define OWN_CALL(Name, ...) (judge_own_call(#Name), Name(__VA_ARGS__))

#define IoCreateDevice(...) OWN_CALL(IoCreateDevice, __VA_ARGS__)
#define IoCreateSymbolicLink(...) OWN_CALL(IoCreateSymbolicLink, __VA_ARGS__)
#define IoDeleteDevice(...) (judge_own_deletion(), OWN_CALL(IoDeleteDevice, __VA_ARGS__))
#define IoDeleteSymbolicLink(...) OWN_CALL(IoDeleteSymbolicLink, __VA_ARGS__)
#define IoDetachDevice(...) OWN_CALL(IoDetachDevice, __VA_ARGS__)
#define IoRegisterDeviceInterface(...) OWN_CALL(IoRegisterDeviceInterface, __VA_ARGS__)
#define IoSetDeviceInterfaceState(...) OWN_CALL(IoSetDeviceInterfaceState, __VA_ARGS__)
#define KeWaitForSingleObject(...) OWN_CALL(KeWaitForSingleObject, __VA_ARGS__)
#define ObReferenceObjectByHandle(...) OWN_CALL(ObReferenceObjectByHandle, __VA_ARGS__)
#define PsCreateSystemThread(...) OWN_CALL(PsCreateSystemThread, __VA_ARGS__)
#define RtlFreeUnicodeString(...) OWN_CALL(RtlFreeUnicodeString, __VA_ARGS__)
#define RtlGetVersion(...) OWN_CALL(RtlGetVersion, __VA_ARGS__)
#define ZwClose(...) OWN_CALL(ZwClose, __VA_ARGS__)
#define ZwCreateFile(...) OWN_CALL(ZwCreateFile, __VA_ARGS__)
#define ZwWriteFile(...) OWN_CALL(ZwWriteFile, __VA_ARGS__)

#endif
