/* What the main loop asks of the lines: limits, arming, trains. Here is decided what is allowed. */
#ifndef TRAINS_H
#define TRAINS_H

#include <stdint.h>

struct train {
    uint8_t level;
    uint32_t delay_us, width_us, period_us, n_pulses, ramp_us;
};

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

/* To be called after every tick: renews the levels of ramps. */
void trains_renew(void);

#endif
