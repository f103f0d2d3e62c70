// Part of walk.comp: the tokens that are read from the f16 window.
#ifndef OCTAVO_WALK_WINDOW_GLSL
#define OCTAVO_WALK_WINDOW_GLSL

// Word of the K part of window token n in the pool; its position goes to token.
uint window_word(octavo_tile_range range, uint n, out uint token) {
    token = n < sequence.window_first ? n : sequence.packed_end + n - sequence.window_first;
    const uint row = token < sequence.window_base ? token : sequence.window_base + token % sequence.window_ring;
    const uint page = lists[range.pages + row / push.window_rows_per_page];
    return page * push.head_count * HEAD_WORDS + ((row % push.window_rows_per_page) * push.head_count + head) * WINDOW_HEAD_WORDS;
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
    const uint at = row * KEY_PAD + 2u * w;
    return uintBitsToFloat((at & 2u) == 0u ? shared_query[at >> 2].xy : shared_query[at >> 2].zw);
}

// Adds the weighted values of `count` window tokens of one channel of this lane.
void add_channel_window(uint count, uint row_count, const uint i) {
    const uint channel = lane + LANES * i;
    float sums[ROWS];
    [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
        sums[r] = 0.0;
    }
    for (uint n = 0u; n < count; ++n) {
        const vec2 pair = unpackHalf2x16(pool[shared_window_words[n] + WINDOW_KEY_WORDS + (channel >> 1)]);
        const float value = (channel & 1u) == 0u ? pair.x : pair.y;
        [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
            const float p = r < row_count ? shared_window[r * WINDOW_CHUNK + n] : 0.0;
            sums[r] += p > 0.0 ? p * value : 0.0; // an unseen row may hold NaN
        }
    }
    [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
        update_result(i, r, r < row_count ? shared_correction[r] : 1.0, sums[r]);
    }
}

// Partial dots of `count` tokens with the rows of this lane group: slot part * width + n holds the words part, part +
// parts, .. of token n; width is the power of two from count on, and the 32 slots are all used.
void score_window(octavo_tile_range range, uint first, uint count, uint width) {
    const uint parts = WINDOW_CHUNK / width;
    for (uint slot = quad_lane; slot < WINDOW_CHUNK; slot += QUADS) {
        const uint n = slot % width;
        float sums[LANE_ROWS];
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            sums[k] = 0.0;
        }
        if (n < count) {
            uint token;
            const uint at = window_word(range, first + n, token);
            if (slot < width && lane_group == 0u) {
                shared_window_words[n] = at;
                shared_window_tokens[n] = token;
            }
            for (uint w = slot / width; w < WINDOW_KEY_WORDS; w += parts) {
                const vec2 key = unpackHalf2x16(pool[at + w]);
                [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
                    sums[k] += dot(key, query_pair(row_of(k), w));
                }
            }
        }
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            shared_window[row_of(k) * WINDOW_CHUNK + slot] = sums[k];
        }
    }
}

// The finished logit of token n for row k, or UNSEEN; a token that is seen and not finite poisons the row.
float window_logit(const uint k, uint n, uint count, float sum) {
    const float dot_scale = INT_KEYS ? 2.0 * row_scale[k] : row_scale[k];
    const float logit = finish_logit(k, sum * dot_scale + row_mean[k]);
    const bool seen = n < count && row_sees(k, shared_window_tokens[min(n, count - 1u)]);
    const bool good = (floatBitsToUint(logit) & 0x7f800000u) != 0x7f800000u;
    row_sum[k] = seen && !good ? NOT_A_NUMBER : row_sum[k];
    return seen && good ? logit : UNSEEN;
}

// The logits of `count` tokens from their partial dots, into shared_logit_max; own_max holds this lane's maxima.
void finish_window(uint count, uint width, out float own_max[LANE_ROWS]) {
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        own_max[k] = UNSEEN;
    }
    [[dont_unroll]] for (uint n = quad_lane; n < WINDOW_CHUNK; n += QUADS) {
        float sums[LANE_ROWS];
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            sums[k] = 0.0;
        }
        [[dont_unroll]] for (uint slot = n; n < width && slot < WINDOW_CHUNK; slot += width) {
            [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
                sums[k] += shared_window[row_of(k) * WINDOW_CHUNK + slot];
            }
        }
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            const float logit = n < width ? window_logit(k, n, count, sums[k]) : UNSEEN;
            shared_logit_max[row_of(k) * 8u + (n >> 2)][n & 3u] = logit;
            own_max[k] = max(own_max[k], logit);
        }
    }
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
        float own_max[LANE_ROWS];
        finish_window(count, width, own_max);
        team_barrier();
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            const float new_max = max(row_max[k], tile_max(k, own_max[k]));
            const float correction = exp2(row_max[k] - new_max);
            row_max[k] = new_max;
            row_sum[k] *= correction;
            if (quad_lane == 0u) {
                shared_correction[row_of(k)] = correction;
            }
        }
        [[dont_unroll]] for (uint n = quad_lane; n < count; n += QUADS) {
            [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
                const float logit = shared_logit_max[row_of(k) * 8u + (n >> 2)][n & 3u];
                const float p = logit > 0.5 * UNSEEN ? exp2(logit - row_max[k]) : 0.0;
                row_sum[k] += p;
                shared_window[row_of(k) * WINDOW_CHUNK + n] = p;
            }
        }
        team_barrier();
        FOR_EACH_CHANNEL(add_channel_window(count, row_count, i))
    }
    team_barrier();
}
#endif
