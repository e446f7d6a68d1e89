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
 *   names.c        device objects that programs can open
 *   scan.c         the adapter's thread: looks for units, times SRBs out
 *   disk.c         the PDO of a unit: names and PnP
 *   scsi.c         SRBs of a class driver above that PDO
 *   class.c        such a class driver, for a test
 *   transfer.c     reads, writes and flushes of a disk, where there is no class driver
 *   query.c        what disks and adapters say of themselves
 *   volume.c       a disk as the volume that it is: its size, its lock
 *   srb.c          one SRB from issue to completion
 *   passthrough.c  SCSI pass-through of adapters and disks
 *   exports.c      what the miniport calls
 *   control.c      what only tests ask for
 *   exchange.c, gather.c  what only the benchmark asks for
 *   linger.c       against Wine's cancelling what is no more; not for other kernels
 *   judge.c        findings; judge_pool.c, judge_imports.c: by way of the miniport's own calls
 *   judge_log.c    where they are written
 */

#ifndef STORPORT_DOUBLE_H
#define STORPORT_DOUBLE_H

#define VSTORPORT_EXPORTS
#include <vstorport.h>
#include <scsi.h>
#include <ntddscsi.h>
#include <stdarg.h>
#if !defined(CALLS_OF_THE_MINIPORT)
#include "calls.h"
#endif

#define TAG 0x6c627544 /* Dubl */
#define MAX_BUSES 2
#define MAX_DISKS (MAX_BUSES * SCSI_MAXIMUM_TARGETS_PER_BUS)
#define SENSE_LENGTH 64

struct miniport;
struct adapter;

/* The kind of a device object of the double; the first member of every device extension. */
enum device_kind { DEVICE_ADAPTER = 1, DEVICE_DISK };

/* A unit's own description; VPD pages as they came. */
struct identity {
    UCHAR inquiry[36];
    UCHAR serial[4 + 252];
};

