#version 450
// Rows of Q into the basis of the codes, and the numbers that the walk needs of each: its int8 parts, f16 or f32. A workgroup
// takes ROWS rows (a row is one head of one token).
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "octavo_abi.h"
#include "lib/elements.glsl"

layout(local_size_x_id = OCTAVO_SPEC_LOCAL_SIZE) in;
layout(constant_id = OCTAVO_SPEC_KEY_BITS) const uint BITS = 3;
layout(constant_id = OCTAVO_SPEC_KEY_PAD) const uint ROW_CHANNELS = 128;
layout(constant_id = OCTAVO_SPEC_ROWS) const uint ROW_COUNT = 4;
layout(constant_id = OCTAVO_SPEC_QUERY_PARTS) const uint PARTS = 2;

layout(set = 0, binding = OCTAVO_ROTATE_INPUT, std430) readonly buffer input_words { uint tensor[]; };
layout(set = 0, binding = OCTAVO_ROTATE_RECORD, std430) readonly buffer record_words { float record[]; };
layout(set = 0, binding = OCTAVO_ROTATE_SCRATCH, std430) writeonly buffer scratch_words { uint scratch[]; };
layout(push_constant) uniform push_block { octavo_rotate_push push; };

shared float rows[ROW_COUNT * ROW_CHANNELS];
shared float transformed[ROW_COUNT * ROW_CHANNELS];
shared float partial[gl_WorkGroupSize.x];
shared uint row_largest[ROW_COUNT];
shared int row_sums[ROW_COUNT];
const uint LANES_PER_ROW = gl_WorkGroupSize.x / ROW_COUNT; // whole
float row_mean; // of row lane / LANES_PER_ROW
uint lane;

#define mix_barrier barrier
#include "lib/rotation.glsl"
#include "lib/query_parts.glsl"

void load_rows(uint first) {
    for (uint i = lane; i < ROW_COUNT * ROW_CHANNELS; i += gl_WorkGroupSize.x) {
        const uint row = first + i / ROW_CHANNELS, channel = i % ROW_CHANNELS;
        float x = 0.0;
        if (row < push.row_count && channel < push.dim) {
            const uint token = push.token_first + row / push.head_count, head = row % push.head_count;
            const uint index = token * push.token_stride + head * push.head_stride + channel;
            x = element_value(push.element, index, tensor[element_word(push.element, index)]);
        }
        rows[i] = x;
    }
    for (uint r = lane; r < ROW_COUNT; r += gl_WorkGroupSize.x) {
        row_largest[r] = 0u;
        row_sums[r] = 0;
    }
    barrier();
}

// q . mean of each row, in a fixed order.
void find_means(uint first) {
    row_mean = 0.0;
    if ((push.flags & OCTAVO_ROTATE_HAS_MEAN) == 0u) {
        return;
    }
    const uint r = lane / LANES_PER_ROW;
    const uint mean_at = ((first + r) % push.head_count) / push.group * ROW_CHANNELS;
    float sum = 0.0;
    for (uint i = lane % LANES_PER_ROW; i < ROW_CHANNELS; i += LANES_PER_ROW) {
        sum += rows[r * ROW_CHANNELS + i] * record[mean_at + i];
    }
    partial[lane] = sum;
    barrier();
    for (uint i = 0u; i < LANES_PER_ROW; ++i) {
        row_mean += partial[r * LANES_PER_ROW + i];
    }
    barrier();
}

void transform_rows(uint first) {
    if ((push.flags & OCTAVO_ROTATE_HAS_TRANSFORM) != 0u) {
        for (uint i = lane; i < ROW_COUNT * ROW_CHANNELS; i += gl_WorkGroupSize.x) {
            const uint r = i / ROW_CHANNELS, channel = i % ROW_CHANNELS;
            const uint head = ((first + r) % push.head_count) / push.group;
            const uint at = push.transform_offset + (head * ROW_CHANNELS + channel) * ROW_CHANNELS;
            precise float sum = 0.0;
            for (uint j = 0u; j < ROW_CHANNELS; ++j) {
                precise float product = record[at + j] * rows[r * ROW_CHANNELS + j];
                sum = sum + product;
            }
            transformed[i] = sum;
        }
        barrier();
        for (uint i = lane; i < ROW_COUNT * ROW_CHANNELS; i += gl_WorkGroupSize.x) {
            rows[i] = transformed[i];
        }
        barrier();
    } else {
        for (uint i = lane; i < ROW_COUNT * ROW_CHANNELS; i += gl_WorkGroupSize.x) {
            rows[i] *= signed_scale(ROW_CHANNELS, push.seed, i % ROW_CHANNELS);
        }
        barrier();
        mix_rows(ROW_CHANNELS, ROW_COUNT, 0u, lane, gl_WorkGroupSize.x);
    }
}

// Where the query row `row` of this dispatch goes.
uint query_place(uint row, uint payload) {
    const uint token = row / push.head_count, head = row % push.head_count;
    return ((head / push.group) * push.query_rows + (push.row_first + token) * push.group + head % push.group) *
           (OCTAVO_ROW_HEADER_WORDS + payload);
}

