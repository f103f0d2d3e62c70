/* Rows to pages and back. */
#include "base/half.h"
#include "compare.h"
#include "format/codec_reference.h"
#include "format/group_codes.h"
#include "format/quantiser.h"
#include "format/rotation.h"
#include "octavo_abi.h"
#include "rng.h"
#include "run_tests.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const uint32_t all_bits[] = {2u, 3u, 4u, 16u};

/* What a row reads as after packing, without a page. */
static void expected_row(octavo_format_scale_rule rule, uint32_t bits, uint32_t dim, const float *row, float *result) {
    uint8_t codes[256];
    if (bits == 16u) {
        for (uint32_t i = 0; i < dim; ++i) result[i] = octavo_base_half_to_float(octavo_base_float_to_half(row[i]));
        return;
    }
    octavo_format_row_scale scale = octavo_format_quantise(rule, bits, dim, row, codes);
    for (uint32_t i = 0; i < dim; ++i) result[i] = octavo_format_dequantise(bits, codes[i], scale.scale);
}

static bool same_bits(const float *a, const float *b, size_t count) {
    bool same = true;
    for (size_t i = 0; i < count; ++i) same = same && (isnan(a[i]) ? isnan(b[i]) != 0 : a[i] == b[i]);
    return same;
}

/* Packs all tokens of a page in random order over poison, then reads all back. */
static bool page_holds_all_tokens(rng *generator, const octavo_packed_layout *layout, uint32_t *page) {
    static float keys[3][128][256], values[3][128][256];
    uint32_t order[3 * 128], count = layout->kv_heads * 128u;
    memset(page, 0xff, layout->page_words * sizeof *page); /* NaN scales */
    for (uint32_t i = 0; i < count; ++i) order[i] = i;
    for (uint32_t i = count; i-- > 1u;) {
        uint32_t other = rng_below(generator, i + 1u), swapped = order[i];
        order[i] = order[other];
        order[other] = swapped;
    }
    for (uint32_t i = 0; i < count; ++i) {
        uint32_t head = order[i] / 128u, token = order[i] % 128u;
        float *key = keys[head][token], *value = values[head][token];
        for (uint32_t c = 0; c < layout->key_dim_padded; ++c) key[c] = (float)rng_normal(generator);
        for (uint32_t c = 0; c < layout->value_dim_padded; ++c) value[c] = (float)(3.0 * rng_normal(generator));
        if (token == 77u) value[3] = NAN;
        octavo_format_pack_token(layout, page, head, token, key, value);
    }
    bool ok = true;
    for (uint32_t i = 0; i < count && ok; ++i) {
        uint32_t head = i / 128u, token = i % 128u;
        float key[256], value[256], expected[256];
        octavo_format_unpack_token(layout, page, head, token, key, value);
        expected_row(OCTAVO_FORMAT_SCALE_UNBIASED, layout->key_bits, layout->key_dim_padded, keys[head][token],
                     expected);
        ok = ok && same_bits(key, expected, layout->key_dim_padded);
        expected_row(OCTAVO_FORMAT_SCALE_LEAST_SQUARES, layout->value_bits, layout->value_dim_padded,
                     values[head][token], expected);
        ok = ok && same_bits(value, expected, layout->value_dim_padded);
    }
    return ok;
}

/* Gathered words say the same as the page. */
static bool gathered_words_agree(const octavo_packed_layout *layout, const uint32_t *page, uint32_t head,
                                 uint32_t token) {
    uint32_t words[256];
    float key[256], value[256];
    octavo_format_gather_token(layout, page, head, token, words);
    octavo_format_unpack_token(layout, page, head, token, key, value);
    uint32_t scales = words[layout->token_words - 1u];
    const uint32_t *value_words = words + layout->key_row_words;
    bool ok = true;
    for (uint32_t i = 0; i < layout->value_dim_padded; ++i) {
        uint32_t code =
            octavo_format_group_get(value_words + i / 32u * layout->value_bits, layout->value_bits, i % 32u);
        float expected = layout->value_bits == 16u
                             ? octavo_base_half_to_float((uint16_t)code)
                             : octavo_format_dequantise(layout->value_bits, code, (uint16_t)(scales >> 16));
        ok = ok && same_bits(&value[i], &expected, 1u);
    }
    for (uint32_t i = 0; i < layout->key_dim_padded; ++i) {
        uint32_t code = octavo_format_group_get(words + i / 32u * layout->key_bits, layout->key_bits, i % 32u);
        float expected = layout->key_bits == 16u
                             ? octavo_base_half_to_float((uint16_t)code)
                             : octavo_format_dequantise(layout->key_bits, code, (uint16_t)(scales & 0xffffu));
        ok = ok && same_bits(&key[i], &expected, 1u);
    }
    return ok;
}

