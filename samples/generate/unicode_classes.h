/* The three Unicode classes that byte-level BPE pretokenizers split on. */
#ifndef OCTAVO_UNICODE_CLASSES_H
#define OCTAVO_UNICODE_CLASSES_H

#include <stdint.h>

typedef enum octavo_unicode_class {
    OCTAVO_UNICODE_LETTER,     /* \p{L} */
    OCTAVO_UNICODE_NUMBER,     /* \p{N} */
    OCTAVO_UNICODE_WHITESPACE, /* \s, the property White_Space */
    OCTAVO_UNICODE_OTHER
} octavo_unicode_class;

octavo_unicode_class octavo_unicode_class_of(uint32_t code_point);

#endif
