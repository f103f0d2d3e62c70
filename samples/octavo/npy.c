#include "npy.h"

#include "half_precision.h"
#include "whole_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_LIMIT 65536u
#define FILE_LIMIT ((uint64_t)1 << 40)

/* The header is the text of a Python dictionary literal with three keys. */
typedef struct header_text {
    const uint8_t *bytes;
    size_t size, position;
} header_text;

typedef struct header_fields {
    bool has_type, has_order, has_shape;
    octavo_npy_type type;
    uint32_t rank;
    uint64_t shape[OCTAVO_NPY_RANK_MAX];
} header_fields;

static void skip_space(header_text *text) {
    while (text->position < text->size) {
        uint8_t byte = text->bytes[text->position];
        if (byte != ' ' && byte != '\n' && byte != '\t' && byte != '\r') break;
        text->position++;
    }
}

static bool take(header_text *text, char wanted) {
    skip_space(text);
    if (text->position >= text->size || text->bytes[text->position] != (uint8_t)wanted) return false;
    text->position++;
    return true;
}

static bool take_word(header_text *text, const char *word) {
    skip_space(text);
    size_t length = strlen(word);
    if (text->size - text->position < length) return false;
    if (memcmp(text->bytes + text->position, word, length) != 0) return false;
    text->position += length;
    return true;
}

/* A quoted string without escapes; longer ones than the capacity are refused. */
static bool take_string(header_text *text, char *string, size_t capacity) {
    skip_space(text);
    if (text->position >= text->size) return false;
    uint8_t quote = text->bytes[text->position];
    if (quote != '\'' && quote != '"') return false;
    size_t length = 0;
    for (size_t i = text->position + 1; i < text->size; i++) {
        uint8_t byte = text->bytes[i];
        if (byte == quote) {
            string[length] = '\0';
            text->position = i + 1;
            return true;
        }
        if (byte == '\\' || byte < 0x20 || byte > 0x7e || length + 1 >= capacity) return false;
        string[length++] = (char)byte;
    }
    return false;
}

