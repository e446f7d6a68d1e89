/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "fixture.h"

#include <endian.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct fixture fixture;
struct front front = { .socket = -1, .inflight = -1 };

enum { RING_BYTES = 4096, HEADERS = 64 << 10, STATUSES = 128 << 10, DATA_EACH = 64 << 10 };

/* The medium. */

static int device_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device, (void)flags;
    if (lba <= ERROR_LBA && ERROR_LBA < lba + blocks) {
        spd_status_set(status, 0x03, 0x11, 0x00, &lba);
        return 0;
    }
    memcpy(buffer, fixture.memory + lba * BLOCK, (size_t)blocks * BLOCK);
    return 0;
}

static int device_write(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device, (void)status;
    atomic_fetch_add(&fixture.waiting, 1);
    while (atomic_load(&fixture.hold))
        sched_yield();
    memcpy(fixture.memory + lba * BLOCK, buffer, (size_t)blocks * BLOCK);
    fixture.write_flags = flags;
    fixture.writes++;
    return 0;
}

static int device_flush(
    spd_device *device, uint64_t lba, uint32_t blocks, uint32_t flags, spd_status *status)
{
    (void)device, (void)flags, (void)status, (void)lba, (void)blocks;
    fixture.flushes++;
    return 0;
}

static int device_unmap(
    spd_device *device, const spd_range *ranges, uint32_t count, uint32_t flags, spd_status *status)
{
    (void)device, (void)flags, (void)status;
    for (uint32_t i = 0; i < count; i++)
        memset(fixture.memory + ranges[i].lba * BLOCK, 0, (size_t)ranges[i].blocks * BLOCK);
    fixture.unmaps++;
    return 0;
}

static void create(uint32_t flags, const char *more)
{
    static const spd_ops ops = {
        .size = sizeof ops,
        .read = device_read,
        .write = device_write,
        .flush = device_flush,
        .unmap = device_unmap,
    };
    spd_params params = SPD_PARAMS_INIT;
    char uri[160];

    snprintf(uri, sizeof uri, "vhost-user-blk:%s%s", fixture.path, more ? more : "");
    params.block_count = BLOCKS;
    params.max_transfer_length = 65536;
    params.flags = flags;
    assert_int_equal(
        spd_unit_create(uri, &params, &(spd_device){ &ops, NULL }, &fixture.unit), 0);
    assert_int_equal(spd_unit_start(fixture.unit, 4), 0);
}

void begin(uint32_t flags, const char *more)
{
    memset(&fixture, 0, sizeof fixture);
    for (size_t i = 0; i < SIZE; i++)
        fixture.memory[i] = (uint8_t)(i / BLOCK + 1);
    assert_non_null(mkdtemp(work_template(fixture.folder, "spd-vhost")));
    assert_true(work_shorten(fixture.name, fixture.folder) >= 0);
    snprintf(fixture.path, sizeof fixture.path, "%s/socket", fixture.name);
    create(flags, more);
}

void restart(uint32_t flags, const char *more)
{
    spd_unit_delete(fixture.unit);
    create(flags, more);
}

static void forget_guest(void)
{
    for (int i = 0; i < 2; i++) {
        if (front.memory[i])
            munmap(front.memory[i], MEMORY);
        if (front.memory[i])
            close(front.files[i]);
        front.memory[i] = NULL;
    }
    if (front.inflight >= 0)
        close(front.inflight);
    front.inflight = -1;
}

int fixture_teardown(void **state)
{
    (void)state;
    atomic_store(&fixture.hold, false);
    if (front.socket >= 0)
        front_disconnect();
    forget_guest();
    if (fixture.unit)
        spd_unit_delete(fixture.unit);
    fixture.unit = NULL;
    rmdir(fixture.folder);
    return 0;
}

/* Messages. */

void front_connect(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(address.sun_path, sizeof address.sun_path, "%s", fixture.path);
    front.socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(front.socket >= 0);
    assert_int_equal(connect(front.socket, (struct sockaddr *)&address, sizeof address), 0);
}

void front_disconnect(void)
{
    close(front.socket);
    front.socket = -1;
    for (int i = 0; i < RINGS; i++) {
        struct ring *ring = &front.rings[i];

        if (ring->descriptors) {
            close(ring->kick);
            close(ring->call);
        }
        *ring = (struct ring){ 0 };
    }
}

