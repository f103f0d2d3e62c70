// A team is the workgroup. Where it is exactly one subgroup, it synchronises and reduces by subgroup operations; its twin
// uses barriers and shared memory. Both give the same values up to the order of summation.
#ifndef OCTAVO_TEAM_GLSL
#define OCTAVO_TEAM_GLSL
#ifdef OCTAVO_SUBGROUP
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require

void team_barrier() {
    subgroupMemoryBarrierShared();
    subgroupBarrier();
}
#else
void team_barrier() {
    barrier();
}
#endif
#endif
