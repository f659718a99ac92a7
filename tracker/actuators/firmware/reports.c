#include "reports.h"

#include <avr/interrupt.h>
#include <avr/io.h>

#include "box.h"
#include "clock.h"
#include "pins.h"

enum { N_EDGES = 32 };
static struct edge edges[N_EDGES];
static volatile uint8_t edges_in, edges_out;
static uint8_t edge_seq;

static volatile uint8_t tripped; /* bit per cause */
static uint32_t tripped_us[HIGH_TOO_LONG + 1];

static uint8_t inputs_before;    /* PIND at the last report */
static uint8_t input_interrupts; /* since the last tick */

void reports_begin(void)
{
    inputs_before = PIND;
    PCMSK2 = INPUT_PINS; /* bits of PCINT16 to 23 are those of port D */
    PCICR = _BV(PCIE2);
}

void reports_forget(void)
{
    tripped = 0;
    edges_out = edges_in;
    edge_seq = 0;
}

void report_edge(uint8_t line, uint8_t flags, uint8_t start_seq, uint32_t at_us)
{
    uint8_t seq = edge_seq++;
    uint8_t in = edges_in;
    if ((uint8_t)(in - edges_out) == N_EDGES)
        return;
    edges[in % N_EDGES] = (struct edge){seq, line, flags, start_seq, at_us};
    edges_in = in + 1;
}

bool reports_edge(struct edge *edge)
{
    if (edges_in == edges_out)
        return false;
    LOCKED *edge = edges[edges_out % N_EDGES];
    return true;
}

void reports_edge_sent(void)
{
    LOCKED edges_out++;
}

uint8_t reports_trips(void)
{
    return tripped;
}

uint32_t reports_tripped_us(uint8_t cause)
{
    uint32_t at_us;
    LOCKED at_us = tripped_us[cause];
    return at_us;
}

void reports_trip_sent(uint8_t cause)
{
    LOCKED tripped &= ~_BV(cause);
}

void report_inputs(uint32_t at_us)
{
    uint8_t pins = PIND;
    uint8_t changed = (pins ^ inputs_before) & INPUT_PINS;
    if (changed & _BV(PD2))
        report_edge(FIRST_INPUT, pins & _BV(PD2) ? RISING : 0, 0, at_us);
    if (changed & _BV(PD4))
        report_edge(FIRST_INPUT + 1, pins & _BV(PD4) ? RISING : 0, 0, at_us);
    inputs_before = pins;
}

void report_trip(uint8_t cause, uint32_t at_us)
{
    tripped |= _BV(cause);
    tripped_us[cause] = at_us;
}

/* An input that flickers is heard four times between two ticks, no more: it must not take the time
 * that the lines need. */
ISR(PCINT2_vect)
{
    report_inputs(now_us());
    if (++input_interrupts == 4)
        PCICR = 0;
}

void reports_tick(void)
{
    if (input_interrupts == 0)
        return;
    input_interrupts = 0;
    PCICR = _BV(PCIE2);
    report_inputs(now_us());
}
