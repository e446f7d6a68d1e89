/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A test's controls of the driver: it is StorPort, programs and the clock. It aborts, with a text,
 * when the driver breaks a rule: an SRB or IRP completed twice or with a lock held, memory left
 * over, a reference too few.
 */

#ifndef SHIM_SHIM_H
#define SHIM_SHIM_H

#include "vstorport.h"

#include <winspd/ioctl.h>

extern struct shim_kernel {
    ULONG capacity, timeout;     /* registry values; 0: missing */
    ULONG version;               /* of Windows: major << 8 | minor; 0: 10 */
    ULONG registry_type;         /* of them; 0: REG_DWORD */
    _Atomic long pool;           /* allocations that are not freed */
    _Atomic long pool_fail_in;   /* the nth allocation from now fails; 0: none */
    _Atomic long bus_changes;
    _Atomic int changed_bus;     /* the last one */
    _Atomic bool unmapped;       /* data buffers cannot be reached */
    _Atomic bool undescribed;    /* data buffers are StorPort's own, without an MDL */
    bool emulated;               /* by Wine, which lacks functions */
    _Atomic bool ported;         /* handles belong to a completion port */
    _Atomic bool tokenless;      /* no process's token can be read */
    _Atomic bool bare;           /* SRBs come without an extension */
    void (*released)(void);      /* runs where a thread has released its last lock, or completed
                                  * something, and another one may come in between */
    _Atomic unsigned waiting;    /* threads that wait for an event */
    void (*on_allocate)(void);   /* while memory is allocated */
    void (*on_stall)(void);      /* while StorPort stalls a processor */
    void (*on_copy)(size_t);     /* before so many bytes are copied, or filled */
    void (*on_pnp)(void);        /* while StorPort has an IRP of PnP */
    char event[80];              /* the last one that went to the event log */
    ULONG event_code, events;
    _Atomic unsigned debug_lines;
    struct sys_adapter *adapter;
    VIRTUAL_HW_INITIALIZATION_DATA entries;
    STOR_PORT_CONFIGURATION config;
    DRIVER_OBJECT driver;
} shim;

/* DriverEntry, the adapter, and the end of it; stop checks that nothing is left. */
void shim_start(ULONG capacity, ULONG timeout);
void shim_stop(void);

/* HwAdapterControl at DIRQL, as StorPort may: locks may not be taken. */
SCSI_ADAPTER_CONTROL_STATUS shim_control(SCSI_ADAPTER_CONTROL_TYPE type);

/* Seconds pass. */
void shim_seconds(unsigned count);

/* HwResetBus, as StorPort calls it: at DISPATCH_LEVEL. */
BOOLEAN shim_reset_bus(ULONG path);
/* The calling thread, for example what `released` interrupts, is below DISPATCH_LEVEL: what runs in
 * between may run on its processor, where nobody can wait for it. */
bool shim_is_preemptible(void);

/* Processes. An exit cancels what the process has pended. */
PEPROCESS shim_process(ULONG id); /* of user 1, who is no administrator */
void shim_process_exit(PEPROCESS process);
/* It is to end, but its thread waits in the kernel: nothing is cancelled yet. */
void shim_process_kill(PEPROCESS process);
/* How many references a process has, of which the caller has one. */
LONG shim_references(PEPROCESS process);

/* Device control; process NULL: a driver's, of no thread. begin returns an IRP that
 * shim_ioctl_end() frees; `out` is the caller's, as long as out_length. */
PIRP shim_ioctl_begin(PEPROCESS process, const void *in, ULONG in_length, void *out,
    ULONG out_length);
bool shim_ioctl_done(PIRP irp);
void shim_ioctl_cancel(PIRP irp);
/* Its thread has ended, but its handle belongs to a completion port: it stays. */
void shim_ioctl_leave(PIRP irp);
void shim_ioctl_cancel_pending(unsigned nth); /* of those that may still be */
void shim_ioctl_wait(PIRP irp);
bool shim_ioctls_done(void); /* all that were begun */
NTSTATUS shim_ioctl_end(PIRP irp, ULONG *written);
/* begin and end; a call that pends is cancelled. */
NTSTATUS shim_ioctl(PEPROCESS process, const void *in, ULONG in_length, void *out,
    ULONG out_length, ULONG *written);

/* SRBs. `done` is set by the completion. */
struct shim_srb {
    SCSI_REQUEST_BLOCK srb; /* first */
    UCHAR sense[64];
    _Atomic bool done;
    _Atomic bool sent;
};
/* Fills all but the function's own fields. */
void shim_srb_init(struct shim_srb *box, UCHAR function, UCHAR target);
void shim_srb_cdb(struct shim_srb *box, const void *cdb, UCHAR length, ULONG direction, void *data,
    ULONG data_length);
void shim_srb_send(struct shim_srb *box);
void shim_srb_wait(struct shim_srb *box);
void shim_srb_free(struct shim_srb *box); /* its extension */
/* send, which must complete at once, and free; the SRB status without flags. */
UCHAR shim_srb_run(struct shim_srb *box);

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path);

#endif
