#version 450
// Rows of K, V or Q into the basis of the codes, and the numbers that pack and walk need of each: for K and V the step and
// scale of the quantiser, for Q its int8 parts. A workgroup takes ROWS rows (a row is one head of one token).
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
shared vec2 tried[ROW_COUNT * OCTAVO_STEP_COUNT];
shared float partial[gl_WorkGroupSize.x];
shared uint row_largest[ROW_COUNT];
shared int row_sums[ROW_COUNT];
const uint LANES_PER_ROW = gl_WorkGroupSize.x / ROW_COUNT; // whole
float row_mean; // of row lane / LANES_PER_ROW
uint lane;

#include "lib/rotation.glsl"
#include "lib/quantiser.glsl"
#include "lib/query_parts.glsl"

bool is_query() {
    return push.role >= OCTAVO_ROTATE_QUERY_INT;
}

void load_rows(uint first) {
    for (uint i = lane; i < ROW_COUNT * ROW_CHANNELS; i += gl_WorkGroupSize.x) {
        const uint row = first + i / ROW_CHANNELS, channel = i % ROW_CHANNELS;
        float x = 0.0;
        if (row < push.row_count && channel < push.dim) {
            const uint token = push.token_first + row / push.head_count, head = row % push.head_count;
            const uint index = token * push.token_stride + head * push.head_stride + channel;
            x = element_value(push.element, index, tensor[element_word(push.element, index)]);
            if (!is_query() && (push.flags & OCTAVO_ROTATE_HAS_MEAN) != 0u) {
                precise float centred = x - record[push.mean_offset + (head / push.group) * ROW_CHANNELS + channel];
                x = centred;
            }
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
    const uint mean_at = push.mean_offset + (((first + r) % push.head_count) / push.group) * ROW_CHANNELS;
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
            rows[i] = flip_sign(rows[i], push.seed, i % ROW_CHANNELS);
        }
        barrier();
        hartley_hadamard(ROW_CHANNELS, ROW_COUNT);
    }
}

void write_packable(uint first) {
    for (uint i = lane; i < ROW_COUNT * ROW_CHANNELS; i += gl_WorkGroupSize.x) {
        const uint row = first + i / ROW_CHANNELS;
        if (row < push.row_count) {
            scratch[push.scratch_offset + (push.row_first + row) * (ROW_CHANNELS + OCTAVO_ROW_HEADER_WORDS) +
                    OCTAVO_ROW_HEADER_WORDS + i % ROW_CHANNELS] = floatBitsToUint(rows[i]);
        }
    }
    if ((push.flags & OCTAVO_ROTATE_RAW) != 0u) {
        return;
    }
    for (uint i = lane; i < ROW_COUNT * OCTAVO_STEP_COUNT; i += gl_WorkGroupSize.x) {
        const uint row_at = i / OCTAVO_STEP_COUNT * ROW_CHANNELS;
        tried[i] = try_step(row_at, find_inverse_rms(sum_of_squares(row_at)), inverse_step(i % OCTAVO_STEP_COUNT));
    }
    barrier();
    for (uint r = lane; r < ROW_COUNT; r += gl_WorkGroupSize.x) {
        if (first + r < push.row_count) {
            const float squares = sum_of_squares(r * ROW_CHANNELS);
            const bool not_finite = (floatBitsToUint(squares) & 0x7f800000u) == 0x7f800000u;
            const bool special = not_finite || squares < OCTAVO_SQUARES_MIN;
            const float inverse_rms = find_inverse_rms(squares);
            uint step = 0u;
            vec2 best = tried[r * OCTAVO_STEP_COUNT];
            for (uint j = 1u; j < OCTAVO_STEP_COUNT; ++j) {
                const vec2 x = tried[r * OCTAVO_STEP_COUNT + j];
                const bool better = step_is_better(x, best);
                best = better ? x : best;
                step = better ? j : step;
            }
            precise float numerator = push.role == OCTAVO_ROTATE_KEY ? squares * inverse_rms : best.x;
            precise float denominator = push.role == OCTAVO_ROTATE_KEY ? best.x : inverse_rms * best.y;
            const uint at = push.scratch_offset + (push.row_first + first + r) * (ROW_CHANNELS + OCTAVO_ROW_HEADER_WORDS);
            scratch[at + OCTAVO_ROW_NORMALISER] = special ? 0u : floatBitsToUint(inverse_rms);
            scratch[at + OCTAVO_ROW_FACTOR] = special ? 0u : floatBitsToUint(inverse_step(step));
            scratch[at + OCTAVO_ROW_SCALE] = not_finite ? OCTAVO_SCALE_NAN : special ? 0u : half_quotient(numerator, denominator);
        }
    }
}

// Where the query row `row` of this dispatch goes.
uint query_place(uint row, uint payload) {
    const uint token = row / push.head_count, head = row % push.head_count;
    return push.scratch_offset +
           ((head / push.group) * push.query_rows + (push.row_first + token) * push.group + head % push.group) *
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

void write_query_int(uint first) {
    const uint r = lane / LANES_PER_ROW, l = lane % LANES_PER_ROW;
    uint own = 0u; // bits of magnitudes are in their order; those of Inf and NaN come last
    for (uint i = l; i < ROW_CHANNELS; i += LANES_PER_ROW) {
        own = max(own, floatBitsToUint(rows[r * ROW_CHANNELS + i]) & 0x7fffffffu);
    }
    atomicMax(row_largest[r], own);
    barrier();
    const bool finite = row_largest[r] < 0x7f800000u;
    const float largest = finite ? uintBitsToFloat(row_largest[r]) : 0.0;
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
    if (is_query()) {
        find_means(first);
    }
    if ((push.flags & OCTAVO_ROTATE_RAW) == 0u) {
        transform_rows(first);
    }
    if (push.role == OCTAVO_ROTATE_QUERY_INT) {
        write_query_int(first);
    } else if (push.role == OCTAVO_ROTATE_QUERY_FLOAT) {
        write_query_float(first);
    } else {
        write_packable(first);
    }
}
