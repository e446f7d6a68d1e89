/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The driver: glue between StorPort, the engine and the queue. StorPort brings SRBs, the engine
 * interprets them, and the queue matches the engine's requests with the transactions of a program.
 *
 *   StartIo -> srb.c -> request.c: engine -> gate -> queue -> transact.c: a program's IRP
 *                            ^------------- its answer ------------'
 *
 * Nothing here blocks. A unit's lock guards its queue, its gate, its share of scratch, and the list
 * and flags of its requests. The adapter's lock guards the table of units, their owners, lifetimes
 * and the scratch pool. The adapter's comes first when both are held. Annotations (SAL) say which
 * lock guards a member, and which a function needs or takes; `tests/lint` holds the files to them.
 * A function without _IRQL_requires_max_ may be called at DISPATCH_LEVEL. Data is moved, the engine
 * runs, and SRBs and IRPs are completed with no lock held. A request is `busy` meanwhile. A thread
 * that wants to end it sets `doomed`, and the thread that is busy with it ends it. All of this is
 * at DISPATCH_LEVEL, so a thread that waits for busy requests does not keep them from their
 * processor. Busy threads read `doomed` between pieces of data, so the wait is short.
 */

#ifndef SYS_SYS_H
#define SYS_SYS_H

#include "vstorport.h"

#include <driverspecs.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <winspd/ioctl.h>

#include "ioq/batch.h"
#include "ioq/gate.h"
#include "ioq/ioq.h"
#include "ioq/share.h"
#include "scsi/scsi.h"

enum {
    SYS_POOL_TAG = 0x44707357, /* "WspD" */
    SYS_QUEUE_DEPTH = 256,     /* SRBs of a unit that wait or are served */
    SYS_SCRATCH_SHARE = 8,     /* buffers of SCSI_SCRATCH_LENGTH that the SRBs of a unit hold */
    SYS_SCRATCH_KEPT = 4,      /* kept when they are free, for all units */
    SYS_SID_LENGTH_MAX = 68,   /* 15 sub-authorities */

    /* The buffers of all pending requests of a process. The bound suffices for 1024 transactions of
     * 1 MiB, as many as the DLL has threads, of rawdisk's longest transfer. The process's LIFETIME
     * requests are counted with them. */
    SYS_PAGE = 4096,
    SYS_PENDED_PAGES_MAX = (sizeof(PVOID) == 8 ? SPD_IOCTL_PENDING_BYTES_MAX
                                               : SPD_IOCTL_PENDING_BYTES_MAX_X86) / SYS_PAGE,
};

/* Values of the service key. */
struct sys_settings {
    ULONG capacity; /* StorageUnitCapacity: targets */
    ULONG timeout;  /* ServerTimeout: seconds until an SRB that no server answers fails */
    ULONG ignored;  /* number of values out of range */
};

/* The order never changes: it is the event's unique id. */
enum sys_event {
    SYS_EVENT_PROVISIONED,
    SYS_EVENT_TAKEN_OVER,
    SYS_EVENT_UNPROVISIONED,
    SYS_EVENT_EJECTED,
    SYS_EVENT_DIED,
    SYS_EVENT_ORPHANED,
    SYS_EVENT_GRACE_OVER,
    SYS_EVENT_TIMED_OUT,
    SYS_EVENT_VALUES_IGNORED,
    SYS_EVENT_REFUSED,
    SYS_EVENT_OTHER_USER,
    SYS_EVENT_OTHER_DLL,
    SYS_EVENT_OTHER_VERSION,
    SYS_EVENT_COUNT,
};

struct sys_log {
    uint32_t begin; /* in ticks */
    uint32_t count; /* logged since */
    uint32_t lost;
};

struct sys_unit;

