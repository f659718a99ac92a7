/* Firmware of the stimulus box: ATmega328P at 16 MHz, e.g. Arduino Uno.
 *
 * docs/stimulus_box.md says what it does. Who does what:
 *
 *   interrupts   lines.c    edges, dead-man, longest time high: timer 1
 *                reports.c  inputs
 *                serial.c   bytes in and out of two queues
 *   main loop    here       takes a frame, does what it asks, answers; sends reports; feeds the watchdog
 *                trains.c   what is allowed
 *
 * The main loop sleeps until an interrupt comes. Nothing that keeps the animal safe waits for it: if it
 * hangs, ALIVE is not taken any more, so that the dead-man trips, and the watchdog resets the chip. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>
#include <string.h>

#include "box.h"
#include "clock.h"
#include "lines.h"
#include "pins.h"
#include "reports.h"
#include "serial.h"
#include "trains.h"

/* Both survive a reset: section .noinit is not cleared. */
static uint8_t reset_cause __attribute__((section(".noinit")));
static uint32_t was_running __attribute__((section(".noinit")));
#define WAS_RUNNING 0x57494D21UL

static bool watchdog_has_reset;

/* Runs before main and before variables get their values. After a reset by the watchdog, the watchdog
 * is still on, at 15 ms: it has to be stopped at once. */
static void early(void) __attribute__((naked, used, section(".init3")));
static void early(void)
{
    pins_begin();
    reset_cause = MCUSR;
    MCUSR = 0;
    wdt_disable();
}

/* Boot loaders clear MCUSR. Then the tick tells: it went on for long while the main loop did not. */
static bool hung_before(void)
{
    if (reset_cause != 0)
        return reset_cause & _BV(WDRF);
    return was_running == WAS_RUNNING && ticks_unasked >= 20;
}

static uint32_t u32_at(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value); /* the chip is little-endian, like the protocol */
    return value;
}

/* ---- answers ---- */

/* An answer that finds no room in the queue is lost: the host asks again. */
static void answer_time(uint8_t type, uint8_t seq, uint32_t at_us)
{
    serial_send(type, seq, (const uint8_t *)&at_us, sizeof at_us, 0);
}

static void answer_reason(uint8_t seq, uint8_t reason)
{
    uint32_t at_us = now_us();
    if (reason == TAKEN) {
        answer_time(ACK, seq, at_us);
        return;
    }
    uint8_t body[5] = {reason};
    memcpy(body + 1, &at_us, sizeof at_us);
    serial_send(NACK, seq, body, sizeof body, 0);
}

static void answer_welcome(uint8_t seq)
{
    uint32_t at_us = now_us();
    uint8_t body[10] = {PROTOCOL, VERSION_MAJOR, VERSION_MINOR, N_LINES, N_INPUTS, reset_cause};
    memcpy(body + 6, &at_us, sizeof at_us);
    serial_send(WELCOME, seq, body, sizeof body, 0);
}

static void answer_pong(uint8_t seq, uint32_t at_us)
{
    uint8_t body[7];
    memcpy(body, &at_us, sizeof at_us);
    body[4] = trains_state();
    memcpy(body + 5, &bad_frames, sizeof bad_frames);
    serial_send(PONG, seq, body, sizeof body, 0);
}

static bool send_tripped(uint8_t cause, uint32_t at_us)
{
    uint8_t body[5] = {cause};
    memcpy(body + 1, &at_us, sizeof at_us);
    return serial_send(TRIPPED, 0, body, sizeof body, 0);
}

/* ---- requests ---- */

/* The last START or STOP that was carried out, to know it again. */
static struct {
    bool known;
    uint8_t bytes[LONGEST_FRAME]; /* type, seq, body */
    uint8_t n_body;
    uint32_t answer_us, taken_us;
} last;

static bool is_repeated(const struct frame *frame)
{
    return last.known && last.n_body == frame->n_body &&
           memcmp(last.bytes, frame->bytes, HEAD + frame->n_body) == 0;
}

static void remember(const struct frame *frame, uint32_t answer_us)
{
    memcpy(last.bytes, frame->bytes, HEAD + frame->n_body);
    last.n_body = frame->n_body;
    last.answer_us = answer_us;
    last.taken_us = now_us();
    last.known = true;
}

static void hello(uint8_t seq)
{
    trains_forget();
    last.known = false;
    answer_welcome(seq);
    if (watchdog_has_reset)
        watchdog_has_reset = !send_tripped(WATCHDOG, now_us());
}

