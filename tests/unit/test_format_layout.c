/* Where words and bits of the packed format lie. */
#include "format/group_codes.h"
#include "format/packed_layout.h"
#include "rng.h"
#include "run_tests.h"

#include <stdbool.h>
#include <string.h>

static const uint32_t all_bits[] = {2u, 3u, 4u, 16u};

START_TEST(three_bits_unpack_in_lanes) {
    rng generator;
    rng_seed(&generator, 21u);
    for (uint32_t round = 0; round < 1000u; ++round) {
        uint16_t codes[32];
        uint32_t w[3];
        for (uint32_t i = 0; i < 32u; ++i) codes[i] = (uint16_t)rng_below(&generator, 8u);
        octavo_format_group_pack(codes, 3u, w);
        /* Four codes of each c as bytes, as kernels take them. */
        uint32_t quads[8];
        for (uint32_t c = 0; c < 6u; ++c) quads[c] = (w[c / 2u] >> (3u * (c % 2u))) & 0x07070707u;
        quads[6] = ((w[0] >> 6) & 0x03030303u) | ((w[1] >> 4) & 0x04040404u);
        quads[7] = ((w[2] >> 6) & 0x03030303u) | ((w[1] >> 5) & 0x04040404u);
        for (uint32_t i = 0; i < 32u; ++i) ck_assert_uint_eq((quads[i / 4u] >> (8u * (i % 4u))) & 0xffu, codes[i]);
    }
}
END_TEST

START_TEST(two_four_and_sixteen_bits_unpack_in_lanes) {
    rng generator;
    rng_seed(&generator, 22u);
    for (uint32_t round = 0; round < 1000u; ++round) {
        uint16_t codes[32];
        uint32_t w[16];
        for (uint32_t i = 0; i < 32u; ++i) codes[i] = (uint16_t)rng_next(&generator);
        octavo_format_group_pack(codes, 16u, w);
        for (uint32_t i = 0; i < 32u; ++i) ck_assert_uint_eq((w[i / 2u] >> (16u * (i % 2u))) & 0xffffu, codes[i]);
        octavo_format_group_pack(codes, 4u, w);
        for (uint32_t i = 0; i < 32u; ++i) {
            uint32_t c = i / 4u, quad = (w[c / 2u] >> (4u * (c % 2u))) & 0x0f0f0f0fu;
            ck_assert_uint_eq((quad >> (8u * (i % 4u))) & 0xffu, codes[i] & 15u);
        }
        octavo_format_group_pack(codes, 2u, w);
        for (uint32_t i = 0; i < 32u; ++i) {
            uint32_t c = i / 4u, quad = (w[c / 4u] >> (2u * (c % 4u))) & 0x03030303u;
            ck_assert_uint_eq((quad >> (8u * (i % 4u))) & 0xffu, codes[i] & 3u);
        }
    }
}
END_TEST

START_TEST(codes_do_not_touch_each_other) {
    rng generator;
    rng_seed(&generator, 23u);
    for (uint32_t round = 0; round < 4000u; ++round) {
        uint32_t bits = all_bits[round % 4u], words[16], mask = (1u << bits) - 1u;
        uint16_t before[32], after[32];
        for (uint32_t w = 0; w < bits; ++w) words[w] = (uint32_t)rng_next(&generator);
        octavo_format_group_unpack(words, bits, before);
        uint32_t index = rng_below(&generator, 32u), code = (uint32_t)rng_next(&generator) & mask;
        octavo_format_group_set(words, bits, index, code);
        octavo_format_group_unpack(words, bits, after);
        ck_assert_uint_eq(octavo_format_group_get(words, bits, index), code);
        before[index] = (uint16_t)code;
        ck_assert_msg(memcmp(before, after, sizeof before) == 0, "round %u bits %u index %u", round, bits, index);
    }
}
END_TEST

/* Marks a word; false when it is beyond the page or was marked before. */
static bool mark(uint8_t *marks, uint32_t page_words, uint32_t word) {
    if (word >= page_words || marks[word] != 0u) return false;
    marks[word] = 1u;
    return true;
}

static bool words_cover_the_page(const octavo_packed_layout *layout, uint8_t *marks) {
    bool ok = true;
    memset(marks, 0, layout->page_words);
    for (uint32_t head = 0; head < layout->kv_heads; ++head) {
        for (uint32_t token = 0; token < 128u; ++token) {
            for (uint32_t w = 0; w < layout->key_row_words; ++w) {
                ok = ok && mark(marks, layout->page_words, octavo_packed_layout_key_word(layout, head, token, w));
            }
            ok = ok && mark(marks, layout->page_words, octavo_packed_layout_scale_word(layout, head, token));
        }
        for (uint32_t channel = 0; channel < layout->value_dim_padded; ++channel) {
            for (uint32_t w = 0; w < layout->value_row_words; ++w) {
                ok = ok && mark(marks, layout->page_words, octavo_packed_layout_value_word(layout, head, channel, w));
            }
        }
    }
    for (uint32_t w = 0; w < layout->page_words; ++w) ok = ok && marks[w] == 1u;
    return ok;
}

