#include "test_device.h"

#include "gpu/device_internal.h"
#include "pin_libraries.h"

#include <stdio.h>
#include <stdlib.h>
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

/* Loads the drivers by asking one instance for its devices. */
static void pin_drivers(void) {
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_1};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};
    VkInstance instance;
    uint32_t count = 0;
    if (vkCreateInstance(&info, NULL, &instance) != VK_SUCCESS) return;
    volkLoadInstanceOnly(instance);
    vkEnumeratePhysicalDevices(instance, &count, NULL);
    test_pin_libraries();
    vkDestroyInstance(instance, NULL);
}

PFN_vkGetInstanceProcAddr test_vulkan_loader(void) {
    if (volkInitialize() != VK_SUCCESS) return NULL;
    if (test_has_address_sanitizer()) pin_drivers();
    return vkGetInstanceProcAddr;
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

unsigned test_device_share(const octavo_device *device) {
    unsigned power = 0; /* lavapipe's subgroups have 2^2, 2^3, 2^4 lanes */
    if (device->snapshot.driver_id == VK_DRIVER_ID_GOOGLE_SWIFTSHADER) return TEST_SWIFTSHADER;
    while (device->snapshot.subgroup_size >> power > 1u) power++;
    return power % TEST_DEVICE_SHARES;
}

bool test_device_takes(const octavo_device *device, unsigned item) {
    if (device->snapshot.type != VK_PHYSICAL_DEVICE_TYPE_CPU || getenv("OCTAVO_TEST_ALL_SHAPES") != NULL) return true;
    return item % TEST_DEVICE_SHARES == test_device_share(device);
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
