/* Hundreds of random operations on a cache, on the GPU, against a plain array: for each sequence the list of its tokens,
 * whose keys and values follow from their number. Up to six operations are recorded before they are submitted. Software
 * devices take different operations. */
#include "format/codec_reference.h"
#include "gpu_fixture.h"
#include "random_numbers.h"
#include "rng.h"
#include "run_tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPERATIONS = 400,
    LAYERS = 2,
    KV_HEADS = 2,
    KEY_DIM = 40,
    VALUE_DIM = 32,
    SEQUENCES = 12,
    LENGTH_MAX = 700,
    APPEND_MAX = 200,
    BATCH_MAX = 4,   /* sequences of one append */
    PENDING_MAX = 6, /* operations of one submission */
    FIRST = 4,
    RECENT = 24,
    SLACK = 8,
    SEED = 41,
    WORDS_MAX = 64,         /* of a token of a head */
    REMEMBERED_MAX = 16384, /* tokens of a layer: about twice as many as live */
};

/* What a token of a layer is: compared many times while it lives, and to quantise it takes longer than all the rest. */
typedef struct token_rows {
    bool known;
    uint32_t token;
    float key[KV_HEADS][KEY_DIM], value[KV_HEADS][VALUE_DIM];
    uint32_t words[KV_HEADS][WORDS_MAX];
} token_rows;

typedef struct model_sequence {
    octavo_sequence handle; /* 0: none */
    uint32_t length;
    uint32_t held_from; /* tokens in [held_from, length) are in the recent window */
    uint32_t tokens[LENGTH_MAX];
} model_sequence;

typedef struct model {
    gpu_fixture gpu;
    octavo_cache *cache;
    octavo_packed_layout layout;
    octavo_random random;
    model_sequence sequences[SEQUENCES];
    octavo_buffer *buffers[PENDING_MAX * LAYERS * 2]; /* rows of the appends that are recorded and not submitted */
    unsigned buffer_count;
    unsigned pending; /* operations since the last submission */
    float key_rows[APPEND_MAX * BATCH_MAX][KV_HEADS][KEY_DIM];
    float value_rows[APPEND_MAX * BATCH_MAX][KV_HEADS][VALUE_DIM];
    uint32_t next_token;
    uint32_t *page; /* an image for the reference */
    token_rows remembered[LAYERS][REMEMBERED_MAX];
    unsigned operation, refused;
    uint64_t seed;
} model;

/* A token's rows in a layer: the same number gives the same rows. */
static void make_rows(uint32_t token, uint32_t layer, float key[KV_HEADS][KEY_DIM], float value[KV_HEADS][VALUE_DIM]) {
    octavo_random random = octavo_random_seed((uint64_t)token * LAYERS + layer);
    octavo_random_normal(&random, 1, &key[0][0], (size_t)KV_HEADS * KEY_DIM);
    octavo_random_normal(&random, 1, &value[0][0], (size_t)KV_HEADS * VALUE_DIM);
}

static const octavo_format_basis basis = {SEED, NULL, NULL, NULL};

static void to_basis(const float key[KEY_DIM], const float value[VALUE_DIM], float rotated_key[256],
                     float rotated_value[256]) {
    octavo_format_to_basis(&basis, KEY_DIM, 3, key, rotated_key);
    octavo_format_to_basis(&basis, VALUE_DIM, 3, value, rotated_value);
}

static const token_rows *rows_of_token(model *model, uint32_t token, uint32_t layer) {
    token_rows *rows = &model->remembered[layer][token % REMEMBERED_MAX];
    if (rows->known && rows->token == token) return rows;
    make_rows(token, layer, rows->key, rows->value);
    for (uint32_t head = 0; head < KV_HEADS; head++) {
        float rotated_key[256], rotated_value[256];
        to_basis(rows->key[head], rows->value[head], rotated_key, rotated_value);
        octavo_format_pack_token(&model->layout, model->page, head, token % 128, rotated_key, rotated_value);
        octavo_format_gather_token(&model->layout, model->page, head, token % 128, rows->words[head]);
    }
    rows->known = true;
    rows->token = token;
    return rows;
}

static void fail_at(const model *model, const char *what, int sequence, uint32_t layer, uint32_t token) {
    ck_abort_msg("seed %llu operation %u: %s of sequence %d layer %u token %u", (unsigned long long)model->seed,
                 model->operation, what, sequence, layer, token);
}