static bool take_number(header_text *text, uint64_t *number) {
    skip_space(text);
    size_t start = text->position;
    uint64_t value = 0;
    while (text->position < text->size && text->bytes[text->position] >= '0' && text->bytes[text->position] <= '9') {
        uint64_t digit = (uint64_t)(text->bytes[text->position] - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
        text->position++;
    }
    if (text->position == start) return false;
    *number = value;
    return true;
}

static bool parse_shape(header_text *text, header_fields *fields, octavo_error_line *error) {
    if (!take(text, '(')) return octavo_error_line_set(error, "the header's shape is not a tuple");
    fields->rank = 0;
    while (!take(text, ')')) {
        if (fields->rank == OCTAVO_NPY_RANK_MAX)
            return octavo_error_line_set(error, "the header's shape has more than %d dimensions", OCTAVO_NPY_RANK_MAX);
        if (!take_number(text, &fields->shape[fields->rank]))
            return octavo_error_line_set(error, "dimension %u of the header's shape is not a number below 2^64",
                                         (unsigned)fields->rank);
        fields->rank++;
        if (take(text, ',')) continue;
        if (!take(text, ')') || fields->rank == 1)
            return octavo_error_line_set(error, "the header's shape is not a tuple of numbers");
        break;
    }
    fields->has_shape = true;
    return true;
}

static bool parse_type(header_text *text, header_fields *fields, octavo_error_line *error) {
    char name[16];
    if (!take_string(text, name, sizeof name))
        return octavo_error_line_set(error, "the header's descr is not a short string (structured types are refused)");
    if (strcmp(name, "<f4") == 0)
        fields->type = OCTAVO_NPY_F32;
    else if (strcmp(name, "<f2") == 0)
        fields->type = OCTAVO_NPY_F16;
    else
        return octavo_error_line_set(error, "type '%s' is refused: little-endian f16 ('<f2') and f32 ('<f4') are read",
                                     name);
    fields->has_type = true;
    return true;
}

static bool parse_order(header_text *text, header_fields *fields, octavo_error_line *error) {
    if (take_word(text, "True")) return octavo_error_line_set(error, "fortran_order is True: only C order is read");
    if (!take_word(text, "False")) return octavo_error_line_set(error, "the header's fortran_order is not a boolean");
    fields->has_order = true;
    return true;
}

static bool parse_field(header_text *text, header_fields *fields, octavo_error_line *error) {
    char key[32];
    if (!take_string(text, key, sizeof key) || !take(text, ':'))
        return octavo_error_line_set(error, "the header is not a dictionary with string keys");
    bool is_type = strcmp(key, "descr") == 0;
    bool is_order = strcmp(key, "fortran_order") == 0;
    bool is_shape = strcmp(key, "shape") == 0;
    if ((is_type && fields->has_type) || (is_order && fields->has_order) || (is_shape && fields->has_shape))
        return octavo_error_line_set(error, "the header has the key '%s' twice", key);
    if (is_type) return parse_type(text, fields, error);
    if (is_order) return parse_order(text, fields, error);
    if (is_shape) return parse_shape(text, fields, error);
    return octavo_error_line_set(error, "the header has the unknown key '%s'", key);
}

static bool parse_header(header_text *text, header_fields *fields, octavo_error_line *error) {
    if (!take(text, '{')) return octavo_error_line_set(error, "the header is not a dictionary");
    while (!take(text, '}')) {
        if (!parse_field(text, fields, error)) return false;
        if (take(text, ',')) continue;
        if (!take(text, '}')) return octavo_error_line_set(error, "the header's dictionary does not end");
        break;
    }
    skip_space(text);
    if (text->position != text->size) return octavo_error_line_set(error, "the header goes on after its dictionary");
    if (!fields->has_type || !fields->has_order || !fields->has_shape)
        return octavo_error_line_set(error, "the header lacks the key '%s'",
                                     !fields->has_type    ? "descr"
                                     : !fields->has_order ? "fortran_order"
                                                          : "shape");
    return true;
}

/* Where the header's text lies; the data starts behind it. */
static bool find_header(const uint8_t *bytes, size_t size, header_text *text, octavo_error_line *error) {
    static const uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    if (size < 10 || memcmp(bytes, magic, sizeof magic) != 0)
        return octavo_error_line_set(error, "is not a NumPy file: the magic bytes are missing");
    unsigned major = bytes[6], minor = bytes[7];
    if ((major != 1 && major != 2) || minor != 0)
        return octavo_error_line_set(error, "format version %u.%u is refused: 1.0 and 2.0 are read", major, minor);
    size_t start = major == 1 ? 10 : 12;
    if (size < start) return octavo_error_line_set(error, "ends in its header");
    uint32_t length = (uint32_t)bytes[8] | (uint32_t)bytes[9] << 8;
    if (major == 2) length |= (uint32_t)bytes[10] << 16 | (uint32_t)bytes[11] << 24;
    if (length > HEADER_LIMIT)
        return octavo_error_line_set(error, "the header has %u bytes, more than the limit of %u", (unsigned)length,
                                     HEADER_LIMIT);
    if (length > size - start) return octavo_error_line_set(error, "ends in its header");
    *text = (header_text){bytes + start, length, 0};
    return true;
}

static bool count_elements(const header_fields *fields, size_t data_size, uint64_t *count, octavo_error_line *error) {
    uint64_t element_size = fields->type == OCTAVO_NPY_F32 ? 4 : 2;
    uint64_t limit = SIZE_MAX / 8;
    uint64_t product = 1;
    bool empty = false;
    for (uint32_t i = 0; i < fields->rank; i++) {
        uint64_t extent = fields->shape[i];
        if (extent == 0) {
            empty = true;
            continue;
        }
        if (product > limit / extent)
            return octavo_error_line_set(error, "the product of the shape's %u dimensions is too large",
                                         (unsigned)fields->rank);
        product *= extent;
    }
    if (empty) product = 0;
    if (product * element_size != data_size)
        return octavo_error_line_set(error, "holds %llu bytes of data where the shape needs %llu",
                                     (unsigned long long)data_size, (unsigned long long)(product * element_size));
    *count = product;
    return true;
}

static uint32_t little_endian(const uint8_t *bytes, uint32_t size) {
    uint32_t value = 0;
    for (uint32_t i = 0; i < size; i++) value |= (uint32_t)bytes[i] << (8 * i);
    return value;
}

static void convert(const uint8_t *data, octavo_npy_type type, uint64_t count, float *values) {
    for (uint64_t i = 0; i < count; i++) {
        if (type == OCTAVO_NPY_F16) {
            values[i] = octavo_half_to_float((uint16_t)little_endian(data + 2 * i, 2));
        } else {
            uint32_t bits = little_endian(data + 4 * i, 4);
            memcpy(&values[i], &bits, sizeof bits);
        }
    }
}

bool octavo_npy_parse(const uint8_t *bytes, size_t size, octavo_npy_array *array, octavo_error_line *error) {
    memset(array, 0, sizeof *array);
    header_text text = {NULL, 0, 0};
    header_fields fields = {0};
    if (!find_header(bytes, size, &text, error) || !parse_header(&text, &fields, error)) return false;
    const uint8_t *data = text.bytes + text.size;
    uint64_t count = 0;
    if (!count_elements(&fields, (size_t)(bytes + size - data), &count, error)) return false;
    float *values = malloc(count == 0 ? 1 : (size_t)count * sizeof *values);
    if (values == NULL) return octavo_error_line_set(error, "no memory for %llu values", (unsigned long long)count);
    convert(data, fields.type, count, values);
    array->type = fields.type;
    array->rank = fields.rank;
    memcpy(array->shape, fields.shape, sizeof array->shape);
    array->count = count;
    array->values = values;
    return true;
}

bool octavo_npy_read(const char *path, octavo_npy_array *array, octavo_error_line *error) {
    memset(array, 0, sizeof *array);
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!octavo_whole_file_read(path, FILE_LIMIT, &bytes, &size, error)) return false;
    octavo_error_line reason = {""};
    bool parsed = octavo_npy_parse(bytes, size, array, &reason);
    if (!parsed) (void)octavo_error_line_set(error, "%s: %s", path, reason.text);
    free(bytes);
    return parsed;
}

