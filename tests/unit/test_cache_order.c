/* Barriers between the operations on a cache: those that a layer's pages need, and none between layers. */
#include "attention/attention_plan.h"
#include "attention/cache_object.h"
#include "fake_device.h"
#include "rng.h"
#include "run_tests.h"

#include <string.h>

#define LAYERS 5u
#define HEADS 2u
#define DIM 64u
#define TOKENS_MAX 40u

typedef struct scene {
    octavo_device_snapshot snapshot;
    octavo_device *device;
    octavo_cache *cache;
    octavo_attention *plan;    /* whose walk reads the pool */
    octavo_attention *prefill; /* whose walk reads expanded tiles */
    octavo_frame *frame, *other_frame;
    octavo_commands *commands;
    octavo_buffer *rows;
    octavo_sequence sequence;
    VkCommandBuffer command_buffer;
} scene;

static octavo_tensor tensor(const scene *x) {
    return (octavo_tensor){octavo_buffer_handle(x->rows), 0, octavo_buffer_size(x->rows), OCTAVO_F32, HEADS * DIM, DIM};
}

static void open_scene(scene *x) {
    memset(x, 0, sizeof *x);
    octavo_device_create_info device = OCTAVO_DEVICE_CREATE_INFO_INIT;
    ck_assert(fake_device_open(FABRICATED_TURING, &x->snapshot, &device, NULL, &x->device) == OCTAVO_SUCCESS);
    octavo_cache_info cache = OCTAVO_CACHE_INFO_INIT;
    cache.layer_count = LAYERS;
    cache.kv_head_count = HEADS;
    cache.key_dim = cache.value_dim = DIM;
    cache.token_capacity = 65536u;
    cache.sequence_capacity = 16u;
    ck_assert(octavo_cache_object_create(x->device, &cache, NULL, &x->cache) == OCTAVO_SUCCESS);
    octavo_attention_info plan = OCTAVO_ATTENTION_INFO_INIT;
    plan.cache = x->cache;
    plan.query_head_count = HEADS;
    plan.skip_proof = VK_TRUE;
    plan.own_tokens = VK_TRUE;
    ck_assert(octavo_attention_plan_create(&plan, &x->plan) == OCTAVO_SUCCESS);
    plan.phase = OCTAVO_PHASE_PREFILL;
    plan.variant = "prefill_emulated";
    ck_assert(octavo_attention_plan_create(&plan, &x->prefill) == OCTAVO_SUCCESS);
    ck_assert(x->plan->expanded_capacity == 0u && x->prefill->expanded_capacity > 0u);
    ck_assert(octavo_frame_create(x->device, 1u << 20, &x->frame) == OCTAVO_SUCCESS);
    ck_assert(octavo_frame_create(x->device, 1u << 20, &x->other_frame) == OCTAVO_SUCCESS);
    ck_assert(octavo_commands_create(x->device, &x->commands) == OCTAVO_SUCCESS);
    ck_assert(octavo_buffer_create(x->device, TOKENS_MAX * HEADS * DIM * 4u, OCTAVO_BUFFER_DEVICE, &x->rows) ==
              OCTAVO_SUCCESS);
    ck_assert(octavo_sequence_create(x->cache, 0u, &x->sequence) == OCTAVO_SUCCESS);
    ck_assert(octavo_commands_begin(x->commands, &x->command_buffer) == OCTAVO_SUCCESS);
}

static void close_scene(scene *x) {
    octavo_attention_plan_destroy(x->plan);
    octavo_attention_plan_destroy(x->prefill);
    octavo_frame_destroy(x->frame);
    octavo_frame_destroy(x->other_frame);
    octavo_commands_destroy(x->commands);
    octavo_buffer_destroy(x->rows);
    octavo_cache_object_destroy(x->cache);
    octavo_device_destroy(x->device);
    ck_assert_uint_eq(fake_live_objects(), 0);
}

static void next_recording(scene *x) {
    ck_assert(octavo_commands_submit_and_wait(x->commands, NULL) == OCTAVO_SUCCESS);
    ck_assert(octavo_frame_reset(x->frame) == OCTAVO_SUCCESS);
    ck_assert(octavo_commands_begin(x->commands, &x->command_buffer) == OCTAVO_SUCCESS);
}

static void append(scene *x, octavo_frame *frame, uint32_t layer, uint32_t count) {
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    info.layer = layer;
    info.sequence_count = 1u;
    info.sequences = &x->sequence;
    info.token_counts = &count;
    info.keys = info.values = tensor(x);
    ck_assert(octavo_cache_record_append(x->cache, frame, x->command_buffer, &info) == OCTAVO_SUCCESS);
}

