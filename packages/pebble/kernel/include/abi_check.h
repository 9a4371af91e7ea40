/* Claims about layouts that the compiler checks. */
#ifndef PEBBLE_ABI_CHECK_H
#define PEBBLE_ABI_CHECK_H

#define SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "size of " #type)
#define AT(type, field, offset) \
    _Static_assert(offsetof(struct type, field) == (offset), "offset of " #type "." #field)

#endif
