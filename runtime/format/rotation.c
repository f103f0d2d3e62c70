#include "format/rotation.h"

#include "base/half.h"
#include "octavo_abi.h"

#include <float.h>
#include <math.h>

static const float hartley_3[9] = {OCTAVO_HARTLEY_3};
static const float hartley_5[25] = {OCTAVO_HARTLEY_5};
static const float hartley_7[49] = {OCTAVO_HARTLEY_7};
static const float hadamard_scales[9] = {0.0f,
                                         0.0f,
                                         0.0f,
                                         0.0f,
                                         0.0f,
                                         OCTAVO_HADAMARD_SCALE_5,
                                         OCTAVO_HADAMARD_SCALE_6,
                                         OCTAVO_HADAMARD_SCALE_7,
                                         OCTAVO_HADAMARD_SCALE_8};

uint32_t octavo_format_sign(uint32_t seed, uint32_t index) {
    uint32_t h = ((seed + 1u) * OCTAVO_SIGN_MULTIPLIER_INDEX) ^ (index * OCTAVO_SIGN_MULTIPLIER_1);
    h ^= h >> 16;
    h *= OCTAVO_SIGN_MULTIPLIER_1;
    h ^= h >> 13;
    h *= OCTAVO_SIGN_MULTIPLIER_2;
    return h >> 31;
}

void octavo_format_rotation_shape(uint32_t dim_padded, uint32_t *m, uint32_t *k) {
    *k = 0u;
    while ((dim_padded & 1u) == 0u && dim_padded != 0u) {
        dim_padded >>= 1;
        *k += 1u;
    }
    *m = dim_padded;
}

/* Signs, and the scale of the Hadamard matrix. */
static void flip_and_scale(uint32_t dim_padded, uint32_t seed, float *row) {
    uint32_t m, k;
    octavo_format_rotation_shape(dim_padded, &m, &k);
    for (uint32_t i = 0; i < dim_padded; ++i) {
        row[i] = row[i] * (octavo_format_sign(seed, i) != 0u ? -hadamard_scales[k] : hadamard_scales[k]);
    }
}

static void hadamard(uint32_t size, float *x) {
    for (uint32_t h = 1; h < size; h *= 2u) {
        for (uint32_t first = 0; first < size; first += 2u * h) {
            for (uint32_t b = first; b < first + h; ++b) {
                float low = x[b], high = x[b + h];
                x[b] = low + high;
                x[b + h] = low - high;
            }
        }
    }
}

/* Mixes the m blocks of 2^k channels by the Hartley matrix. */
static void hartley(uint32_t m, uint32_t size, float *row) {
    const float *matrix = m == 3u ? hartley_3 : m == 5u ? hartley_5 : hartley_7;
    for (uint32_t b = 0; b < size; ++b) {
        float x[7];
        for (uint32_t a = 0; a < m; ++a) x[a] = row[a * size + b];
        for (uint32_t i = 0; i < m; ++i) {
            float sum = matrix[i * m] * x[0];
            for (uint32_t a = 1; a < m; ++a) {
                float product = matrix[i * m + a] * x[a];
                sum = sum + product;
            }
            row[i * size + b] = sum;
        }
    }
}

static void hartley_hadamard(uint32_t dim_padded, float *row) {
    uint32_t m, k;
    octavo_format_rotation_shape(dim_padded, &m, &k);
    uint32_t size = UINT32_C(1) << k;
    for (uint32_t a = 0; a < m; ++a) hadamard(size, row + a * size);
    if (m > 1u) hartley(m, size, row);
}

void octavo_format_rotate(uint32_t dim_padded, uint32_t seed, float *row) {
    flip_and_scale(dim_padded, seed, row);
    hartley_hadamard(dim_padded, row);
}

void octavo_format_rotate_inverse(uint32_t dim_padded, uint32_t seed, float *row) {
    hartley_hadamard(dim_padded, row);
    flip_and_scale(dim_padded, seed, row);
}

