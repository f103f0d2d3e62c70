/* .npy files: what NumPy writes is read, what it does not write is refused with a line, what we write reads back. */
#define _POSIX_C_SOURCE 200809L

#include "npy.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file with the given header text (unpadded) and data. */
static size_t make_file(uint8_t *file, int major, const char *header, const void *data, size_t data_size) {
    size_t length = strlen(header), start = major == 1 ? 10 : 12;
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (uint8_t)major;
    file[7] = 0;
    memset(file + 8, 0, 4);
    file[8] = (uint8_t)(length & 0xff);
    file[9] = (uint8_t)(length >> 8);
    memcpy(file + start, header, length);
    if (data_size > 0) memcpy(file + start + length, data, data_size);
    return start + length + data_size;
}

static const float two[2] = {1.5f, -2.0f};

START_TEST(reads_version_1_f32) {
    /* Bytes of numpy.save(f, numpy.array([1.5, -2.0], numpy.float32)). */
    uint8_t file[256];
    octavo_npy_array array;
    octavo_error_line error;
    size_t size = make_file(file, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }          \n", two, 8);
    ck_assert_msg(octavo_npy_parse(file, size, &array, &error), "%s", error.text);
    ck_assert_uint_eq(array.rank, 1);
    ck_assert_uint_eq(array.shape[0], 2);
    ck_assert_int_eq(array.type, OCTAVO_NPY_F32);
    ck_assert(array.values[0] == 1.5f && array.values[1] == -2.0f);
    octavo_npy_release(&array);
}
END_TEST

START_TEST(reads_version_2_f16_any_key_order) {
    static const uint8_t data[12] = {0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0x00, 0x7c, 0xff, 0x7b, 0x00, 0x80};
    uint8_t file[256];
    octavo_npy_array array;
    octavo_error_line error;
    size_t size = make_file(file, 2, "{\"shape\":(1,2,3),\"fortran_order\":False,\"descr\":\"<f2\"}\n", data, 12);
    ck_assert_msg(octavo_npy_parse(file, size, &array, &error), "%s", error.text);
    ck_assert_uint_eq(array.rank, 3);
    ck_assert_int_eq(array.type, OCTAVO_NPY_F16);
    ck_assert(array.values[0] == 1.0f && array.values[1] == -2.0f && array.values[2] == 0x1p-24f);
    ck_assert(array.values[3] > 3.4e38f && array.values[4] == 65504.0f && array.values[5] == 0.0f);
    octavo_npy_release(&array);
}
END_TEST

START_TEST(reads_scalars_and_empty_arrays) {
    uint8_t file[256];
    octavo_npy_array array;
    octavo_error_line error;
    size_t size = make_file(file, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n", two, 4);
    ck_assert(octavo_npy_parse(file, size, &array, &error));
    ck_assert_uint_eq(array.rank, 0);
    ck_assert_uint_eq(array.count, 1);
    octavo_npy_release(&array);
    size = make_file(file, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0, 18446744073709551615), }\n",
                     two, 0);
    ck_assert(octavo_npy_parse(file, size, &array, &error) || error.text[0] != '\0');
    octavo_npy_release(&array);
    size = make_file(file, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0), }\n", two, 0);
    ck_assert(octavo_npy_parse(file, size, &array, &error));
    ck_assert_uint_eq(array.count, 0);
    ck_assert_ptr_nonnull(array.values);
    octavo_npy_release(&array);
}
END_TEST

/* Header text, then what the message must say. The data are 8 bytes. */
static const char *const refused[][2] = {
    {"", "not a dictionary"},
    {"{", "dictionary with string keys"},
    {"{}", "lacks the key 'descr'"},
    {"[]", "not a dictionary"},
    {"{'descr': '<f4', 'fortran_order': False}", "lacks the key 'shape'"},
    {"{'descr': '<f4', 'shape': (2,)}", "lacks the key 'fortran_order'"},
    {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}", "'>f4' is refused"},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", "'<f8' is refused"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (2,)}", "'<i4' is refused"},
    {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", "not a short string"},
    {"{'descr': '<f4', 'fortran_order': True, 'shape': (2,)}", "only C order"},
    {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", "not a boolean"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': 2}", "not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2)}", "not a tuple of numbers"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}", "not a number"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,)}", "not a tuple"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616,)}", "not a number below"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4)}", "too large"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387905,)}", "too large"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "8 bytes of data where the shape needs 12"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "8 bytes of data where the shape needs 4"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,2)}", "more than 8 dimensions"},
    {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "'descr' twice"},
    {"{'descr': '<f4', 'extra': '<f4', 'fortran_order': False, 'shape': (2,)}", "unknown key 'extra'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", "goes on after"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "does not end"},
    {"{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}", "does not end"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,", "not a number"},
    {"{'de\\'scr': '<f4'}", "string keys"},
};