void octavo_npy_release(octavo_npy_array *array) {
    free(array->values);
    memset(array, 0, sizeof *array);
}

/* Magic, version, length and text, padded with spaces to a multiple of 64 bytes and ended by a newline. */
static bool format_header(uint32_t rank, const uint64_t *shape, uint8_t *header, size_t capacity, size_t *size) {
    char text[512] = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
    size_t length = strlen(text);
    for (uint32_t i = 0; i < rank; i++) {
        const char *format = i == 0 ? (rank == 1 ? "%llu," : "%llu") : ", %llu";
        int added = snprintf(text + length, sizeof text - length, format, (unsigned long long)shape[i]);
        if (added < 0 || (size_t)added >= sizeof text - length) return false;
        length += (size_t)added;
    }
    if (length + 4 >= sizeof text) return false;
    memcpy(text + length, "), }", 4);
    length += 4;
    size_t total = (10 + length + 1 + 63) / 64 * 64;
    if (total > capacity) return false;
    static const uint8_t magic[8] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
    memcpy(header, magic, 8);
    header[8] = (uint8_t)((total - 10) & 0xff);
    header[9] = (uint8_t)((total - 10) >> 8);
    memcpy(header + 10, text, length);
    memset(header + 10 + length, ' ', total - 10 - length);
    header[total - 1] = '\n';
    *size = total;
    return true;
}

bool octavo_npy_write(const char *path, uint32_t rank, const uint64_t *shape, const float *values,
                      octavo_error_line *error) {
    uint8_t header[1024];
    size_t header_size = 0;
    if (rank > OCTAVO_NPY_RANK_MAX || !format_header(rank, shape, header, sizeof header, &header_size))
        return octavo_error_line_set(error, "%s: rank %u is above the limit of %d", path, (unsigned)rank,
                                     OCTAVO_NPY_RANK_MAX);
    uint64_t count = 1;
    for (uint32_t i = 0; i < rank; i++) count *= shape[i];
    uint8_t *data = malloc(count == 0 ? 1 : (size_t)count * 4);
    if (data == NULL)
        return octavo_error_line_set(error, "%s: no memory for %llu values", path, (unsigned long long)count);
    for (uint64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        for (uint32_t byte = 0; byte < 4; byte++) data[4 * i + byte] = (uint8_t)(bits >> (8 * byte));
    }
    bool written = octavo_whole_file_write(path, header, header_size, data, (size_t)count * 4, error);
    free(data);
    return written;
}
