/* Asks the library, through the same functions that its plans use, what it would compile on this device. */
#include "fleet_list.h"

#include <stdio.h>
#include <string.h>

#include "attention/kernel_pipelines.h"
#include "gpu/device_plan.h"
#include "gpu/snapshot_query.h"

typedef struct job_list {
    fleet_job *jobs;
    size_t capacity;
    size_t count;
    bool names_size;
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
        if (other->rung == job->rung && other->words == job->words && other->subgroup_size == job->subgroup_size &&
            other->constant_count == job->constant_count &&
            memcmp(other->constants, job->constants, job->constant_count * sizeof job->constants[0]) == 0) {
            return other;
        }
    }
    return NULL;
}

/* names_size: as the library does, a subgroup size is required where the device has more than one. */
static fleet_job make_job(const octavo_gpu_pipeline_info *info, bool names_size, const char *shape, bool chosen) {
    fleet_job job = {.words = info->code,
                     .word_count = info->code_bytes / sizeof info->code[0],
                     .subgroup_size = names_size ? info->required_subgroup_size : 0,
                     .full_subgroups = info->required_subgroup_size != 0,
                     .constant_count = info->constant_count,
                     .chosen = chosen};
    snprintf(job.name, sizeof job.name, "%s %s", info->name, shape);
    snprintf(job.entry, sizeof job.entry, "main");
    for (uint32_t i = 0; i < info->constant_count; i++) {
        job.constants[i] = (fleet_constant){.id = info->constant_ids[i], .value = info->constant_values[i]};
    }
    return job;
}

static void append(job_list *list, const fleet_job *job) {
    if (list->count < list->capacity) {
        list->jobs[list->count] = *job;
    }
    list->count++;
}

static void add(job_list *list, const octavo_gpu_pipeline_info *info, const char *shape, bool chosen) {
    fleet_job job = make_job(info, list->names_size, shape, chosen);
    fleet_job *same = find_same(list, &job);
    if (same) {
        same->chosen = same->chosen || chosen;
    } else {
        append(list, &job);
    }
}

static void add_append(job_list *list, const octavo_device_snapshot *snapshot, uint32_t capabilities,
                       const octavo_packed_layout *layout, const char *shape) {
    bool both = octavo_kernel_appends_both(snapshot, layout);
    uint32_t subgroup_size = octavo_kernel_append_subgroup(snapshot, capabilities, layout);
    for (uint32_t role = OCTAVO_APPEND_KEYS; role <= OCTAVO_APPEND_BOTH; role++) {
        octavo_gpu_pipeline_info plain = octavo_kernel_append_info(layout, false, role, subgroup_size);
        octavo_gpu_pipeline_info transforms = octavo_kernel_append_info(layout, true, role, subgroup_size);
        if (both == (role == OCTAVO_APPEND_BOTH)) {
            add(list, &plain, shape, true);
            add(list, &transforms, shape, true);
        }
    }
}