static void start(const struct frame *frame)
{
    const uint8_t *body = frame->bytes + HEAD;
    uint8_t seq = frame->bytes[1];
    if (is_repeated(frame)) {
        answer_time(ACK, seq, last.answer_us);
        return;
    }
    struct train train = {
        .level = body[1],
        .delay_us = u32_at(body + 2),
        .width_us = u32_at(body + 6),
        .period_us = u32_at(body + 10),
        .n_pulses = u32_at(body + 14),
        .ramp_us = u32_at(body + 18),
    };
    uint32_t at_us;
    uint8_t reason = trains_start(body[0], seq, &train, &at_us);
    if (reason != TAKEN) {
        answer_reason(seq, reason);
        return;
    }
    answer_time(ACK, seq, at_us);
    remember(frame, at_us);
}

static void stop(const struct frame *frame)
{
    uint8_t seq = frame->bytes[1];
    if (is_repeated(frame)) {
        answer_time(ACK, seq, last.answer_us);
        return;
    }
    uint32_t at_us = trains_stop(frame->bytes[HEAD]);
    answer_time(ACK, seq, at_us);
    remember(frame, at_us);
}

#ifdef TEST_HANG
/* 0: hangs; 1: hangs with interrupts off; 2: loses the interrupt of the edges, and goes on. */
static void hang(uint8_t how)
{
    if (how == 2) {
        LOCKED TIMSK1 &= ~_BV(OCIE1A);
        return;
    }
    if (how == 1)
        cli();
    for (;;)
        ;
}
#endif

/* Length of the body of each request; 255: there is no such request. */
static uint8_t body_of(uint8_t type)
{
    switch (type) {
    case ARM:
    case DISARM:
    case ALIVE:
        return 0;
    case HELLO:
    case DEAD_MAN:
    case STOP:
#ifdef TEST_HANG
    case TEST_HANG_COMMAND:
#endif
        return 1;
    case LIMITS:
        return 9;
    case START:
        return 22;
    default:
        return 255;
    }
}

static void carry_out(const struct frame *frame)
{
    uint8_t type = frame->bytes[0];
    uint8_t seq = frame->bytes[1];
    const uint8_t *body = frame->bytes + HEAD;
    if (frame->n_body != body_of(type)) {
        bad_frames++;
        return;
    }
    switch (type) {
    case HELLO:
        hello(seq);
        break;
    case LIMITS:
        answer_reason(seq, trains_limit(body[0], u32_at(body + 1), u32_at(body + 5)));
        break;
    case DEAD_MAN:
        answer_reason(seq, trains_set_dead_man(body[0]));
        break;
    case ARM:
        trains_arm();
        answer_reason(seq, TAKEN);
        break;
    case DISARM:
        trains_disarm();
        answer_reason(seq, TAKEN);
        break;
    case ALIVE:
        trains_alive();
        answer_pong(seq, frame->at_us);
        break;
    case START:
        start(frame);
        break;
    case STOP:
        stop(frame);
        break;
#ifdef TEST_HANG
    case TEST_HANG_COMMAND:
        hang(body[0]);
        break;
#endif
    }
}

/* ---- the main loop ---- */

/* Reports trips and one edge, if the queue has room; answers keep 64 bytes of it for themselves. */
static void report(void)
{
    struct edge edge;
    uint8_t trips = reports_trips();
    for (uint8_t cause = NO_ALIVE; trips != 0 && cause <= HIGH_TOO_LONG; cause++)
        if ((trips & _BV(cause)) && send_tripped(cause, reports_tripped_us(cause)))
            reports_trip_sent(cause);
    if (!reports_edge(&edge))
        return;
    uint8_t body[7] = {edge.line, edge.flags, edge.start_seq};
    memcpy(body + 3, &edge.at_us, sizeof edge.at_us);
    if (serial_send(EDGE, edge.seq, body, sizeof body, 64))
        reports_edge_sent();
}

/* Sleeps until an interrupt comes. None can slip in between the question and the sleep: `sei` takes
 * effect after the instruction behind it. */
static void sleep_if_idle(void)
{
    cli();
    struct edge edge;
    if (!serial_waiting() && !reports_edge(&edge)) {
        sleep_enable();
        sei();
        sleep_cpu();
        sleep_disable();
    }
    sei();
}

int main(void)
{
    static struct frame frame;
    watchdog_has_reset = hung_before();
    was_running = WAS_RUNNING;
    ticks_unasked = 0;
    serial_begin();
    clock_begin();
    lines_begin();
    reports_begin();
    wdt_enable(WDTO_15MS);
    set_sleep_mode(SLEEP_MODE_IDLE);
    sei();
    for (;;) {
        if (serial_receive(&frame))
            carry_out(&frame);
        report();
        if (lines_ticked()) {
            wdt_reset();
            trains_renew();
            if (last.known && now_us() - last.taken_us > REPEATED_WITHIN_US)
                last.known = false;
        }
        sleep_if_idle();
    }
}
