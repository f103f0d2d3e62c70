// Elements of a caller's tensor, seen as words.
#ifndef OCTAVO_ELEMENTS_GLSL
#define OCTAVO_ELEMENTS_GLSL

// The word that holds element `index`.
uint element_word(uint type, uint index) {
    return type == OCTAVO_ELEMENT_F32 ? index : index >> 1;
}

float element_value(uint type, uint index, uint word) {
    if (type == OCTAVO_ELEMENT_F32) {
        return uintBitsToFloat(word);
    }
    const uint half_word = (index & 1u) == 0u ? word & 0xffffu : word >> 16;
    return type == OCTAVO_ELEMENT_F16 ? unpackHalf2x16(half_word).x : uintBitsToFloat(half_word << 16);
}
#endif
