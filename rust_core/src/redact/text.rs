//! Secrets in any text: passwords of URLs, values of secret parameters, card numbers.

use super::values::{self, Where};
use super::{MARKER, cards, hides, is_replaced};
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

/// As [`text()`], and the values of secrets wherever a `key=value`, a `"key": "value"` or a header stands: for what
/// exceptions say.
#[must_use]
pub fn message(text: &str) -> Cow<'_, str> {
    all(text, Where::Anywhere)
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
        let authority = &text[start..values::until(text, start, ends)];
        let Some((user, _)) = authority.rsplit_once('@') else { continue };
        if !user.is_empty() && !is_replaced(user) {
            clean.replace(start, user.len(), if user.contains(':') { USERINFO } else { USER });
        }
    }
    clean.finish()
}

/// Reads behind a key only where that is a secret's, and passes over what it has read: no text costs more than a multiple
/// of its length, whoever wrote it.
fn pairs(text: &str, place: Where) -> Cow<'_, str> {
    let mut clean = Replacing::new(text);
    let mut passed = 0;
    for (at, _) in text.match_indices(['=', ':']) {
        if at < passed {
            continue;
        }
        let Some((key, value)) = values::pair(text, at, place) else { continue };
        passed = value.end;
        let found = &text[value.clone()];
        if hides(key, found) && !found.starts_with(MARKER) {
            clean.replace(value.start, found.len(), MARKER);
        }
    }
    clean.finish()
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
    use super::super::steps;
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
            (r#"login(password=b"a", n=1)"#, r#"login(password=b"[REDACTED]", n=1)"#),
            ("User(password=SecretStr('a(b'), n=1)", "User(password=[REDACTED], n=1)"),
            (r"login(password='it\'s a', n=1)", "login(password='[REDACTED]', n=1)"),
            (r"connect(dsn='host=h password=\'a\'', n=1)", r"connect(dsn='host=h password=\'[REDACTED]\'', n=1)"),
            (r"'{\'a\': \'password=\\\'b\\\' c\'}'", r"'{\'a\': \'password=\\\'[REDACTED]\\\' c\'}'"),
            ("{'password': b'a', 'n': 1}", "{'password': b'[REDACTED]', 'n': 1}"),
            (r#"{"password": ["a]", ["b"]], "n": 1}"#, r#"{"password": [REDACTED], "n": 1}"#),
            ("{'password': SecretStr('a'), 'n': 1}", "{'password': [REDACTED], 'n': 1}"),
            (r#"{"token" : {"a": "b"}, "n": 1}"#, r#"{"token" : [REDACTED], "n": 1}"#),
            (r#"{\"password\": \"a\", \"n\": 1}"#, r#"{\"password\": \"[REDACTED]\", \"n\": 1}"#),
            (r#"password = "a" # n"#, r#"password = "[REDACTED]" # n"#),
            ("password==a b", "password=[REDACTED] b"),
            ("authorization=Bearer a b", "authorization=[REDACTED] b"),
            ("Authorization: Bearer a\nHost: b", "Authorization: [REDACTED]\nHost: b"),
            ("Authorization: Digest username=\"a\", response=\"b\"\nn", "Authorization: [REDACTED]\nn"),
            (r"b'GET /\r\nCookie: a=b; c\r\nHost: d'", r"b'GET /\r\nCookie: [REDACTED]\r\nHost: d'"),
            ("['X-Api-Key: a', 'n']", "['X-Api-Key: [REDACTED]', 'n']"),
        ] {
            assert_eq!(message(given), clean);
            assert_eq!(message(clean), clean);
        }
    }

    #[test]
    fn messages_stay_where_they_tell_no_secret() {
        for given in [
            "unexpected token: x",
            "unexpected token = at 5",
            "password=None is not allowed, has_token=True, cookies={}",
            "max_tokens=4096 is too many",
            "token = self.token_of(user)",
            "if password == other:",
            "{'token_type': 'bearer', 'input_tokens': 17}",
            "Cookie: ",
        ] {
            assert_eq!(message(given), given);
        }
    }

    #[test]
    fn what_is_not_closed_hides_no_other_frame() {
        let given = "\n  File \"a.py\", line 1, in a\n    get(cookies={\n  File \"b.py\", line 2, in b\n    raise";
        let clean =
            "\n  File \"a.py\", line 1, in a\n    get(cookies=[REDACTED]\n  File \"b.py\", line 2, in b\n    raise";
        assert_eq!(message(given), clean);
        assert_eq!(message("tokens=[a, (b)"), "tokens=[REDACTED]");
    }

    /// How often a character may be read, on an average: a number in many groups is the worst.
    const READS: usize = 64;

    fn is_linear(given: &str) -> Result<(), TestCaseError> {
        for read in [text, message] {
            let steps = steps::of(|| read(given));
            prop_assert!(steps <= READS * (given.len() + 1), "{steps} steps for {} bytes", given.len());
        }
        Ok(())
    }

    #[test]
    fn a_text_that_repeats_costs_a_multiple_of_its_length() {
        for part in [
            "?a=",
            "a=",
            "=",
            ":",
            "://",
            "a://x@",
            "?token=[REDACTED]",
            "token=[REDACTED] ",
            "token=None,",
            "token=\"",
            "token='",
            "token=\\'",
            "token=\\\\\\\"",
            "\\",
            "token=[",
            "token=[]",
            "token=[\n",
            "token=f(",
            "token= ",
            "token =",
            "token=b",
            "\"token\":",
            "\"token\":[",
            "\"token\":a",
            "\"token\" : \\",
            "cookie:",
            "cookie: a\\",
            "x-token:",
            "'x-token:",
            "token",
            "p_",
            "passwor-",
            "%41",
            "[",
            "\"",
            "'\\",
            "4 ",
            "1-",
            "4",
            "4111 ",
            "4111 1111 1111 1112 ",
            "max_tokens=5&",
            "\n  File \"",
            "token={\n  File \"",
            "é=",
            "token=é(",
        ] {
            is_linear(&part.repeat(20_000)).unwrap();
            is_linear(&format!("token={}", part.repeat(20_000))).unwrap();
            is_linear(&format!("{}=1", part.repeat(20_000))).unwrap();
        }
    }

    /// A value as `repr()` writes it.
    fn quoted(value: &str, mark: char) -> String {
        let escaped = value.replace('\\', r"\\").replace(mark, &format!("\\{mark}"));
        format!("{mark}{escaped}{mark}")
    }

    proptest! {
        #[test]
        fn no_text_costs_more_than_a_multiple_of_its_length(
            parts in prop::collection::vec(("(token|key|a|4111|[-=:;&?'\"\\\\ \n\\[\\](){}@.,1é]){1,4}", 1..400_usize), 1..6)
        ) {
            let given: String = parts.iter().map(|(part, times)| part.repeat(*times)).collect();
            is_linear(&given)?;
        }

        #[test]
        fn no_quoted_secret_of_a_message_survives(
            around in "[a-z '\"\\\\,)(=:&\n\\[{]{0,8}", mark in "['\"]", prefix in "[a-zA-Z]?", nested: bool
        ) {
            let mark = mark.chars().next().unwrap();
            let other = if mark == '"' { '\'' } else { '"' };
            let value = quoted(&format!("{around}hunter2{around}"), mark);
            let prefix = if "bBfFrRuU".contains(&prefix) { prefix } else { String::new() };
            for form in [
                format!("login(password={prefix}{value}, n=1)"),
                format!("password = {value}"),
                format!("{{'password' : {prefix}{value}, \"n\": 1}}"),
                format!("{{'password': [1, {value}]}}"),
                format!("User(password=Secret({value}), n=1)"),
            ] {
                let given = if nested { quoted(&form, other) } else { form };
                let clean = message(&given);
                prop_assert!(!clean.contains("hunter2"), "{given} -> {clean}");
            }
        }

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
