/* What the box says unasked: edges of lines and inputs, and trips. Interrupts put them here, the main
 * loop sends them. */
#ifndef REPORTS_H
#define REPORTS_H

#include <stdbool.h>
#include <stdint.h>

struct edge {
    uint8_t seq, line, flags, start_seq;
    uint32_t at_us;
};

void reports_begin(void);

/* Locked. Forgets them all, and numbers edges from 0. */
void reports_forget(void);

/* Locked. An edge that finds no room is lost; the jump in `seq` says so. */
void report_edge(uint8_t line, uint8_t flags, uint8_t start_seq, uint32_t at_us);

/* Locked. Reports the inputs that have changed. */
void report_inputs(uint32_t at_us);

/* Locked, by the tick: listens to inputs that were too fast. */
void reports_tick(void);

/* Locked. */
void report_trip(uint8_t cause, uint32_t at_us);

/* The oldest edge that was not sent yet, until it is said to be sent. */
bool reports_edge(struct edge *edge);
void reports_edge_sent(void);

/* Causes for which there was a trip, as bits, until they are said to be sent. */
uint8_t reports_trips(void);
uint32_t reports_tripped_us(uint8_t cause);
void reports_trip_sent(uint8_t cause);

#endif
