/* The GGUF reader: what is written is read, and no malformed file passes or crashes it. */
#include "gguf.h"

#include "file_mapping.h"
#include "gguf_builder.h"
#include "half_precision.h"
#include "run_tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_one_line(const octavo_generate_error *error, const char *what) {
    size_t length = strlen(error->text);
    ck_assert_msg(length > 10 && length < OCTAVO_GENERATE_ERROR_LENGTH, "%s: message \"%s\"", what, error->text);
    for (size_t i = 0; i < length; i++)
        ck_assert_msg(error->text[i] >= 0x20 && error->text[i] <= 0x7e, "%s: message \"%s\"", what, error->text);
}

/* Parses a copy of exactly `size` bytes, so that the sanitizer sees a read beyond them. */
static octavo_gguf *parse_copy(const unsigned char *bytes, size_t size, unsigned char **copy,
                               octavo_generate_error *error) {
    *copy = malloc(size > 0 ? size : 1);
    ck_assert_ptr_nonnull(*copy);
    if (size > 0) memcpy(*copy, bytes, size);
    *error = (octavo_generate_error){{0}};
    return octavo_gguf_parse(*copy, size, error);
}

static gguf_builder small_file(void) {
    gguf_builder builder = GGUF_BUILDER_INIT;
    static const float values[64] = {1.0f, -2.0f, 0.5f};
    gguf_add_uint32(&builder, "a.number", 7);
    gguf_add_string(&builder, "a.string", "text");
    gguf_add_bool(&builder, "a.bool", true);
    gguf_add_tensor(&builder, "first", OCTAVO_GGUF_F32, 2, (const uint64_t[]){32, 2}, values);
    gguf_add_tensor(&builder, "second", OCTAVO_GGUF_F16, 1, (const uint64_t[]){64}, values);
    return builder;
}

