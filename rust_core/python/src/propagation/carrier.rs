//! Headers in the user's carrier: natively where it is a dict or a list of pairs, else by the API's getter and setter.

use crate::encode;
use crate::propagation::names::Names;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use std::ptr::null;

/// The values of one header.
pub enum Lines<'py> {
    None,
    One(Bound<'py, PyString>),
    Many(Vec<Bound<'py, PyString>>),
}

impl<'py> Lines<'py> {
    /// Returns the first value.
    pub fn first(self) -> Option<Bound<'py, PyString>> {
        match self {
            Self::None => None,
            Self::One(line) => Some(line),
            Self::Many(lines) => lines.into_iter().next(),
        }
    }

    /// Returns the one value there is; of several none is.
    pub fn only(self) -> Option<Bound<'py, PyString>> {
        match self {
            Self::One(line) => Some(line),
            Self::Many(lines) if lines.len() == 1 => lines.into_iter().next(),
            _ => None,
        }
    }

    pub fn as_slice(&self) -> &[Bound<'py, PyString>] {
        match self {
            Self::None => &[],
            Self::One(line) => std::slice::from_ref(line),
            Self::Many(lines) => lines,
        }
    }

    fn and(self, line: Bound<'py, PyString>) -> Self {
        match self {
            Self::None => Self::One(line),
            Self::One(first) => Self::Many(vec![first, line]),
            Self::Many(mut lines) => {
                lines.push(line);
                Self::Many(lines)
            }
        }
    }

    fn of(mut lines: Vec<Bound<'py, PyString>>) -> Self {
        match lines.len() {
            0 => Self::None,
            1 => lines.pop().map_or(Self::None, Self::One),
            _ => Self::Many(lines),
        }
    }
}

/// Reads headers.
pub enum Reader<'a, 'py> {
    /// A dict under the default getter.
    Dict(&'a Bound<'py, PyDict>),
    /// Anything else under any getter.
    Getter { carrier: &'a Bound<'py, PyAny>, getter: &'a Bound<'py, PyAny> },
    /// Pairs of name and value, text or bytes in Latin-1, as ASGI and Kafka have them.
    Pairs(Vec<(Bound<'py, PyString>, Bound<'py, PyString>)>),
    /// The headers of an ASGI scope.
    Scope(&'a ScopeHeaders<'py>),
    /// A WSGI environment, with headers as `HTTP_TRACEPARENT`.
    Environ(&'a Bound<'py, PyDict>),
}

impl<'a, 'py> Reader<'a, 'py> {
    pub fn new(
        py: Python<'py>,
        names: &'a Names,
        carrier: &'a Bound<'py, PyAny>,
        getter: Option<&'a Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        let default = names.default_getter.bind(py);
        let getter = getter.unwrap_or(default);
        match carrier.cast_exact::<PyDict>() {
            Ok(dict) if getter.is(default) => Ok(Self::Dict(dict)),
            _ if getter.is(default) && is_list(carrier) => Self::of_pairs(carrier),
            _ => Ok(Self::Getter { carrier, getter }),
        }
    }

    /// What is no pair of text or bytes is skipped.
    pub fn of_pairs(pairs: &Bound<'py, PyAny>) -> PyResult<Self> {
        let read = |pair: PyResult<Bound<'py, PyAny>>| pair.map(|pair| text_pair(&pair)).transpose();
        Ok(Self::Pairs(pairs.try_iter()?.filter_map(read).collect::<PyResult<_>>()?))
    }

    /// Returns the values of the header `name`.
    #[inline]
    pub fn lines(&self, name: &Bound<'py, PyString>) -> PyResult<Lines<'py>> {
        match self {
            Self::Dict(dict) => match dict.get_item(name)? {
                None => Ok(Lines::None),
                Some(value) => match value.cast_into_exact::<PyString>() {
                    Ok(line) => Ok(Lines::One(line)),
                    Err(other) => values_of(&other.into_inner()),
                },
            },
            Self::Getter { carrier, getter } => {
                values_of(&getter.call_method1(intern!(name.py(), "get"), (*carrier, name))?)
            }
            Self::Pairs(pairs) => {
                let wanted = encode::text_of(name);
                let same =
                    |known: &Bound<'_, PyString>| encode::text_of(known).as_str().eq_ignore_ascii_case(wanted.as_str());
                Ok(Lines::of(pairs.iter().filter(|(known, _)| same(known)).map(|(_, value)| value.clone()).collect()))
            }
            Self::Scope(headers) => headers.lines(encode::text_of(name).as_str()),
            Self::Environ(environ) => match environ.get_item(environ_key(name))? {
                Some(value) => values_of(&value),
                None => Ok(Lines::None),
            },
        }
    }

    /// Returns the first value of the header `name`.
    pub fn first(&self, name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyString>>> {
        self.lines(name).map(Lines::first)
    }

    /// Returns the headers whose names begin with `prefix`: the rest of the name, and the first value.
    pub fn prefixed(&self, py: Python<'py>, prefix: &str) -> PyResult<Vec<(String, Bound<'py, PyString>)>> {
        let mut found = Vec::new();
        for name in self.names(py)? {
            let text = encode::text_of(&name);
            let matches = text.as_str().get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
            if let (true, Some(value)) = (matches, self.first(&name)?) {
                found.push((text.as_str()[prefix.len()..].to_owned(), value));
            }
        }
        Ok(found)
    }

    /// Returns the getter that reads the same.
    pub fn getter<'b>(&'b self, names: &'b Names, py: Python<'py>) -> &'b Bound<'py, PyAny> {
        match self {
            Self::Getter { getter, .. } => getter,
            Self::Dict(_) | Self::Pairs(_) | Self::Scope(_) | Self::Environ(_) => names.default_getter.bind(py),
        }
    }

    /// Returns the carrier for that getter: pairs as lists under their names.
    pub fn carrier(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Dict(dict) => Ok((*dict).clone().into_any()),
            Self::Getter { carrier, .. } => Ok((*carrier).clone()),
            Self::Pairs(_) | Self::Scope(_) | Self::Environ(_) => {
                let dict = PyDict::new(py);
                for name in self.names(py)? {
                    let lower = encode::text_of(&name).as_str().to_ascii_lowercase();
                    dict.set_item(lower, self.lines(&name)?.as_slice())?;
                }
                Ok(dict.into_any())
            }
        }
    }