void front_send(uint32_t request, uint32_t flags, const void *payload, uint32_t size,
    const int *descriptors, unsigned count)
{
    struct vhost_header header = { request, flags | VHOST_VERSION, size };
    struct iovec pieces[] = {
        { .iov_base = &header, .iov_len = sizeof header },
        { .iov_base = (void *)(uintptr_t)payload, .iov_len = size },
    };
    union {
        char bytes[CMSG_SPACE(64 * sizeof(int))];
        struct cmsghdr align;
    } control = { .bytes = { 0 } };
    struct msghdr to = { .msg_iov = pieces, .msg_iovlen = 2 };

    if (count > 0) {
        struct cmsghdr *c;

        to.msg_control = control.bytes;
        to.msg_controllen = CMSG_SPACE(count * sizeof(int));
        c = CMSG_FIRSTHDR(&to);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(c), descriptors, count * sizeof(int));
    }
    assert_int_equal(
        sendmsg(front.socket, &to, MSG_NOSIGNAL), (ssize_t)(sizeof header + size));
}

static bool receive_all(void *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = recv(front.socket, (uint8_t *)bytes + done, length - done, 0);

        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

bool front_receive(struct vhost_header *header, union vhost_payload *payload, int *descriptor)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec piece = { .iov_base = header, .iov_len = sizeof *header };
    struct msghdr from = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes };
    ssize_t n = recvmsg(front.socket, &from, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&from) : NULL;

    if (n != sizeof *header)
        return false;
    if (c)
        memcpy(descriptor, CMSG_DATA(c), sizeof *descriptor);
    assert_true(header->size <= sizeof *payload);
    assert_int_equal(header->flags, VHOST_VERSION | VHOST_REPLY);
    return receive_all(payload, header->size);
}

uint64_t front_ask(uint32_t request, const void *payload, uint32_t size, int descriptor)
{
    struct vhost_header header;
    union vhost_payload answer;
    int none = -1;

    front_send(request, VHOST_NEED_REPLY, payload, size, &descriptor, descriptor >= 0);
    assert_true(front_receive(&header, &answer, &none));
    assert_int_equal(header.request, request);
    assert_int_equal(header.size, sizeof answer.number);
    return answer.number;
}

uint64_t front_get(uint32_t request)
{
    struct vhost_header header;
    union vhost_payload answer;
    int none = -1;

    front_send(request, 0, NULL, 0, NULL, 0);
    assert_true(front_receive(&header, &answer, &none));
    assert_int_equal(header.request, request);
    assert_int_equal(header.size, sizeof answer.number);
    return answer.number;
}

/* The guest. */

