/* Runs the firmware of the stimulus box in simavr.
 *
 *   box_in_simavr FIRMWARE.elf step    time stands still but for the command "run": exact, and as fast as it goes
 *   box_in_simavr FIRMWARE.elf pty     real time, the serial line is a pseudo-terminal
 *
 * Commands on stdin, one a line; its end is that of the program:
 *   send HEX          bytes on the serial line to the box, at line rate, from now
 *   input N 0|1       drives an input; an input that was never driven is held high by its pull-up
 *   wire LINE INPUT   a wire from an output to an input
 *   reset             the reset button
 *   loader            from now on a boot loader runs at a reset, and clears its cause
 *   run CYCLES        (step) runs, then says "done"
 * Events on stdout, one a line; 16 cycles are a microsecond:
 *   port PATH                (pty) where the serial line is; the firmware listens
 *   pin N 0|1 CYCLE          a line has changed (4: the LED), with a pull-down on it
 *   byte HEX CYCLE           (step) the box begins to send a byte
 *   overrun CYCLE            a byte was lost because the box left three unread
 *   reset watchdog|external CYCLE
 *   done CYCLE MASKED        MASKED: longest time with interrupts off since the last "run", in cycles
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <simavr/avr_extint.h>
#include <simavr/avr_ioport.h>
#include <simavr/avr_timer.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_core.h>
#include <simavr/sim_elf.h>

enum {
    HZ = 16000000,
    BYTE_CYCLES = 320,          /* ten bits at 500,000 baud */
    AHEAD = HZ / 1000000 * 300, /* it may be so far ahead of real time, to wait less often */
    CATCH_UP = HZ / 1000 * 20,  /* more than so late, and simulated time has been standing still */
    LOOK_EVERY = HZ / 1000000 * 200,
    N_PINS = 5,
};

/* The pins that are watched: data addresses of port and timer registers, see the data sheet. */
static const struct {
    char port, timer;
    int bit, port_at, com_at, com_mask, comparator;
} PINS[N_PINS] = {
    {'D', '2', 3, 0x2B, 0xB0, 0x30, AVR_TIMER_COMPB}, {'D', '0', 5, 0x2B, 0x44, 0x30, AVR_TIMER_COMPB},
    {'D', '0', 6, 0x2B, 0x44, 0xC0, AVR_TIMER_COMPA}, {'B', '2', 3, 0x25, 0xB0, 0xC0, AVR_TIMER_COMPA},
    {'B', 0, 5, 0x25, 0, 0, 0},
};
static const int INPUT_BITS[2] = {2, 4};
enum { PIND = 0x29, MCUSR = 0x54 };

static avr_t *avr;
static avr_uart_t *uart;
static avr_cycle_count_t run_until;
static avr_cycle_count_t masked_since, masked_longest;
static int pty = -1;
static int levels[N_PINS], comparator_levels[N_PINS];
static bool has_loader;
static int input_levels[2] = {1, 1}, wires[2] = {-1, -1};

/* ---- pins ---- */

static void drive(int input, int level)
{
    input_levels[input] = level;
    avr_ioport_external_t held = {.mask = 0x14, .value = input_levels[0] << 2 | input_levels[1] << 4};
    avr_ioctl(avr, AVR_IOCTL_IOPORT_SET_EXTERNAL('D'), &held);
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('D'), INPUT_BITS[input]), level);
}

/* What the pins really are: simavr does not know that a timer has them while it is connected. */
static void look_at_pins(void)
{
    for (int i = 0; i < N_PINS; i++) {
        int mask = 1 << PINS[i].bit;
        int is_output = avr->data[PINS[i].port_at - 1] & mask;
        int of_timer = PINS[i].com_at && (avr->data[PINS[i].com_at] & PINS[i].com_mask);
        int level = of_timer ? comparator_levels[i] : !!(avr->data[PINS[i].port_at] & mask);
        level = is_output ? level : 0;
        if (level == levels[i])
            continue;
        levels[i] = level;
        printf("pin %d %d %llu\n", i, level, (unsigned long long)avr->cycle);
        for (int input = 0; input < 2; input++)
            if (wires[input] == i)
                drive(input, level);
    }
}

static void register_written(struct avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq, (void)value, (void)param;
    look_at_pins();
}

static void comparator_switched(struct avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    comparator_levels[(intptr_t)param] = value & 1;
    look_at_pins();
}

static void watch_pins(void)
{
    static const int registers[] = {0x24, 0x25, 0x2A, 0x2B, 0x44, 0xB0};
    for (unsigned i = 0; i < sizeof registers / sizeof *registers; i++)
        avr_irq_register_notify(avr_iomem_getirq(avr, registers[i], NULL, AVR_IOMEM_IRQ_ALL),
                                register_written, NULL);
    for (intptr_t i = 0; i < N_PINS; i++)
        if (PINS[i].timer)
            avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_TIMER_GETIRQ(PINS[i].timer),
                                                  TIMER_IRQ_OUT_COMP + PINS[i].comparator),
                                    comparator_switched, (void *)i);
}