struct sys_adapter {
    KSPIN_LOCK lock;
    _Guarded_by_(lock) LIST_ENTRY processes; /* struct sys_process */
    _Guarded_by_(lock) uint32_t generation;  /* the highest hint of the units that are gone */
    _Guarded_by_(lock) bool closing;         /* the timer does nothing any more */
    _Atomic bool stopped;     /* nothing is pended any more; set with the lock held */
    volatile LONG users;      /* IRPs of disks that look at it, and itself */
    KEVENT unused;            /* users is 0 */
    struct sys_settings settings;
    _Atomic uint32_t ending;  /* doomed requests that are not completed yet */
    _Atomic uint32_t leaving; /* requests, and units, that are in no list or table any more */
    _Guarded_by_(lock) LIST_ENTRY resets; /* SRBs that wait until there are none, sys_request */
    _Guarded_by_(lock) PVOID scratch;     /* free buffers: each begins with the next's address */
    _Guarded_by_(lock) ULONG scratch_free;
    KTIMER timer;
    KDPC dpc;
    KEVENT idle;              /* the timer's DPC does not run */
    _Atomic uint32_t ticks;   /* seconds since the start */
    _Guarded_by_(lock) struct sys_log logs[SYS_EVENT_COUNT];
    struct scsi_port port;    /* answers if there is no unit */
    struct scsi_nexus nexus;
    _Guarded_by_(lock) struct sys_unit *units[]; /* settings.capacity, by number */
};

struct sys_user {
    ULONG length;                  /* bytes of the SID; 0: it is not known, and is nobody */
    UCHAR sid[SYS_SID_LENGTH_MAX];
};

/* A process that owns or serves units, or has a LIFETIME request. */
struct sys_process {
    struct sys_adapter *adapter;
    _Guarded_by_(adapter->lock) LIST_ENTRY all; /* in adapter->processes */
    PEPROCESS object;              /* referenced */
    _Atomic uint32_t references;
    _Guarded_by_(adapter->lock) LIST_ENTRY lifetimes; /* pended LIFETIME requests, IRPs */
    _Guarded_by_(adapter->lock) ULONG lifetime_count;
    _Atomic uint32_t version;      /* its announced version; 0: none */
    _Atomic uint32_t pended;       /* requests of any kind */
    _Atomic uint32_t pended_pages; /* pages of their buffers */
};

/* Reasons for which a request ends without the engine. */
enum sys_doom {
    SYS_NOT_DOOMED,
    SYS_ABORTED,
    SYS_TIMED_OUT_PENDING, /* nobody asked for it */
    SYS_TIMED_OUT_SERVED,  /* nobody answered it */
};

/* An SRB; lives in its SrbExtension. */
struct sys_request {
    struct ioq_request queued;
    _Guarded_by_(unit->lock) LIST_ENTRY all; /* in unit->requests */
    LIST_ENTRY link;            /* in the list of the thread that is busy with it */
    struct ioq_waiter waiter;   /* at the gate, or for scratch */
    PSCSI_REQUEST_BLOCK srb;
    struct sys_unit *unit;      /* referenced */
    struct scsi_task task;
    struct scsi_vec data;
    struct scsi_nexus nexus;    /* for SRB_FUNCTION_FLUSH, which takes nobody's unit attention */
    enum scsi_step step;
    uint64_t hint;              /* under which it is being delivered */
    uint32_t deadline;          /* in ticks */
    bool busy;                  /* a thread works on it without the lock */
    _Guarded_by_(unit->lock) bool awaited; /* counted in adapter->ending */
    /* It is being delivered to a server that may not answer it any more. */
    _Guarded_by_(unit->lock) bool astray;
    _Atomic uint8_t doomed;     /* enum sys_doom; set with the unit's lock held */
};

/* The room of a transaction: a request in the original's block, or entries of a batch. */
struct sys_room {
    ULONG bytes;  /* for entries; 0: it is the original's block */
    ULONG wanted; /* requests; after the delivery, the number that still wait */
};

/* A pended transaction; it lives in its own system buffer, behind the head of the block. */
struct sys_wait {
    struct ioq_server server;
    PIRP irp;
    struct sys_unit *unit;       /* referenced */
    struct sys_process *process; /* counted as pended there; NULL: it has not waited */
    struct sys_room room;
};

struct sys_unit {
    struct sys_adapter *adapter;
    volatile LONG references;
    UINT32 btl;
    SPD_IOCTL_STORAGE_UNIT_PARAMS params;
    struct sys_process *maker;  /* referenced, as long as the unit is there */
    _Guarded_by_(adapter->lock) struct sys_process *owner; /* referenced; NULL within the grace */
    /* Referenced: the former owner, within the grace, else NULL. */
    _Guarded_by_(adapter->lock) struct sys_process *late;
    struct sys_user user;       /* the owner, also within the grace */
    _Guarded_by_(adapter->lock) uint32_t grace_end; /* in ticks, when owner is NULL */
    _Guarded_by_(adapter->lock) PDEVICE_OBJECT disk; /* PnP's, of this unit; only compared */

