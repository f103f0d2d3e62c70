/* What a call of attention records, on the fake Vulkan: each workgroup of the lists once, on the segment that holds its
 * pages, within the limits of a dispatch, and barriers between kernels that wait for each other. */
#include "attention/attention_plan.h"
#include "expect.h"
#include "fake_device.h"
#include "rng.h"
#include "run_tests.h"

#include <stdio.h>
#include <string.h>

#define SEQUENCES 3u
#define KV_HEADS 2u
#define DIM 64u
#define QUERIES_MAX 40u
#define ROUNDS 150u

typedef struct call {
    octavo_device_snapshot snapshot;
    octavo_device *device;
    octavo_cache *cache;
    octavo_attention *plan;
    octavo_frame *frame;
    octavo_commands *commands;
    octavo_buffer *queries, *output, *lse, *own; /* own: K and V of the queries' tokens, or NULL */
    uint32_t group, tokens;
    octavo_sequence sequences[SEQUENCES];
    uint32_t query_counts[SEQUENCES];
    octavo_attention_run run;
    const char *what; /* for messages */
    /* what was reached */
    uint32_t walks, slices, joined, segments, own_writes, own_walks;
} call;

#define EXPECT(condition) expect_msg(condition, "%s, group %u, %u tokens: %s", x->what, x->group, x->tokens, #condition)

/* --- making a call --------------------------------------------------------------------------------------------------
 */

static void fill_cache(call *x, rng *generator) {
    x->tokens = 0u;
    for (uint32_t s = 0; s < SEQUENCES; ++s) {
        EXPECT(octavo_cache_table_sequence_create(x->cache->table, 0u, &x->sequences[s]) == OCTAVO_SUCCESS);
        x->query_counts[s] = rng_between(generator, s == 0u ? 1u : 0u, QUERIES_MAX / SEQUENCES);
        x->tokens += x->query_counts[s];
    }
    for (uint32_t i = 0; i < 4u * SEQUENCES; ++i) { /* by turns, so that pages lie in many segments */
        uint32_t count = QUERIES_MAX + rng_below(generator, 400u);
        octavo_cache_table *table = x->cache->table;
        octavo_sequence sequence = x->sequences[i % SEQUENCES];
        uint32_t copies;
        EXPECT(octavo_cache_table_plan_append(table, 1u, 1u, &sequence, &count, &copies) == OCTAVO_SUCCESS);
        octavo_cache_table_commit_append(table, 1u, 1u, &sequence, &count, &copies);
    }
}

static void make_run(call *x) {
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    uint32_t stride = DIM * KV_HEADS * x->group;
    VkDeviceSize bytes = 4u * (VkDeviceSize)stride * QUERIES_MAX;
    EXPECT(octavo_buffer_create(x->device, bytes, OCTAVO_BUFFER_DEVICE, &x->queries) == OCTAVO_SUCCESS);
    EXPECT(octavo_buffer_create(x->device, bytes, OCTAVO_BUFFER_DEVICE, &x->output) == OCTAVO_SUCCESS);
    EXPECT(octavo_buffer_create(x->device, bytes, OCTAVO_BUFFER_DEVICE, &x->lse) == OCTAVO_SUCCESS);
    run.layer = 1u;
    run.sequence_count = SEQUENCES;
    run.sequences = x->sequences;
    run.query_counts = x->query_counts;
    run.queries = (octavo_tensor){octavo_buffer_handle(x->queries), 0, bytes, OCTAVO_F32, stride, DIM};
    run.output = (octavo_tensor){octavo_buffer_handle(x->output), 0, bytes, OCTAVO_F16, stride, DIM};
    run.lse_buffer = octavo_buffer_handle(x->lse);
    run.lse_size = bytes;
    if (x->plan->own.segment_count > 0u) {
        VkDeviceSize size = 4u * (VkDeviceSize)DIM * KV_HEADS * QUERIES_MAX;
        EXPECT(octavo_buffer_create(x->device, size, OCTAVO_BUFFER_DEVICE, &x->own) == OCTAVO_SUCCESS);
        run.own_keys = run.own_values =
            (octavo_tensor){octavo_buffer_handle(x->own), 0, size, OCTAVO_F32, DIM * KV_HEADS, DIM};
    }
    x->run = run;
}

