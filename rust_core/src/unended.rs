//! Spans that were dropped without an end, by where they come from, so that somebody can find what forgets to end them.

use std::collections::HashMap;

/// So many origins are told apart; what comes of others is counted together.
const MOST_ORIGINS: usize = 100;
/// Bytes that are kept of a name.
const LONGEST_NAME: usize = 200;

/// Where a span comes from: the name of its scope and its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// The name of the tracer, which by custom is that of a module.
    pub scope: String,
    /// The span's name; empty with an empty scope for all that are not told apart.
    pub name: String,
}

/// How many spans of an origin were dropped, and how old the oldest of them was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Spans.
    pub spans: u64,
    /// Nanoseconds from the start of a span until it was dropped, of the one that was open for longest.
    pub longest_ns: u64,
}

impl Lost {
    fn add(&mut self, age_ns: u64) {
        self.spans += 1;
        self.longest_ns = self.longest_ns.max(age_ns);
    }
}

/// Spans that were dropped without an end; bounded, whatever spans are called.
#[derive(Debug, Default)]
pub struct Unended {
    known: HashMap<Origin, Lost>,
    others: Lost,
}

impl Unended {
    /// Counts a span that was dropped `age_ns` after its start.
    pub fn add(&mut self, scope: &str, name: &str, age_ns: u64) {
        let origin = Origin { scope: shortened(scope), name: shortened(name) };
        let is_full = self.known.len() >= MOST_ORIGINS;
        match self.known.get_mut(&origin) {
            Some(lost) => lost.add(age_ns),
            None if is_full => self.others.add(age_ns),
            None => self.known.entry(origin).or_default().add(age_ns),
        }
    }

    /// Returns what was counted, most spans first; last what is not told apart.
    #[must_use]
    pub fn report(&self) -> Vec<(Origin, Lost)> {
        let mut report: Vec<_> = self.known.iter().map(|(origin, &lost)| (origin.clone(), lost)).collect();
        report.sort_by(|(left, lost), (right, more)| more.spans.cmp(&lost.spans).then_with(|| left.cmp(right)));
        if self.others.spans > 0 {
            report.push((Origin::default(), self.others));
        }
        report
    }
}

fn shortened(name: &str) -> String {
    let end = (0..=LONGEST_NAME.min(name.len())).rev().find(|&end| name.is_char_boundary(end));
    name[..end.unwrap_or_default()].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(unended: &Unended) -> Vec<(String, String, u64, u64)> {
        let flat = |(origin, lost): (Origin, Lost)| (origin.scope, origin.name, lost.spans, lost.longest_ns);
        unended.report().into_iter().map(flat).collect()
    }

    #[test]
    fn spans_are_counted_by_origin_with_the_longest_time_most_first() {
        let mut unended = Unended::default();
        for (scope, name, age) in [("db", "query", 5), ("web", "GET", 1), ("db", "query", 9), ("db", "query", 2)] {
            unended.add(scope, name, age);
        }
        let expected = [("db", "query", 3, 9), ("web", "GET", 1, 1)];
        assert_eq!(report(&unended), expected.map(|(scope, name, spans, ns)| (scope.into(), name.into(), spans, ns)));
    }

    #[test]
    fn names_without_bound_are_counted_together() {
        let mut unended = Unended::default();
        for number in 0..MOST_ORIGINS as u64 + 7 {
            unended.add("web", &format!("GET /{number}"), number);
        }
        unended.add("web", "GET /0", 1000);
        let report = report(&unended);
        assert_eq!(report.len(), MOST_ORIGINS + 1);
        assert_eq!(report[0], ("web".into(), "GET /0".into(), 2, 1000));
        assert_eq!(report[MOST_ORIGINS], (String::new(), String::new(), 7, MOST_ORIGINS as u64 + 6));
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let mut unended = Unended::default();
        unended.add("", &"é".repeat(1000), 1);
        unended.add("", &format!("x{}", "é".repeat(1000)), 1);
        let lengths: Vec<usize> = report(&unended).iter().map(|(_, name, ..)| name.len()).collect();
        assert_eq!(lengths, [199, 200]);
    }
}
