#include "trains.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/atomic.h>

#include "box.h"
#include "pins.h"
#include "serial.h"

/* The main loop touches what is here only with interrupts off (ATOMIC_BLOCK). Functions whose comment
 * says "locked" are called with interrupts off. What lasts longer than a byte on the serial line, 20 us,
 * takes bytes in between (serial_poll); what lasts longer than EARLY_US is begun by the main loop only
 * when no edge is near (wait_for_room). */
#define LOCKED ATOMIC_BLOCK(ATOMIC_RESTORESTATE)

enum { TICK_US = 500, TICKS_PER_MS = 1000 / TICK_US };

/* The interrupt of an edge comes this much early and waits for the exact moment: longer than any
 * other interrupt lasts, so that none of them delays an edge. */
enum { EARLY_US = 16 };

/* What starts or ends a train takes less than this. */
enum { ROOM_US = 150 };

/* What it takes from the end of the wait until the pin has changed: measured in cycles. */
enum { SWITCH_TICKS = 4 };

/* Edges further away than this are planned by a later tick: timer 1 wraps after 32.768 ms. */
enum { HORIZON_US = 10000 };

/* A line that is high for so much longer than its limit was forgotten by the edge interrupt. */
enum { SLACK_US = 100 };

enum phase { IDLE, WAITING /* for a rise: delay or gap */, HIGH };

static struct line {
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
    bool cut;       /* the next fall is that of the limit, not of the pulse */
    bool has_ended; /* a train has ended, at most half an hour ago */
} lines[N_LINES];

static uint8_t due_lines;   /* which lines have the next edge, as bits; 0: none within the horizon */
static bool is_beyond;      /* there is an edge beyond the horizon */
static uint32_t due_us;     /* and when */
static uint16_t due_ticks;  /* the same as timer 1 counts it */
#ifndef TEST_FIRST_US
#define TEST_FIRST_US 0 /* else a multiple of 32768: a test of the wrap does not wait for it */
#endif
static volatile uint32_t wrapped_us = TEST_FIRST_US; /* time when timer 1 was last at 0 */

static bool is_ramping; /* some line may have a ramp: only for the main loop */

static volatile bool armed;
static uint8_t dead_man_ms = DEAD_MAN_DEFAULT_MS;
static uint16_t dead_man_left; /* ticks */

static volatile uint8_t tripped; /* bit per cause */
static uint32_t tripped_us[HIGH_TOO_LONG + 1];

enum { N_EDGES = 32 };
static struct edge edges[N_EDGES];
static volatile uint8_t edges_in, edges_out;
static uint8_t edge_seq;

static uint8_t inputs_before;    /* PIND at the last report */
static uint8_t input_interrupts; /* since the last tick */

static volatile bool ticked;
volatile uint8_t ticks_unasked __attribute__((section(".noinit")));

/* ---- time ---- */

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

/* ---- reports ---- */

/* Locked. An edge that finds no room is lost; the jump in `seq` says so. */
static void report_edge(uint8_t line, uint8_t flags, uint8_t start_seq, uint32_t at_us)
{
    uint8_t seq = edge_seq++;
    uint8_t in = edges_in;
    if ((uint8_t)(in - edges_out) == N_EDGES)
        return;
    edges[in % N_EDGES] = (struct edge){seq, line, flags, start_seq, at_us};
    edges_in = in + 1;
}

bool trains_edge(struct edge *edge)
{
    if (edges_in == edges_out)
        return false;
    LOCKED *edge = edges[edges_out % N_EDGES];
    return true;
}

void trains_edge_reported(void)
{
    LOCKED edges_out++;
}

/* Locked. */
static void trip(uint8_t cause, uint32_t at_us)
{
    tripped |= _BV(cause);
    tripped_us[cause] = at_us;
}

uint8_t trains_trips(void)
{
    return tripped;
}

uint32_t trains_tripped_us(uint8_t cause)
{
    uint32_t at_us;
    LOCKED at_us = tripped_us[cause];
    return at_us;
}

