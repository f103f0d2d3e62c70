// Where things lie in a page, in words (see runtime/format/packed_layout.h). Needs the specialisation constants.
#ifndef OCTAVO_PAGE_LAYOUT_GLSL
#define OCTAVO_PAGE_LAYOUT_GLSL
layout(constant_id = OCTAVO_SPEC_KEY_BITS) const uint KEY_BITS = 3;
layout(constant_id = OCTAVO_SPEC_VALUE_BITS) const uint VALUE_BITS = 3;
layout(constant_id = OCTAVO_SPEC_KEY_PAD) const uint KEY_PAD = 128;
layout(constant_id = OCTAVO_SPEC_VALUE_PAD) const uint VALUE_PAD = 128;

const uint KEY_ROW_WORDS = KEY_PAD * KEY_BITS / 32u;
const uint VALUE_ROW_WORDS = 4u * VALUE_BITS;
const uint VALUE_TILE = OCTAVO_TILE_TOKENS * KEY_ROW_WORDS;
const uint SCALES = VALUE_TILE + VALUE_PAD * VALUE_ROW_WORDS;
const uint HEAD_WORDS = SCALES + OCTAVO_TILE_TOKENS;
const uint WINDOW_KEY_WORDS = KEY_PAD / 2u;
const uint WINDOW_HEAD_WORDS = (KEY_PAD + VALUE_PAD) / 2u;

// Word w of row `row` in a tile of `rows` rows: word planes.
uint tile_word(const uint rows, uint row, uint w) {
    return w * rows + row;
}
#endif
