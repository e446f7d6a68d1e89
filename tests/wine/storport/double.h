/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The StorPort double: a port driver for virtual miniports, for tests only. It plays what a
 * miniport can see of storport.sys, and of the disk class driver above it, and judges what the
 * miniport does. Built from documented kernel interfaces; wine.c alone knows what Wine has in their
 * place where a caller's memory is concerned, and nt.c takes its place for other kernels.
 *
 *   entry.c        StorPortInitialize, dispatch, unload
 *   adapter.c      the adapter's FDO: PnP, start and removal
 *   scan.c         the adapter's thread: looks for units, times SRBs out
 *   disk.c         the PDO of a unit: names and PnP
 *   scsi.c         SRBs of a class driver above that PDO
 *   class.c        such a class driver, for a test
 *   transfer.c     reads, writes and flushes of a disk, where there is no class driver
 *   query.c        what disks and adapters say of themselves
 *   srb.c          one SRB from issue to completion
 *   passthrough.c  SCSI pass-through of adapters and disks
 *   exports.c      what the miniport calls
 *   control.c      what only tests ask for
 *   linger.c       against Wine's cancelling what is no more
 *   judge.c        findings; judge_pool.c, judge_imports.c: by way of the miniport's own calls
 */

#ifndef STORPORT_DOUBLE_H
#define STORPORT_DOUBLE_H

#define VSTORPORT_EXPORTS
#include <vstorport.h>
#include <scsi.h>
#include <ntddscsi.h>
#include <stdarg.h>

#define TAG 0x6c627544 /* Dubl */
#define MAX_BUSES 2
#define MAX_DISKS (MAX_BUSES * SCSI_MAXIMUM_TARGETS_PER_BUS)
#define SENSE_LENGTH 64

struct miniport;
struct adapter;

/* What a device object of ours is; the first member of every device extension. */
enum device_kind { DEVICE_ADAPTER = 1, DEVICE_DISK };

struct disk {
    enum device_kind kind;
    DEVICE_OBJECT *self;
    struct adapter *adapter;
    ULONG btl;
    BOOLEAN present;  /* the last scan found it */
    BOOLEAN reported; /* to the PnP manager, as present */
    BOOLEAN started;
    BOOLEAN named;
    LONG claimed;     /* by a class driver */
    ULONG number;     /* of \\.\PhysicalDriveN */
    ULONG block_length;
    ULONGLONG block_count;
    UCHAR inquiry[36];
    UCHAR serial[4 + 252]; /* VPD pages as they came */
    UCHAR ids[4 + 252];
};

struct adapter {
    enum device_kind kind;
    DEVICE_OBJECT *self;
    DEVICE_OBJECT *lower;
    DEVICE_OBJECT *pdo;
    struct miniport *miniport;
    UCHAR *extension; /* the miniport's; NULL: not started */
    STOR_PORT_CONFIGURATION config;
    UNICODE_STRING interface_name;
    ULONG number;     /* of \\.\ScsiN: */
    BOOLEAN stopping;

    KSPIN_LOCK lock; /* guards what follows */
    LIST_ENTRY requests;
    LIST_ENTRY service_irps;
    struct disk *disks[MAX_DISKS]; /* by number */
    LONG request_count;

    PVOID thread; /* scan.c */
    KEVENT wake;
    LONG rescan;
};

struct miniport {
    struct miniport *next;
    DRIVER_OBJECT *driver;
    VIRTUAL_HW_INITIALIZATION_DATA hw;
    PVOID context;
};

/* Memory of who sent a request; all zero: none. */
struct caller {
    PVOID address;
    HANDLE handle; /* wine.c */
    MDL *mdl;      /* nt.c */
};

/* One SRB. done() runs once, when the miniport or a timeout completes it. */
struct request {
    ULONG magic;
    LONG state;
    LIST_ENTRY entry; /* in adapter->requests, or in the graveyard */
    struct adapter *adapter;
    void (*done)(struct request *request);
    IRP *irp;
    struct caller caller;
    ULONGLONG deadline;
    ULONG resets;   /* made because it was late */
    UCHAR *buffer;
    ULONG length;
    BOOLEAN owns_buffer;
    KEVENT *event;
    UCHAR sense[SENSE_LENGTH];
    SCSI_REQUEST_BLOCK srb;
};

#define ADDRESS_BUS(Btl) ((UCHAR)((Btl) >> 16))
#define ADDRESS_TARGET(Btl) ((UCHAR)((Btl) >> 8))
/* As the miniport numbers them: a bus after the other. */
#define ADDRESS_NUMBER(Btl) (ADDRESS_BUS(Btl) * SCSI_MAXIMUM_TARGETS_PER_BUS + ADDRESS_TARGET(Btl))
#define ADDRESS(Bus, Target) ((ULONG)(Bus) << 16 | (ULONG)(Target) << 8)

/* entry.c */
void complete_irp(IRP *irp, NTSTATUS status, ULONG_PTR information);
struct miniport *miniport_of(DRIVER_OBJECT *driver);