void trains_trip_reported(uint8_t cause)
{
    LOCKED tripped &= ~_BV(cause);
}

/* Locked. */
static void report_inputs(uint32_t at_us)
{
    uint8_t pins = PIND;
    uint8_t changed = (pins ^ inputs_before) & INPUT_PINS;
    if (changed & _BV(PD2))
        report_edge(FIRST_INPUT, pins & _BV(PD2) ? RISING : 0, 0, at_us);
    if (changed & _BV(PD4))
        report_edge(FIRST_INPUT + 1, pins & _BV(PD4) ? RISING : 0, 0, at_us);
    inputs_before = pins;
}

/* ---- edges ---- */

/* Locked. Sets the interrupt of the next edge of all lines. */
static void plan(void)
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
    line->cut = false;
    line->ended_us = at_us;
    line->has_ended = true;
}

/* Locked. Books a rise that has just happened. */
static void risen(uint8_t i, uint32_t at_us)
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
    bool cut = line->cut;
    line->pulses_left--;
    if (cut || line->pulses_left == 0) {
        report_edge(i, cut ? LAST_OF_TRAIN | FORCED_LOW : LAST_OF_TRAIN, line->start_seq, at_us);
        train_ended(line, at_us);
        if (cut)
            trip(HIGH_TOO_LONG, at_us);
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
    else
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
        else
            risen(i, at_us);
        serial_poll();
    }
    plan();
    serial_poll();
}

/* Locked. Ends what a line does, whatever it is, and returns when. A train of which nothing was to be
 * seen yet leaves no trace. */
static uint32_t end_line(uint8_t i)
{
    struct line *line = &lines[i];
    pin_low(i);
    uint32_t at_us = now_us();
    if (line->phase == IDLE)
        return at_us;
    if (line->phase == HIGH)
        report_edge(i, LAST_OF_TRAIN | FORCED_LOW, line->start_seq, at_us);
    if (line->begun)
        train_ended(line, at_us);
    line->phase = IDLE;
    line->cut = false;
    return at_us;
}

/* Locked. */
static void end_all(void)
{
    for (uint8_t i = 0; i < N_LINES; i++)
        pin_low(i);
    for (uint8_t i = 0; i < N_LINES; i++) {
        end_line(i);
        serial_poll();
    }
    plan();
}

/* Locked. */
static void disarm(void)
{
    armed = false;
    led(false);
    end_all();
}

/* ---- the tick: twice per millisecond ---- */

/* An input that flickers is heard four times between two ticks, no more: it must not take the time
 * that the lines need. */
ISR(PCINT2_vect)
{
    report_inputs(now_us());
    if (++input_interrupts == 4)
        PCICR = 0;
}

ISR(TIMER1_COMPB_vect)
{
    OCR1B += TICK_US * TICKS_PER_US;
    ticked = true;
    if (ticks_unasked < 255)
        ticks_unasked++;
    if (armed && --dead_man_left == 0) {
        disarm();
        trip(NO_ALIVE, now_us());
    }
    /* The edge interrupt ends every pulse. Should it ever not, this does: one line per tick. */
    static uint8_t i;
    i = (i + 1) % N_LINES;
    if (lines[i].phase == HIGH &&
        now_us() - lines[i].high_since_us > lines[i].longest_us + SLACK_US) {
        end_line(i);
        trip(HIGH_TOO_LONG, now_us());
    }
    if (due_lines == 0 && is_beyond)
        plan();
    if (input_interrupts != 0) {
        input_interrupts = 0;
        PCICR = _BV(PCIE2);
        report_inputs(now_us());
    }
}

bool trains_ticked(void)
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

/* ---- what the main loop asks for ---- */

void trains_begin(void)
{
    LOCKED
    {
        TCCR1A = 0;
        TCCR1B = _BV(CS11);
        OCR1B = TICK_US * TICKS_PER_US;
        TIMSK1 = _BV(OCIE1B) | _BV(TOIE1);
        inputs_before = PIND;
        PCMSK2 = INPUT_PINS; /* bits of PCINT16 to 23 are those of port D */
        PCICR = _BV(PCIE2);
    }
}

