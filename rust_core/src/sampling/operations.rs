//! Sampling by operation: critical ones always, others by the rate of their name, their type, or the rest.

use super::Query;
use super::composable::{Intent, of_parent};
use super::threshold::{OtState, Threshold};
use std::collections::{HashMap, HashSet};

/// What a sampler may ask of the span that starts.
pub trait Operation {
    /// Returns true when `accepts` takes one of its names: that of the span, or of its operation.
    fn is_named(&self, accepts: &mut dyn FnMut(&str) -> bool) -> bool;

    /// Calls `choose` with the type of the operation, where one is known.
    fn with_type(&self, choose: &mut dyn FnMut(&str));
}

/// The rules. They decide where a trace starts; the rest of it follows, but for critical operations, which are kept,
/// with what they call, also in a trace that is not sampled.
#[derive(Debug)]
pub struct Operations {
    /// Kept always.
    pub critical: Names,
    /// Thresholds by name, the first that fits.
    pub by_name: Vec<(Names, Option<Threshold>)>,
    /// Thresholds by type.
    pub by_type: HashMap<Box<str>, Option<Threshold>>,
    /// For everything else.
    pub rest: Option<Threshold>,
}

impl Operations {
    pub(super) fn intent(&self, state: OtState, query: &Query<'_>) -> Intent {
        if self.critical.contain(query.operation) {
            return Intent::fixed(Some(Threshold::ALWAYS));
        }
        of_parent(state, query).unwrap_or_else(|| Intent::fixed(self.of_root(query.operation)))
    }

    fn of_root(&self, operation: &dyn Operation) -> Option<Threshold> {
        if let Some((_, threshold)) = self.by_name.iter().find(|(names, _)| names.contain(operation)) {
            return *threshold;
        }
        let mut threshold = self.rest;
        operation.with_type(&mut |found| threshold = self.by_type.get(found).copied().unwrap_or(self.rest));
        threshold
    }
}

/// Names, and patterns with `*` for any characters and `?` for one.
#[derive(Debug, Default)]
pub struct Names {
    exact: HashSet<Box<str>>,
    patterns: Vec<Box<str>>,
}

impl Names {
    fn contain(&self, operation: &dyn Operation) -> bool {
        let fits = |name: &str| {
            self.exact.contains(name)
                || self.patterns.iter().any(|pattern| matches(pattern.as_bytes(), name.as_bytes()))
        };
        !(self.exact.is_empty() && self.patterns.is_empty()) && operation.is_named(&mut { fits })
    }
}

impl<T: Into<Box<str>>> FromIterator<T> for Names {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let names = names.into_iter().map(Into::into);
        let (patterns, exact) = names.partition::<Vec<Box<str>>, _>(|name| name.contains(['*', '?']));
        Self { exact: exact.into_iter().collect(), patterns }
    }
}

/// Goes back to the last `*` alone, so that no pattern takes more than the product of both lengths.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < name.len() {
        match (pattern.get(at), star) {
            (Some(b'*'), _) => {
                star = Some((at, seen));
                at += 1;
            }
            (Some(&byte), _) if byte == b'?' || byte == name[seen] => (at, seen) = (at + 1, seen + 1),
            (_, Some((after, taken))) => {
                star = Some((after, taken + 1));
                (at, seen) = (after + 1, taken + 1);
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Plain, parent};
    use super::*;
    use crate::context::{SAMPLED, SpanContext};
    use crate::ids::TraceId;
    use proptest::prelude::*;

    struct Typed(&'static str, &'static str);

    impl Operation for Typed {
        fn is_named(&self, accepts: &mut dyn FnMut(&str) -> bool) -> bool {
            accepts(self.0)
        }

        fn with_type(&self, choose: &mut dyn FnMut(&str)) {
            choose(self.1);
        }
    }

    fn rules() -> Operations {
        Operations {
            critical: ["payment.process", "auth.*"].into_iter().collect(),
            by_name: vec![(std::iter::once("GET /health").collect(), None)],
            by_type: HashMap::from([("db.query".into(), Threshold::of_rate(0.05))]),
            rest: Threshold::of_rate(0.1),
        }
    }

    fn threshold(operation: &dyn Operation, parent: Option<&SpanContext>) -> Option<Threshold> {
        let trace_id = TraceId::from_int(1).unwrap();
        rules().intent(OtState::default(), &Query { parent, trace_state: "", trace_id, operation }).threshold
    }

    #[test]
    fn critical_operations_are_kept_also_in_traces_that_are_not() {
        for name in ["payment.process", "auth.login"] {
            assert_eq!(threshold(&Plain(name), None), Some(Threshold::ALWAYS));
            assert_eq!(threshold(&Plain(name), Some(&parent(0, false))), Some(Threshold::ALWAYS));
        }
    }

    #[test]
    fn a_root_is_decided_by_its_name_then_its_type_then_the_rest() {
        assert_eq!(threshold(&Typed("GET /health", "db.query"), None), None);
        assert_eq!(threshold(&Typed("SELECT", "db.query"), None), Threshold::of_rate(0.05));
        assert_eq!(threshold(&Typed("job", "cache"), None), Threshold::of_rate(0.1));
        assert_eq!(threshold(&Plain("job"), None), Threshold::of_rate(0.1));
    }

    #[test]
    fn what_has_a_parent_follows_it_whatever_its_type() {
        let query = Typed("SELECT", "db.query");
        assert_eq!(threshold(&query, Some(&parent(SAMPLED, false))), Some(Threshold::ALWAYS));
        assert_eq!(threshold(&query, Some(&parent(0, false))), None);
    }

    #[test]
    fn stars_stand_for_any_characters_and_question_marks_for_one() {
        for (pattern, name) in [("*", ""), ("a*", "a"), ("a*c", "abcbc"), ("a?c", "abc"), ("*.pay*", "x.payment")] {
            assert!(matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        for (pattern, name) in [("", "a"), ("a", ""), ("a*c", "abcb"), ("a?c", "ac"), ("a", "ab")] {
            assert!(!matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_made_from_a_name_matches_it(name in "[a-c]{0,12}", from in 0_usize..12, to in 0_usize..12) {
            let (from, to) = (from.min(to).min(name.len()), from.max(to).min(name.len()));
            let pattern = format!("{}*{}", &name[..from], &name[to..]);
            prop_assert!(matches(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
