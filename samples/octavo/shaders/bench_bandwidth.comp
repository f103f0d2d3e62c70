/* Memory: fills, copies, or only reads `count` vectors of 16 bytes, a multiple of the workgroup size times LOADS. Each
 * invocation has LOADS loads under way at once; neighbours load neighbours. */
#version 450
#extension GL_EXT_control_flow_attributes : require

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint MODE = 0; /* 0 fill, 1 copy, 2 read */

layout(std430, set = 0, binding = 0) restrict readonly buffer Source {
    uvec4 source[];
};
layout(std430, set = 0, binding = 1) restrict writeonly buffer Destination {
    uvec4 destination[];
};
layout(push_constant) uniform Parameters {
    uint count, loops;
};

const uint LOADS = 8;

void main() {
    uint block = gl_WorkGroupSize.x * LOADS;
    uvec4 sum = uvec4(0);
    for (uint first = gl_WorkGroupID.x * block; first < count; first += gl_NumWorkGroups.x * block) {
        uvec4 values[LOADS];
        uint at = first + gl_LocalInvocationID.x;
        [[unroll]] for (uint i = 0; i < LOADS; ++i) {
            if (MODE == 0)
                values[i] = (uvec4(at + i) * 4 + uvec4(0, 1, 2, 3)) * 2654435761u;
            else
                values[i] = source[at + i * gl_WorkGroupSize.x];
        }
        [[unroll]] for (uint i = 0; i < LOADS; ++i) {
            if (MODE != 2) destination[at + i * gl_WorkGroupSize.x] = values[i];
            sum ^= values[i];
        }
    }
    /* Never: but no compiler knows. */
    if (MODE == 2 && sum == uvec4(0x9e3779b9u, 0x85ebca6bu, 0xc2b2ae35u, 0x27d4eb2fu)) destination[0] = sum;
}
