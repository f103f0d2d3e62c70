/* What the append kernels write: the same bits as the CPU reference, and the error that the format promises. */
#include "format/codec_reference.h"
#include "gpu_fixture.h"
#include "random_numbers.h"
#include "run_tests.h"
#include "tensor_layout.h"
#include "tensor_type.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct codec_case {
    uint32_t heads, key_dim, value_dim, key_bits, value_bits, tokens;
    octavo_type type;
    bool mean, transform;
    uint32_t seed;
    float magnitude;
} codec_case;

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count + 1, size);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

/* Rows and codec of one layer. */
typedef struct codec_data {
    octavo_tensor_layout key_layout, value_layout;
    float *keys, *values; /* [tokens][heads][dim], as the type holds them */
    float *mean, *transform;
} codec_data;

static void make_data(const codec_case *test, codec_data *data) {
    octavo_random random = octavo_random_seed(test->seed * 77u + test->key_dim);
    uint32_t padded = (test->key_dim + 31) / 32 * 32;
    size_t keys = (size_t)test->tokens * test->heads * test->key_dim;
    size_t values = (size_t)test->tokens * test->heads * test->value_dim;
    memset(data, 0, sizeof *data);
    data->key_layout = octavo_tensor_layout_make(test->type, test->tokens, test->heads, test->key_dim, 3, false);
    data->value_layout = octavo_tensor_layout_make(test->type, test->tokens, test->heads, test->value_dim, 0, true);
    data->keys = allocate(keys, sizeof(float));
    data->values = allocate(values, sizeof(float));
    octavo_random_normal(&random, test->magnitude, data->keys, keys);
    octavo_random_normal(&random, test->magnitude, data->values, values);
    for (size_t i = 0; i < keys; i++) data->keys[i] = octavo_tensor_round(test->type, data->keys[i]);
    for (size_t i = 0; i < values; i++) data->values[i] = octavo_tensor_round(test->type, data->values[i]);
    if (test->mean) {
        data->mean = allocate((size_t)test->heads * test->key_dim, sizeof(float));
        octavo_random_normal(&random, test->magnitude, data->mean, (size_t)test->heads * test->key_dim);
    }
    if (!test->transform) return;
    data->transform = allocate((size_t)test->heads * padded * padded, sizeof(float));
    octavo_random_normal(&random, 0.02f, data->transform, (size_t)test->heads * padded * padded);
    for (size_t head = 0; head < test->heads; head++)
        for (size_t i = 0; i < padded; i++) data->transform[(head * padded + i) * padded + i] += 1.0f;
}

static void release_data(codec_data *data) {
    free(data->keys);
    free(data->values);
    free(data->mean);
    free(data->transform);
}

static octavo_cache *make_cache(gpu_fixture *fixture, const codec_case *test, const codec_data *data) {
    octavo_cache_info info = OCTAVO_CACHE_INFO_INIT;
    octavo_codec_info codec = OCTAVO_CODEC_INFO_INIT;
    octavo_cache *cache = NULL;
    info.kv_head_count = test->heads;
    info.key_dim = test->key_dim;
    info.value_dim = test->value_dim;
    info.key_bits = test->key_bits;
    info.value_bits = test->value_bits;
    info.token_capacity = test->tokens;
    info.transforms = test->transform;
    info.first_tokens = 0; /* no window: what is read is packed */
    gpu_fixture_check(fixture, octavo_cache_create(fixture->device, &info, &cache), "octavo_cache_create");
    codec.key_mean = data->mean;
    codec.key_transform = data->transform;
    codec.seed = test->seed;
    gpu_fixture_check(fixture, octavo_cache_set_codec(cache, 0, 0, &codec), "octavo_cache_set_codec");
    return cache;
}

static octavo_buffer *make_rows(gpu_fixture *fixture, const octavo_tensor_layout *layout, const float *rows) {
    uint8_t *block = allocate(layout->block_bytes, 1);
    octavo_tensor_layout_pack(layout, rows, block);
    octavo_buffer *buffer = gpu_fixture_buffer(fixture, layout->block_bytes, block);
    free(block);
    return buffer;
}

static octavo_sequence append_all(gpu_fixture *fixture, octavo_cache *cache, const codec_case *test,
                                  const codec_data *data) {
    octavo_sequence sequence = 0;
    octavo_append_info info = OCTAVO_APPEND_INFO_INIT;
    octavo_buffer *keys = make_rows(fixture, &data->key_layout, data->keys);
    octavo_buffer *values = make_rows(fixture, &data->value_layout, data->values);
    gpu_fixture_check(fixture, octavo_sequence_create(cache, 0, &sequence), "octavo_sequence_create");
    info.sequence_count = 1;
    info.sequences = &sequence;
    info.token_counts = &test->tokens;
    info.keys = octavo_tensor_layout_bind(&data->key_layout, octavo_buffer_handle(keys));
    info.values = octavo_tensor_layout_bind(&data->value_layout, octavo_buffer_handle(values));
    gpu_fixture_begin(fixture);
    gpu_fixture_check(fixture, octavo_cache_record_append(cache, fixture->frame, fixture->command_buffer, &info),
                      "octavo_cache_record_append");
    gpu_fixture_submit(fixture);
    octavo_buffer_destroy(keys);
    octavo_buffer_destroy(values);
    return sequence;
}

