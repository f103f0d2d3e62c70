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

// Adds the weighted values of window tokens first .. first + count - 1 of one channel of this lane.
void add_channel_window(octavo_tile_range range, uint first, uint count, uint row_count, const uint i) {
    const uint channel = lane + LANES * i;
    float sums[ROWS];
    [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
        sums[r] = 0.0;
    }
    for (uint n = 0u; n < count; ++n) {
        uint token;
        const uint at = window_word(range, first + n, token) + WINDOW_KEY_WORDS;
        const vec2 pair = unpackHalf2x16(pool[at + (channel >> 1)]);
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

void walk_window(octavo_tile_range range, uint row_count) {
    for (uint chunk = 0u; chunk < range.count; chunk += WINDOW_CHUNK) {
        const uint first = range.first + chunk, count = min(WINDOW_CHUNK, range.count - chunk);
        team_barrier();
        for (uint i = lane; i < ROWS * WINDOW_CHUNK; i += LANES) {
            const uint row = i / WINDOW_CHUNK, n = i % WINDOW_CHUNK;
            float logit = UNSEEN;
            if (n < count && row < row_count) {
                uint token;
                const uint at = window_word(range, first + n, token);
                float sum = 0.0;
                for (uint w = 0u; w < WINDOW_KEY_WORDS; ++w) {
                    const vec2 key = unpackHalf2x16(pool[at + w]);
                    sum += key.x * query_float(row, 2u * w) + key.y * query_float(row, 2u * w + 1u);
                }
                shared_window[i] = sum;
            } else {
                shared_window[i] = UNSEEN;
            }
        }
        team_barrier();
        // the lanes that own a row finish its logits (all of them alike; each knows the row's numbers)
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            const uint row = row_of(k);
            if (row < row_count) {
                float new_max = row_max[k];
                bool poisoned = false;
                for (uint n = 0u; n < count; ++n) {
                    uint token;
                    window_word(range, first + n, token);
                    const float dot_scale = INT_KEYS ? 2.0 * row_scale[k] : row_scale[k];
                    const float logit = finish_logit(k, shared_window[row * WINDOW_CHUNK + n] * dot_scale + row_mean[k]);
                    const bool seen = row_sees(k, token), good = (floatBitsToUint(logit) & 0x7f800000u) != 0x7f800000u;
                    poisoned = poisoned || (seen && !good);
                    new_max = seen && good ? max(new_max, logit) : new_max;
                }
                const float correction = exp2(row_max[k] - new_max);
                row_max[k] = new_max;
                row_sum[k] = poisoned ? NOT_A_NUMBER : row_sum[k] * correction;
                if (quad_lane == 0u) {
                    shared_correction[row] = correction;
                }
            }
        }
        team_barrier();
        [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
            const uint row = row_of(k);
            if (row < row_count) {
                for (uint n = quad_lane; n < count; n += QUADS) {
                    uint token;
                    window_word(range, first + n, token);
                    const float dot_scale = INT_KEYS ? 2.0 * row_scale[k] : row_scale[k];
                    const float logit = finish_logit(k, shared_window[row * WINDOW_CHUNK + n] * dot_scale + row_mean[k]);
                    const bool good = (floatBitsToUint(logit) & 0x7f800000u) != 0x7f800000u;
                    const float p = row_sees(k, token) && good ? exp2(logit - row_max[k]) : 0.0;
                    row_sum[k] += p;
                    shared_window[row * WINDOW_CHUNK + n] = p;
                }
            }
        }
        team_barrier();
        FOR_EACH_CHANNEL(add_channel_window(range, first, count, row_count, i))
    }
    team_barrier();
}
#endif
