//! Card numbers, known by their issuer, their length and their checksum.

use super::{MARKER, steps};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// Lengths of card numbers.
const CARD_DIGITS: RangeInclusive<usize> = 13..=19;

/// The first four digits that issuers have, and the lengths of their numbers.
const ISSUERS: [(RangeInclusive<u32>, &[usize]); 16] = [
    // Visa, Mastercard, American Express.
    (4000..=4999, &[13, 16, 19]),
    (5100..=5599, &[16]),
    (2221..=2720, &[16]),
    (3400..=3499, &[15]),
    (3700..=3799, &[15]),
    // Diners Club, Discover, JCB, UnionPay.
    (3000..=3059, &[14, 16]),
    (3600..=3699, &[14, 16]),
    (3800..=3999, &[14, 16]),
    (6011..=6011, &[16, 19]),
    (6440..=6599, &[16, 19]),
    (3528..=3589, &[16, 17, 18, 19]),
    (6200..=6299, &[16, 17, 18, 19]),
    // Mir, RuPay.
    (2200..=2204, &[16, 17, 18, 19]),
    (5080..=5089, &[16]),
    (6060..=6089, &[16]),
    // Maestro.
    (6759..=6763, &[13, 14, 15, 16, 17, 18, 19]),
];

/// How the digits of a card are set apart: by fours, or as American Express and Diners Club do.
const GROUPINGS: [&[usize]; 2] = [&[4, 4, 4, 4, 4], &[4, 6, 5]];

/// Digits next to a card: a day, a month, its code.
const FEW: usize = 3;

/// Returns false for a text that has no card number, at one look in twelve characters: of any two neighbours in a
/// number one is a digit, and no number has room between two looks.
#[inline]
pub(super) fn may_hold_card(text: &[u8]) -> bool {
    let mut at = *CARD_DIGITS.start() - 1;
    while at < text.len() {
        if text[at].is_ascii_digit() || text[at - 1].is_ascii_digit() {
            return true;
        }
        at += *CARD_DIGITS.start() - 1;
    }
    false
}

