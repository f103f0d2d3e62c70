// Part of walk.comp: of a packed tile, dots to logits and logits to weights.
#ifndef OCTAVO_WALK_WEIGHTS_GLSL
#define OCTAVO_WALK_WEIGHTS_GLSL

// Dots to logits for one quad and row; a token that is seen and not finite poisons the row.
void finish_quad(uint k, uint token_first, bool edge, uint quad, uvec4 scales, vec4 logs) {
    const uint row = row_of(k), at = team_row(row) * 32u + quad, max_at = team_row(row) * 8u + (quad >> 2);
    const row_rule rule = load_rule(row);
    vec4 x;
#ifdef OCTAVO_INT_DOT
    if (INT_KEYS) {
        x = vec4(ivec4(shared_logits[at]) - shared_row_offset[row]);
    } else
#endif
    {
        x = uintBitsToFloat(shared_logits[at]);
    }
    bool poisoned = false;
    [[unroll]] for (uint j = 0u; j < 4u; ++j) {
        const uint token = token_first + 4u * quad + j;
        const float key_scale = KEY_BITS < 16u ? unpackHalf2x16(scales[j]).x : 1.0;
        const float logit = finish_logit(rule, x[j] * (rule.scale * key_scale) + rule.mean);
        const bool finite = (KEY_BITS == 16u || half_is_finite(scales[j])) && (VALUE_BITS == 16u || half_is_finite(scales[j] >> 16));
        const bool good = finite && is_finite(logit);
        bool seen = true;
        if (edge) {
            seen = token >= sequence.packed_begin && token < sequence.packed_end && row_sees(rule, token);
        }
        poisoned = poisoned || (seen && !good);
        x[j] = seen && good ? logit : UNSEEN;
    }
    if (poisoned) {
        update_sum(k, 1.0, NOT_A_NUMBER);
    }
    shared_logits[at] = floatBitsToUint(x);
    shared_logit_max[max_at][quad & 3u] = largest_of(x);
#ifdef OCTAVO_GROUP_SCALES
    shared_weight_max[max_at][quad & 3u] = max(largest_of(x + logs), UNSEEN);
#endif
}

#ifdef OCTAVO_GROUP_SCALES
// log2 of the largest weight of the 32 tokens around a quad.
float group_maximum(uint row, uint quad) {
    const uint at = team_row(row) * 8u + (quad >> 3) * 2u;
    return largest_of(max(shared_weight_max[at], shared_weight_max[at + 1u]));
}
#endif

// The weights of one quad and row, from its logits: into shared memory. Returns the sum of exponentials.
float weigh_quad(uint row, uint quad, float new_max) {
    const uint at = team_row(row);
    const vec4 y = uintBitsToFloat(shared_logits[at * 32u + quad]), logs = shared_logs[team * 32u + quad];
    const bvec4 seen = greaterThan(y, vec4(0.5 * UNSEEN));
    const vec4 p = mix(vec4(0.0), exp2(y - new_max), seen);
#ifdef OCTAVO_INT_DOT
    if (INT_VALUES) {
        const float group_max = group_maximum(row, quad);
        const uvec4 w = uvec4(mix(vec4(0.0), exp2(y + logs - group_max) * 255.0 + 0.5, seen));
        shared_weights[at * 8u + (quad >> 2)][quad & 3u] = w.x | (w.y << 8) | (w.z << 16) | (w.w << 24);
        atomicAdd(shared_weight_sum[(team_parity(parity) + row) * 4u + (quad >> 3)],
                  ((1u << (VALUE_BITS & 15u)) - 1u) * ((w.x + w.y) + (w.z + w.w)));
        if ((quad & 7u) == 0u) {
            shared_weight_scale[at * 4u + (quad >> 3)] = exp2(group_max - new_max) * (0.5 / 255.0);
        }
        return (p.x + p.y) + (p.z + p.w);
    }
#endif
#ifdef OCTAVO_HALF
    if (HALF_VALUES) {
        const float group_max = group_maximum(row, quad);
        const uvec2 w = half_quad(mix(vec4(0.0), exp2(y + logs - group_max) * LARGEST_WEIGHT, seen));
        shared_weights[at * 16u + (quad >> 1)][2u * (quad & 1u)] = w.x;
        shared_weights[at * 16u + (quad >> 1)][2u * (quad & 1u) + 1u] = w.y;
        if ((quad & 7u) == 0u) {
            shared_weight_scale[at * 4u + (quad >> 3)] = exp2(group_max - new_max) * (1.0 / LARGEST_WEIGHT);
        }
        return (p.x + p.y) + (p.z + p.w);
    }
#endif
    shared_weights[at * 32u + quad] = floatBitsToUint(VALUE_BITS < 16u ? mix(vec4(0.0), exp2(y + logs - new_max), seen) : p);
    return (p.x + p.y) + (p.z + p.w);
}
#endif
