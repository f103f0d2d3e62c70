#include "fake_dispatch.h"

#include "fake_objects.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const octavo_device_snapshot *current_snapshot;
static const char *hidden_names;
static atomic_uint calls, fail_index, live_objects, live_allocations, submissions;
static atomic_int fail_result, fail_sticky;

#define READ(variable) atomic_load_explicit(&(variable), memory_order_relaxed)
#define WRITE(variable, value) atomic_store_explicit(&(variable), value, memory_order_relaxed)
#define ADD(variable, value) atomic_fetch_add_explicit(&(variable), value, memory_order_relaxed)

void fake_reset(const octavo_device_snapshot *snapshot) {
    current_snapshot = snapshot;
    hidden_names = NULL;
    WRITE(live_objects, 0);
    WRITE(live_allocations, 0);
    WRITE(submissions, 0);
    fake_fail_never();
}

void fake_hide(const char *names) {
    hidden_names = names;
}

void fake_fail(uint32_t index, VkResult result, VkBool32 sticky) {
    WRITE(calls, 0);
    WRITE(fail_index, index);
    WRITE(fail_result, (int)result);
    WRITE(fail_sticky, (int)sticky);
}

void fake_fail_never(void) {
    fake_fail(UINT32_MAX, VK_SUCCESS, VK_FALSE);
}

uint32_t fake_fallible_calls(void) {
    return READ(calls);
}

uint32_t fake_live_objects(void) {
    return READ(live_objects);
}

uint32_t fake_live_allocations(void) {
    return READ(live_allocations);
}

uint32_t fake_submissions(void) {
    return READ(submissions);
}

VkResult fake_next_result(void) {
    uint32_t index = ADD(calls, 1u), wanted = READ(fail_index);
    VkBool32 fails = index == wanted || (READ(fail_sticky) && index > wanted);
    return fails ? (VkResult)READ(fail_result) : VK_SUCCESS;
}

const octavo_device_snapshot *fake_snapshot(void) {
    return current_snapshot;
}

void fake_count_allocation(int change) {
    ADD(live_allocations, (unsigned)change);
}

void fake_count_submission(void) {
    ADD(submissions, 1u);
}

fake_object *fake_object_of(uint64_t handle, fake_kind kind) {
    fake_object *object = (fake_object *)(uintptr_t)handle;
    if (!object || object->kind != kind) {
        fprintf(stderr, "fake Vulkan: a handle is of kind %d, not %d\n", object ? (int)object->kind : 0, (int)kind);
        abort();
    }
    return object;
}

fake_object *fake_new(fake_kind kind) {
    fake_object *object = calloc(1, sizeof *object);
    if (!object) abort();
    object->kind = kind;
    ADD(live_objects, 1u);
    return object;
}

void fake_delete(uint64_t handle, fake_kind kind) {
    if (!handle) return;
    fake_object *object = fake_object_of(handle, kind);
    if (object->mapped != object->bytes) free(object->mapped);
    free(object->bytes);
    free(object->commands);
    object->kind = (fake_kind)0;
    free(object);
    ADD(live_objects, (unsigned)-1);
}

PFN_vkVoidFunction fake_find(const fake_function *list, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) return list[i].function;
    }
    return NULL;
}

static VkBool32 is_hidden(const char *name) {
    const char *found = hidden_names ? strstr(hidden_names, name) : NULL;
    return found && (found[strlen(name)] == 0 || found[strlen(name)] == ' ');
}

PFN_vkVoidFunction VKAPI_CALL fake_get_instance_proc_addr(VkInstance instance, const char *name) {
    (void)instance;
    if (is_hidden(name)) return NULL;
    PFN_vkVoidFunction (*const sources[])(const char *) = {fake_physical_function, fake_memory_function,
                                                           fake_pipeline_function, fake_command_function};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        PFN_vkVoidFunction function = sources[i](name);
        if (function) return function;
    }
    return NULL;
}