/* --- bits ----------------------------------------------------------------------------------------------------------
 */

static const codec_case bit_cases[] = {
    {2, 128, 128, 3, 3, 300, OCTAVO_F32, false, false, 0, 1.0f},
    {1, 64, 64, 3, 3, 129, OCTAVO_F16, false, false, 12345, 1.0f},
    {3, 64, 64, 2, 4, 200, OCTAVO_BF16, false, false, 7, 1.0f},
    {2, 96, 160, 4, 2, 130, OCTAVO_F32, true, false, 99, 3.0f},
    {2, 40, 80, 3, 4, 70, OCTAVO_F32, true, false, 1, 1e-4f},
    {1, 33, 255, 3, 3, 40, OCTAVO_F16, false, false, 2, 1.0f},
    {1, 224, 192, 3, 3, 33, OCTAVO_F32, false, false, 3, 1e4f},
    {1, 256, 32, 2, 2, 260, OCTAVO_F32, true, false, 4, 1.0f},
    {2, 64, 64, 3, 3, 100, OCTAVO_F32, true, true, 5, 1.0f},
    {1, 80, 80, 4, 16, 100, OCTAVO_F32, false, true, 6, 1.0f},
    {2, 72, 40, 16, 3, 140, OCTAVO_F16, false, false, 8, 1.0f},
    {1, 128, 64, 16, 16, 150, OCTAVO_BF16, false, false, 9, 1.0f},
    {2, 45, 101, 3, 3, 70, OCTAVO_F32, false, false, 10, 1.0f}, /* rows begin at odd words too */
};

/* The words that the CPU reference makes of one token and head. */
static void reference_words(const octavo_packed_layout *layout, const codec_case *test, const codec_data *data,
                            uint32_t token, uint32_t head, uint32_t *page, uint32_t *words) {
    size_t padded = layout->key_dim_padded;
    float key[256], value[256];
    octavo_format_basis key_basis = {test->seed, NULL, NULL, NULL}, value_basis = {test->seed, NULL, NULL, NULL};
    size_t row = (size_t)token * test->heads + head;
    if (data->mean != NULL) key_basis.mean = data->mean + (size_t)head * test->key_dim;
    if (data->transform != NULL) key_basis.transform = data->transform + head * padded * padded;
    octavo_format_to_basis(&key_basis, test->key_dim, test->key_bits, data->keys + row * test->key_dim, key);
    octavo_format_to_basis(&value_basis, test->value_dim, test->value_bits, data->values + row * test->value_dim,
                           value);
    octavo_format_pack_token(layout, page, head, token % 128, key, value);
    octavo_format_gather_token(layout, page, head, token % 128, words);
}

START_TEST(packed_bits_equal_the_reference) {
    const codec_case *test = &bit_cases[_i];
    gpu_fixture fixture;
    codec_data data;
    gpu_fixture_open(&fixture);
    if (!test_device_takes(fixture.device, (unsigned)_i)) {
        gpu_fixture_close(&fixture);
        return;
    }
    make_data(test, &data);
    octavo_cache *cache = make_cache(&fixture, test, &data);
    octavo_sequence sequence = append_all(&fixture, cache, test, &data);
    octavo_packed_layout layout =
        octavo_packed_layout_make(1, test->heads, test->key_dim, test->value_dim, test->key_bits, test->value_bits);
    uint32_t width = octavo_cache_packed_words(cache), rows = test->tokens * test->heads, different = 0;
    ck_assert_uint_eq(width, layout.token_words);
    uint32_t *words = allocate((size_t)rows * width, sizeof *words), *expected = allocate(width, sizeof *expected);
    uint32_t *page = allocate(layout.page_words, sizeof *page);
    gpu_fixture_check(&fixture, octavo_cache_read_packed(cache, sequence, 0, 0, test->tokens, words),
                      "octavo_cache_read_packed");
    for (uint32_t row = 0; row < rows; row++) {
        reference_words(&layout, test, &data, row / test->heads, row % test->heads, page, expected);
        if (memcmp(words + (size_t)row * width, expected, width * sizeof *words) == 0) continue;
        if (different++ > 0) continue;
        for (uint32_t w = 0; w < width; w++)
            if (words[(size_t)row * width + w] != expected[w])
                (void)fprintf(stderr, "case %d row %u word %u: %08x instead of %08x\n", _i, row, w,
                              words[(size_t)row * width + w], expected[w]);
    }
    ck_assert_msg(different == 0, "case %d: %u of %u rows differ", _i, different, rows);
    free(words);
    free(expected);
    free(page);
    octavo_cache_destroy(cache);
    release_data(&data);
    gpu_fixture_close(&fixture);
}
END_TEST

