#version 450
// Pages to operands of matrix products, f16, once for all query tiles that read them: levels times the token's scale, in the
// basis of the codes. A workgroup takes one head of one entry: a step of a page, or tokens that windows hold in f16.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "octavo_abi.h"
#include "lib/group_codes.glsl"
#include "lib/half_finite.glsl"
#include "lib/page_layout.glsl"
#include "lib/operand_layout.glsl"

layout(local_size_x_id = OCTAVO_SPEC_LOCAL_SIZE) in;
layout(set = 0, binding = OCTAVO_EXPAND_POOL, std430) readonly buffer pool_words { uint pool[]; };
layout(set = 0, binding = OCTAVO_EXPAND_LISTS, std430) readonly buffer list_words { uint lists[]; };
layout(set = 0, binding = OCTAVO_EXPAND_TILES, std430) buffer tile_words { uint tiles[]; };
layout(set = 0, binding = OCTAVO_EXPAND_TILES, std430) writeonly buffer tile_units { operand_unit units[]; };
layout(push_constant) uniform push_block { octavo_expand_push push; };

shared uint bad; // bit j: V of token j of the step is not finite
uint lane, t;
uint own_tokens; // bit j: token j of the step is read from its codes, not from a window

// Bits of a word, whose other bits may be another entry's, at the same time.
void store_bits(uint at, uint word, uint mask) {
    atomicAnd(tiles[at], ~mask);
    atomicOr(tiles[at], word & mask);
}

// A row of codes: a group's words lie in planes of `rows` words.
struct code_row {
    uint word_at; // of the group
    uint rows;
};

// Codes 16 half + 2 t and the next (low), and the same + 8 (high), as the low bytes of halves.
void load_codes(const uint bits, code_row row, uint half_group, out vec2 low, out vec2 high) {
    uint w[4];
    [[unroll]] for (uint n = 0u; n < 4u; ++n) {
        w[n] = n < bits ? pool[row.word_at + min(n, bits - 1u) * row.rows] : 0u;
    }
    uvec2 codes;
    [[unroll]] for (uint i = 0u; i < 2u; ++i) { // c = 4 half + t / 2, + 2
        const uint c = 2u * i;
        const uint first = (t & 2u) == 0u ? codes_of(bits, c, w[0], w[1], w[2], w[3]) : codes_of(bits, c + 1u, w[0], w[1], w[2], w[3]);
        const uint second = (t & 2u) == 0u ? codes_of(bits, c + 4u, w[0], w[1], w[2], w[3]) : codes_of(bits, c + 5u, w[0], w[1], w[2], w[3]);
        codes[i] = (half_group == 0u ? first : second) >> (16u * (t & 1u));
    }
    const float zero = float((1u << bits) - 1u) * 0.5;
    low = vec2(float(codes.x & 0xffu), float((codes.x >> 8) & 0xffu)) - zero;
    high = vec2(float(codes.y & 0xffu), float((codes.y >> 8) & 0xffu)) - zero;
}

// Two words of a row: see operand_layout.glsl. scales: of the four values.
uvec2 operand_row(const uint bits, code_row row, uint half_group, vec4 scales) {
    if (bits == 16u) {
        const uint at = row.word_at + (8u * half_group + t) * row.rows;
        return uvec2(pool[at], pool[at + 4u * row.rows]);
    }
    vec2 low, high;
    load_codes(bits, row, half_group, low, high);
    return uvec2(packHalf2x16(low * scales.xy), packHalf2x16(high * scales.zw));
}

