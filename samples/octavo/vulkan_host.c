#include "vulkan_host.h"

#include <volk.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void octavo_vulkan_host_log(void *user, octavo_log_level level, const char *line) {
    const bool *verbose = user;
    if (level == OCTAVO_LOG_INFO && (verbose == NULL || !*verbose)) return;
    const char *name = level == OCTAVO_LOG_ERROR ? "error: " : level == OCTAVO_LOG_WARNING ? "warning: " : "";
    (void)fprintf(stderr, "octavo: %s%s\n", name, line);
}

bool octavo_vulkan_host_start(octavo_vulkan_host *host, bool verbose, octavo_error_line *error) {
    memset(host, 0, sizeof *host);
    host->verbose = verbose;
    if (octavo_pipeline_folder_find(&host->folder)) host->store = octavo_pipeline_folder_store(&host->folder);
    if (volkInitialize() != VK_SUCCESS)
        return octavo_error_line_set(error, "there is no Vulkan loader (libvulkan.so.1) on this machine");
    return true;
}

static octavo_device_create_info create_info(octavo_vulkan_host *host) {
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    info.host.log = octavo_vulkan_host_log;
    info.host.log_user = &host->verbose;
    info.get_instance_proc_addr = vkGetInstanceProcAddr;
    info.validation = host->validation;
    info.hidden_capabilities = host->hidden_capabilities;
    if (host->store.get != NULL) info.pipeline_store = &host->store;
    return info;
}

bool octavo_vulkan_host_list(octavo_vulkan_host *host, octavo_device_description **descriptions, uint32_t *count,
                             octavo_error_line *error) {
    octavo_device_create_info info = create_info(host);
    uint32_t capacity = 0;
    *descriptions = NULL;
    octavo_status status = octavo_enumerate_devices(&info, &capacity, NULL);
    if (status == OCTAVO_SUCCESS) {
        *descriptions = calloc((size_t)capacity + 1, sizeof **descriptions);
        if (*descriptions == NULL) status = OCTAVO_OUT_OF_HOST_MEMORY;
    }
    *count = capacity;
    if (status == OCTAVO_SUCCESS) status = octavo_enumerate_devices(&info, count, *descriptions);
    if (status == OCTAVO_SUCCESS) {
        if (*count > capacity) *count = capacity; /* a device came in between */
        return true;
    }
    free(*descriptions);
    *descriptions = NULL;
    return octavo_error_line_set(error, "the Vulkan devices could not be listed: %s", octavo_status_string(status));
}

bool octavo_vulkan_host_open_index(octavo_vulkan_host *host, uint32_t index, octavo_device **device,
                                   octavo_error_line *error) {
    octavo_device_create_info info = create_info(host);
    info.device_index = index;
    octavo_status status = octavo_device_create(&info, device);
    if (status == OCTAVO_SUCCESS) return true;
    return octavo_error_line_set(error, "no device could be opened: %s", octavo_status_string(status));
}

static bool contains(const char *text, const char *part) {
    size_t length = strlen(part);
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (i < length && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) i++;
        if (i == length) return true;
    }
    return length == 0;
}

/* The index of the first usable device with the name, else of the first one, else count. */
static uint32_t find_by_name(const octavo_device_description *descriptions, uint32_t count, const char *name) {
    uint32_t found = count;
    for (uint32_t i = count; i-- > 0;) {
        if (!contains(descriptions[i].name, name)) continue;
        if (found == count || descriptions[i].usable || !descriptions[found].usable) found = i;
    }
    return found;
}

bool octavo_vulkan_host_open(octavo_vulkan_host *host, const char *choice, octavo_device **device,
                             octavo_error_line *error) {
    if (choice == NULL) return octavo_vulkan_host_open_index(host, OCTAVO_DEVICE_BEST, device, error);
    octavo_device_description *descriptions = NULL;
    uint32_t count = 0;
    if (!octavo_vulkan_host_list(host, &descriptions, &count, error)) return false;
    uint32_t index = count;
    size_t digits = strspn(choice, "0123456789");
    if (digits > 0 && choice[digits] == '\0')
        index = digits < 9 ? (uint32_t)strtoul(choice, NULL, 10) : count;
    else
        index = find_by_name(descriptions, count, choice);
    bool opened = false;
    if (index >= count)
        (void)octavo_error_line_set(error, "--device: '%.64s' is none of the %u devices (see octavo devices)", choice,
                                    (unsigned)count);
    else if (!descriptions[index].usable)
        (void)octavo_error_line_set(error, "--device: %s cannot be used: %s", descriptions[index].name,
                                    descriptions[index].reason);
    else
        opened = octavo_vulkan_host_open_index(host, index, device, error);
    free(descriptions);
    return opened;
}
