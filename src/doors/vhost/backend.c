/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The messages of a front end (vhost-user, "Front-end message types"). A row names the
 * least payload of a message, the threads that it concerns, and its function. */

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doors/vhost/door.h"
#include "doors/vhost/inflight.h"
#include "doors/vhost/virtio.h"

static enum vhost_result fail(struct vhost_door *door, const char *why)
{
    door->front.why = why;
    return VHOST_FAILED;
}

static enum vhost_result reply(struct vhost_door *door, uint64_t number)
{
    door->front.message.payload.number = number;
    door->front.message.header.size = sizeof number;
    return VHOST_ANSWERED;
}

static enum vhost_result judge(struct vhost_door *door, const char *why)
{
    return why ? fail(door, why) : VHOST_OK;
}

/* A ring whose memory is gone stops. */
static const char *place_rings(struct vhost_door *door)
{
    const char *why = NULL;

    for (uint32_t i = 0; i < door->queue_count; i++) {
        struct vhost_queue *queue = &door->queues[i];
        const char *failed = queue->begun ? vhost_queue_place(queue) : vhost_queue_begin(queue);

        if (failed && queue->begun)
            vhost_queue_stop(queue);
        why = why ? why : failed;
    }
    return why;
}

/* Features. */

static uint64_t features_of(const struct vhost_door *door)
{
    return door->device->features(door) | UINT64_C(1) << VHOST_F_LOG_ALL |
        UINT64_C(1) << VIRTIO_F_INDIRECT_DESC | UINT64_C(1) << VIRTIO_F_EVENT_IDX |
        UINT64_C(1) << VHOST_F_PROTOCOL_FEATURES | UINT64_C(1) << VIRTIO_F_VERSION_1 |
        UINT64_C(1) << VIRTIO_F_RING_PACKED;
}

static const uint64_t protocol_features = UINT64_C(1) << VHOST_P_MQ |
    UINT64_C(1) << VHOST_P_LOG_SHMFD | UINT64_C(1) << VHOST_P_REPLY_ACK |
    UINT64_C(1) << VHOST_P_BACKEND_REQ | UINT64_C(1) << VHOST_P_CONFIG |
    UINT64_C(1) << VHOST_P_INFLIGHT_SHMFD | UINT64_C(1) << VHOST_P_RESET_DEVICE |
    UINT64_C(1) << VHOST_P_CONFIGURE_MEM_SLOTS;

static enum vhost_result get_features(struct vhost_door *door, struct vhost_queue *queue)
{
    (void)queue;
    return reply(door, features_of(door));
}

/* Rings that are at work begin or end to log their changes; they keep their other features. */
static enum vhost_result set_features(struct vhost_door *door, struct vhost_queue *queue)
{
    struct vhost_front *front = &door->front;
    uint64_t wanted = front->message.payload.number;

    (void)queue;
    if (wanted & ~features_of(door))
        return fail(door, "it wants features that were not offered");
    front->features = wanted;
    for (uint32_t i = 0; i < door->queue_count; i++)
        door->queues[i].enabled |= !vhost_has(wanted, VHOST_F_PROTOCOL_FEATURES);
    return judge(door, place_rings(door));
}

static enum vhost_result get_protocol_features(struct vhost_door *door, struct vhost_queue *queue)
{
    (void)queue;
    return reply(door, protocol_features);
}

static enum vhost_result set_protocol_features(struct vhost_door *door, struct vhost_queue *queue)
{
    uint64_t wanted = door->front.message.payload.number;

    (void)queue;
    if (wanted & ~protocol_features)
        return fail(door, "it wants protocol features that were not offered");
    door->front.protocol_features = wanted;
    return VHOST_OK;
}

static enum vhost_result ignore(struct vhost_door *door, struct vhost_queue *queue)
{
    (void)door, (void)queue;
    return VHOST_OK;
}

static enum vhost_result get_queue_number(struct vhost_door *door, struct vhost_queue *queue)
{
    (void)queue;
    return reply(door, door->queue_count);
}

/* Memory. All loops rest. */

