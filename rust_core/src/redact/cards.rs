//! Card numbers, known by their digits.

use super::MARKER;
use std::borrow::Cow;

/// Lengths of card numbers.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

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

/// Replaces card numbers: 13 to 19 digits of a card's first digit and checksum, with single blanks or dashes at most.
#[must_use]
pub fn card_numbers(text: &str) -> Cow<'_, str> {
    if text.len() < *CARD_DIGITS.start() || text.bytes().filter(u8::is_ascii_digit).count() < *CARD_DIGITS.start() {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let (mut kept, mut at) = (0, 0);
    while at < text.len() {
        let Some(end) = number_end(text.as_bytes(), at) else {
            at += 1;
            continue;
        };
        if is_card(&text.as_bytes()[at..end]) {
            out.push_str(&text[kept..at]);
            out.push_str(MARKER);
            kept = end;
        }
        at = end;
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[kept..]);
    Cow::Owned(out)
}

/// Returns where the number that begins at `start` ends; `None` where none begins.
fn number_end(text: &[u8], start: usize) -> Option<usize> {
    let begins = text[start].is_ascii_digit() && (start == 0 || !text[start - 1].is_ascii_alphanumeric());
    if !begins {
        return None;
    }
    let mut end = start;
    while end < text.len() {
        let goes_on = matches!(text[end], b' ' | b'-' | b'+') && text.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !text[end].is_ascii_digit() && !goes_on {
            break;
        }
        end += 1;
    }
    Some(end)
}

fn is_card(number: &[u8]) -> bool {
    let digits: Vec<u32> =
        number.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0')).collect();
    CARD_DIGITS.contains(&digits.len()) && (2..=6).contains(&digits[0]) && luhn(&digits)
}

fn luhn(digits: &[u32]) -> bool {
    let weigh = |(place, digit): (usize, &u32)| {
        let doubled = digit * 2;
        if place % 2 == 0 { *digit } else { doubled / 10 + doubled % 10 }
    };
    digits.iter().rev().enumerate().map(weigh).sum::<u32>() % 10 == 0
}
