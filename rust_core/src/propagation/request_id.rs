//! The header `x-request-id`: which values are taken from a caller, and new ones.

use super::trim;
use crate::ids::random_trace_id;

const MAX_LEN: usize = 128;

/// Returns the id in `header`, or `None` when it is empty, longer than 128 characters or not printable: it goes into logs.
#[must_use]
pub fn parse(header: &str) -> Option<&str> {
    let id = trim(header);
    let fits = (1..=MAX_LEN).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(id)
}

/// Makes an id of 32 hex digits; for `now_ns` see [`random_trace_id`].
#[must_use]
pub fn make(now_ns: u64) -> String {
    random_trace_id(now_ns).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_taken_without_the_blanks_around_it() {
        assert_eq!(parse(" 7b8a-42:x/y= "), Some("7b8a-42:x/y="));
    }

    #[test]
    fn what_could_forge_a_log_line_is_no_id() {
        for header in ["", " ", "a b", "a\nb", "a\u{e9}", &"a".repeat(129)] {
            assert_eq!(parse(header), None, "{header}");
        }
    }

    #[test]
    fn a_made_id_is_an_id() {
        let made = make(7);
        assert_eq!((parse(&made), made.len()), (Some(made.as_str()), 32));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(header in ".*") {
            let _ = parse(&header);
        }
    }
}
