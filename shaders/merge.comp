#version 450
// Merges the partial results of one row (in the order of their numbers, so that runs repeat exactly), undoes the rotation
// of V, adds the sink logit to the denominator, and writes the output row and its log-sum-exp.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "octavo_abi.h"
#include "lib/mask.glsl"

layout(local_size_x_id = OCTAVO_SPEC_LOCAL_SIZE) in;
layout(constant_id = OCTAVO_SPEC_VALUE_BITS) const uint VALUE_BITS = 3;
layout(constant_id = OCTAVO_SPEC_VALUE_PAD) const uint ROW_CHANNELS = 128;
layout(constant_id = OCTAVO_SPEC_ROWS) const uint ROWS = 4;
const uint ROW_COUNT = 1u;

layout(set = 0, binding = OCTAVO_MERGE_SCRATCH, std430) readonly buffer scratch_words { float scratch[]; };
layout(set = 0, binding = OCTAVO_MERGE_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_MERGE_OUTPUT, std430) buffer output_words { uint tensor[]; };
layout(set = 0, binding = OCTAVO_MERGE_LSE, std430) writeonly buffer lse_words { float lse[]; };
layout(push_constant) uniform push_block { octavo_merge_push push; };

const float UNSEEN = -1.0e30;
const float LOG2_E = 1.44269504;
shared float rows[ROW_COUNT * ROW_CHANNELS];
const uint LANES = gl_WorkGroupSize.x; // a power of two
// Groups of lanes take partial results in turn, each all channels.
const uint GROUPS = LANES > ROW_CHANNELS ? LANES / ROW_CHANNELS : 1u;
const uint GROUP_LANES = LANES > ROW_CHANNELS ? ROW_CHANNELS : LANES;
shared float group_rows[GROUPS * ROW_CHANNELS];
shared float lane_values[LANES];
uint lane;
#include "lib/rotation.glsl"

