/* Numbers of the protocol: docs/stimulus_box.md is the specification. */
#ifndef BOX_H
#define BOX_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PROTOCOL = 1,
    VERSION_MAJOR = 1,
    VERSION_MINOR = 0,
    N_LINES = 4,
    N_INPUTS = 2,
    FIRST_INPUT = 16, /* number of input 0 in an EDGE */
};

/* Type of a frame. */
enum {
    HELLO = 0x01,
    LIMITS = 0x02,
    DEAD_MAN = 0x03,
    ARM = 0x04,
    DISARM = 0x05,
    ALIVE = 0x06,
    START = 0x07,
    STOP = 0x08,
    TEST_HANG_COMMAND = 0x7F, /* only in a build for tests */
    WELCOME = 0x81,
    ACK = 0x82,
    NACK = 0x83,
    PONG = 0x84,
    EDGE = 0x85,
    TRIPPED = 0x86,
};

/* Reason of a NACK. */
enum {
    TAKEN = 0, /* no NACK at all */
    NOT_ARMED = 1,
    IS_ARMED = 2,
    OUT_OF_RANGE = 3,
    TOO_LONG = 4,
    TOO_SOON = 5,
    NO_LIMITS = 6,
};

/* Cause of a TRIPPED. */
enum { NO_ALIVE = 1, HIGH_TOO_LONG = 2, WATCHDOG = 3 };

/* Flags of an EDGE. */
enum { RISING = 1, FIRST_OF_TRAIN = 2, LAST_OF_TRAIN = 4, FORCED_LOW = 8 };

/* No time may be longer: half an hour. Differences of two times then never exceed 2^31 us, so
 * that a clock which wraps every 2^32 us can be compared by subtracting. */
#define MOST_US 1800000000UL
/* Shortest pulse, gap and period: an edge takes the interrupts about 60 us, and four lines of these
 * periods have to leave time for the serial line, even if that is full of garbage. */
#define LEAST_US 60UL
#define LEAST_PERIOD_US 1000UL

#define DEAD_MAN_LEAST_MS 10
#define DEAD_MAN_MOST_MS 250
#define DEAD_MAN_DEFAULT_MS 100

/* A request that comes again within this time is a repetition, and is not carried out twice. */
#define REPEATED_WITHIN_US 500000UL

#endif
