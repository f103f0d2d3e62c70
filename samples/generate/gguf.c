#include "gguf.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Least bytes of a metadata entry (key length, 1 key byte, type, value) and of a tensor entry. */
#define LEAST_ENTRY_BYTES 14u
#define LEAST_TENSOR_BYTES 33u

#define LONGEST_KEY 65535u /* the format's limit */
#define LONGEST_TENSOR_NAME 64u
#define DEFAULT_ALIGNMENT 32u
#define LARGEST_ALIGNMENT 65536u

/* How much of a name fits a message. */
#define SHOWN(string) (int)((string).length < 80 ? (string).length : 80), (string).bytes

typedef struct metadata_entry {
    octavo_gguf_string key;
    octavo_gguf_value_type type;
    octavo_gguf_array array;    /* for ARRAY */
    const unsigned char *bytes; /* the value's first byte */
} metadata_entry;

struct octavo_gguf {
    uint64_t entry_count;
    metadata_entry *entries; /* sorted by key */
    uint64_t tensor_count;
    octavo_gguf_tensor *tensors; /* sorted by name */
};

typedef struct byte_reader {
    const unsigned char *bytes;
    size_t size;
    size_t position;
} byte_reader;

static size_t remaining(const byte_reader *reader) {
    return reader->size - reader->position;
}