void write_query_float(uint first) {
    const uint r = lane / LANES_PER_ROW;
    if (first + r < push.row_count) {
        const uint at = query_place(first + r, ROW_CHANNELS);
        for (uint i = lane % LANES_PER_ROW; i < ROW_CHANNELS; i += LANES_PER_ROW) {
            scratch[at + OCTAVO_ROW_HEADER_WORDS + i] = floatBitsToUint(rows[r * ROW_CHANNELS + i]);
        }
        if (lane % LANES_PER_ROW == 0u) {
            scratch[at + OCTAVO_QUERY_SCALE] = floatBitsToUint(push.scale);
            scratch[at + OCTAVO_QUERY_OFFSET] = 0u;
            scratch[at + OCTAVO_QUERY_MEAN] = floatBitsToUint(row_mean * push.scale);
        }
    }
}

// The largest magnitude of row r, or 0 if the row is not finite.
float find_largest(uint r, out bool finite) {
    uint own = 0u; // bits of magnitudes are in their order; those of Inf and NaN come last
    for (uint i = lane % LANES_PER_ROW; i < ROW_CHANNELS; i += LANES_PER_ROW) {
        own = max(own, floatBitsToUint(rows[r * ROW_CHANNELS + i]) & 0x7fffffffu);
    }
    atomicMax(row_largest[r], own);
    barrier();
    finite = row_largest[r] < 0x7f800000u;
    return finite ? uintBitsToFloat(row_largest[r]) : 0.0;
}

void write_query_half(uint first) {
    const uint r = lane / LANES_PER_ROW, l = lane % LANES_PER_ROW;
    bool finite;
    const float largest = find_largest(r, finite), factor = largest > 1.0e-30 ? 1.0 / largest : 0.0;
    const uint at = query_place(first + r, ROW_CHANNELS / 2u);
    if (first + r >= push.row_count) {
        return;
    }
    for (uint w = l; w < ROW_CHANNELS / 2u; w += LANES_PER_ROW) {
        const uint low = BITS == 16u ? 2u * w : 4u * (w >> 1) + (w & 1u), high = BITS == 16u ? low + 1u : low + 2u;
        const vec2 pair = vec2(rows[r * ROW_CHANNELS + low], rows[r * ROW_CHANNELS + high]) * factor;
        scratch[at + OCTAVO_ROW_HEADER_WORDS + w] = finite ? packHalf2x16(pair) : 0u;
    }
    if (l == 0u) {
        scratch[at + OCTAVO_QUERY_SCALE] = floatBitsToUint(finite ? push.scale * largest : uintBitsToFloat(0x7fc00000u));
        scratch[at + OCTAVO_QUERY_OFFSET] = 0u;
        scratch[at + OCTAVO_QUERY_MEAN] = floatBitsToUint(row_mean * push.scale);
    }
}

void write_query_int(uint first) {
    const uint r = lane / LANES_PER_ROW, l = lane % LANES_PER_ROW;
    bool finite;
    const float largest = find_largest(r, finite);
    const float to_integer = largest > 1.0e-30 ? QUERY_STEPS / largest : 0.0;
    const uint at = query_place(first + r, PARTS * ROW_CHANNELS / 4u);
    int sum = 0;
    for (uint w = l; w < ROW_CHANNELS / 4u; w += LANES_PER_ROW) {
        uint high_word, low_word;
        vec4 x;
        [[unroll]] for (uint b = 0u; b < 4u; ++b) {
            x[b] = finite ? rows[r * ROW_CHANNELS + 4u * w + b] * to_integer : 0.0;
        }
        sum += query_parts_of(x, high_word, low_word);
        if (first + r < push.row_count) {
            scratch[at + OCTAVO_ROW_HEADER_WORDS + w] = high_word;
            if (PARTS > 1u) {
                scratch[at + OCTAVO_ROW_HEADER_WORDS + ROW_CHANNELS / 4u + w] = low_word;
            }
        }
    }
    atomicAdd(row_sums[r], sum);
    barrier();
    if (l == 0u && first + r < push.row_count) {
        const float scale = finite ? query_row_scale(push.scale, largest) : uintBitsToFloat(0x7fc00000u);
        scratch[at + OCTAVO_QUERY_SCALE] = floatBitsToUint(scale);
        scratch[at + OCTAVO_QUERY_OFFSET] = uint(int((1u << (BITS & 15u)) - 1u) * row_sums[r]);
        scratch[at + OCTAVO_QUERY_MEAN] = floatBitsToUint(row_mean * push.scale);
    }
}

void main() {
    lane = gl_LocalInvocationID.x;
    const uint first = gl_WorkGroupID.x * ROW_COUNT;
    load_rows(first);
    find_means(first);
    if ((push.flags & OCTAVO_ROTATE_RAW) == 0u) {
        transform_rows(first);
    }
    if (push.role == OCTAVO_ROTATE_QUERY_INT) {
        write_query_int(first);
    } else if (push.role == OCTAVO_ROTATE_QUERY_HALF) {
        write_query_half(first);
    } else {
        write_query_float(first);
    }
}
