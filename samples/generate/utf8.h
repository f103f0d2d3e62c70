/* UTF-8, one code point at a time. Overlong forms, surrogates and values above U+10FFFF are invalid. */
#ifndef OCTAVO_UTF8_H
#define OCTAVO_UTF8_H

#include <stddef.h>
#include <stdint.h>

typedef enum octavo_utf8_status {
    OCTAVO_UTF8_VALID,
    OCTAVO_UTF8_INVALID,   /* the first byte does not begin a code point: skip it */
    OCTAVO_UTF8_INCOMPLETE /* all bytes there are valid so far, more are needed */
} octavo_utf8_status;

/* Looks at bytes[0..length), length >= 1. VALID sets the code point and its byte count; INVALID sets U+FFFD and 1. */
octavo_utf8_status octavo_utf8_decode(const char *bytes, size_t length, uint32_t *code_point, size_t *byte_count);

/* Writes 1..4 bytes of a valid code point and returns their number. */
size_t octavo_utf8_encode(uint32_t code_point, char bytes[4]);

#endif
