#include "mask_spec.h"

#include "number_text.h"

#include <stdio.h>
#include <string.h>

#define ITEM_LENGTH 32

static bool parse_count(const char *item, const char *name, uint64_t minimum, uint32_t *count, bool *seen,
                        octavo_error_line *error) {
    if (*seen) return octavo_error_line_set(error, "--mask: has '%s' twice", name);
    *seen = true;
    char label[48];
    (void)snprintf(label, sizeof label, "--mask %s", name);
    uint64_t number = 0;
    if (!octavo_number_parse(label, item + strlen(name) + 1, minimum, UINT32_MAX, &number, error)) return false;
    *count = (uint32_t)number;
    return true;
}

typedef struct items_seen {
    bool causal, window, sink, prefix, none;
} items_seen;

static bool has_name(const char *item, const char *name) {
    size_t length = strlen(name);
    return strncmp(item, name, length) == 0 && item[length] == '=';
}

static bool parse_item(const char *item, octavo_mask *mask, items_seen *seen, octavo_error_line *error) {
    if (has_name(item, "window")) return parse_count(item, "window", 1, &mask->window, &seen->window, error);
    if (has_name(item, "sink")) return parse_count(item, "sink", 0, &mask->sink, &seen->sink, error);
    if (has_name(item, "prefix")) return parse_count(item, "prefix", 0, &mask->prefix, &seen->prefix, error);
    bool *flag = strcmp(item, "causal") == 0 ? &seen->causal : strcmp(item, "none") == 0 ? &seen->none : NULL;
    if (flag == NULL)
        return octavo_error_line_set(error, "--mask: '%s' is none of causal, window=N, sink=N, prefix=N, none", item);
    if (*flag) return octavo_error_line_set(error, "--mask: has '%s' twice", item);
    *flag = true;
    if (flag == &seen->causal) mask->causal = VK_TRUE;
    return true;
}

bool octavo_mask_spec_parse(const char *text, octavo_mask *mask, octavo_error_line *error) {
    *mask = (octavo_mask){VK_FALSE, 0, 0, 0};
    items_seen seen = {false, false, false, false, false};
    size_t items = 0;
    for (const char *start = text;; items++) {
        size_t length = strcspn(start, ",");
        char item[ITEM_LENGTH];
        if (length >= sizeof item)
            return octavo_error_line_set(error, "--mask: '%.64s' has an item of %zu bytes, more than %zu", text, length,
                                         sizeof item - 1);
        memcpy(item, start, length);
        item[length] = '\0';
        if (!parse_item(item, mask, &seen, error)) return false;
        if (start[length] == '\0') break;
        start += length + 1;
    }
    if (seen.none && items > 0)
        return octavo_error_line_set(error, "--mask: 'none' stands alone, not in '%.64s'", text);
    return true;
}

void octavo_mask_spec_format(const octavo_mask *mask, char *text) {
    size_t length = 0;
    text[0] = '\0';
    if (mask->causal) length += (size_t)snprintf(text, OCTAVO_MASK_SPEC_LENGTH, "causal");
    const struct {
        const char *name;
        uint32_t count;
    } items[3] = {{"window", mask->window}, {"sink", mask->sink}, {"prefix", mask->prefix}};
    for (int i = 0; i < 3; i++) {
        if (items[i].count == 0) continue;
        length += (size_t)snprintf(text + length, OCTAVO_MASK_SPEC_LENGTH - length, "%s%s=%u", length > 0 ? "," : "",
                                   items[i].name, (unsigned)items[i].count);
    }
    if (length == 0) (void)snprintf(text, OCTAVO_MASK_SPEC_LENGTH, "none");
}

static bool parse_bits(const char *text, size_t length, uint32_t *bits) {
    static const struct {
        const char *name;
        uint32_t bits;
    } names[5] = {{"2", 2}, {"3", 3}, {"4", 4}, {"16", 16}, {"f16", 16}};
    for (int i = 0; i < 5; i++) {
        if (strlen(names[i].name) != length || memcmp(names[i].name, text, length) != 0) continue;
        *bits = names[i].bits;
        return true;
    }
    return false;
}

bool octavo_cache_spec_parse(const char *text, uint32_t *key_bits, uint32_t *value_bits, octavo_error_line *error) {
    size_t length = strcspn(text, "/");
    const char *value = text[length] == '/' ? text + length + 1 : text;
    if (!parse_bits(text, length, key_bits) || !parse_bits(value, strlen(value), value_bits))
        return octavo_error_line_set(error, "--kv: '%.32s' is not one or two (K/V) of 2, 3, 4, f16", text);
    return true;
}

void octavo_cache_spec_format(uint32_t key_bits, uint32_t value_bits, char *text) {
    char names[2][8];
    uint32_t bits[2] = {key_bits, value_bits};
    for (int i = 0; i < 2; i++)
        (void)snprintf(names[i], sizeof names[i], bits[i] == 16 ? "f%u" : "%u", (unsigned)bits[i] & 0xff);
    if (key_bits == value_bits)
        (void)snprintf(text, OCTAVO_CACHE_SPEC_LENGTH, "%s", names[0]);
    else
        (void)snprintf(text, OCTAVO_CACHE_SPEC_LENGTH, "%s/%s", names[0], names[1]);
}
