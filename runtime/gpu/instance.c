#include "gpu/instance.h"

#include <string.h>

static const char validation_layer[] = "VK_LAYER_KHRONOS_validation";

static VKAPI_ATTR VkBool32 VKAPI_CALL forward_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                      VkDebugUtilsMessageTypeFlagsEXT types,
                                                      const VkDebugUtilsMessengerCallbackDataEXT *data, void *user) {
    (void)types;
    octavo_log_level level =
        severity >= VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT ? OCTAVO_LOG_ERROR : OCTAVO_LOG_WARNING;
    octavo_base_log(user, level, "validation: %s", data->pMessage ? data->pMessage : "(no text)");
    return VK_FALSE;
}

static VkBool32 has_layer(const octavo_base_host *host, const octavo_gpu_global_table *global, const char *name) {
    uint32_t count = 0;
    if (!global->vkEnumerateInstanceLayerProperties) return VK_FALSE;
    if (global->vkEnumerateInstanceLayerProperties(&count, NULL) < 0 || count == 0) return VK_FALSE;
    VkLayerProperties *layers = octavo_base_allocate(host, count * sizeof *layers);
    if (!layers) return VK_FALSE;
    const size_t bytes = count * sizeof *layers;
    VkBool32 found = VK_FALSE;
    if (global->vkEnumerateInstanceLayerProperties(&count, layers) >= 0) {
        for (uint32_t i = 0; i < count; i++) found |= strcmp(layers[i].layerName, name) == 0;
    }
    octavo_base_release(host, layers, bytes);
    return found;
}

static VkBool32 has_extension(const octavo_base_host *host, const octavo_gpu_global_table *global, const char *layer,
                              const char *name) {
    uint32_t count = 0;
    if (global->vkEnumerateInstanceExtensionProperties(layer, &count, NULL) < 0 || count == 0) return VK_FALSE;
    VkExtensionProperties *extensions = octavo_base_allocate(host, count * sizeof *extensions);
    if (!extensions) return VK_FALSE;
    const size_t bytes = count * sizeof *extensions;
    VkBool32 found = VK_FALSE;
    if (global->vkEnumerateInstanceExtensionProperties(layer, &count, extensions) >= 0) {
        for (uint32_t i = 0; i < count; i++) found |= strcmp(extensions[i].extensionName, name) == 0;
    }
    octavo_base_release(host, extensions, bytes);
    return found;
}

static uint32_t choose_version(const octavo_gpu_global_table *global) {
    uint32_t version = VK_API_VERSION_1_0;
    if (global->vkEnumerateInstanceVersion && global->vkEnumerateInstanceVersion(&version) < 0) {
        version = VK_API_VERSION_1_0;
    }
    return version < VK_API_VERSION_1_3 ? version & ~0xfffu : VK_API_VERSION_1_3;
}

octavo_status octavo_gpu_instance_create(const octavo_base_host *host, PFN_vkGetInstanceProcAddr get,
                                         VkBool32 validation, octavo_gpu_instance *instance) {
    *instance = (octavo_gpu_instance){.handle = VK_NULL_HANDLE};
    octavo_gpu_global_table global;
    const char *missing = octavo_gpu_load_global(&global, get);
    if (missing) return octavo_base_fail(host, OCTAVO_NO_DEVICE, "get_instance_proc_addr does not know %s", missing);
    if (validation && !has_layer(host, &global, validation_layer)) {
        return octavo_base_fail(host, OCTAVO_UNSUPPORTED, "validation: the layer %s is not installed",
                                validation_layer);
    }
    const char *extensions[2];
    uint32_t extension_count = 0;
    VkInstanceCreateFlags flags = 0;
    instance->debug_utils =
        has_extension(host, &global, NULL, VK_EXT_DEBUG_UTILS_EXTENSION_NAME) ||
        (validation && has_extension(host, &global, validation_layer, VK_EXT_DEBUG_UTILS_EXTENSION_NAME));
    if (instance->debug_utils) extensions[extension_count++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
    if (has_extension(host, &global, NULL, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) {
        extensions[extension_count++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
        flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
    }
    instance->api_version = choose_version(&global);

    VkDebugUtilsMessengerCreateInfoEXT messenger = {.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
                                                    .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                                                                       VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
                                                    .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_GENERAL_BIT_EXT |
                                                                   VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                                                                   VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT,
                                                    .pfnUserCallback = forward_message,
                                                    .pUserData = (void *)(uintptr_t)host};
    const VkBool32 listens = validation && instance->debug_utils;
    const char *layer = validation_layer;
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                     .pEngineName = "octavo",
                                     .engineVersion = OCTAVO_VERSION_MAJOR * 1000000 + OCTAVO_VERSION_MINOR * 1000,
                                     .apiVersion = instance->api_version};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                 .pNext = listens ? &messenger : NULL,
                                 .flags = flags,
                                 .pApplicationInfo = &application,
                                 .enabledLayerCount = validation ? 1 : 0,
                                 .ppEnabledLayerNames = &layer,
                                 .enabledExtensionCount = extension_count,
                                 .ppEnabledExtensionNames = extensions};
    VkResult result = global.vkCreateInstance(&info, NULL, &instance->handle);
    if (result < 0) {
        instance->handle = VK_NULL_HANDLE;
        return octavo_base_fail(host,
                                result == VK_ERROR_OUT_OF_HOST_MEMORY ? OCTAVO_OUT_OF_HOST_MEMORY : OCTAVO_NO_DEVICE,
                                "vkCreateInstance returned %d", (int)result);
    }
    missing = octavo_gpu_load_instance(&instance->vk, get, instance->handle);
    if (missing) {
        octavo_gpu_instance_destroy(instance);
        return octavo_base_fail(host, OCTAVO_NO_DEVICE, "the instance does not know %s", missing);
    }
    if (listens && instance->vk.vkCreateDebugUtilsMessengerEXT && instance->vk.vkDestroyDebugUtilsMessengerEXT) {
        result = instance->vk.vkCreateDebugUtilsMessengerEXT(instance->handle, &messenger, NULL, &instance->messenger);
        if (result < 0) instance->messenger = VK_NULL_HANDLE;
    }
    return OCTAVO_SUCCESS;
}

void octavo_gpu_instance_destroy(octavo_gpu_instance *instance) {
    if (instance->messenger) {
        instance->vk.vkDestroyDebugUtilsMessengerEXT(instance->handle, instance->messenger, NULL);
    }
    if (instance->handle && instance->vk.vkDestroyInstance) instance->vk.vkDestroyInstance(instance->handle, NULL);
    instance->handle = VK_NULL_HANDLE;
    instance->messenger = VK_NULL_HANDLE;
}

octavo_status octavo_gpu_list_physical_devices(const octavo_base_host *host, const octavo_gpu_instance *instance,
                                               octavo_gpu_physical_devices *devices) {
    devices->count = OCTAVO_GPU_PHYSICAL_DEVICES_MAX;
    VkResult result = instance->vk.vkEnumeratePhysicalDevices(instance->handle, &devices->count, devices->list);
    if (result >= 0) return OCTAVO_SUCCESS;
    devices->count = 0;
    /* so some loaders say that there is no driver at all */
    if (result == VK_ERROR_INITIALIZATION_FAILED) return OCTAVO_SUCCESS;
    return octavo_base_fail(host, OCTAVO_NO_DEVICE, "vkEnumeratePhysicalDevices returned %d", (int)result);
}
