// From a merged row to the caller's tensors: the sink logit in the denominator, the output and its log-sum-exp. Includer
// defines shared float row_max[], row_sum[] (relative to 2^row_max), row_places.glsl, the buffers uint tensor[] and float
// lse[].
#ifndef OCTAVO_FINISH_ROWS_GLSL
#define OCTAVO_FINISH_ROWS_GLSL

const float LOG2_E = 1.44269504;

bool row_is_poisoned(uint r) {
    return (floatBitsToUint(row_sum[r]) & 0x7f800000u) == 0x7f800000u;
}

// What the output of row r is multiplied by, NaN if the row is poisoned; its log-sum-exp is written if has_lse.
float finished_factor(octavo_sequence_record sequence, uint r, bool has_lse) {
    const int position = row_position(sequence, r);
    const bool row_empty = mask_row_is_empty(push.mask, position, sequence.key_count), poisoned = row_is_poisoned(r);
    // A uniform row is a mean: no logit counts, the sink's neither.
    const bool has_sink = push.sink_offset != 0u && !(row_empty && mask_empty_mode(push.mask) == 2u);
    const float sink = has_sink ? uintBitsToFloat(lists[push.sink_offset + row_head[r]]) * LOG2_E : UNSEEN;
    // the sum is relative to the largest logit, so that a large sink logit does not take the log-sum-exp to 0
    const float reference = max(row_max[r], sink), factor = exp2(row_max[r] - reference), sum = row_sum[r];
    const float total = sum * factor + (has_sink ? exp2(sink - reference) : 0.0);
    const float not_a_number = uintBitsToFloat(0x7fc00000u);
    if (has_lse) {
        lse[row_token[r] * push.head_count * push.group + row_head[r]] =
            poisoned ? not_a_number : sum == 0.0 || row_empty ? uintBitsToFloat(0xff800000u) : (row_max[r] + log2(sum)) / LOG2_E;
    }
    return poisoned ? not_a_number : sum > 0.0 ? factor / total : 0.0;
}

bool writes_lse() {
    return (push.flags & OCTAVO_ATTENTION_WRITE_LSE) != 0u;
}

// Row r is finished but for its output: then row_sum[r] is what that is multiplied by.
void finish_sum(octavo_sequence_record sequence, uint r) {
    row_sum[r] = finished_factor(sequence, r, writes_lse());
}

// Element `channel` of row r of the output, and the next one, which is there if has_second. x is not multiplied yet.
void store_outputs(uint r, uint channel, vec2 x, bool has_second) {
    const uint at = row_token[r] * push.output_token_stride + row_head[r] * push.output_head_stride + channel;
    const float factor = row_sum[r];
    // select: outputs of a poisoned row may be anything
    const bool poisoned = row_is_poisoned(r);
    if (OCTAVO_ATTENTION_OUTPUT_ELEMENT(push.flags) == OCTAVO_ELEMENT_F32) {
        tensor[at] = poisoned ? 0x7fc00000u : floatBitsToUint(x.x * factor);
        if (has_second) {
            tensor[at + 1u] = poisoned ? 0x7fc00000u : floatBitsToUint(x.y * factor);
        }
    } else {
        const uint word = poisoned ? 0x7e007e00u : packHalf2x16(x * factor);
        tensor[at >> 1] = has_second ? word : (tensor[at >> 1] & 0xffff0000u) | (word & 0xffffu);
    }
}
#endif