    fn names(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyString>>> {
        let text = |name: Bound<'py, PyAny>| name.cast_into::<PyString>().ok();
        match self {
            Self::Dict(dict) => Ok(dict.keys().iter().filter_map(text).collect()),
            Self::Getter { carrier, getter } => {
                let names = getter.call_method1(intern!(py, "keys"), (*carrier,))?;
                Ok(names.try_iter()?.collect::<PyResult<Vec<_>>>()?.into_iter().filter_map(text).collect())
            }
            Self::Pairs(pairs) => Ok(pairs.iter().map(|(name, _)| name.clone()).collect()),
            Self::Scope(headers) => headers.list.iter().filter_map(|pair| Some(latin1(header(&pair)?.0))).collect(),
            Self::Environ(environ) => Ok(environ.keys().iter().filter_map(|key| environ_name(&key)).collect()),
        }
    }
}

/// The headers of an ASGI scope, pairs of bytes in tuples: decoded when they are asked for.
pub struct ScopeHeaders<'py> {
    list: Bound<'py, PyList>,
    /// A bit for each name that is there, by [`bit`]: most that are asked for are not.
    names: u64,
}

impl<'py> ScopeHeaders<'py> {
    /// Takes the headers and shows each of them to `look_at`.
    #[inline]
    pub fn new(
        list: Bound<'py, PyList>,
        mut look_at: impl FnMut(&[u8], &Bound<'py, PyBytes>) -> PyResult<()>,
    ) -> PyResult<Self> {
        let mut names = 0;
        for pair in list.iter() {
            if let Some((name, value)) = header(&pair) {
                names |= bit(name.as_bytes());
                look_at(name.as_bytes(), value)?;
            }
        }
        Ok(Self { list, names })
    }

    #[inline]
    fn lines(&self, name: &str) -> PyResult<Lines<'py>> {
        if self.names & bit(name.as_bytes()) == 0 {
            return Ok(Lines::None);
        }
        let mut found = Lines::None;
        for pair in self.list.iter() {
            if let Some((known, value)) = header(&pair)
                && known.as_bytes().eq_ignore_ascii_case(name.as_bytes())
            {
                found = found.and(latin1(value)?);
            }
        }
        Ok(found)
    }
}

/// Returns one of 64 bits by length and ends of a name, without case.
#[inline]
fn bit(name: &[u8]) -> u64 {
    match name {
        [] => 1,
        [first, .., last] => 1 << ((name.len() ^ ((first | 0x20) as usize) ^ (((last | 0x20) as usize) << 2)) & 63),
        [only] => 1 << ((only | 0x20) & 63),
    }
}

/// A header of an ASGI scope; `None` for what is no pair of bytes.
#[inline]
pub fn header<'a, 'py>(pair: &'a Bound<'py, PyAny>) -> Option<(&'a Bound<'py, PyBytes>, &'a Bound<'py, PyBytes>)> {
    let [name, value, ..] = pair.cast::<PyTuple>().ok()?.as_slice() else { return None };
    Some((name.cast::<PyBytes>().ok()?, value.cast::<PyBytes>().ok()?))
}

/// Returns the key of a header; those of the commonest format are made once.
fn environ_key<'py>(name: &Bound<'py, PyString>) -> Bound<'py, PyString> {
    let (py, name) = (name.py(), encode::text_of(name));
    match name.as_str() {
        "traceparent" => intern!(py, "HTTP_TRACEPARENT").clone(),
        "tracestate" => intern!(py, "HTTP_TRACESTATE").clone(),
        "baggage" => intern!(py, "HTTP_BAGGAGE").clone(),
        other => PyString::new(py, &format!("HTTP_{}", other.to_ascii_uppercase().replace('-', "_"))),
    }
}

