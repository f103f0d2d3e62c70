/* The command's Vulkan: volk finds the loader, --device chooses, compiled pipelines are kept in a folder. */
#ifndef OCTAVO_VULKAN_HOST_H
#define OCTAVO_VULKAN_HOST_H

#include "error_line.h"
#include "pipeline_folder.h"

typedef struct octavo_vulkan_host {
    bool verbose;    /* also log what was chosen */
    bool validation; /* load the validation layer */
    uint32_t hidden_capabilities;
    octavo_pipeline_folder folder;
    octavo_pipeline_store store;
} octavo_vulkan_host;

/* Loads Vulkan. False: no loader. The host outlives the devices made with it. */
bool octavo_vulkan_host_start(octavo_vulkan_host *host, bool verbose, octavo_error_line *error);

/* *descriptions is allocated with malloc. */
bool octavo_vulkan_host_list(octavo_vulkan_host *host, octavo_device_description **descriptions, uint32_t *count,
                             octavo_error_line *error);

/* choice: NULL for the best, an index, or a part of a name in any case; the first usable device that fits. */
bool octavo_vulkan_host_open(octavo_vulkan_host *host, const char *choice, octavo_device **device,
                             octavo_error_line *error);
bool octavo_vulkan_host_open_index(octavo_vulkan_host *host, uint32_t index, octavo_device **device,
                                   octavo_error_line *error);

/* Writes log lines to stderr: errors and warnings, and the rest when user points to a true `bool verbose`. */
void octavo_vulkan_host_log(void *user, octavo_log_level level, const char *line);

#endif