START_TEST(test_metadata_is_read_as_written) {
    gguf_builder builder = GGUF_BUILDER_INIT;
    const char *const words[] = {"one", "", "three"};
    const int32_t integers[] = {-1, 5};
    const float floats[] = {0.25f, -3.0f};
    const unsigned char big[8] = {0, 0, 0, 0, 1}, minus_one[2] = {0xff, 0xff}, small[1] = {200};
    const unsigned char half_double[8] = {0, 0, 0, 0, 0, 0, 0xe0, 0x3f};
    builder.version = (uint32_t)_i;
    gguf_add_uint32(&builder, "u32", 4000000000u);
    gguf_add_raw(&builder, "u64", OCTAVO_GGUF_UINT64, big, 8);
    gguf_add_raw(&builder, "i16", OCTAVO_GGUF_INT16, minus_one, 2);
    gguf_add_raw(&builder, "u8", OCTAVO_GGUF_UINT8, small, 1);
    gguf_add_raw(&builder, "f64", OCTAVO_GGUF_FLOAT64, half_double, 8);
    gguf_add_float(&builder, "f32", 1.5f);
    gguf_add_bool(&builder, "bool", true);
    gguf_add_string(&builder, "string", "h\xc3\xa9");
    gguf_add_strings(&builder, "strings", words, 3);
    gguf_add_int32s(&builder, "integers", integers, 2);
    gguf_add_floats(&builder, "floats", floats, 2);
    size_t size;
    unsigned char *bytes = gguf_finish(&builder, &size), *copy;
    octavo_generate_error error;
    octavo_gguf *gguf = parse_copy(bytes, size, &copy, &error);
    ck_assert_msg(gguf != NULL, "%s", error.text);

    uint32_t number = 1;
    float real = 0;
    bool flag = false;
    octavo_gguf_string string;
    octavo_gguf_array array;
    ck_assert(octavo_gguf_read_uint32(gguf, "u32", true, &number, &error));
    ck_assert_uint_eq(number, 4000000000u);
    ck_assert(octavo_gguf_read_uint32(gguf, "u8", true, &number, &error));
    ck_assert_uint_eq(number, 200);
    ck_assert(!octavo_gguf_read_uint32(gguf, "u64", false, &number, &error));
    ck_assert(!octavo_gguf_read_uint32(gguf, "i16", false, &number, &error));
    ck_assert(!octavo_gguf_read_uint32(gguf, "f32", false, &number, &error));
    ck_assert(!octavo_gguf_read_uint32(gguf, "bool", false, &number, &error));
    ck_assert_uint_eq(number, 200);
    ck_assert(octavo_gguf_read_float(gguf, "f32", true, &real, &error));
    ck_assert_float_eq(real, 1.5f);
    ck_assert(octavo_gguf_read_float(gguf, "f64", true, &real, &error));
    ck_assert_float_eq(real, 0.5f);
    ck_assert(!octavo_gguf_read_float(gguf, "u32", false, &real, &error));
    ck_assert(octavo_gguf_read_bool(gguf, "bool", true, &flag, &error));
    ck_assert(flag);
    ck_assert(octavo_gguf_read_string(gguf, "string", true, &string, &error));
    ck_assert(octavo_gguf_string_equals(string, "h\xc3\xa9"));
    ck_assert(octavo_gguf_read_array(gguf, "strings", OCTAVO_GGUF_STRING, true, &array, &error));
    ck_assert_uint_eq(array.count, 3);
    const unsigned char *cursor = array.bytes;
    for (unsigned i = 0; i < 3; i++) ck_assert(octavo_gguf_string_equals(octavo_gguf_next_string(&cursor), words[i]));
    ck_assert(octavo_gguf_read_array(gguf, "integers", OCTAVO_GGUF_INT32, true, &array, &error));
    ck_assert_uint_eq(octavo_gguf_array_uint32(array, 0), UINT32_MAX);
    ck_assert_uint_eq(octavo_gguf_array_uint32(array, 1), 5);
    ck_assert(octavo_gguf_read_array(gguf, "floats", OCTAVO_GGUF_FLOAT32, true, &array, &error));
    ck_assert_float_eq(octavo_gguf_array_float(array, 1), -3.0f);
    ck_assert(!octavo_gguf_read_array(gguf, "floats", OCTAVO_GGUF_INT32, false, &array, &error));

    /* Absent: kept when optional, refused by name when required. */
    number = 42;
    ck_assert(octavo_gguf_read_uint32(gguf, "absent", false, &number, &error));
    ck_assert_uint_eq(number, 42);
    ck_assert(!octavo_gguf_read_uint32(gguf, "absent.key", true, &number, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "absent.key"));
    octavo_gguf_destroy(gguf);
    free(copy);
    free(bytes);
    gguf_builder_release(&builder);
}
END_TEST

START_TEST(test_tensors_are_read_as_written) {
    gguf_builder builder = GGUF_BUILDER_INIT;
    float values[192], read[192];
    for (int i = 0; i < 192; i++) values[i] = sinf((float)i) * (float)(1 + i / 32);
    const uint64_t dimensions[3] = {32, 3, 2};
    const uint32_t types[] = {OCTAVO_GGUF_F32, OCTAVO_GGUF_F16, OCTAVO_GGUF_Q8_0};
    const char *const names[] = {"f32", "f16", "q8_0"};
    builder.alignment = 64;
    gguf_add_uint32(&builder, "general.alignment", 64);
    for (int i = 0; i < 3; i++) gguf_add_tensor(&builder, names[i], types[i], 3, dimensions, values);
    size_t size;
    unsigned char *bytes = gguf_finish(&builder, &size), *copy;
    octavo_generate_error error;
    octavo_gguf *gguf = parse_copy(bytes, size, &copy, &error);
    ck_assert_msg(gguf != NULL, "%s", error.text);
    ck_assert_uint_eq(octavo_gguf_tensor_count(gguf), 3);
    ck_assert_ptr_null(octavo_gguf_find_tensor(gguf, "absent"));
    for (int i = 0; i < 3; i++) {
        const octavo_gguf_tensor *tensor = octavo_gguf_find_tensor(gguf, names[i]);
        ck_assert_ptr_nonnull(tensor);
        ck_assert_uint_eq(tensor->element_count, 192);
        ck_assert_uint_eq(tensor->dimensions[1], 3);
        ck_assert_uint_eq(tensor->dimensions[3], 1);
        ck_assert_uint_eq(tensor->offset % 64, 0);
        octavo_gguf_tensor_to_float(tensor, read);
        for (int j = 0; j < 192; j++) {
            float largest = (float)(1 + j / 32);
            float bound = i == 0 ? 0.0f : i == 1 ? largest * 0x1p-11f : largest / 254.0f * 1.01f + largest * 0x1p-11f;
            ck_assert_msg(fabsf(read[j] - values[j]) <= bound, "%s[%d]: %g for %g", names[i], j, (double)read[j],
                          (double)values[j]);
        }
    }
    octavo_gguf_destroy(gguf);
    free(copy);
    free(bytes);
    gguf_builder_release(&builder);
}
END_TEST

