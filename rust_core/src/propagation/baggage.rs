//! The `baggage` header (W3C baggage).

use super::trim;

/// What goes beyond these is left out, member by member.
const MAX_BYTES: usize = 8192;
const MAX_MEMBERS: usize = 180;

/// Parses a header into keys and decoded values; invalid members are left out. Properties behind a semicolon are not
/// kept: the API has no place for them.
#[must_use]
pub fn parse(header: &str) -> Vec<(String, String)> {
    if header.len() > MAX_BYTES {
        return Vec::new();
    }
    header.split(',').filter_map(parse_member).take(MAX_MEMBERS).collect()
}

fn parse_member(member: &str) -> Option<(String, String)> {
    let content = member.split(';').next()?;
    let (key, value) = content.split_once('=')?;
    let (key, value) = (trim(key), trim(value));
    (is_token(key) && value.bytes().all(is_octet)).then(|| (decode(key), decode(value)))
}

/// Formats keys and values; members that do not fit the limits any more are left out.
#[must_use]
pub fn format<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (key, value) in members.into_iter().filter(|(key, _)| is_token(key)).take(MAX_MEMBERS) {
        let before = out.len();
        if before > 0 {
            out.push(',');
        }
        out.push_str(key);
        out.push('=');
        encode(value, &mut out);
        if out.len() > MAX_BYTES {
            out.truncate(before);
        }
    }
    out
}

fn encode(value: &str, out: &mut String) {
    for byte in value.bytes() {
        // A plus is legal as it is, but readers that follow HTML forms take it for a blank.
        if is_octet(byte) && !matches!(byte, b'%' | b'+') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend([byte >> 4, byte & 15].map(|half| char::from(b"0123456789ABCDEF"[usize::from(half)])));
        }
    }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(byte) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// An RFC 7230 token.
fn is_token(key: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !key.is_empty() && key.bytes().all(allowed)
}

/// A `baggage-octet`: printable ASCII without blank, quote, comma, semicolon and backslash.
const fn is_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn owned(members: &[(&str, &str)]) -> Vec<(String, String)> {
        members.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn members_are_trimmed_and_decoded() {
        let header = "userId = Am%C3%A9lie , serverNode=DF%2028;p=1; q ,empty=";
        assert_eq!(parse(header), owned(&[("userId", "Am\u{e9}lie"), ("serverNode", "DF 28"), ("empty", "")]));
    }

    #[test]
    fn invalid_members_are_left_out_alone() {
        assert_eq!(parse("a=1,no value,=2,b c=3,d=\"x\",e=5"), owned(&[("a", "1"), ("e", "5")]));
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        assert_eq!(parse("a=100%,b=%zz,c=%ff"), owned(&[("a", "100%"), ("b", "%zz"), ("c", "\u{fffd}")]));
    }

    #[test]
    fn a_plus_is_escaped_and_read_as_it_is() {
        assert_eq!(format([("a", "1+1")]), "a=1%2B1");
        assert_eq!(parse("a=1+1"), owned(&[("a", "1+1")]));
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let long = "v".repeat(5000);
        assert_eq!(format([("a", long.as_str()), ("b", long.as_str()), ("c", "1")]).len(), 5002 + 4);
    }

    proptest! {
        #[test]
        fn members_round_trip(key in "[a-zA-Z0-9_.-]{1,20}", value in "\\PC{0,40}") {
            prop_assert_eq!(parse(&format([(key.as_str(), value.as_str())])), owned(&[(&key, &value)]));
        }

        #[test]
        fn parsing_never_panics(header in ".*") {
            let _ = parse(&header);
        }
    }
}
