// Part of prefill.comp: brings the operands of a product into shared memory. Consecutive lanes have consecutive rows of
// the tile, so that they read consecutive words of the pool and write to different banks.
#ifndef OCTAVO_PREFILL_OPERANDS_GLSL
#define OCTAVO_PREFILL_OPERANDS_GLSL

// Where a token of the block has its row: the four tokens of a lane are eight rows apart.
uint place_token(uint place) {
    return (place % COLUMN_LANES) * 4u + place / COLUMN_LANES;
}

uint packed_codes(const uint bits, uint tile, const uint rows, uint row, uint first_word, uint c) {
    uint words[4];
    [[unroll]] for (uint n = 0u; n < 4u; ++n) {
        words[n] = n < bits ? pool[tile + tile_word(rows, row, first_word + n)] : 0u;
    }
    return codes_of(bits, c, words[0], words[1], words[2], words[3]);
}

// Values 4 c .. 4 c + 3 of a group of a row, as they are multiplied.
vec4 packed_values(const uint bits, uint tile, const uint rows, uint row, uint group, uint c) {
    if (bits < 16u) {
        const float zero = float((1u << (bits & 15u)) - 1u) * 0.5;
        return levels_of(packed_codes(bits, tile, rows, row, group * bits, c), zero);
    }
    const uint at = tile + tile_word(rows, row, group * 16u + 2u * c);
    return vec4(unpackHalf2x16(pool[at]), unpackHalf2x16(pool[at + tile_word(rows, 0u, 1u)]));
}

vec4 window_values(uint at) {
    return vec4(unpackHalf2x16(pool[at]), unpackHalf2x16(pool[at + 1u]));
}

// Channels 4 i .. 4 i + 3 of a query row; integers where the walk multiplies integers.
vec4 query_values(uint row, uint i) {
    const uint at = query_row(row) + OCTAVO_ROW_HEADER_WORDS;
#ifdef OCTAVO_INT_DOT
    if (INT_KEYS) {
        const int high = int(scratch[at + i]), low = PARTS == 1u ? 0 : int(scratch[at + KEY_PAD / 4u + i]);
        vec4 x;
        [[unroll]] for (int b = 0; b < 4; ++b) {
            const float part = float(bitfieldExtract(high, 8 * b, 8));
            x[b] = PARTS == 1u ? part : 128.0 * part + float(bitfieldExtract(low, 8 * b, 8));
        }
        return x;
    }
#endif
#ifdef OCTAVO_HALF
    if (HALF_KEYS) { // two pairs: 0 and 2, 1 and 3
        const vec2 even = unpackHalf2x16(scratch[at + 2u * i]), odd = unpackHalf2x16(scratch[at + 2u * i + 1u]);
        return vec4(even.x, odd.x, even.y, odd.y);
    }
#endif
    return uintBitsToFloat(scratch4[at / 4u + i]);
}

// 32 channels of the queries and of the block's keys.
void place_floats(token_block block, uint group) {
    [[dont_unroll]] for (uint n = lane; n < ROWS * FLOAT_PARTS; n += LANES) {
        const uint row = n / FLOAT_PARTS, i = n % FLOAT_PARTS;
        const vec4 x = row < tile.row_count ? query_values(row, group * 8u + i) : vec4(0.0);
        area[row * FLOAT_STRIDE + i] = floatBitsToUint(x);
    }
    [[dont_unroll]] for (uint n = lane; n < BLOCK * FLOAT_PARTS; n += LANES) {
        const uint place = n % BLOCK, i = n / BLOCK, token = place_token(place);
        vec4 x = vec4(0.0);
        if (!is_window(block)) {
            x = packed_values(KEY_BITS, block.tile, OCTAVO_TILE_TOKENS, BLOCK * block.group + token, group, i);
        } else if (shared_window_tokens[token] != NO_TOKEN) {
            x = window_values(shared_window_words[token] + 16u * group + 2u * i);
        }
        area[(ROWS + place) * FLOAT_STRIDE + i] = floatBitsToUint(x);
    }
}

// 32 channels of the block's values, one row a channel; the weights are there.
void place_values(token_block block, uint chunk) {
    if (!is_window(block)) {
        [[dont_unroll]] for (uint n = lane; n < BLOCK * FLOAT_PARTS; n += LANES) {
            const uint channel = n % 32u, i = n / 32u;
            area[(ROWS + channel) * FLOAT_STRIDE + i] = floatBitsToUint(
                packed_values(VALUE_BITS, block.tile + VALUE_TILE, VALUE_PAD, 32u * chunk + channel, block.group, i));
        }
        return;
    }
    [[dont_unroll]] for (uint n = lane; n < BLOCK * FLOAT_PARTS; n += LANES) {
        const uint token = n / FLOAT_PARTS, channel = 4u * (n % FLOAT_PARTS);
        vec4 x = vec4(0.0);
        if (shared_window_tokens[token] != NO_TOKEN) {
            x = window_values(shared_window_words[token] + WINDOW_KEY_WORDS + 16u * chunk + channel / 2u);
        }
        [[unroll]] for (uint b = 0u; b < 4u; ++b) {
            area[(ROWS + channel + b) * FLOAT_STRIDE + token / 4u][token & 3u] = floatBitsToUint(x[b]);
        }
    }
}

