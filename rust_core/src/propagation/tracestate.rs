//! The `tracestate` header (W3C trace context level 2, section 3.3).

use super::trim;
use std::borrow::Cow;

/// More members than this make the header invalid.
const MAX_MEMBERS: usize = 32;
/// Keys and values have at most so many characters.
const MAX_LEN: usize = 256;
/// A longer header is cut to this: the text asks that so much be passed on.
const MAX_BYTES: usize = 512;
/// Members longer than this are the first to go when a header is cut.
const LONG_MEMBER: usize = 128;

/// Returns the lines as one header without blanks, empty members and repeated keys, cut to 512 characters as the text
/// says; empty when they are invalid. A line that is so already comes back itself.
#[must_use]
pub fn clean<'a>(lines: &[&'a str]) -> Cow<'a, str> {
    let mut members = parse(lines.iter().copied());
    if let [line] = lines
        && line.len() == joined_len(&members)
        && line.len() <= MAX_BYTES
    {
        return Cow::Borrowed(line);
    }
    cut(&mut members);
    Cow::Owned(join(&members))
}

fn cut(members: &mut Vec<(&str, &str)>) {
    while joined_len(members) > MAX_BYTES {
        let long = members.iter().rposition(|(key, value)| key.len() + 1 + value.len() > LONG_MEMBER);
        members.remove(long.unwrap_or(members.len() - 1));
    }
}

fn joined_len(members: &[(&str, &str)]) -> usize {
    members.iter().map(|(key, value)| key.len() + value.len() + 2).sum::<usize>().saturating_sub(1)
}

fn join(members: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(joined_len(members));
    for (key, value) in members {
        if !out.is_empty() {
            out.push(',');
        }
        out.extend([*key, "=", *value]);
    }
    out
}

/// Returns the value under `key` of a header that is clean.
#[must_use]
pub fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    header.split(',').filter_map(|member| member.split_once('=')).find(|(known, _)| *known == key).map(|found| found.1)
}

/// Parses the header's lines in their order; empty when any member is invalid or there are too many. Of a key that comes
/// twice the first, most recent, member stays.
#[must_use]
pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, &'a str)> {
    let mut members: Vec<(&str, &str)> = Vec::new();
    for member in lines.into_iter().flat_map(|line| line.split(',')).map(trim).filter(|member| !member.is_empty()) {
        let Some((key, value)) = member.split_once('=').filter(|(key, value)| is_key(key) && is_value(value)) else {
            return Vec::new();
        };
        if members.iter().any(|(known, _)| *known == key) {
            continue;
        }
        if members.len() == MAX_MEMBERS {
            return Vec::new();
        }
        members.push((key, value));
    }
    members
}

/// Returns true for a key that the text allows, in its simple or its multi-tenant form.
#[must_use]
pub fn is_key(key: &str) -> bool {
    let starts = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let goes_on = |byte: u8| starts(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= MAX_LEN && key.bytes().next().is_some_and(starts) && key.bytes().all(goes_on)
}

/// Returns true for a value that the text allows: printable ASCII without comma and equals sign, no blank at its end.
#[must_use]
pub fn is_value(value: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    value.len() <= MAX_LEN && value.bytes().all(allowed) && !value.ends_with(' ') && !value.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_and_members_keep_their_order() {
        assert_eq!(parse(["a=1,\t b=2 ,,", "c=3"]), [("a", "1"), ("b", "2"), ("c", "3")]);
    }

    #[test]
    fn keys_of_vendors_are_legal() {
        for key in ["foo@", "0@vendor", "a*b/c-d_e", &"k".repeat(256)] {
            assert_eq!(parse([format!("{key}=v").as_str()]), [(key, "v")]);
        }
    }

    #[test]
    fn one_invalid_member_makes_all_of_it_invalid() {
        for member in ["A=1", "a", "=1", "a=", "a=b=c", "a=\u{e9}", "@a=1", &format!("{}=1", "k".repeat(257))] {
            assert!(parse(["x=1", member]).is_empty(), "{member}");
        }
    }

    #[test]
    fn of_a_key_that_comes_twice_the_first_member_stays() {
        assert_eq!(parse(["a=1,b=2,a=3"]), [("a", "1"), ("b", "2")]);
    }

    #[test]
    fn more_than_32_members_are_too_many() {
        let members = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        assert_eq!(parse([members(32).as_str()]).len(), 32);
        assert!(parse([members(33).as_str()]).is_empty());
    }

    #[test]
    fn a_clean_line_comes_back_itself() {
        assert!(matches!(clean(&["a=1,b= 2"]), Cow::Borrowed("a=1,b= 2")));
        assert_eq!(clean(&[]), "");
    }

    #[test]
    fn lines_are_joined_without_blanks_empty_members_and_repeated_keys() {
        assert_eq!(clean(&["a=1 ,,b=2,a=3", "", "\tc=4 "]), "a=1,b=2,c=4");
        assert_eq!(clean(&["a=1", "B=2"]), "");
    }

    #[test]
    fn of_a_header_that_is_cut_long_members_go_first_and_then_the_last() {
        let long = format!("long={}", "x".repeat(200));
        let short = |n: usize| format!("k{n:02}={}", "x".repeat(46));
        let members: Vec<_> = [short(0), long].into_iter().chain((1..11).map(short)).collect();
        let kept: Vec<_> = (0..10).map(short).collect();
        assert_eq!(clean(&[&members.join(",")]), kept.join(","));
    }

    #[test]
    fn a_value_is_found_by_its_whole_key() {
        assert_eq!(value("add=1,dd=2,d=3", "dd"), Some("2"));
        assert_eq!(value("", "dd"), None);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(value in ".*") {
            let _ = (parse([value.as_str()]), clean(&[&value, &value]));
        }

        #[test]
        fn what_is_clean_stays_so(line in "([a-c]{1,3}=[ -+x]{1,200}[ ]?,[ \t]?){0,8}") {
            let cleaned = clean(&[&line]).into_owned();
            prop_assert!(cleaned.len() <= MAX_BYTES);
            prop_assert!(cleaned.is_empty() || matches!(clean(&[&cleaned]), Cow::Borrowed(_)));
        }
    }
}