START_TEST(pages_hold_their_tokens) {
    uint64_t seed = rng_test_seed(41u);
    rng generator;
    rng_seed(&generator, seed);
    for (uint32_t round = 0; round < 32u; ++round) {
        uint32_t heads = rng_between(&generator, 1u, 3u);
        uint32_t key_dim = rng_between(&generator, 32u, 256u), value_dim = rng_between(&generator, 32u, 256u);
        octavo_packed_layout layout =
            octavo_packed_layout_make(1u, heads, key_dim, value_dim, all_bits[round % 4u], all_bits[round / 4u % 4u]);
        uint32_t *page = malloc(layout.page_words * sizeof *page);
        ck_assert_ptr_nonnull(page);
        bool ok = page_holds_all_tokens(&generator, &layout, page);
        for (uint32_t i = 0; i < 20u; ++i) {
            ok = ok && gathered_words_agree(&layout, page, rng_below(&generator, heads), rng_below(&generator, 128u));
        }
        free(page);
        ck_assert_msg(ok, "seed %llu round %u: heads %u dims %u %u bits %u %u", (unsigned long long)seed, round, heads,
                      key_dim, value_dim, layout.key_bits, layout.value_bits);
    }
}
END_TEST

START_TEST(window_rows_are_rounded_rows) {
    rng generator;
    rng_seed(&generator, 42u);
    octavo_packed_layout layout = octavo_packed_layout_make(1u, 2u, 80u, 64u, 3u, 16u);
    uint32_t *page = malloc(layout.page_words * sizeof *page);
    ck_assert_ptr_nonnull(page);
    memset(page, 0xff, layout.page_words * sizeof *page);
    static float keys[67][2][96], values[67][2][64];
    ck_assert_uint_eq(layout.window_rows_per_page, 67u);
    for (uint32_t row = 0; row < layout.window_rows_per_page; ++row) {
        for (uint32_t head = 0; head < 2u; ++head) {
            for (uint32_t i = 0; i < 96u; ++i) keys[row][head][i] = (float)rng_normal(&generator);
            for (uint32_t i = 0; i < 64u; ++i) values[row][head][i] = (float)rng_normal(&generator);
            if (row == 3u) keys[row][head][9] = INFINITY;
            if (row == 4u) values[row][head][9] = INFINITY;
            octavo_format_pack_window_row(&layout, page, head, row, keys[row][head], values[row][head]);
        }
    }
    for (uint32_t row = 0; row < layout.window_rows_per_page; ++row) {
        float key[96], value[64], expected[96];
        octavo_format_unpack_window_row(&layout, page, 1u, row, key, value);
        expected_row(OCTAVO_FORMAT_SCALE_UNBIASED, 16u, 96u, keys[row][1], expected);
        if (row == 3u) {
            ck_assert_uint_eq(compare_count_nan(key, 96u), 96u); /* as the packed token would be */
        } else {
            ck_assert(same_bits(key, expected, 96u));
        }
        expected_row(OCTAVO_FORMAT_SCALE_UNBIASED, 16u, 64u, values[row][1], expected);
        ck_assert(same_bits(value, expected, 64u)); /* f16 values come as they are, Inf too */
    }
    free(page);
}
END_TEST

START_TEST(bases_go_there_and_back) {
    static float transform[256 * 256], inverse[256 * 256];
    uint64_t seed = rng_test_seed(43u);
    rng generator;
    rng_seed(&generator, seed);
    octavo_base_host host;
    octavo_base_host_init(&host, NULL);
    for (uint32_t round = 0; round < 24u; ++round) {
        uint32_t dim = rng_between(&generator, 32u, round % 3u == 2u ? 96u : 256u), padded = (dim + 31u) / 32u * 32u;
        float row[256], mean[256], rotated[256], back[256];
        for (uint32_t i = 0; i < dim; ++i) row[i] = (float)rng_normal(&generator);
        for (uint32_t i = 0; i < dim; ++i) mean[i] = (float)rng_normal(&generator);
        octavo_format_basis basis = {round, round % 2u ? mean : NULL, NULL, NULL};
        if (round % 3u == 2u) {
            for (uint32_t i = 0; i < padded * padded; ++i) transform[i] = (float)rng_normal(&generator) * 0.1f;
            for (uint32_t i = 0; i < padded; ++i) transform[i * padded + i] += 2.0f;
            ck_assert_int_eq(octavo_format_invert(&host, padded, transform, NULL, inverse), OCTAVO_SUCCESS);
            basis.transform = transform;
            basis.inverse = inverse;
        }
        octavo_format_to_basis(&basis, dim, 3u, row, rotated);
        octavo_format_from_basis(&basis, dim, 3u, rotated, back);
        double error = compare_relative_l2_float(back, row, dim);
        ck_assert_msg(error < 1e-5, "seed %llu round %u d=%u: %g", (unsigned long long)seed, round, dim, error);
        octavo_format_to_basis(&basis, dim, 16u, row, rotated);
        ck_assert(same_bits(rotated, row, dim));
        for (uint32_t i = dim; i < padded; ++i) ck_assert(rotated[i] == 0.0f);
        octavo_format_from_basis(&basis, dim, 16u, rotated, back);
        ck_assert(same_bits(back, row, dim));
    }
}
END_TEST

int main(void) {
    const TTest *tests[] = {pages_hold_their_tokens, window_rows_are_rounded_rows, bases_go_there_and_back};
    return run_tests("format_codec", tests, sizeof tests / sizeof tests[0], 300.0);
}
