#include "fake_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

octavo_status fake_device_open(fabricated_device which, octavo_device_snapshot *snapshot,
                               const octavo_device_create_info *info, test_log *log, octavo_device **device) {
    octavo_device_create_info mine = OCTAVO_DEVICE_CREATE_INFO_INIT;
    if (info) mine = *info;
    mine.get_instance_proc_addr = fake_get_instance_proc_addr;
    if (log) {
        mine.host.log = test_log_line;
        mine.host.log_user = log;
    }
    fabricate_device(which, snapshot);
    fake_reset(snapshot);
    return octavo_device_create(&mine, device);
}

static VkBool32 get_blob(void *user, const char *key, void *data, size_t *size) {
    memory_store *store = user;
    store->gets++;
    if (!store->blob || strcmp(store->key, key) != 0) return VK_FALSE;
    size_t whole = store->claimed_size ? store->claimed_size : store->size;
    if (data && store->grows) whole++;
    size_t copied = *size < store->size ? *size : store->size;
    if (data) memcpy(data, store->blob, copied);
    *size = whole;
    return VK_TRUE;
}

static void set_blob(void *user, const char *key, const void *data, size_t size) {
    memory_store *store = user;
    store->sets++;
    free(store->blob);
    store->blob = malloc(size);
    if (!store->blob) abort();
    memcpy(store->blob, data, size);
    store->size = size;
    snprintf(store->key, sizeof store->key, "%s", key);
}

octavo_pipeline_store memory_store_callbacks(memory_store *store) {
    return (octavo_pipeline_store){store, get_blob, set_blob};
}

void memory_store_finish(memory_store *store) {
    free(store->blob);
    memset(store, 0, sizeof *store);
}