/* adapter.c */
NTSTATUS NTAPI adapter_add(DRIVER_OBJECT *driver, DEVICE_OBJECT *pdo);
NTSTATUS adapter_pnp(struct adapter *adapter, IRP *irp);
struct adapter *adapter_of_extension(PVOID extension);

/* scan.c */
NTSTATUS scan_start(struct adapter *adapter);
void scan_stop(struct adapter *adapter);
void scan_request(struct adapter *adapter);

/* disk.c */
struct disk *disk_create(struct adapter *adapter, ULONG btl);
/* Where the disk of this address is, if there is one; NULL where there cannot be. */
struct disk **disk_slot(struct adapter *adapter, ULONG btl);
struct disk *disk_at(struct adapter *adapter, ULONG btl);
void disk_delete(struct disk *disk);
NTSTATUS disk_pnp(struct disk *disk, IRP *irp);
/* REMOVE_DEVICE, as from the PnP manager: through the miniport's hook, if it has one. */
BOOLEAN disk_remove(struct disk *disk);
DEVICE_RELATIONS *disk_relations(struct adapter *adapter);

/* scsi.c, class.c */
NTSTATUS disk_scsi(struct disk *disk, IRP *irp);
NTSTATUS class_send(struct adapter *adapter, IRP *caller);

/* transfer.c */
NTSTATUS disk_read_write(struct disk *disk, IRP *irp);
NTSTATUS disk_flush(struct disk *disk, IRP *irp, UCHAR function);

/* query.c */
NTSTATUS query_adapter(struct adapter *adapter, IRP *irp);
NTSTATUS query_scsi_capabilities(struct adapter *adapter, IRP *irp);
NTSTATUS query_disk(struct disk *disk, IRP *irp);

/* srb.c */
struct request *request_new(struct adapter *adapter, ULONG btl, ULONG length);
void request_set_cdb(struct request *request, const UCHAR *cdb, UCHAR length, UCHAR direction);
void request_issue(struct request *request, ULONG seconds);
void request_issue_and_wait(struct request *request, ULONG seconds);
void request_completed(struct adapter *adapter, SCSI_REQUEST_BLOCK *srb);
void request_give_up(struct adapter *adapter, struct request *request);
void request_free(struct request *request);
struct request *request_of_srb(struct adapter *adapter, SCSI_REQUEST_BLOCK *srb);
BOOLEAN requests_hold(struct adapter *adapter, ULONG_PTR address);
BOOLEAN request_moves_blocks(const struct request *request);
NTSTATUS request_status(const struct request *request);
void requests_bury_all(void);
BOOLEAN reset_bus(struct adapter *adapter, ULONG path);
ULONGLONG now(void);

/* passthrough.c */
NTSTATUS pass_through(struct adapter *adapter, IRP *irp, ULONG code, const struct disk *disk);

/* wine.c or nt.c. Where the answer to a buffered request goes; memory of who sent one; a read-only
 * slot of an import table. */
PVOID caller_output(IRP *irp);
BOOLEAN caller_open(struct caller *caller, IRP *irp, PVOID address, ULONG length, BOOLEAN write);
void caller_close(struct caller *caller);
BOOLEAN caller_read(const struct caller *caller, PVOID buffer, SIZE_T length);
BOOLEAN caller_write(const struct caller *caller, const void *buffer, SIZE_T length);
void replace_import(ULONG_PTR *slot, const void *call);

/* linger.c: what every IRP of user mode that may be pended goes through first */
void irp_lingers(IRP *irp);

/* exports.c */
void service_request(struct adapter *adapter, IRP *irp);
ULONG service_count(struct adapter *adapter);

/* control.c; FALSE: not a code of ours */
BOOLEAN control(struct adapter *adapter, IRP *irp, NTSTATUS *status);

/* judge.c. A finding fails the test; a note is for whoever reads the log. */
void judge_open(void);
void judge_finding(const char *format, ...) __attribute__((format(printf, 1, 2)));
void judge_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
LONG judge_findings(void);
/* Locks that this thread of the miniport holds. */
void judge_lock_taken(void);
void judge_lock_released(void);
/* The port calls the miniport where Windows would be at DISPATCH_LEVEL; elsewhere, its return. */
void judge_raise(void);
void judge_lower(void);
void judge_returned(void);
/* For calls that must not be made with a lock held; and not even at DISPATCH_LEVEL. */
void judge_unlocked(const char *call);
void judge_passive(const char *call);

/* judge_pool.c */
PVOID NTAPI judge_allocate(POOL_TYPE type, SIZE_T length, ULONG tag);
void NTAPI judge_free(PVOID block);
void NTAPI judge_free_with_tag(PVOID block, ULONG tag);
void judge_pool_report(void);
BOOLEAN judge_pool_holds(ULONG_PTR address);
ULONG judge_pool_blocks(void);

/* judge_imports.c */
void judge_imports(DRIVER_OBJECT *driver);

#endif