static void attend_with(scene *x, octavo_attention *plan, uint32_t layer, bool own) {
    uint32_t count = 1u;
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    run.layer = layer;
    run.sequence_count = 1u;
    run.sequences = &x->sequence;
    run.query_counts = &count;
    run.queries = run.output = tensor(x);
    if (own) run.own_keys = run.own_values = tensor(x);
    ck_assert(octavo_attention_record_run(plan, x->frame, x->command_buffer, &run) == OCTAVO_SUCCESS);
}

static void attend(scene *x, uint32_t layer) {
    attend_with(x, x->plan, layer, false);
}

/* One letter a command: b(arrier), d(ispatch), c(opy). */
static const char *letters(const scene *x) {
    static char text[4096];
    uint32_t count, length = 0;
    const fake_command *commands = fake_commands(x->command_buffer, &count);
    for (uint32_t i = 0; i < count && length + 1u < sizeof text; ++i) {
        fake_command_kind kind = commands[i].kind;
        if (kind == FAKE_BARRIER || kind == FAKE_DISPATCH || kind == FAKE_COPY)
            text[length++] = kind == FAKE_BARRIER ? 'b' : kind == FAKE_DISPATCH ? 'd' : 'c';
    }
    text[length] = '\0';
    return text;
}

START_TEST(layers_have_one_barrier_together) {
    scene x;
    open_scene(&x);
    for (uint32_t layer = 0; layer < LAYERS; ++layer) append(&x, x.frame, layer, 1u + layer);
    ck_assert_str_eq(letters(&x), "bddddd");
    append(&x, x.frame, 3u, 1u); /* its own words again */
    append(&x, x.frame, 4u, 1u); /* that barrier was for all */
    append(&x, x.frame, 4u, 2u);
    ck_assert_str_eq(letters(&x), "bdddddbddbd");
    next_recording(&x);
    append(&x, x.frame, 0u, 1u);
    append(&x, x.frame, 1u, 1u);
    ck_assert_str_eq(letters(&x), "bdd");
    append(&x, x.other_frame, 2u, 1u); /* of which nothing is known */
    append(&x, x.frame, 3u, 1u);
    ck_assert_str_eq(letters(&x), "bddbdbd");
    close_scene(&x);
}
END_TEST

START_TEST(reads_and_copies_are_waited_for) {
    scene x;
    open_scene(&x);
    for (uint32_t layer = 0; layer < LAYERS; ++layer) append(&x, x.frame, layer, 20u);
    next_recording(&x);
    append(&x, x.frame, 0u, 1u);
    attend(&x, 0u);
    size_t length = strlen(letters(&x));
    ck_assert(strncmp(letters(&x), "bdbd", 4u) == 0);
    append(&x, x.frame, 1u, 1u); /* overlaps with the attention of layer 0 */
    ck_assert_str_eq(letters(&x) + length, "d");
    append(&x, x.frame, 0u, 1u); /* what that attention reads */
    ck_assert_str_eq(letters(&x) + length, "dbd");
    octavo_sequence fork;
    ck_assert(octavo_sequence_fork(x.cache, x.sequence, &fork) == OCTAVO_SUCCESS);
    append(&x, x.frame, 2u, 1u); /* shares its pages */
    const char *end = letters(&x) + length + 3u;
    ck_assert(end[0] == 'b' && end[1] == 'c' && strcmp(end + strspn(end, "bc"), "d") == 0);
    ck_assert(end[strspn(end, "bc") - 1u] == 'b');
    close_scene(&x);
}
END_TEST

/* Of one list: rows of own tokens; expanded codes, window rows and own rows; the walk, which finishes its tiles. */
#define EXPANDED_CALL "bdbdddbd"

START_TEST(an_append_runs_beside_a_walk_of_expanded_tiles) {
    scene x;
    open_scene(&x);
    for (uint32_t layer = 0; layer < LAYERS; ++layer) append(&x, x.frame, layer, 20u);
    next_recording(&x);
    attend_with(&x, x.prefill, 0u, true); /* first of its recording */
    append(&x, x.frame, 0u, 1u);
    ck_assert_str_eq(letters(&x), EXPANDED_CALL "d");
    append(&x, x.frame, 0u, 1u); /* its own words again */
    attend_with(&x, x.prefill, 0u, true);
    ck_assert_str_eq(letters(&x), EXPANDED_CALL "dbd" EXPANDED_CALL);
    append(&x, x.frame, 1u, 1u);
    append(&x, x.frame, 0u, 1u);
    ck_assert_str_eq(letters(&x), EXPANDED_CALL "dbd" EXPANDED_CALL "dd");
    next_recording(&x);
    attend_with(&x, x.prefill, 0u, true);
    append(&x, x.other_frame, 0u, 1u); /* of which nothing is known */
    ck_assert_str_eq(letters(&x), EXPANDED_CALL "bd");
    next_recording(&x);
    attend_with(&x, x.prefill, 0u, false);
    attend(&x, 0u); /* reads the pool itself */
    size_t length = strlen(letters(&x));
    append(&x, x.frame, 0u, 1u);
    ck_assert_str_eq(letters(&x) + length, "bd");
    octavo_sequence fork;
    attend_with(&x, x.prefill, 0u, true);
    ck_assert(octavo_sequence_fork(x.cache, x.sequence, &fork) == OCTAVO_SUCCESS);
    length = strlen(letters(&x));
    append(&x, x.frame, 0u, 1u); /* copies pages that are read */
    ck_assert(letters(&x)[length] == 'b' && letters(&x)[length + 1u] == 'c');
    close_scene(&x);
}
END_TEST