/* Each case changes a good file into a bad one. */
static void wrong_magic(gguf_buffer *file) {
    file->bytes[0] = 'g';
}
static void version_1(gguf_buffer *file) {
    file->bytes[4] = 1;
}
static void version_4(gguf_buffer *file) {
    file->bytes[4] = 4;
}
static void big_endian(gguf_buffer *file) {
    memcpy(file->bytes + 4, "\0\0\0\3", 4);
}
static void huge_tensor_count(gguf_buffer *file) {
    memset(file->bytes + 8, 0xff, 8);
}
static void huge_entry_count(gguf_buffer *file) {
    memset(file->bytes + 16, 0xff, 8);
}
static void one_tensor_more(gguf_buffer *file) {
    file->bytes[8]++;
}
static void one_entry_more(gguf_buffer *file) {
    file->bytes[16]++;
}
static void huge_key_length(gguf_buffer *file) {
    memset(file->bytes + 24, 0x7f, 8);
}
static void empty_key(gguf_buffer *file) {
    memset(file->bytes + 24, 0, 8);
}
static void key_with_newline(gguf_buffer *file) {
    file->bytes[33] = '\n';
}
static void only_magic(gguf_buffer *file) {
    file->size = 4;
}
static void without_last_byte(gguf_buffer *file) {
    file->size--;
}
static void without_data(gguf_buffer *file) {
    file->size -= 64 * 4 + 64 * 2;
}

static const struct {
    const char *name;
    void (*change)(gguf_buffer *file);
    const char *message; /* a part of it */
} CHANGES[] = {
    {"wrong magic", wrong_magic, "GGUF"},
    {"version 1", version_1, "version 1"},
    {"version 4", version_4, "version 4"},
    {"big-endian", big_endian, "big-endian"},
    {"huge tensor count", huge_tensor_count, "18446744073709551615 tensors"},
    {"huge entry count", huge_entry_count, "18446744073709551615 metadata"},
    {"one tensor more", one_tensor_more, ""},
    {"one entry more", one_entry_more, ""},
    {"huge key length", huge_key_length, "bytes long"},
    {"empty key", empty_key, "0 bytes"},
    {"key with a newline", key_with_newline, "0x0a"},
    {"only the magic", only_magic, "ends at byte 4"},
    {"without its last byte", without_last_byte, "second"},
    {"without data", without_data, "exceed"},
};

START_TEST(test_changed_file_is_refused) {
    gguf_builder builder = small_file();
    gguf_buffer file = {0};
    file.bytes = gguf_finish(&builder, &file.size);
    CHANGES[_i].change(&file);
    unsigned char *copy;
    octavo_generate_error error;
    octavo_gguf *gguf = parse_copy(file.bytes, file.size, &copy, &error);
    ck_assert_msg(gguf == NULL, "%s was accepted", CHANGES[_i].name);
    assert_one_line(&error, CHANGES[_i].name);
    ck_assert_msg(strstr(error.text, CHANGES[_i].message) != NULL, "%s: %s", CHANGES[_i].name, error.text);
    free(copy);
    free(file.bytes);
    gguf_builder_release(&builder);
}
END_TEST

