// Part of walk.comp: the tokens that are read from the f16 window.
#ifndef OCTAVO_WALK_WINDOW_GLSL
#define OCTAVO_WALK_WINDOW_GLSL

// [row][32]: partial dots, then weights; where a tile has its logits.
void set_window(uint row, uint slot, float x) {
    shared_logits[team_row(row) * 32u + (slot >> 2)][slot & 3u] = floatBitsToUint(x);
}

float get_window(uint row, uint slot) {
    return uintBitsToFloat(shared_logits[team_row(row) * 32u + (slot >> 2)][slot & 3u]);
}

// Channels 2 w and 2 w + 1 of a query row, in the units of its scale.
vec2 query_pair(uint row, uint w) {
#ifdef OCTAVO_INT_DOT
    if (INT_KEYS) {
        const uint at = row * QUERY_WORDS + (w >> 1);
        const int shift = 16 * int(w & 1u), high = int(shared_query[at >> 2][at & 3u]);
        const vec2 x = vec2(float(bitfieldExtract(high, shift, 8)), float(bitfieldExtract(high, shift + 8, 8)));
        if (PARTS == 1u) {
            return x;
        }
        const uint low_at = at + KEY_PAD / 4u;
        const int low = int(shared_query[low_at >> 2][low_at & 3u]);
        return 128.0 * x + vec2(float(bitfieldExtract(low, shift, 8)), float(bitfieldExtract(low, shift + 8, 8)));
    }
#endif
#ifdef OCTAVO_HALF
    if (HALF_KEYS) { // each four channels are two pairs: 0 and 2, 1 and 3
        const uint even_at = row * QUERY_WORDS + (w & ~1u), odd_at = even_at + 1u;
        const vec2 even = unpackHalf2x16(shared_query[even_at >> 2][even_at & 3u]);
        const vec2 odd = unpackHalf2x16(shared_query[odd_at >> 2][odd_at & 3u]);
        return (w & 1u) == 0u ? vec2(even.x, odd.x) : vec2(even.y, odd.y);
    }
#endif
    const uint at = row * KEY_PAD + 2u * w;
    return uintBitsToFloat((at & 2u) == 0u ? shared_query[at >> 2].xy : shared_query[at >> 2].zw);
}

// Adds the weighted values of `count` window tokens of channels first .. first + BATCH - 1 of this lane.
void add_channels_window(uint count, uint row_count, uint first) {
    [[dont_unroll]] for (uint n = 0u; n < count; n += 4u) {
        vec4 values[BATCH]; // of four tokens; loads first, so that they overlap
        [[unroll]] for (uint i = 0u; i < BATCH; ++i) {
            const uint channel = min(team_lane + LANES * (first + i), VALUE_PAD - 1u);
            uvec4 words;
            [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                words[j] = pool[shared_window_words[min(n + j, count - 1u)] + WINDOW_KEY_WORDS + (channel >> 1)];
            }
            [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                const vec2 pair = unpackHalf2x16(words[j]);
                values[i][j] = (channel & 1u) == 0u ? pair.x : pair.y;
            }
        }
        [[dont_unroll]] for (uint r = 0u; r < row_count; ++r) {
            const float correction = n == 0u ? shared_correction[team_row(r)] : 1.0;
            const vec4 p = uintBitsToFloat(shared_logits[team_row(r) * 32u + (n >> 2)]);
            [[unroll]] for (uint i = 0u; i < BATCH; ++i) {
                if (has_channel(first + i)) { // select: an unseen row may hold NaN
                    update_result(first + i, r, correction, dot(p, mix(vec4(0.0), values[i], greaterThan(p, vec4(0.0)))));
                }
            }
        }
    }
}

const uint WINDOW_LOADS = 8u; // words of a key, at once

