#include "attention/attention_plan.h"
#include "attention/attention_scratch.h"

#include <math.h>
#include <string.h>

#define DECODE_TOKENS_MAX 16u

static void resolve(octavo_attention *plan, const octavo_attention_info *info) {
    plan->info = *info;
    plan->info.variant = NULL;
    plan->info.tuning = NULL;
    plan->cache = info->cache;
    plan->group = info->query_head_count / plan->cache->layout.kv_heads;
    if (info->phase == OCTAVO_PHASE_AUTO) {
        bool short_calls = info->query_capacity <= (uint64_t)DECODE_TOKENS_MAX * info->sequence_capacity;
        plan->info.phase = short_calls ? OCTAVO_PHASE_DECODE : OCTAVO_PHASE_PREFILL;
    }
    if (info->scale == 0.0f) plan->info.scale = 1.0f / sqrtf((float)plan->cache->layout.key_dim);
    plan->rule =
        (octavo_mask_rule){info->mask.causal != VK_FALSE, info->mask.window, info->mask.sink, info->mask.prefix};
    plan->mask_push.flags =
        (plan->rule.causal ? OCTAVO_WALK_CAUSAL : 0u) | ((uint32_t)info->empty_row << OCTAVO_WALK_EMPTY_SHIFT);
    /* distances are 32-bit in the shaders: a window beyond them is one that hides nothing */
    plan->mask_push.window = info->mask.window > INT32_MAX ? INT32_MAX : info->mask.window;
    plan->mask_push.sink = info->mask.sink;
    plan->mask_push.prefix = info->mask.prefix;
}

uint32_t octavo_attention_segments(const octavo_attention *plan) {
    return plan->cache->segment_count + plan->own.segment_count;
}

octavo_gpu_range octavo_attention_segment_range(const octavo_attention *plan, uint32_t segment) {
    if (segment < plan->cache->segment_count) return octavo_cache_segment_range(plan->cache, segment);
    return octavo_gpu_buffer_range(plan->own.segments[segment - plan->cache->segment_count]);
}

