#include "attention/tensor_range.h"

octavo_gpu_range octavo_tensor_range(const octavo_device *device, const octavo_tensor *tensor) {
    VkDeviceSize limit = octavo_gpu_snapshot(device)->max_storage_buffer_range;
    octavo_gpu_range range = {tensor->buffer, tensor->offset, tensor->size < limit ? tensor->size : limit};
    range.size &= ~(VkDeviceSize)3u;
    return range;
}

octavo_status octavo_tensor_check(const octavo_device *device, const char *name, const octavo_tensor *tensor,
                                  uint64_t tokens, uint32_t heads, uint32_t dim) {
    const octavo_device_snapshot *snapshot = octavo_gpu_snapshot(device);
    if (tokens == 0u) return OCTAVO_SUCCESS;
    if (tensor->buffer == VK_NULL_HANDLE) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "%s.buffer: VK_NULL_HANDLE", name);
    }
    if ((uint32_t)tensor->type > OCTAVO_BF16) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "%s.type: %u is no octavo_type", name,
                               (unsigned)tensor->type);
    }
    uint64_t element = tensor->type == OCTAVO_F32 ? 4u : 2u;
    if (tensor->head_stride < dim && heads > 1u) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "%s.head_stride: %u elements is less than the %u channels", name, tensor->head_stride,
                               dim);
    }
    if (tensor->token_stride < dim && tokens > 1u) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "%s.token_stride: %u elements is less than the %u channels", name, tensor->token_stride,
                               dim);
    }
    if ((tokens > 1u && tensor->token_stride * element % 4u != 0u) ||
        (heads > 1u && tensor->head_stride * element % 4u != 0u)) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "%s: strides of %u and %u elements of %u bytes do not keep rows on multiples of 4 bytes",
                               name, tensor->token_stride, tensor->head_stride, (unsigned)element);
    }
    if (tensor->offset % snapshot->min_storage_buffer_offset_alignment != 0u) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "%s.offset: %llu is not a multiple of %llu", name,
                               (unsigned long long)tensor->offset,
                               (unsigned long long)snapshot->min_storage_buffer_offset_alignment);
    }
    uint64_t row = (uint64_t)(heads - 1u) * tensor->head_stride + dim;
    uint64_t before = tokens - 1u;
    uint64_t limit = snapshot->max_storage_buffer_range / element;
    if (tensor->token_stride != 0u && before > (UINT64_MAX / 2u - row) / tensor->token_stride) before = UINT32_MAX;
    /* shaders read whole words */
    uint64_t needed = ((before * tensor->token_stride + row) * element + 3u) & ~UINT64_C(3);
    if (before * tensor->token_stride + row > limit || needed > snapshot->max_storage_buffer_range) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT,
                               "%s: %llu tokens reach beyond the binding range of %llu bytes", name,
                               (unsigned long long)tokens, (unsigned long long)snapshot->max_storage_buffer_range);
    }
    if (needed > tensor->size) {
        return octavo_gpu_fail(device, OCTAVO_INVALID_ARGUMENT, "%s.size: %llu bytes, %llu tokens need %llu", name,
                               (unsigned long long)tensor->size, (unsigned long long)tokens,
                               (unsigned long long)needed);
    }
    return OCTAVO_SUCCESS;
}