/* The walk of a variant, then what a plan falls back to, rung by rung, when the compiler spills. */
static bool add_walk(job_list *list, const octavo_device_snapshot *snapshot, const octavo_kernel_variant *variant,
                     const octavo_kernel_shape *shape, const char *layout_name, bool chosen) {
    octavo_kernel_tuning tuning;
    fleet_job *above = NULL;
    for (uint32_t rung = 0; octavo_kernel_tune(snapshot, variant, shape, rung, &tuning); rung++) {
        char name[FLEET_NAME_SIZE - 32];
        snprintf(name, sizeof name, "%.30s group %u %s rung %u: lanes %u rows %u tokens %u", layout_name, shape->group,
                 shape->phase == OCTAVO_PHASE_DECODE ? "decode" : "prefill", rung, tuning.lanes, tuning.rows,
                 tuning.tokens);
        octavo_gpu_pipeline_info walk = octavo_kernel_walk_info(shape->layout, variant, &tuning);
        fleet_job job = make_job(&walk, list->names_size, name, chosen);
        job.rung = rung;
        job.int8_dot = snapshot->int_dot_accelerated;
        bool is_tiles = variant->source == OCTAVO_KERNEL_PREFILL_TILES;
        bool is_block = octavo_kernel_has_one_dispatch(variant) || variant->source == OCTAVO_KERNEL_PREFILL;
        uint32_t trip_tokens = is_tiles ? tuning.tiles.block : is_block ? 32u : OCTAVO_TILE_TOKENS;
        /* teams of a fused walk have tiles, or steps, of their own */
        job.trip_lanes = is_tiles ? tuning.lanes : tuning.lanes / tuning.teams;
        job.trip_values = trip_tokens * (shape->layout->key_dim_padded + shape->layout->value_dim_padded);
        if (rung == 0) {
            octavo_gpu_pipeline_info rotate =
                octavo_kernel_rotate_info(shape->layout->key_dim_padded, shape->layout->key_bits, tuning.query_parts);
            octavo_gpu_pipeline_info merge = octavo_kernel_merge_info(shape->layout, &tuning);
            if (!tuning.fused) { /* a fused one does what these do */
                add(list, &rotate, name, chosen);
                add(list, &merge, name, chosen);
            }
            if (find_same(list, &job)) {
                return true; /* the rungs below are the same too */
            }
        }
        if (above) {
            above->has_rung = true;
        }
        append(list, &job);
        if (!chosen || list->count > list->capacity) {
            return true;
        }
        above = &list->jobs[list->count - 1];
    }
    return above != NULL;
}

/* What the device can run, but no plan chooses by itself: the matrix kernel without matrix units. */
static void add_unchosen(job_list *list, const octavo_device_snapshot *snapshot, uint32_t capabilities,
                         const octavo_kernel_shape *shape, const char *layout_name) {
    for (uint32_t i = 0; i < OCTAVO_KERNEL_VARIANT_COUNT; i++) {
        const octavo_kernel_variant *variant = &octavo_kernel_variants[i];
        if (variant->arithmetic == OCTAVO_KERNEL_EMULATED_MATRIX &&
            octavo_kernel_variant_refusal(variant, snapshot, capabilities, shape->phase) == NULL) {
            add_walk(list, snapshot, variant, shape, layout_name, false);
        }
    }
}

/* The variant that runs: the first that the tuner accepts. With `all`, also those that the device could run. */
static void add_attention(job_list *list, const octavo_device_snapshot *snapshot, uint32_t capabilities,
                          const octavo_kernel_shape *shape, const char *layout_name, bool all) {
    uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT];
    uint32_t count = octavo_kernel_variant_order(snapshot, capabilities, shape, order);
    bool chosen = true;
    for (uint32_t i = 0; i < count && (chosen || all); i++) {
        if (add_walk(list, snapshot, &octavo_kernel_variants[order[i]], shape, layout_name, chosen)) {
            chosen = false;
        }
    }
    if (all) {
        add_unchosen(list, snapshot, capabilities, shape, layout_name);
    }
}

/* What the library makes of the device. */
static bool plan_device(const fleet_device *device, octavo_device_snapshot *snapshot, octavo_device_plan *plan) {
    octavo_host reports = {.log = log_line};
    octavo_base_host host;
    octavo_base_host_init(&host, &reports);
    octavo_gpu_instance_table table;
    octavo_device_plan_options options = {0};
    if (octavo_gpu_load_instance(&table, device->get_instance_proc_addr, device->instance) != NULL ||
        octavo_gpu_snapshot_query(&host, &table, device->physical_device, VK_API_VERSION_1_3, snapshot) !=
            OCTAVO_SUCCESS) {
        return false;
    }
    octavo_gpu_plan_device(snapshot, &options, plan);
    if (!plan->usable) {
        fprintf(stderr, "the library refuses %s: %s\n", snapshot->name, plan->reason);
        return false;
    }
    return true;
}

/* Cached tokens: as many as give the walks all their rows. */
#define CACHED_TOKENS 8192u

/* Shapes of calls on the devices. Not the full product: each shape, each pair of bits and each group with what is most
 * work for a compiler. */