static void open_call(call *x, fabricated_device which, uint32_t hidden, const char *variant, const char *tuning,
                      rng *generator) {
    octavo_device_create_info device = OCTAVO_DEVICE_CREATE_INFO_INIT;
    device.hidden_capabilities = hidden;
    device.allocation_block_bytes = 1u << 20; /* the fake clears all of its memory, each time */
    EXPECT(fake_device_open(which, &x->snapshot, &device, NULL, &x->device) == OCTAVO_SUCCESS);
    octavo_cache_info cache = OCTAVO_CACHE_INFO_INIT;
    cache.layer_count = 2u;
    cache.kv_head_count = KV_HEADS;
    cache.key_dim = cache.value_dim = DIM;
    cache.token_capacity = 16384u;
    cache.sequence_capacity = SEQUENCES;
    cache.recent_tokens = rng_below(generator, 2u) == 0u ? 0u : 30u;
    cache.segment_bytes = rng_below(generator, 2u) == 0u ? 0u : 65536u;
    EXPECT(octavo_cache_object_create(x->device, &cache, NULL, &x->cache) == OCTAVO_SUCCESS);
    fill_cache(x, generator);
    octavo_attention_info plan = OCTAVO_ATTENTION_INFO_INIT;
    plan.cache = x->cache;
    plan.query_head_count = KV_HEADS * x->group;
    plan.sequence_capacity = SEQUENCES;
    plan.query_capacity = QUERIES_MAX;
    plan.variant = variant;
    plan.tuning = tuning;
    plan.skip_proof = VK_TRUE;
    plan.scratch_bytes = rng_below(generator, 2u) == 0u ? 0u : 200000u;
    plan.workgroup_target = rng_log_between(generator, 1u, 300u);
    plan.slice_work = rng_below(generator, 2u) == 0u ? 0u : UINT64_C(1) << rng_between(generator, 8u, 18u);
    plan.own_tokens = rng_below(generator, 2u) == 0u ? VK_FALSE : VK_TRUE;
    EXPECT(octavo_attention_plan_create(&plan, &x->plan) == OCTAVO_SUCCESS);
    EXPECT(octavo_frame_create(x->device, 8u << 20, &x->frame) == OCTAVO_SUCCESS);
    EXPECT(octavo_commands_create(x->device, &x->commands) == OCTAVO_SUCCESS);
    make_run(x);
}

static void close_call(call *x) {
    octavo_attention_plan_destroy(x->plan);
    octavo_frame_destroy(x->frame);
    octavo_commands_destroy(x->commands);
    octavo_buffer_destroy(x->queries);
    octavo_buffer_destroy(x->output);
    octavo_buffer_destroy(x->lse);
    octavo_buffer_destroy(x->own);
    octavo_cache_object_destroy(x->cache);
    octavo_device_destroy(x->device);
    ck_assert_uint_eq(fake_live_objects(), 0);
}

/* --- reading it ------------------------------------------------------------------------------------------------------
 */

typedef enum kernel_kind { ROTATE, WALK, MERGE, OWN_ROWS, NOTHING } kernel_kind;

/* The slice that is being read. */
typedef struct slice_state {
    kernel_kind last;
    bool barrier; /* since the last dispatch */
    fake_range lists;
    const uint32_t *words;
    uint32_t groups;          /* dispatched so far */
    uint32_t shares;          /* of these */
    uint32_t merged;          /* query tiles */
    octavo_attention_push at; /* of the slice's first walk */
    uint8_t partial_seen[65536];
    uint32_t partials;                         /* seen */
    uint32_t tile_end, partial_end, row_total; /* from the tiles of the shares */
} slice_state;

static kernel_kind kind_of(const call *x, const fake_command *command) {
    if (command->push_bytes == sizeof(octavo_rotate_push)) return ROTATE;
    if (command->push_bytes == sizeof(octavo_append_push)) return OWN_ROWS;
    EXPECT(command->push_bytes == sizeof(octavo_attention_push));
    return command->binding_count == 4u ? MERGE : WALK;
}

static void same_range(const call *x, const fake_range *bound, const octavo_tensor *tensor) {
    EXPECT(bound->buffer == tensor->buffer && bound->offset == tensor->offset && bound->size <= tensor->size);
}

static void bound_lse(const call *x, const fake_range *bound) {
    EXPECT(bound->buffer == x->run.lse_buffer && bound->offset == x->run.lse_offset);
    EXPECT(bound->size <= x->snapshot.max_storage_buffer_range);
}

static void check_push(const call *x, const octavo_attention_push *push) {
    const octavo_attention *plan = x->plan;
    EXPECT(push->head_count == KV_HEADS && push->group == x->group);
    EXPECT(push->key_dim == DIM && push->value_dim == DIM);
    EXPECT(push->flags == (OCTAVO_ELEMENT_F32 | OCTAVO_ELEMENT_F16 << 2 | OCTAVO_ATTENTION_WRITE_LSE));
    EXPECT(push->query_token_stride == x->run.queries.token_stride && push->query_head_stride == DIM);
    EXPECT(push->output_token_stride == x->run.output.token_stride && push->output_head_stride == DIM);
    EXPECT(push->sum_offset == plan->sum_offset && push->output_offset == plan->output_offset);
    EXPECT(push->arrival_offset == plan->arrival_offset && push->sink_offset == 0u);
}