fn environ_name<'py>(key: &Bound<'py, PyAny>) -> Option<Bound<'py, PyString>> {
    let name =
        key.cast::<PyString>().ok()?.to_str().ok()?.strip_prefix("HTTP_")?.replace('_', "-").to_ascii_lowercase();
    Some(PyString::new(key.py(), &name))
}

/// What a getter gave: text or bytes, an iterable of them, or nothing. Anything else in it is skipped.
fn values_of<'py>(value: &Bound<'py, PyAny>) -> PyResult<Lines<'py>> {
    if value.is_none() {
        return Ok(Lines::None);
    }
    if let Ok(line) = latin1(value) {
        return Ok(Lines::One(line));
    }
    let Ok(values) = value.try_iter() else { return Ok(Lines::None) };
    let values = values.collect::<PyResult<Vec<_>>>()?;
    Ok(Lines::of(values.iter().filter_map(|line| latin1(line).ok()).collect()))
}

/// Reads a pair, a tuple as ASGI and Kafka have them or a list as JSON has; `None` for a header without a value, and for
/// what is no pair.
fn text_pair<'py>(pair: &Bound<'py, PyAny>) -> Option<(Bound<'py, PyString>, Bound<'py, PyString>)> {
    if !is_list(pair) || pair.len().ok()? != 2 {
        return None;
    }
    Some((latin1(&pair.get_item(0).ok()?).ok()?, latin1(&pair.get_item(1).ok()?).ok()?))
}

fn is_list(carrier: &Bound<'_, PyAny>) -> bool {
    carrier.is_instance_of::<PyList>() || carrier.is_instance_of::<PyTuple>()
}

fn latin1<'py>(text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    if let Ok(text) = text.cast::<PyString>() {
        return Ok(text.clone());
    }
    let bytes = text.cast::<PyBytes>()?.as_bytes();
    // SAFETY: so many live bytes.
    unsafe {
        let text_of = ffi::PyUnicode_DecodeLatin1(bytes.as_ptr().cast(), bytes.len().cast_signed(), null());
        Ok(Bound::from_owned_ptr_or_err(text.py(), text_of)?.cast_into_unchecked())
    }
}

/// Writes headers.
pub enum Writer<'a, 'py> {
    /// A dict under the default setter.
    Dict(&'a Bound<'py, PyDict>),
    /// Pairs of text and bytes under the default setter, as Kafka has them.
    Pairs(&'a Bound<'py, PyList>),
    /// Anything else under any setter.
    Setter { carrier: &'a Bound<'py, PyAny>, setter: &'a Bound<'py, PyAny> },
}

impl<'a, 'py> Writer<'a, 'py> {
    pub fn new(
        py: Python<'py>,
        names: &'a Names,
        carrier: &'a Bound<'py, PyAny>,
        setter: Option<&'a Bound<'py, PyAny>>,
    ) -> Self {
        let default = names.default_setter.bind(py);
        let setter = setter.unwrap_or(default);
        match carrier.cast_exact::<PyDict>() {
            Ok(dict) if setter.is(default) => Self::Dict(dict),
            _ if setter.is(default) => carrier.cast().map_or(Self::Setter { carrier, setter }, Self::Pairs),
            _ => Self::Setter { carrier, setter },
        }
    }

    #[inline]
    pub fn set(&self, name: &Bound<'py, PyString>, value: &Bound<'py, PyString>) -> PyResult<()> {
        match self {
            Self::Dict(dict) => dict.set_item(name, value),
            Self::Pairs(pairs) => set_pair(pairs, name, value),
            Self::Setter { carrier, setter } => {
                setter.call_method1(intern!(name.py(), "set"), (*carrier, name, value)).map(drop)
            }
        }
    }

    /// Sets a header that is a list, behind what is in a dict already.
    pub fn add(&self, name: &Bound<'py, PyString>, value: &str) -> PyResult<()> {
        let py = name.py();
        let known = match self {
            Self::Dict(dict) => dict.get_item(name)?.and_then(|known| known.cast_into::<PyString>().ok()),
            Self::Pairs(_) | Self::Setter { .. } => None,
        };
        let joined = known.map(|known| format!("{}, {value}", encode::text_of(&known).as_str()));
        self.set(name, &PyString::new(py, joined.as_deref().unwrap_or(value)))
    }
}

/// Puts a header behind the others, in the place of those of its name: two `traceparent` headers name no parent.
fn set_pair<'py>(
    pairs: &Bound<'py, PyList>,
    name: &Bound<'py, PyString>,
    value: &Bound<'py, PyString>,
) -> PyResult<()> {
    let (py, wanted) = (name.py(), encode::text_of(name));
    for position in (0..pairs.len()).rev() {
        let known = pairs.get_item(position).ok().and_then(|pair| latin1(&pair.get_item(0).ok()?).ok());
        if known.is_some_and(|known| encode::text_of(&known).as_str().eq_ignore_ascii_case(wanted.as_str())) {
            pairs.del_item(position)?;
        }
    }
    pairs.append((name, PyBytes::new(py, encode::text_of(value).as_str().as_bytes())))
}