static uint64_t little_endian(const unsigned char *bytes, unsigned byte_count) {
    uint64_t value = 0;
    for (unsigned i = 0; i < byte_count; i++) value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static bool read_integer(byte_reader *reader, unsigned byte_count, uint64_t *value, const char *what,
                         octavo_generate_error *error) {
    *value = 0;
    if (remaining(reader) < byte_count)
        return octavo_generate_fail(error, "GGUF: the file ends at byte %zu inside %s", reader->size, what);
    *value = little_endian(reader->bytes + reader->position, byte_count);
    reader->position += byte_count;
    return true;
}

static bool read_string(byte_reader *reader, octavo_gguf_string *string, const char *what,
                        octavo_generate_error *error) {
    uint64_t length;
    if (!read_integer(reader, 8, &length, what, error)) return false;
    if (length > remaining(reader))
        return octavo_generate_fail(error, "GGUF: %s at byte %zu is %llu bytes long but only %zu are left", what,
                                    reader->position, (unsigned long long)length, remaining(reader));
    string->bytes = (const char *)reader->bytes + reader->position;
    string->length = (size_t)length;
    reader->position += (size_t)length;
    return true;
}

/* A name: printable ASCII, 1..longest bytes. */
static bool read_name(byte_reader *reader, size_t longest, octavo_gguf_string *name, const char *what,
                      octavo_generate_error *error) {
    size_t start = reader->position;
    if (!read_string(reader, name, what, error)) return false;
    if (name->length == 0 || name->length > longest)
        return octavo_generate_fail(error, "GGUF: %s at byte %zu has %zu bytes, allowed are 1..%zu", what, start,
                                    name->length, longest);
    for (size_t i = 0; i < name->length; i++) {
        if (name->bytes[i] < 0x20 || name->bytes[i] > 0x7e)
            return octavo_generate_fail(error, "GGUF: %s at byte %zu holds byte 0x%02x, which is not printable ASCII",
                                        what, start, (unsigned)(unsigned char)name->bytes[i]);
    }
    return true;
}

/* Bytes of a number or bool, 0 for strings, arrays and unknown types. */
static unsigned scalar_size(uint64_t type) {
    switch (type) {
    case OCTAVO_GGUF_UINT8:
    case OCTAVO_GGUF_INT8:
    case OCTAVO_GGUF_BOOL:
        return 1;
    case OCTAVO_GGUF_UINT16:
    case OCTAVO_GGUF_INT16:
        return 2;
    case OCTAVO_GGUF_UINT32:
    case OCTAVO_GGUF_INT32:
    case OCTAVO_GGUF_FLOAT32:
        return 4;
    case OCTAVO_GGUF_UINT64:
    case OCTAVO_GGUF_INT64:
    case OCTAVO_GGUF_FLOAT64:
        return 8;
    default:
        return 0;
    }
}

static bool check_bools(octavo_gguf_string key, const unsigned char *bytes, uint64_t count,
                        octavo_generate_error *error) {
    for (uint64_t i = 0; i < count; i++) {
        if (bytes[i] > 1)
            return octavo_generate_fail(error, "GGUF: key %.*s: a bool is %u, allowed are 0 and 1", SHOWN(key),
                                        bytes[i]);
    }
    return true;
}

static bool read_array_value(byte_reader *reader, metadata_entry *entry, octavo_generate_error *error) {
    uint64_t type, count;
    if (!read_integer(reader, 4, &type, "an array's element type", error) ||
        !read_integer(reader, 8, &count, "an array's length", error))
        return false;
    if (type == OCTAVO_GGUF_ARRAY)
        return octavo_generate_fail(error, "GGUF: key %.*s: an array of arrays is not supported", SHOWN(entry->key));
    unsigned size = scalar_size(type);
    if (size == 0 && type != OCTAVO_GGUF_STRING)
        return octavo_generate_fail(error, "GGUF: key %.*s: element type %llu is unknown, the largest is 12",
                                    SHOWN(entry->key), (unsigned long long)type);
    unsigned least = type == OCTAVO_GGUF_STRING ? 8 : size;
    if (count > remaining(reader) / least)
        return octavo_generate_fail(error, "GGUF: key %.*s: an array of %llu elements but only %zu bytes are left",
                                    SHOWN(entry->key), (unsigned long long)count, remaining(reader));
    entry->array = (octavo_gguf_array){(octavo_gguf_value_type)type, count, reader->bytes + reader->position};
    if (type != OCTAVO_GGUF_STRING) {
        reader->position += (size_t)count * size;
        return type != OCTAVO_GGUF_BOOL || check_bools(entry->key, entry->array.bytes, count, error);
    }
    for (uint64_t i = 0; i < count; i++) {
        octavo_gguf_string string;
        if (!read_string(reader, &string, "a string of an array", error)) return false;
    }
    return true;
}

static bool read_entry(byte_reader *reader, metadata_entry *entry, octavo_generate_error *error) {
    uint64_t type;
    *entry = (metadata_entry){0};
    if (!read_name(reader, LONGEST_KEY, &entry->key, "a metadata key", error) ||
        !read_integer(reader, 4, &type, "a value's type", error))
        return false;
    entry->bytes = reader->bytes + reader->position;
    entry->type = (octavo_gguf_value_type)type;
    if (type == OCTAVO_GGUF_ARRAY) return read_array_value(reader, entry, error);
    if (type == OCTAVO_GGUF_STRING) {
        octavo_gguf_string string;
        return read_string(reader, &string, "a string value", error);
    }
    unsigned size = scalar_size(type);
    if (size == 0)
        return octavo_generate_fail(error, "GGUF: key %.*s: value type %llu is unknown, the largest is 12",
                                    SHOWN(entry->key), (unsigned long long)type);
    uint64_t value;
    if (!read_integer(reader, size, &value, "a metadata value", error)) return false;
    return type != OCTAVO_GGUF_BOOL || check_bools(entry->key, entry->bytes, 1, error);
}

static bool read_tensor_entry(byte_reader *reader, octavo_gguf_tensor *tensor, octavo_generate_error *error) {
    uint64_t dimension_count, type;
    *tensor = (octavo_gguf_tensor){.dimensions = {1, 1, 1, 1}};
    if (!read_name(reader, LONGEST_TENSOR_NAME, &tensor->name, "a tensor name", error) ||
        !read_integer(reader, 4, &dimension_count, "a tensor's dimension count", error))
        return false;
    if (dimension_count < 1 || dimension_count > OCTAVO_GGUF_MAX_DIMENSIONS)
        return octavo_generate_fail(error, "GGUF: tensor %.*s: %llu dimensions, allowed are 1..4", SHOWN(tensor->name),
                                    (unsigned long long)dimension_count);
    tensor->dimension_count = (uint32_t)dimension_count;
    tensor->element_count = 1;
    for (uint32_t i = 0; i < tensor->dimension_count; i++) {
        if (!read_integer(reader, 8, &tensor->dimensions[i], "a tensor's dimension", error)) return false;
        /* 2^48 elements leave room for every later product in 64 bits. */
        if (tensor->dimensions[i] == 0 || tensor->dimensions[i] > (UINT64_C(1) << 48) / tensor->element_count)
            return octavo_generate_fail(error, "GGUF: tensor %.*s: dimension %u is %llu, allowed are 1..2^48 elements",
                                        SHOWN(tensor->name), i, (unsigned long long)tensor->dimensions[i]);
        tensor->element_count *= tensor->dimensions[i];
    }
    if (!read_integer(reader, 4, &type, "a tensor's type", error) ||
        !read_integer(reader, 8, &tensor->offset, "a tensor's offset", error))
        return false;
    switch (type) {
    case OCTAVO_GGUF_F32:
        tensor->byte_count = tensor->element_count * 4;
        break;
    case OCTAVO_GGUF_F16:
        tensor->byte_count = tensor->element_count * 2;
        break;
    case OCTAVO_GGUF_Q8_0:
        if (tensor->dimensions[0] % 32 != 0)
            return octavo_generate_fail(error, "GGUF: tensor %.*s: rows of %llu elements, Q8_0 needs a multiple of 32",
                                        SHOWN(tensor->name), (unsigned long long)tensor->dimensions[0]);
        tensor->byte_count = tensor->element_count / 32 * 34;
        break;
    default:
        return octavo_generate_fail(
            error, "GGUF: tensor %.*s: type %s (%llu) is not supported, only F32, F16 and Q8_0 are",
            SHOWN(tensor->name), octavo_gguf_tensor_type_name((uint32_t)type), (unsigned long long)type);
    }
    tensor->type = (octavo_gguf_tensor_type)type;
    return true;
}

static int compare_strings(octavo_gguf_string a, octavo_gguf_string b) {
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = memcmp(a.bytes, b.bytes, shorter);
    if (order != 0) return order;
    return (a.length > b.length) - (a.length < b.length);
}

static int compare_entries(const void *a, const void *b) {
    return compare_strings(((const metadata_entry *)a)->key, ((const metadata_entry *)b)->key);
}

static int compare_tensor_names(const void *a, const void *b) {
    return compare_strings(((const octavo_gguf_tensor *)a)->name, ((const octavo_gguf_tensor *)b)->name);
}

static int compare_tensor_offsets(const void *a, const void *b) {
    uint64_t first = ((const octavo_gguf_tensor *)a)->offset, second = ((const octavo_gguf_tensor *)b)->offset;
    return (first > second) - (first < second);
}

static bool read_header(byte_reader *reader, octavo_gguf *gguf, octavo_generate_error *error) {
    uint64_t version;
    if (reader->size < 4 || memcmp(reader->bytes, "GGUF", 4) != 0)
        return octavo_generate_fail(error, "GGUF: the file does not begin with the letters GGUF");
    reader->position = 4;
    if (!read_integer(reader, 4, &version, "the version", error)) return false;
    if (version != 2 && version != 3) {
        if ((version & 0xffff) == 0 && version != 0)
            return octavo_generate_fail(error,
                                        "GGUF: the file is big-endian (version 0x%08llx), only little-endian "
                                        "files are supported",
                                        (unsigned long long)version);
        return octavo_generate_fail(error, "GGUF: version %llu is not supported, only 2 and 3 are",
                                    (unsigned long long)version);
    }
    if (!read_integer(reader, 8, &gguf->tensor_count, "the tensor count", error) ||
        !read_integer(reader, 8, &gguf->entry_count, "the metadata count", error))
        return false;
    if (gguf->entry_count > remaining(reader) / LEAST_ENTRY_BYTES)
        return octavo_generate_fail(error, "GGUF: %llu metadata entries do not fit the remaining %zu bytes",
                                    (unsigned long long)gguf->entry_count, remaining(reader));
    if (gguf->tensor_count > remaining(reader) / LEAST_TENSOR_BYTES)
        return octavo_generate_fail(error, "GGUF: %llu tensors do not fit the remaining %zu bytes",
                                    (unsigned long long)gguf->tensor_count, remaining(reader));
    return true;
}

static bool read_entries(byte_reader *reader, octavo_gguf *gguf, octavo_generate_error *error) {
    gguf->entries = calloc((size_t)gguf->entry_count + 1, sizeof *gguf->entries);
    if (gguf->entries == NULL)
        return octavo_generate_fail(error, "GGUF: no memory for %llu metadata entries",
                                    (unsigned long long)gguf->entry_count);
    for (uint64_t i = 0; i < gguf->entry_count; i++) {
        if (!read_entry(reader, &gguf->entries[i], error)) return false;
    }
    qsort(gguf->entries, (size_t)gguf->entry_count, sizeof *gguf->entries, compare_entries);
    for (uint64_t i = 1; i < gguf->entry_count; i++) {
        if (compare_entries(&gguf->entries[i - 1], &gguf->entries[i]) == 0)
            return octavo_generate_fail(error, "GGUF: key %.*s is there twice", SHOWN(gguf->entries[i].key));
    }
    return true;
}

/* Turns offsets into places in the file; needs the tensors sorted by offset. */
static bool place_tensors(const byte_reader *reader, octavo_gguf *gguf, uint64_t alignment,
                          octavo_generate_error *error) {
    uint64_t padding = (alignment - reader->position % alignment) % alignment;
    uint64_t data_start = (uint64_t)reader->position + padding;
    uint64_t data_size = data_start < reader->size ? reader->size - data_start : 0;
    uint64_t previous_end = 0;
    for (uint64_t i = 0; i < gguf->tensor_count; i++) {
        octavo_gguf_tensor *tensor = &gguf->tensors[i];
        if (tensor->offset % alignment != 0)
            return octavo_generate_fail(error, "GGUF: tensor %.*s: offset %llu is not a multiple of the alignment %llu",
                                        SHOWN(tensor->name), (unsigned long long)tensor->offset,
                                        (unsigned long long)alignment);
        if (tensor->offset > data_size || tensor->byte_count > data_size - tensor->offset)
            return octavo_generate_fail(
                error, "GGUF: tensor %.*s: %llu bytes at offset %llu exceed the %llu bytes of tensor data",
                SHOWN(tensor->name), (unsigned long long)tensor->byte_count, (unsigned long long)tensor->offset,
                (unsigned long long)data_size);
        if (tensor->offset < previous_end)
            return octavo_generate_fail(error, "GGUF: tensor %.*s: offset %llu lies inside tensor %.*s",
                                        SHOWN(tensor->name), (unsigned long long)tensor->offset,
                                        SHOWN(gguf->tensors[i - 1].name));
        previous_end = tensor->offset + tensor->byte_count;
        tensor->offset += data_start;
        tensor->bytes = reader->bytes + tensor->offset;
    }
    return true;
}

static bool read_tensors(byte_reader *reader, octavo_gguf *gguf, octavo_generate_error *error) {
    uint32_t alignment = DEFAULT_ALIGNMENT;
    if (!octavo_gguf_read_uint32(gguf, "general.alignment", false, &alignment, error)) return false;
    if (alignment < 8 || alignment > LARGEST_ALIGNMENT || (alignment & (alignment - 1)) != 0)
        return octavo_generate_fail(error, "GGUF: key general.alignment is %u, allowed are powers of two in 8..%u",
                                    alignment, LARGEST_ALIGNMENT);
    gguf->tensors = calloc((size_t)gguf->tensor_count + 1, sizeof *gguf->tensors);
    if (gguf->tensors == NULL)
        return octavo_generate_fail(error, "GGUF: no memory for %llu tensors", (unsigned long long)gguf->tensor_count);
    for (uint64_t i = 0; i < gguf->tensor_count; i++) {
        if (!read_tensor_entry(reader, &gguf->tensors[i], error)) return false;
    }
    qsort(gguf->tensors, (size_t)gguf->tensor_count, sizeof *gguf->tensors, compare_tensor_offsets);
    if (!place_tensors(reader, gguf, alignment, error)) return false;
    qsort(gguf->tensors, (size_t)gguf->tensor_count, sizeof *gguf->tensors, compare_tensor_names);
    for (uint64_t i = 1; i < gguf->tensor_count; i++) {
        if (compare_tensor_names(&gguf->tensors[i - 1], &gguf->tensors[i]) == 0)
            return octavo_generate_fail(error, "GGUF: tensor %.*s is there twice", SHOWN(gguf->tensors[i].name));
    }
    return true;
}

octavo_gguf *octavo_gguf_parse(const void *bytes, size_t size, octavo_generate_error *error) {
    byte_reader reader = {bytes, size, 0};
    octavo_gguf *gguf = calloc(1, sizeof *gguf);
    if (gguf == NULL) {
        octavo_generate_fail(error, "GGUF: no memory for the reader");
        return NULL;
    }
    if (read_header(&reader, gguf, error) && read_entries(&reader, gguf, error) && read_tensors(&reader, gguf, error))
        return gguf;
    octavo_gguf_destroy(gguf);
    return NULL;
}

void octavo_gguf_destroy(octavo_gguf *gguf) {
    if (gguf == NULL) return;
    free(gguf->entries);
    free(gguf->tensors);
    free(gguf);
}

uint64_t octavo_gguf_tensor_count(const octavo_gguf *gguf) {
    return gguf->tensor_count;
}

const octavo_gguf_tensor *octavo_gguf_tensor_at(const octavo_gguf *gguf, uint64_t index) {
    return &gguf->tensors[index];
}

const octavo_gguf_tensor *octavo_gguf_find_tensor(const octavo_gguf *gguf, const char *name) {
    octavo_gguf_tensor wanted = {.name = {name, strlen(name)}};
    if (gguf->tensor_count == 0) return NULL;
    return bsearch(&wanted, gguf->tensors, (size_t)gguf->tensor_count, sizeof *gguf->tensors, compare_tensor_names);
}

static const metadata_entry *find_entry(const octavo_gguf *gguf, const char *key) {
    metadata_entry wanted = {.key = {key, strlen(key)}};
    if (gguf->entry_count == 0) return NULL;
    return bsearch(&wanted, gguf->entries, (size_t)gguf->entry_count, sizeof *gguf->entries, compare_entries);
}

static bool absent(const char *key, bool required, octavo_generate_error *error) {
    return !required || octavo_generate_fail(error, "GGUF: key %.80s is missing", key);
}

bool octavo_gguf_has_key(const octavo_gguf *gguf, const char *key) {
    return find_entry(gguf, key) != NULL;
}

bool octavo_gguf_read_uint32(const octavo_gguf *gguf, const char *key, bool required, uint32_t *value,
                             octavo_generate_error *error) {
    const metadata_entry *entry = find_entry(gguf, key);
    if (entry == NULL) return absent(key, required, error);
    unsigned size = scalar_size(entry->type);
    if (size == 0 || entry->type == OCTAVO_GGUF_BOOL || entry->type == OCTAVO_GGUF_FLOAT32 ||
        entry->type == OCTAVO_GGUF_FLOAT64)
        return octavo_generate_fail(error, "GGUF: key %.80s has value type %d, an integer is needed", key,
                                    (int)entry->type);
    bool is_signed = entry->type == OCTAVO_GGUF_INT8 || entry->type == OCTAVO_GGUF_INT16 ||
                     entry->type == OCTAVO_GGUF_INT32 || entry->type == OCTAVO_GGUF_INT64;
    uint64_t number = little_endian(entry->bytes, size);
    bool negative = is_signed && (number >> (8 * size - 1)) != 0;
    if (negative) return octavo_generate_fail(error, "GGUF: key %.80s is negative, allowed are 0..4294967295", key);
    if (number > UINT32_MAX)
        return octavo_generate_fail(error, "GGUF: key %.80s is %llu, allowed are 0..4294967295", key,
                                    (unsigned long long)number);
    *value = (uint32_t)number;
    return true;
}

bool octavo_gguf_read_float(const octavo_gguf *gguf, const char *key, bool required, float *value,
                            octavo_generate_error *error) {
    const metadata_entry *entry = find_entry(gguf, key);
    if (entry == NULL) return absent(key, required, error);
    if (entry->type == OCTAVO_GGUF_FLOAT32) {
        uint32_t bits = (uint32_t)little_endian(entry->bytes, 4);
        memcpy(value, &bits, sizeof bits);
    } else if (entry->type == OCTAVO_GGUF_FLOAT64) {
        uint64_t bits = little_endian(entry->bytes, 8);
        double number;
        memcpy(&number, &bits, sizeof bits);
        if (!(number >= -3e38 && number <= 3e38))
            return octavo_generate_fail(error, "GGUF: key %.80s is %g, which a float cannot hold", key, number);
        *value = (float)number;
    } else {
        return octavo_generate_fail(error, "GGUF: key %.80s has value type %d, a float is needed", key,
                                    (int)entry->type);
    }
    return true;
}

bool octavo_gguf_read_bool(const octavo_gguf *gguf, const char *key, bool required, bool *value,
                           octavo_generate_error *error) {
    const metadata_entry *entry = find_entry(gguf, key);
    if (entry == NULL) return absent(key, required, error);
    if (entry->type != OCTAVO_GGUF_BOOL)
        return octavo_generate_fail(error, "GGUF: key %.80s has value type %d, a bool is needed", key,
                                    (int)entry->type);
    *value = entry->bytes[0] != 0;
    return true;
}

bool octavo_gguf_read_string(const octavo_gguf *gguf, const char *key, bool required, octavo_gguf_string *value,
                             octavo_generate_error *error) {
    const metadata_entry *entry = find_entry(gguf, key);
    if (entry == NULL) return absent(key, required, error);
    if (entry->type != OCTAVO_GGUF_STRING)
        return octavo_generate_fail(error, "GGUF: key %.80s has value type %d, a string is needed", key,
                                    (int)entry->type);
    const unsigned char *cursor = entry->bytes;
    *value = octavo_gguf_next_string(&cursor);
    return true;
}

bool octavo_gguf_read_array(const octavo_gguf *gguf, const char *key, octavo_gguf_value_type element_type,
                            bool required, octavo_gguf_array *value, octavo_generate_error *error) {
    const metadata_entry *entry = find_entry(gguf, key);
    if (entry == NULL) return absent(key, required, error);
    if (entry->type != OCTAVO_GGUF_ARRAY)
        return octavo_generate_fail(error, "GGUF: key %.80s has value type %d, an array is needed", key,
                                    (int)entry->type);
    if (entry->array.element_type != element_type)
        return octavo_generate_fail(error, "GGUF: key %.80s is an array of type %d, type %d is needed", key,
                                    (int)entry->array.element_type, (int)element_type);
    *value = entry->array;
    return true;
}

bool octavo_gguf_string_equals(octavo_gguf_string string, const char *text) {
    return string.length == strlen(text) && memcmp(string.bytes, text, string.length) == 0;
}

octavo_gguf_string octavo_gguf_next_string(const unsigned char **cursor) {
    octavo_gguf_string string = {(const char *)*cursor + 8, (size_t)little_endian(*cursor, 8)};
    *cursor += 8 + string.length;
    return string;
}

float octavo_gguf_array_float(octavo_gguf_array array, uint64_t index) {
    uint32_t bits = (uint32_t)little_endian(array.bytes + 4 * index, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint32_t octavo_gguf_array_uint32(octavo_gguf_array array, uint64_t index) {
    return (uint32_t)little_endian(array.bytes + 4 * index, 4);
}
