"""A chapter of docs/messages.md: what other systems publish in the course of an order, and what follows."""

LIFE_OF_AN_ORDER = """\
## An order's life

No route takes orders or payments: they come as commands, from order entry, an ERP, a bank. What follows is
said as events, each with the `ce_correlationid` of the command that began it, or its `ce_id` where it has
none.

| Published | Said by orders | Said by credit |
| --- | --- | --- |
| `order.place.v1` | `order.placed.v1`: it is `pending` | |
| | `order.confirmed.v1` | `credit.reserved.v1`: its amount is held |
| | or `order.rejected.v1`, with the reason | or `credit.reservation_refused.v1`, with the numbers |
| `order.start_processing.v1` | `order.processing_started.v1` | |
| `order.ship.v1` | `order.shipped.v1` | `credit.released.v1`, `invoice.issued.v1` |
| `order.deliver.v1` | `order.delivered.v1` | |
| `receivable.record_payment.v1` | | `payment.recorded.v1`; `invoice.settled.v1` once nothing is open |
| nothing, the due date passes | | `invoice.overdue.v1` |
| `order.cancel.v1`, before it is shipped | `order.cancelled.v1` | `credit.released.v1` |
| `order.return.v1`, after it was shipped | `order.returned.v1` | `credit_note.issued.v1` |
| `receivable.issue_credit_note.v1` | | `credit_note.issued.v1` |
| `receivable.write_off.v1` | | `receivable.written_off.v1` |

After each of them the order as it is now is on `orders.order.state.v1`, and what it makes of the customer's
figures on `orders.account.state.v1` and `credit.account.state.v1`.

- **Order.** Commands need not wait for what they follow: one for an order that is not known or not
  confirmed yet waits for it and holds up no other. After 15 minutes it ends as `order.command_rejected.v1`,
  with `unknown_order` or `not_yet_possible`. What comes late, such as the shipping of a delivered order,
  fills its date in and takes no step back.
- **Names.** An order is named by its `order_id`, or by the `external_ref` under which the same `ce_source`
  placed it. An allocation of a payment names an invoice the same way: by `invoice_id`, or by the reference
  of its order.
- **Repeats.** The same `ce_source` and `ce_id` is carried out once. The same `external_ref`, `payment_id`,
  `credit_note_id`, `write_off_id` or `return_id` under another `ce_id` changes nothing where the content is
  the same, and is refused where it is not.
- **Refusals.** A rejected order is a document and keeps its reference; a refused command leaves nothing but
  its answer or, where none was asked for, `order.command_rejected.v1` or `receivable.command_rejected.v1`.
- **Time.** Where credit does not answer, an order is rejected after five minutes (`credit_timeout`), but
  not before everything that credit has said was read.
- **Beginnings.** A migration sends its customers by `customer.import.v1`, their orders once
  `customer.created.v1` has come back, and what is owed without an order by `receivable.issue_invoice.v1`."""
