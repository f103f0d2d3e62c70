/* Any bytes as a pipeline blob: as they come, and with the checksums made right, so that what stands behind them is
 * reached. Whatever is accepted must lie inside of the blob and begin with this driver's header. */
#include "gpu/pipeline_blob.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const octavo_gpu_blob_identity identity = {
    .driver_uuid = {1}, .pipeline_cache_uuid = {2}, .vendor_id = 0x10de, .device_id = 0x2335, .key = 77};

static void check(const uint8_t *blob, size_t size) {
    const void *payload;
    size_t payload_size;
    const char *wrong = octavo_gpu_blob_check(&identity, blob, size, &payload, &payload_size);
    if (wrong) {
        if (payload || payload_size) abort();
        return;
    }
    const uint8_t *start = payload;
    if (start != blob + OCTAVO_GPU_BLOB_HEADER_BYTES || payload_size != size - OCTAVO_GPU_BLOB_HEADER_BYTES) abort();
    if (payload_size < 32 || memcmp(start + 16, identity.pipeline_cache_uuid, 16) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check(data, size);
    const size_t whole = size + OCTAVO_GPU_BLOB_HEADER_BYTES;
    uint8_t *sealed = malloc(whole);
    if (!sealed) return 0;
    memset(sealed, 0, whole);
    if (size) memcpy(sealed + OCTAVO_GPU_BLOB_HEADER_BYTES, data, size);
    octavo_gpu_blob_seal(&identity, sealed, size);
    check(sealed, whole);
    free(sealed);
    return 0;
}
