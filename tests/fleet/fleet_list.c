/* Asks the library, through the same functions that its plans use, what it would compile on this device. */
#include "fleet_list.h"

#include <stdio.h>
#include <string.h>

#include "attention/kernel_pipelines.h"
#include "gpu/device_plan.h"
#include "gpu/snapshot_query.h"

enum { FLEET_LAYOUT_OF_ALL_VARIANTS = 1 }; /* index into fleet_jobs' layouts: 128 channels, 3 bits */

typedef struct job_list {
    fleet_job *jobs;
    size_t capacity;
    size_t count;
} job_list;

static void log_line(void *user, octavo_log_level level, const char *text) {
    (void)user;
    (void)level;
    fprintf(stderr, "%s\n", text);
}

/* Several shapes can come to one pipeline: the first keeps its name, chosen once is chosen. */
static fleet_job *find_same(job_list *list, const fleet_job *job) {
    for (size_t i = 0; i < list->count && i < list->capacity; i++) {
        fleet_job *other = &list->jobs[i];
        if (other->words == job->words && other->subgroup_size == job->subgroup_size &&
            other->constant_count == job->constant_count &&
            memcmp(other->constants, job->constants, job->constant_count * sizeof job->constants[0]) == 0) {
            return other;
        }
    }
    return NULL;
}

static void add(job_list *list, const octavo_gpu_pipeline_info *info, const char *shape, bool chosen) {
    fleet_job job = {.words = info->code,
                     .word_count = info->code_bytes / sizeof info->code[0],
                     .subgroup_size = info->required_subgroup_size,
                     .full_subgroups = info->required_subgroup_size != 0,
                     .constant_count = info->constant_count,
                     .chosen = chosen};
    snprintf(job.name, sizeof job.name, "%s %s", info->name, shape);
    snprintf(job.entry, sizeof job.entry, "main");
    for (uint32_t i = 0; i < info->constant_count; i++) {
        job.constants[i] = (fleet_constant){.id = info->constant_ids[i], .value = info->constant_values[i]};
    }
    fleet_job *same = find_same(list, &job);
    if (same) {
        same->chosen = same->chosen || chosen;
        return;
    }
    if (list->count < list->capacity) {
        list->jobs[list->count] = job;
    }
    list->count++;
}

static void add_append(job_list *list, const octavo_packed_layout *layout, const char *shape) {
    octavo_gpu_pipeline_info key = octavo_kernel_rotate_info(layout->key_dim_padded, layout->key_bits, 0);
    octavo_gpu_pipeline_info value = octavo_kernel_rotate_info(layout->value_dim_padded, layout->value_bits, 0);
    octavo_gpu_pipeline_info pack = octavo_kernel_pack_info(layout);
    add(list, &key, shape, true);
    add(list, &value, shape, true);
    add(list, &pack, shape, true);
}

/* The variant that runs: the first that the tuner accepts. With `all`, also those that the device could run. */
static void add_attention(job_list *list, const octavo_device_snapshot *snapshot, uint32_t capabilities,
                          const octavo_kernel_shape *shape, const char *layout_name, bool all) {
    uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT];
    uint32_t count =
        octavo_kernel_variant_order(snapshot, capabilities, shape->layout->key_bits, shape->layout->value_bits, order);
    bool chosen = true;
    for (uint32_t i = 0; i < count && (chosen || all); i++) {
        const octavo_kernel_variant *variant = &octavo_kernel_variants[order[i]];
        octavo_kernel_tuning tuning;
        if (!octavo_kernel_tune(snapshot, variant, shape, &tuning)) {
            continue;
        }
        char name[FLEET_NAME_SIZE / 2];
        snprintf(name, sizeof name, "%.30s group %u %s lanes %u rows %u", layout_name, shape->group,
                 shape->phase == OCTAVO_PHASE_DECODE ? "decode" : "prefill", tuning.lanes, tuning.rows);
        octavo_gpu_pipeline_info rotate =
            octavo_kernel_rotate_info(shape->layout->key_dim_padded, shape->layout->key_bits, tuning.query_parts);
        octavo_gpu_pipeline_info walk = octavo_kernel_walk_info(shape->layout, variant, &tuning);
        octavo_gpu_pipeline_info merge = octavo_kernel_merge_info(shape->layout, &tuning);
        add(list, &rotate, name, chosen);
        add(list, &walk, name, chosen);
        add(list, &merge, name, chosen);
        chosen = false;
    }
}

size_t fleet_jobs(const fleet_device *device, fleet_job *jobs, size_t capacity) {
    static const struct {
        uint32_t key_dim, value_dim, key_bits, value_bits;
    } layouts[] = {{64, 64, 3, 3},   {128, 128, 3, 3}, {256, 256, 3, 3},   {80, 80, 3, 3}, {192, 128, 3, 3},
                   {128, 128, 4, 3}, {128, 128, 2, 2}, {128, 128, 16, 16}, {64, 64, 4, 4}, {64, 64, 16, 16}};
    static const uint32_t groups[] = {1, 4, 8};
    static const octavo_phase phases[] = {OCTAVO_PHASE_DECODE, OCTAVO_PHASE_PREFILL};

    octavo_host reports = {.log = log_line};
    octavo_base_host host;
    octavo_base_host_init(&host, &reports);
    octavo_gpu_instance_table table;
    octavo_device_snapshot snapshot;
    octavo_device_plan plan;
    octavo_device_plan_options options = {0};
    if (octavo_gpu_load_instance(&table, device->get_instance_proc_addr, device->instance) != NULL ||
        octavo_gpu_snapshot_query(&host, &table, device->physical_device, VK_API_VERSION_1_3, &snapshot) !=
            OCTAVO_SUCCESS) {
        return 0;
    }
    octavo_gpu_plan_device(&snapshot, &options, &plan);
    if (!plan.usable) {
        fprintf(stderr, "the library refuses %s: %s\n", snapshot.name, plan.reason);
        return 0;
    }
    job_list list = {.jobs = jobs, .capacity = capacity};
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        octavo_packed_layout layout = octavo_packed_layout_make(1, 8, layouts[i].key_dim, layouts[i].value_dim,
                                                                layouts[i].key_bits, layouts[i].value_bits);
        char name[64];
        snprintf(name, sizeof name, "d %u/%u bits %u/%u", layouts[i].key_dim, layouts[i].value_dim, layouts[i].key_bits,
                 layouts[i].value_bits);
        add_append(&list, &layout, name);
        for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
            for (size_t p = 0; p < sizeof phases / sizeof phases[0]; p++) {
                octavo_kernel_shape shape = {.layout = &layout, .group = groups[g], .phase = phases[p]};
                /* every module once; all shapes of what runs */
                bool all = i == FLEET_LAYOUT_OF_ALL_VARIANTS && groups[g] == 4 && phases[p] == OCTAVO_PHASE_DECODE;
                add_attention(&list, &snapshot, plan.capabilities, &shape, name, all);
            }
        }
    }
    return list.count;
}
