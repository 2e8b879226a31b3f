//! Secrets in any text: passwords of URLs, values of secret parameters, card numbers.

use super::{MARKER, cards, is_replaced, is_secret_parameter};
use std::borrow::Cow;

/// The shortest text that can hold a secret: `sig=x`.
const SHORTEST: usize = 5;

/// What a password in a URL gives way to, as the semantic conventions have it: brackets would break the URL.
const USERINFO: &str = "REDACTED:REDACTED";
const USER: &str = "REDACTED";

/// Returns false for nearly every text without a secret, after a few instructions; only [`text()`] knows for the others.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call would cost as much again, for each text that a span is told")]
#[must_use]
pub fn may_hold_secret(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= SHORTEST && (has_sign(bytes) || cards::may_hold_card(bytes))
}

/// True when there is a `=` or `@`, or a character between them; read by words, the last of which overlaps the one before.
#[inline]
fn has_sign(bytes: &[u8]) -> bool {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        return (signs(first) | signs(last)) != 0 || bytes.len() > 16 && has_sign_inside(bytes);
    }
    let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) else { return false };
    let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
    signs(u64::from(first) << 32 | u64::from(last)) != 0
}

fn has_sign_inside(bytes: &[u8]) -> bool {
    bytes.chunks_exact(8).any(|word| word.first_chunk().is_some_and(|word| signs(u64::from_le_bytes(*word)) != 0))
}

/// Sets the highest bit of each byte from `=` to `@`; also of some that are no ASCII, which costs a second look.
#[inline]
const fn signs(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let ascii = word & (0x7f * EACH);
    let reached = ascii + (0x80 - b'=' as u64) * EACH;
    let passed = ascii + (0x80 - (b'@' as u64 + 1)) * EACH;
    reached & !passed & (0x80 * EACH)
}

/// Replaces the passwords of URLs, the values of secret parameters after `?`, `&`, `;`, `#` or at the start, and card
/// numbers.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    all(text, Where::InUrls)
}

/// As [`text()`], and the values of secrets wherever a `key=value` or `"key": "value"` stands: for what exceptions say.
#[must_use]
pub fn message(text: &str) -> Cow<'_, str> {
    all(text, Where::Anywhere)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    InUrls,
    Anywhere,
}

fn all(text: &str, place: Where) -> Cow<'_, str> {
    let clean = then(userinfo(text), |text| pairs(text, place));
    then(clean, cards::card_numbers)
}

/// Goes on with what a step before has left.
fn then(given: Cow<'_, str>, step: impl Fn(&str) -> Cow<'_, str>) -> Cow<'_, str> {
    match given {
        Cow::Borrowed(text) => step(text),
        Cow::Owned(text) => match step(&text) {
            Cow::Owned(clean) => Cow::Owned(clean),
            Cow::Borrowed(_) => Cow::Owned(text),
        },
    }
}

fn userinfo(text: &str) -> Cow<'_, str> {
    let mut clean = Replacing::new(text);
    for (found, mark) in text.match_indices("://") {
        let start = found + mark.len();
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '\\' | '"' | '\'' | '<' | '>');
        let authority = text[start..].split(ends).next().unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@') else { continue };
        if !user.is_empty() && !is_replaced(user) {
            clean.replace(start, user.len(), if user.contains(':') { USERINFO } else { USER });
        }
    }
    clean.finish()
}

fn pairs(text: &str, place: Where) -> Cow<'_, str> {
    let mut clean = Replacing::new(text);
    for (at, sign) in text.match_indices(['=', ':']) {
        if at < clean.kept {
            continue;
        }
        let pair = if sign == "=" { assigned(text, at, place) } else { quoted(text, at, place) };
        let Some((key, start, value)) = pair else { continue };
        if is_secret_parameter(key, value) && !value.starts_with(MARKER) {
            clean.replace(start, value.len(), MARKER);
        }
    }
    clean.finish()
}

/// The key before the `=` at `at`, where the value starts, and the value.
fn assigned(text: &str, at: usize, place: Where) -> Option<(&str, usize, &str)> {
    let (key, before) = key_before(&text[..at]);
    let fits = place == Where::Anywhere || before.is_none_or(|c| matches!(c, '?' | '&' | ';' | '#'));
    if key.is_empty() || !fits {
        return None;
    }
    let rest = &text[at + 1..];
    if let Some(inner) = quoted_text(rest) {
        return Some((key, at + 2, inner));
    }
    let ends = |c: char| {
        let code = place == Where::Anywhere && matches!(c, ',' | ')' | '}' | ']');
        code || c.is_whitespace() || matches!(c, '&' | ';' | '#' | '"' | '\'' | '<' | '>')
    };
    Some((key, at + 1, rest.split(ends).next().unwrap_or_default()))
}