void octavo_format_transform(uint32_t dim_padded, const float *matrix, const float *input, float *output) {
    for (uint32_t i = 0; i < dim_padded; ++i) {
        const float *row = matrix + (size_t)i * dim_padded;
        float sum = 0.0f;
        for (uint32_t j = 0; j < dim_padded; ++j) {
            float product = row[j] * input[j];
            sum = sum + product;
        }
        output[i] = sum;
    }
}

/* One step of Gauss-Jordan on [left | right], n x 2n. False when no pivot is large enough. */
static int eliminate(double *work, const double *row_scale, uint32_t n, uint32_t column, uint32_t *order) {
    size_t width = 2u * (size_t)n;
    uint32_t best = column;
    double best_size = -1.0;
    for (uint32_t r = column; r < n; ++r) {
        double size = fabs(work[r * width + column]) / row_scale[order[r]];
        if (size > best_size) {
            best_size = size;
            best = r;
        }
    }
    if (!(best_size > 1e-10)) return 0;
    uint32_t swapped = order[best];
    order[best] = order[column];
    order[column] = swapped;
    for (size_t j = 0; j < width; ++j) {
        double value = work[best * width + j];
        work[best * width + j] = work[column * width + j];
        work[column * width + j] = value;
    }
    double inverse = 1.0 / work[column * width + column];
    for (size_t j = 0; j < width; ++j) work[column * width + j] *= inverse;
    for (uint32_t r = 0; r < n; ++r) {
        double factor = work[r * width + column];
        if (r == column || factor == 0.0) continue;
        for (size_t j = 0; j < width; ++j) work[r * width + j] -= factor * work[column * width + j];
    }
    return 1;
}

octavo_status octavo_format_invert(const octavo_base_host *host, uint32_t dim_padded, const float *matrix,
                                   float *inverse_transposed, float *inverse) {
    uint32_t n = dim_padded;
    size_t width = 2u * (size_t)n;
    size_t bytes = width * n * sizeof(double);
    double row_scale[OCTAVO_FORMAT_DIM_MAX];
    uint32_t order[OCTAVO_FORMAT_DIM_MAX];
    if (n == 0u || n > OCTAVO_FORMAT_DIM_MAX) return OCTAVO_INVALID_ARGUMENT;
    double *work = octavo_base_allocate(host, bytes);
    if (work == NULL) return OCTAVO_OUT_OF_HOST_MEMORY;

    octavo_status status = OCTAVO_SUCCESS;
    for (uint32_t i = 0; i < n; ++i) {
        row_scale[i] = 0.0;
        order[i] = i;
        for (uint32_t j = 0; j < n; ++j) {
            double value = (double)matrix[(size_t)i * n + j];
            work[i * width + j] = value;
            work[i * width + n + j] = i == j ? 1.0 : 0.0;
            if (!isfinite(value)) status = OCTAVO_INVALID_ARGUMENT;
            if (fabs(value) > row_scale[i]) row_scale[i] = fabs(value);
        }
        if (row_scale[i] == 0.0) status = OCTAVO_INVALID_ARGUMENT;
    }
    for (uint32_t column = 0; column < n && status == OCTAVO_SUCCESS; ++column) {
        if (!eliminate(work, row_scale, n, column, order)) status = OCTAVO_INVALID_ARGUMENT;
    }
    /* of tiny numbers: an inverse that f32 does not hold */
    for (uint32_t i = 0; i < n && status == OCTAVO_SUCCESS; ++i) {
        for (uint32_t j = 0; j < n; ++j) {
            if (!(fabs(work[i * width + n + j]) <= (double)FLT_MAX)) status = OCTAVO_INVALID_ARGUMENT;
        }
    }
    for (uint32_t i = 0; i < n && status == OCTAVO_SUCCESS; ++i) {
        for (uint32_t j = 0; j < n; ++j) {
            float value = (float)work[i * width + n + j];
            if (inverse != NULL) inverse[(size_t)i * n + j] = value;
            if (inverse_transposed != NULL) inverse_transposed[(size_t)j * n + i] = value;
        }
    }
    octavo_base_release(host, work, bytes);
    return status;
}
