// Part of append.comp: rows in the basis of the codes to codes in shared memory, by the quantiser of
// runtime/format/quantiser.h, whose numbers mark the steps. A row's lanes choose its step together: in rows[] they count
// magnitudes between the edges of all steps.
#ifndef OCTAVO_APPEND_CODES_GLSL
#define OCTAVO_APPEND_CODES_GLSL

const uint PAIRS = (CHANNELS + 63u) / 64u; // of 32 channels each
const uint CODE_STRIDE = 8u * PAIRS + 1u;  // words of a token
shared uint codes[32u * CODE_STRIDE]; // of the tokens of the group
shared vec2 quotients[32]; // as halves, the scales of the entry's tokens; special rows: not finite, 0 below

const uint OWN_STEPS = OCTAVO_STEP_COUNT / ROW_LANES;
const uint COUNT_SHIFT = 22u; // of a bin: sum of magnitudes, below 2^21, and their number above
const uint COUNT_ONE = 1u << COUNT_SHIFT;

// Of steps own, own + ROW_LANES, ..: the bins that begin at their edges, by their places in rows[]; where there are many
// edges by their bytes in the row, or DG2 spills.
const uint STEP_WORDS = STEP_EDGES > 4u ? 2u : STEP_EDGES;
uint step_bins[OWN_STEPS * STEP_WORDS];

void find_step_bins() {
    [[unroll]] for (uint n = 0u; n < OWN_STEPS; ++n) {
        const uint width = step_width(n * ROW_LANES + own);
        [[unroll]] for (uint t = 0u; t < STEP_EDGES; ++t) {
            const uint bin = ROW_LANES + edge_of(t + 1u, width) - FIRST_EDGE;
            if (STEP_WORDS == STEP_EDGES) {
                step_bins[n * STEP_WORDS + t] = row * ROW_STRIDE + bin;
            } else {
                const uint at = n * STEP_WORDS + t / 4u;
                step_bins[at] = (t % 4u == 0u ? 0u : step_bins[at]) | bin << (8u * (t % 4u));
            }
        }
    }
}

uint step_bin(uint bins_at, const uint n, const uint t) {
    return STEP_WORDS == STEP_EDGES ? step_bins[n * STEP_WORDS + t]
                                    : bins_at + (step_bins[n * STEP_WORDS + t / 4u] >> (8u * (t % 4u)) & 0xffu);
}

// 1. Of the row, from the chains of its lanes: neighbours first.
float sum_of_chains(float sums[4]) {
#ifdef OCTAVO_SUBGROUP
    [[unroll]] for (uint h = 1u; h < CHAINS; h *= 2u) {
        [[unroll]] for (uint k = 0u; k < CHAINS; k += 2u * h) {
            precise float both = sums[k] + sums[k + h];
            sums[k] = both;
        }
    }
    return row_sum(sums[0]);
#else
    precise float sum = row_sum(sums[0]) + row_sum(sums[1]); // chains own, own + 16
    return sum;
#endif
}

// 2., 3. x becomes t; of a special row 0, and 0 is returned.
float scale_row(float squares) {
    if (!row_works()) {
        return 0.0;
    }
    const bool special = is_not_finite(squares) || squares < OCTAVO_SQUARES_MIN;
    const float inverse = special ? 0.0 : find_inverse_rms(squares), factor = inverse * OCTAVO_MAGNITUDE_ONE;
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        precise float scaled = x[i] * factor;
        x[i] = scaled;
    }
    if (is_not_finite(squares)) {
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            x[i] = 0.0;
        }
    }
    return inverse;
}

// 5. Of step n of this lane, from the sums in the bins; below: of all magnitudes below all edges.
uint key_of_step(uint bins_at, uint below, uint n) {
    const uint all = below + rows[bins_at + ROW_LANES];
    uint inner = 0u, levels = 0u;
    [[unroll]] for (uint t = 0u; t < STEP_EDGES; ++t) {
        const uint above = rows[step_bin(bins_at, n, t)];
        inner += above & (COUNT_ONE - 1u);
        levels += (t + 1u) * (above >> COUNT_SHIFT);
    }
    return step_key(float((all & (COUNT_ONE - 1u)) + 2u * inner), float(CHANNELS + 8u * levels), n * ROW_LANES + own);
}

// Adds up the magnitudes of x[] between neighbour places of edges. A third of a row and more is below all edges: in one bin
// these would wait for each other.
void count_magnitudes(uint bins_at) {
    const int below_at = int(bins_at + own), first_at = int(bins_at + ROW_LANES) - int(MAGNITUDE_BITS + FIRST_EDGE);
    uint seen = 0u;
    [[unroll]] for (uint i = 0u; i < OWN; ++i) {
        const uint counted = magnitude_bits(x[i]) - (MAGNITUDE_BITS - COUNT_ONE);
        const int bin = min(bin_bits(x[i]), int(MAGNITUDE_BITS + LAST_EDGE));
        seen |= atomicAdd(rows[max(first_at + bin, below_at)], counted);
    }
    // No sum has all bits. Where old sums are of no use, NVIDIA's compiler compares the places of all lanes before each
    // atomic, to add up in registers what goes to one.
    if (seen == ~0u) {
        rows[below_at] = seen;
    }
}

