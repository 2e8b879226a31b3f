//! Keys of secrets in any text, and how far the values behind them go.

use super::{is_secret_name, steps};
use std::ops::Range;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    InUrls,
    Anywhere,
}

/// Names before which a value has two words.
const SCHEMES: [&str; 3] = ["Basic", "Bearer", "Token"];

/// What begins a line of a stack trace: no value goes on beyond it.
const FRAME: &str = "\n  File \"";

/// The secret's key before the `=` or `:` at `at`, and where its value stands.
pub(super) fn pair(text: &str, at: usize, place: Where) -> Option<(&str, Range<usize>)> {
    match (text.as_bytes()[at], place) {
        (b'=', Where::InUrls) => in_url(text, at),
        (b'=', Where::Anywhere) => assigned(text, at),
        (_, Where::Anywhere) => named(text, at).or_else(|| header(text, at)),
        (_, Where::InUrls) => None,
    }
}

fn in_url(text: &str, at: usize) -> Option<(&str, Range<usize>)> {
    let (key, before) = secret_before(&text[..at])?;
    if !before.is_none_or(|c| matches!(c, '?' | '&' | ';' | '#')) {
        return None;
    }
    let start = at + 1;
    Some((key, quoted(text, start).unwrap_or_else(|| start..until(text, start, ends_parameter))))
}

/// `key=value`, and `key = "value"`: what stands alone between blanks is as likely a line of a program.
fn assigned(text: &str, at: usize) -> Option<(&str, Range<usize>)> {
    let before = text[..at].trim_end_matches(is_blank);
    let (key, _) = secret_before(before)?;
    let sign_end = pass(text, at, |c| c == '=');
    let start = pass(text, sign_end, is_blank);
    if let Some(value) = quoted(text, start) {
        return Some((key, value));
    }
    let is_apart = before.len() < at || sign_end < start;
    let value = || container(text, start).unwrap_or_else(|| at + 1..bare(text, sign_end));
    (!is_apart).then(|| (key, value()))
}

/// `"key": value`, as JSON and `repr()` of a dict write it.
fn named(text: &str, at: usize) -> Option<(&str, Range<usize>)> {
    let before = text[..at].trim_end_matches(is_blank).strip_suffix(is_mark)?.trim_end_matches('\\');
    let (key, _) = secret_before(before)?;
    let start = pass(text, at + 1, is_blank);
    Some((key, quoted(text, start).or_else(|| container(text, start))?))
}

/// `Authorization: value`, as HTTP writes it; other words before a colon are said of a secret (`unexpected token: x`).
fn header(text: &str, at: usize) -> Option<(&str, Range<usize>)> {
    let (key, before) = secret_before(&text[..at])?;
    // The `n` of a line break in what `repr()` says.
    let name = key.strip_prefix('n').filter(|_| before == Some('\\')).unwrap_or(key);
    let is_header = name.contains('-') || ["authorization", "cookie"].iter().any(|it| name.eq_ignore_ascii_case(it));
    let start = pass(text, at + 1, is_blank);
    let ends = |c: char| matches!(c, '\r' | '\n' | '\\') || before.is_some_and(is_mark) && before == Some(c);
    is_header.then(|| (key, quoted(text, start).unwrap_or_else(|| start..until(text, start, ends))))
}

/// The key at the end of `text` if it is a secret's, and the character before it.
fn secret_before(text: &str) -> Option<(&str, Option<char>)> {
    let in_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '%' | '[' | ']');
    let rest = text.trim_end_matches(in_key);
    let key = &text[rest.len()..];
    steps::count(key.len() + 1);
    (!key.is_empty() && is_secret_name(key)).then(|| (key, rest.chars().next_back()))
}

/// What stands in quotation marks at `start`, also behind a prefix as Python's bytes have it; all of it where they are
/// not closed. Marks within other quotation marks have a backslash before them, and so have those that close them.
fn quoted(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = &text[start..];
    let prefix = rest.bytes().take(2).take_while(|byte| b"bBfFrRuU".contains(byte)).count();
    let level = pass(text, start + prefix, |c| c == '\\') - start - prefix;
    let begin = start + prefix + level;
    let mark = text[begin..].chars().next().filter(|c| is_mark(*c))?;
    Some(begin + 1..closing(text, begin + 1, mark, level))
}

/// Where the next `mark` closes what has begun with one after `level` backslashes. One with more of them is within, also
/// where these stand for backslashes: `repr()` of a `repr()` looks the same, and what follows is better lost than told.
fn closing(text: &str, start: usize, mark: char, level: usize) -> usize {
    let mut from = start;
    loop {
        let at = until(text, from, |c| c == mark);
        let escapes = text[start..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        steps::count(escapes);
        if at == text.len() || escapes <= level {
            return at - escapes.min(level);
        }
        from = at + 1;
    }
}

/// A list, a mapping or a call at `start`, up to the bracket that closes it, or up to the end.
fn container(text: &str, start: usize) -> Option<Range<usize>> {
    let open = pass(text, start, |c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    let is_call = text[open..].starts_with('(');
    let opens = is_call || open == start && text[open..].starts_with(['[', '{']);
    if !opens {
        return None;
    }
    let (mut at, mut depth) = (open, 0_usize);
    while !text[at..].is_empty() && !text[at..].starts_with(FRAME) {
        match text.as_bytes()[at] {
            b'[' | b'{' | b'(' => depth += 1,
            b']' | b'}' | b')' => depth -= 1,
            b'"' => at = closing(text, at + 1, '"', 0),
            b'\'' => at = closing(text, at + 1, '\'', 0),
            _ => {}
        }
        at = text.len().min(at + 1);
        if depth == 0 {
            break;
        }
        at = until(text, at, |c| matches!(c, '[' | '{' | '(' | ']' | '}' | ')' | '"' | '\'' | '\n'));
    }
    Some(start..at)
}

/// Where a value ends that nothing encloses.
fn bare(text: &str, start: usize) -> usize {
    let end = until(text, start, ends_value);
    let is_scheme = SCHEMES.iter().any(|name| text[start..end].eq_ignore_ascii_case(name));
    if is_scheme && text[end..].starts_with(' ') { until(text, end + 1, ends_value) } else { end }
}

fn ends_parameter(c: char) -> bool {
    c.is_whitespace() || is_mark(c) || matches!(c, '&' | ';' | '#' | '<' | '>')
}

fn ends_value(c: char) -> bool {
    ends_parameter(c) || matches!(c, ',' | ')' | '}' | ']')
}

const fn is_mark(c: char) -> bool {
    matches!(c, '"' | '\'')
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// Where the first character from `start` on stands that `ends` says true of.
pub(super) fn until(text: &str, start: usize, ends: impl Fn(char) -> bool) -> usize {
    let end = text[start..].find(ends).map_or(text.len(), |length| start + length);
    steps::count(end - start + 1);
    end
}

/// Where the characters from `start` on end that `goes_on` says true of.
fn pass(text: &str, start: usize, goes_on: impl Fn(char) -> bool) -> usize {
    until(text, start, |c| !goes_on(c))
}