/* --- comparing -------------------------------------------------------------------------------------------------------
 */

static void compare_packed(model *model, int index, uint32_t layer) {
    static uint32_t words[LENGTH_MAX * KV_HEADS * WORDS_MAX];
    const model_sequence *sequence = &model->sequences[index];
    uint32_t width = octavo_cache_packed_words(model->cache);
    ck_assert_uint_le(width, WORDS_MAX);
    gpu_fixture_check(&model->gpu,
                      octavo_cache_read_packed(model->cache, sequence->handle, layer, 0, sequence->length, words),
                      "octavo_cache_read_packed");
    for (uint32_t i = 0; i < sequence->length; i++) {
        const token_rows *rows = rows_of_token(model, sequence->tokens[i], layer);
        for (uint32_t head = 0; head < KV_HEADS; head++) {
            const uint32_t *expected = rows->words[head];
            if (memcmp(words + ((size_t)i * KV_HEADS + head) * width, expected, width * sizeof *words) != 0)
                fail_at(model, "packed words", index, layer, i);
        }
    }
}

/* Tokens that must be in an f16 window are near their values, as packed ones are not. */
static void compare_windows(model *model, int index, uint32_t layer) {
    static float keys[LENGTH_MAX][KV_HEADS][KEY_DIM], values[LENGTH_MAX][KV_HEADS][VALUE_DIM];
    const model_sequence *sequence = &model->sequences[index];
    if (sequence->length == 0) return;
    gpu_fixture_check(
        &model->gpu,
        octavo_cache_read(model->cache, sequence->handle, layer, 0, sequence->length, &keys[0][0][0], &values[0][0][0]),
        "octavo_cache_read");
    for (uint32_t i = 0; i < sequence->length; i++) {
        const token_rows *rows = rows_of_token(model, sequence->tokens[i], layer);
        bool is_recent = i + RECENT >= sequence->length && i >= sequence->held_from;
        float worst = 0;
        for (uint32_t j = 0; j < KV_HEADS * KEY_DIM; j++)
            worst = fmaxf(worst, fabsf((&rows->key[0][0])[j] - (&keys[i][0][0])[j]));
        for (uint32_t j = 0; j < KV_HEADS * VALUE_DIM; j++)
            worst = fmaxf(worst, fabsf((&rows->value[0][0])[j] - (&values[i][0][0])[j]));
        if (!(worst < (i < FIRST || is_recent ? 0.02f : 3.0f))) fail_at(model, "values", index, layer, i);
    }
}

static void compare_sequence(model *model, int index) {
    const model_sequence *sequence = &model->sequences[index];
    for (uint32_t layer = 0; layer < LAYERS; layer++) {
        uint32_t length = UINT32_MAX;
        gpu_fixture_check(&model->gpu, octavo_sequence_length(model->cache, sequence->handle, layer, &length),
                          "octavo_sequence_length");
        if (length != sequence->length) fail_at(model, "the length", index, layer, length);
        compare_packed(model, index, layer);
        compare_windows(model, index, layer);
    }
}

static void compare_all(model *model) {
    octavo_cache_statistics statistics;
    uint64_t live = 0;
    for (int i = 0; i < SEQUENCES; i++) {
        if (model->sequences[i].handle == 0) continue;
        live++;
        compare_sequence(model, i);
    }
    octavo_cache_get_statistics(model->cache, &statistics);
    ck_assert_uint_eq(statistics.sequence_count, live);
    ck_assert_uint_eq(statistics.free_page_count + statistics.packed_page_count + statistics.window_page_count,
                      statistics.page_count);
}

/* --- operations ------------------------------------------------------------------------------------------------------
 */

static int find_sequence(model *model, bool live) {
    uint32_t start = octavo_random_between(&model->random, 0, SEQUENCES - 1);
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        uint32_t index = (start + i) % SEQUENCES;
        if ((model->sequences[index].handle != 0) == live) return (int)index;
    }
    return -1;
}

/* False: the operation is to be refused for want of pages, and has been. */
static bool went(model *model, octavo_status status, const char *what) {
    if (status == OCTAVO_OUT_OF_PAGES) {
        model->refused++;
        return false;
    }
    gpu_fixture_check(&model->gpu, status, what);
    return true;
}

static void create(model *model) {
    int index = find_sequence(model, false);
    if (index < 0) return;
    model_sequence *sequence = &model->sequences[index];
    memset(sequence, 0, sizeof *sequence);
    if (!went(model, octavo_sequence_create(model->cache, 0, &sequence->handle), "octavo_sequence_create"))
        sequence->handle = 0;
}

