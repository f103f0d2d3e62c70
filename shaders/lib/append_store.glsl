// Part of append.comp: the codes in shared memory become words of pages, and tokens get their scales.
#ifndef OCTAVO_APPEND_STORE_GLSL
#define OCTAVO_APPEND_STORE_GLSL

// A lane takes 32 channels of a token.
void store_keys() {
    for (uint i = lane; i < CHANNELS; i += LANES) {
        const uint slot = i % 32u, g = i / 32u;
        if (slot - first % 32u >= count) {
            continue;
        }
        uint bytes[8], words[4];
        [[unroll]] for (uint c = 0u; c < 8u; ++c) {
            bytes[c] = (codes[code_place(slot, g / 2u, c)] >> (4u * (g % 2u))) & 0x0f0f0f0fu;
        }
        words_of_codes(BITS, bytes, words);
        const uint at = tile_at() + tile_word(OCTAVO_TILE_TOKENS, first / 32u * 32u + slot, g * BITS);
        [[unroll]] for (uint w = 0u; w < BITS; ++w) {
            pool[at + tile_word(OCTAVO_TILE_TOKENS, 0u, w)] = words[w];
        }
    }
}

// Bytes of code word c of the group that belong to tokens of this entry.
uint own_bytes(uint c) {
    uint bytes = 0u;
    [[unroll]] for (uint i = 0u; i < 4u; ++i) {
        bytes |= 4u * c + i - first % 32u < count ? 0xffu << (8u * i) : 0u;
    }
    return bytes;
}

// A channel's words of this group keep the codes of the tokens that were there.
void store_channel(uint channel, uint bytes[8]) {
    const uint at = tile_at() + tile_word(CHANNELS, channel, first / 32u * BITS);
    uint words[4];
    if (count == 32u) {
        words_of_codes(BITS, bytes, words);
    } else {
        uint mask[4], own_codes[8];
        [[unroll]] for (uint c = 0u; c < 8u; ++c) {
            own_codes[c] = own_bytes(c) & (((1u << BITS) - 1u) * 0x01010101u);
            bytes[c] &= own_codes[c];
        }
        words_of_codes(BITS, bytes, words);
        words_of_codes(BITS, own_codes, mask);
        [[unroll]] for (uint w = 0u; w < BITS; ++w) {
            words[w] |= pool[at + w * CHANNELS] & ~mask[w];
        }
    }
    [[unroll]] for (uint w = 0u; w < BITS; ++w) {
        pool[at + w * CHANNELS] = words[w];
    }
}

// Of four words, whose bytes are those of four tokens.
void transpose_codes() {
    for (uint i = lane; i < 64u * PAIRS; i += LANES) {
        const uint at = code_place(i / (8u * PAIRS) * 4u, 0u, i % (8u * PAIRS));
        const uint a = codes[at], b = codes[at + CODE_STRIDE], c = codes[at + 2u * CODE_STRIDE], d = codes[at + 3u * CODE_STRIDE];
        const uint low_ab = (a & 0x00ff00ffu) | ((b & 0x00ff00ffu) << 8), high_ab = ((a >> 8) & 0x00ff00ffu) | (b & 0xff00ff00u);
        const uint low_cd = (c & 0x00ff00ffu) | ((d & 0x00ff00ffu) << 8), high_cd = ((c >> 8) & 0x00ff00ffu) | (d & 0xff00ff00u);
        codes[at] = (low_ab & 0xffffu) | (low_cd << 16);
        codes[at + CODE_STRIDE] = (high_ab & 0xffffu) | (high_cd << 16);
        codes[at + 2u * CODE_STRIDE] = (low_ab >> 16) | (low_cd & 0xffff0000u);
        codes[at + 3u * CODE_STRIDE] = (high_ab >> 16) | (high_cd & 0xffff0000u);
    }
}

// A lane takes a channel and the one 32 further.
void store_values() {
    transpose_codes();
    barrier();
    for (uint i = lane; i < 32u * PAIRS; i += LANES) {
        const uint p = i / 32u, channel = i % 32u;
        [[unroll]] for (uint n = 0u; n < 2u; ++n) {
            uint bytes[8];
            [[unroll]] for (uint c = 0u; c < 8u; ++c) {
                bytes[c] = (codes[code_place(4u * c + channel % 4u, p, channel / 4u)] >> (4u * n)) & 0x0f0f0f0fu;
            }
            if (64u * p + 32u * n < CHANNELS) {
                store_channel(64u * p + 32u * n + channel, bytes);
            }
        }
    }
}

void store_codes() {
    barrier();
    if (of_values) {
        store_values();
    } else {
        store_keys();
    }
    for (uint token = lane; token < count; token += LANES) {
        store_scale(token, find_scale(quotients[token]));
    }
}
#endif
