// Part of append.comp: rows that stay f16, as they came.
#ifndef OCTAVO_APPEND_RAW_GLSL
#define OCTAVO_APPEND_RAW_GLSL

uint raw_pair(uint token, uint channel) {
    return half_bits(tensor_value(token, channel)) | (half_bits(tensor_value(token, channel + 1u)) << 16);
}

// A row of V that is not finite is NaN in all channels, as one in the basis of the codes is: walks look at the first one.
void write_raw_window() {
    [[dont_unroll]] for (uint token_0 = 0u; token_0 < count; token_0 += ROWS) {
        const uint token = token_0 + row;
        row_is_there = token < count;
        uint bad = 0u;
        if (of_values) {
            for (uint w = own; row_is_there && w < CHANNELS / 2u; w += ROW_LANES) {
                bad |= infinite_halves(raw_pair(token, 2u * w));
            }
            bad = row_largest(bad);
        }
        for (uint w = own; row_is_there && w < CHANNELS / 2u; w += ROW_LANES) {
            pool[window_at(token) + w] = bad != 0u ? OCTAVO_SCALE_NAN * 0x10001u : raw_pair(token, 2u * w);
        }
    }
}

void write_raw_keys() {
    for (uint i = lane; i < count * (CHANNELS / 2u); i += LANES) {
        const uint token = i % count, w = i / count; // neighbours write neighbour words
        pool[tile_at() + tile_word(OCTAVO_TILE_TOKENS, first + token, w)] = raw_pair(token, 2u * w);
    }
}

// Two tokens a word, whose other half stays what it was.
void write_raw_values() {
    const uint pair_first = first / 2u, pairs = (first + count + 1u) / 2u - pair_first;
    for (uint i = lane; i < pairs * CHANNELS; i += LANES) {
        const uint pair = pair_first + i / CHANNELS, channel = i % CHANNELS, token = 2u * pair - first;
        const uint at = tile_at() + tile_word(CHANNELS, channel, pair);
        uint low = half_bits(tensor_value(token, channel)), high = half_bits(tensor_value(token + 1u, channel)) << 16;
        if (token >= count) {
            low = pool[at] & 0xffffu;
        }
        if (token + 1u >= count) {
            high = pool[at] & 0xffff0000u;
        }
        pool[at] = low | high;
    }
}

void write_raw(bool to_window) {
    if (to_window) {
        write_raw_window();
        return;
    }
    if (of_values) {
        write_raw_values();
    } else {
        write_raw_keys();
    }
    for (uint token = lane; token < count; token += LANES) {
        store_scale(token, 0u);
    }
}
#endif
