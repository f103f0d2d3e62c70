/* octavo_fleet_compile [--device INDEX] [--from JOB] [--list] [MODULE...]
 *
 * Compiles compute shaders with one device's own compiler and prints a line of tab-separated values for each. Without
 * MODULE (see fleet_list.h for its spelling) it compiles what the library would run on this device.
 * A job's number goes to stderr before it starts, so that a script can go on with --from after a compiler crashed.
 * Exit: 0 every job compiled and no chosen one spills, 1 one did not, 2 usage, 3 no device. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet_list.h"
#include "fleet_module.h"
#include "fleet_statistics.h"

enum { MAX_JOBS = 4096, PUSH_CONSTANT_BYTES = 128 };

typedef enum fleet_result { FLEET_OK, FLEET_UNSUPPORTED, FLEET_FAILED, FLEET_SPILLS } fleet_result;
static const char *const result_names[] = {"ok", "unsupported", "failed", "spills"};

/* Why the device cannot take the job, or NULL. */
static const char *find_obstacle(const fleet_device *device, const fleet_job *job, const fleet_module *module) {
    for (uint32_t i = 0; i < module->capability_count; i++) {
        const char *missing = fleet_device_missing(device, module->capabilities[i]);
        if (missing) {
            return missing;
        }
    }
    if (job->full_subgroups && !device->features.subgroup_size.computeFullSubgroups) {
        return "computeFullSubgroups";
    }
    if (job->subgroup_size == 0) {
        return NULL;
    }
    if (!device->features.subgroup_size.subgroupSizeControl ||
        !(device->subgroup_sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT)) {
        return "subgroupSizeControl";
    }
    bool inside = job->subgroup_size >= device->subgroup_sizes.minSubgroupSize &&
                  job->subgroup_size <= device->subgroup_sizes.maxSubgroupSize;
    return inside ? NULL : "subgroup size out of the device's range";
}

static VkResult create_layout(const fleet_device *device, const fleet_module *module, VkDescriptorSetLayout *sets,
                              VkPipelineLayout *layout) {
    for (uint32_t set = 0; set < module->set_count; set++) {
        VkDescriptorSetLayoutBinding bindings[FLEET_MAX_BINDINGS];
        uint32_t count = 0;
        for (uint32_t i = 0; i < module->binding_count; i++) {
            if (module->bindings[i].set == set) {
                bindings[count++] = (VkDescriptorSetLayoutBinding){
                    .binding = module->bindings[i].binding,
                    .descriptorType = module->bindings[i].uniform_buffer ? VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER
                                                                         : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                    .descriptorCount = 1,
                    .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
            }
        }
        VkDescriptorSetLayoutCreateInfo info = {
            .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, .bindingCount = count, .pBindings = bindings};
        VkResult result = device->vkCreateDescriptorSetLayout(device->device, &info, NULL, &sets[set]);
        if (result != VK_SUCCESS) {
            return result;
        }
    }
    VkPushConstantRange range = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = PUSH_CONSTANT_BYTES};
    VkPipelineLayoutCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                       .setLayoutCount = module->set_count,
                                       .pSetLayouts = sets,
                                       .pushConstantRangeCount = 1,
                                       .pPushConstantRanges = &range};
    return device->vkCreatePipelineLayout(device->device, &info, NULL, layout);
}

static VkResult create_pipeline(const fleet_device *device, const fleet_job *job, VkShaderModule shader,
                                VkPipelineLayout layout, VkPipeline *pipeline) {
    VkSpecializationMapEntry entries[FLEET_MAX_CONSTANTS];
    uint32_t values[FLEET_MAX_CONSTANTS];
    for (uint32_t i = 0; i < job->constant_count; i++) {
        values[i] = job->constants[i].value;
        entries[i] = (VkSpecializationMapEntry){
            .constantID = job->constants[i].id, .offset = i * (uint32_t)sizeof values[0], .size = sizeof values[0]};
    }
    VkSpecializationInfo constants = {.mapEntryCount = job->constant_count,
                                      .pMapEntries = entries,
                                      .dataSize = job->constant_count * sizeof values[0],
                                      .pData = values};
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo required = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = job->subgroup_size};
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .layout = layout,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pNext = job->subgroup_size ? &required : NULL,
                  .flags = job->full_subgroups ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT : 0,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = shader,
                  .pName = job->entry,
                  .pSpecializationInfo = &constants}};
    if (device->features.statistics.pipelineExecutableInfo) {
        info.flags = VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR;
    }
    return device->vkCreateComputePipelines(device->device, VK_NULL_HANDLE, 1, &info, NULL, pipeline);
}

