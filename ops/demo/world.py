"""The demo world: some fifty customers and years of their orders, from a fixed seed. Pure.

The same day makes the same world, to the byte: so what was sent once is recognised when it is sent again.
"""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from random import Random

from ops.demo import companies, xyz
from ops.demo.catalogue import PRODUCTS, assembly_worth, some
from ops.demo.chronicle import Chronicle, Sale, Story, midnight
from ops.demo.companies import PEOPLE, Company, Terms
from shared.contracts.customers.requests import ImportCustomer
from shared.contracts.orders.requests import NewLine
from shared.contracts.values import PaymentTerms

SEED = 2024
FIRST_NUMBER = 501  # of customers, in their ids
ORDERS_MAX = 36  # of one customer
DAYS_TO_PAY: dict[PaymentTerms, int] = {"net_10": 10, "net_15": 15, "net_30": 30, "net_45": 45, "net_60": 60}
ORDINARY_TERMS = (
    Terms("net_15", 8_000),
    Terms("net_30", 12_000, "2.5"),
    Terms("net_30", 25_000, "5.0"),
    Terms("net_45", 40_000, "7.5"),
    Terms("net_60", 60_000, "10.0"),
)
RHYTHMS = (14, 21, 30, 45, 60)  # days between two orders
PUNCTUALITY = (-6, -3, -1, 0, 0, 2, 5)  # days after the due date on which a customer uses to pay


def world(today: date) -> list[Story]:
    """Every customer's story up to `today`: Customer XYZ first, then those known for something."""
    numbers = iter(range(FIRST_NUMBER, FIRST_NUMBER + 100))
    special = [tell(today, next(numbers)) for tell in SPECIAL]
    ordinary = [_ordinary(company, today, next(numbers)) for company in companies.OTHERS]
    return [xyz.story(today), *special, *ordinary]


def _ordinary(company: Company, today: date, number: int) -> Story:
    """Orders at its own rhythm, pays at its own pace; what would be paid in the future is open still."""
    rng = Random(SEED + number)  # noqa: S311  # a world, no secret
    terms = rng.choice(ORDINARY_TERMS)
    if company.country in ("FR", "GB"):
        terms = terms._replace(currency={"FR": "EUR", "GB": "GBP"}[company.country])
    rhythm, tenure = rng.choice(RHYTHMS), rng.randint(150, 2_200)
    chronicle = _chronicle(company, terms, today, (number, tenure))
    pays_after = DAYS_TO_PAY[terms.payment] + rng.choice(PUNCTUALITY)
    first = min(tenure - 2, rhythm * ORDERS_MAX)
    for days_ago in range(first, 4, -rhythm):
        _buys(chronicle, days_ago, (pays_after, Decimal(terms.limit) / 10), rng)
    return chronicle.story()


def _buys(chronicle: Chronicle, days_ago: int, habit: tuple[int, Decimal], rng: Random) -> None:
    """One ordinary order: shipped, delivered and paid, or cancelled; as far as all this has happened yet.

    habit: the days from its invoice to its payment, and about what an order comes to.
    """
    pays_after, size = habit
    sale = chronicle.sells(days_ago, _lines(chronicle.customer, size, rng))
    if rng.random() < 0.03:
        chronicle.cancels(sale)
        return
    _arrives(chronicle, sale, days_ago)
    paid = days_ago - 1 - pays_after - rng.randint(0, 2)
    if paid > 0:
        chronicle.is_paid(sale, paid)


def _pays_late(today: date, number: int) -> Story:
    rng, chronicle = _begun(companies.LATE, Terms("net_30", 15_000, "2.5"), (today, number, 900))
    for days_ago in range(600, 90, -20):
        _buys(chronicle, days_ago, (30 + rng.randint(15, 40), Decimal(900)), rng)
    for days_ago in (80, 66, 45, 12):  # what is due of them is 49, 35 and 14 days late, and open
        _arrives(
            chronicle, chronicle.sells(days_ago, _lines(chronicle.customer, Decimal(900), rng)), days_ago
        )
    return chronicle.story("pays late; three invoices are overdue")