    KSPIN_LOCK lock;
    /* Referenced: the process that may transact; NULL within the grace. */
    _Guarded_by_(lock) struct sys_process *server;
    _Guarded_by_(lock) struct ioq ioq;           /* only the server's transactions wait in it */
    _Guarded_by_(lock) LIST_ENTRY requests;      /* all there are, oldest first */
    _Guarded_by_(lock) struct ioq_gate gate;     /* nobody is refused: requests have deadlines */
    _Guarded_by_(lock) struct ioq_share scratch; /* for requests, save those always answered */
    _Guarded_by_(lock) bool orphan;      /* no program serves: requests wait without a deadline */
    _Guarded_by_(lock) uint64_t calls;   /* transactions that brought requests */
    _Guarded_by_(lock) uint64_t brought; /* those requests */
    _Guarded_by_(lock) uint64_t together; /* requests that did not come alone */

    struct scsi_unit scsi;
    struct scsi_nexus nexus;
    struct scsi_port port;
    uint64_t lun;
    _Guarded_by_(lock) UCHAR designators[12];
    _Guarded_by_(lock) struct ioq_slot slots[SYS_QUEUE_DEPTH];
};

/*
 * The files, in their order: each calls only those before it, and `tests/lint` checks that.
 */

/* memory.c: memory that is not paged. prepare comes before the rest, as with other files. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void sys_memory_prepare(void);
PVOID sys_allocate(SIZE_T length);
void sys_free(PVOID memory);

/* registry.c */
_IRQL_requires_max_(PASSIVE_LEVEL)
void sys_registry_read(PUNICODE_STRING path, struct sys_settings *settings);

/* user.c */
_IRQL_requires_max_(PASSIVE_LEVEL)
void sys_user_of(PEPROCESS object, struct sys_user *user);
_IRQL_requires_max_(PASSIVE_LEVEL)
bool sys_user_is_administrator(PEPROCESS object);
bool sys_user_is(const struct sys_user *user, const struct sys_user *other);

/* Units are numbered from 0 to settings.capacity. Windows has no more targets on a bus, so further
 * units are on the next one. */
static inline ULONG sys_adapter_buses(const struct sys_adapter *adapter)
{
    return (adapter->settings.capacity + SCSI_MAXIMUM_TARGETS_PER_BUS - 1) /
        SCSI_MAXIMUM_TARGETS_PER_BUS;
}

static inline UINT32 sys_unit_address(ULONG number)
{
    return SPD_IOCTL_BTL(
        number / SCSI_MAXIMUM_TARGETS_PER_BUS, number % SCSI_MAXIMUM_TARGETS_PER_BUS, 0);
}

/* btl: an address that sys_unit_address() made. */
static inline ULONG sys_unit_number(UINT32 btl)
{
    return SPD_IOCTL_BTL_B(btl) * SCSI_MAXIMUM_TARGETS_PER_BUS + SPD_IOCTL_BTL_T(btl);
}

/* ioctl.c: the version that this driver says. Tests change it in the image: it has a mark. */
struct sys_version {
    char mark[12];
    UINT32 number; /* SPD_IOCTL_VERSION */
};
extern const volatile struct sys_version sys_version;

/* log.c */
_Requires_lock_not_held_(adapter->lock)
void sys_log(struct sys_adapter *adapter, enum sys_event event, UINT32 btl, ULONG number);

/* process.c. find and get return a reference, or NULL: get where memory lacks. hold returns the
 * process; put is called without a lock. False of pend: the process has too much pending. */
_Requires_lock_not_held_(adapter->lock)
struct sys_process *sys_process_find(struct sys_adapter *adapter, PEPROCESS object);
_Requires_lock_not_held_(adapter->lock)
struct sys_process *sys_process_get(struct sys_adapter *adapter, PEPROCESS object);
struct sys_process *sys_process_hold(struct sys_process *process);
_Requires_lock_not_held_(process->adapter->lock)
void sys_process_put(struct sys_process *process);
bool sys_process_pend(struct sys_process *process, PIRP irp);
_Requires_lock_not_held_(process->adapter->lock)
void sys_process_unpend(struct sys_process *process, PIRP irp);