static enum vhost_result set_memory_table(struct vhost_door *door, struct vhost_queue *queue)
{
    struct vhost_front *front = &door->front;
    struct vhost_message *message = &front->message;
    struct vhost_memory_table *table = &message->payload.table;
    size_t head = offsetof(struct vhost_memory_table, regions);
    const char *why = NULL, *misplaced;

    (void)queue;
    if (table->count > VHOST_TABLE_REGIONS ||
        message->header.size < head + table->count * sizeof table->regions[0] ||
        (uint32_t)message->descriptor_count != table->count)
        return fail(door, "a memory table has not a descriptor for each of its regions");
    vhost_memory_clear(&front->memory);
    for (uint32_t i = 0; i < table->count && !why; i++)
        why = vhost_memory_add(&front->memory, &table->regions[i], message->descriptors[i]);
    misplaced = place_rings(door);
    return judge(door, why ? why : misplaced);
}

static enum vhost_result get_slots(struct vhost_door *door, struct vhost_queue *queue)
{
    (void)queue;
    return reply(door, VHOST_SLOTS);
}

static enum vhost_result add_region(struct vhost_door *door, struct vhost_queue *queue)
{
    struct vhost_front *front = &door->front;
    const char *why;

    (void)queue;
    if (front->message.descriptor_count != 1)
        return fail(door, "a memory region has not one descriptor");
    why = vhost_memory_add(
        &front->memory, &front->message.payload.slot.region, front->message.descriptors[0]);
    return judge(door, why ? why : place_rings(door));
}

/* Its front end had to stop the rings there before. */
static enum vhost_result remove_region(struct vhost_door *door, struct vhost_queue *queue)
{
    const char *why =
        vhost_memory_remove(&door->front.memory, &door->front.message.payload.slot.region);

    (void)queue;
    place_rings(door);
    return judge(door, why);
}

/* The dirty log. All loops rest. */

static enum vhost_result set_log_base(struct vhost_door *door, struct vhost_queue *queue)
{
    struct vhost_front *front = &door->front;
    const struct vhost_log_area *log = &front->message.payload.log;
    const char *why;

    (void)queue;
    if (!vhost_has(front->protocol_features, VHOST_P_LOG_SHMFD))
        return VHOST_OK; /* an address of the front end's own memory, which nobody can use */
    if (front->message.header.size < sizeof *log || front->message.descriptor_count != 1)
        return fail(door, "a dirty log has not one descriptor");
    why = vhost_dirty_map(
        &front->dirty, log->size, log->offset, front->message.descriptors[0]);
    return why ? fail(door, why) : reply(door, 0);
}

static void replace(int *descriptor, int new_one)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = new_one;
}

static enum vhost_result set_log_event(struct vhost_door *door, struct vhost_queue *queue)
{
    (void)queue;
    replace(&door->front.log_event, vhost_message_descriptor(&door->front.message));
    return VHOST_OK;
}

static enum vhost_result set_channel(struct vhost_door *door, struct vhost_queue *queue)
{
    (void)queue;
    replace(&door->front.channel, vhost_message_descriptor(&door->front.message));
    return door->front.channel < 0 ? fail(door, "a channel without a descriptor") : VHOST_OK;
}

/* Rings. */

static enum vhost_result set_ring_size(struct vhost_door *door, struct vhost_queue *queue)
{
    uint32_t size = door->front.message.payload.state.number;

    if (size == 0 || size > VIRTIO_QUEUE_SIZE_MAX)
        return fail(door, "a ring with a size of 0, or of more than 32768");
    if (queue->begun && size != queue->ring.size)
        return fail(door, "the size of a ring changes while it is at work");
    queue->ring.size = (uint16_t)size;
    return judge(door, vhost_queue_begin(queue));
}

/* A ring that is at work may begin to log. */
static enum vhost_result set_ring_address(struct vhost_door *door, struct vhost_queue *queue)
{
    queue->address = door->front.message.payload.address;
    return judge(door, queue->begun ? vhost_queue_place(queue) : vhost_queue_begin(queue));
}

