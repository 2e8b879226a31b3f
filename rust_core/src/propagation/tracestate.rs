//! The `tracestate` header (W3C trace context level 2, section 3.3).

use super::trim;

/// More members than this make the header invalid.
const MAX_MEMBERS: usize = 32;
/// Keys and values have at most so many characters.
const MAX_LEN: usize = 256;

/// Parses the header's lines in their order; empty when any member is invalid or there are too many. Of a key that comes
/// twice the first, most recent, member stays.
#[must_use]
pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, &'a str)> {
    let mut members: Vec<(&str, &str)> = Vec::new();
    for member in lines.into_iter().flat_map(|line| line.split(',')).map(trim).filter(|member| !member.is_empty()) {
        let Some((key, value)) = member.split_once('=').filter(|(key, value)| is_key(key) && is_value(value)) else {
            return Vec::new();
        };
        if !members.iter().any(|(known, _)| *known == key) {
            members.push((key, value));
        }
    }
    if members.len() > MAX_MEMBERS { Vec::new() } else { members }
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

    proptest! {
        #[test]
        fn parsing_never_panics(value in ".*") {
            let _ = parse([value.as_str()]);
        }
    }
}