/* Each case adds something bad to a good file. */
static void add_array(gguf_builder *builder, const char *key, uint32_t element_type, uint64_t count) {
    gguf_buffer bytes = {0};
    gguf_append_integer(&bytes, element_type, 4);
    gguf_append_integer(&bytes, count, 8);
    gguf_add_raw(builder, key, OCTAVO_GGUF_ARRAY, bytes.bytes, bytes.size);
    free(bytes.bytes);
}
static void unknown_value_type(gguf_builder *builder) {
    gguf_add_raw(builder, "key", 13, "\0\0\0\0", 4);
}
static void unknown_element_type(gguf_builder *builder) {
    add_array(builder, "key", 99, 1);
}
static void nested_array(gguf_builder *builder) {
    add_array(builder, "key", OCTAVO_GGUF_ARRAY, 1);
}
static void huge_array(gguf_builder *builder) {
    add_array(builder, "key", OCTAVO_GGUF_UINT64, UINT64_MAX / 8 + 2);
}
static void huge_string_array(gguf_builder *builder) {
    add_array(builder, "key", OCTAVO_GGUF_STRING, UINT64_C(1) << 61);
}
static void string_beyond_end(gguf_builder *builder) {
    gguf_add_raw(builder, "key", OCTAVO_GGUF_STRING, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
}
static void bool_of_7(gguf_builder *builder) {
    gguf_add_raw(builder, "key", OCTAVO_GGUF_BOOL, "\7", 1);
}
static void bool_array_of_2(gguf_builder *builder) {
    gguf_add_raw(builder, "key", OCTAVO_GGUF_ARRAY, "\7\0\0\0\1\0\0\0\0\0\0\0\2", 13);
}
static void same_key_twice(gguf_builder *builder) {
    gguf_add_uint32(builder, "a.number", 7);
}
static void alignment_of_0(gguf_builder *builder) {
    gguf_add_uint32(builder, "general.alignment", 0);
}
static void alignment_of_48(gguf_builder *builder) {
    gguf_add_uint32(builder, "general.alignment", 48);
}
static void huge_alignment(gguf_builder *builder) {
    gguf_add_uint32(builder, "general.alignment", 1u << 31);
}
static void alignment_as_text(gguf_builder *builder) {
    gguf_add_string(builder, "general.alignment", "32");
}
static void add_bad_tensor(gguf_builder *builder, const char *name, uint32_t type, uint32_t dimension_count,
                           uint64_t first, uint64_t second, uint64_t offset) {
    const uint64_t dimensions[5] = {first, second, 1, 1, 1};
    gguf_add_tensor_entry(builder, name, type, dimension_count, dimensions, offset);
    for (int i = 0; i < 4096; i++) gguf_append_integer(&builder->data, 0, 1);
}
static void no_dimensions(gguf_builder *builder) {
    add_bad_tensor(builder, "third", 0, 0, 1, 1, 512);
}
static void five_dimensions(gguf_builder *builder) {
    add_bad_tensor(builder, "third", 0, 5, 1, 1, 512);
}
static void dimension_of_0(gguf_builder *builder) {
    add_bad_tensor(builder, "third", 0, 2, 4, 0, 512);
}
static void product_overflows(gguf_builder *builder) {
    add_bad_tensor(builder, "third", 0, 2, UINT64_C(1) << 33, UINT64_C(1) << 33, 512);
}
static void product_exceeds_data(gguf_builder *builder) {
    add_bad_tensor(builder, "third", 0, 2, UINT64_C(1) << 24, UINT64_C(1) << 23, 512);
}
static void type_q4_k(gguf_builder *builder) {
    add_bad_tensor(builder, "third", 12, 1, 256, 1, 512);
}
static void type_1000(gguf_builder *builder) {
    add_bad_tensor(builder, "third", 1000, 1, 256, 1, 512);
}
static void q8_0_row_of_33(gguf_builder *builder) {
    add_bad_tensor(builder, "third", 8, 2, 33, 32, 512);
}
static void unaligned_offset(gguf_builder *builder) {
    add_bad_tensor(builder, "third", 0, 1, 8, 1, 513);
}
static void offset_beyond_end(gguf_builder *builder) {
    add_bad_tensor(builder, "third", 0, 1, 8, 1, UINT64_MAX - 31);
}
static void overlap(gguf_builder *builder) {
    add_bad_tensor(builder, "third", 0, 1, 8, 1, 32);
}
static void same_tensor_twice(gguf_builder *builder) {
    add_bad_tensor(builder, "first", 0, 1, 8, 1, 512);
}
static void long_tensor_name(gguf_builder *builder) {
    add_bad_tensor(builder, "a.name.of.more.than.sixty-four.bytes.is.longer.than.the.format.allows", 0, 1, 8, 1, 512);
}

static const struct {
    const char *name;
    void (*add)(gguf_builder *builder);
    const char *message; /* a part of it */
} ADDITIONS[] = {
    {"unknown value type", unknown_value_type, "key key: value type 13"},
    {"unknown element type", unknown_element_type, "element type 99"},
    {"array of arrays", nested_array, "array of arrays"},
    {"huge array", huge_array, "2305843009213693953 elements"},
    {"huge array of strings", huge_string_array, "2305843009213693952 elements"},
    {"string beyond the end", string_beyond_end, "18446744073709551615 bytes long"},
    {"bool of 7", bool_of_7, "a bool is 7"},
    {"bools of 2", bool_array_of_2, "a bool is 2"},
    {"the same key twice", same_key_twice, "a.number is there twice"},
    {"alignment of 0", alignment_of_0, "general.alignment is 0"},
    {"alignment of 48", alignment_of_48, "general.alignment is 48"},
    {"huge alignment", huge_alignment, "general.alignment is 2147483648"},
    {"alignment as text", alignment_as_text, "general.alignment has value type 8"},
    {"no dimensions", no_dimensions, "third: 0 dimensions"},
    {"five dimensions", five_dimensions, "third: 5 dimensions"},
    {"dimension of 0", dimension_of_0, "third: dimension 1 is 0"},
    {"product overflows", product_overflows, "third: dimension 1 is 8589934592"},
    {"product exceeds the data", product_exceeds_data, "exceed"},
    {"type Q4_K", type_q4_k, "type Q4_K (12) is not supported"},
    {"type 1000", type_1000, "type unknown (1000)"},
    {"Q8_0 row of 33", q8_0_row_of_33, "rows of 33"},
    {"unaligned offset", unaligned_offset, "offset 513"},
    {"offset beyond the end", offset_beyond_end, "exceed"},
    {"overlap", overlap, "lies inside"},
    {"the same tensor twice", same_tensor_twice, "first is there twice"},
    {"long tensor name", long_tensor_name, "allowed are 1..64"},
};

START_TEST(test_file_with_a_bad_addition_is_refused) {
    gguf_builder builder = small_file();
    ADDITIONS[_i].add(&builder);
    size_t size;
    unsigned char *bytes = gguf_finish(&builder, &size), *copy;
    octavo_generate_error error;
    octavo_gguf *gguf = parse_copy(bytes, size, &copy, &error);
    ck_assert_msg(gguf == NULL, "%s was accepted", ADDITIONS[_i].name);
    assert_one_line(&error, ADDITIONS[_i].name);
    ck_assert_msg(strstr(error.text, ADDITIONS[_i].message) != NULL, "%s: %s", ADDITIONS[_i].name, error.text);
    free(copy);
    free(bytes);
    gguf_builder_release(&builder);
}
END_TEST

START_TEST(test_every_prefix_is_refused) {
    gguf_builder builder = small_file();
    size_t size;
    unsigned char *bytes = gguf_finish(&builder, &size), *copy;
    octavo_generate_error error;
    for (size_t i = 0; i < size; i++) {
        octavo_gguf *gguf = parse_copy(bytes, i, &copy, &error);
        ck_assert_msg(gguf == NULL, "the first %zu of %zu bytes were accepted", i, size);
        assert_one_line(&error, "prefix");
        free(copy);
    }
    free(bytes);
    gguf_builder_release(&builder);
}
END_TEST

/* Any byte may have any value: whatever comes of it, it is either refused with a message or safe to read. */
START_TEST(test_every_changed_byte_is_survived) {
    gguf_builder builder = small_file();
    size_t size;
    unsigned char *bytes = gguf_finish(&builder, &size);
    static const unsigned char masks[] = {0x01, 0x80, 0xff};
    for (size_t i = 0; i < size; i++) {
        unsigned char *copy;
        octavo_generate_error error;
        unsigned char kept = bytes[i];
        bytes[i] ^= masks[_i];
        octavo_gguf *gguf = parse_copy(bytes, size, &copy, &error);
        if (gguf == NULL) assert_one_line(&error, "changed byte");
        for (uint64_t j = 0; gguf != NULL && j < octavo_gguf_tensor_count(gguf); j++) {
            const octavo_gguf_tensor *tensor = octavo_gguf_tensor_at(gguf, j);
            ck_assert_uint_le(tensor->element_count, size);
            float *values = malloc((size_t)tensor->element_count * sizeof *values);
            ck_assert_ptr_nonnull(values);
            octavo_gguf_tensor_to_float(tensor, values);
            free(values);
        }
        octavo_gguf_destroy(gguf);
        free(copy);
        bytes[i] = kept;
    }
    free(bytes);
    gguf_builder_release(&builder);
}
END_TEST

START_TEST(test_half_precision_against_arithmetic) {
    for (uint32_t half = 0; half < 0x10000; half++) {
        uint32_t exponent = half >> 10 & 31, mantissa = half & 0x3ff;
        float value = octavo_half_to_float((uint16_t)half);
        if (exponent == 31) {
            ck_assert(mantissa == 0 ? isinf(value) : isnan(value));
            ck_assert_uint_eq(octavo_half_from_float(value) & 0x7c00u, 0x7c00u);
            continue;
        }
        double magnitude = exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024.0 + mantissa, (int)exponent - 25);
        ck_assert_double_eq((double)value, half & 0x8000 ? -magnitude : magnitude);
        ck_assert_uint_eq(octavo_half_from_float(value), half);
        if ((half & 0x7fff) == 0x7bff) continue;
        /* Halfway to the next one goes to the even one, a little more goes up. */
        float next = octavo_half_to_float((uint16_t)(half + 1)), middle = value + (next - value) / 2;
        ck_assert_uint_eq(octavo_half_from_float(middle), half % 2 == 0 ? half : half + 1);
        ck_assert_uint_eq(octavo_half_from_float(nextafterf(middle, next)), half + 1);
        ck_assert_uint_eq(octavo_half_from_float(nextafterf(middle, value)), half);
    }
    ck_assert_uint_eq(octavo_half_from_float(65519.0f), 0x7bff);
    ck_assert_uint_eq(octavo_half_from_float(65520.0f), 0x7c00);
    ck_assert_uint_eq(octavo_half_from_float(-1e30f), 0xfc00);
    ck_assert_uint_eq(octavo_half_from_float(1e-30f), 0);
}
END_TEST