static bool windows_fit_the_page(const octavo_packed_layout *layout, uint8_t *marks) {
    uint32_t row_words = (layout->key_dim_padded + layout->value_dim_padded) / 2u;
    bool ok = true;
    memset(marks, 0, layout->page_words);
    for (uint32_t row = 0; row < layout->window_rows_per_page; ++row) {
        for (uint32_t head = 0; head < layout->kv_heads; ++head) {
            uint32_t first = octavo_packed_layout_window_word(layout, row, head);
            for (uint32_t w = 0; w < row_words; ++w) ok = ok && mark(marks, layout->page_words, first + w);
        }
    }
    return ok && layout->window_rows_per_page >= 1u;
}

START_TEST(a_page_is_its_words) {
    uint64_t seed = rng_test_seed(24u);
    rng generator;
    rng_seed(&generator, seed);
    uint8_t *marks = malloc(UINT32_C(1) << 24);
    ck_assert_ptr_nonnull(marks);
    for (uint32_t round = 0; round < 150u; ++round) {
        uint32_t heads = rng_log_between(&generator, 1u, 12u);
        uint32_t key_dim = rng_between(&generator, 32u, 256u), value_dim = rng_between(&generator, 32u, 256u);
        uint32_t key_bits = all_bits[rng_below(&generator, 4u)], value_bits = all_bits[rng_below(&generator, 4u)];
        octavo_packed_layout layout = octavo_packed_layout_make(2u, heads, key_dim, value_dim, key_bits, value_bits);
        ck_assert_msg(words_cover_the_page(&layout, marks) && windows_fit_the_page(&layout, marks),
                      "seed %llu round %u: heads %u dims %u %u bits %u %u", (unsigned long long)seed, round, heads,
                      key_dim, value_dim, key_bits, value_bits);
    }
    free(marks);
}
END_TEST

START_TEST(known_places) {
    octavo_packed_layout layout = octavo_packed_layout_make(1u, 8u, 128u, 128u, 3u, 3u);
    ck_assert_uint_eq(layout.page_words, 8u * 3200u);
    ck_assert_uint_eq(layout.page_words * 4u / 128u / 8u, 100u); /* bytes of a token and head, K + V */
    ck_assert_uint_eq(layout.token_words, 25u);
    /* K: 12 planes of 128 tokens; V: 12 planes of 128 channels. */
    ck_assert_uint_eq(octavo_packed_layout_key_word(&layout, 0u, 5u, 6u), 6u * 128u + 5u);
    ck_assert_uint_eq(octavo_packed_layout_value_word(&layout, 1u, 7u, 11u), 3200u + 1536u + 11u * 128u + 7u);
    ck_assert_uint_eq(octavo_packed_layout_scale_word(&layout, 0u, 127u), 3199u);
    ck_assert_uint_eq(layout.window_row_words, 8u * 128u);
    ck_assert_uint_eq(layout.window_rows_per_page, 25u);
    layout = octavo_packed_layout_make(1u, 1u, 64u, 64u, 3u, 3u);
    ck_assert_uint_eq(layout.page_words * 4u / 128u, 52u);
    /* K: 6 planes of 128 tokens; V: 12 planes of 64 channels. */
    ck_assert_uint_eq(octavo_packed_layout_key_word(&layout, 0u, 10u, 5u), 5u * 128u + 10u);
    ck_assert_uint_eq(octavo_packed_layout_value_word(&layout, 0u, 10u, 5u), 768u + 5u * 64u + 10u);
    layout = octavo_packed_layout_make(1u, 1u, 80u, 40u, 4u, 2u);
    ck_assert_uint_eq(layout.key_dim_padded, 96u);
    ck_assert_uint_eq(layout.value_dim_padded, 64u);
    layout = octavo_packed_layout_make(1u, 256u, 256u, 256u, 16u, 16u);
    ck_assert_uint_lt(layout.page_words, 1u << 24);
}
END_TEST

int main(void) {
    const TTest *tests[] = {three_bits_unpack_in_lanes, two_four_and_sixteen_bits_unpack_in_lanes,
                            codes_do_not_touch_each_other, a_page_is_its_words, known_places};
    return run_tests("format_layout", tests, sizeof tests / sizeof tests[0], 300.0);
}
