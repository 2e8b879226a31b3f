//! Secrets among attributes: found before they are written, at next to nothing for what holds none.

use super::text::plain_str;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt, PyList, PyString, PyTuple};
use pyspan_core::redact;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where secrets are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Redaction {
    Off,
    /// Under their keys, in URLs, and card numbers.
    On,
    /// Also where a text says `key=value`: in what exceptions say.
    Messages,
}

impl Redaction {
    /// True for a text that has a secret.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see `redact::may_hold_secret`")]
    pub fn finds_in(self, text: &str) -> bool {
        match self {
            Self::Off => false,
            Self::On => redact::may_hold_secret(text) && self.clean(text).is_some(),
            Self::Messages => self.clean(text).is_some(),
        }
    }

    /// The text without its secrets; `None` where it has none.
    #[cold]
    pub fn clean(self, text: &str) -> Option<String> {
        if self == Self::Off {
            return None;
        }
        match if self == Self::Messages { redact::message(text) } else { redact::text(text) } {
            Cow::Owned(clean) => Some(clean),
            Cow::Borrowed(_) => None,
        }
    }

    /// As [`Self::clean`], for bytes that are UTF-8; others are no text.
    #[cold]
    pub fn clean_bytes(self, bytes: &[u8]) -> Option<String> {
        let text = if self == Self::Off { None } else { std::str::from_utf8(bytes).ok() };
        text.filter(|text| self.finds_in(text)).and_then(|text| self.clean(text))
    }

    /// How the value of `key` is read.
    pub fn under(self, key: &str) -> Self {
        if is_message(key) { self.in_messages() } else { self }
    }

    /// How what an exception says is read.
    pub fn in_messages(self) -> Self {
        if self == Self::Off { self } else { Self::Messages }
    }
}

/// So many keys are remembered, a power of two; an application has some hundred.
const REMEMBERED: usize = 1024;

/// What is known of keys by their hash, whose lowest bit gives way to the answer: an array of words, since a map, a lock
/// or the key itself would cost more than they spare. Python hashes keys by 64 bits that nobody outside can foresee.
static KNOWN: [AtomicU64; REMEMBERED] = [const { AtomicU64::new(0) }; REMEMBERED];

/// True for a key whose value needs a second look, which few do.
#[inline(always)]
#[expect(clippy::inline_always, reason = "see `redact::may_hold_secret`")]
pub fn is_suspect(key: &Bound<'_, PyString>, text: &str) -> bool {
    // SAFETY: a live string of the exact type; hashing one runs no Python code and makes no object.
    let hash = unsafe { hash(key.as_ptr()) };
    let home = (hash >> 1) as usize % REMEMBERED;
    let known = KNOWN[home].load(Ordering::Relaxed);
    if is_of(known, hash) { known & 1 == 1 } else { is_suspect_elsewhere(home, hash, text) }
}

/// Looks at the three places that stand in for a taken one, and decides on a key that is in none.
#[cold]
fn is_suspect_elsewhere(home: usize, hash: u64, text: &str) -> bool {
    let places = [1, 2, 3].map(|turn| &KNOWN[home ^ turn]);
    if let Some(known) = places.iter().map(|place| place.load(Ordering::Relaxed)).find(|known| is_of(*known, hash)) {
        return known & 1 == 1;
    }
    let suspect = redact::is_secret(text) || is_message(text);
    let home = &KNOWN[home];
    let free = [home].into_iter().chain(places).find(|place| place.load(Ordering::Relaxed) == 0);
    free.unwrap_or(home).store(hash & !1 | u64::from(suspect), Ordering::Relaxed);
    suspect
}

#[inline]
const fn is_of(known: u64, hash: u64) -> bool {
    (known ^ hash) >> 1 == 0
}

/// The string's hash, which names in a program's text and keys of dicts have already.
#[inline]
unsafe fn hash(string: *mut ffi::PyObject) -> u64 {
    // SAFETY: as the caller says.
    unsafe {
        let known = (*string.cast::<ffi::PyASCIIObject>()).hash;
        (if known == -1 { ffi::PyObject_Hash(string) } else { known }).cast_unsigned() as u64
    }
}

/// True for the keys of what an exception says.
fn is_message(key: &str) -> bool {
    key.starts_with("exception.")
}

/// True for a plain value of a suspect key that is not to be written as it is. Runs no Python code.
#[cold]
pub fn is_changed(key: &str, value: &Bound<'_, PyAny>, redaction: Redaction) -> bool {
    let text = value.cast_exact::<PyString>().ok().and_then(plain_str);
    is_secret(key, value) || text.is_some_and(|text| redaction.under(key).finds_in(text))
}

/// True when all of the value gives way to the marker. Runs no Python code.
#[cold]
pub fn is_secret(key: &str, value: &Bound<'_, PyAny>) -> bool {
    !value.is_none() && redact::is_secret(key) && !is_harmless(value) && !is_redacted(value)
}

/// True for numbers and switches, which count, measure or tell whether there is a secret; not for a card's number.
fn is_harmless(value: &Bound<'_, PyAny>) -> bool {
    if !value.is_instance_of::<PyInt>() {
        return value.is_instance_of::<PyFloat>();
    }
    let mut overflow = 0;
    // SAFETY: a live int, of which no Python code is asked.
    let number = unsafe { ffi::PyLong_AsLongLongAndOverflow(value.as_ptr(), &raw mut overflow) };
    overflow == 0 && matches!(redact::card_numbers(&number.to_string()), Cow::Borrowed(_))
}

/// True for a list of what somebody has redacted before, as instrumentations write headers.
fn is_redacted(value: &Bound<'_, PyAny>) -> bool {
    let marked = |element: Bound<'_, PyAny>| {
        let text = element.cast_exact::<PyString>().ok().and_then(plain_str);
        text.is_some_and(redact::is_replaced)
    };
    if let Ok(list) = value.cast_exact::<PyList>() {
        return !list.is_empty() && list.iter().all(marked);
    }
    value.cast_exact::<PyTuple>().is_ok_and(|tuple| !tuple.is_empty() && tuple.iter().all(marked))
}
