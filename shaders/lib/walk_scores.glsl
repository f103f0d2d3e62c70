// Part of walk.comp: dots of the keys of a quad of tokens with the rows of a lane group, into shared_logits.
#ifndef OCTAVO_WALK_SCORES_GLSL
#define OCTAVO_WALK_SCORES_GLSL

uint load_word(uint tile, const uint rows, uint row, uint w) {
    return pool[tile + tile_word(rows, row, w)];
}

// Groups of 32 channels, and of 32 tokens, whose words are in registers at once. In f32 one is on its way while the one
// before is multiplied.
#ifdef OCTAVO_GROUP_SCALES
const uint WORD_GROUPS = 4u;
#else
const uint WORD_GROUPS = 1u;
#endif
const uint RAW_WORDS = 8u; // of f16 at once: 16 channels, or tokens
const uint CHUNK_GROUPS = KEY_PAD / 32u < WORD_GROUPS ? KEY_PAD / 32u : WORD_GROUPS;
const uint CHUNK_WORDS = KEY_BITS == 16u ? RAW_WORDS : CHUNK_GROUPS * KEY_BITS;
const uint CHUNKS = (KEY_ROW_WORDS + CHUNK_WORDS - 1u) / CHUNK_WORDS;

uint key_words[CHUNK_WORDS * TOKENS]; // [word][token]

// Words first_word .. + CHUNK_WORDS of TOKENS neighbour tokens; those at or beyond the row's end are 0.
void load_key_words(uint tile, uint token, uint first_word) {
    [[unroll]] for (uint n = 0u; n < CHUNK_WORDS; ++n) {
        const uint w = first_word + n, at = tile + tile_word(OCTAVO_TILE_TOKENS, token, w);
        uvec4 words = uvec4(0u);
        if (KEY_ROW_WORDS % CHUNK_WORDS == 0u || w < KEY_ROW_WORDS) {
            if (TOKENS == 4u) {
                words = pool4[at >> 2];
            } else if (TOKENS == 2u) {
                words.xy = pool2[at >> 1];
            } else {
                words.x = pool[at];
            }
        }
        [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
            key_words[n * TOKENS + t] = words[t & 3u];
        }
    }
}

uint key_word(const uint w, const uint t) {
    return key_words[w * TOKENS + t];
}

#ifdef OCTAVO_INT_DOT
uint key_codes[TOKENS * CHUNK_GROUPS * 8u]; // [token][group][word of codes]

// Of what load_key_words left; of a group beyond the last: 0.
void unpack_keys() {
    [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
        [[unroll]] for (uint g = 0u; g < CHUNK_GROUPS; ++g) {
            const uint w = g * KEY_BITS;
            const uint w2 = KEY_BITS > 2u ? key_word(w + 2u, t) : 0u, w3 = KEY_BITS > 3u ? key_word(w + 3u, t) : 0u;
            [[unroll]] for (uint c = 0u; c < 8u; ++c) {
                key_codes[(t * CHUNK_GROUPS + g) * 8u + c] =
                    codes_of(KEY_BITS, c, key_word(w, t), key_word(w + 1u, t), w2, w3);
            }
        }
    }
}

// Few rows have their sums, and those of both parts, in registers at once; more are taken one by one, part by part.
const bool FEW_ROWS = LANE_ROWS <= 2u;
const uint SCORE_ROWS = FEW_ROWS ? LANE_ROWS : 1u;
const uint SCORE_PARTS = FEW_ROWS ? PARTS : 1u;
const uint SCORE_SUMS = SCORE_ROWS * SCORE_PARTS;

int score_sums[SCORE_SUMS * TOKENS]; // [row][part][token]

// Adds the dots of key_codes with the parts part_first .. + SCORE_PARTS of rows k_first .. + SCORE_ROWS of this lane.
void add_scores(uint k_first, uint part_first, uint chunk) {
    [[unroll]] for (uint i = 0u; i < CHUNK_GROUPS * 2u; ++i) {
        [[unroll]] for (uint n = 0u; n < SCORE_SUMS; ++n) {
            const uint part = part_first + n % SCORE_PARTS;
            const uint query_at = row_of(k_first + n / SCORE_PARTS) * QUERY_WORDS + part * (KEY_PAD / 4u);
            const uvec4 q = shared_query[query_at / 4u + chunk * 8u + i];
            [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
                [[unroll]] for (uint c = 0u; c < 4u; ++c) {
                    const uint at = n * TOKENS + t;
                    score_sums[at] = dot_s8(key_codes[t * CHUNK_GROUPS * 8u + i * 4u + c], q[c], score_sums[at]);
                }
            }
        }
    }
}

// Dots of key_codes with the rows k_first .. + SCORE_ROWS of this lane.
void score_rows(uint k_first, uint quad, uint first, uint chunk) {
    [[unroll]] for (uint n = 0u; n < SCORE_SUMS * TOKENS; ++n) {
        score_sums[n] = 0;
    }
    if (SCORE_PARTS == PARTS) {
        add_scores(k_first, 0u, chunk);
    } else {
        [[dont_unroll]] for (uint part = 0u; part < PARTS; ++part) {
            [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
                score_sums[t] *= 128; // the low part counts once, the high part 128 times
            }
            add_scores(k_first, part, chunk);
        }
    }
    [[unroll]] for (uint k = 0u; k < SCORE_ROWS; ++k) {
        const uint at = team_row(row_of(k_first + k)) * 32u + quad;
        uvec4 x = uvec4(0u);
        [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
            const int high = score_sums[k * SCORE_PARTS * TOKENS + t];
            const int low = score_sums[(k * SCORE_PARTS + SCORE_PARTS - 1u) * TOKENS + t];
            x[t] = uint(SCORE_PARTS == 1u ? high : 128 * high + low);
        }
        if (TOKENS == 4u) {
            shared_logits[at] = chunk > 0u ? shared_logits[at] + x : x;
        } else {
            [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
                shared_logits[at][first + t] = chunk > 0u ? shared_logits[at][first + t] + x[t] : x[t];
            }
        }
    }
}