static inline void sys_complete_irp(
    struct sys_adapter *adapter, PIRP irp, NTSTATUS status, ULONG_PTR length)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = length;
    StorPortExtendedFunction(STOR_FUNCTION_COMPLETE_SERVICE_IRP, adapter, irp);
}

/* scratch.c */
_Requires_lock_not_held_(adapter->lock)
PVOID sys_scratch_take(struct sys_adapter *adapter);
_Requires_lock_not_held_(adapter->lock)
void sys_scratch_give(struct sys_adapter *adapter, PVOID scratch);
_No_competing_thread_
void sys_scratch_free_all(struct sys_adapter *adapter);

/* rights.c */
_Requires_lock_held_(unit->adapter->lock)
bool sys_owner_is(const struct sys_unit *unit, PEPROCESS caller);
_Requires_lock_held_(unit->adapter->lock)
bool sys_owner_lets_remove(const struct sys_unit *unit, PEPROCESS caller,
    const struct sys_user *user, bool administrator);
_Requires_lock_held_(unit->lock)
bool sys_owner_lets_serve(const struct sys_unit *unit, PEPROCESS caller);

/* table.c. The first two return a reference, or NULL. */
_Requires_lock_not_held_(adapter->lock)
struct sys_unit *sys_unit_get(struct sys_adapter *adapter, UINT32 btl);
_Requires_lock_held_(unit->adapter->lock)
struct sys_unit *sys_unit_reference(struct sys_unit *unit);
_Requires_lock_held_(unit->adapter->lock)
bool sys_unit_is_there(const struct sys_unit *unit); /* in the table */
_Requires_lock_not_held_(unit->adapter->lock)
void sys_unit_put(struct sys_unit *unit);

/* lifetime.c. on_gone is called without a lock, with a reference to the process. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void sys_lifetime_prepare(
    void (*on_gone)(struct sys_adapter *adapter, struct sys_process *process));
_Requires_lock_not_held_(adapter->lock)
NTSTATUS sys_lifetime_begin(
    struct sys_adapter *adapter, PIRP irp, PEPROCESS caller, UINT32 version);
_Requires_lock_held_(process->adapter->lock)
bool sys_lifetime_held(const struct sys_process *process);
_Requires_lock_not_held_(adapter->lock)
void sys_lifetime_end_all(struct sys_adapter *adapter);

/* status.c */
void sys_srb_complete(struct sys_adapter *adapter, PSCSI_REQUEST_BLOCK srb, UCHAR status);
void sys_srb_store_status(struct sys_request *request);
_Requires_lock_not_held_(request->unit->adapter->lock)
void sys_srb_finish(struct sys_request *request);
_Requires_lock_not_held_(adapter->lock)
void sys_srb_ended(struct sys_adapter *adapter);

/* deliver.c: brings requests, linked by `link` and each with its hint, to a transaction. It
 * calls `delivered` for each when its data has been moved; false: the request has ended by then, or
 * is another server's. */
typedef bool sys_delivered(struct sys_request *request);
_Requires_lock_not_held_(wait->unit->adapter->lock)
void sys_deliver(struct sys_wait *wait, PLIST_ENTRY requests, sys_delivered *delivered);
bool sys_deliver_spends(const struct sys_request *request, size_t *room);
struct sys_wait *sys_wait_of(PIRP irp);
_Requires_lock_not_held_(wait->unit->adapter->lock)
void sys_wait_end(const struct sys_wait *wait, NTSTATUS status, ULONG_PTR length);
bool sys_request_move(
    const struct sys_request *request, void *to, const void *from, uint64_t length);

/* request.c */
_Requires_lock_not_held_(unit->adapter->lock)
void sys_request_start(struct sys_unit *unit, struct sys_request *request);
_Requires_lock_held_(request->unit->lock)
void sys_request_doom(struct sys_request *request, enum sys_doom why, PLIST_ENTRY ended);
_Requires_no_locks_held_
void sys_request_finish_all(PLIST_ENTRY ended);
_Requires_lock_not_held_(unit->adapter->lock)
bool sys_request_answer(struct sys_unit *unit, PEPROCESS caller,
    const SPD_IOCTL_TRANSACT_RSP *response, const void *data, ULONG length, NTSTATUS *status);
