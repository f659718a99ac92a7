/* Pulse trains on the lines, their limits, and the dead-man: all of it in the interrupts of timer 1,
 * so that none of it waits for the main loop or for the serial line. */
#ifndef TRAINS_H
#define TRAINS_H

#include <stdbool.h>
#include <stdint.h>

/* Timer 1 counts at 16 MHz / 8. */
enum { TICKS_PER_US = 2 };

struct train {
    uint8_t level;
    uint32_t delay_us, width_us, period_us, n_pulses, ramp_us;
};

struct edge {
    uint8_t seq, line, flags, start_seq;
    uint32_t at_us;
};

void trains_begin(void);

/* Microseconds since the box began to run; wraps after 71.6 minutes. From anywhere. */
uint32_t now_us(void);

/* Everything low, disarmed, limits and reports forgotten. */
void trains_forget(void);

/* These return the reason of a NACK, or TAKEN. */
uint8_t trains_limit(uint8_t line, uint32_t longest_us, uint32_t least_gap_us);
uint8_t trains_set_dead_man(uint8_t timeout_ms);
uint8_t trains_start(uint8_t line, uint8_t seq, struct train *train, uint32_t *at_us);

/* Ends what a line does; returns when. */
uint32_t trains_stop(uint8_t line);

void trains_arm(void);
void trains_disarm(void);
void trains_alive(void);

/* Bit 0: armed; bits 4 to 7: which lines are high. */
uint8_t trains_state(void);

/* To be called by the main loop about every half millisecond: renews the levels of ramps. */
void trains_renew(void);

/* The oldest edge that was not reported yet, until it is said to be reported. */
bool trains_edge(struct edge *edge);
void trains_edge_reported(void);

/* Causes for which there was a trip, as bits, until they are said to be reported. */
uint8_t trains_trips(void);
uint32_t trains_tripped_us(uint8_t cause);
void trains_trip_reported(uint8_t cause);

/* True, once, after the half-millisecond tick: the interrupts are alive. */
bool trains_ticked(void);

/* Ticks since the main loop has last asked `trains_ticked`; kept through a reset. */
extern volatile uint8_t ticks_unasked;

#endif