void trains_forget(void)
{
    LOCKED
    {
        disarm();
        for (uint8_t i = 0; i < N_LINES; i++)
            lines[i].longest_us = 0;
        dead_man_ms = DEAD_MAN_DEFAULT_MS;
        tripped = 0;
        edges_out = edges_in;
        edge_seq = 0;
    }
}

/* Waits, with interrupts on, until no edge is so near that it could be delayed; at most about 2 ms. */
static void wait_for_room(void)
{
    bool near = true;
    for (uint16_t n = 0; near && n < 1000; n++)
        LOCKED near = due_lines != 0 && (int16_t)(due_ticks - TCNT1) < ROOM_US * TICKS_PER_US;
}

uint8_t trains_limit(uint8_t line, uint32_t longest_us, uint32_t least_gap_us)
{
    if (armed)
        return IS_ARMED;
    if (line >= N_LINES || longest_us == 0 || longest_us > MOST_US || least_gap_us > MOST_US)
        return OUT_OF_RANGE;
    LOCKED
    {
        lines[line].longest_us = longest_us;
        lines[line].least_gap_us = least_gap_us;
    }
    return TAKEN;
}

uint8_t trains_set_dead_man(uint8_t timeout_ms)
{
    if (armed)
        return IS_ARMED;
    if (timeout_ms < DEAD_MAN_LEAST_MS || timeout_ms > DEAD_MAN_MOST_MS)
        return OUT_OF_RANGE;
    dead_man_ms = timeout_ms;
    return TAKEN;
}

void trains_alive(void)
{
    /* One tick more, for that which has partly passed. */
    LOCKED dead_man_left = dead_man_ms * TICKS_PER_MS + 1;
}

void trains_arm(void)
{
    LOCKED
    {
        if (!armed)
            trains_alive();
        armed = true;
        led(true);
    }
}

void trains_disarm(void)
{
    LOCKED disarm();
}

uint32_t trains_stop(uint8_t line)
{
    if (line >= N_LINES)
        return now_us();
    uint32_t at_us;
    wait_for_room();
    LOCKED
    {
        at_us = end_line(line);
        serial_poll();
        plan();
    }
    return at_us;
}

uint8_t trains_state(void)
{
    uint8_t state = armed;
    for (uint8_t i = 0; i < N_LINES; i++)
        if (lines[i].phase == HIGH)
            state |= _BV(4 + i);
    return state;
}

/* From the start of the first pulse to the end of the last; 0 if that is more than half an hour. */
static uint32_t length_of(const struct train *train)
{
    if (train->n_pulses - 1 > (MOST_US - train->width_us) / train->period_us)
        return 0;
    return (train->n_pulses - 1) * train->period_us + train->width_us;
}

static bool in_range(const struct train *train)
{
    bool times = train->width_us >= LEAST_US && train->width_us <= train->period_us &&
                 train->period_us <= MOST_US && train->delay_us <= MOST_US && train->n_pulses >= 1;
    if (!times)
        return false;
    bool has_gaps = train->n_pulses > 1 && train->width_us != train->period_us;
    if (has_gaps && (train->period_us < LEAST_PERIOD_US ||
                     train->period_us - train->width_us < LEAST_US))
        return false;
    return train->ramp_us == 0 || train->ramp_us <= length_of(train) / 2;
}

/* Locked. Begins a train on a line that is high and stays so: no edge, and the time for which it has
 * been high counts on. */
static void take_over(struct line *line, uint32_t now)
{
    uint32_t high_us = now - line->high_since_us;
    uint32_t left_us = high_us < line->longest_us ? line->longest_us - high_us : 0;
    line->begun = true;
    line->cut = line->width_us > left_us;
    line->next_us = now + (line->cut ? left_us : line->width_us);
}

