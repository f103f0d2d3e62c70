#include "gpu/pipeline_blob.h"

#include <string.h>
#include <xxhash.h>

enum {
    MAGIC = 0,
    DRIVER = 8,
    KEY = 24,
    SIZE = 32,
    PAYLOAD_HASH = 40,
    HEADER_HASH = 48,
    /* VkPipelineCacheHeaderVersionOne: headerSize, headerVersion, vendorID, deviceID (u32 each), UUID */
    CACHE_HEADER_BYTES = 32,
    CACHE_HEADER_VERSION_ONE = 1
};
static const char magic[9] = "OCTPIPE1";

static uint64_t read_little(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    for (int i = count - 1; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

static void write_u64(uint8_t *bytes, uint64_t value) {
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> 8 * i);
}

static const char *check_driver_header(const octavo_gpu_blob_identity *identity, const uint8_t *cache, size_t size) {
    if (size < CACHE_HEADER_BYTES) return "the driver's header is cut off";
    uint64_t header_size = read_little(cache, 4);
    if (header_size < CACHE_HEADER_BYTES || header_size > size) return "the driver's header has a wrong size";
    if (read_little(cache + 4, 4) != CACHE_HEADER_VERSION_ONE) return "the driver's header has an unknown version";
    if (read_little(cache + 8, 4) != identity->vendor_id) return "another vendor's cache";
    if (read_little(cache + 12, 4) != identity->device_id) return "another device's cache";
    if (memcmp(cache + 16, identity->pipeline_cache_uuid, 16) != 0) return "another driver version's cache";
    return NULL;
}

const char *octavo_gpu_blob_check(const octavo_gpu_blob_identity *identity, const void *blob, size_t size,
                                  const void **payload, size_t *payload_size) {
    const uint8_t *bytes = blob;
    *payload = NULL;
    *payload_size = 0;
    if (size < OCTAVO_GPU_BLOB_HEADER_BYTES) return "too short";
    if (size > OCTAVO_GPU_BLOB_BYTES_MAX) return "too long";
    if (memcmp(bytes + MAGIC, magic, 8) != 0) return "not a pipeline blob of this version";
    if (read_little(bytes + HEADER_HASH, 8) != XXH64(bytes, HEADER_HASH, 0)) return "the header's checksum is wrong";
    if (memcmp(bytes + DRIVER, identity->driver_uuid, 16) != 0) return "another driver's blob";
    if (read_little(bytes + KEY, 8) != identity->key) return "another pipeline's blob";
    if (read_little(bytes + SIZE, 8) != size - OCTAVO_GPU_BLOB_HEADER_BYTES) return "the size is wrong";
    const uint8_t *cache = bytes + OCTAVO_GPU_BLOB_HEADER_BYTES;
    if (read_little(bytes + PAYLOAD_HASH, 8) != XXH64(cache, size - OCTAVO_GPU_BLOB_HEADER_BYTES, 0)) {
        return "the checksum is wrong";
    }
    const char *wrong = check_driver_header(identity, cache, size - OCTAVO_GPU_BLOB_HEADER_BYTES);
    if (wrong) return wrong;
    *payload = cache;
    *payload_size = size - OCTAVO_GPU_BLOB_HEADER_BYTES;
    return NULL;
}

void octavo_gpu_blob_seal(const octavo_gpu_blob_identity *identity, void *blob, size_t payload_size) {
    uint8_t *bytes = blob;
    memcpy(bytes + MAGIC, magic, 8);
    memcpy(bytes + DRIVER, identity->driver_uuid, 16);
    write_u64(bytes + KEY, identity->key);
    write_u64(bytes + SIZE, payload_size);
    write_u64(bytes + PAYLOAD_HASH, XXH64(bytes + OCTAVO_GPU_BLOB_HEADER_BYTES, payload_size, 0));
    write_u64(bytes + HEADER_HASH, XXH64(bytes, HEADER_HASH, 0));
}