static fleet_result compile(const fleet_device *device, const fleet_job *job, fleet_statistics *statistics,
                            char *reason, size_t reason_size) {
    static fleet_module module;
    const char *problem = fleet_module_read(job->words, job->word_count, &module);
    if (problem) {
        snprintf(reason, reason_size, "the module has %s", problem);
        return FLEET_FAILED;
    }
    problem = find_obstacle(device, job, &module);
    if (problem) {
        snprintf(reason, reason_size, "%s", problem);
        return FLEET_UNSUPPORTED;
    }
    VkDescriptorSetLayout sets[FLEET_MAX_SETS] = {VK_NULL_HANDLE};
    VkPipelineLayout layout = VK_NULL_HANDLE;
    VkShaderModule shader = VK_NULL_HANDLE;
    VkPipeline pipeline = VK_NULL_HANDLE;
    VkShaderModuleCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                     .codeSize = job->word_count * sizeof job->words[0],
                                     .pCode = job->words};
    VkResult result = create_layout(device, &module, sets, &layout);
    if (result == VK_SUCCESS) {
        result = device->vkCreateShaderModule(device->device, &info, NULL, &shader);
    }
    if (result == VK_SUCCESS) {
        result = create_pipeline(device, job, shader, layout, &pipeline);
    }
    fleet_result outcome = FLEET_FAILED;
    if (result == VK_SUCCESS && pipeline != VK_NULL_HANDLE) {
        fleet_statistics_read(device, pipeline, statistics);
        outcome = statistics->memory ? FLEET_SPILLS : FLEET_OK;
    } else {
        snprintf(reason, reason_size, "VkResult %d", (int)result);
    }
    device->vkDestroyPipeline(device->device, pipeline, NULL);
    device->vkDestroyShaderModule(device->device, shader, NULL);
    device->vkDestroyPipelineLayout(device->device, layout, NULL);
    for (uint32_t i = 0; i < module.set_count; i++) {
        device->vkDestroyDescriptorSetLayout(device->device, sets[i], NULL);
    }
    return outcome;
}

static void print_number(int64_t number) {
    if (number == FLEET_UNKNOWN) {
        printf("\t-");
    } else {
        printf("\t%lld", (long long)number);
    }
}

static void print_row(const fleet_device *device, const fleet_job *job, fleet_result result,
                      const fleet_statistics *statistics, const char *reason) {
    printf("%s\t%s\t%s\t%s\t%u", device->properties.deviceName, job->name, result_names[result],
           !job->chosen                               ? "-"
           : !job->has_rung || result != FLEET_SPILLS ? "chosen"
                                                      : "tried",
           statistics->subgroup_size);
    print_number(statistics->registers);
    print_number(statistics->spills);
    print_number(statistics->scratch);
    print_number(statistics->instructions);
    print_number(statistics->occupancy);
    printf("\t%s\n", *reason ? reason : statistics->raw);
    fflush(stdout);
}

static bool run(const fleet_device *device, const fleet_job *jobs, size_t count, size_t from) {
    static fleet_statistics statistics;
    bool ok = true;
    if (from == 0) {
        printf("device\tmodule\tresult\tchosen\tsubgroup\tregisters\tspills\tscratch\tinstructions\toccupancy\traw\n");
    }
    for (size_t i = from; i < count; i++) {
        char reason[256] = "";
        statistics = (fleet_statistics){.registers = FLEET_UNKNOWN,
                                        .spills = FLEET_UNKNOWN,
                                        .scratch = FLEET_UNKNOWN,
                                        .instructions = FLEET_UNKNOWN,
                                        .occupancy = FLEET_UNKNOWN};
        fprintf(stderr, "job %zu of %zu: %s\n", i, count, jobs[i].name);
        fleet_result result = compile(device, &jobs[i], &statistics, reason, sizeof reason);
        print_row(device, &jobs[i], result, &statistics, reason);
        ok = ok && result != FLEET_FAILED && !(result == FLEET_UNSUPPORTED && jobs[i].chosen) &&
             !(result == FLEET_SPILLS && jobs[i].chosen && !jobs[i].has_rung);
        while (result != FLEET_SPILLS && i + 1 < count && jobs[i].has_rung) {
            i++; /* a plan would stay on this rung */
        }
    }
    return ok;
}

static bool parse_number(const char *text, uint32_t *number) {
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    *number = (uint32_t)value;
    return end != text && *end == '\0' && value < MAX_JOBS;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"device", required_argument, NULL, 'd'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"list", no_argument, NULL, 'l'},
                                            {NULL, 0, NULL, 0}};
    uint32_t index = 0, from = 0;
    bool list = false, understood = true;
    for (int option; (option = getopt_long(argc, argv, "d:f:l", options, NULL)) != -1;) {
        switch (option) {
        case 'd':
            understood = understood && parse_number(optarg, &index);
            break;
        case 'f':
            understood = understood && parse_number(optarg, &from);
            break;
        case 'l':
            list = true;
            break;
        default:
            understood = false;
        }
    }
    size_t argument_count = (size_t)(argc - optind);
    fleet_job *jobs = calloc(MAX_JOBS, sizeof *jobs);
    if (!understood || argument_count > MAX_JOBS || !jobs) {
        fprintf(stderr,
                "usage: octavo_fleet_compile [--device INDEX] [--from JOB] [--list] [FILE.spv[,OPTION...]...]\n");
        free(jobs);
        return 2;
    }
    int status = 2;
    fleet_device device = {0};
    size_t count = 0;
    for (; count < argument_count; count++) {
        if (!fleet_job_from_argument(argv[(size_t)optind + count], &jobs[count])) {
            goto done;
        }
    }
    status = 3;
    if (!fleet_device_open(&device, index)) {
        goto done;
    }
    if (argument_count == 0) {
        count = fleet_jobs(&device, jobs, MAX_JOBS);
        if (count == 0 || count > MAX_JOBS) {
            fprintf(stderr, "the library lists %zu jobs for this device; 1..%d can be compiled\n", count, MAX_JOBS);
            count = 0;
            status = 1;
            goto done;
        }
    }
    if (list) {
        for (size_t i = from; i < count; i++) {
            printf("%s\n", jobs[i].name);
        }
        status = 0;
    } else {
        status = run(&device, jobs, count, from) ? 0 : 1;
    }
done:
    for (size_t i = 0; i < count; i++) {
        fleet_job_release(&jobs[i]);
    }
    free(jobs);
    fleet_device_close(&device);
    return status;
}
