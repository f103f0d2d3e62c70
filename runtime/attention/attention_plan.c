#include "attention/attention_plan.h"

#include <math.h>
#include <string.h>

#define SCRATCH_BYTES_DEFAULT (UINT64_C(64) << 20)
#define EXPANDED_BYTES_DEFAULT (UINT64_C(256) << 20)
#define EXPANDED_TILES_MAX 32768u /* workgroups of a dispatch that expands them */
#define WINDOWS_MIN 4u
#define DECODE_TOKENS_MAX 16u

/* Each walk leaves them at zero. */
static octavo_status clear_arrivals(octavo_attention *plan, uint64_t words) {
    octavo_device *device = plan->cache->device;
    void *zeros = octavo_gpu_allocate(device, 4u * words);
    if (zeros == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;
    memset(zeros, 0, 4u * words);
    octavo_status status =
        octavo_gpu_buffer_write(plan->scratch, 4u * (VkDeviceSize)plan->arrival_offset, 4u * words, zeros);
    octavo_gpu_release(device, zeros, 4u * words);
    return status;
}

static uint64_t at_most(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Scratch memory of a walk of f16 tiles: expanded tiles, query operands of shares, partial results of lists that are
 * cut. Half of the budget is for tiles: what a query token reads is expanded once for all query tiles of a slice. */
static octavo_status create_expanded(octavo_attention *plan) {
    octavo_device *device = plan->cache->device;
    const octavo_cache *cache = plan->cache;
    const octavo_packed_layout *layout = &cache->layout;
    const uint64_t limit = (octavo_gpu_snapshot(device)->max_storage_buffer_range - 16u) & ~UINT64_C(255);
    uint64_t bytes = plan->info.scratch_bytes != 0u ? plan->info.scratch_bytes : EXPANDED_BYTES_DEFAULT;
    const uint64_t tile_bytes =
        4u * ((uint64_t)octavo_kernel_operand_tile_words(layout) + OCTAVO_OPERAND_STEPS * layout->kv_heads);
    const uint64_t rows = plan->tuning.rows;
    uint64_t capacity = at_most(cache->slot_count, EXPANDED_TILES_MAX);
    capacity = at_most(at_most(capacity, bytes / 2u / tile_bytes), limit / tile_bytes);
    plan->expanded_capacity = capacity > 0u ? (uint32_t)capacity : 1u;
    plan->cut_count = cache->slot_count / plan->expanded_capacity + WINDOWS_MIN;
    const uint64_t used = plan->expanded_capacity * tile_bytes;
    const uint64_t share_bytes = 4u * layout->kv_heads * (rows / 16u) * octavo_kernel_query_block_words(layout);
    const uint64_t partial_bytes = 4u * (uint64_t)layout->kv_heads * rows * (2u + layout->value_dim_padded);
    const uint64_t token_tiles = (plan->group + rows - 1u) / rows;
    const uint64_t splits = plan->tuning.workgroups / layout->kv_heads + 1u;
    /* one token: its tiles are cut where the segment or the window changes */
    const uint64_t least = token_tiles * (2u * (uint64_t)plan->cut_count + 1u);
    const uint64_t tiles =
        (uint64_t)plan->info.query_capacity * plan->group / rows + 2u * token_tiles * plan->info.sequence_capacity;
    uint64_t partials = least > 2u * splits ? least : 2u * splits, shares = tiles + partials;
    if (least * (partial_bytes + share_bytes) > limit) {
        return octavo_gpu_fail(device, OCTAVO_UNSUPPORTED,
                               "one query token takes %llu bytes of scratch memory, the device binds %llu",
                               (unsigned long long)(least * (partial_bytes + share_bytes)), (unsigned long long)limit);
    }
    uint64_t budget = at_most(limit, bytes > used ? bytes - used : 0u);
    if (partials * (partial_bytes + share_bytes) > budget) partials = least;
    if (budget < partials * (partial_bytes + share_bytes)) budget = partials * (partial_bytes + share_bytes);
    shares = at_most(shares, (budget - partials * partial_bytes) / share_bytes);
    /* windows leave partial results of all tiles: what is left is theirs */
    uint64_t wished = at_most(tiles * plan->cut_count, (budget - shares * share_bytes) / partial_bytes);
    if (plan->cut_count > 1u && wished > partials) partials = wished;
    plan->slice_tokens = plan->info.query_capacity;
    plan->share_capacity = (uint32_t)shares;
    plan->partial_capacity = (uint32_t)partials;
    uint64_t query_words = shares * share_bytes / 4u;
    uint64_t sum_words = (partials * layout->kv_heads * rows * 2u + 3u) & ~UINT64_C(3);
    uint64_t output_words = partials * layout->kv_heads * rows * layout->value_dim_padded;
    plan->sum_offset = (uint32_t)query_words;
    plan->output_offset = (uint32_t)(query_words + sum_words);
    octavo_status status = octavo_gpu_buffer_create(device, 4u * (query_words + sum_words + output_words),
                                                    OCTAVO_BUFFER_DEVICE, "octavo attention scratch", &plan->scratch);
    if (status == OCTAVO_SUCCESS)
        status = octavo_gpu_buffer_create(device, used, OCTAVO_BUFFER_DEVICE, "octavo expanded tiles", &plan->expanded);
    return status;
}

/* Cuts the scratch memory: as many query tokens as fit beside their partial results and those of the splits. */
static octavo_status create_scratch(octavo_attention *plan) {
    if (plan->variant->source == OCTAVO_KERNEL_PREFILL_MATRIX) return create_expanded(plan);
    plan->cut_count = plan->cache->segment_count;
    plan->share_capacity = UINT32_MAX;
    octavo_device *device = plan->cache->device;
    const octavo_packed_layout *layout = &plan->cache->layout;
    /* less what aligns its parts */
    uint64_t limit = (octavo_gpu_snapshot(device)->max_storage_buffer_range - 16u) & ~UINT64_C(255);
    uint64_t bytes = plan->info.scratch_bytes != 0u ? plan->info.scratch_bytes : SCRATCH_BYTES_DEFAULT;
    if (bytes > limit) bytes = limit;

    plan->query_row_words = OCTAVO_ROW_HEADER_WORDS + (plan->tuning.query_parts != 0u
                                                           ? plan->tuning.query_parts * layout->key_dim_padded / 4u
                                                       : plan->tuning.query_half ? layout->key_dim_padded / 2u
                                                                                 : layout->key_dim_padded);
    if (plan->tuning.fused) plan->query_row_words = 0u; /* they stay in the walk */
    uint64_t rows = plan->tuning.rows;
    uint64_t token_bytes = 4u * (uint64_t)plan->info.query_head_count * plan->query_row_words;
    /* with its tile's count of arrivals */
    uint64_t partial_bytes = 4u * (uint64_t)layout->kv_heads * (rows * (2u + layout->value_dim_padded) + 1u);
    uint64_t token_tiles = (plan->group + rows - 1u) / rows; /* tiles of one token, at most */
    uint64_t splits = plan->tuning.workgroups / layout->kv_heads + 1u;
    /* one token: its tiles are cut where the segment changes, the window is apart */
    uint64_t least = token_bytes + token_tiles * (2u * (uint64_t)plan->cache->segment_count + 1u) * partial_bytes;
    if (least > limit) {
        return octavo_gpu_fail(device, OCTAVO_UNSUPPORTED,
                               "one query token takes %llu bytes of scratch memory, the device binds %llu",
                               (unsigned long long)least, (unsigned long long)limit);
    }
    if (bytes < least) bytes = least;
    /* one dispatch rotates all rows of a slice */
    uint64_t groups_max = octavo_gpu_snapshot(device)->max_compute_work_group_count[0];
    uint64_t capacity = groups_max * octavo_kernel_rotate_rows(plan->tuning.query_parts) / plan->info.query_head_count;
    if (capacity > plan->info.query_capacity) capacity = plan->info.query_capacity;
    /* what the largest call needs: its tiles, one more for each sequence, and the splits; less when it does not fit */
    uint64_t tokens = capacity;
    uint64_t partials = tokens * plan->group / rows + 2u * token_tiles * plan->info.sequence_capacity + splits;
    if (tokens * token_bytes + partials * partial_bytes > bytes) {
        uint64_t share = bytes > splits * partial_bytes + least ? bytes - splits * partial_bytes : bytes;
        tokens = share / (token_bytes + (token_tiles + 1u) * partial_bytes);
        uint64_t most = token_bytes > 0u ? 1u + (bytes - least) / token_bytes : tokens;
        if (tokens > most) tokens = most;
        if (tokens == 0u) tokens = 1u;
        if (tokens > capacity) tokens = capacity;
        partials = (bytes - tokens * token_bytes) / partial_bytes;
    }
    if (partials * partial_bytes < least - token_bytes) partials = (least - token_bytes) / partial_bytes;
    plan->slice_tokens = (uint32_t)tokens;
    plan->partial_capacity = (uint32_t)partials;
    uint64_t query_words = tokens * token_bytes / 4u;
    /* outputs are read by four */
    uint64_t sum_words = (partials * layout->kv_heads * rows * 2u + 3u) & ~UINT64_C(3);
    uint64_t output_words = partials * layout->kv_heads * rows * layout->value_dim_padded;
    plan->sum_offset = (uint32_t)query_words;
    plan->output_offset = (uint32_t)(query_words + sum_words);
    plan->arrival_offset = (uint32_t)(query_words + sum_words + output_words);
    uint64_t arrival_words = partials * layout->kv_heads;
    octavo_status status =
        octavo_gpu_buffer_create(device, 4u * (query_words + sum_words + output_words + arrival_words),
                                 OCTAVO_BUFFER_DEVICE, "octavo attention scratch", &plan->scratch);
    return status == OCTAVO_SUCCESS && plan->tuning.fused ? clear_arrivals(plan, arrival_words) : status;
}

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
    octavo_status status = create_scratch(plan);
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
    octavo_kernel_shape shape = {&info->cache->layout,
                                 probe.group,
                                 tokens,
                                 info->query_capacity,
                                 probe.info.phase,
                                 (info->softcap > 0.0f ? OCTAVO_LOGITS_SOFTCAP : 0u) |
                                     (info->empty_row == OCTAVO_EMPTY_ROW_UNIFORM ? OCTAVO_LOGITS_UNIFORM : 0u)};
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
    if (rung == 0u && status != OCTAVO_SUCCESS) {
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
    const octavo_packed_layout *layout = &info->cache->layout;
    uint32_t capabilities = octavo_gpu_capabilities(device);
    uint32_t order[OCTAVO_KERNEL_VARIANT_COUNT];
    octavo_phase phase = shape_of(info).phase;
    uint32_t count = octavo_kernel_variant_order(octavo_gpu_snapshot(device), capabilities, phase, layout->key_bits,
                                                 layout->value_bits, order);
    octavo_status status = check_tuning(info);
    if (status != OCTAVO_SUCCESS) return status;
    if (info->variant != NULL) {
        const octavo_kernel_variant *forced = NULL;
        for (uint32_t i = 0; i < OCTAVO_KERNEL_VARIANT_COUNT; ++i) {
            if (strcmp(octavo_kernel_variants[i].name, info->variant) == 0) forced = &octavo_kernel_variants[i];
        }
        if (forced == NULL) {
            return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "variant: there is no \"%.64s\"", info->variant);
        }
        const char *refusal = octavo_kernel_variant_refusal(forced, octavo_gpu_snapshot(device), capabilities, phase);
        if (refusal != NULL)
            return octavo_gpu_fail(device, OCTAVO_UNSUPPORTED, "variant: %s: %s", forced->name, refusal);
        return try_variant(info, forced, attention);
    }
    return first_without_spills(info, order, count, attention);
}
