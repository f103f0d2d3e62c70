// Which keys a row sees: the twin of runtime/mask/visibility.h. p may be negative; j is a key's position.
#ifndef OCTAVO_MASK_GLSL
#define OCTAVO_MASK_GLSL

bool mask_sees(octavo_mask_push mask, int p, uint j) {
    const bool causal = (mask.flags & OCTAVO_WALK_CAUSAL) != 0u;
    const int distance = p - int(j);
    const bool in_window = mask.window == 0u || j < mask.sink ||
                           (causal ? distance < int(mask.window) : abs(distance) < int(mask.window));
    return j < mask.prefix || ((!causal || distance >= 0) && in_window);
}

// Bits j < 4 with first + j < end.
uint mask_below(int end, uint first) {
    return (1u << uint(clamp(end - int(first), 0, 4))) - 1u;
}

// mask_sees of the keys first .. first + 3: bit j is key first + j.
uint mask_sees_four(octavo_mask_push mask, int p, uint first) {
    const bool causal = (mask.flags & OCTAVO_WALK_CAUSAL) != 0u;
    uint seen = causal ? mask_below(p + 1, first) : 15u;
    if (mask.window != 0u) {
        const int window = int(mask.window);
        const uint near = ~mask_below(p - window + 1, first) & (causal ? 15u : mask_below(p + window, first));
        seen &= near | mask_below(int(min(mask.sink, 0x7fffffffu)), first);
    }
    return seen | mask_below(int(min(mask.prefix, 0x7fffffffu)), first);
}

// Whether a row sees none of key_count keys.
bool mask_row_is_empty(octavo_mask_push mask, int p, uint key_count) {
    if (key_count == 0u || mask.prefix > 0u) {
        return key_count == 0u;
    }
    const bool causal = (mask.flags & OCTAVO_WALK_CAUSAL) != 0u;
    if (causal && p < 0) {
        return true;
    }
    if (mask.window == 0u || mask.sink > 0u) {
        return false;
    }
    const int window = int(mask.window);
    return causal ? p - window >= int(key_count) - 1 : (p <= -window || p - window >= int(key_count) - 1);
}

uint mask_empty_mode(octavo_mask_push mask) {
    return mask.flags >> OCTAVO_WALK_EMPTY_SHIFT;
}

// The keys that a row sees, as positions: those below `head` and those of [first, end).
struct mask_span {
    int first, end, head;
};

bool span_has(mask_span span, int j) {
    return j < span.head || (j >= span.first && j < span.end);
}

// Bits j < 4: it has first + j.
uint span_four(mask_span span, uint first) {
    return (mask_below(span.end, first) & ~mask_below(span.first, first)) | mask_below(span.head, first);
}

// Whether it has any of [begin, end).
bool span_meets(mask_span span, int begin, int end) {
    return begin < span.head || max(begin, span.first) < min(end, span.end);
}

// Of a row of position p that may see keys below key_count, by mask_sees and the rule of empty rows; relative to `base`.
mask_span mask_span_of(octavo_mask_push mask, int p, uint key_count, uint base) {
    const bool causal = (mask.flags & OCTAVO_WALK_CAUSAL) != 0u;
    const int count = int(key_count), window = int(min(mask.window, 0x3fffffffu)); // beyond any position
    mask_span span = mask_span(0, causal ? min(p + 1, count) : count, 0);
    if (window != 0) {
        span.head = min(int(min(mask.sink, 0x7fffffffu)), span.end);
        span.first = p - window + 1;
        span.end = min(span.end, p + window); // of a causal row p + 1 is below
    }
    span.head = max(span.head, min(int(min(mask.prefix, 0x7fffffffu)), count));
    if (span.head <= 0 && max(span.first, 0) >= span.end) {
        span = mask_span(0, mask_empty_mode(mask) != 0u ? count : 0, 0);
    }
    return mask_span(span.first - int(base), span.end - int(base), span.head - int(base));
}
#endif
