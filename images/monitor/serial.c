/* SPDX-License-Identifier: BSD-3-Clause */
#include <mem.h>
#include <uart.h>

#include "frame_codec.h"
#include "line.h"
#include "mailbox.h"
#include "serial.h"

/* status, values, esr, elr, far, hpfar: as they lie in the mailbox. */
#define ANSWER_NUMBERS 13
/* Bounds one serial_poll(), so that a flood of input does not starve the mailbox. */
#define POLL_BYTES_MAX 64

_Static_assert(offsetof(struct monitor_mailbox, hpfar) ==
		       offsetof(struct monitor_mailbox, status) + 8 * (ANSWER_NUMBERS - 1),
	       "answer fields are adjacent");

/* The last request of a PE and, once it is not running any more, its answer. */
struct slot {
	bool known;
	bool running;
	uint64_t seq;
	uint64_t numbers[ANSWER_NUMBERS];
	uint32_t data_bytes;
	uint8_t data[sizeof(((struct monitor_mailbox *)0)->data)];
};

static struct slot slots[MONITOR_MAX_PES];

static struct {
	bool in_frame;
	uint32_t length;
	char text[MONITOR_FRAME_MAX];
} receiver;

static void send_answer(uint64_t seq, uint64_t pe, const uint64_t *numbers, uint32_t count, const uint8_t *data,
			uint32_t data_bytes)
{
	while (count > 0 && numbers[count - 1] == 0)
		count--;
	frame_begin('A');
	frame_number(seq);
	frame_number(pe);
	for (uint32_t n = 0; n < count; n++)
		frame_number(numbers[n]);
	if (data_bytes > 0)
		frame_data(data, data_bytes);
	frame_end();
}

static void send_status(uint64_t seq, uint64_t pe, uint64_t status)
{
	send_answer(seq, pe, &status, 1, NULL, 0);
}

static void send_slot(uint32_t pe)
{
	struct slot *slot = &slots[pe];

	send_answer(slot->seq, pe, slot->numbers, ANSWER_NUMBERS, slot->data, slot->data_bytes);
}

static void send_damaged(void)
{
	frame_begin('N');
	frame_end();
}

static void send_working(uint64_t seq, uint64_t pe)
{
	frame_begin('W');
	frame_number(seq);
	frame_number(pe);
	frame_end();
}

/* Keep and send the answer of a PE whose request is done. */
static void finish(uint32_t index)
{
	const struct monitor_mailbox *box = &mailboxes[index];
	struct slot *slot = &slots[index];

	slot->running = false;
	memcpy(slot->numbers, &box->status, sizeof(slot->numbers));
	slot->data_bytes = pes[index].answer_bytes;
	memcpy(slot->data, box->data, slot->data_bytes);
	send_slot(index);
}

/* Put op, args and data into the mailbox. False if the text is malformed. */
static bool fill_request(struct text *body, struct monitor_mailbox *box)
{
	uint32_t data_bytes;

	if (!text_number(body, &box->op))
		return false;
	memset(box->args, 0, sizeof(box->args));
	for (unsigned int n = 0; n < 8 && body->next < body->end && *body->next != '='; n++)
		if (!text_number(body, &box->args[n]))
			return false;
	return text_data(body, box->data, sizeof(box->data), &data_bytes);
}

static void start_request(struct text *body, uint64_t seq, uint32_t index)
{
	struct monitor_mailbox *box = &mailboxes[index];
	struct slot *slot = &slots[index];

	if (!fill_request(body, box)) {
		send_damaged();
		return;
	}
	slot->known = true;
	slot->running = true;
	slot->seq = seq;
	__atomic_store_n(&box->request_seq, box->response_seq + 1, __ATOMIC_RELEASE);
}

static void take_request(struct text *body)
{
	uint64_t seq, pe;

	if (!text_number(body, &seq) || !text_number(body, &pe)) {
		send_damaged();
		return;
	}
	if (pe >= MONITOR_MAX_PES) {
		send_status(seq, pe, MONITOR_STATUS_BAD_ARG);
		return;
	}
	const struct slot *slot = &slots[pe];

	if (slot->known && slot->seq == seq) {
		if (slot->running)
			send_working(seq, pe);
		else
			send_slot((uint32_t)pe);
	} else if (mailbox_pending(&mailboxes[pe]) || slot->running) {
		send_status(seq, pe, MONITOR_STATUS_BUSY);
	} else if (__atomic_load_n(&mailboxes[pe].pe_state, __ATOMIC_ACQUIRE) == MONITOR_PE_STATE_OFF) {
		send_status(seq, pe, MONITOR_STATUS_BAD_ARG);
	} else {
		start_request(body, seq, (uint32_t)pe);
	}
}

static void take_frame(const char *start, const char *end)
{
	struct text body;

	if (!frame_check(start, end, &body))
		send_damaged();
	else if (*start == 'Q')
		take_request(&body);
}

static void take_byte(char c)
{
	if (c == MONITOR_FRAME_SOH) {
		receiver.in_frame = true;
		receiver.length = 0;
		line_drop();
	} else if (!receiver.in_frame) {
		line_take(c);
	} else if (c == MONITOR_FRAME_EOT) {
		receiver.in_frame = false;
		take_frame(receiver.text, receiver.text + receiver.length);
	} else if (c == '\r' || c == '\n' || receiver.length == sizeof(receiver.text)) {
		/* No frame has an end of line: a person gets out of a stray SOH by pressing Enter. */
		receiver.in_frame = false;
	} else {
		receiver.text[receiver.length++] = c;
	}
}

bool serial_poll(struct pe *pe)
{
	bool worked = false;
	int c;

	for (unsigned int n = 0; n < POLL_BYTES_MAX && (c = uart_try_getc()) >= 0; n++) {
		take_byte((char)c);
		worked = true;
	}
	if (slots[pe->index].running)
		mailbox_serve(pe);
	for (uint32_t index = 0; index < MONITOR_MAX_PES; index++)
		if (slots[index].running && !mailbox_pending(&mailboxes[index])) {
			finish(index);
			worked = true;
		}
	return worked;
}