/* A slice's walks have covered all of it. */
static void end_slice(call *x, slice_state *slice) {
    if (slice->groups == 0u) return;
    EXPECT(slice->partials == slice->partial_end);
    for (uint32_t p = 0; p < slice->partials; ++p) EXPECT(slice->partial_seen[p] == 1u);
    EXPECT(slice->merged == (x->plan->tuning.fused ? 0u : slice->tile_end));
    x->slices += 1u;
    x->joined += slice->shares > slice->groups ? 1u : 0u;
}

/* Pages of a share lie in the segment that is bound; its window's too. */
static void check_places(const call *x, const octavo_share *share, const slice_state *slice, uint32_t segment) {
    uint32_t token = 0u, s = 0u;
    while (s < SEQUENCES && token + x->query_counts[s] <= share->sequence.token_base) token += x->query_counts[s++];
    EXPECT(s < SEQUENCES && token == share->sequence.token_base);
    octavo_cache_view view;
    EXPECT(octavo_cache_table_view(x->cache->table, x->sequences[s], 1u, &view) == OCTAVO_SUCCESS);
    for (uint32_t r = 0; r < share->range_count; ++r) {
        const uint32_t *range = slice->words + slice->at.range_offset + 4u * (share->range_first + r);
        if (range[2] == OCTAVO_RUN_WINDOW) continue;
        for (uint32_t t = 0; t < range[1]; ++t) {
            octavo_page_place place = octavo_cache_page_place(x->cache, view.slots[range[0] + t], 1u);
            EXPECT(place.segment == segment && slice->words[range[3] + t] == place.page);
        }
    }
}

/* Takes a share; returns its KV tiles. */
static uint32_t take_share(call *x, slice_state *slice, uint32_t index, uint32_t segment) {
    octavo_share share;
    EXPECT(4u * (slice->at.share_offset + OCTAVO_SHARE_WORDS * (index + 1u)) <= slice->lists.size);
    memcpy(&share, slice->words + slice->at.share_offset + OCTAVO_SHARE_WORDS * index, sizeof share);
    EXPECT(share.partial < x->plan->partial_capacity && share.partial < sizeof slice->partial_seen);
    EXPECT(slice->partial_seen[share.partial]++ == 0u);
    slice->partials += 1u;
    if (share.tile_index >= slice->tile_end) slice->tile_end = share.tile_index + 1u;
    uint32_t end = share.tile.partial_first + share.tile.partial_count;
    if (end > slice->partial_end) slice->partial_end = end;
    if (share.partial == share.tile.partial_first) slice->row_total += share.tile.row_count;
    check_places(x, &share, slice, segment);
    return share.tile_count;
}

static void read_walk(call *x, const fake_command *command, slice_state *slice) {
    const octavo_attention *plan = x->plan;
    octavo_attention_push push;
    memcpy(&push, command->push, sizeof push);
    check_push(x, &push);
    bool fused = plan->tuning.fused;
    EXPECT(command->binding_count == (fused ? 7u : 3u));
    if (slice->groups == 0u) {
        slice->at = push;
        slice->lists = command->bindings[OCTAVO_WALK_LISTS];
        slice->words = (const uint32_t *)(const void *)(fake_buffer_bytes(slice->lists.buffer) + slice->lists.offset);
    }
    if (fused) {
        same_range(x, &command->bindings[OCTAVO_WALK_QUERIES], &x->run.queries);
        same_range(x, &command->bindings[OCTAVO_WALK_OUTPUT], &x->run.output);
        bound_lse(x, &command->bindings[OCTAVO_WALK_LSE]);
        EXPECT(command->bindings[OCTAVO_WALK_RECORDS].buffer == octavo_gpu_buffer_handle(x->cache->records));
    }
    EXPECT(command->bindings[OCTAVO_WALK_SCRATCH].buffer == octavo_gpu_buffer_handle(plan->scratch));
    EXPECT(memcmp(&command->bindings[OCTAVO_WALK_LISTS], &slice->lists, sizeof slice->lists) == 0);
    uint32_t segment = 0u, segment_count = octavo_attention_segments(plan);
    while (segment < segment_count &&
           octavo_attention_segment_range(plan, segment).buffer != command->bindings[OCTAVO_WALK_POOL].buffer) {
        segment += 1u;
    }
    EXPECT(segment < segment_count);
    x->own_walks += segment >= x->cache->segment_count ? 1u : 0u;
    if (segment > x->segments) x->segments = segment;
    EXPECT(command->groups[0] > 0u && command->groups[1] == KV_HEADS && command->groups[2] == 1u);
    EXPECT(command->groups[0] <= x->snapshot.max_compute_work_group_count[0]);
    EXPECT(push.group_first == slice->groups); /* one after the other */
    uint64_t work = 0u;
    for (uint32_t i = 0; i < command->groups[0]; ++i) {
        uint32_t begin = push.group_first + i, end = begin + 1u;
        if (push.group_offset != 0u) {
            begin = slice->words[push.group_offset + i];
            end = slice->words[push.group_offset + i + 1u];
        }
        EXPECT(begin == slice->shares && end > begin);
        for (; slice->shares < end; ++slice->shares) work += take_share(x, slice, slice->shares, segment);
    }
    slice->groups += command->groups[0];
    work *= (uint64_t)plan->tuning.rows * KV_HEADS * OCTAVO_TILE_TOKENS;
    EXPECT(work <= plan->tuning.slice_work || command->groups[0] == 1u);
    x->walks += 1u;
}

