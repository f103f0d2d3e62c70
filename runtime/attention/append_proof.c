/* The append pipelines prove themselves: packed words and windows bit for bit as the CPU reference makes them. */
#include "attention/proof_case.h"
#include "format/codec_reference.h"

#include <string.h>

typedef struct proof_rows {
    float key[256], value[256];
} proof_rows;

static void rotated_rows(const octavo_proof_case *proof, uint32_t token, uint32_t head, proof_rows *rows) {
    const octavo_packed_layout *layout = &proof->cache->layout;
    octavo_format_basis basis = {0u, NULL, NULL, NULL};
    size_t at = (size_t)octavo_proof_row(token) * layout->kv_heads + head;
    octavo_format_to_basis(&basis, layout->key_dim, layout->key_bits, proof->key_rows + at * layout->key_dim,
                           rows->key);
    octavo_format_to_basis(&basis, layout->value_dim, layout->value_bits, proof->value_rows + at * layout->value_dim,
                           rows->value);
}

/* Compares the packed words of tokens that lie in one page. */
static octavo_status compare_page(const octavo_proof_case *proof, uint32_t first, uint32_t count, uint32_t *image,
                                  uint32_t *expected) {
    octavo_cache *cache = proof->cache;
    const octavo_packed_layout *layout = &cache->layout;
    octavo_cache_view view;
    octavo_status status = octavo_cache_table_view(cache->table, proof->sequence, 0u, &view);
    if (status != OCTAVO_SUCCESS) return status;
    octavo_gpu_range range = octavo_cache_page_range(cache, view.slots[first / OCTAVO_PAGE_TOKENS], 0u);
    status = octavo_gpu_buffer_read(cache->segments[0], range.offset, range.size, image);
    for (uint32_t token = first; token < first + count && status == OCTAVO_SUCCESS; ++token) {
        for (uint32_t head = 0; head < layout->kv_heads && status == OCTAVO_SUCCESS; ++head) {
            proof_rows rows;
            uint32_t got[520], wanted[520];
            rotated_rows(proof, token, head, &rows);
            octavo_format_pack_token(layout, expected, head, token % OCTAVO_PAGE_TOKENS, rows.key, rows.value);
            octavo_format_gather_token(layout, image, head, token % OCTAVO_PAGE_TOKENS, got);
            octavo_format_gather_token(layout, expected, head, token % OCTAVO_PAGE_TOKENS, wanted);
            if (memcmp(got, wanted, 4u * (size_t)layout->token_words) != 0) {
                status =
                    octavo_gpu_fail(cache->device, OCTAVO_UNSUPPORTED,
                                    "the append kernels pack token %u of head %u wrongly on this device", token, head);
            }
        }
    }
    return status;
}

/* The windows, as attention reads them, against f16 of the rows. */
static octavo_status compare_windows(const octavo_proof_case *proof) {
    octavo_cache *cache = proof->cache;
    const octavo_packed_layout *layout = &cache->layout;
    if (cache->info.first_tokens == 0u) return OCTAVO_SUCCESS;
    uint32_t tokens[5] = {0u, 1u, 2u, OCTAVO_PROOF_TOKENS - 2u, OCTAVO_PROOF_TOKENS - 1u};
    float key[2 * 256], value[2 * 256];
    for (int i = 0; i < 5; ++i) {
        octavo_status status = octavo_cache_tokens_read(cache, proof->sequence, 0u, tokens[i], 1u, key, value);
        if (status != OCTAVO_SUCCESS) return status;
        const float *rows[2] = {proof->key_rows, proof->value_rows}, *got[2] = {key, value};
        uint32_t dims[2] = {layout->key_dim, layout->value_dim};
        for (int side = 0; side < 2; ++side) {
            size_t count = (size_t)layout->kv_heads * dims[side];
            const float *wanted = rows[side] + octavo_proof_row(tokens[i]) * count;
            double error = 0.0, norm = 0.0;
            for (size_t j = 0; j < count; ++j) {
                double difference = (double)got[side][j] - (double)wanted[j];
                error += difference * difference;
                norm += (double)wanted[j] * (double)wanted[j];
            }
            if (!(error <= norm * 1e-6)) {
                return octavo_gpu_fail(cache->device, OCTAVO_UNSUPPORTED,
                                       "the append kernels write the f16 window of token %u wrongly on this device",
                                       tokens[i]);
            }
        }
    }
    return OCTAVO_SUCCESS;
}

octavo_status octavo_cache_append_prove(octavo_cache *cache) {
    octavo_proof_case proof;
    octavo_status status = octavo_proof_open(cache, &proof);
    if (status != OCTAVO_SUCCESS) return status;
    size_t page_bytes = 4u * (size_t)proof.cache->layout.page_words;
    uint32_t *image = octavo_gpu_allocate(cache->device, page_bytes);
    uint32_t *expected = octavo_gpu_allocate(cache->device, page_bytes);
    status = image != NULL && expected != NULL ? OCTAVO_SUCCESS : OCTAVO_OUT_OF_HOST_MEMORY;
    if (status == OCTAVO_SUCCESS) status = compare_page(&proof, 0u, OCTAVO_PAGE_TOKENS, image, expected);
    if (status == OCTAVO_SUCCESS) {
        status = compare_page(&proof, OCTAVO_PAGE_TOKENS, OCTAVO_PROOF_TOKENS - OCTAVO_PAGE_TOKENS, image, expected);
    }
    if (status == OCTAVO_SUCCESS) status = compare_windows(&proof);
    octavo_gpu_release(cache->device, image, page_bytes);
    octavo_gpu_release(cache->device, expected, page_bytes);
    octavo_proof_close(&proof);
    return status;
}