START_TEST(test_files_that_cannot_be_mapped) {
    static const char *const paths[] = {"/", "/nonexistent/model.gguf", "/dev/null"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        octavo_file_mapping mapping;
        octavo_generate_error error = {{0}};
        ck_assert(!octavo_file_mapping_open(paths[i], &mapping, &error));
        assert_one_line(&error, paths[i]);
        ck_assert_ptr_nonnull(strstr(error.text, paths[i]));
        octavo_file_mapping_close(&mapping);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gguf");
    TCase *good = tcase_create("read"), *bad = tcase_create("refuse");
    tcase_set_timeout(bad, 120);
    tcase_add_loop_test(good, test_metadata_is_read_as_written, 2, 4);
    tcase_add_test(good, test_tensors_are_read_as_written);
    tcase_add_test(good, test_half_precision_against_arithmetic);
    tcase_add_loop_test(bad, test_changed_file_is_refused, 0, sizeof CHANGES / sizeof CHANGES[0]);
    tcase_add_loop_test(bad, test_file_with_a_bad_addition_is_refused, 0, sizeof ADDITIONS / sizeof ADDITIONS[0]);
    tcase_add_test(bad, test_every_prefix_is_refused);
    tcase_add_loop_test(bad, test_every_changed_byte_is_survived, 0, 3);
    tcase_add_test(bad, test_files_that_cannot_be_mapped);
    suite_add_tcase(suite, good);
    suite_add_tcase(suite, bad);
    return run_suite(suite);
}
