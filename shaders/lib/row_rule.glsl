// What the logits of a row go through, whichever walk has them. Includer has mask.glsl, the block push, and shared
// shared_row_scale[], shared_row_mean[], shared_row_place[], and the constant LOGITS.
#ifndef OCTAVO_ROW_RULE_GLSL
#define OCTAVO_ROW_RULE_GLSL

#include "softcap.glsl"

struct row_rule {
    float scale, mean;
    int position;
    bool empty; // sees no key by the mask
};

row_rule load_rule(uint row) {
    row_rule rule;
    rule.scale = shared_row_scale[row];
    rule.mean = shared_row_mean[row];
    rule.position = shared_row_place[row].x;
    rule.empty = shared_row_place[row].y != 0;
    return rule;
}

bool row_sees(row_rule rule, uint token) {
    return rule.empty ? mask_empty_mode(push.mask) != 0u : mask_sees(push.mask, rule.position, token);
}

// The soft-cap and the rule of rows that see nothing; x is in units of log2, or of the cap where there is one.
float finish_logit(row_rule rule, float x) {
    if ((LOGITS & OCTAVO_LOGITS_SOFTCAP) != 0u && push.softcap > 0.0) {
        x = soft_capped(push.softcap, x);
    }
    return (LOGITS & OCTAVO_LOGITS_UNIFORM) != 0u && rule.empty && mask_empty_mode(push.mask) == 2u ? 0.0 : x;
}

bool is_finite(float x) {
    return (floatBitsToUint(x) & 0x7f800000u) != 0x7f800000u;
}

bool half_is_finite(uint h) {
    return (h & 0x7c00u) != 0x7c00u;
}

float largest_of(vec4 x) {
    return max(max(x.x, x.y), max(x.z, x.w));
}
#endif
