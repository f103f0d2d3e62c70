// Part of prefill_tiles.comp: the tokens that are read from the f16 window.
#ifndef OCTAVO_PREFILL_TILES_WINDOW_GLSL
#define OCTAVO_PREFILL_TILES_WINDOW_GLSL

// Where the tokens of the chunk lie; those that are not there are copies of the last one, and not seen.
void place_window(octavo_tile_range window, uint first, uint count) {
    [[dont_unroll]] for (uint n = lane; n < BLOCK; n += LANES) {
        uint token;
        PUT(window_words[n], window_word(share().sequence, window, head, first + min(n, count - 1u), token));
        PUT(window_tokens[n], token);
        PUT(key_scales[n], 1.0);
        PUT(value_scales[n], 1.0);
        PUT(value_logs[n], 0.0);
    }
}

// As the query's channels are ordered.
void stage_window_keys() {
    [[dont_unroll]] for (uint i = lane; i < BLOCK * (KEY_PAD / 4u); i += LANES) {
        const uint token = i / (KEY_PAD / 4u), c = i % (KEY_PAD / 4u), at = GET(window_words[token]) + 2u * c;
        const uint low = pool[at], high = pool[at + 1u];
        half4 x = half4_of(low, high);
        if (!RAW_KEYS) {
            x = half4_of((low & 0xffffu) | (high << 16), (low >> 16) | (high & 0xffff0000u));
        }
        PUT(halves[STAGE_AT + token * KEY_STRIDE + c], x);
    }
}

// Two channels of four tokens of the block, in the order of the weights.
void stage_window_values() {
    [[dont_unroll]] for (uint i = lane; i < (VALUE_PAD / 2u) * (BLOCK / 4u); i += LANES) {
        const uint pair = i % (VALUE_PAD / 2u), quad = i / (VALUE_PAD / 2u);
        uint words[4];
        [[unroll]] for (uint j = 0u; j < 4u; ++j) {
            uint bad;
            words[j] = finite_pair(pool[GET(window_words[4u * quad + j]) + WINDOW_KEY_WORDS + pair], bad);
            if (bad != 0u) {
                atomicOr(shared_bad[quad >> 3], 1u << (4u * (quad & 7u) + j));
            }
        }
        const uint second = RAW_VALUES ? 1u : 2u, third = RAW_VALUES ? 2u : 1u;
        const uint at = STAGE_AT + 2u * pair * BLOCK_STRIDE + quad;
        const uvec2 low = uvec2(words[0], words[third]), high = uvec2(words[second], words[3]);
        const uvec2 even = (low & 0xffffu) | (high << 16), odd = (low >> 16) | (high & 0xffff0000u);
        PUT(halves[at], half4_of(even.x, even.y));
        PUT(halves[at + BLOCK_STRIDE], half4_of(odd.x, odd.y));
    }
}
#endif
