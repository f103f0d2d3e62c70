/* Any bytes as a .npy file: an array whose size fits its shape, or one line that says why not. */
#include "npy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    octavo_npy_array array;
    octavo_error_line error = {""};
    if (!octavo_npy_parse(data, size, &array, &error)) {
        if (error.text[0] == '\0' || strchr(error.text, '\n') != NULL || array.values != NULL) abort();
        return 0;
    }
    uint64_t count = 1;
    for (uint32_t i = 0; i < array.rank; i++) count *= array.shape[i];
    if (array.rank > OCTAVO_NPY_RANK_MAX || count != array.count || array.values == NULL) abort();
    volatile float sink = 0;
    for (uint64_t i = 0; i < count; i++) sink = array.values[i];
    (void)sink;
    octavo_npy_release(&array);
    return 0;
}