/* Here the regions follow each other, as they do for the guest; for the door they do not. */
static void make_guest(void)
{
    if (front.memory[0])
        return;
    front.memory[0] = mmap(NULL, 2 * MEMORY, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(front.memory[0] != MAP_FAILED);
    front.memory[1] = front.memory[0] + MEMORY;
    for (int i = 0; i < 2; i++) {
        front.files[i] = memfd_create("guest", MFD_CLOEXEC);
        assert_true(front.files[i] >= 0);
        assert_int_equal(ftruncate(front.files[i], MEMORY), 0);
        assert_true(mmap(front.memory[i], MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                        front.files[i], 0) == front.memory[i]);
    }
}

uint8_t *guest_at(uint64_t offset)
{
    return front.memory[0] + offset;
}

void front_begin(uint64_t features)
{
    struct vhost_memory_table table = { .count = 2 };
    uint64_t wanted = features | UINT64_C(1) << VIRTIO_F_VERSION_1 |
        UINT64_C(1) << VHOST_F_PROTOCOL_FEATURES;
    uint64_t offered = front_get(VHOST_GET_FEATURES);
    uint64_t protocol;

    assert_int_equal(wanted & ~offered, 0);
    protocol = front_get(VHOST_GET_PROTOCOL_FEATURES);
    front_send(VHOST_SET_PROTOCOL_FEATURES, 0, &protocol, sizeof protocol, NULL, 0);
    front_send(VHOST_SET_OWNER, 0, NULL, 0, NULL, 0);
    assert_int_equal(front_ask(VHOST_SET_FEATURES, &wanted, sizeof wanted, -1), 0);
    front.features = wanted;
    make_guest();
    for (int i = 0; i < 2; i++)
        table.regions[i] = (struct vhost_memory_region){
            .guest = GUEST + (uint64_t)i * MEMORY,
            .size = MEMORY,
            .user = (uintptr_t)front.memory[i],
        };
    front_send(VHOST_SET_MEM_TABLE, 0, &table,
        offsetof(struct vhost_memory_table, regions) + 2 * sizeof table.regions[0], front.files,
        2);
}

static void start(struct ring *ring, uint32_t base)
{
    uint64_t index = ring->index;

    assert_int_equal(front_ask(VHOST_SET_VRING_NUM,
        &(struct vhost_ring_state){ ring->index, RING }, sizeof(struct vhost_ring_state), -1), 0);
    assert_int_equal(front_ask(VHOST_SET_VRING_BASE,
        &(struct vhost_ring_state){ ring->index, base }, sizeof(struct vhost_ring_state), -1), 0);
    assert_int_equal(front_ask(VHOST_SET_VRING_ADDR,
        &(struct vhost_ring_address){
            .index = ring->index,
            .descriptors = (uintptr_t)ring->descriptors,
            .available = (uintptr_t)ring->available,
            .used = (uintptr_t)ring->used,
        }, sizeof(struct vhost_ring_address), -1), 0);
    assert_int_equal(front_ask(VHOST_SET_VRING_KICK, &index, sizeof index, ring->kick), 0);
    assert_int_equal(front_ask(VHOST_SET_VRING_CALL, &index, sizeof index, ring->call), 0);
    assert_int_equal(front_ask(VHOST_SET_VRING_ENABLE,
        &(struct vhost_ring_state){ ring->index, 1 }, sizeof(struct vhost_ring_state), -1), 0);
}

void front_ring(uint16_t index, uint32_t base)
{
    struct ring *ring = &front.rings[index];
    uint8_t *at = front.memory[0] + (size_t)index * RING_BYTES;

    ring->index = index;
    ring->packed = front.features >> VIRTIO_F_RING_PACKED & 1;
    ring->avail_wrap = ring->used_wrap = base & 0x8000;
    ring->descriptors = at;
    ring->available = at + 1024;
    ring->used = at + 2048;
    ring->kick = eventfd(0, EFD_CLOEXEC);
    ring->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(ring->kick >= 0 && ring->call >= 0);
    start(ring, base);
}

uint32_t front_stop(uint16_t index)
{
    struct vhost_header header;
    union vhost_payload answer;
    int none = -1;

    front_send(VHOST_GET_VRING_BASE, 0, &(struct vhost_ring_state){ index, 0 },
        sizeof(struct vhost_ring_state), NULL, 0);
    assert_true(front_receive(&header, &answer, &none));
    assert_int_equal(answer.state.index, index);
    return answer.state.number;
}

void front_all(uint64_t features)
{
    front_connect();
    front_begin(features);
    front_ring(0, features >> VIRTIO_F_RING_PACKED & 1 ? 0x80008000 : 0);
}

/* Rings. Both sides see each other's writes by these, and by system calls. */

static void put(uint8_t *at, uint16_t value)
{
    atomic_store((_Atomic uint16_t *)(void *)at, htole16(value));
}

static uint16_t get(const uint8_t *at)
{
    return le16toh(atomic_load((const _Atomic uint16_t *)(const void *)at));
}

void ring_descriptor(
    struct ring *ring, uint16_t entry, uint64_t guest, uint32_t length, uint16_t a, uint16_t b)
{
    uint8_t *at = ring->descriptors + (size_t)entry * VIRTIO_DESC_LENGTH;

    memcpy(at, &(uint64_t){ htole64(guest) }, 8);
    memcpy(at + 8, &(uint32_t){ htole32(length) }, 4);
    put(at + 12, a);
    put(at + 14, b);
}

void ring_offer(struct ring *ring, uint16_t head)
{
    put(ring->available + 4 + ring->next % RING * 2, head);
    ring->next++;
    put(ring->available + 2, ring->next);
}

/* A packed ring's next place: its flags make it available, the first place of a chain last. */
static void add_packed(struct ring *ring, uint16_t id, const struct piece *pieces, unsigned count)
{
    uint16_t first = ring->next, first_flags = 0;

    for (unsigned i = 0; i < count; i++) {
        uint16_t flags = ring->avail_wrap ? VIRTIO_DESC_F_AVAIL : VIRTIO_DESC_F_USED;

        flags |= (uint16_t)((i + 1 < count ? VIRTIO_DESC_F_NEXT : 0) |
            (pieces[i].written ? VIRTIO_DESC_F_WRITE : 0));
        if (i == 0)
            first_flags = flags;
        ring_descriptor(ring, ring->next, GUEST + pieces[i].offset, pieces[i].length, id,
            i == 0 ? get(ring->descriptors + (size_t)first * VIRTIO_DESC_LENGTH + 14) : flags);
        ring->next = (uint16_t)((ring->next + 1) % RING);
        ring->avail_wrap ^= ring->next == 0;
    }
    put(ring->descriptors + (size_t)first * VIRTIO_DESC_LENGTH + 14, first_flags);
}

void ring_add(struct ring *ring, uint16_t entry, const struct piece *pieces, unsigned count)
{
    if (ring->packed) {
        add_packed(ring, entry, pieces, count);
        return;
    }
    for (unsigned i = 0; i < count; i++)
        ring_descriptor(ring, (uint16_t)(entry + i), GUEST + pieces[i].offset, pieces[i].length,
            (uint16_t)((i + 1 < count ? VIRTIO_DESC_F_NEXT : 0) |
                (pieces[i].written ? VIRTIO_DESC_F_WRITE : 0)),
            (uint16_t)(entry + i + 1));
    ring_offer(ring, entry);
}

void ring_add_table(struct ring *ring, uint16_t entry, uint64_t table, const struct piece *pieces,
    unsigned count)
{
    struct ring inner = { .descriptors = guest_at(table) };

    for (unsigned i = 0; i < count; i++)
        ring_descriptor(&inner, (uint16_t)i, GUEST + pieces[i].offset, pieces[i].length,
            (uint16_t)((i + 1 < count ? VIRTIO_DESC_F_NEXT : 0) |
                (pieces[i].written ? VIRTIO_DESC_F_WRITE : 0)),
            (uint16_t)(i + 1));
    ring_descriptor(
        ring, entry, GUEST + table, count * VIRTIO_DESC_LENGTH, VIRTIO_DESC_F_INDIRECT, 0);
    ring_offer(ring, entry);
}

void ring_kick(const struct ring *ring)
{
    assert_int_equal(write(ring->kick, &(uint64_t){ 1 }, 8), 8);
}

static void wait_call(const struct ring *ring)
{
    struct pollfd event = { .fd = ring->call, .events = POLLIN };
    uint64_t count;

    assert_int_equal(poll(&event, 1, -1), 1);
    assert_int_equal(read(ring->call, &count, sizeof count), sizeof count);
}

static bool is_used(const struct ring *ring)
{
    uint16_t flags;

    if (!ring->packed)
        return get(ring->used + 2) != ring->seen;
    flags = get(ring->descriptors + (size_t)ring->seen * VIRTIO_DESC_LENGTH + 14);
    return !(flags & VIRTIO_DESC_F_AVAIL) == !ring->used_wrap &&
        !(flags & VIRTIO_DESC_F_USED) == !ring->used_wrap;
}

/* Chains of packed rings in these tests have three places. */
static uint16_t take_packed(struct ring *ring, uint32_t *written)
{
    const uint8_t *at = ring->descriptors + (size_t)ring->seen * VIRTIO_DESC_LENGTH;
    uint32_t length;

    memcpy(&length, at + 8, sizeof length);
    *written = le32toh(length);
    ring->used_wrap ^= ring->seen + 3 >= RING;
    ring->seen = (uint16_t)((ring->seen + 3) % RING);
    return get(at + 12);
}

uint16_t ring_wait(struct ring *ring, uint32_t *written)
{
    uint32_t entry[2];

    if (!ring->packed)
        put(ring->available + 4 + RING * 2, ring->seen); /* used_event: call for the next one */
    while (!is_used(ring))
        wait_call(ring);
    if (ring->packed)
        return take_packed(ring, written);
    memcpy(entry, ring->used + 4 + ring->seen % RING * 8, sizeof entry);
    ring->seen++;
    *written = le32toh(entry[1]);
    return (uint16_t)le32toh(entry[0]);
}

/* Block requests. */

uint8_t *blk_data(uint16_t number)
{
    return guest_at(DATA + (uint64_t)number * DATA_EACH);
}

uint8_t blk_status(uint16_t number)
{
    return *guest_at(STATUSES + (uint64_t)number);
}

void blk_add(
    struct ring *ring, uint16_t number, uint32_t type, uint64_t sector, uint32_t data_length)
{
    bool to_guest = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
    uint64_t header = HEADERS + (uint64_t)number * VIRTIO_BLK_HEADER;
    struct piece pieces[3] = { { header, VIRTIO_BLK_HEADER, false } };
    unsigned count = 1;

    memcpy(guest_at(header), &(uint32_t[2]){ htole32(type), 0 }, 8);
    memcpy(guest_at(header) + 8, &(uint64_t){ htole64(sector) }, 8);
    *guest_at(STATUSES + (uint64_t)number) = 0xee;
    if (data_length || ring->packed)
        pieces[count++] =
            (struct piece){ DATA + (uint64_t)number * DATA_EACH, data_length, to_guest };
    pieces[count++] = (struct piece){ STATUSES + (uint64_t)number, 1, true };
    ring_add(ring, (uint16_t)(number * 3), pieces, count);
}

uint8_t blk_do(uint32_t type, uint64_t sector, uint32_t data_length)
{
    uint32_t written;

    blk_add(&front.rings[0], 0, type, sector, data_length);
    ring_kick(&front.rings[0]);
    assert_int_equal(ring_wait(&front.rings[0], &written), 0);
    /* The device counts after it has changed the medium: so its changes are seen from here on. */
    atomic_load(&fixture.writes);
    atomic_load(&fixture.unmaps);
    return blk_status(0);
}