struct disk {
    enum device_kind kind;
    DEVICE_OBJECT *self;
    struct adapter *adapter;
    LIST_ENTRY entry; /* in adapter->disks */
    ULONG btl;
    BOOLEAN present;  /* the last scan found it; FALSE: another may be at its address */
    BOOLEAN reported; /* to the PnP manager, as present */
    BOOLEAN started;
    BOOLEAN leaving;  /* the PnP manager has said so */
    LONG claimed;     /* by a class driver */
    ULONG number;     /* of \\.\PhysicalDriveN */
    ULONG block_length;
    ULONGLONG block_count;
    struct identity identity;
    UCHAR ids[4 + 252];
    UNICODE_STRING interfaces[2]; /* wine.c */
    FILE_OBJECT *locker;          /* volume.c: who has locked the volume */
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
    LIST_ENTRY disks; /* until they are removed */
    struct disk *slots[MAX_DISKS]; /* those that are present, by number */
    LONG request_count;
    BOOLEAN keeps_gone; /* control.h */
    BOOLEAN is_silent;  /* likewise */

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

/* The names of devices and their links, with one %u for the number. */
struct names {
    const wchar_t *device, *link;
    DEVICE_TYPE type;
    ULONG first, end; /* numbers */
};

/* An SRB. done() runs once, when the miniport or a timeout completes it. */
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

/* names.c. The lowest number that is free. */
NTSTATUS named_device_create(DRIVER_OBJECT *driver, const struct names *names, ULONG size,
    DEVICE_OBJECT **device, ULONG *number);
void named_device_unlink(const struct names *names, ULONG number);

/* disk.c */
struct disk *disk_create(struct adapter *adapter, ULONG btl);
/* Publishes a disk that was created and filled in. A disk whose unit has gone makes room for
 * another, and stays until the PnP manager removes it. */
void disk_appears(struct disk *disk);
void disk_vanishes(struct disk *disk);
/* The one that is present; NULL: none. */
struct disk *disk_at(struct adapter *adapter, ULONG btl);
void disk_delete(struct disk *disk);
void disks_delete(struct adapter *adapter);
NTSTATUS disk_pnp(struct disk *disk, IRP *irp);
/* Whether the PnP manager has to be told of a disk. */
BOOLEAN disk_is_reported(struct disk *disk);
BOOLEAN disks_changed(struct adapter *adapter);
DEVICE_RELATIONS *disk_relations(struct adapter *adapter);

/* scsi.c, class.c */
NTSTATUS disk_scsi(struct disk *disk, IRP *irp);
NTSTATUS class_send(struct adapter *adapter, IRP *caller);
NTSTATUS class_send_stacked(struct adapter *adapter, IRP *caller);

/* transfer.c */
NTSTATUS disk_read_write(struct disk *disk, IRP *irp);
NTSTATUS disk_flush(struct disk *disk, IRP *irp, UCHAR function);

/* query.c */
NTSTATUS query_adapter(struct adapter *adapter, IRP *irp);
NTSTATUS query_scsi_capabilities(struct adapter *adapter, IRP *irp);
NTSTATUS query_disk(struct disk *disk, IRP *irp);

/* volume.c. volume_control() has the codes of file systems; FALSE: it is none of them. A handle
 * that is closed keeps no lock. */
NTSTATUS query_volume(const struct disk *disk, IRP *irp);
BOOLEAN volume_control(struct disk *disk, IRP *irp, NTSTATUS *status);
void volume_close(struct disk *disk, const FILE_OBJECT *file);

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

/* wine.c or nt.c. The buffer for the answer to a buffered request; memory of its sender; a
 * read-only slot of an import table. Also the PnP manager's removal of a disk, the interfaces by
 * which programs find disks and volumes, and a line for a debugger. */
PVOID caller_output(IRP *irp);
BOOLEAN caller_open(struct caller *caller, IRP *irp, PVOID address, ULONG length, BOOLEAN write);
void caller_close(struct caller *caller);
BOOLEAN caller_read(const struct caller *caller, PVOID buffer, SIZE_T length);
BOOLEAN caller_write(const struct caller *caller, const void *buffer, SIZE_T length);
void replace_import(ULONG_PTR *slot, const void *call);
KIRQL current_irql(void);
BOOLEAN eject(struct disk *disk);
void disk_announce(struct disk *disk);
void disk_withdraw(struct disk *disk);
void debug_print(const char *line);

/* linger.c or nt.c: what every IRP of user mode that may be pended goes through first */
void irp_lingers(IRP *irp);

/* exports.c */
void service_request(struct adapter *adapter, IRP *irp);
ULONG service_count(struct adapter *adapter);

/* control.c; FALSE: not a code of the double */
BOOLEAN control(struct adapter *adapter, IRP *irp, NTSTATUS *status);
/* exchange.c; the same */
BOOLEAN exchange(struct adapter *adapter, IRP *irp, NTSTATUS *status);
/* gather.c; the same. gather_service() may keep a service IRP back before the miniport has it.
 * gather_command() says that a client's command has gone to the miniport. The last returns TRUE for
 * a completed IRP that is kept, whose caller hears nothing of it yet. */
BOOLEAN gather(struct adapter *adapter, IRP *irp, NTSTATUS *status);
void gather_service(struct adapter *adapter, IRP *irp);
void gather_asked(struct adapter *adapter);
BOOLEAN gather_keeps(IRP *irp);

/* judge.c. A finding fails the test; a note is for readers of the log. */
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
/* FALSE: IRQL is, or under Windows may be, DISPATCH_LEVEL. */
BOOLEAN judge_is_passive(void);
/* For calls that must not be made with a lock held; and not even at DISPATCH_LEVEL. */
void judge_unlocked(const char *call);
void judge_passive(const char *call);
/* The double is within AddDevice. */
void judge_adding(BOOLEAN adding);

/* judge_log.c, at any IRQL. FALSE: the line is lost. judge_log_write() writes what waits, where
 * that may be. */
#define JUDGE_LINE 320
void judge_log_open(void);
BOOLEAN judge_log(const char *line);
void judge_log_write(void);

/* judge_pool.c */
void judge_pool_open(void);
PVOID NTAPI judge_allocate(POOL_TYPE type, SIZE_T length, ULONG tag);
void NTAPI judge_free(PVOID block);
void NTAPI judge_free_with_tag(PVOID block, ULONG tag);
void judge_pool_report(void);
BOOLEAN judge_pool_holds(ULONG_PTR address);
ULONG judge_pool_blocks(void);

/* judge_imports.c. FALSE: nothing of the miniport can be judged. */
BOOLEAN judge_imports(DRIVER_OBJECT *driver);

#endif
