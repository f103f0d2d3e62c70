/* Fills a snapshot from Vulkan. */
#ifndef OCTAVO_SNAPSHOT_QUERY_H
#define OCTAVO_SNAPSHOT_QUERY_H

#include "base/log_line.h"
#include "gpu/device_snapshot.h"
#include "gpu/dispatch_table.h"

/* api_version: what the instance was made with. A device of Vulkan 1.0 gives a snapshot of its name, version and limits
 * only (the plan refuses it). The matrix shapes past the snapshot's capacity are left out with a log line. */
octavo_status octavo_gpu_snapshot_query(const octavo_base_host *host, const octavo_gpu_instance_table *vk,
                                        VkPhysicalDevice physical_device, uint32_t api_version,
                                        octavo_device_snapshot *snapshot);

#endif
