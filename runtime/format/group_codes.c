#include "format/group_codes.h"

/* A code lies in at most two runs of bits: `count` bits at `shift` of `word`, low ones first. */
typedef struct run {
    uint32_t word, shift, count;
} run;

/* Returns how many runs there are. */
static uint32_t find_runs(uint32_t bits, uint32_t index, run runs[2]) {
    uint32_t lane_shift = 8u * (index & 3u);
    uint32_t c = index >> 2;
    if (bits == 16u) {
        runs[0] = (run){index >> 1, 16u * (index & 1u), 16u};
        return 1;
    }
    if (bits == 2u) {
        runs[0] = (run){c >> 2, lane_shift + 2u * (c & 3u), 2u};
        return 1;
    }
    if (bits == 4u) {
        runs[0] = (run){c >> 1, lane_shift + 4u * (c & 1u), 4u};
        return 1;
    }
    if (c < 6u) {
        runs[0] = (run){c >> 1, lane_shift + 3u * (c & 1u), 3u};
        return 1;
    }
    runs[0] = (run){c == 6u ? 0u : 2u, lane_shift + 6u, 2u};
    runs[1] = (run){1u, lane_shift + c, 1u};
    return 2;
}

uint32_t octavo_format_group_get(const uint32_t *words, uint32_t bits, uint32_t index) {
    run runs[2];
    uint32_t run_count = find_runs(bits, index, runs);
    uint32_t code = 0, have = 0;
    for (uint32_t r = 0; r < run_count; ++r) {
        uint32_t mask = (1u << runs[r].count) - 1u;
        code |= ((words[runs[r].word] >> runs[r].shift) & mask) << have;
        have += runs[r].count;
    }
    return code;
}

void octavo_format_group_set(uint32_t *words, uint32_t bits, uint32_t index, uint32_t code) {
    run runs[2];
    uint32_t run_count = find_runs(bits, index, runs);
    for (uint32_t r = 0; r < run_count; ++r) {
        uint32_t mask = (1u << runs[r].count) - 1u;
        uint32_t *word = &words[runs[r].word];
        *word = (*word & ~(mask << runs[r].shift)) | ((code & mask) << runs[r].shift);
        code >>= runs[r].count;
    }
}

void octavo_format_group_pack(const uint16_t codes[32], uint32_t bits, uint32_t *words) {
    for (uint32_t w = 0; w < bits; ++w) words[w] = 0u;
    for (uint32_t i = 0; i < 32u; ++i) octavo_format_group_set(words, bits, i, codes[i]);
}

void octavo_format_group_unpack(const uint32_t *words, uint32_t bits, uint16_t codes[32]) {
    for (uint32_t i = 0; i < 32u; ++i) codes[i] = (uint16_t)octavo_format_group_get(words, bits, i);
}
