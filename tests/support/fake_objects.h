/* The insides of fake_dispatch, shared by its files. */
#ifndef OCTAVO_FAKE_OBJECTS_H
#define OCTAVO_FAKE_OBJECTS_H

#include "fake_dispatch.h"

typedef enum fake_kind {
    FAKE_INSTANCE = 100,
    FAKE_PHYSICAL_DEVICE,
    FAKE_DEVICE,
    FAKE_QUEUE,
    FAKE_MEMORY,
    FAKE_BUFFER,
    FAKE_FENCE,
    FAKE_QUERY_POOL,
    FAKE_SHADER_MODULE,
    FAKE_PIPELINE_CACHE,
    FAKE_PIPELINE,
    FAKE_PIPELINE_LAYOUT,
    FAKE_SET_LAYOUT,
    FAKE_DESCRIPTOR_POOL,
    FAKE_DESCRIPTOR_SET,
    FAKE_COMMAND_POOL,
    FAKE_COMMAND_BUFFER
} fake_kind;

enum { FAKE_CONSTANTS_MAX = 32 };

/* One struct for all kinds: each uses what it needs. */
typedef struct fake_object fake_object;
struct fake_object {
    void *loader_data; /* dispatchable handles begin with it */
    fake_kind kind;
    VkDeviceSize size;
    uint32_t memory_type;
    unsigned char *bytes;  /* memory as the GPU sees it; a cache's data */
    unsigned char *mapped; /* as the host sees it; the same for coherent memory */
    fake_object *memory;   /* of a buffer */
    VkDeviceSize offset;
    VkBool32 signaled;
    uint32_t count, capacity; /* commands recorded; sets allocated and their limit; submissions of the queue */
    fake_command *commands;
    fake_command bound;        /* what the next dispatch takes: pipeline, bindings, push constants */
    fake_object *first, *next; /* command buffers of a pool, sets of a pool */
    VkComputePipelineCreateInfo pipeline_info;
    uint32_t constant_count, constant_ids[FAKE_CONSTANTS_MAX], constant_values[FAKE_CONSTANTS_MAX];
    uint64_t ticks[8];
};

/* The object of a handle; a handle of another kind ends the program. */
fake_object *fake_object_of(uint64_t handle, fake_kind kind);
#define FAKE_OBJECT(handle, kind) fake_object_of((uint64_t)(uintptr_t)(handle), kind)

/* Whether this call is to fail. */
VkResult fake_next_result(void);
fake_object *fake_new(fake_kind kind);
/* NULL is fine. */
void fake_delete(uint64_t handle, fake_kind kind);
const octavo_device_snapshot *fake_snapshot(void);
void fake_count_allocation(int change);
void fake_count_submission(void);

PFN_vkVoidFunction fake_physical_function(const char *name);
PFN_vkVoidFunction fake_memory_function(const char *name);
PFN_vkVoidFunction fake_pipeline_function(const char *name);
PFN_vkVoidFunction fake_command_function(const char *name);

typedef struct fake_function {
    const char *name;
    PFN_vkVoidFunction function;
} fake_function;
#define FAKE_ROW(name)                                                                                                 \
    { #name, (PFN_vkVoidFunction)name##_fake }
PFN_vkVoidFunction fake_find(const fake_function *list, size_t count, const char *name);

#endif
