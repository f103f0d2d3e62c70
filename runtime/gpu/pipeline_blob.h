/* What the pipeline store keeps: a header of our own, then the driver's pipeline cache. Any bytes may come back from a
 * store; drivers are not to be trusted with bytes that are not theirs. Pure.
 *
 * 0 "OCTPIPE1", 8 driver UUID, 24 key (u64), 32 bytes behind the header (u64), 40 XXH64 of those (u64), 48 XXH64 of the
 * header up to here (u64). Little-endian. */
#ifndef OCTAVO_PIPELINE_BLOB_H
#define OCTAVO_PIPELINE_BLOB_H

#include <stddef.h>
#include <stdint.h>

#define OCTAVO_GPU_BLOB_HEADER_BYTES 56
#define OCTAVO_GPU_BLOB_BYTES_MAX ((size_t)64 << 20)

/* Whose blob it is; a blob of another identity is refused. */
typedef struct octavo_gpu_blob_identity {
    uint8_t driver_uuid[16];
    uint8_t pipeline_cache_uuid[16]; /* as Vulkan's own cache header has it */
    uint32_t vendor_id, device_id;
    uint64_t key; /* hash of shader and constants */
} octavo_gpu_blob_identity;

/* NULL: the blob is good, *payload points into it. Else what is wrong. */
const char *octavo_gpu_blob_check(const octavo_gpu_blob_identity *identity, const void *blob, size_t size,
                                  const void **payload, size_t *payload_size);
/* Writes the header of a blob whose payload stands behind it. */
void octavo_gpu_blob_seal(const octavo_gpu_blob_identity *identity, void *blob, size_t payload_size);

#endif
