/* The shader of record_into_my_command_buffer.c: target[i] += factor * source[i]. */
#version 450
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) readonly buffer source_buffer {
    float source[];
};
layout(set = 0, binding = 1) buffer target_buffer {
    float target[];
};
layout(push_constant) uniform parameters {
    uint count;
    float factor;
};

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i < count) target[i] += factor * source[i];
}