// 5. The magnitudes of each row, counted and summed between neighbour edges; then each bin becomes the sum of itself and of
// all above.
uint choose_step() {
    const uint bins_at = row * ROW_STRIDE, own_bins = bins_at + ROW_LANES + own * OWN_BINS, below_at = bins_at + own;
    uint bins[OWN_BINS], sum = 0u, below = 0u, key = 0u;
    rows[below_at] = 0u;
    [[unroll]] for (uint i = 0u; i < OWN_BINS; ++i) {
        rows[own_bins + i] = 0u;
    }
    row_barrier();
    if (row_works()) {
        count_magnitudes(bins_at);
    }
    row_barrier();
    if (row_works()) {
        below = rows[below_at];
        [[unroll]] for (uint i = 0u; i < OWN_BINS; ++i) {
            bins[i] = rows[own_bins + i];
            sum += bins[i];
        }
    }
    below = row_sum(below);
    sum = row_sum_above(sum);
    if (row_works()) {
        [[unroll]] for (uint i = 0u; i < OWN_BINS; ++i) {
            const uint bin = OWN_BINS - 1u - i;
            sum += bins[bin];
            rows[own_bins + bin] = sum;
        }
    }
    row_barrier();
    if (row_works()) {
        [[unroll]] for (uint n = 0u; n < OWN_STEPS; ++n) {
            key = max(key, key_of_step(bins_at, below, n));
        }
    }
    return 15u - (row_largest(key) & 15u);
}

// Word c of a token's in pair p: a byte each, channels 64 p + 4 c .. and, in its high half, 32 further.
uint code_place(uint slot, uint p, uint c) {
    return slot * CODE_STRIDE + 8u * p + c;
}

// Of each chain of this lane the two codes, as one number: low + 16 high.
void put_codes(uint slot, const uint p, const float twos[4]) {
#ifdef OCTAVO_SUBGROUP
    const uint low = whole_bits(fma(twos[1], 256.0, twos[0])) & 0xffffu;
    if (RUN == 4u) {
        codes[code_place(slot, p, own)] = low | whole_bits(fma(twos[3], 256.0, twos[2])) << 16;
    } else {
        atomicOr(codes[code_place(slot, p, own / 2u)], low << (16u * (own % 2u)));
    }
#else
    [[unroll]] for (uint k = 0u; k < 2u; ++k) {
        atomicOr(codes[code_place(slot, p, 4u * k + own / 4u)], (whole_bits(twos[k]) & 0xffu) << (8u * (own % 4u)));
    }
#endif
}

// Before the first pass: where several lanes have a word, they add to it.
void clear_codes() {
    if (RUN != 4u) {
        for (uint i = lane; i < 32u * CODE_STRIDE; i += LANES) {
            codes[i] = 0u;
        }
    }
}

// 6. x becomes its levels. The sum of their squares is of quarters below 2^24 of them: exact in any order.
void find_codes(float squares, float inverse, float factor) {
    const uint slot = first % 32u + pass_first + row;
    float inner[4] = float[4](0.0, 0.0, 0.0, 0.0), levels = 0.0;
    if (row_works()) {
        [[unroll]] for (uint p = 0u; p < PAIRS; ++p) {
            float twos[4];
            [[unroll]] for (uint k = 0u; k < CHAINS; ++k) {
                twos[k] = 0.0;
                [[unroll]] for (uint n = 0u; n < 2u; ++n) {
                    const uint i = CHAINS * (2u * p + n) + k;
                    if (i < OWN) {
                        const float code = code_of(x[i], factor), level = code - 0.5 * float(LARGEST_CODE);
                        precise float product = x[i] * level;
                        precise float sum = inner[k] + product;
                        inner[k] = i < CHAINS ? product : sum;
                        x[i] = level;
                        twos[k] = n == 0u ? code : fma(code, 16.0, twos[k]);
                    }
                }
            }
            if (row_is_there) {
                put_codes(slot, p, twos);
            }
        }
    }
    const float row_inner = sum_of_chains(inner) * (1.0 / OCTAVO_MAGNITUDE_ONE);
    if (of_values) { // a key's scale needs none
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            levels = fma(x[i], x[i], levels);
        }
        levels = row_sum(levels);
    }
    precise float numerator = of_values ? row_inner : squares * inverse;
    precise float denominator = of_values ? inverse * levels : row_inner;
    if (own == 0u && row_is_there) {
        const vec2 quotient = vec2(numerator, inverse == 0.0 ? 0.0 : denominator);
        quotients[pass_first + row] = is_not_finite(squares) ? vec2(squares, 1.0) : quotient;
    }
}

void gather_codes(float squares) {
    const float inverse = scale_row(squares);
    const float factor = inverse_step(choose_step()) * (1.0 / OCTAVO_MAGNITUDE_ONE);
    find_codes(squares, inverse, factor);
    row_barrier();
}

// 7. A token's.
uint find_scale(vec2 quotient) {
    return is_not_finite(quotient.x) ? OCTAVO_SCALE_NAN : quotient.y == 0.0 ? 0u : half_quotient(quotient.x, quotient.y);
}
#endif
