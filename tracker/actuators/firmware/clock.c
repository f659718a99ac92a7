#include "clock.h"

#include <avr/interrupt.h>
#include <avr/io.h>

#ifndef TEST_FIRST_US
#define TEST_FIRST_US 0 /* else a multiple of 32768: a test of the wrap does not wait for it */
#endif

/* The time when timer 1 was last at 0. */
static volatile uint32_t wrapped_us = TEST_FIRST_US;

void clock_begin(void)
{
    TCCR1A = 0;
    TCCR1B = _BV(CS11);
    TIMSK1 = _BV(TOIE1);
}

uint32_t now_us(void)
{
    uint32_t us;
    LOCKED
    {
        uint16_t ticks = TCNT1;
        us = wrapped_us;
        /* It has wrapped, and the interrupt that counts this has not run yet. */
        if ((TIFR1 & _BV(TOV1)) && ticks < 0x8000)
            us += 0x10000 / TICKS_PER_US;
        us += ticks / TICKS_PER_US;
    }
    return us;
}

ISR(TIMER1_OVF_vect)
{
    wrapped_us += 0x10000 / TICKS_PER_US;
}