void expand_keys(uint page_at, uint unit, uint tile_step, uint quad) {
    const uint g = (lane & 31u) >> 2;
    const uint s = quad >> 1, token = tile_step * STEP_TOKENS + 16u * (quad & 1u) + g;
    uvec4 words;
    [[unroll]] for (uint i = 0u; i < 2u; ++i) {
        const code_row row = code_row(page_at + tile_word(OCTAVO_TILE_TOKENS, token + 8u * i, (s >> 1) * KEY_BITS), OCTAVO_TILE_TOKENS);
        const float scale = KEY_BITS == 16u ? 1.0 : unpackHalf2x16(pool[page_at + SCALES + token + 8u * i]).x;
        const uvec2 both = operand_row(KEY_BITS, row, s & 1u, vec4(scale));
        words[2u * i] = both.x;
        words[2u * i + 1u] = both.y;
    }
    const uint of_step = 16u * (quad & 1u) + g, own = own_tokens >> of_step & 0x101u;
    const uint unit_at = unit + tile_step * STEP_UNITS + (quad >> 3);
    if (own == 0x101u) {
        units[unit_at].quads[quad & 7u][lane & 31u] = words;
    } else if (own != 0u) {
        const bool is_first = own == 1u;
        const uint at = unit_at * UNIT_WORDS + operand_word(quad & 7u, is_first ? g : g + 8u, t);
        tiles[at] = is_first ? words.x : words.z;
        tiles[at + 1u] = is_first ? words.y : words.w;
    }
}

void expand_values(uint page_at, uint unit, uint tile_step, uint quad) {
    const uint g = (lane & 31u) >> 2;
    const uint k = quad & 1u, channel = 16u * (quad >> 1) + g, token = tile_step * STEP_TOKENS + 16u * k + 2u * t;
    vec4 scales = vec4(1.0);
    if (VALUE_BITS != 16u) {
        const uint at = page_at + SCALES + token;
        scales = vec4(unpackHalf2x16(pool[at]).y, unpackHalf2x16(pool[at + 1u]).y, unpackHalf2x16(pool[at + 8u]).y, unpackHalf2x16(pool[at + 9u]).y);
    }
    uvec4 words;
    [[unroll]] for (uint i = 0u; i < 2u; ++i) {
        const code_row row = code_row(page_at + VALUE_TILE + tile_word(VALUE_PAD, channel + 8u * i, tile_step * VALUE_BITS), VALUE_PAD);
        const uvec2 both = operand_row(VALUE_BITS, row, k, scales);
        const uint of_row = (infinite_halves(both.x) | infinite_halves(both.y) << 8) << (16u * k + 2u * t);
        if (of_row != 0u) {
            atomicOr(bad, of_row);
        }
        words[2u * i] = finite_halves(both.x);
        words[2u * i + 1u] = finite_halves(both.y);
    }
    const uint own = own_tokens >> (16u * k + 2u * t) & 0x303u;
    const uint unit_at = unit + tile_step * STEP_UNITS + KEY_UNITS + (quad >> 3);
    if (own == 0x303u) {
        units[unit_at].quads[quad & 7u][lane & 31u] = words;
    } else if (own != 0u) {
        const uint at = unit_at * UNIT_WORDS + operand_word(quad & 7u, g, t);
        [[dont_unroll]] for (uint i = 0u; i < 4u; ++i) {
            const uint pair = own >> (8u * (i & 1u));
            store_bits(at + i, words[i], (pair & 1u) * 0xffffu | (pair >> 1 & 1u) * 0xffff0000u);
        }
    }
}

// Bits 0 .. of the tokens of a step that are before a token of the tile.
uint before(uint token, uint tile_step) {
    const int n = int(token) - int(tile_step * STEP_TOKENS);
    return n <= 0 ? 0u : n >= 32 ? 0xffffffffu : (1u << n) - 1u;
}

void expand_step(octavo_expand_entry entry, uint head, uint unit, uint mask_at, uint tile_step) {
    const uint page_at = (entry.page * push.head_count + head) * HEAD_WORDS;
    own_tokens = before(entry.end, tile_step) & ~before(entry.begin, tile_step) | ~before(entry.resume, tile_step);
    if (lane == 0u) {
        bad = 0u;
    }
    barrier();
    for (uint quad = lane >> 5; quad < KEY_PAD / 8u; quad += gl_WorkGroupSize.x >> 5) {
        expand_keys(page_at, unit, tile_step, quad);
    }
    for (uint quad = lane >> 5; quad < VALUE_PAD / 8u; quad += gl_WorkGroupSize.x >> 5) {
        expand_values(page_at, unit, tile_step, quad);
    }
    barrier();
    if (lane == 0u) {
        store_bits(mask_at + tile_step, bad, own_tokens);
    }
}