/* --- error -----------------------------------------------------------------------------------------------------------
 */

typedef struct codec_error {
    double slope, squared; /* of the dequantised rows against the rows, of unit variance */
} codec_error;

static codec_error measure(const float *rows, const float *decoded, size_t count) {
    double product = 0, norm = 0, squared = 0;
    for (size_t i = 0; i < count; i++) {
        product += (double)rows[i] * (double)decoded[i];
        norm += (double)rows[i] * (double)rows[i];
        squared += ((double)rows[i] - (double)decoded[i]) * ((double)rows[i] - (double)decoded[i]);
    }
    return (codec_error){product / norm, squared / norm};
}

/* Slope of the logits q . decoded over q . row for random q. */
static double slope_of_logits(const float *rows, const float *decoded, size_t tokens, uint32_t dim) {
    octavo_random random = octavo_random_seed(5);
    double product = 0, norm = 0;
    for (uint32_t q = 0; q < 64; q++) {
        float query[256];
        octavo_random_normal(&random, 1, query, dim);
        for (size_t token = 0; token < tokens; token++) {
            double exact = 0, approximate = 0;
            for (uint32_t i = 0; i < dim; i++) {
                exact += (double)query[i] * (double)rows[token * dim + i];
                approximate += (double)query[i] * (double)decoded[token * dim + i];
            }
            product += exact * approximate;
            norm += exact * exact;
        }
    }
    return product / norm;
}

START_TEST(error_is_within_its_bounds) {
    const codec_case test = {1, 128, 128, 3, 3, 2048, OCTAVO_F32, false, false, 0, 1.0f};
    gpu_fixture fixture;
    codec_data data;
    gpu_fixture_open(&fixture);
    make_data(&test, &data);
    octavo_cache *cache = make_cache(&fixture, &test, &data);
    octavo_sequence sequence = append_all(&fixture, cache, &test, &data);
    size_t count = (size_t)test.tokens * test.key_dim;
    float *keys = allocate(count, sizeof *keys), *values = allocate(count, sizeof *values);
    gpu_fixture_check(&fixture, octavo_cache_read(cache, sequence, 0, 0, test.tokens, keys, values),
                      "octavo_cache_read");
    codec_error key = measure(data.keys, keys, count), value = measure(data.values, values, count);
    double logits = slope_of_logits(data.keys, keys, test.tokens, test.key_dim);
    (void)fprintf(stderr,
                  "3 bits, d 128: K slope %.5f (of logits %.5f) squared error %.5f, V slope %.5f squared error %.5f\n",
                  key.slope, logits, key.squared, value.slope, value.squared);
    ck_assert_double_eq_tol(key.slope, 1.0, 0.005);
    ck_assert_double_eq_tol(logits, 1.0, 0.005);
    ck_assert_double_le(key.squared, 0.0375);
    ck_assert_double_le(value.squared, 0.0360);
    free(keys);
    free(values);
    octavo_cache_destroy(cache);
    release_data(&data);
    gpu_fixture_close(&fixture);
}
END_TEST

START_TEST(bytes_per_token) {
    static const struct {
        uint32_t heads, dim, key_bits, value_bits, bytes;
    } rates[] = {{8, 128, 3, 3, 800}, {1, 128, 3, 3, 100}, {2, 64, 3, 3, 104},
                 {1, 128, 4, 3, 116}, {1, 128, 2, 2, 68},  {1, 80, 3, 3, 76}};
    gpu_fixture fixture;
    gpu_fixture_open(&fixture);
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        octavo_cache_info info = OCTAVO_CACHE_INFO_INIT;
        octavo_cache_statistics statistics;
        octavo_cache *cache = NULL;
        info.kv_head_count = rates[i].heads;
        info.key_dim = info.value_dim = rates[i].dim;
        info.key_bits = rates[i].key_bits;
        info.value_bits = rates[i].value_bits;
        info.token_capacity = 1000;
        gpu_fixture_check(&fixture, octavo_cache_create(fixture.device, &info, &cache), "octavo_cache_create");
        octavo_cache_get_statistics(cache, &statistics);
        ck_assert_uint_eq(statistics.bytes_per_token, rates[i].bytes);
        ck_assert_uint_eq(statistics.page_bytes, 128 * rates[i].bytes);
        ck_assert_uint_ge(statistics.page_count, 8);
        ck_assert_uint_eq(statistics.free_page_count, statistics.page_count);
        octavo_cache_destroy(cache);
    }
    gpu_fixture_close(&fixture);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("codec");
    TCase *tests = tcase_create("codec");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, packed_bits_equal_the_reference, 0, (int)(sizeof bit_cases / sizeof bit_cases[0]));
    tcase_add_test(tests, error_is_within_its_bounds);
    tcase_add_test(tests, bytes_per_token);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