/// Replaces card numbers: 13 to 19 digits that an issuer gives out, with single blanks or dashes at most; not decimals.
#[must_use]
pub fn card_numbers(text: &str) -> Cow<'_, str> {
    if text.len() < *CARD_DIGITS.start() || text.bytes().filter(u8::is_ascii_digit).count() < *CARD_DIGITS.start() {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let (mut kept, mut at) = (0, 0);
    while at < text.len() {
        if let Some(end) = card_end(text.as_bytes(), at) {
            out.push_str(&text[kept..at]);
            out.push_str(MARKER);
            (kept, at) = (end, end);
        } else {
            at += 1;
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[kept..]);
    Cow::Owned(out)
}

/// Returns where the card number that begins at `start` ends; `None` where none begins.
fn card_end(text: &[u8], start: usize) -> Option<usize> {
    if !begins_number(text, start) {
        return None;
    }
    let mut digits = Digits::default();
    let mut end = start;
    loop {
        let group = text[end..].iter().take(CARD_DIGITS.end() + 1).take_while(|byte| byte.is_ascii_digit()).count();
        steps::count(group + 1);
        digits.add(&text[end..end + group])?;
        end += group;
        if digits.are_card() && digits.stand_apart(neighbours(text, start, end)) {
            return Some(end);
        }
        if !goes_on(text, end) {
            return None;
        }
        end += 1;
    }
}

/// True where digits begin that are not the end of a word or of a decimal fraction.
fn begins_number(text: &[u8], at: usize) -> bool {
    let follows = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'.';
    text[at].is_ascii_digit() && !text[..at].last().is_some_and(follows)
}

/// True for a single mark between two digits.
fn goes_on(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(|byte| matches!(byte, b' ' | b'-' | b'+'))
        && text.get(at + 1).is_some_and(u8::is_ascii_digit)
}

/// How many digits there are in the groups next to those from `start` to `end`, the longer of both.
fn neighbours(text: &[u8], start: usize, end: usize) -> usize {
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    let after = if goes_on(text, end) { text[end + 1..].iter().take(FEW + 1).take_while(is_digit).count() } else { 0 };
    let follows = start > 1 && goes_on(text, start - 1);
    let before = if follows { text[..start - 1].iter().rev().take(FEW + 1).take_while(is_digit).count() } else { 0 };
    steps::count(before + after);
    before.max(after)
}

/// As many digits as a card has, and the lengths of the groups in which they stand.
#[derive(Default)]
struct Digits {
    values: [u32; *CARD_DIGITS.end()],
    length: usize,
    groups: [usize; *CARD_DIGITS.end()],
    group: usize,
}

impl Digits {
    /// Takes a group of digits; `None` when these are more than a card has.
    fn add(&mut self, group: &[u8]) -> Option<()> {
        let places = self.values.get_mut(self.length..self.length + group.len())?;
        for (place, digit) in places.iter_mut().zip(group) {
            *place = u32::from(digit - b'0');
        }
        self.length += group.len();
        self.groups[self.group] = group.len();
        self.group += 1;
        Some(())
    }

    fn are_card(&self) -> bool {
        CARD_DIGITS.contains(&self.length) && self.have_issuer() && luhn(&self.values[..self.length])
    }

    fn have_issuer(&self) -> bool {
        let first = self.values[..4].iter().fold(0, |number, digit| number * 10 + digit);
        ISSUERS.iter().any(|(range, lengths)| range.contains(&first) && lengths.contains(&self.length))
    }

    /// True for a number in one piece, for one in any pieces that has no digits next to it, and for one that is written
    /// as cards are and has few: groups of four in a long row are no card, though some of them may look like one.
    fn stand_apart(&self, neighbours: usize) -> bool {
        self.group == 1 || neighbours == 0 || neighbours <= FEW && self.are_grouped()
    }

    /// True where the pieces are as long as those of a card; the last may be short.
    fn are_grouped(&self) -> bool {
        let Some((last, groups)) = self.groups[..self.group].split_last() else { return false };
        let fits = |of: &[usize]| of.starts_with(groups) && of.get(groups.len()).is_some_and(|most| last <= most);
        GROUPINGS.iter().any(|of| fits(of))
    }
}

fn luhn(digits: &[u32]) -> bool {
    let weigh = |(place, digit): (usize, &u32)| {
        let doubled = digit * 2;
        if place % 2 == 0 { *digit } else { doubled / 10 + doubled % 10 }
    };
    digits.iter().rev().enumerate().map(weigh).sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn card_numbers_are_known_by_their_checksum() {
        assert_eq!(card_numbers("/pay/4111111111111111/now"), "/pay/[REDACTED]/now");
        assert_eq!(card_numbers("4111 1111 1111 1111, 5500005555555559"), "[REDACTED], [REDACTED]");
        for other in ["4111111111111112", "x4111111111111111", "411111111111111", "2026-11-21 15:39:56 00000"] {
            assert_eq!(card_numbers(other), other);
        }
    }

    /// Numbers that issuers publish for tests.
    const CARDS: [&str; 15] = [
        "4111111111111111",
        "4222222222222",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "371449635398431",
        "6011111111111117",
        "6011000990139424",
        "30569309025904",
        "38520000023237",
        "3566002020360505",
        "3530111333300000",
        "6205500000000000004",
        "6759649826438453",
        "2200000000000004",
    ];

    #[test]
    fn cards_of_each_issuer_are_found() {
        for card in CARDS {
            assert_eq!(card_numbers(card), MARKER, "{card}");
        }
    }

    #[test]
    fn cards_are_found_among_other_digits() {
        for (given, clean) in [
            ("2 of 4111 1111 1111 1111 12/27", "2 of [REDACTED] 12/27"),
            ("order 17 4111-1111-1111-1111 123", "order 17 [REDACTED] 123"),
            ("at 2026-11-21 3782 822463 10005", "at 2026-11-21 [REDACTED]"),
            ("12 4111111111111111 345", "12 [REDACTED] 345"),
            ("41111 11111 111111", "[REDACTED]"),
        ] {
            assert_eq!(card_numbers(given), clean);
        }
    }

    #[test]
    fn numbers_that_no_issuer_gives_out_stay() {
        // With a card's checksum and number of digits, but an unknown beginning, another length or a point before it.
        for given in [
            "0.4111111111111111",
            "-.4111111111111111",
            "41111111111116",
            "400000000000000006",
            "2999999999999991",
            "55555555555555555555",
            "7000000000000005",
            "378282246310005000",
            "4111 1111 1111 1111 2222 3333",
            "2222 4111 1111 1111 1111",
        ] {
            assert_eq!(card_numbers(given), given);
        }
    }

    /// The digit that makes the checksum of those before it.
    fn completed(digits: &str) -> String {
        let with = |last| format!("{digits}{last}");
        let fits = |number: &String| luhn(&number.bytes().map(|byte| u32::from(byte - b'0')).collect::<Vec<_>>());
        (0..10).map(with).find(fits).unwrap()
    }

    fn grouped(digits: &str, mark: &str) -> String {
        let groups: Vec<_> = digits.as_bytes().chunks(4).map(|group| str::from_utf8(group).unwrap()).collect();
        groups.join(mark)
    }

    proptest! {
        #[test]
        fn a_card_is_found_in_any_text(
            before in "([a-zé.,:/(\"]{0,9}[a-zé,:/(\"=] ?)?([0-9]{1,3} )?",
            digits in "4[0-9]{14}|5[1-5][0-9]{13}|6011[0-9]{11}|62[0-9]{13}",
            mark in "[ -]?",
            after in "( [0-9]{1,3})?[ ,.;)\"a-zé]{0,9}",
        ) {
            prop_assume!(!before.ends_with(char::is_alphanumeric));
            let card = completed(&digits);
            let given = format!("{before}{}{after}", grouped(&card, &mark));
            let clean = card_numbers(&given);
            prop_assert!(clean.contains(MARKER), "{given}");
            prop_assert!(!clean.contains(&grouped(&card, &mark)), "{given} -> {clean}");
        }

        #[test]
        fn a_fraction_is_no_card(number in 0.0..1.0_f64, before in "[a-z ]{0,9}") {
            let given = format!("{before}{number}");
            prop_assert_eq!(card_numbers(&given), given.as_str());
        }

        #[test]
        fn an_id_of_a_clock_is_no_card(id in "1[0-9]{12,18}", before in "[a-z/= ]{0,9}") {
            let given = format!("{before}{id}");
            prop_assert_eq!(card_numbers(&given), given.as_str());
        }
    }
}
