/*
 * Included before everything else in a 64-bit build: makes 64-bit integers `long long`
 * in this width too, so that %llu means uint64_t in all of them.
 */
#undef __UINT64_TYPE__
#define __UINT64_TYPE__ unsigned long long
#undef __INT64_TYPE__
#define __INT64_TYPE__ long long
