// What the teams of a workgroup found of each row: their maxima and sums. Includer defines ROWS, TEAMS, UNSEEN, uint lane,
// shared float team_max[], team_sum[] ([team][row]), row_max[], row_sum[].
#ifndef OCTAVO_TEAM_SUMS_GLSL
#define OCTAVO_TEAM_SUMS_GLSL

// Into row_max[] and row_sum[]; team_max[] becomes what a team's outputs are multiplied by.
void merge_team_sums() {
    for (uint r = lane; r < ROWS; r += gl_WorkGroupSize.x) {
        float largest = UNSEEN, sum = 0.0;
        [[dont_unroll]] for (uint i = 0u; i < TEAMS; ++i) {
            largest = max(largest, team_max[i * ROWS + r]);
        }
        [[dont_unroll]] for (uint i = 0u; i < TEAMS; ++i) {
            const float factor = exp2(team_max[i * ROWS + r] - largest);
            team_max[i * ROWS + r] = factor;
            sum += team_sum[i * ROWS + r] * factor;
        }
        row_max[r] = largest;
        row_sum[r] = sum;
    }
    barrier();
}
#endif
