/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The miniport's pool: leaks, double frees, foreign frees, writes past the end, wrong tags. */

#include "double.h"

#define BLOCK_MAGIC 0x4b434c42
#define BLOCK_FREED 0x44455246
#define CANARY 0x5afe5afe5afe5afeULL

/* Before every block; aligned as pool is on x64. */
struct __attribute__((aligned(16))) block {
    LIST_ENTRY entry;
    SIZE_T length;
    ULONG tag;
    ULONG magic;
    PVOID address; /* of this header, so that chance cannot forge one */
};

static LIST_ENTRY blocks = { &blocks, &blocks };
static KSPIN_LOCK blocks_lock;
static ULONG block_count;

static BOOLEAN has_nx_pool;

/* Pool is asked for at DISPATCH_LEVEL too, where nobody may ask for the version. */
void judge_pool_open(void)
{
    RTL_OSVERSIONINFOW version = { .dwOSVersionInfoSize = sizeof version };

    RtlGetVersion(&version);
    has_nx_pool = version.dwMajorVersion * 256 + version.dwMinorVersion >= 0x602; /* Windows 8 */
}

PVOID NTAPI judge_allocate(POOL_TYPE type, SIZE_T length, ULONG tag)
{
    ULONGLONG canary = CANARY;
    struct block *block;
    KIRQL irql;

    if (type == PagedPool)
        judge_passive("ExAllocatePoolWithTag(PagedPool)");
    if (type == NonPagedPool && has_nx_pool)
        judge_finding("pool is allocated that can be executed");
    if (!length)
        judge_finding("pool of no length is allocated");
    block = ExAllocatePoolWithTag(type, sizeof *block + length + sizeof canary, tag);
    if (!block)
        return NULL;
    block->length = length;
    block->tag = tag;
    block->magic = BLOCK_MAGIC;
    block->address = block;
    /* This finds code that relies on zeroed pool. */
    RtlFillMemory(block + 1, length, 0xa5);
    RtlCopyMemory((UCHAR *)(block + 1) + length, &canary, sizeof canary);
    KeAcquireSpinLock(&blocks_lock, &irql);
    InsertTailList(&blocks, &block->entry);
    block_count++;
    KeReleaseSpinLock(&blocks_lock, irql);
    return block + 1;
}

void NTAPI judge_free_with_tag(PVOID memory, ULONG tag)
{
    struct block *block = (struct block *)memory - 1;
    ULONGLONG canary = CANARY;
    KIRQL irql;

    if (!memory || block->magic != BLOCK_MAGIC || block->address != block) {
        judge_finding("%s is freed: %p",
            memory && block->magic == BLOCK_FREED ? "pool twice" : "what is no pool", memory);
        return;
    }
    if (tag && tag != block->tag)
        judge_finding("pool with tag %08x is freed with tag %08x", (unsigned)block->tag,
            (unsigned)tag);
    if (RtlCompareMemory((UCHAR *)memory + block->length, &canary, sizeof canary) !=
        sizeof canary)
        judge_finding("written past the end of %u bytes of pool", (unsigned)block->length);
    KeAcquireSpinLock(&blocks_lock, &irql);
    RemoveEntryList(&block->entry);
    block_count--;
    KeReleaseSpinLock(&blocks_lock, irql);
    block->magic = BLOCK_FREED;
    RtlFillMemory(memory, block->length, 0xdd);
    ExFreePoolWithTag(block, block->tag);
}

void NTAPI judge_free(PVOID memory)
{
    judge_free_with_tag(memory, 0);
}

BOOLEAN judge_pool_holds(ULONG_PTR address)
{
    BOOLEAN found = FALSE;
    LIST_ENTRY *entry;
    KIRQL irql;

    KeAcquireSpinLock(&blocks_lock, &irql);
    for (entry = blocks.Flink; entry != &blocks && !found; entry = entry->Flink) {
        struct block *block = CONTAINING_RECORD(entry, struct block, entry);

        found = address - (ULONG_PTR)(block + 1) < block->length;
    }
    KeReleaseSpinLock(&blocks_lock, irql);
    return found;
}

ULONG judge_pool_blocks(void)
{
    return block_count;
}

void judge_pool_report(void)
{
    LIST_ENTRY *entry;

    for (entry = blocks.Flink; entry != &blocks; entry = entry->Flink) {
        struct block *block = CONTAINING_RECORD(entry, struct block, entry);

        judge_finding("%u bytes of pool with tag %08x are leaked", (unsigned)block->length,
            (unsigned)block->tag);
    }
}
