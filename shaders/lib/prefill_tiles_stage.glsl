// Part of prefill_tiles.comp: from the codes of a block to f16 levels in shared memory.
#ifndef OCTAVO_PREFILL_TILES_STAGE_GLSL
#define OCTAVO_PREFILL_TILES_STAGE_GLSL

// Words of codes on their way.
uint key_words[KEY_WORDS], value_words[VALUE_WORDS];

uint key_task(uint n) {
    return min(lane + LANES * n, BLOCK * KEY_GROUPS - 1u);
}

bool has_key_task(uint n) {
    return BLOCK * KEY_GROUPS % LANES == 0u || lane + LANES * n < BLOCK * KEY_GROUPS;
}

uint value_task(uint n) {
    return min(lane + LANES * n, VALUE_PAD * BLOCK_GROUPS - 1u);
}

bool has_value_task(uint n) {
    return VALUE_PAD * BLOCK_GROUPS % LANES == 0u || lane + LANES * n < VALUE_PAD * BLOCK_GROUPS;
}

void load_keys(block_place place) {
    if (RAW_KEYS || is_window(place)) {
        return;
    }
    const uint base = tile_base(place) + first_in_tile(place);
    [[unroll]] for (uint n = 0u; n < KEY_TASKS; ++n) {
        const uint i = key_task(n);
        [[unroll]] for (uint w = 0u; w < KEY_BITS; ++w) {
            key_words[(n * KEY_BITS + w) % KEY_WORDS] =
                pool[base + tile_word(OCTAVO_TILE_TOKENS, i % BLOCK, i / BLOCK * KEY_BITS + w)];
        }
    }
}

void load_values(block_place place) {
    if (RAW_VALUES) {
        return;
    }
    const uint base = tile_base(place) + VALUE_TILE, first = first_in_tile(place) / 32u;
    [[unroll]] for (uint n = 0u; n < VALUE_TASKS; ++n) {
        const uint i = value_task(n);
        [[unroll]] for (uint w = 0u; w < VALUE_BITS; ++w) {
            value_words[(n * VALUE_BITS + w) % VALUE_WORDS] =
                pool[base + tile_word(VALUE_PAD, i % VALUE_PAD, (first + i / VALUE_PAD) * VALUE_BITS + w)];
        }
    }
}

// Four codes, a byte each, as levels in the order 0, 2, 1, 3: 256 + code is exact in f16, and so is the difference.
half4 levels(const uint bits, uint codes) {
    const uint even = codes & 0x00ff00ffu, odd = (codes >> 8) & 0x00ff00ffu;
    const float zero = 256.0 + float((1u << (bits & 15u)) - 1u) * 0.5;
    return half4_of(halves_less((even << 2) | 0x5c005c00u, zero), halves_less((odd << 2) | 0x5c005c00u, zero));
}

// Levels 4 c .. 4 c + 3 of group n of this lane.
half4 key_levels(uint n, const uint c) {
    const uint w = n * KEY_BITS;
    return levels(KEY_BITS, codes_of(KEY_BITS, c, key_words[w % KEY_WORDS], key_words[(w + 1u) % KEY_WORDS],
                                     key_words[(w + 2u) % KEY_WORDS], key_words[(w + 3u) % KEY_WORDS]));
}

half4 value_levels(uint n, const uint c) {
    const uint w = n * VALUE_BITS;
    return levels(VALUE_BITS, codes_of(VALUE_BITS, c, value_words[w % VALUE_WORDS], value_words[(w + 1u) % VALUE_WORDS],
                                       value_words[(w + 2u) % VALUE_WORDS], value_words[(w + 3u) % VALUE_WORDS]));
}

bool half_is_finite(uint h) {
    return (h & 0x7c00u) != 0x7c00u;
}

// Keys of the block, and the scales of its tokens.
void store_keys(block_place place) {
    const uint base = tile_base(place) + first_in_tile(place);
    [[dont_unroll]] for (uint i = lane; i < BLOCK; i += LANES) {
        const uint word = pool[base + SCALES + i];
        const bool bad_key = !RAW_KEYS && !half_is_finite(word), bad_value = !RAW_VALUES && !half_is_finite(word >> 16);
        const vec2 scale = unpackHalf2x16(word);
        const float value_scale = RAW_VALUES ? 1.0 : bad_value ? 0.0 : max(scale.y, 0.0);
        PUT(key_scales[i], bad_key || bad_value ? NOT_A_NUMBER : RAW_KEYS ? 1.0 : scale.x);
        PUT(value_scales[i], value_scale);
        PUT(value_logs[i], max(log2(value_scale), -32.0));
    }
    [[unroll]] for (uint n = 0u; n < KEY_TASKS; ++n) {
        const uint i = key_task(n), token = i % BLOCK, group = i / BLOCK;
        const uint at = STAGE_AT + token * KEY_STRIDE + 8u * group;
        if (!has_key_task(n)) {
            continue;
        }
        [[unroll]] for (uint c = 0u; c < 8u; ++c) {
            if (RAW_KEYS) {
                const uint low = base + tile_word(OCTAVO_TILE_TOKENS, token, 16u * group + 2u * c);
                PUT(halves[at + c], half4_of(pool[low], pool[low + tile_word(OCTAVO_TILE_TOKENS, 0u, 1u)]));
            } else {
                PUT(halves[at + c], key_levels(n, c));
            }
        }
    }
}

// A pair of f16 without what is not finite; bits of bad: which were not.
uint finite_pair(uint pair, out uint bad) {
    const bool low = half_is_finite(pair), high = half_is_finite(pair >> 16);
    bad = (low ? 0u : 1u) | (high ? 0u : 2u);
    return (low ? pair & 0xffffu : 0u) | (high ? pair & 0xffff0000u : 0u);
}

// Four f16 tokens of the block from token 4 quad on.
void store_raw_values(uint at, uint quad, uint low, uint high) {
    uint bad_low, bad_high;
    low = finite_pair(low, bad_low);
    high = finite_pair(high, bad_high);
    if ((bad_low | bad_high) != 0u) {
        atomicOr(shared_bad[quad >> 3], (bad_low | (bad_high << 2)) << (4u * (quad & 7u)));
    }
    PUT(halves[at], half4_of(low, high));
}

void store_values(block_place place) {
    const uint base = tile_base(place) + VALUE_TILE, first = first_in_tile(place);
    [[unroll]] for (uint n = 0u; n < VALUE_TASKS; ++n) {
        const uint i = value_task(n), channel = i % VALUE_PAD, group = i / VALUE_PAD;
        const uint at = STAGE_AT + channel * BLOCK_STRIDE + 8u * group;
        if (!has_value_task(n)) {
            continue;
        }
        if (RAW_VALUES) {
            [[dont_unroll]] for (uint c = 0u; c < min(BLOCK, 32u) / 4u; ++c) {
                const uint low = base + tile_word(VALUE_PAD, channel, first / 2u + 16u * group + 2u * c);
                store_raw_values(at + c, 8u * group + c, pool[low], pool[low + tile_word(VALUE_PAD, 0u, 1u)]);
            }
        } else {
            [[unroll]] for (uint c = 0u; c < 8u; ++c) {
                if (BLOCK >= 32u || c / (BLOCK / 4u) == first % 32u / BLOCK) { // the quads of the block
                    PUT(halves[at + c % (BLOCK >= 32u ? 8u : BLOCK / 4u)], value_levels(n, c));
                }
            }
        }
    }
}
#endif
