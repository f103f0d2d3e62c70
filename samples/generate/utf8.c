#include "utf8.h"

octavo_utf8_status octavo_utf8_decode(const char *bytes, size_t length, uint32_t *code_point, size_t *byte_count) {
    unsigned char lead = (unsigned char)bytes[0];
    size_t needed = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    *code_point = 0xfffd;
    *byte_count = 1;
    if (needed == 0) return OCTAVO_UTF8_INVALID;
    if (needed == 1) {
        *code_point = lead;
        return OCTAVO_UTF8_VALID;
    }
    uint32_t value = lead & (0x7fu >> needed);
    for (size_t i = 1; i < needed; i++) {
        if (i == length) return OCTAVO_UTF8_INCOMPLETE;
        unsigned char next = (unsigned char)bytes[i];
        /* The second byte's range excludes overlong forms, surrogates and values above U+10FFFF. */
        unsigned char least = i > 1 ? 0x80 : lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        unsigned char most = i > 1 ? 0xbf : lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (next < least || next > most) return OCTAVO_UTF8_INVALID;
        value = value << 6 | (next & 0x3fu);
    }
    *code_point = value;
    *byte_count = needed;
    return OCTAVO_UTF8_VALID;
}

size_t octavo_utf8_encode(uint32_t code_point, char bytes[4]) {
    if (code_point < 0x80) {
        bytes[0] = (char)code_point;
        return 1;
    }
    size_t count = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = count - 1; i > 0; i--) {
        bytes[i] = (char)(0x80u | (code_point & 0x3fu));
        code_point >>= 6;
    }
    bytes[0] = (char)((0xf00u >> count & 0xf0u) | code_point);
    return count;
}