/* ---- the serial line ---- */

/* Bytes that wait, the one that is on its way, and those that the UART holds: two, and a third in its
 * shift register, until the start of a fourth. simavr's own idea of this is slower than the chip. */
static uint8_t to_box[1 << 16];
static unsigned to_box_in, to_box_out;
static int feeding, on_its_way = -1;
static uint8_t held[3];
static int n_held;
static uint8_t from_box[4096];
static unsigned n_from_box;

static bool simavr_has_one(void)
{
    return uart->input.write != uart->input.read;
}

/* Lets the firmware see the oldest byte that the UART holds, in the next cycle. */
static void show_next(struct avr_irq_t *unused, uint32_t value, void *param)
{
    (void)unused, (void)value, (void)param;
    if (n_held == 0 || simavr_has_one())
        return;
    uint8_t byte = held[0];
    memmove(held, held + 1, --n_held);
    uart->cycles_per_byte = 1;
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT), byte);
    uart->cycles_per_byte = BYTE_CYCLES;
}

/* One byte is complete, and the next begins. */
static avr_cycle_count_t feed(avr_t *unused, avr_cycle_count_t when, void *param)
{
    (void)unused, (void)param;
    if (on_its_way >= 0)
        held[n_held++] = on_its_way;
    on_its_way = -1;
    show_next(NULL, 0, NULL);
    if (to_box_in == to_box_out)
        return feeding = 0;
    if (n_held + simavr_has_one() >= 3)
        printf("overrun %llu\n", (unsigned long long)avr->cycle);
    else
        on_its_way = to_box[to_box_out];
    to_box_out = (to_box_out + 1) % sizeof to_box;
    return when + BYTE_CYCLES;
}

static void send_to_box(const uint8_t *bytes, int n)
{
    for (int i = 0; i < n; i++) {
        to_box[to_box_in] = bytes[i];
        to_box_in = (to_box_in + 1) % sizeof to_box;
    }
    if (!feeding)
        avr_cycle_timer_register(avr, 1, feed, NULL);
    feeding = 1;
}

static void box_sends(struct avr_irq_t *irq, uint32_t value, void *param)
{
    static bool is_known;
    (void)irq, (void)param;
    if (pty >= 0 && !is_known)
        printf("port %s\n", ptsname(pty)); /* now the firmware listens */
    is_known = true;
    if (pty < 0)
        printf("byte %02x %llu\n", value & 0xFF, (unsigned long long)avr->cycle);
    else if (n_from_box < sizeof from_box)
        from_box[n_from_box++] = value;
}

static void open_pty(void)
{
    struct termios raw;
    pty = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    grantpt(pty);
    unlockpt(pty);
    int other_end = open(ptsname(pty), O_RDWR | O_NOCTTY); /* kept open: a host may come and go */
    tcgetattr(other_end, &raw);
    cfmakeraw(&raw);
    tcsetattr(other_end, TCSANOW, &raw);
}

/* ---- commands ---- */

static void step(avr_t *unused);

static void after_reset(const char *cause)
{
    feeding = n_held = 0; /* simavr has forgotten its timers */
    on_its_way = -1;
    if (has_loader)
        avr->data[MCUSR] = 0;
    printf("reset %s %llu\n", cause, (unsigned long long)avr->cycle);
    masked_since = 0;
    look_at_pins();
    avr->data[PIND] = input_levels[0] << 2 | input_levels[1] << 4;
}

static bool run_once(void)
{
    bool by_watchdog = avr->run != step; /* simavr has put its reset there */
    avr->run(avr);
    if (by_watchdog)
        after_reset("watchdog");
    return avr->state != cpu_Done && avr->state != cpu_Crashed;
}

static void run_steps(long long cycles)
{
    masked_longest = 0;
    run_until = avr->cycle + cycles;
    while (avr->cycle < run_until && run_once())
        ;
    printf("done %llu %llu\n", (unsigned long long)avr->cycle, (unsigned long long)masked_longest);
    fflush(stdout);
}

static void obey(char *line)
{
    int a, b;
    long long cycles;
    if (sscanf(line, "input %d %d", &a, &b) == 2)
        drive(a, b);
    else if (sscanf(line, "wire %d %d", &a, &b) == 2)
        wires[b] = a;
    else if (sscanf(line, "run %lld", &cycles) == 1)
        run_steps(cycles);
    else if (strncmp(line, "loader", 6) == 0)
        has_loader = true;
    else if (strncmp(line, "reset", 5) == 0) {
        avr_reset(avr);
        avr_regbit_set(avr, avr->reset_flags.extrf);
        after_reset("external");
    } else if (strncmp(line, "send ", 5) == 0)
        for (char *hex = line + 5; sscanf(hex, "%2x", &a) == 1; hex += 2)
            send_to_box(&(uint8_t){a}, 1);
}

