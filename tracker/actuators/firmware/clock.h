/* The time: timer 1 counts at 16 MHz / 8, that is twice per microsecond. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <util/atomic.h>

/* What interrupts share with the main loop is touched by the main loop only in such a block, with
 * interrupts off. Functions whose comment says "locked" are called with interrupts off. */
#define LOCKED ATOMIC_BLOCK(ATOMIC_RESTORESTATE)

enum { TICKS_PER_US = 2 };

void clock_begin(void);

/* Microseconds since the box began to run; wraps after 71.6 minutes. From anywhere. */
uint32_t now_us(void);

#endif
