// One query row in the registers of a subgroup of 32 lanes (lane l has the channels l, l + 32, ..), from the caller's tensor
// into the basis of the codes. Includer defines KEY_PAD, uint head, shared uint row_token[], row_head[], shared float rows[],
// the buffers uint queries[] and float records[], row_registers.glsl.
#ifndef OCTAVO_QUERY_REGISTERS_GLSL
#define OCTAVO_QUERY_REGISTERS_GLSL

void read_row(uint r, bool exists, out float x[ROW_REGISTERS_MAX]) {
    const uint element = OCTAVO_ATTENTION_QUERY_ELEMENT(push.flags);
    const uint first = row_token[r] * push.query_token_stride + row_head[r] * push.query_head_stride;
    UNROLL for (uint k = 0u; k < KEY_PAD / 32u; ++k) {
        const uint channel = 32u * k + lane_in_subgroup();
        const bool inside = exists && channel < push.key_dim;
        x[k] = inside ? element_value(element, first + channel, queries[element_word(element, first + channel)]) : 0.0;
    }
}

float dot_mean(octavo_sequence_record sequence, float x[ROW_REGISTERS_MAX]) {
    float sum = 0.0;
    UNROLL for (uint k = 0u; k < KEY_PAD / 32u; ++k) {
        sum += x[k] * records[sequence.record + head * KEY_PAD + 32u * k + lane_in_subgroup()];
    }
    return subgroup_sum(sum);
}

// T^-T of the codec record; uses rows[at .. at + KEY_PAD - 1].
void transform_row(octavo_sequence_record sequence, uint at, inout float x[ROW_REGISTERS_MAX]) {
    // after the means and the transforms of the keys
    const uint matrix = sequence.record + push.head_count * KEY_PAD * (1u + KEY_PAD) + head * KEY_PAD * KEY_PAD;
    UNROLL for (uint k = 0u; k < KEY_PAD / 32u; ++k) {
        rows[at + 32u * k + lane_in_subgroup()] = x[k];
        x[k] = 0.0;
    }
    team_sync();
    [[dont_unroll]] for (uint j = 0u; j < KEY_PAD; ++j) {
        const float q = rows[at + j];
        UNROLL for (uint k = 0u; k < KEY_PAD / 32u; ++k) {
            x[k] += records[matrix + (32u * k + lane_in_subgroup()) * KEY_PAD + j] * q;
        }
    }
    team_sync();
}

// Reads row r, takes it into the basis of the codes; returns what the mean of K adds to its dots. `at`: as above.
float prepare_row(octavo_sequence_record sequence, uint r, bool exists, uint at, out float x[ROW_REGISTERS_MAX]) {
    float mean = 0.0;
    read_row(r, exists, x);
    if ((sequence.record_flags & OCTAVO_ROTATE_HAS_MEAN) != 0u) {
        mean = dot_mean(sequence, x);
    }
    if ((sequence.record_flags & OCTAVO_ROTATE_HAS_TRANSFORM) != 0u) {
        transform_row(sequence, at, x);
    } else if ((sequence.record_flags & OCTAVO_ROTATE_RAW) == 0u) {
        flip_registers(KEY_PAD, sequence.seed, x);
        mix_registers(KEY_PAD, x);
    }
    return mean;
}
#endif