static enum vhost_result set_ring_base(struct vhost_door *door, struct vhost_queue *queue)
{
    if (queue->begun)
        return fail(door, "the base of a ring changes while it is at work");
    queue->base = door->front.message.payload.state.number;
    return VHOST_OK;
}

/* The ring stops; what it has begun ends before. */
static enum vhost_result get_ring_base(struct vhost_door *door, struct vhost_queue *queue)
{
    queue->stopping = true;
    vhost_queue_serve(queue, false);
    if (queue->running)
        return VHOST_LATER;
    vhost_queue_stop(queue);
    door->front.message.payload.state.number = queue->base;
    return VHOST_ANSWERED;
}

/* The descriptor of a message about a ring. False: it has one and says that it has none, or the
 * reverse. */
static bool take_descriptor(struct vhost_door *door, int *descriptor)
{
    bool has_none = door->front.message.payload.number & VHOST_NO_DESCRIPTOR;

    if (door->front.message.descriptor_count != !has_none)
        return false;
    *descriptor = has_none ? -1 : vhost_message_descriptor(&door->front.message);
    return true;
}

static const char no_descriptor[] = "a message about a ring has not one descriptor";

static enum vhost_result set_kick(struct vhost_door *door, struct vhost_queue *queue)
{
    const char *why;
    int descriptor;

    if (!take_descriptor(door, &descriptor))
        return fail(door, no_descriptor);
    why = vhost_queue_kick(queue, descriptor);
    return judge(door, why ? why : vhost_queue_begin(queue));
}

static enum vhost_result set_event(struct vhost_door *door, int *event)
{
    int descriptor;

    if (!take_descriptor(door, &descriptor))
        return fail(door, no_descriptor);
    replace(event, descriptor);
    return judge(door, vhost_event_prepare(descriptor));
}

/* An interrupt may be what a guest with the old descriptor waits for. */
static enum vhost_result set_call(struct vhost_door *door, struct vhost_queue *queue)
{
    enum vhost_result result = set_event(door, &queue->call);

    if (result == VHOST_OK && queue->begun && queue->call >= 0)
        os_event_signal(queue->call);
    return result;
}

static enum vhost_result set_error(struct vhost_door *door, struct vhost_queue *queue)
{
    return set_event(door, &queue->error);
}

static enum vhost_result set_enabled(struct vhost_door *door, struct vhost_queue *queue)
{
    queue->enabled = door->front.message.payload.state.number != 0;
    queue->pending = true;
    return judge(door, vhost_queue_begin(queue));
}

/* All loops rest. */
static enum vhost_result reset_device(struct vhost_door *door, struct vhost_queue *queue)
{
    (void)queue;
    for (uint32_t i = 0; i < door->queue_count; i++) {
        vhost_queue_stop(&door->queues[i]);
        door->queues[i].enabled = false;
    }
    return VHOST_OK;
}

/* The configuration space. */

static enum vhost_result get_config(struct vhost_door *door, struct vhost_queue *queue)
{
    struct vhost_message *message = &door->front.message;
    struct vhost_config *config = &message->payload.config;
    uint8_t bytes[VHOST_CONFIG_MAX] = { 0 };
    size_t head = offsetof(struct vhost_config, bytes);

    (void)queue;
    if (config->size > VHOST_CONFIG_MAX || config->offset > VHOST_CONFIG_MAX - config->size ||
        message->header.size != head + config->size) {
        message->header.size = 0; /* this means an error */
        return VHOST_ANSWERED;
    }
    door->device->configure(door, bytes);
    memcpy(config->bytes, bytes + config->offset, config->size);
    return VHOST_ANSWERED;
}

/* No field can be changed; a migration brings the same ones. */
static enum vhost_result set_config(struct vhost_door *door, struct vhost_queue *queue)
{
    (void)queue;
    return door->front.message.payload.config.flags ? VHOST_OK :
        fail(door, "the configuration cannot be changed");
}

/* The region of requests in flight. All loops rest. */

static void unmap_inflight(struct vhost_door *door)
{
    struct vhost_front *front = &door->front;

    for (uint32_t i = 0; i < door->queue_count; i++)
        door->queues[i].ring.inflight = NULL;
    if (front->inflight_mapping)
        munmap(front->inflight_mapping, front->inflight_length);
    front->inflight = NULL;
    front->inflight_mapping = NULL;
}