enum { DECODE = 1, PREFILL = 2, ALL_VARIANTS = 4, MATRIX = 8 /* prefill with matrix units: fleet_matrix_jobs */ };
static const struct {
    uint32_t key_dim, value_dim, key_bits, value_bits, group, what;
} cases[] = {
    {128, 128, 3, 3, 4, DECODE | PREFILL | ALL_VARIANTS},
    {128, 128, 3, 3, 1, DECODE},
    {64, 64, 3, 3, 1, DECODE},
    {64, 64, 3, 3, 8, DECODE | PREFILL},
    {256, 256, 3, 3, 1, DECODE},
    {256, 256, 3, 3, 8, DECODE | MATRIX},
    {80, 80, 3, 3, 4, DECODE | MATRIX},
    {192, 128, 3, 3, 8, DECODE | MATRIX},
    {128, 128, 4, 3, 8, DECODE | MATRIX},
    {128, 128, 2, 2, 8, DECODE},
    {64, 64, 4, 4, 4, DECODE},
    {64, 64, 16, 16, 1, DECODE},
    {128, 128, 16, 16, 8, DECODE | PREFILL | MATRIX},
};

size_t fleet_jobs(const fleet_device *device, fleet_part part, fleet_job *jobs, size_t capacity) {
    octavo_device_snapshot snapshot;
    octavo_device_plan plan;
    if (!plan_device(device, &snapshot, &plan)) {
        return 0;
    }
    job_list list = {.jobs = jobs, .capacity = capacity, .names_size = octavo_gpu_requires_subgroup_size(&snapshot)};
    for (size_t i = part.index; i < sizeof cases / sizeof cases[0]; i += part.count) {
        octavo_packed_layout layout = octavo_packed_layout_make(1, 8, cases[i].key_dim, cases[i].value_dim,
                                                                cases[i].key_bits, cases[i].value_bits);
        char name[64];
        snprintf(name, sizeof name, "d %u/%u bits %u/%u", cases[i].key_dim, cases[i].value_dim, cases[i].key_bits,
                 cases[i].value_bits);
        add_append(&list, &snapshot, plan.capabilities, &layout, name);
        octavo_kernel_shape shape = {.layout = &layout,
                                     .group = cases[i].group,
                                     .query_tokens = 1,
                                     .phase = OCTAVO_PHASE_DECODE,
                                     .cached_tokens = CACHED_TOKENS};
        if (cases[i].what & DECODE) {
            add_attention(&list, &snapshot, plan.capabilities, &shape, name, cases[i].what & ALL_VARIANTS);
        }
        shape.phase = OCTAVO_PHASE_PREFILL;
        shape.query_tokens = 512;
        if (cases[i].what & PREFILL) {
            add_attention(&list, &snapshot, plan.capabilities, &shape, name, cases[i].what & ALL_VARIANTS);
        }
    }
    return list.count;
}

