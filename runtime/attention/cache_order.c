#include "attention/cache_order.h"

#include <string.h>

static void forget_layers(octavo_cache *cache) {
    memset(cache->order.layer_used, 0, cache->info.layer_count * sizeof *cache->order.layer_used);
}

/* Whether what the cache remembers is of this recording. */
static bool is_current(const octavo_cache *cache, const octavo_frame *frame, VkCommandBuffer command_buffer) {
    const octavo_cache_order *order = &cache->order;
    return order->number != 0u && order->command_buffer == command_buffer &&
           octavo_gpu_frame_has_mark(frame, cache, order->number);
}

/* What was recorded before in another command buffer may be copies, too. */
static void begin(octavo_cache *cache, octavo_frame *frame, VkCommandBuffer command_buffer) {
    octavo_cache_order *order = &cache->order;
    octavo_gpu_barrier(cache->device, command_buffer);
    forget_layers(cache);
    order->command_buffer = command_buffer;
    order->number = ++order->last_number;
    octavo_gpu_frame_mark(frame, cache, order->number);
}

void octavo_cache_order_append(octavo_cache *cache, octavo_frame *frame, VkCommandBuffer command_buffer, uint32_t layer,
                               bool copies) {
    octavo_cache_order *order = &cache->order;
    if (!is_current(cache, frame, command_buffer)) {
        begin(cache, frame, command_buffer);
    } else if (copies || order->layer_used[layer]) {
        octavo_gpu_barrier(cache->device, command_buffer);
        forget_layers(cache);
    }
    order->layer_used[layer] = true;
}

void octavo_cache_order_read(octavo_cache *cache, octavo_frame *frame, VkCommandBuffer command_buffer, uint32_t layer) {
    if (!is_current(cache, frame, command_buffer)) {
        begin(cache, frame, command_buffer);
    } else {
        octavo_gpu_dispatch_barrier(cache->device, command_buffer);
        forget_layers(cache);
    }
    cache->order.layer_used[layer] = true;
}

void octavo_cache_order_read_over(octavo_cache *cache, octavo_frame *frame, VkCommandBuffer command_buffer,
                                  uint32_t layer) {
    if (is_current(cache, frame, command_buffer)) cache->order.layer_used[layer] = false;
}

void octavo_cache_order_forget(octavo_cache *cache) {
    cache->order.number = 0u;
}
