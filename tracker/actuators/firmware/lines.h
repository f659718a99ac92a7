/* The lines and what happens on them by itself: edges, dead-man, longest time high. All of it is in the
 * interrupts of timer 1, so that none of it waits for the main loop or for the serial line.
 *
 * What lasts longer than a byte on the serial line, 20 us, takes bytes in between (serial_poll). What
 * lasts longer than EARLY_US is begun by the main loop only when no edge is near (wait_for_room). */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "box.h"

enum { TICK_US = 500, TICKS_PER_MS = 1000 / TICK_US };

enum phase { IDLE, WAITING /* for a rise: delay or gap */, HIGH };

struct line {
    uint32_t longest_us; /* 0: the line has no limits and does not go high */
    uint32_t least_gap_us;
    uint32_t width_us, period_us, pulses_left;
    uint32_t rise_us; /* the last rise, or the next one while WAITING: on the grid of the period */
    uint32_t next_us; /* the next edge */
    uint32_t high_since_us;
    uint32_t ended_us;                  /* end of the train before, if `has_ended` */
    uint32_t begin_us, end_us, ramp_us; /* of the train; the end only if there is a ramp */
    enum phase phase;
    uint8_t level;     /* asked for */
    uint8_t level_now; /* with the ramp: 1 to 255 */
    uint8_t start_seq;
    bool begun;     /* the train's first pulse has begun */
    bool has_ended; /* a train has ended, at most half an hour ago */
};

extern struct line lines[N_LINES];
extern volatile bool armed;
extern uint16_t dead_man_left; /* ticks until the dead-man trips */

/* Ticks since the main loop has last called `lines_ticked`; kept through a reset. */
extern volatile uint8_t ticks_unasked;

void lines_begin(void);

/* True, once, after each tick: the interrupts are alive. */
bool lines_ticked(void);

/* Waits, with interrupts on, until no edge is so near that it could be delayed; at most about 2 ms. */
void wait_for_room(void);

/* Locked. Sets the interrupt of the next edge of all lines: to be called after every change. */
void plan(void);

/* Locked. Books a rise that has just happened. */
void risen(uint8_t i, uint32_t at_us);

/* Locked. Ends what a line does, whatever it is, and returns when. A train of which nothing was to be
 * seen yet leaves no trace. `forced`: FORCED_LOW or 0. */
uint32_t end_line(uint8_t i, uint8_t forced);

/* Locked. Everything low, and so it stays until the box is armed again. */
void disarm(void);

#endif
