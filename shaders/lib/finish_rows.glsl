// From the merged rows to the caller's tensors: the rotation of V undone, the sink logit in the denominator, the output
// and its log-sum-exp. Includer defines VALUE_BITS, VALUE_PAD, shared float rows[] (row after row of VALUE_PAD outputs
// relative to 2^row_max), shared float row_max[], row_sum[], uint lane, uint head, the buffers uint tensor[] and float
// lse[].
#ifndef OCTAVO_FINISH_ROWS_GLSL
#define OCTAVO_FINISH_ROWS_GLSL

const float LOG2_E = 1.44269504;

bool row_is_poisoned(uint r) {
    return (floatBitsToUint(row_sum[r]) & 0x7f800000u) == 0x7f800000u;
}

// Rows row_first .. of the tile, `count` (a constant) of them in rows[]; uniform control flow, after a barrier.
void finish_rows(octavo_sequence_record sequence, octavo_query_tile tile, uint row_first, const uint count) {
    for (uint i = lane; i < count * VALUE_PAD; i += gl_WorkGroupSize.x) {
        const uint r = i / VALUE_PAD, local = tile.row_first + row_first + r;
        const uint query_head = head * push.group + local % push.group;
        const bool row_empty = mask_row_is_empty(push.mask, sequence.position + int(local / push.group), sequence.key_count);
        // A uniform row is a mean: no logit counts, the sink's neither.
        const bool has_sink = push.sink_offset != 0u && row_first + r < tile.row_count &&
                              !(row_empty && mask_empty_mode(push.mask) == 2u);
        const float sink = has_sink ? uintBitsToFloat(lists[push.sink_offset + query_head]) * LOG2_E : UNSEEN;
        // the sum is relative to the largest logit, so that a large sink logit does not take the log-sum-exp to 0
        const float reference = max(row_max[r], sink), factor = exp2(row_max[r] - reference);
        const float total = row_sum[r] * factor + (has_sink ? exp2(sink - reference) : 0.0);
        rows[i] *= row_sum[r] > 0.0 ? factor / total : 0.0;
    }
    barrier();
    if (VALUE_BITS < 16u) {
        hartley_hadamard(VALUE_PAD, count);
    }
    const uint element = OCTAVO_ATTENTION_OUTPUT_ELEMENT(push.flags);
    for (uint i = lane; i < count * (VALUE_PAD / 2u); i += gl_WorkGroupSize.x) {
        const uint r = i / (VALUE_PAD / 2u), channel = 2u * (i % (VALUE_PAD / 2u)), local = tile.row_first + row_first + r;
        if (row_first + r >= tile.row_count || channel >= push.value_dim) {
            continue;
        }
        vec2 x = vec2(rows[r * VALUE_PAD + channel], rows[r * VALUE_PAD + channel + 1u]);
        if (VALUE_BITS < 16u) {
            x = vec2(flip_sign(x.x, sequence.seed, channel), flip_sign(x.y, sequence.seed, channel + 1u));
        }
        const bool poisoned = row_is_poisoned(r), has_second = channel + 1u < push.value_dim;
        const uint at = (sequence.token_base + local / push.group) * push.output_token_stride +
                        (head * push.group + local % push.group) * push.output_head_stride + channel;
        if (element == OCTAVO_ELEMENT_F32) {
            tensor[at] = poisoned ? 0x7fc00000u : floatBitsToUint(x.x);
            if (has_second) {
                tensor[at + 1u] = poisoned ? 0x7fc00000u : floatBitsToUint(x.y);
            }
        } else {
            const uint word = poisoned ? 0x7e007e00u : packHalf2x16(x);
            tensor[at >> 1] = has_second ? word : (tensor[at >> 1] & 0xffff0000u) | (word & 0xffffu);
        }
    }
    if ((push.flags & OCTAVO_ATTENTION_WRITE_LSE) != 0u) {
        for (uint r = lane; r < count && row_first + r < tile.row_count; r += gl_WorkGroupSize.x) {
            const uint local = tile.row_first + row_first + r;
            const bool row_empty = mask_row_is_empty(push.mask, sequence.position + int(local / push.group), sequence.key_count);
            const bool poisoned = row_is_poisoned(r), empty = !poisoned && (row_sum[r] == 0.0 || row_empty);
            lse[(sequence.token_base + local / push.group) * push.head_count * push.group + head * push.group + local % push.group] =
                poisoned ? uintBitsToFloat(0x7fc00000u) : empty ? uintBitsToFloat(0xff800000u) : (row_max[r] + log2(row_sum[r])) / LOG2_E;
        }
    }
}
#endif
