#include "fleet_statistics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "attention/kernel_tuning.h"

enum { MAX_EXECUTABLES = 8, MAX_STATISTICS = 64 };

/* RADV's spilled SGPRs go to vector registers, not to memory, so they are only in the raw list. */
static const struct {
    const char *name;
    size_t member;
} meanings[] = {
    {"VGPRs", offsetof(fleet_statistics, registers)},
    {"Number of GPRs", offsetof(fleet_statistics, registers)},
    {"Max live registers", offsetof(fleet_statistics, registers)},
    {"Registers used", offsetof(fleet_statistics, registers)},
    {"GPRs", offsetof(fleet_statistics, registers)},
    {"Work registers", offsetof(fleet_statistics, registers)},
    {"Registers", offsetof(fleet_statistics, registers)},
    {"Temp count", offsetof(fleet_statistics, registers)},
    {"Spilled VGPRs", offsetof(fleet_statistics, spills)},
    {"Spills to memory", offsetof(fleet_statistics, spills)},
    {"Spill Count", offsetof(fleet_statistics, spills)},
    {"Spill count", offsetof(fleet_statistics, spills)},
    {"Spills", offsetof(fleet_statistics, spills)},
    {"TMU Spills", offsetof(fleet_statistics, spills)},
    {"STP Count", offsetof(fleet_statistics, spills)},
    {"Scratch size", offsetof(fleet_statistics, scratch)},
    {"Scratch Memory Size", offsetof(fleet_statistics, scratch)},
    {"Scratch", offsetof(fleet_statistics, scratch)},
    {"Spill Size", offsetof(fleet_statistics, scratch)},
    {"SLM Size", offsetof(fleet_statistics, scratch)},
    {"SLM size", offsetof(fleet_statistics, scratch)},
    {"Instructions", offsetof(fleet_statistics, instructions)},
    {"Instruction Count", offsetof(fleet_statistics, instructions)},
    {"Instruction count", offsetof(fleet_statistics, instructions)},
    {"Inst group count", offsetof(fleet_statistics, instructions)},
    {"Subgroups per SIMD", offsetof(fleet_statistics, occupancy)},
    {"Max warps/SM", offsetof(fleet_statistics, occupancy)},
    {"Max Waves Per Core", offsetof(fleet_statistics, occupancy)},
    {"Threads", offsetof(fleet_statistics, occupancy)},
    {"Thread Count", offsetof(fleet_statistics, occupancy)},
};

static void append(char *text, const char *format, ...) {
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, FLEET_RAW_SIZE - used, format, arguments);
    va_end(arguments);
}

static void keep_worst(fleet_statistics *statistics, const char *name, int64_t value) {
    statistics->memory = statistics->memory || octavo_kernel_is_spill(name, (double)value);
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (strcmp(meanings[i].name, name) == 0) {
            int64_t kept;
            char *member = (char *)statistics + meanings[i].member;
            memcpy(&kept, member, sizeof kept);
            bool fewer_is_worse = meanings[i].member == offsetof(fleet_statistics, occupancy);
            if (kept == FLEET_UNKNOWN || (fewer_is_worse ? value < kept : value > kept)) {
                memcpy(member, &value, sizeof value);
            }
            return;
        }
    }
}

static void read_executable(const fleet_device *device, VkPipeline pipeline, uint32_t index,
                            fleet_statistics *statistics) {
    static VkPipelineExecutableStatisticKHR list[MAX_STATISTICS];
    VkPipelineExecutableInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, .pipeline = pipeline, .executableIndex = index};
    uint32_t count = MAX_STATISTICS;
    for (uint32_t i = 0; i < count; i++) {
        list[i] = (VkPipelineExecutableStatisticKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR};
    }
    if (device->vkGetPipelineExecutableStatisticsKHR(device->device, &info, &count, list) < 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const VkPipelineExecutableStatisticKHR *one = &list[i];
        append(statistics->raw, "%s%s=", i ? "; " : "", one->name);
        switch (one->format) {
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR:
            append(statistics->raw, "%s", one->value.b32 ? "true" : "false");
            break;
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
            append(statistics->raw, "%" PRId64, one->value.i64);
            keep_worst(statistics, one->name, one->value.i64);
            break;
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR:
            append(statistics->raw, "%" PRIu64, one->value.u64);
            keep_worst(statistics, one->name, (int64_t)one->value.u64);
            break;
        default:
            append(statistics->raw, "%g", one->value.f64);
            keep_worst(statistics, one->name, (int64_t)one->value.f64);
            break;
        }
    }
}

void fleet_statistics_read(const fleet_device *device, VkPipeline pipeline, fleet_statistics *statistics) {
    *statistics = (fleet_statistics){.registers = FLEET_UNKNOWN,
                                     .spills = FLEET_UNKNOWN,
                                     .scratch = FLEET_UNKNOWN,
                                     .instructions = FLEET_UNKNOWN,
                                     .matrix = FLEET_UNKNOWN,
                                     .occupancy = FLEET_UNKNOWN};
    if (!device->features.statistics.pipelineExecutableInfo) {
        return;
    }
    static VkPipelineExecutablePropertiesKHR executables[MAX_EXECUTABLES];
    VkPipelineInfoKHR info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, .pipeline = pipeline};
    uint32_t count = MAX_EXECUTABLES;
    for (uint32_t i = 0; i < count; i++) {
        executables[i] =
            (VkPipelineExecutablePropertiesKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR};
    }
    if (device->vkGetPipelineExecutablePropertiesKHR(device->device, &info, &count, executables) < 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        append(statistics->raw, "%s%s: ", i ? " | " : "", executables[i].description);
        statistics->subgroup_size = executables[i].subgroupSize;
        read_executable(device, pipeline, i, statistics);
    }
}