/// Likewise for the `:` between a key and a value in quotation marks, as JSON and `repr()` of a dict write them.
fn quoted(text: &str, at: usize, place: Where) -> Option<(&str, usize, &str)> {
    let before = text[..at].strip_suffix(['"', '\'']).filter(|_| place == Where::Anywhere)?;
    let rest = text[at + 1..].trim_start_matches(' ');
    Some((key_before(before).0, text.len() - rest.len() + 1, quoted_text(rest)?))
}

/// The key at the end of `text`, and the character before it.
fn key_before(text: &str) -> (&str, Option<char>) {
    let in_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '%' | '[' | ']');
    let rest = text.trim_end_matches(in_key);
    (&text[rest.len()..], rest.chars().next_back())
}

/// What stands in quotation marks at the start of `text`; all of it where they are not closed.
fn quoted_text(text: &str) -> Option<&str> {
    let mark = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text[1..].split(mark).next()
}

/// A text some parts of which are replaced from front to back; copied with the first of them.
struct Replacing<'a> {
    text: &'a str,
    out: String,
    /// Up to here `out` stands for the text.
    kept: usize,
}

impl<'a> Replacing<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, out: String::new(), kept: 0 }
    }

    fn replace(&mut self, start: usize, length: usize, by: &str) {
        self.out.push_str(&self.text[self.kept..start]);
        self.out.push_str(by);
        self.kept = start + length;
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.kept == 0 {
            return Cow::Borrowed(self.text);
        }
        self.out.push_str(&self.text[self.kept..]);
        Cow::Owned(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_of_urls_are_replaced() {
        for (given, clean) in [
            ("https://u:p@host/x", "https://REDACTED:REDACTED@host/x"),
            ("see https://ghp_1@host and a://b:c@d", "see https://REDACTED@host and a://REDACTED:REDACTED@d"),
            ("https://host/x?page=2&token=abc#top", "https://host/x?page=2&token=[REDACTED]#top"),
            ("/back?next=/login?token=abc&sig=1", "/back?next=/login?token=[REDACTED]&sig=[REDACTED]"),
            ("/cb#access_token=abc", "/cb#access_token=[REDACTED]"),
            ("token=a=b?c", "token=[REDACTED]"),
            ("host=db;password='a b';x=1", "host=db;password='[REDACTED]';x=1"),
            ("paid with 4111 1111 1111 1111", "paid with [REDACTED]"),
        ] {
            assert!(may_hold_secret(given), "{given}");
            assert_eq!(text(given), clean);
        }
    }

    #[test]
    fn a_text_without_secrets_is_not_copied() {
        for given in [
            "",
            "sig=",
            "alice@shop.example",
            "https://REDACTED:REDACTED@host/?sig=REDACTED",
            "SELECT a FROM b WHERE token = ? AND secret_id=c.secret_id",
            "https://host/path?page=2",
            "2026-11-21T15:39:56.123456789Z",
        ] {
            assert!(matches!(text(given), Cow::Borrowed(same) if same == given), "{given}");
        }
    }

    #[test]
    fn ordinary_texts_are_told_at_the_first_look() {
        for given in
            ["GET", "orders.example", "/orders/{id}", "00000000000a", "a text of any length that has no such sign"]
        {
            assert!(!may_hold_secret(given), "{given}");
        }
    }

    #[test]
    fn messages_tell_no_secret_wherever_it_stands() {
        for (given, clean) in [
            ("login failed: password=abc, user=me", "login failed: password=[REDACTED], user=me"),
            ("login(api_key='a b', n=1)", "login(api_key='[REDACTED]', n=1)"),
            (r#"got {"Password": "x", "n": 1}"#, r#"got {"Password": "[REDACTED]", "n": 1}"#),
            ("unexpected token: x", "unexpected token: x"),
        ] {
            assert_eq!(message(given), clean);
        }
    }

    proptest! {
        #[test]
        fn redaction_of_texts_never_panics(given in ".*") {
            let _ = (text(&given), message(&given), may_hold_secret(&given));
        }

        #[test]
        fn texts_like_urls_never_panic(given in "[a:/@?&=#;'\"é tokensig4 1-]{0,40}") {
            let _ = (text(&given), message(&given));
        }

        #[test]
        fn the_first_look_misses_nothing(given in "[a:/?&=@ 41-]{0,60}") {
            if matches!(text(&given), Cow::Owned(_)) {
                prop_assert!(may_hold_secret(&given));
            }
        }

        #[test]
        fn the_first_look_misses_no_card(before in "[a-z ]{0,40}", after in "[a-z ]{0,40}", mark in "[ -]?") {
            let number = ["4111", "1111", "1111", "1111"].join(&mark);
            let given = format!("{before} {number} {after}");
            prop_assert!(may_hold_secret(&given));
            prop_assert!(text(&given).contains(MARKER));
        }
    }
}
