#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

octavo_exit octavo_command_fail(const char *command, octavo_exit code, const octavo_error_line *error) {
    (void)fprintf(stderr, "octavo %s: %s\n", command, error->text);
    return code;
}

octavo_exit octavo_command_exit_of_status(octavo_status status) {
    switch (status) {
    case OCTAVO_SUCCESS:
        return OCTAVO_EXIT_SUCCESS;
    case OCTAVO_INVALID_ARGUMENT:
    case OCTAVO_UNSUPPORTED:
        return OCTAVO_EXIT_USAGE;
    case OCTAVO_NO_DEVICE:
        return OCTAVO_EXIT_NO_DEVICE;
    default:
        return OCTAVO_EXIT_FAILED;
    }
}

octavo_exit octavo_command_usage(const char *command) {
    (void)fprintf(stderr, "octavo %s: try 'octavo %s --help'\n", command, command);
    return OCTAVO_EXIT_USAGE;
}

octavo_exit octavo_command_finish(const char *command, octavo_exit code) {
    if (fflush(stdout) == 0 && ferror(stdout) == 0) return code;
    (void)fprintf(stderr, "octavo %s: stdout: %s\n", command, strerror(errno));
    return OCTAVO_EXIT_FAILED;
}
