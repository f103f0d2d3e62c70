#include "bench_options.h"

#define CAUSAL                                                                                                         \
    { VK_TRUE, 0, 0, 0 }
#define EVERYTHING                                                                                                     \
    { VK_FALSE, 0, 0, 0 }
#define WINDOW(tokens)                                                                                                 \
    { VK_TRUE, tokens, 0, 0 }

/* From the models' config.json: head_dim, num_key_value_heads, num_attention_heads / num_key_value_heads, layer types
 * and sliding_window. */
static const octavo_bench_preset presets[] = {
    {"llama-3-8b", 128, 8, 4, {CAUSAL}, 1, false},
    {"qwen3-8b", 128, 8, 4, {CAUSAL}, 1, false},
    {"gemma-3-1b", 256, 1, 4, {CAUSAL, WINDOW(512)}, 2, false},
    {"gemma-3-27b", 128, 16, 2, {CAUSAL, WINDOW(1024)}, 2, false},
    {"phi-4", 128, 10, 4, {CAUSAL}, 1, false},
    {"gpt-oss-20b", 64, 8, 8, {CAUSAL, WINDOW(128)}, 2, true},
    {"lfm2-1.2b", 64, 8, 4, {CAUSAL}, 1, false},
    {"esm-2-650m", 64, 20, 1, {EVERYTHING}, 1, false},
};

const octavo_bench_preset *octavo_bench_preset_at(uint32_t index) {
    return index < sizeof presets / sizeof presets[0] ? &presets[index] : NULL;
}
