/* The subcommands and what they share. Results go to stdout, progress and reasons to stderr. */
#ifndef OCTAVO_COMMANDS_H
#define OCTAVO_COMMANDS_H

#include "error_line.h"

#include <octavo/device.h>

typedef enum octavo_exit {
    OCTAVO_EXIT_SUCCESS = 0,
    OCTAVO_EXIT_FAILED = 1, /* a check failed, or the run broke off */
    OCTAVO_EXIT_USAGE = 2,  /* arguments or files that cannot be used */
    OCTAVO_EXIT_NO_DEVICE = 3
} octavo_exit;

/* argv[0] is the subcommand's name. */
octavo_exit octavo_devices_command(int argc, char **argv);
octavo_exit octavo_attend_command(int argc, char **argv);
octavo_exit octavo_selftest_command(int argc, char **argv);
octavo_exit octavo_generate_command(int argc, char **argv);
octavo_exit octavo_report_command(int argc, char **argv);

/* One line "octavo COMMAND: reason" on stderr; returns the code. */
octavo_exit octavo_command_fail(const char *command, octavo_exit code, const octavo_error_line *error);
/* The code that a status of the library leads to. */
octavo_exit octavo_command_exit_of_status(octavo_status status);
/* After getopt_long returned '?' or left arguments over: says where help is. */
octavo_exit octavo_command_usage(const char *command);
/* Writes what is left in stdout; a full disk is a failure. */
octavo_exit octavo_command_finish(const char *command, octavo_exit code);

#endif
