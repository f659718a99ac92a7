/* The pins: which pin is which line, and how it is brought high, low, or to a level.
 *
 *   line 0  pin 3   PD3  OC2B     line 2  pin 6   PD6  OC0A     input 0  pin 2  PD2
 *   line 1  pin 5   PD5  OC0B     line 3  pin 11  PB3  OC2A     input 1  pin 4  PD4
 *
 * Every function here is called with interrupts off. */
#ifndef PINS_H
#define PINS_H

#include <avr/io.h>
#include <stdint.h>

#define INPUT_PINS (_BV(PD2) | _BV(PD4))
#define FULL_LEVEL 255

/* All lines are outputs, low. Inputs have their pull-up, so that an open one does not flicker. */
static inline void pins_begin(void)
{
    PORTD = INPUT_PINS;
    PORTB = 0;
    DDRD = _BV(PD3) | _BV(PD5) | _BV(PD6);
    DDRB = _BV(PB3) | _BV(PB5);
    /* Timers 0 and 2: fast PWM from 0 to 255; pins not connected, and clock not running yet. */
    TCCR0A = _BV(WGM01) | _BV(WGM00);
    TCCR2A = _BV(WGM21) | _BV(WGM20);
}

/* Disconnects the pin from its timer and brings it low. */
static inline __attribute__((always_inline)) void pin_low(uint8_t line)
{
    switch (line) {
    case 0:
        TCCR2A &= ~_BV(COM2B1);
        PORTD &= ~_BV(PD3);
        break;
    case 1:
        TCCR0A &= ~_BV(COM0B1);
        PORTD &= ~_BV(PD5);
        break;
    case 2:
        TCCR0A &= ~_BV(COM0A1);
        PORTD &= ~_BV(PD6);
        break;
    case 3:
        TCCR2A &= ~_BV(COM2A1);
        PORTB &= ~_BV(PB3);
        break;
    }
}

static inline __attribute__((always_inline)) void pin_full(uint8_t line)
{
    switch (line) {
    case 0:
        PORTD |= _BV(PD3);
        TCCR2A &= ~_BV(COM2B1);
        break;
    case 1:
        PORTD |= _BV(PD5);
        TCCR0A &= ~_BV(COM0B1);
        break;
    case 2:
        PORTD |= _BV(PD6);
        TCCR0A &= ~_BV(COM0A1);
        break;
    case 3:
        PORTB |= _BV(PB3);
        TCCR2A &= ~_BV(COM2A1);
        break;
    }
}

/* Connects the pin to its timer, which holds it high for (ocr + 1) / 256 of the time. The timer runs at
 * 16 MHz / 64, so that its 256 steps take 1.024 ms. The counter
 * is set to its end, so that the pin goes high within 4 us; not so if it is modulating a line
 * already, which would be disturbed. */
static inline __attribute__((always_inline)) void pin_modulated(uint8_t line, uint8_t ocr)
{
    uint8_t modulating;
    switch (line) {
    case 0:
    case 3:
        modulating = TCCR2A & (_BV(COM2A1) | _BV(COM2B1));
        if (line == 0) {
            OCR2B = ocr;
            TCCR2A |= _BV(COM2B1);
            PORTD &= ~_BV(PD3);
        } else {
            OCR2A = ocr;
            TCCR2A |= _BV(COM2A1);
            PORTB &= ~_BV(PB3);
        }
        TCCR2B = _BV(CS22);
        if (!modulating)
            TCNT2 = 255;
        break;
    case 1:
    case 2:
        modulating = TCCR0A & (_BV(COM0A1) | _BV(COM0B1));
        if (line == 1) {
            OCR0B = ocr;
            TCCR0A |= _BV(COM0B1);
            PORTD &= ~_BV(PD5);
        } else {
            OCR0A = ocr;
            TCCR0A |= _BV(COM0A1);
            PORTD &= ~_BV(PD6);
        }
        TCCR0B = _BV(CS01) | _BV(CS00);
        if (!modulating)
            TCNT0 = 255;
        break;
    }
}

/* Brings a line to a level from 1 to 255. (ocr + 1) / 256 is level / 255, rounded. */
static inline __attribute__((always_inline)) void pin_high(uint8_t line, uint8_t level)
{
    if (level == FULL_LEVEL)
        pin_full(line);
    else
        pin_modulated(line, level - 1 + (level >> 7));
}

static inline void led(uint8_t on)
{
    if (on)
        PORTB |= _BV(PB5);
    else
        PORTB &= ~_BV(PB5);
}

#endif
