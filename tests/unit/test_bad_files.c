/* Malformed files: each is refused with one line that says why. More of each kind are in test_npy.c and test_gguf.c. */
#include "gguf.h"
#include "npy.h"
#include "run_tests.h"

#include <string.h>

#define BYTES(text) text, sizeof text - 1

static const struct {
    const char *bytes;
    size_t size;
    const char *names;
} bad_arrays[] = {
    {BYTES(""), "magic"},
    {BYTES("PK\3\4 this is a zip file, as .npz is"), "magic"},
    {BYTES("\x93NUMPY\1\0"), "magic"},
    {BYTES("\x93NUMPY\1\0\xff\xff{'descr'"), "ends in its header"},
    {BYTES("\x93NUMPY\2\0\xff\xff\xff\xff{'descr': '<f4'"), "limit"},
    {BYTES("\x93NUMPY\4\0\2\0{}"), "version 4.0"},
    {BYTES("\x93NUMPY\1\0\2\0{}"), "descr"},
    {BYTES("\x93NUMPY\1\0\x3c\0{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }   \0\0\0\0"), ">f4"},
    {BYTES("\x93NUMPY\1\0\x3c\0{'descr': '|O', 'fortran_order': False, 'shape': (1,), }    \0\0\0\0"), "|O"},
    {BYTES("\x93NUMPY\1\0\x3c\0{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }    \0\0\0\0"), "C order"},
    {BYTES("\x93NUMPY\1\0\x3c\0{'descr': '<f4', 'fortran_order': False, 'shape': (9,), }   \0\0\0\0"), "36"},
    {BYTES("\x93NUMPY\1\0\x3c\0{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }   \0\0"), "needs 4"},
};

START_TEST(malformed_arrays) {
    for (size_t i = 0; i < sizeof bad_arrays / sizeof bad_arrays[0]; i++) {
        octavo_npy_array array;
        octavo_error_line error = {""};
        uint8_t *bytes = malloc(bad_arrays[i].size + 1);
        ck_assert_ptr_nonnull(bytes);
        memcpy(bytes, bad_arrays[i].bytes, bad_arrays[i].size);
        ck_assert_msg(!octavo_npy_parse(bytes, bad_arrays[i].size, &array, &error), "array %zu was read", i);
        ck_assert_msg(strstr(error.text, bad_arrays[i].names) != NULL, "array %zu: %s", i, error.text);
        free(bytes);
    }
}
END_TEST

static const struct {
    const char *bytes;
    size_t size;
} bad_models[] = {
    {BYTES("")},
    {BYTES("GGML")},
    {BYTES("GGUF\3\0\0")},
    {BYTES("GGUF\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")},
    {BYTES("GGUF\3\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0")},
    {BYTES("GGUF\3\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f")},
    {BYTES("GGUF\3\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff")},
};

START_TEST(malformed_models) {
    for (size_t i = 0; i < sizeof bad_models / sizeof bad_models[0]; i++) {
        octavo_generate_error error = {""};
        uint8_t *bytes = malloc(bad_models[i].size + 1);
        ck_assert_ptr_nonnull(bytes);
        memcpy(bytes, bad_models[i].bytes, bad_models[i].size);
        octavo_gguf *gguf = octavo_gguf_parse(bytes, bad_models[i].size, &error);
        ck_assert_msg(gguf == NULL && error.text[0] != '\0' && strchr(error.text, '\n') == NULL, "model %zu: '%s'", i,
                      error.text);
        free(bytes);
    }
}
END_TEST

int main(void) {
    const TTest *const tests[] = {malformed_arrays, malformed_models};
    return run_tests("bad_files", tests, sizeof tests / sizeof tests[0], 60);
}