void main() {
    lane = gl_LocalInvocationID.x;
    const uint tile_at = push.tile_offset + (push.tile_first + gl_WorkGroupID.x / ROWS) * 8u, row = gl_WorkGroupID.x % ROWS;
    const uint head = gl_WorkGroupID.y;
    if (row >= lists[tile_at + 2u]) {
        return;
    }
    const uint sequence = push.sequence_offset + lists[tile_at] * 12u;
    const uint partial_first = lists[tile_at + 3u], partial_count = lists[tile_at + 4u];
    const uint local_row = lists[tile_at + 1u] + row;
    const uint query_head = head * push.group + local_row % push.group;
    const uint query_token = local_row / push.group;
    const uint token = lists[sequence + 3u] + query_token;

    const int position = int(lists[sequence + 1u]) + int(query_token);
    const bool row_empty = mask_row_is_empty(push.mask, position, lists[sequence]);
    // A uniform row is a mean: no logit counts, the sink's neither.
    const bool has_sink = push.sink_offset != 0u && !(row_empty && mask_empty_mode(push.mask) == 2u);
    const float sink = has_sink ? uintBitsToFloat(lists[push.sink_offset + query_head]) * LOG2_E : UNSEEN;
    const uint partial_row = (partial_first * push.head_count + head) * ROWS + row, stride = push.head_count * ROWS;

    // the largest maximum, over all lanes
    float own = UNSEEN;
    for (uint p = lane; p < partial_count; p += LANES) {
        own = max(own, scratch[push.sum_offset + 2u * (partial_row + p * stride)]);
    }
    lane_values[lane] = own;
    barrier();
    for (uint half_size = LANES / 2u; half_size > 0u; half_size /= 2u) {
        if (lane < half_size) {
            lane_values[lane] = max(lane_values[lane], lane_values[lane + half_size]);
        }
        barrier();
    }
    const float largest = lane_values[0];

    // weights of as many partial results as there are lanes at a time, and the weighted outputs
    const uint group = lane / GROUP_LANES;
    float own_sum = 0.0;
    for (uint i = lane; i < GROUPS * ROW_CHANNELS; i += LANES) {
        group_rows[i] = 0.0;
    }
    for (uint first = 0u; first < partial_count; first += LANES) {
        const uint count = min(LANES, partial_count - first);
        barrier();
        if (lane < count) {
            const uint at = push.sum_offset + 2u * (partial_row + (first + lane) * stride);
            lane_values[lane] = exp2(scratch[at] - largest);
            own_sum += lane_values[lane] * scratch[at + 1u];
        }
        barrier();
        for (uint channel = lane % GROUP_LANES; channel < ROW_CHANNELS && group < GROUPS; channel += GROUP_LANES) {
            float x = 0.0;
            const uint at = push.output_offset + (partial_row + first * stride) * ROW_CHANNELS + channel;
            for (uint i = 8u * group; i < count; i += 8u * GROUPS) {
                float values[8]; // loads first, so that they overlap
                [[unroll]] for (uint j = 0u; j < 8u; ++j) {
                    values[j] = scratch[at + min(i + j, count - 1u) * stride * ROW_CHANNELS];
                }
                [[unroll]] for (uint j = 0u; j < 8u; ++j) {
                    x += i + j < count ? values[j] * lane_values[min(i + j, count - 1u)] : 0.0;
                }
            }
            group_rows[group * ROW_CHANNELS + channel] += x;
        }
    }
    barrier();
    lane_values[lane] = own_sum;
    for (uint channel = lane; channel < ROW_CHANNELS; channel += LANES) {
        float x = 0.0;
        for (uint g = 0u; g < GROUPS; ++g) {
            x += group_rows[g * ROW_CHANNELS + channel];
        }
        rows[channel] = x;
    }
    barrier();
    for (uint half_size = LANES / 2u; half_size > 0u; half_size /= 2u) {
        if (lane < half_size) {
            lane_values[lane] += lane_values[lane + half_size];
        }
        barrier();
    }
    const float sum = lane_values[0];
    // sum is relative to the largest logit, so that a large sink logit does not take the log-sum-exp to 0
    const float reference = max(largest, sink), factor = exp2(largest - reference);
    const float total = sum * factor + (has_sink ? exp2(sink - reference) : 0.0);
    const bool poisoned = (floatBitsToUint(sum) & 0x7f800000u) == 0x7f800000u;
    const float inverse = sum > 0.0 ? factor / total : 0.0;
    for (uint channel = lane; channel < ROW_CHANNELS; channel += LANES) {
        rows[channel] *= inverse;
    }
    barrier();
    if (VALUE_BITS < 16u) {
        hartley_hadamard();
        const uint seed = lists[sequence + 9u];
        for (uint channel = lane; channel < ROW_CHANNELS; channel += gl_WorkGroupSize.x) {
            rows[channel] = flip_sign(rows[channel], seed, channel);
        }
        barrier();
    }
    const uint element = token * push.token_stride + query_head * push.head_stride;
    const float not_a_number = uintBitsToFloat(0x7fc00000u);
    if (push.element == OCTAVO_ELEMENT_F32) {
        for (uint channel = lane; channel < push.dim; channel += gl_WorkGroupSize.x) {
            tensor[element + channel] = poisoned ? 0x7fc00000u : floatBitsToUint(rows[channel]);
        }
    } else {
        for (uint pair = lane; 2u * pair < push.dim; pair += gl_WorkGroupSize.x) {
            const uint at = (element >> 1) + pair;
            const uint word = poisoned ? 0x7e007e00u : packHalf2x16(vec2(rows[2u * pair], rows[2u * pair + 1u]));
            tensor[at] = 2u * pair + 1u < push.dim ? word : (tensor[at] & 0xffff0000u) | (word & 0xffffu);
        }
    }
    if (push.write_lse != 0u && lane == 0u) {
        const bool empty = !poisoned && (sum == 0.0 || row_empty);
        lse[token * push.head_count * push.group + query_head] =
            poisoned ? not_a_number : empty ? uintBitsToFloat(0xff800000u) : (largest + log2(sum)) / LOG2_E;
    }
}
