//! Secrets in what a span is told: found by their key, card numbers by their digits.

mod cards;
mod steps;
mod text;
mod values;

pub use cards::card_numbers;
pub use text::{may_hold_secret, message, text};

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

/// What others put in the place of a secret, and what a placeholder looks like to them.
const REPLACED: [&str; 3] = [MARKER, "REDACTED", "REDACTED:REDACTED"];

/// The last words of keys whose values tell something about a secret: `aws.secretsmanager.secret.arn`,
/// `gen_ai.token.type`, `authorization.result`.
const ABOUT: [&str; 4] = ["arn", "result", "status", "type"];

/// What texts say where there is no secret, in the languages of Python and JSON.
const NOTHING: [&str; 9] = ["None", "True", "False", "null", "true", "false", "[]", "{}", "()"];

/// Returns true for a key whose value is a secret.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    let letters = key.as_bytes();
    let begins = |at: usize| begins_secret(letters[at]) && has_prefix(&letters[at..]);
    letters.len() >= SHORTEST && (0..letters.len()).any(begins) && !is_about(key)
}

/// True for a key that ends with a word of its own from [`ABOUT`].
fn is_about(key: &str) -> bool {
    let last = key.rsplit_once(['.', '_', '-']).map_or("", |(_, last)| last);
    ABOUT.iter().any(|word| last.eq_ignore_ascii_case(word))
}

/// Passes over most letters at once.
const fn begins_secret(letter: u8) -> bool {
    matches!(letter.to_ascii_lowercase(), b'a' | b'c' | b'p' | b's' | b't')
}

fn has_prefix(text: &[u8]) -> bool {
    SECRETS.iter().map(|secret| secret.as_bytes()).any(|secret| starts(text[0], secret) && is_prefix(secret, text))
}

/// True for a key under which a number counts tokens, as those of language models do.
fn is_count(key: &str) -> bool {
    ["tokens", "tokencount"].iter().any(|word| contains(key.as_bytes(), word.as_bytes()))
}

/// Returns true for what somebody has put in the place of a secret before.
#[must_use]
pub fn is_replaced(value: &str) -> bool {
    REPLACED.contains(&value)
}

/// Looks for `secret` from each place of `key`; nothing is copied.
fn contains(key: &[u8], secret: &[u8]) -> bool {
    (0..key.len()).any(|at| starts(key[at], secret) && is_prefix(secret, &key[at..]))
}

const fn starts(letter: u8, secret: &[u8]) -> bool {
    letter.to_ascii_lowercase() == secret[0]
}

fn is_prefix(secret: &[u8], text: &[u8]) -> bool {
    let is_letter = |byte: &&u8| {
        steps::count(1);
        !matches!(byte, b'-' | b'_' | b' ' | b'.')
    };
    let mut letters = text.iter().filter(is_letter);
    secret.iter().all(|wanted| letters.next().is_some_and(|byte| byte.to_ascii_lowercase() == *wanted))
}

/// Replaces the values of secret parameters in a URL's query, and card numbers in the others.
#[must_use]
pub fn query(query: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut kept = 0;
    let mut start = 0;
    // A question mark begins the query of a URL that is itself a value.
    for pair in query.split(separates) {
        let pair_start = start;
        start += pair.len() + 1;
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

const fn separates(letter: char) -> bool {
    matches!(letter, '&' | ';' | '?')
}

fn parameter<'a>(key: &str, value: &'a str) -> Cow<'a, str> {
    let is_secret = is_secret_name(key) && hides(key, value);
    if is_secret { Cow::Owned(MARKER.to_owned()) } else { card_numbers(value) }
}

/// True for a value that tells something, under a secret's name.
fn hides(key: &str, value: &str) -> bool {
    let says_nothing = value.is_empty() || is_replaced(value) || NOTHING.contains(&value);
    let counts = is_count(key) && is_number(value);
    !says_nothing && !counts
}

/// True for the name of a parameter whose value is a secret.
fn is_secret_name(key: &str) -> bool {
    let key = crate::propagation::baggage::decode(key);
    SIGNATURES.iter().any(|name| key.eq_ignore_ascii_case(name)) || is_secret(&key)
}

fn is_number(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
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
    fn every_secret_begins_with_a_letter_that_is_not_passed_over() {
        assert!(SECRETS.iter().all(|secret| begins_secret(secret.as_bytes()[0]) && is_secret(secret)));
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
    fn what_others_have_redacted_stays() {
        for given in ["sig=REDACTED&page=2", "token=[REDACTED]"] {
            assert_eq!(query(given), given);
        }
    }

    #[test]
    fn what_is_told_about_a_secret_is_none() {
        for key in ["aws.secretsmanager.secret.arn", "gen_ai.token.type", "token_type", "Authorization-Result"] {
            assert!(!is_secret(key), "{key}");
        }
        for key in ["secret.prototype", "type.token", "statustoken", "token.type.value"] {
            assert!(is_secret(key), "{key}");
        }
    }

    #[test]
    fn counts_and_switches_of_a_query_stay() {
        for given in ["max_tokens=5", "usage.tokens=0.5&page=2", "has_token=true", "password=None"] {
            assert_eq!(query(given), given);
        }
        assert_eq!(query("max_tokens=abc&token=5"), "max_tokens=[REDACTED]&token=[REDACTED]");
        assert_eq!(query("max_tokens=4111111111111111"), "max_tokens=[REDACTED]");
    }

    #[test]
    fn counts_of_tokens_are_told_from_tokens() {
        for key in ["gen_ai.usage.input_tokens", "maxTokens", "llm.token_count.prompt"] {
            assert!(is_count(key), "{key}");
        }
        assert!(!is_count("access_token"));
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