/* Locked. */
static void begin(uint8_t i, uint8_t seq, const struct train *train, uint32_t *at_us)
{
    struct line *line = &lines[i];
    bool stays_high = line->phase == HIGH && train->delay_us == 0 && train->level != 0;
    *at_us = stays_high ? now_us() : end_line(i);
    serial_poll();
    if (train->level == 0)
        return;
    line->width_us = train->width_us;
    line->period_us = train->period_us;
    line->pulses_left = train->n_pulses;
    line->ramp_us = train->ramp_us;
    line->level = train->level;
    line->level_now = train->ramp_us == 0 ? train->level : 1;
    is_ramping |= train->ramp_us != 0;
    line->start_seq = seq;
    line->begun = false;
    if (train->delay_us == 0) {
        pin_high(i, line->level_now);
        *at_us = now_us();
    }
    serial_poll();
    line->rise_us = *at_us + train->delay_us;
    line->begin_us = line->rise_us;
    line->next_us = line->rise_us;
    if (stays_high)
        take_over(line, *at_us);
    else if (train->delay_us == 0)
        risen(i, *at_us);
    else
        line->phase = WAITING;
}

uint8_t trains_start(uint8_t i, uint8_t seq, struct train *train, uint32_t *at_us)
{
    if (!armed)
        return NOT_ARMED;
    if (i >= N_LINES || !in_range(train))
        return OUT_OF_RANGE;
    struct line *line = &lines[i];
    if (line->longest_us == 0)
        return NO_LIMITS;
    if (train->width_us > line->longest_us)
        return TOO_LONG;
    uint32_t length_us = train->ramp_us == 0 ? 0 : length_of(train);
    if (train->width_us == train->period_us) { /* no gaps: all pulses are one */
        if (train->n_pulses > line->longest_us / train->width_us)
            return TOO_LONG;
        train->width_us *= train->n_pulses;
        train->n_pulses = 1;
    }
    uint8_t reason = TAKEN;
    wait_for_room();
    LOCKED
    {
        bool running = line->phase != IDLE && line->begun;
        if (!armed)
            reason = NOT_ARMED; /* the dead-man has come in between */
        else if (running && line->least_gap_us != 0)
            reason = TOO_SOON;
        else if (line->has_ended && now_us() - line->ended_us < line->least_gap_us)
            reason = TOO_SOON;
        else {
            begin(i, seq, train, at_us);
            line->end_us = line->begin_us + length_us;
            serial_poll();
            plan();
        }
    }
    return reason;
}

/* The level of a ramp at a moment of its train: 1 at its ends, so that a pulse is never invisible. */
static uint8_t ramp_level(const struct line *line, uint32_t now)
{
    uint32_t from_begin = now - line->begin_us;
    uint32_t to_end = line->end_us - now;
    uint32_t inside = from_begin < to_end ? from_begin : to_end;
    uint32_t ramp = line->ramp_us;
    if (inside >= ramp)
        return line->level;
    while (ramp > 0xFFFFFF) { /* so that the product fits */
        ramp >>= 1;
        inside >>= 1;
    }
    uint8_t level = line->level * inside / ramp;
    return level == 0 ? 1 : level;
}

/* An end half an hour ago is forgotten, long before the clock has wrapped and it looks recent. */
static void forget_ends(void)
{
    for (struct line *line = lines; line < lines + N_LINES; line++)
        LOCKED if (line->has_ended && now_us() - line->ended_us > MOST_US) line->has_ended = false;
}

void trains_renew(void)
{
    static uint8_t n;
    if (++n == 0)
        forget_ends();
    if (!is_ramping)
        return;
    is_ramping = false;
    for (uint8_t i = 0; i < N_LINES; i++) {
        struct line *line = &lines[i];
        if (line->phase == IDLE || line->ramp_us == 0)
            continue;
        is_ramping = true;
        if (!line->begun)
            continue;
        uint8_t level = ramp_level(line, now_us());
        LOCKED
        {
            line->level_now = level;
            if (line->phase == HIGH)
                pin_high(i, level);
        }
    }
}
