"""Council records as `benches/records.rs` makes them, each beside what task T1 leaves of it.

What T1 leaves is made by leaving members out of the text, not by parsing it: the gateway has to give the very bytes.
"""

import dataclasses

FIRST = ["Ada", "Brian", "Chloë", "Dilip", "Esther", "Farouk", "Grace-Anne", "Hywel"]
LAST = ["Ashdown", "Bell", "Carisbrooke", "O'Dair", "Newport", "Ryde", "St. Helens", "Ventnor"]
STREET = ["High Street", "Sea View Road", "Church Lane", "The Mall", "Quay Street"]
WORDS = [
    "client", "visited", "today", "asked", "about", "support", "at home", "and the", "daughter", "called",
    "to say", "that", "mobility", "is worse", "stairs", '\\"cannot manage\\"', "review\\nplanned", "grab rail",
    "fitted", "caf\\u00e9",
]
RELATION = ["spouse", "child", "parent", "lodger"]

# Which of the generator's records are taken: those of about 1.2 KB, bytes.
LENGTHS = range(1_150, 1_300)


@dataclasses.dataclass(frozen=True)
class Document:
    """A service's body and what T1 leaves of it, bytes."""

    body: bytes
    released: bytes


class Numbers:
    """A small generator of numbers (xorshift64*): the same seed gives the same records everywhere."""

    def __init__(self):
        self.state = 0x1571_E0F3_1647

    def below(self, bound):
        self.state ^= self.state >> 12
        self.state = (self.state ^ (self.state << 25)) & 0xFFFF_FFFF_FFFF_FFFF
        self.state ^= self.state >> 27
        return (self.state * 0x2545_F491_4F6C_DD1D & 0xFFFF_FFFF_FFFF_FFFF) % bound

    def pick(self, choices):
        return choices[self.below(len(choices))]

    def day(self):
        return f"{1930 + self.below(80)}-{1 + self.below(12):02}-{1 + self.below(28):02}"

    def name(self):
        return f"{self.pick(FIRST)} {self.pick(LAST)}"


def record(numbers):
    """One record, compact JSON, and what T1 leaves of it."""
    whole, released = [], []

    def both(text):
        whole.append(text)
        released.append(text)

    name = numbers.name()
    both('{"person":{')
    whole.append(f'"name":"{name}",')
    both(f'"dob":"{numbers.day()}",')
    whole.append(f'"nino":"QQ{numbers.below(1_000_000):06}C",')
    both(f'"nhs_number":"999{numbers.below(10_000_000):07}","email":"p{numbers.below(100_000)}@example.org",')
    both(f'"phone":"01632 960{numbers.below(1_000):03}"}},')
    both(f'"address":{{"line1":"{1 + numbers.below(200)} {numbers.pick(STREET)}","town":"Newport",')
    both(f'"postcode":"PO30 {1 + numbers.below(9)}UD","uprn":{100_000_000_000 + numbers.below(1_000_000)}}},')
    both(f'"council_tax":{{"account":{70_000_000 + numbers.below(9_999_999)},')
    both(f'"band":"{numbers.pick("ABCDE")}","arrears":{numbers.below(2_000)}.{numbers.below(100):02}}},')
    both('"household":[')
    for member in range(1 + numbers.below(4)):
        both("{" if member == 0 else ",{")
        whole.append(f'"name":"{numbers.name()}",')
        both(f'"dob":"{numbers.day()}","relationship":"{numbers.pick(RELATION)}"}}')
    both("],")
    notes, length = [], 0
    while length < 300:
        notes.append(numbers.pick(WORDS))
        length += len(notes[-1]) + 1
    whole.append(f'"notes":"{" ".join(notes)} ",')
    both('"contacts":[')
    for contact in range(1 + numbers.below(3)):
        both("" if contact == 0 else ",")
        both(f'{{"type":"{numbers.pick(["mobile", "home", "work"])}","value":"07700 900{numbers.below(1_000):03}",')
        both(f'"preferred":{"true" if contact == 0 else "false"},"since":"{numbers.day()}"}}')
    both("]}")
    return "".join(whole).encode(), "".join(released).encode()


def document(records):
    """`{"records":[…]}` of some records."""
    bodies, released = zip(*records)
    return Document(
        b'{"records":[' + b",".join(bodies) + b"]}",
        b'{"records":[' + b",".join(released) + b"]}",
    )


def records():
    """Records of about 1.2 KB without end, the same in every run."""
    numbers = Numbers()
    while True:
        one = record(numbers)
        if len(one[0]) in LENGTHS:
            yield one


def small():
    """One record."""
    return document([next(records())])


def large(length):
    """As many records as make a body of at least `length` bytes."""
    taken, total = [], 0
    for one in records():
        if total >= length:
            return document(taken)
        taken.append(one)
        total += len(one[0]) + 1