static const char *map_inflight(
    struct vhost_door *door, const struct vhost_inflight_area *area, int descriptor)
{
    struct vhost_front *front = &door->front;
    size_t needed = area->queues * vhost_inflight_stride(area->queue_size, true);
    struct stat st;
    void *mapping;

    unmap_inflight(door);
    if (area->size < needed || area->size + area->offset < area->size ||
        area->size + area->offset > PTRDIFF_MAX || area->offset % 8 || fstat(descriptor, &st) ||
        (uint64_t)st.st_size < area->size + area->offset)
        return "the region of requests in flight is too small";
    mapping = mmap(NULL, (size_t)(area->size + area->offset), PROT_READ | PROT_WRITE, MAP_SHARED,
        descriptor, 0);
    if (mapping == MAP_FAILED)
        return "the region of requests in flight cannot be mapped";
    front->inflight_mapping = mapping;
    front->inflight_length = (size_t)(area->size + area->offset);
    front->inflight = (uint8_t *)mapping + area->offset;
    front->inflight_queues = area->queues;
    front->inflight_size = area->queue_size;
    return NULL;
}

/* It is as long as packed rings need: the features may come later. */
static enum vhost_result get_inflight(struct vhost_door *door, struct vhost_queue *queue)
{
    struct vhost_front *front = &door->front;
    struct vhost_inflight_area *area = &front->message.payload.inflight;
    const char *why;

    (void)queue;
    if (area->queues == 0 || area->queues > door->queue_count || area->queue_size == 0 ||
        area->queue_size > VIRTIO_QUEUE_SIZE_MAX)
        return fail(door, "a region of requests in flight for rings that are not there");
    area->size = area->queues * vhost_inflight_stride(area->queue_size, true);
    area->offset = 0;
    front->answer = memfd_create("vhost-user in flight", MFD_CLOEXEC);
    if (front->answer < 0 || ftruncate(front->answer, (off_t)area->size))
        return fail(door, "there is no memory for the region of requests in flight");
    why = map_inflight(door, area, front->answer);
    return why ? fail(door, why) : VHOST_ANSWERED;
}

static enum vhost_result set_inflight(struct vhost_door *door, struct vhost_queue *queue)
{
    struct vhost_message *message = &door->front.message;

    (void)queue;
    if (message->descriptor_count != 1)
        return fail(door, "a region of requests in flight has not one descriptor");
    return judge(door,
        map_inflight(door, &message->payload.inflight, message->descriptors[0]));
}

/* The table. */

enum names { NAMES_NONE, NAMES_STATE, NAMES_NUMBER };

enum {
    FRONT = VHOST_SCOPE_FRONT,
    QUEUE = VHOST_SCOPE_QUEUE,
    ALL = VHOST_SCOPE_ALL,
    NUMBER = sizeof(uint64_t),
    STATE = sizeof(struct vhost_ring_state),
    SLOT = sizeof(struct vhost_memory_slot),
    CONFIG = offsetof(struct vhost_config, bytes),
    INFLIGHT = offsetof(struct vhost_inflight_area, queue_size) + sizeof(uint16_t),
};

