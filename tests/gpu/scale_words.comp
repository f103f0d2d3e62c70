/* The tests' own shader: destination[i] = source[i] * factor + addend. */
#version 450
layout(local_size_x_id = 253) in;
layout(constant_id = 0) const uint factor = 1u;
layout(set = 0, binding = 0) readonly buffer source_buffer {
    uint source[];
};
layout(set = 0, binding = 1) writeonly buffer destination_buffer {
    uint destination[];
};
layout(push_constant) uniform parameters {
    uint count;
    uint addend;
};

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i < count) destination[i] = source[i] * factor + addend;
}
