// Part of prefill_tiles.comp: from the scores of a block to f16 weights, by the lanes of each row.
#ifndef OCTAVO_PREFILL_TILES_SOFTMAX_GLSL
#define OCTAVO_PREFILL_TILES_SOFTMAX_GLSL

#include "softcap.glsl"

bool weighs_row() {
    return ALL_WEIGH || lane < ROW_LANES * ROWS;
}

// The tokens of a block: OCTAVO_RUN_ kind, position of the first packed one, or the number of window tokens.
struct block_tokens {
    uint kind, first, count;
};

// Which tokens of quad `quad` the row sees.
uint seen_quad(block_tokens tokens, uint quad) {
    if (tokens.kind == OCTAVO_RUN_FULL) {
        return 15u;
    }
    const uint sees_empty = mask_empty_mode(push.mask) != 0u ? 15u : 0u;
    const bool row_empty = GET(row_flags[row]) != 0u;
    const int row_at = GET(row_positions[row]);
    if (tokens.kind == OCTAVO_RUN_EDGE) {
        const uint token = tokens.first + 4u * quad;
        const uint sees = row_empty ? sees_empty : mask_sees_four(push.mask, row_at, token);
        const octavo_sequence_record sequence = share().sequence;
        return sees & mask_below(int(sequence.packed_end), token) & ~mask_below(int(sequence.packed_begin), token);
    }
    uint seen = 0u;
    [[dont_unroll]] for (uint j = 0u; j < 4u; ++j) {
        const uint n = 4u * quad + j;
        const bool sees = row_empty ? sees_empty != 0u : mask_sees(push.mask, row_at, GET(window_tokens[n]));
        seen |= n < tokens.count && sees ? 1u << j : 0u;
    }
    return seen;
}

vec4 finish_logits(vec4 x) {
    if ((LOGITS & OCTAVO_LOGITS_SOFTCAP) != 0u && push.softcap > 0.0) {
        [[unroll]] for (uint n = 0u; n < 4u; ++n) {
            x[n] = soft_capped(push.softcap, x[n]);
        }
    }
    if ((LOGITS & OCTAVO_LOGITS_UNIFORM) != 0u && GET(row_flags[row]) != 0u && mask_empty_mode(push.mask) == 2u) {
        x = vec4(0.0);
    }
    return x;
}

// Of the four tokens of a quad: the scales of their keys and values, and the latter's logarithms.
vec4 four_key_scales(uint quad) {
    return vec4(GET(key_scales[4u * quad]), GET(key_scales[4u * quad + 1u]), GET(key_scales[4u * quad + 2u]),
                GET(key_scales[4u * quad + 3u]));
}

vec4 four_value_scales(uint quad) {
    return vec4(GET(value_scales[4u * quad]), GET(value_scales[4u * quad + 1u]), GET(value_scales[4u * quad + 2u]),
                GET(value_scales[4u * quad + 3u]));
}

vec4 four_value_logs(uint quad) {
    return vec4(GET(value_logs[4u * quad]), GET(value_logs[4u * quad + 1u]), GET(value_logs[4u * quad + 2u]),
                GET(value_logs[4u * quad + 3u]));
}

uint largest_of(uvec4 x) {
    return max(max(x.x, x.y), max(x.z, x.w));
}

uint lane_quad(uint n) {
    return min(row_lane + ROW_LANES * n, BLOCK / 4u - 1u);
}

// Logits of quad `quad` of the row.
vec4 quad_logits(uint quad) {
    const vec4 scale = GET(row_scales[row]) * four_key_scales(quad);
    return finish_logits(GET(scores[row * SCORE_STRIDE + quad]) * scale + GET(row_means[row]));
}

// Logits in place of the scores of this lane, UNSEEN where the row does not see a token. A token that is seen and not finite
// poisons the row.
void hide_tokens(block_tokens tokens) {
    [[dont_unroll]] for (uint quad = row_lane; quad < BLOCK / 4u; quad += ROW_LANES) {
        vec4 x = quad_logits(quad);
        const uint seen = seen_quad(tokens, quad);
        [[unroll]] for (uint j = 0u; j < 4u; ++j) {
            const bool sees = (seen & (1u << j)) != 0u, finite = (floatBitsToUint(x[j]) & 0x7f800000u) != 0x7f800000u;
            running_sum += sees && !finite ? NOT_A_NUMBER : 0.0;
            x[j] = sees && finite ? x[j] : UNSEEN;
        }
        PUT(scores[row * SCORE_STRIDE + quad], x);
    }
}

// Scores of the block to weights.
void weigh_block(block_tokens tokens) {
    vec4 logits[LANE_QUADS];
    float largest;
    const bool has_quad = row_lane < BLOCK / 4u;
    bool hidden = tokens.kind != OCTAVO_RUN_FULL;
    [[dont_unroll]] for (uint attempt = 0u; attempt < 2u; ++attempt) { // the second one where a logit is not finite
        if (hidden) {
            hide_tokens(tokens);
        }
        uint bits = 0u; // of the largest magnitude
        largest = UNSEEN;
        [[unroll]] for (uint n = 0u; n < LANE_QUADS; ++n) {
            const uint quad = lane_quad(n);
            logits[n] = hidden ? GET(scores[row * SCORE_STRIDE + quad]) : quad_logits(quad);
            bits = max(bits, largest_of(floatBitsToUint(logits[n]) & 0x7fffffffu));
            const vec4 y = logits[n] + four_value_logs(quad);
            largest = max(largest, max(max(y.x, y.y), max(y.z, y.w)));
        }
        if (hidden || bits < 0x7f800000u) {
            break;
        }
        hidden = true;
    }
    largest = lanes_max(largest, ROW_LANES);
    float factor = 1.0;
    if (largest > reference + ROOM) {
        factor = exp2(reference - (largest - REST));
        reference = largest - REST;
        running_sum *= factor;
        PUT(shared_rise, block_number);
    }
    if (row_lane == 0u) {
        PUT(factors[row], factor);
    }
    if (has_quad) {
        [[unroll]] for (uint n = 0u; n < LANE_QUADS; ++n) {
            const uint quad = lane_quad(n);
            const vec4 p = exp2(logits[n] - reference), weights = p * four_value_scales(quad);
            running_sum += (p.x + p.y) + (p.z + p.w);
            PUT(halves[WEIGHTS_AT + row * BLOCK_STRIDE + quad], half4_from(RAW_VALUES ? weights : weights.xzyw));
        }
    }
}

// Rows that see a token whose V is not finite.
void poison_row(block_tokens tokens) {
    [[dont_unroll]] for (uint quad = row_lane; quad < BLOCK / 4u; quad += ROW_LANES) {
        if ((seen_quad(tokens, quad) & (GET(shared_bad[quad >> 3]) >> (4u * (quad & 7u)))) != 0u) {
            running_sum = NOT_A_NUMBER;
        }
    }
}

void clear_bad() {
    if (lane < 2u) {
        PUT(shared_bad[lane], 0u);
    }
}
#endif
