// Part of append.comp: rows of the caller's tensors, less the mean of the codec record.
#ifndef OCTAVO_APPEND_LOAD_GLSL
#define OCTAVO_APPEND_LOAD_GLSL

shared float means[CHANNELS];

uint tensor_word(bool values, uint at) {
#ifdef OCTAVO_APPEND_PAIR
    if (values) {
        return value_tensor[at];
    }
#endif
    return tensor[at];
}

// RUN words, all of them from a place that is a multiple of RUN; the rest is 0.
uvec4 tensor_run(bool values, uint at) {
    uvec4 words = uvec4(0u);
    if (RUN == 4u) {
#ifdef OCTAVO_APPEND_PAIR
        if (values) {
            return value_tensor_fours[at / 4u];
        }
#endif
        return fours[at / 4u];
    }
    if (RUN == 2u) {
#ifdef OCTAVO_APPEND_PAIR
        if (values) {
            words.xy = value_tensor_twos[at / 2u];
            return words;
        }
#endif
        words.xy = twos[at / 2u];
        return words;
    }
    words.x = tensor_word(values, at);
    return words;
}

// 0 for what is not there.
float tensor_value(uint token, uint channel) {
    const bool there = token < count && channel < dim;
    const uint at = there ? tensor_at + token * token_stride + channel : 0u;
    const float value = element_value(element, at, tensor_word(of_values, element_word(element, at)));
    return there ? value : 0.0;
}

// Whether the tensor has the channel of x[i]; CHANNELS is dim rounded up to whole 32.
bool has_channel(uint i) {
    return i + CHAINS < OWN || own_channel(i) < dim;
}

// Into x[], a row that begins with element `at`: at a whole word. A run of f32 comes by one load, if it can. Which tensor is
// decided once for all.
void load_words(const bool values, uint at) {
    if (element == OCTAVO_ELEMENT_F32 && has_runs) {
        [[unroll]] for (uint i = 0u; i < OWN; i += RUN) {
            const uvec4 run = has_channel(i) ? tensor_run(values, at + own_channel(i)) : uvec4(0u);
            [[unroll]] for (uint n = 0u; n < RUN; ++n) {
                x[i + n] = uintBitsToFloat(run[n]);
            }
        }
        return;
    }
    if (element == OCTAVO_ELEMENT_F32) {
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            x[i] = has_channel(i) ? uintBitsToFloat(tensor_word(values, at + own_channel(i))) : 0.0;
        }
        return;
    }
    [[unroll]] for (uint i = 0u; i < OWN; i += WORD_RUN) {
        const uint last = i + WORD_RUN - 1u;
        const uint word = has_channel(i) ? tensor_word(values, (at + own_channel(i)) >> 1) : 0u;
        x[i] = element_value(element, own_channel(i), word);
        x[last] = has_channel(last) ? element_value(element, own_channel(last), word) : 0.0;
    }
}

// Into x[]; 0 for what is not there.
void load_row(uint token) {
    const uint at = tensor_at + token * token_stride;
    if (token >= count) {
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            x[i] = 0.0;
        }
        return;
    }
    if (of_values) {
        load_words(true, at);
    } else {
        load_words(false, at);
    }
    if (has_mean) {
        [[unroll]] for (uint i = 0u; i < OWN; ++i) {
            precise float centred = x[i] - means[own_channel(i)];
            x[i] = centred;
        }
    }
}

// Before a barrier.
void find_means() {
    for (uint channel = lane; has_mean && channel < CHANNELS; channel += LANES) {
        means[channel] = channel < dim ? records[lists[entry + 4u] + head * CHANNELS + channel] : 0.0;
    }
}
#endif
