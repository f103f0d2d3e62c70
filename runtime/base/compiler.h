/* The only place for what C11 does not have. */
#ifndef OCTAVO_COMPILER_H
#define OCTAVO_COMPILER_H

/* text and first: positions, from 1, of the format string and of the first value (0 for a va_list). */
#if defined(__GNUC__)
#define OCTAVO_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define OCTAVO_PRINTF(text, first)
#endif

#endif
