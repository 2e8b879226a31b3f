//! The `baggage` header (W3C baggage).

use super::trim;
use std::borrow::Cow;

/// What goes beyond these is left out, member by member. The text asks for 8,192 bytes and 64 members at least.
const MAX_BYTES: usize = 8192;
const MAX_MEMBERS: usize = 180;

/// A member of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// A token, which is never percent-encoded.
    pub key: &'a str,
    /// The value, decoded.
    pub value: Cow<'a, str>,
    /// What follows the first semicolon, as it came; mostly empty.
    pub properties: &'a str,
}

/// Parses the lines of the header as one list; invalid members and what exceeds the limits are left out.
pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = Member<'a>> {
    let mut bytes = 0;
    let within = move |member: &&str| {
        bytes += member.len() + 1;
        bytes <= MAX_BYTES + 1
    };
    lines.into_iter().flat_map(|line| line.split(',')).take_while(within).filter_map(parse_member).take(MAX_MEMBERS)
}

fn parse_member(member: &str) -> Option<Member<'_>> {
    let (content, properties) = member.split_once(';').unwrap_or((member, ""));
    let (key, value) = content.split_once('=')?;
    let (key, value, properties) = (trim(key), trim(value), trim(properties));
    let valid = is_token(key) && value.bytes().all(is_octet) && are_properties(properties);
    valid.then(|| Member { key, value: decode(value), properties })
}

/// True for what may follow a value's semicolon.
#[must_use]
pub fn are_properties(text: &str) -> bool {
    let is_property = |property: &str| {
        let (key, value) = property.split_once('=').unwrap_or((property, ""));
        is_token(trim(key)) && trim(value).bytes().all(is_octet)
    };
    text.is_empty() || text.split(';').all(is_property)
}

/// Writes a list within its limits.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
    members: usize,
}

impl Writer {
    /// Adds a member; false when its key is no token or it does not fit any more.
    pub fn push(&mut self, key: &str, value: &str, properties: &str) -> bool {
        let before = self.out.len();
        if before == 0 {
            self.out.reserve(64);
        }
        if self.members == MAX_MEMBERS || !is_token(key) {
            return false;
        }
        if before > 0 {
            self.out.push(',');
        }
        self.out.extend([key, "="]);
        encode(value, &mut self.out);
        if !properties.is_empty() && are_properties(properties) {
            self.out.extend([";", properties]);
        }
        let fits = self.out.len() <= MAX_BYTES;
        if fits {
            self.members += 1;
        } else {
            self.out.truncate(before);
        }
        fits
    }

    /// Returns the header, empty without a member.
    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }
}

/// Percent-encodes what a value must not hold.
pub fn encode(value: &str, out: &mut String) {
    if value.bytes().all(goes_plain) {
        out.push_str(value);
        return;
    }
    for byte in value.bytes() {
        if goes_plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend([byte >> 4, byte & 15].map(|half| char::from(b"0123456789ABCDEF"[usize::from(half)])));
        }
    }
}

/// A plus is legal as it is, but readers that follow HTML forms take it for a blank.
const fn goes_plain(byte: u8) -> bool {
    is_octet(byte) && !matches!(byte, b'%' | b'+')
}

/// Decodes percent-encoding; a broken escape stays as it is, what is no UTF-8 becomes U+FFFD.
#[must_use]
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if let Some(byte) = escaped(&bytes[at..]) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

fn escaped(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = *bytes else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

/// An RFC 7230 token.
#[must_use]
pub fn is_token(key: &str) -> bool {
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

    fn read(header: &str) -> Vec<(String, String, String)> {
        let owned = |member: Member<'_>| (member.key.into(), member.value.into_owned(), member.properties.into());
        parse([header]).map(owned).collect()
    }

    fn owned(members: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
        members.iter().map(|&(key, value, properties)| (key.into(), value.into(), properties.into())).collect()
    }

    fn write(members: &[(&str, &str, &str)]) -> String {
        let mut writer = Writer::default();
        for (key, value, properties) in members {
            writer.push(key, value, properties);
        }
        writer.finish()
    }

    #[test]
    fn the_examples_of_the_text_are_parsed() {
        let header = "key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue";
        let expected = [
            ("key1", "value1", "property1;property2"),
            ("key2", "value2", ""),
            ("key3", "value3", "propertyKey=propertyValue"),
        ];
        assert_eq!(read(header), owned(&expected));
        let header = "userId=Am%C3%A9lie,serverNode=DF%2028,isProduction=false";
        let expected = [("userId", "Am\u{e9}lie", ""), ("serverNode", "DF 28", ""), ("isProduction", "false", "")];
        assert_eq!(read(header), owned(&expected));
    }

    #[test]
    fn several_lines_are_one_list() {
        assert_eq!(parse(["a=1", " b=2 ,, c="]).map(|member| member.key).collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn a_value_may_hold_equals_signs() {
        assert_eq!(read("a=b=c==;p=x=y"), owned(&[("a", "b=c==", "p=x=y")]));
    }

    #[test]
    fn a_key_is_no_subject_of_percent_encoding() {
        assert_eq!(read("a%20b=1"), owned(&[("a%20b", "1", "")]));
        assert_eq!(write(&[("a%20b", "1", ""), ("a b", "2", "")]), "a%20b=1");
    }

    #[test]
    fn invalid_members_are_left_out_alone() {
        let header = "a=1,no value,=2,b c=3,d=\"x\",e=5;bad property,f=\u{e9},g=7";
        assert_eq!(read(header), owned(&[("a", "1", ""), ("g", "7", "")]));
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        let expected = [("a", "100%", ""), ("b", "%zz", ""), ("c", "\u{fffd}", ""), ("d", "%+1", "")];
        assert_eq!(read("a=100%,b=%zz,c=%ff,d=%+1"), owned(&expected));
    }

    #[test]
    fn a_plus_is_escaped_and_read_as_it_is() {
        assert_eq!(write(&[("a", "1+1", "")]), "a=1%2B1");
        assert_eq!(read("a=1+1"), owned(&[("a", "1+1", "")]));
    }

    #[test]
    fn properties_are_written_behind_their_value() {
        assert_eq!(write(&[("a", "1", "p;q=2"), ("b", "2", "not, valid")]), "a=1;p;q=2,b=2");
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let long = "v".repeat(5000);
        assert_eq!(write(&[("a", &long, ""), ("b", &long, ""), ("c", "1", "")]).len(), 5002 + 4);
        let many: Vec<String> = (0..200).map(|n| format!("k{n}")).collect();
        let many: Vec<_> = many.iter().map(|key| (key.as_str(), "v", "")).collect();
        assert_eq!(write(&many).split(',').count(), 180);
    }

    #[test]
    fn of_a_header_beyond_the_limits_whole_members_are_read() {
        let member = |n: usize| format!("k{n:02}={}", "v".repeat(95));
        let header = (0..99).map(member).collect::<Vec<_>>().join(",");
        assert_eq!(read(&header).len(), 81);
        assert_eq!(read(&"k=v,".repeat(200)).len(), 180);
    }

    proptest! {
        #[test]
        fn members_round_trip(key in "[a-zA-Z0-9_.-]{1,20}", value in "\\PC{0,40}", property in "[a-z]{0,3}") {
            let member = (key.as_str(), value.as_str(), property.as_str());
            prop_assert_eq!(read(&write(&[member])), owned(&[member]));
        }

        #[test]
        fn parsing_never_panics(header in ".*") {
            let _ = read(&header);
        }
    }
}