static const struct row {
    uint16_t length;
    uint8_t scope;
    enum names names; /* where the payload has the number of a ring */
    enum vhost_result (*execute)(struct vhost_door *door, struct vhost_queue *queue);
} rows[VHOST_REQUESTS] = {
    [VHOST_GET_FEATURES] = { 0, FRONT, NAMES_NONE, get_features },
    [VHOST_SET_FEATURES] = { NUMBER, ALL, NAMES_NONE, set_features },
    [VHOST_SET_OWNER] = { 0, FRONT, NAMES_NONE, ignore },
    [VHOST_RESET_OWNER] = { 0, FRONT, NAMES_NONE, ignore },
    [VHOST_SET_MEM_TABLE] = { NUMBER, ALL, NAMES_NONE, set_memory_table },
    [VHOST_SET_LOG_BASE] = { NUMBER, ALL, NAMES_NONE, set_log_base },
    [VHOST_SET_LOG_FD] = { 0, ALL, NAMES_NONE, set_log_event },
    [VHOST_SET_VRING_NUM] = { STATE, QUEUE, NAMES_STATE, set_ring_size },
    [VHOST_SET_VRING_ADDR] = {
        sizeof(struct vhost_ring_address), QUEUE, NAMES_STATE, set_ring_address },
    [VHOST_SET_VRING_BASE] = { STATE, QUEUE, NAMES_STATE, set_ring_base },
    [VHOST_GET_VRING_BASE] = { STATE, QUEUE, NAMES_STATE, get_ring_base },
    [VHOST_SET_VRING_KICK] = { NUMBER, QUEUE, NAMES_NUMBER, set_kick },
    [VHOST_SET_VRING_CALL] = { NUMBER, QUEUE, NAMES_NUMBER, set_call },
    [VHOST_SET_VRING_ERR] = { NUMBER, QUEUE, NAMES_NUMBER, set_error },
    [VHOST_GET_PROTOCOL_FEATURES] = { 0, FRONT, NAMES_NONE, get_protocol_features },
    [VHOST_SET_PROTOCOL_FEATURES] = { NUMBER, FRONT, NAMES_NONE, set_protocol_features },
    [VHOST_GET_QUEUE_NUM] = { 0, FRONT, NAMES_NONE, get_queue_number },
    [VHOST_SET_VRING_ENABLE] = { STATE, QUEUE, NAMES_STATE, set_enabled },
    [VHOST_SET_BACKEND_REQ_FD] = { 0, FRONT, NAMES_NONE, set_channel },
    [VHOST_GET_CONFIG] = { CONFIG, FRONT, NAMES_NONE, get_config },
    [VHOST_SET_CONFIG] = { CONFIG, FRONT, NAMES_NONE, set_config },
    [VHOST_GET_INFLIGHT_FD] = { INFLIGHT, ALL, NAMES_NONE, get_inflight },
    [VHOST_SET_INFLIGHT_FD] = { INFLIGHT, ALL, NAMES_NONE, set_inflight },
    [VHOST_RESET_DEVICE] = { 0, ALL, NAMES_NONE, reset_device },
    [VHOST_GET_MAX_MEM_SLOTS] = { 0, FRONT, NAMES_NONE, get_slots },
    [VHOST_ADD_MEM_REG] = { SLOT, ALL, NAMES_NONE, add_region },
    [VHOST_REM_MEM_REG] = { SLOT, ALL, NAMES_NONE, remove_region },
};

bool vhost_backend_scope(
    struct vhost_door *door, enum vhost_scope *scope, struct vhost_queue **queue)
{
    const struct vhost_message *message = &door->front.message;
    uint32_t request = message->header.request, index;
    const struct row *row = request < VHOST_REQUESTS ? &rows[request] : &rows[0];

    *queue = NULL;
    if (!row->execute || message->header.size < row->length ||
        (message->header.flags & VHOST_VERSION_MASK) != VHOST_VERSION) {
        door->front.why = !row->execute ? "a message that is unknown here" :
            "a message of another version, or one that is too short";
        return false;
    }
    *scope = row->scope;
    if (row->names == NAMES_NONE)
        return true;
    index = row->names == NAMES_STATE ? message->payload.state.index :
                                        message->payload.number & VHOST_INDEX_MASK;
    if (index >= door->queue_count) {
        door->front.why = "a ring that is not there";
        return false;
    }
    *queue = &door->queues[index];
    return true;
}

enum vhost_result vhost_backend_execute(struct vhost_door *door, struct vhost_queue *queue)
{
    return rows[door->front.message.header.request].execute(door, queue);
}

void vhost_backend_forget(struct vhost_door *door)
{
    struct vhost_front *front = &door->front;

    unmap_inflight(door);
    vhost_dirty_unmap(&front->dirty);
    vhost_memory_clear(&front->memory);
    replace(&front->log_event, -1);
    replace(&front->channel, -1);
    replace(&front->answer, -1);
    front->features = front->protocol_features = 0;
}
