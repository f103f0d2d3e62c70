#include "test_device.h"

#include <stdio.h>
#include <string.h>
#include <volk.h>

static const uint32_t scale_words[] = {
#include "scale_words.inc"
};

void test_log_init(test_log *log) {
    memset(log, 0, sizeof *log);
    octavo_mutex_init(&log->mutex);
}

void test_log_finish(test_log *log) {
    octavo_mutex_destroy(&log->mutex);
}

void test_log_line(void *user, octavo_log_level level, const char *line) {
    test_log *log = user;
    octavo_mutex_lock(&log->mutex);
    log->lines[level]++;
    snprintf(log->last[level], sizeof log->last[level], "%s", line);
    if (strncmp(line, "validation: ", 12) == 0) {
        log->validation++;
        snprintf(log->last_validation, sizeof log->last_validation, "%s", line);
    }
    octavo_mutex_unlock(&log->mutex);
}

PFN_vkGetInstanceProcAddr test_vulkan_loader(void) {
    return volkInitialize() == VK_SUCCESS ? vkGetInstanceProcAddr : NULL;
}

octavo_status test_device_open(uint32_t hidden_capabilities, VkBool32 validation, test_log *log,
                               octavo_device **device) {
    octavo_device_create_info info = OCTAVO_DEVICE_CREATE_INFO_INIT;
    info.get_instance_proc_addr = test_vulkan_loader();
    info.hidden_capabilities = hidden_capabilities;
    info.validation = validation;
    if (log) {
        info.host.log = test_log_line;
        info.host.log_user = log;
    }
    return octavo_device_create(&info, device);
}

octavo_gpu_pipeline_info test_scale_pipeline_info(uint32_t factor, uint32_t workgroup_size) {
    return (octavo_gpu_pipeline_info){.name = "scale_words",
                                      .code = scale_words,
                                      .code_bytes = sizeof scale_words,
                                      .binding_count = 2,
                                      .push_constant_bytes = 8,
                                      .constant_count = 2,
                                      .constant_ids = {0, 253},
                                      .constant_values = {factor, workgroup_size}};
}
