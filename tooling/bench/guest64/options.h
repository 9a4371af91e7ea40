#ifndef OPTIONS_H
#define OPTIONS_H

/* Runs what a command line asks for. */
void run_with_options(const char *text);

#endif