size_t fleet_value_jobs(const fleet_device *device, const char *variant_name, fleet_job *jobs, size_t capacity) {
    static const uint32_t groups[] = {1, 4};
    octavo_device_snapshot snapshot;
    octavo_device_plan plan;
    if (!plan_device(device, &snapshot, &plan)) {
        return 0;
    }
    octavo_device_snapshot narrow = snapshot; /* what has a form between two other dispatches is counted in that one */
    narrow.max_stage_storage_buffers = OCTAVO_GPU_MIN_STORAGE_BUFFERS;
    uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT] = {0};
    const octavo_packed_layout layout = octavo_packed_layout_make(1, 8, 128, 128, 3, 3);
    const octavo_kernel_shape usual = {
        .layout = &layout, .group = 4, .query_tokens = 1, .query_total = 1, .phase = OCTAVO_PHASE_DECODE};
    uint32_t count = octavo_kernel_variant_order(&snapshot, plan.capabilities, &usual, order);
    if (variant_name) {
        const octavo_kernel_variant *named = octavo_kernel_variant_named(variant_name);
        count = named != NULL &&
                octavo_kernel_variant_refusal(named, &snapshot, plan.capabilities, OCTAVO_PHASE_AUTO) == NULL;
        order[0] = count > 0 ? (uint32_t)(named - octavo_kernel_variants) : 0;
    }
    size_t kept = 0;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        job_list list = {.jobs = jobs + kept,
                         .capacity = capacity - kept,
                         .names_size = octavo_gpu_requires_subgroup_size(&snapshot)};
        octavo_kernel_shape shape = {.layout = &layout, .group = groups[i], .cached_tokens = CACHED_TOKENS};
        for (uint32_t v = 0; v < count; v++) {
            const octavo_kernel_variant *variant = &octavo_kernel_variants[order[v]];
            bool is_for_prefill = octavo_kernel_is_for_prefill(variant);
            shape.phase = is_for_prefill ? OCTAVO_PHASE_PREFILL : OCTAVO_PHASE_DECODE;
            shape.query_tokens = is_for_prefill ? 512 : 1;
            /* a variant that spills on all rungs gives way to the next one */
            fleet_job *last = list.count > 0 && list.count <= list.capacity ? &list.jobs[list.count - 1] : NULL;
            size_t before = list.count;
            (void)add_walk(&list, octavo_kernel_has_one_dispatch(variant) ? &snapshot : &narrow, variant, &shape,
                           "d 128/128 bits 3/3", true);
            if (last != NULL && last->trip_values != 0 && list.count > before) {
                last->has_rung = true;
            }
        }
        for (size_t j = 0; j < list.count && j < list.capacity; j++) {
            if (list.jobs[j].trip_values != 0) { /* a walk */
                jobs[kept++] = list.jobs[j];
            }
        }
    }
    return kept;
}

size_t fleet_matrix_jobs(const fleet_device *device, fleet_job *jobs, size_t capacity) {
    octavo_device_snapshot snapshot;
    octavo_device_plan plan;
    if (!plan_device(device, &snapshot, &plan)) {
        return 0;
    }
    size_t kept = 0;
    job_list list = {.jobs = jobs, .capacity = capacity, .names_size = octavo_gpu_requires_subgroup_size(&snapshot)};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        octavo_packed_layout layout = octavo_packed_layout_make(1, 8, cases[i].key_dim, cases[i].value_dim,
                                                                cases[i].key_bits, cases[i].value_bits);
        char name[64];
        snprintf(name, sizeof name, "d %u/%u bits %u/%u", cases[i].key_dim, cases[i].value_dim, cases[i].key_bits,
                 cases[i].value_bits);
        for (uint32_t v = 0; v < OCTAVO_KERNEL_VARIANT_COUNT; v++) {
            const octavo_kernel_variant *variant = &octavo_kernel_variants[v];
            octavo_kernel_shape shape = {
                .layout = &layout, .group = cases[i].group, .query_tokens = 512, .phase = OCTAVO_PHASE_PREFILL};
            if (!(cases[i].what & (PREFILL | MATRIX)) || !octavo_kernel_is_for_prefill(variant) ||
                variant->arithmetic != OCTAVO_KERNEL_MATRIX ||
                octavo_kernel_variant_refusal(variant, &snapshot, plan.capabilities, shape.phase) != NULL) {
                continue;
            }
            add_walk(&list, &snapshot, variant, &shape, name, true);
            shape.phase = OCTAVO_PHASE_DECODE;
            if (octavo_kernel_variant_refusal(variant, &snapshot, plan.capabilities, shape.phase) == NULL) {
                static const uint32_t rows[] = {8, 32}; /* of a KV head: other cuts of a workgroup */
                for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
                    shape.query_tokens = rows[r] / cases[i].group;
                    add_walk(&list, &snapshot, variant, &shape, name, true);
                }
            }
        }
    }
    for (size_t j = 0; j < list.count && j < list.capacity; j++) {
        if (list.jobs[j].trip_values != 0) { /* a walk */
            list.jobs[j].wants_isa = true;
            jobs[kept++] = list.jobs[j];
        }
    }
    return kept;
}