#ifdef OCTAVO_HALF
uvec4 packed_halves(const uint bits, uint tile, const uint rows, uint row, uint group, uint i) {
    uint words[4];
    [[unroll]] for (uint n = 0u; n < 4u; ++n) {
        words[n] = n < bits ? pool[tile + tile_word(rows, row, group * bits + n)] : 0u;
    }
    return pack_eight(eight_levels(bits, i, words));
}

// 32 channels of the queries and of the block's keys.
void place_halves(token_block block, uint group) {
    [[dont_unroll]] for (uint n = lane; n < ROWS * HALF_PARTS; n += LANES) {
        const uint row = n / HALF_PARTS, i = n % HALF_PARTS;
        const uint at = (query_row(row) + OCTAVO_ROW_HEADER_WORDS) / 4u + group * HALF_PARTS + i;
        area[row * HALF_STRIDE + i] = row < tile.row_count ? scratch4[at] : uvec4(0u);
    }
    [[dont_unroll]] for (uint n = lane; n < BLOCK * HALF_PARTS; n += LANES) {
        const uint place = n % BLOCK, i = n / BLOCK, token = BLOCK * block.group + place_token(place);
        area[(ROWS + place) * HALF_STRIDE + i] = packed_halves(KEY_BITS, block.tile, OCTAVO_TILE_TOKENS, token, group, i);
    }
}

// 32 channels of the block's values, one row a channel; the weights are there.
void place_value_halves(token_block block, uint chunk) {
    [[dont_unroll]] for (uint n = lane; n < BLOCK * HALF_PARTS; n += LANES) {
        const uint channel = n % 32u, i = n / 32u;
        area[(ROWS + channel) * HALF_STRIDE + i] =
            packed_halves(VALUE_BITS, block.tile + VALUE_TILE, VALUE_PAD, 32u * chunk + channel, block.group, i);
    }
}
#endif

#ifdef OCTAVO_INT_DOT
uvec4 packed_parts(const uint bits, uint tile, const uint rows, uint row, uint group, uint half_group) {
    uvec4 x;
    [[unroll]] for (uint n = 0u; n < 4u; ++n) {
        x[n] = packed_codes(bits, tile, rows, row, group * bits, 4u * half_group + n);
    }
    return x;
}

// 64 channels of the queries and of the block's keys; those beyond the last are 0.
void place_integers(token_block block, uint chunk) {
    const uint row_parts = PARTS * KEY_PARTS;
    [[dont_unroll]] for (uint n = lane; n < ROWS * row_parts; n += LANES) {
        const uint row = n / row_parts, i = n % row_parts, part = i / KEY_PARTS, at = chunk * KEY_PARTS + i % KEY_PARTS;
        const bool exists = row < tile.row_count && (KEY_PAD % 64u == 0u || at < KEY_PAD / 16u);
        area[row * QUERY_STRIDE + i] =
            exists ? scratch4[(query_row(row) + OCTAVO_ROW_HEADER_WORDS + part * (KEY_PAD / 4u)) / 4u + at] : uvec4(0u);
    }
    [[dont_unroll]] for (uint n = lane; n < BLOCK * KEY_PARTS; n += LANES) {
        const uint place = n % BLOCK, i = n / BLOCK, group = 2u * chunk + i / 2u;
        uvec4 codes = uvec4(0u);
        if (KEY_PAD % 64u == 0u || group < KEY_PAD / 32u) {
            codes = packed_parts(KEY_BITS, block.tile, OCTAVO_TILE_TOKENS, BLOCK * block.group + place_token(place), group, i & 1u);
        }
        area[ROWS * QUERY_STRIDE + place * KEY_STRIDE + i] = codes;
    }
}

// All channels of the block's values.
void place_value_codes(token_block block) {
    [[dont_unroll]] for (uint n = lane; n < VALUE_PAD * 2u; n += LANES) {
        const uint channel = n % VALUE_PAD, i = n / VALUE_PAD;
        area[(ROWS + channel) * WEIGHT_STRIDE + i] =
            packed_parts(VALUE_BITS, block.tile + VALUE_TILE, VALUE_PAD, channel, block.group, i);
    }
}
#endif
#endif
