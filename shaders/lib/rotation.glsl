// R = (C_m x H_2^k) diag(signs) on rows in shared memory, but not in the order of operations of runtime/format/rotation.c: for
// queries and outputs, which need no agreement to the bit. R is mix_rows of rows whose channels were multiplied by
// signed_scale; its inverse is mix_rows, and then those factors. Includer defines shared float rows[] (row after row, d'
// channels each) and mix_barrier(), of the lanes that mix.
#ifndef OCTAVO_ROTATION_GLSL
#define OCTAVO_ROTATION_GLSL

#include "lib/rotation_parts.glsl"

// C_m x H without its scale on `count` rows from rows[first] on, of a constant number of channels; this is lane `own` of
// `lanes`. Barriers inside: the lanes call it together, with the rows written and a barrier passed; all see them when it
// returns.
void mix_rows(const uint channels, uint count, uint first, uint own, const uint lanes) {
    const uint hadamard = hadamard_size(channels), hartley = channels / hadamard;
    [[dont_unroll]] for (uint h = 1u; 4u * h <= hadamard; h *= 4u) { // two stages at once
        [[dont_unroll]] for (uint i = own; i < count * channels / 4u; i += lanes) {
            const uint at = first + i + 3u * (i & ~(h - 1u));
            const float a = rows[at], b = rows[at + h], c = rows[at + 2u * h], d = rows[at + 3u * h];
            rows[at] = (a + b) + (c + d);
            rows[at + h] = (a - b) + (c - d);
            rows[at + 2u * h] = (a + b) - (c + d);
            rows[at + 3u * h] = (a - b) - (c - d);
        }
        mix_barrier();
    }
    if (hadamard == 32u || hadamard == 128u) { // a last stage
        const uint h = hadamard / 2u;
        [[dont_unroll]] for (uint i = own; i < count * channels / 2u; i += lanes) {
            const uint at = first + i + (i & ~(h - 1u));
            const float low = rows[at], high = rows[at + h];
            rows[at] = low + high;
            rows[at + h] = low - high;
        }
        mix_barrier();
    }
    if (hartley > 1u) {
        for (uint i = own; i < count * hadamard; i += lanes) {
            const uint at = first + (i / hadamard) * channels + i % hadamard;
            float x[7];
            for (uint a = 0u; a < hartley; ++a) {
                x[a] = rows[at + a * hadamard];
            }
            for (uint b = 0u; b < hartley; ++b) {
                float sum = 0.0;
                for (uint a = 0u; a < hartley; ++a) {
                    sum += hartley_entry(hartley, b, a) * x[a];
                }
                rows[at + b * hadamard] = sum;
            }
        }
        mix_barrier();
    }
}

// Channels `channel` and the next of a row that begins at rows[first], mixed before: of the inverse of R.
vec2 rotated_back(const uint channels, uint seed, uint first, uint channel) {
    return vec2(rows[first + channel] * signed_scale(channels, seed, channel),
                rows[first + channel + 1u] * signed_scale(channels, seed, channel + 1u));
}
#endif
