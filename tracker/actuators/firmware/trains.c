#include "trains.h"

#include "box.h"
#include "clock.h"
#include "lines.h"
#include "pins.h"
#include "reports.h"
#include "serial.h"

static uint8_t dead_man_ms = DEAD_MAN_DEFAULT_MS;
static bool is_ramping; /* some line may have a ramp */

void trains_forget(void)
{
    LOCKED
    {
        disarm();
        for (uint8_t i = 0; i < N_LINES; i++)
            lines[i].longest_us = 0;
        dead_man_ms = DEAD_MAN_DEFAULT_MS;
        reports_forget();
    }
}

uint8_t trains_limit(uint8_t line, uint32_t longest_us, uint32_t least_gap_us)
{
    if (armed)
        return IS_ARMED;
    if (line >= N_LINES || longest_us == 0 || least_gap_us > MOST_US)
        return OUT_OF_RANGE;
    LOCKED
    {
        lines[line].longest_us = longest_us < MOST_US ? longest_us : MOST_US;
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
        at_us = end_line(line, 0);
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

/* Locked. True if a line is high and will stay so: then there is no edge, and the time for which it has
 * been high counts on. */
static bool stays_high(const struct line *line, const struct train *train)
{
    return line->phase == HIGH && train->delay_us == 0 && train->level != 0;
}

/* Locked. Why a train must not begin now. */
static uint8_t objection(const struct line *line, const struct train *train)
{
    uint32_t now = now_us();
    if (!armed)
        return NOT_ARMED; /* the dead-man has come in between */
    if (stays_high(line, train) && now - line->high_since_us > line->longest_us - train->width_us)
        return TOO_LONG;
    if (line->least_gap_us == 0)
        return TAKEN;
    if (line->phase != IDLE)
        return TOO_SOON;
    if (line->has_ended && now - line->ended_us + train->delay_us < line->least_gap_us)
        return TOO_SOON;
    return TAKEN;
}

/* Locked. */
static void begin(uint8_t i, uint8_t seq, const struct train *train, uint32_t length_us,
                  uint32_t *at_us)
{
    struct line *line = &lines[i];
    bool goes_on = stays_high(line, train);
    *at_us = goes_on ? now_us() : end_line(i, 0);
    serial_poll();
    if (train->level == 0) {
        plan();
        return;
    }
    line->width_us = train->width_us;
    line->period_us = train->period_us;
    line->pulses_left = train->n_pulses;
    line->ramp_us = train->ramp_us;
    line->level = train->level;
    line->level_now = train->ramp_us == 0 ? train->level : 1;
    is_ramping |= train->ramp_us != 0;
    line->start_seq = seq;
    line->begun = false;
    serial_poll();
    if (train->delay_us == 0) {
        pin_high(i, line->level_now);
        *at_us = now_us();
    }
    line->rise_us = *at_us + train->delay_us;
    if (goes_on) {
        line->begun = true;
        line->next_us = line->rise_us + line->width_us;
    } else if (train->delay_us == 0) {
        risen(i, *at_us);
    } else {
        line->next_us = line->rise_us;
        line->phase = WAITING;
    }
    plan();
    serial_poll();
    line->begin_us = line->rise_us;
    line->end_us = line->rise_us + length_us;
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
    uint8_t reason;
    wait_for_room();
    LOCKED
    {
        reason = objection(line, train);
        if (reason == TAKEN)
            begin(i, seq, train, length_us, at_us);
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
