// Part of walk.comp: adds a tile's weighted values of this lane's channels to the running output.
#ifndef OCTAVO_WALK_VALUES_GLSL
#define OCTAVO_WALK_VALUES_GLSL

const uint BATCH = TOKENS < LANE_CHANNELS ? TOKENS : LANE_CHANNELS; // channels whose codes are in registers at once

const uint VALUE_WORDS = VALUE_BITS == 16u ? RAW_WORDS : WORD_GROUPS * VALUE_BITS;
uint value_words[BATCH * VALUE_WORDS];

// Words first_word .. + VALUE_WORDS of the channels first .. + BATCH of this lane.
void load_values(uint tile, uint first, uint first_word) {
    [[unroll]] for (uint i = 0u; i < BATCH; ++i) {
        const uint channel = min(team_lane + LANES * (first + i), VALUE_PAD - 1u);
        [[unroll]] for (uint w = 0u; w < VALUE_WORDS; ++w) {
            value_words[i * VALUE_WORDS + w] = load_word(tile, VALUE_PAD, channel, first_word + w);
        }
    }
}

uint value_word(const uint i, const uint w) {
    return value_words[i * VALUE_WORDS + w];
}

#ifdef OCTAVO_INT_DOT
uint value_codes[BATCH * 32u]; // [channel][group][word of codes]
const uint VALUE_ROWS = ROWS <= 2u ? ROWS : 1u; // rows whose sums are in registers at once

void add_rows(uint row_first, uint first) {
    float terms[VALUE_ROWS * BATCH];
    [[unroll]] for (uint n = 0u; n < VALUE_ROWS * BATCH; ++n) {
        terms[n] = 0.0;
    }
    [[unroll]] for (uint g = 0u; g < 4u; ++g) {
        [[unroll]] for (uint k = 0u; k < VALUE_ROWS; ++k) {
            const uint at = team_row(row_first + k);
            const uvec4 w0 = shared_weights[at * 8u + 2u * g], w1 = shared_weights[at * 8u + 2u * g + 1u];
            const float scale = shared_weight_scale[at * 4u + g];
            [[unroll]] for (uint i = 0u; i < BATCH; ++i) {
                uint sum = 0u;
                [[unroll]] for (uint c = 0u; c < 4u; ++c) {
                    sum = dot_u8(value_codes[(i * 4u + g) * 8u + c], w0[c], sum);
                    sum = dot_u8(value_codes[(i * 4u + g) * 8u + 4u + c], w1[c], sum);
                }
                terms[k * BATCH + i] += float(sum) * scale;
            }
        }
    }
    [[unroll]] for (uint k = 0u; k < VALUE_ROWS; ++k) {
        const float correction = shared_correction[team_row(row_first + k)];
        [[unroll]] for (uint i = 0u; i < BATCH; ++i) {
            if (has_channel(first + i)) {
                update_result(first + i, row_first + k, correction, terms[k * BATCH + i]);
            }
        }
    }
}

// Channels first .. first + BATCH - 1 of this lane, whose words are loaded.
void add_values_coded(uint first) {
    [[unroll]] for (uint i = 0u; i < BATCH; ++i) {
        [[unroll]] for (uint g = 0u; g < 4u; ++g) {
            const uint w = g * VALUE_BITS;
            const uint w2 = VALUE_BITS > 2u ? value_word(i, w + 2u) : 0u, w3 = VALUE_BITS > 3u ? value_word(i, w + 3u) : 0u;
            [[unroll]] for (uint c = 0u; c < 8u; ++c) {
                value_codes[(i * 4u + g) * 8u + c] = codes_of(VALUE_BITS, c, value_word(i, w), value_word(i, w + 1u), w2, w3);
            }
        }
    }
    if (VALUE_ROWS == ROWS) {
        add_rows(0u, first);
    } else {
        [[dont_unroll]] for (uint r = 0u; r < ROWS; r += VALUE_ROWS) {
            add_rows(r, first);
        }
    }
}
#endif

