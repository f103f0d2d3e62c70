// Tiles of keys and values as operands of matrix products (see fragments.glsl), in the order in which a subgroup loads them:
// an operand unit is eight times 16 bytes of each of 32 lanes. A tile of 128 tokens of one head is four steps of 32 tokens,
// each KEY_UNITS of keys (64 channels a unit) and VALUE_UNITS of values (64 channels a unit). In a quad of lane 4 g + t:
//   keys, quad 2 s + p of a unit: channels 16 s + 2 t and the next (x, z), the same + 8 (y, w) of the tokens 16 p + g (x, y)
//     and 16 p + 8 + g (z, w)
//   values, quad 2 n + k: tokens 16 k + 2 t and the next (x, z), the same + 8 (y, w) of the channels 16 n + g (x, y) and
//     16 n + 8 + g (z, w)
// Both are rows (a token, a channel) of pairs of f16. Query operands are 16 rows, a unit for each 128 channels, quad s:
// channels 16 s + 2 t and the next (x, y), the same + 8 (z, w) of the rows g (x, z) and g + 8 (y, w).
#ifndef OCTAVO_OPERAND_LAYOUT_GLSL
#define OCTAVO_OPERAND_LAYOUT_GLSL

const uint UNIT_WORDS = OCTAVO_OPERAND_UNIT_WORDS;
const uint STEP_TOKENS = 32u, TILE_STEPS = OCTAVO_TILE_TOKENS / STEP_TOKENS;
const uint KEY_UNITS = (KEY_PAD + 63u) / 64u, VALUE_UNITS = (VALUE_PAD + 63u) / 64u;
const uint STEP_UNITS = KEY_UNITS + VALUE_UNITS, OPERAND_TILE_UNITS = TILE_STEPS * STEP_UNITS;
const uint QUERY_UNITS = (KEY_PAD + 127u) / 128u;

struct operand_unit {
    uvec4 quads[8][32];
};

// Word of a pair (of 16 a step of both) in quads of rows of pairs: `quad` of the first 16 rows, `row` of 16.
uint operand_word(uint quad, uint row, uint pair) {
    return (quad * 32u + 4u * (row & 7u) + (pair & 3u)) * 4u + 2u * (row >> 3) + ((pair >> 2) & 1u);
}

// Of a tile: the word of channels 2 pair and 2 pair + 1 of a token.
uint key_operand_word(uint token, uint pair) {
    const uint tile_step = token / STEP_TOKENS, row = token % STEP_TOKENS, s = pair >> 3;
    return (tile_step * STEP_UNITS + (s >> 2)) * UNIT_WORDS + operand_word(2u * (s & 3u) + (row >> 4), row & 15u, pair & 7u);
}

// Of word `word` of a step's values: its channel, and its tokens 2 pair and 2 pair + 1 of the step.
void value_operand_place(uint word, out uint channel, out uint pair) {
    const uint quad = word >> 7;
    channel = 16u * (quad >> 1) + (word >> 4 & 7u) + 4u * (word & 2u);
    pair = (word >> 2 & 3u) | (word & 1u) << 2 | (quad & 1u) << 3;
}
#endif