_Requires_lock_not_held_(request->unit->adapter->lock)
bool sys_request_delivered(struct sys_request *request);
_Requires_lock_held_(unit->lock)
void sys_request_redirect(struct sys_unit *unit);
_Requires_lock_not_held_(unit->lock)
void sys_request_again(struct sys_unit *unit, struct sys_process *server);

/* transact.c. STATUS_PENDING of those with an IRP: it is completed, now or later; anything else is
 * for the caller to complete it with. on_cancelled is called without a lock. */
void sys_transact_prepare(void (*on_cancelled)(struct sys_unit *unit));
_Requires_lock_not_held_(adapter->lock)
NTSTATUS sys_transact(
    struct sys_adapter *adapter, PIRP irp, PEPROCESS caller, ULONG in, ULONG out);
_Requires_lock_not_held_(adapter->lock)
NTSTATUS sys_transact_batch(
    struct sys_adapter *adapter, PIRP irp, PEPROCESS caller, ULONG in, ULONG out);
_Requires_lock_not_held_(adapter->lock)
NTSTATUS sys_transact_length(
    struct sys_adapter *adapter, UINT32 btl, PEPROCESS caller, UINT32 *length);
_Requires_lock_not_held_(adapter->lock)
NTSTATUS sys_transact_counts(
    struct sys_adapter *adapter, UINT32 btl, SPD_IOCTL_COUNTS_PARAMS *counts);
_Requires_lock_held_(unit->lock)
void sys_transact_cancel_all(struct sys_unit *unit, PLIST_ENTRY irps);
_Requires_lock_held_(unit->adapter->lock)
_Requires_lock_not_held_(unit->lock)
struct sys_process *sys_transact_redirect(
    struct sys_unit *unit, struct sys_process *server, PLIST_ENTRY irps);
_Requires_no_locks_held_
void sys_transact_complete_all(PLIST_ENTRY irps);

/* unit.c. tick: every second; check is called for each unit, without a lock. */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Requires_lock_not_held_(adapter->lock)
NTSTATUS sys_unit_provision(struct sys_adapter *adapter,
    const SPD_IOCTL_STORAGE_UNIT_PARAMS *params, PEPROCESS caller, UINT32 *btl, UINT32 *version);
_IRQL_requires_max_(PASSIVE_LEVEL)
_Requires_lock_not_held_(adapter->lock)
NTSTATUS sys_unit_unprovision(struct sys_adapter *adapter, const GUID *guid, PEPROCESS caller);
_Requires_lock_not_held_(adapter->lock)
bool sys_unit_remove(struct sys_adapter *adapter, struct sys_unit *unit);
_Requires_lock_not_held_(adapter->lock)
void sys_unit_remove_all(struct sys_adapter *adapter);
_Requires_lock_not_held_(adapter->lock)
void sys_unit_tick(struct sys_adapter *adapter, void (*check)(struct sys_unit *unit));
void sys_nexus_init(struct scsi_nexus *nexus, struct scsi_unit *unit, const struct scsi_port *port);

/* owner.c */
_Requires_lock_not_held_(unit->adapter->lock)
void sys_owner_check(struct sys_unit *unit);
_Requires_lock_not_held_(adapter->lock)
void sys_owner_gone(struct sys_adapter *adapter, struct sys_process *owner);

/* srb.c */
_Requires_no_locks_held_
BOOLEAN NTAPI sys_srb_start(PVOID extension, PSCSI_REQUEST_BLOCK srb);
_Requires_lock_not_held_(adapter->lock)
bool sys_srb_reset_bus(struct sys_adapter *adapter, ULONG path);

/* ioctl.c */
_IRQL_requires_max_(PASSIVE_LEVEL)
_Requires_no_locks_held_
VOID NTAPI sys_ioctl(PVOID extension, PVOID irp);

/* adapter.c */
extern struct sys_settings sys_settings;
ULONG sys_adapter_extension_size(void);
VIRTUAL_HW_INITIALIZATION_DATA sys_adapter_entries(void);
struct sys_adapter *sys_adapter_get(void); /* NULL: there is none; sys_adapter_put() it */
void sys_adapter_put(struct sys_adapter *adapter);

/* pnp.c. Last are driver.c and stack.c, the entry. */
_IRQL_requires_max_(PASSIVE_LEVEL)
void sys_pnp_hook(PDRIVER_OBJECT driver);

#endif