#ifdef OCTAVO_HALF
// Channels first .. first + BATCH - 1 of this lane, whose words are loaded.
void add_values_coded(uint first) {
    float sums[ROWS * BATCH]; // [row][channel]
    [[unroll]] for (uint n = 0u; n < ROWS * BATCH; ++n) {
        sums[n] = 0.0;
    }
    [[unroll]] for (uint g = 0u; g < 4u; ++g) {
        half_eight levels[BATCH * 4u]; // [channel][eight tokens]
        [[unroll]] for (uint b = 0u; b < BATCH; ++b) {
            uint words[4];
            [[unroll]] for (uint w = 0u; w < 4u; ++w) {
                words[w] = w < VALUE_BITS ? value_word(b, g * VALUE_BITS + w) : 0u;
            }
            [[unroll]] for (uint i = 0u; i < 4u; ++i) {
                levels[b * 4u + i] = eight_levels(VALUE_BITS, i, words);
            }
        }
        [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
            const float scale = shared_weight_scale[team_row(r) * 4u + g];
            [[unroll]] for (uint i = 0u; i < 4u; i += 2u) {
                const uint at = team_row(r) * 16u + g * 4u + i;
                const half_eight w0 = unpack_eight(shared_weights[at]), w1 = unpack_eight(shared_weights[at + 1u]);
                [[unroll]] for (uint b = 0u; b < BATCH; ++b) {
                    const f16vec2 sum = add_products(levels[b * 4u + i], w0, f16vec2(0.0));
                    sums[r * BATCH + b] += sum_of_pair(add_products(levels[b * 4u + i + 1u], w1, sum)) * scale;
                }
            }
        }
    }
    [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
        [[unroll]] for (uint b = 0u; b < BATCH; ++b) {
            if (has_channel(first + b)) {
                update_result(first + b, r, shared_correction[team_row(r)], sums[r * BATCH + b]);
            }
        }
    }
}
#endif

// Channel i of this lane of a page of f16, some of whose values are not finite: those that a row does not see are left
// out, as the slots of a page that nothing was written to. Sums have the order of add_values_float.
void add_channel_seen(uint tile, uint i) {
    const uint channel = team_lane + LANES * i;
    [[dont_unroll]] for (uint r = 0u; r < ROWS; ++r) {
        float sum = 0.0;
        [[dont_unroll]] for (uint quad = 0u; quad < 32u; ++quad) {
            const vec4 w = uintBitsToFloat(shared_weights[team_row(r) * 32u + quad]);
            const vec4 values = vec4(unpackHalf2x16(load_word(tile, VALUE_PAD, channel, 2u * quad)),
                                     unpackHalf2x16(load_word(tile, VALUE_PAD, channel, 2u * quad + 1u)));
            sum += dot(w, mix(vec4(0.0), values, notEqual(w, vec4(0.0))));
        }
        update_result(i, r, shared_correction[team_row(r)], sum);
    }
}

// Channels first .. first + BATCH - 1 of this lane, of which the first words are loaded.
void add_values_float(uint tile, uint first) {
    const uint quads = VALUE_BITS == 16u ? RAW_WORDS / 2u : 8u; // of tokens in a chunk
    const uint chunks = VALUE_ROW_WORDS / VALUE_WORDS;
    float sums[ROWS * BATCH]; // [row][channel]
    [[unroll]] for (uint n = 0u; n < ROWS * BATCH; ++n) {
        sums[n] = 0.0;
    }
    [[dont_unroll]] for (uint chunk = 0u; chunk < chunks; ++chunk) {
        uint words[BATCH][RAW_WORDS];
        [[unroll]] for (uint b = 0u; b < BATCH; ++b) {
            [[unroll]] for (uint n = 0u; n < RAW_WORDS; ++n) {
                words[b][n] = n < VALUE_WORDS ? value_word(b, n % VALUE_WORDS) : 0u;
            }
        }
        if (chunk + 1u < chunks) {
            load_values(tile, first, (chunk + 1u) * VALUE_WORDS);
        }
        [[unroll]] for (uint c = 0u; c < quads; ++c) {
            vec4 values[BATCH];
            [[unroll]] for (uint b = 0u; b < BATCH; ++b) {
                values[b] = four_values(VALUE_BITS, c, words[b]);
            }
            [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
                const vec4 w = uintBitsToFloat(shared_weights[team_row(r) * 32u + chunk * quads + c]);
                [[unroll]] for (uint b = 0u; b < BATCH; ++b) {
                    sums[r * BATCH + b] += dot(w, values[b]);
                }
            }
        }
    }
    [[unroll]] for (uint b = 0u; b < BATCH; ++b) {
        bool finite = true;
        [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
            finite = finite && is_finite(sums[r * BATCH + b]);
        }
        if (has_channel(first + b)) {
            if (VALUE_BITS == 16u && !finite) {
                add_channel_seen(tile, first + b);
            } else {
                [[unroll]] for (uint r = 0u; r < ROWS; ++r) {
                    update_result(first + b, r, shared_correction[team_row(r)], sums[r * BATCH + b]);
                }
            }
        }
    }
}

// What add_values wants first from memory.
void load_first_values(uint tile) {
    load_values(tile, 0u, 0u);
}

void add_values(uint tile) {
    [[dont_unroll]] for (uint first = 0u; first < LANE_CHANNELS; first += BATCH) {
        if (first > 0u) {
            load_values(tile, first, 0u);
        }
#ifdef OCTAVO_GROUP_SCALES
        if (CODED_VALUES) {
            add_values_coded(first);
        } else
#endif
        {
            add_values_float(tile, first);
        }
    }
}
#endif