static void fork_one(model *model) {
    int source = find_sequence(model, true), target = find_sequence(model, false);
    octavo_sequence handle = 0;
    if (source < 0 || target < 0) return;
    if (!went(model, octavo_sequence_fork(model->cache, model->sequences[source].handle, &handle),
              "octavo_sequence_fork"))
        return;
    model->sequences[target] = model->sequences[source];
    model->sequences[target].handle = handle;
}

static void truncate_one(model *model) {
    int index = find_sequence(model, true);
    if (index < 0) return;
    model_sequence *sequence = &model->sequences[index];
    uint32_t length =
        octavo_random_once_in(&model->random, 2)
            ? octavo_random_between(&model->random, 0, sequence->length)
            : sequence->length -
                  octavo_random_between(&model->random, 0, sequence->length < SLACK ? sequence->length : SLACK);
    gpu_fixture_check(&model->gpu, octavo_sequence_truncate(model->cache, sequence->handle, length),
                      "octavo_sequence_truncate");
    if (length < sequence->length) sequence->length = length;
    if (sequence->held_from > sequence->length) sequence->held_from = sequence->length;
}

static void destroy_one(model *model) {
    int index = find_sequence(model, true);
    if (index < 0) return;
    gpu_fixture_check(&model->gpu, octavo_sequence_destroy(model->cache, model->sequences[index].handle),
                      "octavo_sequence_destroy");
    model->sequences[index].handle = 0;
}

/* The sequences of one append call: different ones, with counts that may be 0. */
typedef struct append_call {
    uint32_t sequences, tokens;
    int indices[BATCH_MAX];
    octavo_sequence handles[BATCH_MAX];
    uint32_t counts[BATCH_MAX];
} append_call;

static void choose_append(model *model, append_call *call) {
    memset(call, 0, sizeof *call);
    uint32_t wanted = octavo_random_between(&model->random, 1, BATCH_MAX);
    uint32_t start = octavo_random_between(&model->random, 0, SEQUENCES - 1);
    for (uint32_t i = 0; i < SEQUENCES && call->sequences < wanted; i++) {
        int index = (int)((start + i) % SEQUENCES);
        const model_sequence *sequence = &model->sequences[index];
        if (sequence->handle == 0) continue;
        uint32_t most = octavo_random_once_in(&model->random, 3) ? APPEND_MAX : 20;
        uint32_t count = octavo_random_between(&model->random, 0, most);
        if (count > LENGTH_MAX - sequence->length) count = LENGTH_MAX - sequence->length;
        call->indices[call->sequences] = index;
        call->handles[call->sequences] = sequence->handle;
        call->counts[call->sequences++] = count;
        call->tokens += count;
    }
}

static octavo_tensor rows_of(const octavo_buffer *buffer, uint32_t tokens, uint32_t dim) {
    return (octavo_tensor){
        octavo_buffer_handle(buffer), 0, (VkDeviceSize)tokens * KV_HEADS * dim * 4, OCTAVO_F32, KV_HEADS * dim, dim};
}

static octavo_buffer *keep_rows(model *model, size_t size, const void *rows) {
    octavo_buffer *buffer = gpu_fixture_buffer(&model->gpu, size, rows);
    model->buffers[model->buffer_count++] = buffer;
    return buffer;
}

/* Records one layer; false when there are too few pages. */
static bool append_layer(model *model, const append_call *call, uint32_t layer) {
    for (uint32_t i = 0; i < call->tokens; i++)
        make_rows(model->next_token + i, layer, model->key_rows[i], model->value_rows[i]);
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    info.layer = layer;
    info.sequence_count = call->sequences;
    info.sequences = call->handles;
    info.token_counts = call->counts;
    info.keys =
        rows_of(keep_rows(model, call->tokens * sizeof model->key_rows[0], model->key_rows), call->tokens, KEY_DIM);
    info.values = rows_of(keep_rows(model, call->tokens * sizeof model->value_rows[0], model->value_rows), call->tokens,
                          VALUE_DIM);
    return went(model, octavo_cache_record_append(model->cache, model->gpu.frame, model->gpu.command_buffer, &info),
                "octavo_cache_record_append");
}