static void read_merge(call *x, const fake_command *command, slice_state *slice) {
    octavo_attention_push push;
    memcpy(&push, command->push, sizeof push);
    check_push(x, &push);
    EXPECT(push.tile_first == slice->merged && command->groups[0] % x->plan->tuning.rows == 0u);
    EXPECT(command->groups[0] <= x->snapshot.max_compute_work_group_count[0] && command->groups[1] == KV_HEADS);
    EXPECT(memcmp(&command->bindings[OCTAVO_MERGE_LISTS], &slice->lists, sizeof slice->lists) == 0);
    same_range(x, &command->bindings[OCTAVO_MERGE_OUTPUT], &x->run.output);
    bound_lse(x, &command->bindings[OCTAVO_MERGE_LSE]);
    slice->merged += command->groups[0] / x->plan->tuning.rows;
}

/* All rows of own tokens are written before the first walk, by kernels that a barrier separates from it. */
static void read_own_rows(call *x, const fake_command *command, const slice_state *slice) {
    const octavo_own_rows *own = &x->plan->own;
    uint32_t segment = 0u;
    while (segment < own->segment_count &&
           octavo_gpu_buffer_handle(own->segments[segment]) != command->bindings[OCTAVO_APPEND_POOL].buffer)
        segment += 1u;
    EXPECT(slice->barrier && slice->last == NOTHING); /* behind what reads the rows of the call before */
    EXPECT(segment < own->segment_count && command->groups[1] == KV_HEADS);
    EXPECT(command->bindings[OCTAVO_APPEND_TENSOR].buffer == octavo_buffer_handle(x->own));
    x->own_writes += 1u;
}

static void check_commands(call *x, VkCommandBuffer command_buffer) {
    static slice_state slice;
    uint32_t count, rows = 0u;
    const fake_command *commands = fake_commands(command_buffer, &count);
    memset(&slice, 0, sizeof slice);
    slice.last = NOTHING;
    bool pending = false;
    uint32_t writes_before = x->own_writes;
    for (uint32_t i = 0; i < count; ++i) {
        const fake_command *command = &commands[i];
        slice.barrier = slice.barrier || command->kind == FAKE_BARRIER;
        pending = pending && command->kind != FAKE_BARRIER;
        if (command->kind != FAKE_DISPATCH) continue;
        kernel_kind kind = kind_of(x, command);
        if (kind == OWN_ROWS) {
            read_own_rows(x, command, &slice);
            pending = true;
            continue;
        }
        EXPECT(kind == ROTATE || !pending);
        EXPECT(!x->plan->tuning.fused || kind == WALK);
        bool same_lists = kind != WALK || slice.groups == 0u ||
                          memcmp(&command->bindings[OCTAVO_WALK_LISTS], &slice.lists, sizeof slice.lists) == 0;
        if ((kind == ROTATE && slice.last != ROTATE) || !same_lists) {
            end_slice(x, &slice);
            rows += slice.row_total;
            kernel_kind last = slice.last;
            bool barrier = slice.barrier;
            memset(&slice, 0, sizeof slice);
            slice.last = last;
            slice.barrier = barrier;
            EXPECT(barrier); /* scratch memory is used again */
        }
        EXPECT(kind == slice.last || slice.barrier);
        if (kind == WALK) read_walk(x, command, &slice);
        if (kind == MERGE) read_merge(x, command, &slice);
        slice.last = kind;
        slice.barrier = false;
    }
    end_slice(x, &slice);
    EXPECT(rows + slice.row_total == x->tokens * x->group);
    EXPECT((x->own_writes > writes_before) == (x->own != NULL));
}