// Partial dots of `count` tokens with the rows of this lane group: slot part * width + n holds the words part, part +
// parts, .. of token n; width is the power of two from count on, and the 32 slots are all used.
void score_window(octavo_tile_range range, uint first, uint count, uint width) {
    const uint parts = WINDOW_CHUNK / width;
    for (uint slot = quad_lane; slot < WINDOW_CHUNK; slot += QUADS) {
        const uint n = slot % width;
        uint token;
        const uint at = window_word(sequence, range, head, first + min(n, count - 1u), token);
        if (slot < count && lane_group == 0u) {
            shared_window_words[n] = at;
            shared_window_tokens[n] = token;
        }
        // once at least: a short key leaves slots without a word
        [[dont_unroll]] for (uint w = slot / width; w < max(WINDOW_KEY_WORDS, parts); w += parts * WINDOW_LOADS) {
            uint words[WINDOW_LOADS];
            [[unroll]] for (uint j = 0u; j < WINDOW_LOADS; ++j) {
                words[j] = w + parts * j < WINDOW_KEY_WORDS ? pool[at + w + parts * j] : 0u;
            }
            [[dont_unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
                const uint row = row_of(k);
                float sum = w < parts ? 0.0 : get_window(row, slot);
                [[unroll]] for (uint j = 0u; j < WINDOW_LOADS; ++j) {
                    sum += dot(unpackHalf2x16(words[j]), query_pair(row, min(w + parts * j, WINDOW_KEY_WORDS - 1u)));
                }
                set_window(row, slot, sum);
            }
        }
    }
}

// The finished logit of token n for row k, or UNSEEN; a token that is seen and not finite poisons the row.
float window_logit(uint k, uint n, uint count, uint width) {
    const uint row = row_of(k);
    const row_rule rule = load_rule(row);
    float sum = 0.0;
    for (uint slot = n; slot < WINDOW_CHUNK; slot += width) {
        sum += get_window(row, slot);
    }
    const float dot_scale = INT_KEYS ? 2.0 * rule.scale : rule.scale;
    const float logit = finish_logit(rule, sum * dot_scale + rule.mean);
    const bool seen = n < count && row_sees(rule, shared_window_tokens[min(n, count - 1u)]), good = is_finite(logit);
    if (seen && !good) {
        poison_row(k);
    }
    return seen && good ? logit : UNSEEN;
}

void walk_window(octavo_tile_range range, uint row_count) {
    for (uint chunk = 0u; chunk < range.count; chunk += WINDOW_CHUNK) {
        const uint first = range.first + chunk, count = min(WINDOW_CHUNK, range.count - chunk);
        uint width = 1u;
        while (width < count) {
            width *= 2u;
        }
        team_barrier();
        score_window(range, first, count, width);
        team_barrier();
        [[dont_unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            for (uint n = quad_lane; n < WINDOW_CHUNK; n += QUADS) {
                shared_logit_max[team_row(row_of(k)) * 8u + (n >> 2)][n & 3u] = n < width ? window_logit(k, n, count, width) : UNSEEN;
            }
        }
        team_barrier();
        [[dont_unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            const uint row = row_of(k);
            float own = UNSEEN, sum = 0.0, correction;
            for (uint n = quad_lane; n < WINDOW_CHUNK; n += QUADS) {
                own = max(own, shared_logit_max[team_row(row) * 8u + (n >> 2)][n & 3u]);
            }
            const float new_max = advance_max(k, own, correction);
            for (uint n = quad_lane; n < ((count + 3u) & ~3u); n += QUADS) { // whole quads: beyond count nothing is seen
                const float logit = shared_logit_max[team_row(row) * 8u + (n >> 2)][n & 3u];
                const float p = logit > 0.5 * UNSEEN ? exp2(logit - new_max) : 0.0;
                set_window(row, n, p);
                sum += p;
            }
            update_sums(k, correction, sum, 0.0);
        }
        team_barrier();
        [[dont_unroll]] for (uint i = 0u; i < LANE_CHANNELS; i += BATCH) {
            add_channels_window(count, row_count, i);
        }
        parity ^= 1u;
    }
    team_barrier();
}
#endif
