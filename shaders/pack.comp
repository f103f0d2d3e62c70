#version 450
// Writes rotated rows into pages: codes of K and V, the scales, or a row of the f16 window. A workgroup takes one entry
// (at most 32 tokens, all in one group of 32) of one KV head. Each word of a page is written by one invocation of one
// workgroup: two sequences never share a writable page, and two entries never share a group.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "octavo_abi.h"
#include "lib/group_codes.glsl"
#include "lib/half_bits.glsl"
#include "lib/page_layout.glsl"

layout(local_size_x_id = OCTAVO_SPEC_LOCAL_SIZE) in;
layout(set = 0, binding = OCTAVO_PACK_SCRATCH, std430) readonly buffer scratch_words { uint scratch[]; };
layout(set = 0, binding = OCTAVO_PACK_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_PACK_POOL, std430) buffer pool_words { uint pool[]; };
layout(push_constant) uniform push_block { octavo_pack_push push; };

const uint KEY_STRIDE = KEY_PAD + OCTAVO_ROW_HEADER_WORDS;
const uint VALUE_STRIDE = VALUE_PAD + OCTAVO_ROW_HEADER_WORDS;
uint lane, head, first, count, source;

uint key_row(uint token) {
    return push.key_offset + ((source + token) * push.head_count + head) * KEY_STRIDE;
}

uint value_row(uint token) {
    return push.value_offset + ((source + token) * push.head_count + head) * VALUE_STRIDE;
}

// Step 5 of runtime/format/quantiser.h for one value.
uint code_of(const uint bits, uint row_at, uint channel) {
    const float inverse_rms = uintBitsToFloat(scratch[row_at + OCTAVO_ROW_NORMALISER]);
    const float half_count = float(1u << (bits - 1u));
    precise float y = uintBitsToFloat(scratch[row_at + OCTAVO_ROW_HEADER_WORDS + channel]) * inverse_rms;
    precise float position = y * uintBitsToFloat(scratch[row_at + OCTAVO_ROW_FACTOR]);
    position = position + half_count;
    return inverse_rms == 0.0 ? 1u << (bits - 1u) : uint(clamp(floor(position), 0.0, 2.0 * half_count - 1.0));
}

float row_value(uint row_at, uint channel) {
    return uintBitsToFloat(scratch[row_at + OCTAVO_ROW_HEADER_WORDS + channel]);
}

uint half_pair(uint row_at, uint channel) {
    return half_bits(row_value(row_at, channel)) | (half_bits(row_value(row_at, channel + 1u)) << 16);
}

void pack_keys(uint tile) {
    const uint groups = KEY_PAD / 32u;
    for (uint i = lane; i < count * groups; i += gl_WorkGroupSize.x) {
        const uint token = i % count, g = i / count, at = key_row(token); // neighbours write neighbour words
        if (KEY_BITS == 16u) {
            for (uint w = 0u; w < 16u; ++w) {
                pool[tile + tile_word(OCTAVO_TILE_TOKENS, first + token, g * 16u + w)] = half_pair(at, g * 32u + 2u * w);
            }
        } else {
            uint words[4] = uint[4](0u, 0u, 0u, 0u);
            [[unroll]] for (uint c = 0u; c < 32u; ++c) {
                put_code(KEY_BITS, words, c, code_of(KEY_BITS, at, g * 32u + c));
            }
            [[unroll]] for (uint w = 0u; w < KEY_BITS; ++w) {
                pool[tile + tile_word(OCTAVO_TILE_TOKENS, first + token, g * KEY_BITS + w)] = words[w];
            }
        }
    }
}

// A channel's words of this group keep the codes of the tokens that were there.
void pack_values(uint tile) {
    const uint g = first / 32u, slot = first % 32u;
    for (uint channel = lane; channel < VALUE_PAD; channel += gl_WorkGroupSize.x) {
        if (VALUE_BITS == 16u) {
            for (uint token = 0u; token < count; ++token) {
                const uint at = tile + tile_word(VALUE_PAD, channel, g * 16u + (slot + token) / 2u);
                const uint bits = half_bits(row_value(value_row(token), channel));
                pool[at] = ((slot + token) & 1u) == 0u ? (pool[at] & 0xffff0000u) | bits : (pool[at] & 0xffffu) | (bits << 16);
            }
        } else {
            uint words[4] = uint[4](0u, 0u, 0u, 0u), mask[4] = uint[4](0u, 0u, 0u, 0u);
            for (uint token = 0u; token < count; ++token) {
                put_code(VALUE_BITS, words, slot + token, code_of(VALUE_BITS, value_row(token), channel));
                code_mask(VALUE_BITS, mask, slot + token);
            }
            [[unroll]] for (uint w = 0u; w < VALUE_BITS; ++w) {
                const uint at = tile + tile_word(VALUE_PAD, channel, g * VALUE_BITS + w);
                pool[at] = (pool[at] & ~mask[w]) | words[w];
            }
        }
    }
}

void pack_scales(uint scales) {
    for (uint token = lane; token < count; token += gl_WorkGroupSize.x) {
        const uint key = KEY_BITS == 16u ? 0u : scratch[key_row(token) + OCTAVO_ROW_SCALE];
        const uint value = VALUE_BITS == 16u ? 0u : scratch[value_row(token) + OCTAVO_ROW_SCALE];
        pool[scales + first + token] = key | (value << 16);
    }
}

// A row that is not finite is NaN in all channels, as its codes are.
uint window_pair(const uint bits, uint row_at, uint channel) {
    const bool not_finite = bits < 16u && scratch[row_at + OCTAVO_ROW_SCALE] == OCTAVO_SCALE_NAN;
    return not_finite ? OCTAVO_SCALE_NAN * 0x10001u : half_pair(row_at, channel);
}

void pack_window(uint page) {
    for (uint i = lane; i < count * WINDOW_HEAD_WORDS; i += gl_WorkGroupSize.x) {
        const uint token = i / WINDOW_HEAD_WORDS, w = i % WINDOW_HEAD_WORDS;
        pool[page * push.head_count * HEAD_WORDS + ((first + token) * push.head_count + head) * WINDOW_HEAD_WORDS + w] =
            w < WINDOW_KEY_WORDS ? window_pair(KEY_BITS, key_row(token), 2u * w)
                                 : window_pair(VALUE_BITS, value_row(token), 2u * (w - WINDOW_KEY_WORDS));
    }
}

void main() {
    lane = gl_LocalInvocationID.x;
    head = gl_WorkGroupID.y;
    const uint entry = (push.entry_first + gl_WorkGroupID.x) * 4u;
    const uint page = lists[entry];
    first = lists[entry + 1u];
    count = lists[entry + 2u];
    source = lists[entry + 3u] & 0x7fffffffu;
    if (lists[entry + 3u] != source) {
        pack_window(page);
        return;
    }
    const uint tile = (page * push.head_count + head) * HEAD_WORDS;
    pack_keys(tile);
    pack_values(tile + VALUE_TILE);
    pack_scales(tile + SCALES);
}
