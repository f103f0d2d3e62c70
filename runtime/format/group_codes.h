/* The bits of a group of 32 values. group_codes.c is the only C file that knows them (and one GLSL file).
 *
 * Value i = 4 c + lane lies in byte `lane` (0 lowest) of the group's words. Of 3 bits: codes c = 0, 1 in bits 0-2, 3-5
 * of word 0; 2, 3 in word 1; 4, 5 in word 2; code 6 = bits 6, 7 of word 0, and bit 6 of word 1 as its highest; code 7 =
 * bits 6, 7 of word 2, and bit 7 of word 1. Of 2 bits: code c in word c / 4 at bits 2 (c mod 4). Of 4 bits: word c / 2
 * at bits 4 (c mod 2). 16 bits: values 2 w (low half) and 2 w + 1 in word w. */
#ifndef OCTAVO_FORMAT_GROUP_CODES_H
#define OCTAVO_FORMAT_GROUP_CODES_H

#include <stdint.h>

/* bits: 2, 3, 4 or 16. A group has `bits` words; index < 32. For 16 bits a code is the bits of an f16. */
uint32_t octavo_format_group_get(const uint32_t *words, uint32_t bits, uint32_t index);
void octavo_format_group_set(uint32_t *words, uint32_t bits, uint32_t index, uint32_t code);
void octavo_format_group_pack(const uint16_t codes[32], uint32_t bits, uint32_t *words);
void octavo_format_group_unpack(const uint32_t *words, uint32_t bits, uint16_t codes[32]);

#endif