def _is_at_its_limit(today: date, number: int) -> Story:
    rng, chronicle = _begun(companies.AT_LIMIT, Terms("net_30", 5_000), (today, number, 420))
    for days_ago in range(390, 40, -30):
        _buys(chronicle, days_ago, (28, Decimal(600)), rng)
    for days_ago, worth in ((20, Decimal(1900)), (12, Decimal(1600))):
        _arrives(chronicle, chronicle.sells(days_ago, [assembly_worth(worth, Decimal(0))]), days_ago)
    chronicle.sells(6, [assembly_worth(Decimal(1500), Decimal(0))])  # confirmed, not shipped: held
    chronicle.sells(2, [assembly_worth(Decimal("49.90"), Decimal(0))], is_refused=True)
    return chronicle.story("is at its limit: its last order was refused")


def _is_inactive(today: date, number: int) -> Story:
    rng, chronicle = _begun(companies.INACTIVE, Terms("net_30", 8_000), (today, number, 1_500))
    for days_ago in range(1_200, 420, -45):
        _buys(chronicle, days_ago, (30, Decimal(700)), rng)
    chronicle.ends()
    return chronicle.story("is inactive")


def _is_new(today: date, number: int) -> Story:
    _, chronicle = _begun(companies.NEW, Terms("net_30", 5_000), (today, number, 3))
    return chronicle.story("is new and has no orders yet")


def _is_dormant(today: date, number: int) -> Story:
    rng, chronicle = _begun(companies.DORMANT, Terms("net_30", 10_000, "2.5"), (today, number, 1_100))
    for days_ago in range(1_000, 260, -30):
        _buys(chronicle, days_ago, (29, Decimal(800)), rng)
    return chronicle.story("has not ordered for more than eight months")


def _buys_in_euro(today: date, number: int) -> Story:
    rng, chronicle = _begun(companies.EURO, Terms("net_15", 6_000, "3.0", "EUR"), (today, number, 800))
    for days_ago in range(420, 4, -28):
        _buys(chronicle, days_ago, (14, Decimal(450)), rng)
    return chronicle.story("buys in EUR")


def _pays_in_advance(today: date, number: int) -> Story:
    rng, chronicle = _begun(companies.PREPAID, Terms("prepaid", 0), (today, number, 300))
    for days_ago in range(280, 6, -35):
        sale = chronicle.sells(days_ago, _lines(chronicle.customer, Decimal(350), rng))
        chronicle.is_paid(sale, days_ago - 1)
        _arrives(chronicle, sale, days_ago - 1)
    return chronicle.story("pays in advance, has no credit")


def _sends_back(today: date, number: int) -> Story:
    rng, chronicle = _begun(companies.RETURNING, Terms("net_30", 9_000), (today, number, 500))
    for days_ago in range(450, 40, -26):
        sale = chronicle.sells(days_ago, _lines(chronicle.customer, Decimal(640), rng))
        _arrives(chronicle, sale, days_ago)
        sent_back = rng.choice((None, None, Decimal("80.00"), sale.total))
        if sent_back:
            chronicle.takes_back(sale, days_ago - 8, None if sent_back == sale.total else sent_back)
        if sent_back != sale.total:
            chronicle.is_paid(sale, days_ago - 30, sale.total - (sent_back or 0))
    return chronicle.story("sends goods back, in part or whole")


def _does_not_pay(today: date, number: int) -> Story:
    rng, chronicle = _begun(companies.WRITTEN_OFF, Terms("net_30", 7_000), (today, number, 700))
    for days_ago in range(620, 400, -30):
        _buys(chronicle, days_ago, (42, Decimal(500)), rng)
    sale = chronicle.sells(330, _lines(chronicle.customer, Decimal(1100), rng))
    _arrives(chronicle, sale, 330)
    chronicle.is_written_off(sale, 60)
    return chronicle.story("has not paid its last invoice, which was written off")