START_TEST(refuses_headers) {
    uint8_t file[512];
    octavo_npy_array array;
    octavo_error_line error = {""};
    size_t size = make_file(file, 1, refused[_i][0], two, 8);
    ck_assert_msg(!octavo_npy_parse(file, size, &array, &error), "%s was read", refused[_i][0]);
    ck_assert_msg(strstr(error.text, refused[_i][1]) != NULL, "%s: '%s' instead of '%s'", refused[_i][0], error.text,
                  refused[_i][1]);
    ck_assert_ptr_null(array.values);
}
END_TEST

START_TEST(refuses_broken_starts) {
    uint8_t file[256];
    octavo_npy_array array;
    octavo_error_line error = {""};
    size_t whole = make_file(file, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", two, 8);
    for (size_t size = 0; size < whole; size++) {
        uint8_t *exact = malloc(size + 1); /* so that the address sanitiser sees reads behind the end */
        memcpy(exact, file, size);
        error.text[0] = '\0';
        ck_assert_msg(!octavo_npy_parse(exact, size, &array, &error), "%zu of %zu bytes were read", size, whole);
        ck_assert(error.text[0] != '\0');
        free(exact);
    }
    file[6] = 3;
    ck_assert(!octavo_npy_parse(file, whole, &array, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "version 3.0"));
    file[6] = 2; /* the header's length then reaches into its text: far too long */
    ck_assert(!octavo_npy_parse(file, whole, &array, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "limit of 65536"));
}
END_TEST

START_TEST(writes_what_it_reads) {
    static const uint64_t shape[4] = {2, 1, 3, 2};
    float values[12];
    octavo_npy_array array;
    octavo_error_line error = {""};
    for (int i = 0; i < 12; i++) values[i] = (float)i * 0.1f - 0.5f;
    char path[] = "test_npy_written.npy";
    ck_assert_msg(octavo_npy_write(path, 4, shape, values, &error), "%s", error.text);
    ck_assert_msg(octavo_npy_read(path, &array, &error), "%s", error.text);
    ck_assert_uint_eq(array.rank, 4);
    ck_assert_mem_eq(array.shape, shape, sizeof shape);
    ck_assert_mem_eq(array.values, values, sizeof values);
    octavo_npy_release(&array);
    FILE *stream = fopen(path, "rb");
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(fseek(stream, 0, SEEK_END), 0);
    ck_assert_int_eq((ftell(stream) - 48) % 64, 0); /* the data start on a multiple of 64 bytes */
    ck_assert_int_eq(fclose(stream), 0);
    ck_assert_int_eq(remove(path), 0);
}
END_TEST

/* As /dev/stdout is one, and the shell's >(command): the name stays what it is. */
START_TEST(writes_into_a_pipe) {
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    char path[32], bytes[256];
    (void)snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    uint64_t shape[1] = {2};
    octavo_error_line error = {""};
    ck_assert_msg(octavo_npy_write(path, 1, shape, two, &error), "%s", error.text);
    ck_assert_int_eq(close(ends[1]), 0);
    ck_assert_int_eq(read(ends[0], bytes, sizeof bytes), 128 + sizeof two);
    ck_assert_mem_eq(bytes + 128, two, sizeof two);
    ck_assert_int_eq(close(ends[0]), 0);
}
END_TEST

START_TEST(writes_where_a_link_leads) {
    static const char link_path[] = "test_npy_link.npy", path[] = "test_npy_linked.npy";
    uint64_t shape[1] = {2};
    octavo_error_line error = {""};
    struct stat status;
    FILE *stream = fopen(path, "wb");
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(fclose(stream), 0);
    (void)remove(link_path);
    ck_assert_int_eq(symlink(path, link_path), 0);
    ck_assert_msg(octavo_npy_write(link_path, 1, shape, two, &error), "%s", error.text);
    ck_assert_int_eq(lstat(link_path, &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
    octavo_npy_array array;
    ck_assert_msg(octavo_npy_read(path, &array, &error), "%s", error.text);
    ck_assert_mem_eq(array.values, two, sizeof two);
    octavo_npy_release(&array);
    ck_assert_int_eq(remove(link_path), 0);
    ck_assert_int_eq(remove(path), 0);
}
END_TEST

START_TEST(names_the_file_that_fails) {
    octavo_npy_array array;
    octavo_error_line error = {""};
    ck_assert(!octavo_npy_read("no/such/file.npy", &array, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "no/such/file.npy"));
    ck_assert(!octavo_npy_read(".", &array, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "not a regular file"));
    uint64_t shape[1] = {1};
    ck_assert(!octavo_npy_write("no/such/folder/file.npy", 1, shape, two, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "no/such/folder/file.npy"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("npy");
    TCase *tests = tcase_create("files");
    tcase_add_test(tests, reads_version_1_f32);
    tcase_add_test(tests, reads_version_2_f16_any_key_order);
    tcase_add_test(tests, reads_scalars_and_empty_arrays);
    tcase_add_loop_test(tests, refuses_headers, 0, (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(tests, refuses_broken_starts);
    tcase_add_test(tests, writes_what_it_reads);
    tcase_add_test(tests, writes_into_a_pipe);
    tcase_add_test(tests, writes_where_a_link_leads);
    tcase_add_test(tests, names_the_file_that_fails);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
