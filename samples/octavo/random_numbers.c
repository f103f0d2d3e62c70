#include "random_numbers.h"

#include <math.h>

octavo_random octavo_random_seed(uint64_t seed) {
    octavo_random random = {seed * 0xd1342543de82ef95u + 0x2545f4914f6cdd1du};
    (void)octavo_random_bits(&random);
    return random;
}

uint64_t octavo_random_bits(octavo_random *random) {
    uint64_t mixed = random->state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

double octavo_random_unit(octavo_random *random) {
    return (double)(octavo_random_bits(random) >> 11) * 0x1p-53;
}

uint32_t octavo_random_between(octavo_random *random, uint32_t low, uint32_t high) {
    uint64_t span = (uint64_t)high - low + 1;
    return low + (uint32_t)((octavo_random_bits(random) >> 32) * span >> 32);
}

uint32_t octavo_random_log_between(octavo_random *random, uint32_t low, uint32_t high) {
    double lowest = log((double)low), highest = log((double)high + 1.0);
    double value = exp(lowest + octavo_random_unit(random) * (highest - lowest));
    uint32_t number = (uint32_t)value;
    return number < low ? low : number > high ? high : number;
}

bool octavo_random_once_in(octavo_random *random, uint32_t odds) {
    return octavo_random_between(random, 1, odds) == 1;
}

void octavo_random_normal(octavo_random *random, float deviation, float *values, size_t count) {
    for (size_t i = 0; i < count; i += 2) {
        double radius = sqrt(-2.0 * log(1.0 - octavo_random_unit(random)));
        double angle = 6.283185307179586 * octavo_random_unit(random);
        values[i] = (float)(radius * cos(angle)) * deviation;
        if (i + 1 < count) values[i + 1] = (float)(radius * sin(angle)) * deviation;
    }
}