def _gets_a_credit_note(today: date, number: int) -> Story:
    rng, chronicle = _begun(companies.CREDITED, Terms("net_45", 12_000, "5.0"), (today, number, 1_000))
    for days_ago in range(700, 60, -40):
        _buys(chronicle, days_ago, (44, Decimal(950)), rng)
    sale = chronicle.sells(30, _lines(chronicle.customer, Decimal(950), rng))
    _arrives(chronicle, sale, 30)
    chronicle.is_credited(sale, 20, Decimal("120.00"))
    return chronicle.story("was credited 120.00 of its last invoice")


def _is_taken_over(today: date, number: int) -> Story:
    rng, chronicle = _begun(companies.TAKEN_OVER, Terms("net_30", 10_000), (today, number, 2_000))
    chronicle.owes(Decimal("1840.50"), days_ago=25, due_days_ago=-5)
    for days_ago in range(22, 4, -6):
        _buys(chronicle, days_ago, (30, Decimal(500)), rng)
    return chronicle.story("came with an opening balance of 1,840.50")


SPECIAL: tuple[Callable[[date, int], Story], ...] = (
    *(_pays_late, _is_at_its_limit, _is_inactive, _is_new, _is_dormant, _buys_in_euro),
    *(_pays_in_advance, _sends_back, _does_not_pay, _gets_a_credit_note, _is_taken_over),
)


def _begun(company: Company, terms: Terms, when: tuple[date, int, int]) -> tuple[Random, Chronicle]:
    """A chronicle and its chances. when: today, the customer's number, and for how many days it is one."""
    today, number, tenure = when
    return Random(SEED + number), _chronicle(company, terms, today, (number, tenure))  # noqa: S311


def _chronicle(company: Company, terms: Terms, today: date, which: tuple[int, int]) -> Chronicle:
    number, tenure = which
    return Chronicle(_customer(company, terms, number, midnight(today, tenure).isoformat()), today)


def _customer(company: Company, terms: Terms, number: int, since: str) -> ImportCustomer:
    address = {
        "line1": company.street,
        "city": company.city,
        "state": company.state or None,
        "postal_code": company.postal_code,
        "country": company.country,
    }
    site = f"{company.domain}.example"
    return ImportCustomer.model_validate(
        {
            "customer_id": f"cust_{number}",
            "external_ref": f"DEMO-{number}",
            "customer_since": since,
            "name": company.name,
            "email": f"orders@{site}",
            "phone": f"+1-555-0{number}",
            "website": f"https://{site}",
            "billing_address": {name: value for name, value in address.items() if value},
            "contacts": list(_contacts(site, number)),
            "payment_terms": terms.payment,
            "currency": terms.currency,
            "credit_limit": Decimal(terms.limit),
            "discount_rate": Decimal(terms.discount),
        }
    )


def _contacts(site: str, number: int) -> Iterator[dict[str, object]]:
    for place in range(1 + number % 2):
        name, title = PEOPLE[(number + 3 * place) % len(PEOPLE)]
        email = f"{name.lower().replace(' ', '.')}@{site}"
        yield {"name": name, "title": title, "email": email, "is_primary": place == 0}


def _lines(customer: ImportCustomer, worth: Decimal, rng: Random) -> list[NewLine]:
    """One to three products that come to about `worth`, sometimes half, sometimes half as much again."""
    products = rng.sample(PRODUCTS, rng.randint(1, 3))
    share = worth * rng.randint(50, 150) / 100 / len(products)
    return [some(product, share, customer.discount_rate) for product in products]


def _arrives(chronicle: Chronicle, sale: Sale, days_ago: int) -> None:
    """Shipped a day after it was ordered, delivered three days after."""
    chronicle.ships(sale, days_ago - 1)
    chronicle.delivers(sale, days_ago - 4)
