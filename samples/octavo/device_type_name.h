/* The kinds of devices, as the command's tables and JSON name them. */
#ifndef OCTAVO_DEVICE_TYPE_NAME_H
#define OCTAVO_DEVICE_TYPE_NAME_H

#include <vulkan/vulkan_core.h>

const char *octavo_device_type_name(VkPhysicalDeviceType type);

#endif
