/* Frames in and out: COBS( type | seq | body | CRC-32 ) 0, at 500,000 baud, 8N1. */
#ifndef SERIAL_H
#define SERIAL_H

#include <stdbool.h>
#include <stdint.h>

enum { LONGEST_FRAME = 40, HEAD = 2, TAIL = 4 };

struct frame {
    uint8_t bytes[LONGEST_FRAME]; /* type, seq, body, CRC */
    uint8_t n_body;
    uint32_t at_us; /* when its last byte had arrived */
};

void serial_begin(void);

/* Takes bytes that have arrived until a frame is complete, at most 64 of them. False: no frame yet.
 * A frame with a wrong CRC is counted in `bad_frames`. */
bool serial_receive(struct frame *frame);

/* Takes the bytes that the UART holds: for interrupts that last longer than a byte. The UART
 * itself holds two. */
void serial_poll(void);

/* True if there are bytes to be taken. */
bool serial_waiting(void);

/* Puts a frame into the queue, or returns false, without waiting, if `spare` bytes would not be
 * left there. */
bool serial_send(uint8_t type, uint8_t seq, const uint8_t *body, uint8_t n_body, uint8_t spare);

/* Frames that were not what the protocol says: only for the main loop. */
extern uint16_t bad_frames;

#endif