START_TEST(own_rows_are_waited_for) {
    scene x;
    open_scene(&x);
    append(&x, x.frame, 0u, 20u);
    next_recording(&x);
    attend(&x, 0u);
    size_t without = strlen(letters(&x));
    next_recording(&x);
    attend_with(&x, x.plan, 0u, true);
    ck_assert_uint_gt(strlen(letters(&x)), without);
    ck_assert(strncmp(letters(&x), "bdb", 3u) == 0);
    size_t length = strlen(letters(&x));
    append(&x, x.frame, 0u, 1u); /* into pages that the walk reads */
    ck_assert_str_eq(letters(&x) + length, "bd");
    close_scene(&x);
}
END_TEST

START_TEST(new_codecs_are_waited_for) {
    scene x;
    open_scene(&x);
    octavo_codec_info codec = OCTAVO_CODEC_INFO_INIT;
    append(&x, x.frame, 0u, 1u);
    ck_assert(octavo_sequence_truncate(x.cache, x.sequence, 0u) == OCTAVO_SUCCESS);
    ck_assert(octavo_cache_set_codec(x.cache, 0u, 1u, &codec) == OCTAVO_SUCCESS);
    append(&x, x.frame, 1u, 1u);
    ck_assert(octavo_sequence_truncate(x.cache, x.sequence, 0u) == OCTAVO_SUCCESS);
    float mean[HEADS * DIM] = {1.0f};
    codec.key_mean = mean;
    ck_assert(octavo_cache_set_codec(x.cache, 0u, 2u, &codec) == OCTAVO_SUCCESS);
    append(&x, x.frame, 2u, 1u);
    ck_assert_str_eq(letters(&x), "bddbd");
    close_scene(&x);
}
END_TEST

/* What touches a layer, in the order of recording, has a barrier between when one of the two writes. */
START_TEST(random_recordings_are_ordered) {
    uint64_t seed = rng_test_seed(99u);
    rng generator;
    rng_seed(&generator, seed);
    uint32_t skipped = 0;
    scene x;
    open_scene(&x);
    for (uint32_t layer = 0; layer < LAYERS; ++layer) append(&x, x.frame, layer, 5u);
    for (uint32_t round = 0; round < 200u; ++round) {
        next_recording(&x);
        bool written[LAYERS] = {false}, read[LAYERS] = {false}; /* since the last barrier */
        size_t seen = 0;
        bool fresh = true;
        for (uint32_t step = 0; step < 12u; ++step) {
            uint32_t layer = rng_below(&generator, LAYERS);
            uint32_t kind = rng_below(&generator, 6u);
            bool reads = kind < 3u, over = kind == 0u; /* before the walk */
            if (reads)
                attend_with(&x, over ? x.prefill : x.plan, layer, kind != 1u);
            else
                append(&x, x.frame, layer, rng_between(&generator, 1u, TOKENS_MAX));
            const char *text = letters(&x) + seen;
            bool waits = text[0] == 'b';
            if (waits) {
                memset(written, 0, sizeof written);
                memset(read, 0, sizeof read);
            }
            ck_assert_msg(waits || (!fresh && !written[layer] && (reads || !read[layer])),
                          "seed %llu round %u step %u: layer %u", (unsigned long long)seed, round, step, layer);
            skipped += waits ? 0u : 1u;
            fresh = false;
            if (!over) (reads ? read : written)[layer] = true;
            seen = strlen(letters(&x));
        }
        uint32_t length;
        ck_assert(octavo_sequence_length(x.cache, x.sequence, 0u, &length) == OCTAVO_SUCCESS);
        if (length > 2000u) ck_assert(octavo_sequence_truncate(x.cache, x.sequence, 3u) == OCTAVO_SUCCESS);
    }
    ck_assert_uint_gt(skipped, 300u);
    close_scene(&x);
}
END_TEST

int main(void) {
    const TTest *tests[] = {layers_have_one_barrier_together,
                            reads_and_copies_are_waited_for,
                            an_append_runs_beside_a_walk_of_expanded_tiles,
                            own_rows_are_waited_for,
                            new_codecs_are_waited_for,
                            random_recordings_are_ordered};
    return run_tests("cache_order", tests, sizeof tests / sizeof tests[0], 120.0);
}
