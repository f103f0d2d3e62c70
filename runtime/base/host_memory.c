#include "base/host_memory.h"

#include <stdlib.h>
#include <string.h>

static void *allocate_with_malloc(void *user, size_t size) {
    (void)user;
    return malloc(size);
}

static void release_with_free(void *user, void *memory, size_t size) {
    (void)user;
    (void)size;
    free(memory);
}

void octavo_base_host_init(octavo_base_host *result, const octavo_host *host) {
    *result = (octavo_base_host){.allocator = {NULL, allocate_with_malloc, release_with_free}};
    if (!host) return;
    result->log = host->log;
    result->log_user = host->log_user;
    if (host->allocator) result->allocator = *host->allocator;
}

void *octavo_base_allocate(const octavo_base_host *host, size_t size) {
    void *memory = size ? host->allocator.allocate(host->allocator.user, size) : NULL;
    if (memory) memset(memory, 0, size);
    return memory;
}

void octavo_base_release(const octavo_base_host *host, void *memory, size_t size) {
    if (memory) host->allocator.release(host->allocator.user, memory, size);
}
