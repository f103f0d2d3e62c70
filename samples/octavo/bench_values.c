#include "bench_values.h"

#include "tensor_type.h"

/* The finaliser of splitmix64 over the place (Steele, Lea, Flood 2014). */
float octavo_bench_value(uint64_t seed, octavo_bench_stream stream, uint64_t place) {
    uint64_t mixed = (place + 1) * 0x9e3779b97f4a7c15u + (seed * 4 + stream) * 0xd1342543de82ef95u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    mixed ^= mixed >> 31;
    int32_t sum = (int32_t)((mixed & 0xffff) + (mixed >> 16 & 0xffff) + (mixed >> 32 & 0xffff) + (mixed >> 48));
    return (float)(sum - 2 * 0xffff) * (1.7320508f / 65536.0f);
}

void octavo_bench_fill_values(uint64_t seed, octavo_bench_stream stream, octavo_type type, uint64_t first,
                              float *values, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        values[i] = octavo_tensor_round(type, octavo_bench_value(seed, stream, first + i));
}
