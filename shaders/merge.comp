#version 450
// Merges the partial results of one row (in the order of their numbers, so that runs repeat exactly), undoes the rotation
// of V, adds the sink logit to the denominator, and writes the output row and its log-sum-exp.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "octavo_abi.h"
#include "lib/mask.glsl"

layout(local_size_x_id = OCTAVO_SPEC_LOCAL_SIZE) in;
layout(constant_id = OCTAVO_SPEC_VALUE_BITS) const uint VALUE_BITS = 3;
layout(constant_id = OCTAVO_SPEC_VALUE_PAD) const uint VALUE_PAD = 128;
layout(constant_id = OCTAVO_SPEC_ROWS) const uint ROWS = 4;

layout(set = 0, binding = OCTAVO_MERGE_SCRATCH, std430) readonly buffer scratch_words { float scratch[]; };
layout(set = 0, binding = OCTAVO_MERGE_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_MERGE_OUTPUT, std430) buffer output_words { uint tensor[]; };
layout(set = 0, binding = OCTAVO_MERGE_LSE, std430) writeonly buffer lse_words { float lse[]; };
layout(push_constant) uniform push_block { octavo_attention_push push; };

const float UNSEEN = -1.0e30;
shared float rows[VALUE_PAD];
shared float row_max[1], row_sum[1];
shared uint row_token[1], row_head[1];
const uint LANES = gl_WorkGroupSize.x; // a power of two
// Groups of lanes take partial results in turn, each all channels.
const uint GROUPS = LANES > VALUE_PAD ? LANES / VALUE_PAD : 1u;
const uint GROUP_LANES = LANES > VALUE_PAD ? VALUE_PAD : LANES;
shared float group_rows[GROUPS * VALUE_PAD];
shared float lane_values[LANES];
uint lane, head;
#define mix_barrier barrier
#include "lib/rotation.glsl"
#include "lib/share_list.glsl"
#include "lib/row_places.glsl"
#include "lib/finish_rows.glsl"

void main() {
    lane = gl_LocalInvocationID.x;
    const octavo_query_tile tile = load_tile(push.tile_first + gl_WorkGroupID.x / ROWS);
    const uint row = gl_WorkGroupID.x % ROWS;
    head = gl_WorkGroupID.y;
    const bool finished = (push.flags & OCTAVO_ATTENTION_MERGE_SPLIT) != 0u && tile.partial_count == 1u;
    if (row >= tile.row_count || finished) {
        return;
    }
    const uint partial_row = (tile.partial_first * push.head_count + head) * ROWS + row, stride = push.head_count * ROWS;
    const uint partial_count = tile.partial_count;

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
    for (uint i = lane; i < GROUPS * VALUE_PAD; i += LANES) {
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
        for (uint channel = lane % GROUP_LANES; channel < VALUE_PAD && group < GROUPS; channel += GROUP_LANES) {
            float x = 0.0;
            const uint at = push.output_offset + (partial_row + first * stride) * VALUE_PAD + channel;
            for (uint i = 8u * group; i < count; i += 8u * GROUPS) {
                float values[8]; // loads first, so that they overlap
                [[unroll]] for (uint j = 0u; j < 8u; ++j) {
                    values[j] = scratch[at + min(i + j, count - 1u) * stride * VALUE_PAD];
                }
                [[unroll]] for (uint j = 0u; j < 8u; ++j) {
                    x += i + j < count ? values[j] * lane_values[min(i + j, count - 1u)] : 0.0;
                }
            }
            group_rows[group * VALUE_PAD + channel] += x;
        }
    }
    barrier();
    lane_values[lane] = own_sum;
    for (uint channel = lane; channel < VALUE_PAD; channel += LANES) {
        float x = 0.0;
        for (uint g = 0u; g < GROUPS; ++g) {
            x += group_rows[g * VALUE_PAD + channel];
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
    if (lane == 0u) {
        row_max[0] = largest;
        row_sum[0] = lane_values[0];
    }
    const octavo_sequence_record sequence = load_sequence(tile.sequence);
    place_rows(sequence, tile, row, 1u);
    barrier();
    if (lane == 0u) {
        finish_sum(sequence, 0u);
    }
    if (VALUE_BITS < 16u) {
        mix_rows(VALUE_PAD, 1u, 0u, lane, LANES);
    }
    barrier();
    for (uint channel = 2u * lane; channel < push.value_dim; channel += 2u * LANES) {
        const vec2 x = VALUE_BITS < 16u ? rotated_back(VALUE_PAD, sequence.seed, 0u, channel) : vec2(rows[channel], rows[channel + 1u]);
        store_outputs(0u, channel, x, channel + 1u < push.value_dim);
    }
}