// Integer dots of the codes of tokens 4 quad + first .. + TOKENS with the query.
void score_int(uint base, uint quad, uint first) {
    [[dont_unroll]] for (uint chunk = 0u; chunk < CHUNKS; ++chunk) {
        if (!PIPELINED) {
            load_key_words(base, 4u * quad + first, chunk * CHUNK_WORDS);
        }
        unpack_keys();
        if (SCORE_ROWS == LANE_ROWS) {
            score_rows(0u, quad, first, chunk);
        } else {
            [[dont_unroll]] for (uint k = 0u; k < LANE_ROWS; k += SCORE_ROWS) {
                score_rows(k, quad, first, chunk);
            }
        }
    }
}
#endif

#ifdef OCTAVO_HALF
// Dots of the levels of tokens 4 quad + first .. + TOKENS with the query.
void score_half(uint tile, uint quad, uint first) {
    float sums[LANE_ROWS * TOKENS]; // [row][token]
    [[unroll]] for (uint n = 0u; n < LANE_ROWS * TOKENS; ++n) {
        sums[n] = 0.0;
    }
    [[dont_unroll]] for (uint chunk = 0u; chunk < CHUNKS; ++chunk) {
        load_key_words(tile, 4u * quad + first, chunk * CHUNK_WORDS);
        [[unroll]] for (uint i = 0u; i < CHUNK_GROUPS; ++i) {
            const uint g = chunk * CHUNK_GROUPS + i;
            if (KEY_PAD / 32u % CHUNK_GROUPS != 0u && g >= KEY_PAD / 32u) {
                continue;
            }
            half_eight levels[TOKENS * 4u]; // [token][eight channels]
            [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
                uint words[4];
                [[unroll]] for (uint n = 0u; n < 4u; ++n) {
                    words[n] = n < KEY_BITS ? key_word(i * KEY_BITS + n, t) : 0u;
                }
                [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                    levels[t * 4u + j] = eight_levels(KEY_BITS, j, words);
                }
            }
            [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
                [[unroll]] for (uint j = 0u; j < 4u; ++j) {
                    const half_eight q = unpack_eight(shared_query[row_of(k) * QUERY_WORDS / 4u + g * 4u + j]);
                    [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
                        sums[k * TOKENS + t] += sum_of_pair(add_products(levels[t * 4u + j], q, f16vec2(0.0)));
                    }
                }
            }
        }
    }
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
            shared_logits[team_row(row_of(k)) * 32u + quad][first + t] = floatBitsToUint(sums[k * TOKENS + t]);
        }
    }
}
#endif

// Values 4 c .. 4 c + 3 of some words in f32: the levels of a group of codes, or f16 values.
vec4 four_values(const uint bits, const uint c, const uint words[RAW_WORDS]) {
    if (bits == 16u) {
        return vec4(unpackHalf2x16(words[(2u * c) % RAW_WORDS]), unpackHalf2x16(words[(2u * c + 1u) % RAW_WORDS]));
    }
    const float zero = float((1u << (bits & 15u)) - 1u) * 0.5;
    return levels_of(codes_of(bits, c, words[0], words[1], words[2], words[3]), zero);
}

// The same in f32: dots of levels (or f16 values) with the query.
void score_float(uint tile, uint quad, uint first) {
    const uint quads = KEY_BITS == 16u ? RAW_WORDS / 2u : 8u; // of channels in a chunk
    const uint token = 4u * quad + first;
    float sums[LANE_ROWS * TOKENS]; // [row][token]
    [[unroll]] for (uint n = 0u; n < LANE_ROWS * TOKENS; ++n) {
        sums[n] = 0.0;
    }
    load_key_words(tile, token, 0u);
    [[dont_unroll]] for (uint chunk = 0u; chunk < CHUNKS; ++chunk) {
        uint words[TOKENS][RAW_WORDS];
        [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
            [[unroll]] for (uint n = 0u; n < RAW_WORDS; ++n) {
                words[t][n] = n < CHUNK_WORDS ? key_word(n % CHUNK_WORDS, t) : 0u;
            }
        }
        if (chunk + 1u < CHUNKS) {
            load_key_words(tile, token, (chunk + 1u) * CHUNK_WORDS);
        }
        [[unroll]] for (uint c = 0u; c < quads; ++c) {
            vec4 key[TOKENS];
            [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
                key[t] = four_values(KEY_BITS, c, words[t]);
            }
            [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
                const vec4 q = uintBitsToFloat(shared_query[row_of(k) * (KEY_PAD / 4u) + chunk * quads + c]);
                [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
                    sums[k * TOKENS + t] += dot(key[t], q);
                }
            }
        }
    }
    [[unroll]] for (uint k = 0u; k < LANE_ROWS; ++k) {
        [[unroll]] for (uint t = 0u; t < TOKENS; ++t) {
            shared_logits[team_row(row_of(k)) * 32u + quad][first + t] = floatBitsToUint(sums[k * TOKENS + t]);
        }
    }
}
#endif