octavo_status octavo_attention_plan_create_with(const octavo_attention_info *info, const octavo_kernel_variant *variant,
                                                const octavo_kernel_tuning *tuning,
                                                const octavo_attention_pipelines *pipelines,
                                                octavo_attention **attention) {
    octavo_device *device = info->cache->device;
    octavo_attention *plan = octavo_gpu_allocate(device, sizeof *plan);
    if (plan == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    resolve(plan, info);
    plan->variant = variant;
    plan->tuning = *tuning;
    if (info->workgroup_target != 0u) plan->tuning.workgroups = info->workgroup_target;
    if (info->slice_work != 0u) plan->tuning.slice_work = info->slice_work;
    octavo_status status = octavo_own_rows_create(&plan->info, &plan->own);
    if (status == OCTAVO_SUCCESS) status = octavo_attention_scratch_create(plan);
    if (status == OCTAVO_SUCCESS) {
        plan->cuts = octavo_gpu_allocate(device, plan->cut_count * sizeof *plan->cuts);
        if (plan->cuts == NULL) status = OCTAVO_OUT_OF_HOST_MEMORY;
    }
    if (status == OCTAVO_SUCCESS && pipelines != NULL) {
        plan->pipelines = *pipelines;
        plan->borrows_pipelines = true;
    } else if (status == OCTAVO_SUCCESS) {
        status = octavo_kernel_create_attention(device, &plan->cache->layout, variant, &plan->tuning, &plan->pipelines);
    }
    if (status != OCTAVO_SUCCESS) {
        octavo_attention_plan_destroy(plan);
        return status;
    }
    *attention = plan;
    return OCTAVO_SUCCESS;
}

void octavo_attention_plan_destroy(octavo_attention *plan) {
    if (plan == NULL) return;
    octavo_device *device = plan->cache->device;
    if (!plan->borrows_pipelines) octavo_kernel_destroy_attention(&plan->pipelines);
    octavo_gpu_buffer_destroy(plan->scratch);
    octavo_gpu_buffer_destroy(plan->expanded);
    octavo_own_rows_destroy(device, &plan->own);
    octavo_gpu_release(device, plan->words, plan->word_capacity * sizeof *plan->words);
    octavo_gpu_release(device, plan->cuts, plan->cut_count * sizeof *plan->cuts);
    octavo_gpu_release(device, plan, sizeof *plan);
}

#define STATISTICS_MAX 64u

static bool spills(const octavo_device *device, const octavo_gpu_pipeline *pipeline) {
    if ((octavo_gpu_capabilities(device) & OCTAVO_CAPABILITY_PIPELINE_STATISTICS) == 0u) return false;
    octavo_gpu_statistic statistics[STATISTICS_MAX];
    uint32_t count = STATISTICS_MAX;
    if (octavo_gpu_pipeline_statistics(pipeline, &count, statistics) != OCTAVO_SUCCESS) return false;
    for (uint32_t i = 0; i < count && i < STATISTICS_MAX; ++i) {
        if (octavo_kernel_is_spill(statistics[i].name, statistics[i].value)) return true;
    }
    return false;
}

static octavo_kernel_shape shape_of(const octavo_attention_info *info) {
    octavo_attention probe; /* only to resolve the phase and the group */
    memset(&probe, 0, sizeof probe);
    resolve(&probe, info);
    uint32_t tokens = (info->query_capacity + info->sequence_capacity - 1u) / info->sequence_capacity;
    uint64_t room = info->cache->info.token_capacity;
    bool fewer = info->expected_tokens != 0u && info->expected_tokens < room;
    octavo_kernel_shape shape = {&info->cache->layout,
                                 probe.group,
                                 tokens,
                                 info->query_capacity,
                                 probe.info.phase,
                                 (info->softcap > 0.0f ? OCTAVO_LOGITS_SOFTCAP : 0u) |
                                     (info->empty_row == OCTAVO_EMPTY_ROW_UNIFORM ? OCTAVO_LOGITS_UNIFORM : 0u),
                                 fewer ? info->expected_tokens : room,
                                 info->own_tokens != VK_FALSE};
    return shape;
}

/* The first rung that the driver's compiler takes without spilling, as far as it tells; the last one where all spill.
 * row: whose settings take the place of each rung's; NULL: none. */
static octavo_status climb_down(const octavo_attention_info *info, const octavo_kernel_variant *variant,
                                const octavo_tuning_row *row, octavo_attention **attention) {
    octavo_cache *cache = info->cache;
    const octavo_device_snapshot *snapshot = octavo_gpu_snapshot(cache->device);
    octavo_kernel_shape shape = shape_of(info);
    octavo_status status = OCTAVO_UNSUPPORTED;
    octavo_kernel_tuning tuning, before;
    memset(&before, 0, sizeof before);
    uint32_t rung = 0;
    for (; octavo_kernel_tune(snapshot, variant, &shape, rung, &tuning); ++rung) {
        if (row != NULL && octavo_kernel_override(snapshot, variant, &shape, row, &tuning) != NULL) break;
        if (rung > 0u && tuning.rows == before.rows && tuning.tokens == before.tokens && tuning.fused == before.fused &&
            memcmp(&tuning.tiles, &before.tiles, sizeof tuning.tiles) == 0)
            continue; /* the row's */
        before = tuning;
        octavo_attention *smaller;
        octavo_status tried = octavo_attention_plan_create_with(info, variant, &tuning, NULL, &smaller);
        if (tried != OCTAVO_SUCCESS) {
            if (*attention != NULL) break;
            status = tried;
            if (tried == OCTAVO_DEVICE_LOST || tried == OCTAVO_OUT_OF_HOST_MEMORY) break;
            continue;
        }
        octavo_attention_plan_destroy(*attention);
        *attention = smaller;
        status = OCTAVO_SUCCESS;
        smaller->spills = spills(cache->device, smaller->pipelines.walk);
        if (!smaller->spills) break;
    }
    if (rung == 0u && status == OCTAVO_UNSUPPORTED) {
        return octavo_gpu_fail(cache->device, status, "variant %s: the device's limits are too small for this shape",
                               variant->name);
    }
    return status;
}

static bool is_final(octavo_status status) {
    return status == OCTAVO_SUCCESS || status == OCTAVO_DEVICE_LOST || status == OCTAVO_OUT_OF_HOST_MEMORY;
}

/* From tuning to proof. */
static octavo_status try_row(const octavo_attention_info *info, const octavo_kernel_variant *variant,
                             const octavo_tuning_row *row, octavo_attention **attention) {
    octavo_status status = climb_down(info, variant, row, attention);
    if (status == OCTAVO_SUCCESS && !info->skip_proof) status = octavo_attention_plan_prove(*attention);
    if (status != OCTAVO_SUCCESS) {
        octavo_attention_plan_destroy(*attention);
        *attention = NULL;
    }
    return status;
}

static octavo_tuning_place place_of(const octavo_attention_info *info, const octavo_kernel_variant *variant,
                                    const octavo_kernel_shape *shape) {
    const octavo_packed_layout *layout = shape->layout;
    octavo_tuning_place place = {octavo_gpu_snapshot(info->cache->device)->name,
                                 variant->name,
                                 layout->key_dim,
                                 layout->value_dim,
                                 layout->key_bits,
                                 layout->value_bits,
                                 shape->group,
                                 shape->query_tokens};
    return place;
}

/* Why a row cannot serve; NULL when it fits. */
static const char *row_problem(const octavo_attention_info *info, const octavo_kernel_variant *variant,
                               const octavo_kernel_shape *shape, const octavo_tuning_row *row) {
    const octavo_device_snapshot *snapshot = octavo_gpu_snapshot(info->cache->device);
    octavo_kernel_tuning tuning;
    if (!octavo_kernel_tune(snapshot, variant, shape, 0u, &tuning)) return "the variant has no numbers for this shape";
    return octavo_kernel_override(snapshot, variant, shape, row, &tuning);
}

/* One variant, with the first row of the text that matches and works, or without one. */
static octavo_status try_variant(const octavo_attention_info *info, const octavo_kernel_variant *variant,
                                 octavo_attention **attention) {
    octavo_kernel_shape shape = shape_of(info);
    octavo_tuning_place place = place_of(info, variant, &shape);
    octavo_tuning_reader reader = {info->tuning != NULL ? info->tuning : "", 0, ""};
    octavo_tuning_row row;
    octavo_status status = OCTAVO_UNSUPPORTED;
    while (!is_final(status) && octavo_tuning_text_next(&reader, &row) == OCTAVO_TUNING_ROW) {
        if (!octavo_tuning_text_matches(&row, &place)) continue;
        const char *problem = row_problem(info, variant, &shape, &row);
        if (problem == NULL) status = try_row(info, variant, &row, attention);
        if (problem == NULL && is_final(status)) break;
        octavo_gpu_log(info->cache->device, OCTAVO_LOG_WARNING, "tuning: line %llu is ignored for variant %s: %s",
                       (unsigned long long)row.line, variant->name,
                       problem != NULL ? problem : octavo_status_string(status));
    }
    if (!is_final(status)) status = try_row(info, variant, NULL, attention);
    if (status != OCTAVO_SUCCESS) return status;
    octavo_tuning_row settings = octavo_kernel_settings(variant, &(*attention)->tuning);
    octavo_tuning_text_write(&place, &settings, (*attention)->tuning_text);
    return OCTAVO_SUCCESS;
}

/* A text with a mistake is refused as a whole, before anything is compiled. */
static octavo_status check_tuning(const octavo_attention_info *info) {
    octavo_tuning_reader reader = {info->tuning != NULL ? info->tuning : "", 0, ""};
    octavo_tuning_row row;
    octavo_tuning_found found;
    do found = octavo_tuning_text_next(&reader, &row);
    while (found == OCTAVO_TUNING_ROW);
    if (found == OCTAVO_TUNING_END) return OCTAVO_SUCCESS;
    return octavo_gpu_fail(info->cache->device, OCTAVO_INVALID_ARGUMENT, "tuning: %s", reader.error);
}

/* The first variant that works and does not spill; where all spill that work, the first of them. */
static octavo_status first_without_spills(const octavo_attention_info *info, const uint32_t *order, uint32_t count,
                                          octavo_attention **attention) {
    octavo_device *device = info->cache->device;
    octavo_attention *spilling = NULL;
    octavo_status status = OCTAVO_UNSUPPORTED;
    for (uint32_t i = 0; i < count; ++i) {
        const char *name = octavo_kernel_variants[order[i]].name;
        octavo_attention *plan = NULL;
        status = try_variant(info, &octavo_kernel_variants[order[i]], &plan);
        if (status == OCTAVO_SUCCESS && !plan->spills) {
            octavo_attention_plan_destroy(spilling);
            *attention = plan;
            return OCTAVO_SUCCESS;
        }
        octavo_gpu_log(device, OCTAVO_LOG_WARNING, "variant %s is skipped: %s", name,
                       status == OCTAVO_SUCCESS ? "its registers spill" : octavo_status_string(status));
        if (spilling == NULL)
            spilling = plan;
        else
            octavo_attention_plan_destroy(plan);
        if (status != OCTAVO_SUCCESS && is_final(status)) {
            octavo_attention_plan_destroy(spilling);
            return status;
        }
    }
    *attention = spilling;
    return spilling != NULL
               ? OCTAVO_SUCCESS
               : octavo_gpu_fail(device, status, "no attention variant works on this device for this shape");
}

octavo_status octavo_attention_plan_create(const octavo_attention_info *info, octavo_attention **attention) {
    octavo_device *device = info->cache->device;
    uint32_t capabilities = octavo_gpu_capabilities(device);
    uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT];
    octavo_kernel_shape shape = shape_of(info);
    uint32_t count = octavo_kernel_variant_order(octavo_gpu_snapshot(device), capabilities, &shape, order);
    octavo_status status = check_tuning(info);
    if (status != OCTAVO_SUCCESS) return status;
    if (info->variant != NULL) {
        const octavo_kernel_variant *forced = octavo_kernel_variant_named(info->variant);
        if (forced == NULL) {
            return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "variant: there is no \"%.64s\"", info->variant);
        }
        const char *refusal =
            octavo_kernel_variant_refusal(forced, octavo_gpu_snapshot(device), capabilities, shape.phase);
        if (refusal != NULL)
            return octavo_gpu_fail(device, OCTAVO_UNSUPPORTED, "variant: %s: %s", forced->name, refusal);
        return try_variant(info, forced, attention);
    }
    return first_without_spills(info, order, count, attention);
}
