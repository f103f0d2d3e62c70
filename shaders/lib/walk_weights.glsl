// Part of walk.comp: of a packed tile, dots to logits and logits to weights.
#ifndef OCTAVO_WALK_WEIGHTS_GLSL
#define OCTAVO_WALK_WEIGHTS_GLSL

// Those of a quad's tokens; the one of a key is not a number where either is not finite. Groups of tokens that have a scale
// for their weights want log2 of those of values.
void unpack_scales(uvec4 scales, out vec4 key_scale, out vec4 value_scale) {
    [[unroll]] for (uint j = 0u; j < 4u; ++j) {
        const vec2 pair = unpackHalf2x16(scales[j]);
        const bool finite = (KEY_BITS == 16u || half_is_finite(scales[j])) && (VALUE_BITS == 16u || half_is_finite(scales[j] >> 16));
        key_scale[j] = !finite ? NOT_A_NUMBER : KEY_BITS < 16u ? pair.x : 1.0;
        value_scale[j] = CODED_VALUES && finite ? pair.y : 1.0;
#ifdef OCTAVO_GROUP_SCALES
        value_scale[j] = max(log2(value_scale[j]), UNSEEN);
#endif
    }
}

// Dots to logits for one quad and row; a token that is seen and not finite poisons the row.
void finish_quad(uint k, uint token_first, bool edge, uint quad, vec4 key_scale, vec4 value_scale) {
    const uint row = row_of(k), at = team_row(row) * 32u + quad;
    const row_rule rule = load_rule(row);
    vec4 x;
#ifdef OCTAVO_INT_DOT
    if (INT_KEYS) { // of twice the levels
        x = 2.0 * vec4(ivec4(shared_logits[at])) - float(shared_row_offset[row]);
    } else
#endif
    {
        x = uintBitsToFloat(shared_logits[at]);
    }
    vec4 logits;
    bool poisoned = false;
    [[unroll]] for (uint j = 0u; j < 4u; ++j) {
        const uint token = token_first + 4u * quad + j;
        const float logit = finish_logit(rule, x[j] * (rule.scale * key_scale[j]) + rule.mean);
        const bool good = is_finite(logit) && (LOGITS == 0u || is_finite(key_scale[j])); // which a cap or a rule may hide
        bool seen = true;
        if (edge) {
            seen = token >= sequence.packed_begin && token < sequence.packed_end && row_sees(rule, token);
        }
        poisoned = poisoned || (seen && !good);
        logits[j] = seen && good ? logit : UNSEEN;
    }
    if (poisoned) {
        poison_row(k);
    }
    shared_logits[at] = floatBitsToUint(logits);
    shared_logit_max[team_row(row) * 8u + (quad >> 2)][quad & 3u] = largest_of(logits);
#ifdef OCTAVO_GROUP_SCALES
    shared_weight_max[team_row(row) * 8u + (quad >> 2)][quad & 3u] = max(largest_of(logits + value_scale), UNSEEN);
#endif
}

#ifdef OCTAVO_GROUP_SCALES
// log2 of the largest weight of the 32 tokens around a quad.
float group_maximum(uint row, uint quad) {
    const uint at = team_row(row) * 8u + (quad >> 3) * 2u;
    return largest_of(max(shared_weight_max[at], shared_weight_max[at + 1u]));
}
#endif

// The weights of one quad and row, from its logits: into shared memory. Returns the sum of exponentials; `zero` gains what
// the zero level takes from each output. Where nothing is seen all exponentials are 0.
float weigh_quad(uint row, uint quad, float new_max, inout float zero) {
    const uint at = team_row(row);
    const vec4 y = uintBitsToFloat(shared_logits[at * 32u + quad]), value_scale = shared_value_scale[team * 32u + quad];
    const float row_max = max(new_max, LOWEST);
    const vec4 p = exp2(y - row_max);
    const float sum = (p.x + p.y) + (p.z + p.w);
#ifdef OCTAVO_GROUP_SCALES
    if (CODED_VALUES) {
        const float group_max = max(group_maximum(row, quad), LOWEST), scale = exp2(group_max - row_max) * (1.0 / LARGEST_WEIGHT);
        const vec4 weights = exp2(y + value_scale - group_max) * LARGEST_WEIGHT; // whatever the row's largest logit is
#ifdef OCTAVO_INT_DOT
        const uvec4 w = uvec4(weights + 0.5);
        shared_weights[at * 8u + (quad >> 2)][quad & 3u] = w.x | (w.y << 8) | (w.z << 16) | (w.w << 24);
        zero += float((w.x + w.y) + (w.z + w.w)) * (scale * (float((1u << (VALUE_BITS & 15u)) - 1u) * 0.5));
#else
        const uvec2 w = half_quad(weights);
        shared_weights[at * 16u + (quad >> 1)][2u * (quad & 1u)] = w.x;
        shared_weights[at * 16u + (quad >> 1)][2u * (quad & 1u) + 1u] = w.y;
#endif
        if ((quad & 7u) == 0u) {
            shared_weight_scale[at * 4u + (quad >> 3)] = scale;
        }
        return sum;
    }
#endif
    shared_weights[at * 32u + quad] = floatBitsToUint(VALUE_BITS < 16u ? p * value_scale : p);
    return sum;
}
#endif