// Tokens first .. first + count - 1 of the tile from rows of a window page, by all workgroups of the entry; words of V are of
// two tokens.
void expand_window(octavo_expand_entry entry, uint head, uint tile_at, uint mask_at) {
    const uint start = gl_WorkGroupID.z * gl_WorkGroupSize.x + lane, stride = gl_NumWorkGroups.z * gl_WorkGroupSize.x;
    const uint page_at = entry.page * push.head_count * HEAD_WORDS + head * WINDOW_HEAD_WORDS;
    const uint row_words = push.head_count * WINDOW_HEAD_WORDS;
    for (uint i = start; i < entry.count * WINDOW_KEY_WORDS; i += stride) {
        const uint n = i / WINDOW_KEY_WORDS, w = i % WINDOW_KEY_WORDS;
        tiles[tile_at + key_operand_word(entry.first + n, w)] = pool[page_at + (entry.row + n) * row_words + w];
    }
    // a row of V that is not finite is so in all channels
    for (uint i = start; i < entry.count; i += stride) {
        const uint token = entry.first + i;
        const bool is_bad = has_infinite_half(pool[page_at + (entry.row + i) * row_words + WINDOW_KEY_WORDS]);
        store_bits(mask_at + token / STEP_TOKENS, is_bad ? 0xffffffffu : 0u, 1u << (token % STEP_TOKENS));
    }
    // by words of operands, so that neighbours write neighbours
    const uint step_first = entry.first / STEP_TOKENS, steps = (entry.first + entry.count - 1u) / STEP_TOKENS + 1u - step_first;
    for (uint i = start; i < steps * VALUE_UNITS * UNIT_WORDS; i += stride) {
        const uint word = i % (VALUE_UNITS * UNIT_WORDS), tile_step = step_first + i / (VALUE_UNITS * UNIT_WORDS);
        uint channel, pair;
        value_operand_place(word, channel, pair);
        uint mask = 0u, halves = 0u; // those of this entry
        [[unroll]] for (uint odd = 0u; odd < 2u; ++odd) {
            const uint token = tile_step * STEP_TOKENS + 2u * pair + odd;
            if (token >= entry.first && token < entry.first + entry.count && channel < VALUE_PAD) {
                const uint source = page_at + (entry.row + token - entry.first) * row_words + WINDOW_KEY_WORDS;
                const uint value = (pool[source + channel / 2u] >> (16u * (channel & 1u))) & 0xffffu;
                mask |= 0xffffu << (16u * odd);
                halves |= finite_halves(value) << (16u * odd);
            }
        }
        const uint at = tile_at + (tile_step * STEP_UNITS + KEY_UNITS) * UNIT_WORDS + word;
        if (mask == 0xffffffffu) {
            tiles[at] = halves;
        } else if (mask != 0u) {
            store_bits(at, halves, mask);
        }
    }
}

void main() {
    lane = gl_LocalInvocationID.x;
    t = lane & 3u;
    const uint head = gl_WorkGroupID.y, at = push.entry_offset + gl_WorkGroupID.x * OCTAVO_EXPAND_ENTRY_WORDS;
    const octavo_expand_entry entry = octavo_expand_entry(lists[at], lists[at + 1u], lists[at + 2u], lists[at + 3u], lists[at + 4u],
                                                          lists[at + 5u], lists[at + 6u], lists[at + 7u]);
    const uint unit = (entry.tile * push.head_count + head) * OPERAND_TILE_UNITS;
    const uint mask_at = push.bad_offset + (entry.tile * push.head_count + head) * TILE_STEPS;
    if (entry.count == 0u) {
        if (gl_WorkGroupID.z * STEP_TOKENS < entry.resume) { // walks leave out steps behind the sequence
            expand_step(entry, head, unit, mask_at, gl_WorkGroupID.z);
        }
    } else {
        expand_window(entry, head, unit * UNIT_WORDS, mask_at);
    }
}