static void record_and_check(call *x) {
    VkCommandBuffer command_buffer;
    for (uint32_t round = 0; round < 2u; ++round) { /* the second finds what the first has left */
        EXPECT(octavo_commands_begin(x->commands, &command_buffer) == OCTAVO_SUCCESS);
        EXPECT(octavo_attention_record_run(x->plan, x->frame, command_buffer, &x->run) == OCTAVO_SUCCESS);
        check_commands(x, command_buffer);
        EXPECT(octavo_commands_submit_and_wait(x->commands, NULL) == OCTAVO_SUCCESS);
        EXPECT(octavo_frame_reset(x->frame) == OCTAVO_SUCCESS);
    }
    /* lse in an application's one large buffer, of which a part can be bound; not submitted: ours is not large */
    x->run.lse_size = x->snapshot.max_storage_buffer_range + UINT64_C(4096);
    EXPECT(octavo_commands_begin(x->commands, &command_buffer) == OCTAVO_SUCCESS);
    EXPECT(octavo_attention_record_run(x->plan, x->frame, command_buffer, &x->run) == OCTAVO_SUCCESS);
    check_commands(x, command_buffer);
}

static void record_on(fabricated_device which, uint32_t hidden, const char *variant, const char *tuning, bool fused,
                      const char *expected) {
    static const uint32_t groups[] = {1, 2, 4, 7, 8};
    uint64_t seed = rng_test_seed(20261124u);
    uint32_t walks = 0u, slices = 0u, joined = 0u, segments = 0u, own_walks = 0u;
    rng generator;
    rng_seed(&generator, seed);
    for (uint32_t round = 0; round < ROUNDS; ++round) {
        static call made;
        call *x = &made;
        char what[64];
        memset(x, 0, sizeof *x);
        snprintf(what, sizeof what, "%s seed %llu round %u", expected, (unsigned long long)seed, round);
        x->what = what;
        x->group = groups[rng_below(&generator, 5u)];
        open_call(x, which, hidden, variant, tuning, &generator);
        ck_assert_str_eq(x->plan->variant->name, expected);
        ck_assert(x->plan->tuning.fused == fused);
        record_and_check(x);
        close_call(x);
        walks += x->walks;
        slices += x->slices;
        joined += x->joined;
        segments += x->segments;
        own_walks += x->own_walks;
    }
    /* the draw reaches what it is for; few of its lists are short beside the cost of a share of the matrix walk */
    ck_assert_uint_gt(own_walks, ROUNDS / 2u);
    ck_assert_msg(slices > 9u * ROUNDS / 4u && walks > 2u * slices && joined > ROUNDS / 4u && segments > ROUNDS,
                  "%s: %u slices, %u walks, %u with workgroups of several lists, segments %u", expected, slices, walks,
                  joined, segments);
}

START_TEST(matrix_calls) {
    record_on(FABRICATED_HOPPER, 0u, NULL, NULL, true, "matrix");
}
END_TEST

START_TEST(emulated_matrix_calls) {
    record_on(FABRICATED_LAVAPIPE, 0u, "matrix_emulated", NULL, true, "matrix_emulated");
}
END_TEST

START_TEST(calls_in_one_kernel) {
    record_on(FABRICATED_HOPPER, OCTAVO_CAPABILITY_COOPERATIVE_MATRIX, "int8_subgroup", NULL, true, "int8_subgroup");
}
END_TEST

START_TEST(calls_in_three_kernels) {
    record_on(FABRICATED_HOPPER, OCTAVO_CAPABILITY_COOPERATIVE_MATRIX, "int8_subgroup", "dispatches=3", false,
              "int8_subgroup");
}
END_TEST

/* Steps of 64 and more rows of a KV head, which prefill's blocks decode. */
START_TEST(calls_in_blocks) {
    record_on(FABRICATED_ANDROID_2021, 0u, "prefill_f32", NULL, false, "prefill_f32");
}
END_TEST

START_TEST(calls_on_the_least_device) {
    record_on(FABRICATED_ANDROID_2021, 0u, "f32_shared", NULL, false, "f32_shared");
}
END_TEST

int main(void) {
    const TTest *tests[] = {matrix_calls,           emulated_matrix_calls, calls_in_one_kernel,
                            calls_in_three_kernels, calls_in_blocks,       calls_on_the_least_device};
    return run_tests("attention_record", tests, sizeof tests / sizeof tests[0], 300.0);
}
