/* The command line of the 64-bit yardstick: `o=` names the kernels to run by the beginning of their names, `r=` how often. */
#include "plat.h"
#include "options.h"

void bench_main(u32 repetitions, const char *only);

enum { USUAL_REPETITIONS = 5 };

void run_with_options(const char *text) {
  static char only[64];
  u32 repetitions = 0, length = 0;
  for (; *text; text++) {
    if (text[0] == 'o' && text[1] == '=') {
      for (text += 2; *text && *text != ' ' && length < sizeof only - 1; text++) only[length++] = *text;
    } else if (text[0] == 'r' && text[1] == '=') {
      for (text += 2; *text >= '0' && *text <= '9'; text++) repetitions = 10 * repetitions + (u32)(*text - '0');
    }
    while (*text && *text != ' ') text++;
    if (!*text) break;
  }
  bench_main(repetitions ? repetitions : USUAL_REPETITIONS, length ? only : 0);
}
