// Part of append.comp: gathered codes become words of pages, and tokens get their scales.
#ifndef OCTAVO_APPEND_STORE_GLSL
#define OCTAVO_APPEND_STORE_GLSL

// Channels 32 g + c and 16 further, of the tokens at 4 r .. of the group, a byte each.
uint gathered_place(uint r, uint g, uint c) {
    return r * ROW_STRIDE + 17u * g + c;
}

// Words whose bytes are those of four tokens become those of four tokens whose bytes are the words'.
uvec4 transposed(uvec4 w) {
    const uint even_low = (w.x & 0x00ff00ffu) | ((w.y & 0x00ff00ffu) << 8), even_high = (w.z & 0x00ff00ffu) | ((w.w & 0x00ff00ffu) << 8);
    const uint odd_low = ((w.x >> 8) & 0x00ff00ffu) | (w.y & 0xff00ff00u), odd_high = ((w.z >> 8) & 0x00ff00ffu) | (w.w & 0xff00ff00u);
    return uvec4((even_low & 0xffffu) | (even_high << 16), (odd_low & 0xffffu) | (odd_high << 16),
                 (even_low >> 16) | (even_high & 0xffff0000u), (odd_low >> 16) | (odd_high & 0xffff0000u));
}

// A lane takes the four tokens of a row, 32 channels.
void store_keys() {
    for (uint i = lane; i < ROWS * (CHANNELS / 32u); i += LANES) {
        const uint r = i % ROWS, g = i / ROWS, token_0 = 4u * r - first % 32u;
        uvec4 pairs[4], planes[4]; // of the four tokens: channels 4 c .. and 16 further, a byte each; words
        [[unroll]] for (uint c = 0u; c < 4u; ++c) {
            const uint at = gathered_place(r, g, 4u * c);
            pairs[c] = transposed(uvec4(rows[at], rows[at + 1u], rows[at + 2u], rows[at + 3u]));
        }
        [[unroll]] for (uint n = 0u; n < 4u; ++n) {
            uint codes[8], words[4];
            [[unroll]] for (uint c = 0u; c < 4u; ++c) {
                codes[c] = pairs[c][n] & 0x0f0f0f0fu;
                codes[c + 4u] = (pairs[c][n] >> 4) & 0x0f0f0f0fu;
            }
            words_of_codes(BITS, codes, words);
            [[unroll]] for (uint w = 0u; w < BITS; ++w) {
                planes[w][n] = words[w];
            }
        }
        [[unroll]] for (uint w = 0u; w < BITS; ++w) {
            const uint at = tile_at() + tile_word(OCTAVO_TILE_TOKENS, first + token_0, g * BITS + w);
            if (token_0 < count && token_0 + 3u < count) {
                pool4[at / 4u] = planes[w];
            } else {
                [[unroll]] for (uint n = 0u; n < 4u; ++n) {
                    if (token_0 + n < count) {
                        pool[at + n] = planes[w][n];
                    }
                }
            }
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
void store_values() {
    for (uint channel = lane; channel < CHANNELS; channel += LANES) {
        uint codes[8], words[4];
        [[unroll]] for (uint c = 0u; c < 8u; ++c) {
            const uint pairs = rows[gathered_place(c, channel / 32u, channel % 16u)];
            codes[c] = (pairs >> (4u * (channel / 16u & 1u))) & 0x0f0f0f0fu;
        }
        const uint at = tile_at() + tile_word(CHANNELS, channel, first / 32u * BITS);
        if (count == 32u) {
            words_of_codes(BITS, codes, words);
        } else {
            uint mask[4], own_codes[8];
            [[unroll]] for (uint c = 0u; c < 8u; ++c) {
                own_codes[c] = own_bytes(c) & (((1u << BITS) - 1u) * 0x01010101u);
                codes[c] &= own_codes[c];
            }
            words_of_codes(BITS, codes, words);
            words_of_codes(BITS, own_codes, mask);
            [[unroll]] for (uint w = 0u; w < BITS; ++w) {
                words[w] |= pool[at + w * CHANNELS] & ~mask[w];
            }
        }
        [[unroll]] for (uint w = 0u; w < BITS; ++w) {
            pool[at + w * CHANNELS] = words[w];
        }
    }
}

// gathered_shift: brings the last token's codes, which are on top, to their byte.
void store_codes(uint gathered_shift) {
    [[unroll]] for (uint i = 0u; i < OWN / 2u; ++i) {
        rows[gathered_place(row, i / CHAINS, CHAINS * own + i % CHAINS)] = gathered[i] >> gathered_shift;
    }
    barrier();
    if (of_values) {
        store_values();
    } else {
        store_keys();
    }
    const uint token = 4u * row + own - first % 32u;
    if (own < 4u && token < count) {
        store_scale(token, find_scale());
    }
}
#endif
