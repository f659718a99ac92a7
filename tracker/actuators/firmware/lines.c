#include "lines.h"

#include <avr/interrupt.h>
#include <avr/io.h>

#include "clock.h"
#include "pins.h"
#include "reports.h"
#include "serial.h"

/* The interrupt of an edge comes this much early and waits for the exact moment: longer than any
 * other interrupt lasts, so that none of them delays an edge. */
enum { EARLY_US = 20 };

/* What starts or ends a train takes less than this. */
enum { ROOM_US = 150 };

/* What it takes from the end of the wait until the pin has changed: measured in cycles. */
enum { SWITCH_TICKS = 6 };

/* Edges further away than this are planned by a later tick: timer 1 wraps after 32.768 ms. */
enum { HORIZON_US = 10000 };

/* A line that is high for so much longer than its limit was forgotten by the edge interrupt. */
enum { SLACK_US = 100 };

struct line lines[N_LINES];
volatile bool armed;
uint16_t dead_man_left;

static uint8_t due_lines;  /* which lines have the next edge, as bits; 0: none within the horizon */
static uint32_t due_us;    /* and when */
static uint16_t due_ticks; /* the same as timer 1 counts it */
static bool is_beyond;     /* there is an edge beyond the horizon */

static volatile bool ticked;
volatile uint8_t ticks_unasked __attribute__((section(".noinit")));

void lines_begin(void)
{
    OCR1B = TCNT1 + TICK_US * TICKS_PER_US;
    TIMSK1 |= _BV(OCIE1B);
}

/* ---- edges ---- */

void plan(void)
{
    uint32_t now = now_us();
    int32_t soonest = HORIZON_US;
    due_lines = 0;
    is_beyond = false;
    uint8_t bit = 1;
    for (const struct line *line = lines; line < lines + N_LINES; line++, bit <<= 1) {
        if (line->phase == IDLE)
            continue;
        int32_t wait = (int32_t)(line->next_us - now);
        if (wait > soonest) {
            is_beyond = true;
            continue;
        }
        if (wait < soonest)
            due_lines = 0;
        soonest = wait;
        due_lines |= bit;
        due_us = line->next_us;
    }
    if (due_lines == 0) {
        TIMSK1 &= ~_BV(OCIE1A);
        return;
    }
    due_ticks = (uint16_t)due_us * TICKS_PER_US;
    uint16_t wake = due_ticks - EARLY_US * TICKS_PER_US;
    uint16_t at_once = TCNT1 + 4 * TICKS_PER_US; /* a time that has passed would never match */
    if (soonest < 0 || (int16_t)(wake - at_once) < 0)
        wake = at_once;
    OCR1A = wake;
    TIMSK1 |= _BV(OCIE1A);
}

/* Locked. */
static void train_ended(struct line *line, uint32_t at_us)
{
    line->phase = IDLE;
    line->ended_us = at_us;
    line->has_ended = true;
}

void risen(uint8_t i, uint32_t at_us)
{
    struct line *line = &lines[i];
    line->phase = HIGH;
    line->high_since_us = at_us;
    line->next_us = line->rise_us + line->width_us;
    report_edge(i, line->begun ? RISING : RISING | FIRST_OF_TRAIN, line->start_seq, at_us);
    line->begun = true;
}

/* Locked. Books a fall that has just happened. */
static void fallen(uint8_t i, uint32_t at_us)
{
    struct line *line = &lines[i];
    line->pulses_left--;
    if (line->pulses_left == 0) {
        report_edge(i, LAST_OF_TRAIN, line->start_seq, at_us);
        train_ended(line, at_us);
    } else {
        report_edge(i, 0, line->start_seq, at_us);
        line->rise_us += line->period_us;
        line->next_us = line->rise_us;
        line->phase = WAITING;
    }
}

/* Locked. Always inline: with `i` known it is a handful of instructions. */
static inline __attribute__((always_inline)) void switch_if_due(uint8_t i)
{
    if (!(due_lines & _BV(i)))
        return;
    if (lines[i].phase == HIGH)
        pin_low(i);
    else if (lines[i].phase == WAITING)
        pin_high(i, lines[i].level_now);
}

ISR(TIMER1_COMPA_vect)
{
    int16_t wait = due_ticks - TCNT1;
    if (due_lines == 0 || wait > 2 * EARLY_US * TICKS_PER_US)
        return; /* it was on its way when the plan was changed */
    while ((wait = due_ticks - TCNT1) > SWITCH_TICKS)
        if (wait > 6 * TICKS_PER_US)
            serial_poll();
    /* The pins first, all those that are due together; then the book-keeping. */
    switch_if_due(0);
    switch_if_due(1);
    switch_if_due(2);
    switch_if_due(3);
    uint32_t at_us = due_us + (uint16_t)(SWITCH_TICKS - wait) / TICKS_PER_US;
    report_inputs(at_us); /* a loop-back wire: now, not after the book-keeping */
    for (uint8_t i = 0; i < N_LINES; i++) {
        if (!(due_lines & _BV(i)))
            continue;
        if (lines[i].phase == HIGH)
            fallen(i, at_us);
        else if (lines[i].phase == WAITING)
            risen(i, at_us);
        serial_poll();
    }
    plan();
    serial_poll();
}

uint32_t end_line(uint8_t i, uint8_t forced)
{
    struct line *line = &lines[i];
    pin_low(i);
    uint32_t at_us = now_us();
    if (line->phase == IDLE)
        return at_us;
    if (line->phase == HIGH)
        report_edge(i, LAST_OF_TRAIN | forced, line->start_seq, at_us);
    if (line->begun)
        train_ended(line, at_us);
    line->phase = IDLE;
    return at_us;
}

void disarm(void)
{
    armed = false;
    /* All pins first, then the book-keeping. */
    for (uint8_t i = 0; i < N_LINES; i++)
        pin_low(i);
    led(false);
    for (uint8_t i = 0; i < N_LINES; i++) {
        end_line(i, FORCED_LOW);
        serial_poll();
    }
    plan();
}

/* Locked. */
static void trip(uint8_t cause)
{
    disarm();
    report_trip(cause, now_us());
}

/* ---- the tick: twice per millisecond ---- */

ISR(TIMER1_COMPB_vect)
{
    OCR1B += TICK_US * TICKS_PER_US;
    ticked = true;
    if (ticks_unasked < 255)
        ticks_unasked++;
    if (armed && --dead_man_left == 0)
        trip(NO_ALIVE);
    /* The edge interrupt ends every pulse. Should it ever not, this does: one line per tick. */
    static uint8_t i;
    i = (i + 1) % N_LINES;
    if (lines[i].phase == HIGH &&
        now_us() - lines[i].high_since_us > lines[i].longest_us + SLACK_US)
        trip(HIGH_TOO_LONG);
    if (due_lines == 0 && is_beyond)
        plan();
    reports_tick();
}

bool lines_ticked(void)
{
    bool was;
    LOCKED
    {
        was = ticked;
        ticked = false;
        ticks_unasked = 0;
    }
    return was;
}

void wait_for_room(void)
{
    bool near = true;
    for (uint16_t n = 0; near && n < 1000; n++)
        LOCKED near = due_lines != 0 && (int16_t)(due_ticks - TCNT1) < ROOM_US * TICKS_PER_US;
}
