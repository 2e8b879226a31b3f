//! Counts in tests how much of a text is read, so that they can hold redaction to a multiple of its length.

#[cfg(not(test))]
#[inline]
pub(super) const fn count(_read: usize) {}

#[cfg(test)]
thread_local! {
    static READ: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
pub(super) fn count(read: usize) {
    READ.set(READ.get() + read);
}

/// Returns how many characters `work` has read.
#[cfg(test)]
pub(super) fn of<T>(work: impl FnOnce() -> T) -> usize {
    let before = READ.get();
    work();
    READ.get() - before
}
