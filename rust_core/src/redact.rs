//! Secrets in what a span is told: found by their key, card numbers by their digits.

use std::borrow::Cow;

/// What stands in the place of a secret.
pub const MARKER: &str = "[REDACTED]";

/// What the key of a secret contains, compared without case, dashes and underscores.
const SECRETS: [&str; 12] = [
    "password",
    "passwd",
    "token",
    "secret",
    "credential",
    "creditcard",
    "cardnumber",
    "apikey",
    "authorization",
    "cookie",
    "privatekey",
    "accesskey",
];

/// The length of the shortest of them.
const SHORTEST: usize = 5;

/// Parameters that sign a URL: who has them may use it.
const SIGNATURES: [&str; 6] =
    ["awsaccesskeyid", "signature", "sig", "x-goog-signature", "x-amz-signature", "x-ms-signature"];

/// Lengths of card numbers.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Returns true for a key whose value is a secret.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    key.len() >= SHORTEST && SECRETS.iter().any(|secret| contains(key.as_bytes(), secret.as_bytes()))
}

/// Looks for `secret` from each place of `key`; nothing is copied.
fn contains(key: &[u8], secret: &[u8]) -> bool {
    let begins = |start: &u8| start.to_ascii_lowercase() == secret[0];
    (0..key.len()).any(|at| begins(&key[at]) && is_prefix(secret, &key[at..]))
}

fn is_prefix(secret: &[u8], text: &[u8]) -> bool {
    let mut letters = text.iter().filter(|byte| !matches!(byte, b'-' | b'_' | b' ' | b'.'));
    secret.iter().all(|wanted| letters.next().is_some_and(|byte| byte.to_ascii_lowercase() == *wanted))
}

/// Replaces the values of secret parameters in a URL's query, and card numbers in the others.
#[must_use]
pub fn query(query: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut kept = 0;
    let mut start = 0;
    // A question mark begins the query of a URL that is itself a value.
    for pair in query.split_inclusive(['&', ';', '?']) {
        let pair_start = start;
        start += pair.len();
        let pair = pair.trim_end_matches(['&', ';', '?']);
        let Some((key, value)) = pair.split_once('=') else { continue };
        if let Cow::Owned(clean) = parameter(key, value) {
            let value_start = pair_start + key.len() + 1;
            out.push_str(&query[kept..value_start]);
            out.push_str(&clean);
            kept = value_start + value.len();
        }
    }
    if kept == 0 {
        return Cow::Borrowed(query);
    }
    out.push_str(&query[kept..]);
    Cow::Owned(out)
}

fn parameter<'a>(key: &str, value: &'a str) -> Cow<'a, str> {
    let key = crate::propagation::baggage::decode(key);
    let signs = SIGNATURES.iter().any(|name| key.eq_ignore_ascii_case(name));
    if !value.is_empty() && (signs || is_secret(&key)) { Cow::Owned(MARKER.to_owned()) } else { card_numbers(value) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_are_known_by_any_spelling_of_their_key() {
        for key in ["password", "X-Api-Key", "apiKey", "credit_card", "Set-Cookie", "proxy-authorization", "db.passwd"]
        {
            assert!(is_secret(key), "{key}");
        }
        for key in ["page", "keyboard", "author", "id", ""] {
            assert!(!is_secret(key), "{key}");
        }
    }

    #[test]
    fn values_of_secret_parameters_are_replaced() {
        for (given, clean) in [
            ("page=2&token=abc&q=x", "page=2&token=[REDACTED]&q=x"),
            ("pass%77ord=abc", "pass%77ord=[REDACTED]"),
            ("sig=abc;Signature=abc", "sig=[REDACTED];Signature=[REDACTED]"),
            ("next=/login?token=abc&page=2", "next=/login?token=[REDACTED]&page=2"),
            ("token=a=b", "token=[REDACTED]"),
            ("number=4111-1111-1111-1111", "number=[REDACTED]"),
        ] {
            assert_eq!(query(given), clean);
        }
    }

    #[test]
    fn a_query_without_secrets_is_not_copied() {
        for given in ["", "page=2", "token", "token=", "a&&b=;", "id=12345678901234567890"] {
            assert!(matches!(query(given), Cow::Borrowed(text) if text == given), "{given}");
        }
    }

    #[test]
    fn card_numbers_are_known_by_their_checksum() {
        assert_eq!(card_numbers("/pay/4111111111111111/now"), "/pay/[REDACTED]/now");
        assert_eq!(card_numbers("4111 1111 1111 1111, 5500005555555559"), "[REDACTED], [REDACTED]");
        for other in ["4111111111111112", "x4111111111111111", "411111111111111", "2026-11-21 15:39:56 00000"] {
            assert_eq!(card_numbers(other), other);
        }
    }

    proptest! {
        #[test]
        fn redaction_never_panics(text in ".*") {
            let _ = (query(&text), card_numbers(&text), is_secret(&text));
        }

        #[test]
        fn no_value_of_a_token_survives(value in "[a-z0-9%+]{1,20}", before in "[a-z=&]{0,10}") {
            let given = format!("{before}&token={value}");
            prop_assert!(query(&given).ends_with("&token=[REDACTED]"));
        }
    }
}