/* Both layers; a refused call appends nothing in either. */
static void append(model *model) {
    append_call call;
    choose_append(model, &call);
    if (call.sequences == 0 || call.tokens == 0) return;
    bool appended = true;
    for (uint32_t layer = 0; layer < LAYERS && appended; layer++) {
        appended = append_layer(model, &call, layer);
        if (!appended && layer > 0) fail_at(model, "no pages for a later layer", call.indices[0], layer, 0);
    }
    if (!appended) return;
    for (uint32_t s = 0; s < call.sequences; s++) {
        model_sequence *sequence = &model->sequences[call.indices[s]];
        for (uint32_t i = 0; i < call.counts[s]; i++) sequence->tokens[sequence->length++] = model->next_token++;
        uint32_t ring = RECENT + SLACK;
        if (sequence->length > ring && sequence->held_from < sequence->length - ring)
            sequence->held_from = sequence->length - ring;
    }
}

static void run_operation(model *model) {
    uint32_t choice = octavo_random_between(&model->random, 0, 99);
    if (choice < 12)
        create(model);
    else if (choice < 24)
        fork_one(model);
    else if (choice < 38)
        truncate_one(model);
    else if (choice < 48)
        destroy_one(model);
    else
        append(model);
}

static void submit(model *model) {
    gpu_fixture_submit(&model->gpu);
    for (unsigned i = 0; i < model->buffer_count; i++) octavo_buffer_destroy(model->buffers[i]);
    model->buffer_count = 0;
    model->pending = 0;
    gpu_fixture_begin(&model->gpu);
}

static void open_model(model *model) {
    octavo_cache_info info = OCTAVO_CACHE_INFO_INIT;
    octavo_codec_info codec = OCTAVO_CODEC_INFO_INIT;
    gpu_fixture_open(&model->gpu);
    model->seed = rng_test_seed(3 + test_device_share(model->gpu.device));
    model->random = octavo_random_seed(model->seed);
    info.layer_count = LAYERS;
    info.kv_head_count = KV_HEADS;
    info.key_dim = KEY_DIM;
    info.value_dim = VALUE_DIM;
    info.token_capacity = 4500; /* too few for all sequences at full length */
    info.sequence_capacity = SEQUENCES;
    info.first_tokens = FIRST;
    info.recent_tokens = RECENT;
    info.slack_tokens = SLACK;
    gpu_fixture_check(&model->gpu, octavo_cache_create(model->gpu.device, &info, &model->cache), "octavo_cache_create");
    codec.seed = SEED;
    for (uint32_t layer = 0; layer < LAYERS; layer++)
        gpu_fixture_check(&model->gpu, octavo_cache_set_codec(model->cache, 0, layer, &codec),
                          "octavo_cache_set_codec");
    model->layout = octavo_packed_layout_make(LAYERS, KV_HEADS, KEY_DIM, VALUE_DIM, 3, 3);
    model->page = calloc(model->layout.page_words, sizeof *model->page);
    ck_assert_ptr_nonnull(model->page);
    gpu_fixture_begin(&model->gpu);
}

START_TEST(cache_equals_an_array) {
    model *model = calloc(1, sizeof *model);
    ck_assert_ptr_nonnull(model);
    open_model(model);
    for (model->operation = 0; model->operation < OPERATIONS; model->operation++) {
        run_operation(model);
        if (++model->pending < PENDING_MAX && !octavo_random_once_in(&model->random, 3) &&
            model->operation % 100 != 99)
            continue;
        submit(model);
        int index = find_sequence(model, true);
        if (index >= 0) compare_sequence(model, index);
        if (model->operation % 100 == 99) compare_all(model);
    }
    (void)fprintf(stderr, "seed %llu: %u tokens appended, %u operations refused for want of pages\n",
                  (unsigned long long)model->seed, model->next_token, model->refused);
    ck_assert_uint_gt(model->refused, 0);
    submit(model);
    octavo_cache_statistics statistics;
    for (int i = 0; i < SEQUENCES; i++)
        if (model->sequences[i].handle != 0)
            gpu_fixture_check(&model->gpu, octavo_sequence_destroy(model->cache, model->sequences[i].handle),
                              "octavo_sequence_destroy");
    octavo_cache_get_statistics(model->cache, &statistics);
    ck_assert_uint_eq(statistics.free_page_count, statistics.page_count);
    octavo_cache_destroy(model->cache);
    free(model->page);
    gpu_fixture_close(&model->gpu);
    free(model);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {cache_equals_an_array};
    return run_tests("cache_model", tests, 1, 600);
}