/* Reads what stdin has. False at its end. */
static int read_commands(void)
{
    static char buffer[1 << 16];
    static size_t n;
    ssize_t got = read(0, buffer + n, sizeof buffer - 1 - n);
    if (got <= 0)
        return 0;
    n += got;
    buffer[n] = 0;
    char *line = buffer;
    for (char *end; (end = memchr(line, '\n', buffer + n - line)); line = end + 1) {
        *end = 0;
        obey(line);
    }
    n -= line - buffer;
    memmove(buffer, line, n);
    return 1;
}

/* ---- real time ---- */

static long long wall_cycles(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (long long)HZ + now.tv_nsec * 2LL / 125;
}

static long long wall_of_cycle_0;

/* Waits until the wall clock has come to a cycle, or something came in: then returns which cycle it is. */
static avr_cycle_count_t look_until(avr_cycle_count_t target)
{
    static avr_cycle_count_t looked;
    uint8_t bytes[256];
    if (avr->cycle - looked < LOOK_EVERY && target - looked < LOOK_EVERY)
        return target;
    looked = avr->cycle;
    ssize_t written = n_from_box ? write(pty, from_box, n_from_box) : 0;
    (void)written; /* where nobody reads, it is lost, as on a real line */
    n_from_box = 0;
    long long late = wall_cycles() - wall_of_cycle_0 - (long long)avr->cycle;
    if (late > CATCH_UP)
        wall_of_cycle_0 += late - CATCH_UP;
    long long wait = (long long)target - (long long)avr->cycle - late;
    wait = wait < AHEAD ? 0 : wait;
    struct timespec timeout = {.tv_nsec = wait * 125 / 2};
    struct pollfd fds[2] = {{.fd = pty, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    if (ppoll(fds, 2, &timeout, NULL) <= 0)
        return target;
    long long cycle = wall_cycles() - wall_of_cycle_0;
    if (cycle > (long long)avr->cycle)
        avr->cycle = (avr_cycle_count_t)cycle < target ? (avr_cycle_count_t)cycle : target;
    ssize_t got = fds[0].revents & POLLIN ? read(pty, bytes, sizeof bytes) : 0;
    if (got > 0)
        send_to_box(bytes, got);
    if (fds[1].revents && !read_commands())
        exit(0);
    return avr->cycle;
}

/* ---- the processor ---- */

/* As avr_callback_run_raw of simavr, but for how it sleeps. */
static void step(avr_t *unused)
{
    (void)unused;
    avr_flashaddr_t pc = avr->pc;
    if (avr->state == cpu_Running)
        pc = avr_run_one(avr);
    avr_cycle_count_t sleep = avr_cycle_timer_process(avr);
    avr->pc = pc;
    if (avr->sreg[S_I])
        masked_since = 0;
    else if (!masked_since)
        masked_since = avr->cycle;
    else if (avr->cycle - masked_since > masked_longest)
        masked_longest = avr->cycle - masked_since;
    if (avr->state == cpu_Sleeping) {
        avr_cycle_count_t target = avr->cycle + sleep + 1;
        if (pty >= 0)
            avr->cycle = look_until(target);
        else
            avr->cycle = target < run_until ? target : run_until;
    } else if (pty >= 0)
        look_until(avr->cycle);
    if (avr->interrupt_state)
        avr_service_interrupts(avr);
}

static void load(const char *path)
{
    elf_firmware_t firmware = {0};
    if (elf_read_firmware(path, &firmware)) {
        fprintf(stderr, "%s: not a firmware\n", path);
        exit(2);
    }
    avr = avr_make_mcu_by_name("atmega328p");
    avr_init(avr);
    firmware.frequency = HZ;
    avr_load_firmware(avr, &firmware);
    avr->run = step;
    for (avr_io_t *io = avr->io_port; io; io = io->next)
        if (strcmp(io->kind, "uart") == 0)
            uart = (avr_uart_t *)io;
    uart->flags = 0;
    for (int i = 0; i < 2; i++)
        avr_extint_set_strict_lvl_trig(avr, i, 0); /* else it looks at them in every cycle */
    avr_irq_t *serial = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), 0);
    avr_irq_register_notify(serial + UART_IRQ_OUTPUT, box_sends, NULL);
    avr_irq_register_notify(serial + UART_IRQ_OUT_XON, show_next, NULL);
    watch_pins();
    drive(0, 1);
    drive(1, 1);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    prctl(PR_SET_TIMERSLACK, 1UL);
    load(argv[1]);
    if (strcmp(argv[2], "step") == 0) {
        while (read_commands())
            ;
        return 0;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    open_pty();
    wall_of_cycle_0 = wall_cycles();
    while (run_once())
        ;
    return 1;
}
