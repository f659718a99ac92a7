#include "serial.h"

#include <avr/interrupt.h>
#include <avr/io.h>

#include "clock.h"
#include "crc_table.h"

/* Both queues have 256 places, so that an index of 8 bits wraps by itself. One place stays empty. */
static uint8_t received[256];
static volatile uint8_t received_in, received_out;
static uint8_t to_send[256];
static volatile uint8_t to_send_in, to_send_out;

/* Timer 1 at each zero, which is the end of a frame: so a frame keeps the time when it arrived,
 * however late the main loop gets to it. */
enum { N_STAMPS = 32 };
static volatile uint16_t stamps[N_STAMPS];
static volatile uint8_t stamps_in, stamps_out;

uint16_t bad_frames;

void serial_begin(void)
{
    UCSR0A = _BV(U2X0);
    UBRR0 = F_CPU / 8 / 500000UL - 1;
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0) | _BV(UDRIE0);
    to_send_in = 1; /* a zero, which ends a frame that a reset has cut off */
}

/* With interrupts off. A byte that finds no room is lost; the CRC of its frame says so. */
static inline __attribute__((always_inline)) void take_byte(void)
{
    uint16_t stamp = TCNT1;
    uint8_t byte = UDR0;
    uint8_t next = received_in + 1;
    if (next == received_out)
        return;
    if (byte == 0) {
        uint8_t index = stamps_in;
        if ((uint8_t)(index - stamps_out) == N_STAMPS)
            return;
        stamps[index % N_STAMPS] = stamp;
        stamps_in = index + 1;
    }
    received[received_in] = byte;
    received_in = next;
}

ISR(USART_RX_vect)
{
    take_byte();
}

void serial_poll(void)
{
    while (UCSR0A & _BV(RXC0))
        take_byte();
}

ISR(USART_UDRE_vect)
{
    if (to_send_out == to_send_in) {
        UCSR0B &= ~_BV(UDRIE0);
    } else {
        UDR0 = to_send[to_send_out];
        to_send_out++;
    }
}

bool serial_waiting(void)
{
    return received_in != received_out;
}

#define CRC_START 0xFFFFFFFFUL
/* The register after any message with its own CRC behind it. */
#define CRC_OF_WHOLE 0xDEBB20E3UL

static uint32_t crc_of(uint32_t crc, uint8_t byte)
{
    return (crc >> 8) ^ pgm_read_dword(&CRC_TABLE[(uint8_t)crc ^ byte]);
}

/* State of the COBS decoder: byte by byte, so that the work is done while a frame arrives. */
static struct {
    uint32_t crc;
    uint8_t n;       /* bytes decoded */
    uint8_t left;    /* bytes until the next code byte */
    bool any;        /* a code byte has been there */
    bool owes_zero;  /* the group that ends stands for a zero behind it */
    bool too_long;
} decoder = {.crc = CRC_START};

static void decoded(struct frame *frame, uint8_t byte)
{
    if (decoder.n == LONGEST_FRAME) {
        decoder.too_long = true;
        return;
    }
    frame->bytes[decoder.n++] = byte;
    decoder.crc = crc_of(decoder.crc, byte);
}

/* Called at the zero behind a frame. True if what was before it is one. */
static bool frame_ended(struct frame *frame)
{
    bool any = decoder.any;
    bool whole = decoder.left == 0 && !decoder.too_long && decoder.n >= HEAD + TAIL &&
                 decoder.crc == CRC_OF_WHOLE;
    frame->n_body = decoder.n - HEAD - TAIL;
    decoder.crc = CRC_START;
    decoder.n = decoder.left = 0;
    decoder.any = decoder.owes_zero = decoder.too_long = false;
    LOCKED
    {
        uint16_t ticks_ago = TCNT1 - stamps[stamps_out % N_STAMPS];
        frame->at_us = now_us() - ticks_ago / TICKS_PER_US;
        stamps_out++;
    }
    if (any && !whole)
        bad_frames++;
    return whole;
}

bool serial_receive(struct frame *frame)
{
    for (uint8_t n = 0; n < 64 && serial_waiting(); n++) {
        uint8_t byte = received[received_out];
        received_out++;
        if (byte == 0) {
            if (frame_ended(frame))
                return true;
        } else if (decoder.left > 0) {
            decoder.left--;
            decoded(frame, byte);
        } else {
            if (decoder.owes_zero)
                decoded(frame, 0);
            decoder.any = true;
            decoder.owes_zero = byte != 0xFF;
            decoder.left = byte - 1;
        }
    }
    return false;
}

/* Puts bytes, with the zero behind them, into the queue as COBS. They are fewer than 254. */
static void send_cobs(const uint8_t *bytes, uint8_t n)
{
    uint8_t in = to_send_in;
    uint8_t code_at = in++;
    uint8_t code = 1;
    for (uint8_t i = 0; i < n; i++) {
        if (bytes[i] != 0) {
            to_send[in++] = bytes[i];
            code++;
        } else {
            to_send[code_at] = code;
            code_at = in++;
            code = 1;
        }
    }
    to_send[code_at] = code;
    to_send[in++] = 0;
    LOCKED
    {
        to_send_in = in;
        UCSR0B |= _BV(UDRIE0);
    }
}

bool serial_send(uint8_t type, uint8_t seq, const uint8_t *body, uint8_t n_body, uint8_t spare)
{
    uint8_t bytes[LONGEST_FRAME];
    uint8_t room = to_send_out - to_send_in - 1;
    uint8_t n = 0;
    if (room < HEAD + n_body + TAIL + 2 + spare)
        return false;
    bytes[n++] = type;
    bytes[n++] = seq;
    while (n_body--)
        bytes[n++] = *body++;
    uint32_t crc = CRC_START;
    for (uint8_t i = 0; i < n; i++)
        crc = crc_of(crc, bytes[i]);
    crc = ~crc;
    for (uint8_t i = 0; i < TAIL; i++) {
        bytes[n++] = (uint8_t)crc;
        crc >>= 8;
    }
    send_cobs(bytes, n);
    return true;
}
