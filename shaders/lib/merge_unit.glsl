// A unit of four channels of a row from the partial results of its query tile. A lane finds maximum and sum of the row for
// itself: one way to memory and back, not two. Includer defines VALUE_PAD, shared float rows[], row_max[], row_sum[], the
// buffers vec2 scratch2[], vec4 scratch4[], and what arrivals.glsl wants.
#ifndef OCTAVO_MERGE_UNIT_GLSL
#define OCTAVO_MERGE_UNIT_GLSL

const uint PARTIALS_AT_ONCE = 8u; // loads first, so that they overlap

// Partial results group, group + groups, .. of a unit: their sum relative to 2^largest.
vec4 merge_unit(octavo_query_tile tile, uint unit, uint group, const uint groups, out float largest, out float sum) {
    const uint stride = push.head_count * ROWS, first_row = partial_row(tile.partial_first, unit / (VALUE_PAD / 4u));
    const uint sum_at = push.sum_offset / 2u + first_row;
    const uint output_at = (push.output_offset + first_row * VALUE_PAD) / 4u + unit % (VALUE_PAD / 4u);
    vec4 x = vec4(0.0);
    largest = UNSEEN;
    sum = 0.0;
    [[dont_unroll]] for (uint first = group; first < tile.partial_count; first += PARTIALS_AT_ONCE * groups) {
        vec4 values[PARTIALS_AT_ONCE];
        vec2 sums[PARTIALS_AT_ONCE]; // with the maximum before
        [[unroll]] for (uint j = 0u; j < PARTIALS_AT_ONCE; ++j) {
            const uint p = min(first + j * groups, tile.partial_count - 1u) * stride;
            values[j] = scratch4[output_at + p * (VALUE_PAD / 4u)];
            sums[j] = scratch2[sum_at + p];
        }
        float new_max = largest;
        [[unroll]] for (uint j = 0u; j < PARTIALS_AT_ONCE; ++j) {
            new_max = max(new_max, sums[j].x); // a last one again changes nothing
        }
        const float correction = exp2(largest - new_max);
        x *= correction;
        sum *= correction;
        largest = new_max;
        [[unroll]] for (uint j = 0u; j < PARTIALS_AT_ONCE; ++j) {
            const float factor = first + j * groups < tile.partial_count ? exp2(sums[j].x - largest) : 0.0;
            x += factor * values[j];
            sum += factor * sums[j].y;
        }
    }
    return x;
}

void store_unit(uint unit, vec4 x, float largest, float sum) {
    [[unroll]] for (uint c = 0u; c < 4u; ++c) {
        rows[4u * unit + c] = x[c];
    }
    if (unit % (VALUE_PAD / 4u) == 0u) {
        row_max[unit / (VALUE_PAD / 4u)] = largest;
        row_sum[unit / (VALUE_PAD / 4u)] = sum;
    }
}
#endif
