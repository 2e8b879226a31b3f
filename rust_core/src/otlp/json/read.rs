//! Reading OTLP/JSON straight into protobuf, without a tree in between.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::otlp::batch::Batch;
use crate::otlp::schema::{Field, Kind, MAX_DEPTH, Message, REQUEST};

use super::value::{Value, close};
use super::{JsonError, base64};

/// Returns the batch that a JSON body stands for.
///
/// Names are accepted in camelCase and `snake_case`, ids as hex in any case, 64-bit integers as strings or numbers,
/// enums as numbers or names. Unknown names and null are ignored.
///
/// # Errors
/// What is wrong, with line and column.
pub fn parse(json: &[u8]) -> Result<Batch, JsonError> {
    let mut out = Vec::with_capacity(json.len() / 2);
    let mut reader = serde_json::Deserializer::from_slice(json);
    // Our own limit counts messages, so that all that can be written as JSON can be read again.
    reader.disable_recursion_limit();
    let request = Object { message: &REQUEST, out: &mut out, depth: 0 };
    request.deserialize(&mut reader).and_then(|()| reader.end()).map_err(JsonError::Json)?;
    Batch::parse(out).map_err(JsonError::Request)
}

/// A JSON object to be appended as the fields of `message`.
struct Object<'a> {
    message: &'static Message,
    out: &'a mut Vec<u8>,
    depth: u32,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.depth > MAX_DEPTH {
            return Err(Error::custom("values nested too deeply"));
        }
        while let Some(known) = map.next_key_seed(Name(self.message))? {
            match known {
                None => drop(map.next_value::<IgnoredAny>()?),
                Some((number, field)) => {
                    let value = Value { field, number, element: false, out: self.out, depth: self.depth };
                    map.next_value_seed(value)?;
                }
            }
        }
        Ok(())
    }
}

/// The name of a field of a message.
struct Name(&'static Message);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<(u8, &'static Field)>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<(u8, &'static Field)>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.named(name))
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.field.json)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        if !matches!(self.field.kind, Kind::Bool) {
            return Err(self.misfit(value));
        }
        self.put_varint(u64::from(value));
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.put_integer(i128::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.put_integer(i128::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.put_double(value)
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        if self.is_list() {
            return Err(self.misfit("a string"));
        }
        match self.field.kind {
            Kind::String => self.put_bytes(text.as_bytes()),
            Kind::Bytes => {
                let bytes = base64::decode(text.as_bytes()).ok_or_else(|| self.misfit("anything but base64"))?;
                self.put_bytes(&bytes);
            }
            Kind::TraceId => return self.put_hex(text, 16),
            Kind::SpanId => return self.put_hex(text, 8),
            Kind::Enum(names) => return self.put_name(names, text),
            Kind::Reserved | Kind::Bool | Kind::Message(_) => return Err(self.misfit("a string")),
            _ => return self.put_number(text),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if !self.is_list() {
            return Err(self.misfit("a list"));
        }
        let Self { field, number, out, depth, .. } = self;
        while list.next_element_seed(Value { field, number, element: true, out, depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        let Kind::Message(message) = self.field.kind else { return Err(self.misfit("an object")) };
        if self.is_list() {
            return Err(self.misfit("an object"));
        }
        let start = self.open();
        Object { message, out: self.out, depth: self.depth + 1 }.visit_map(map)?;
        close(self.out, start);
        Ok(())
    }
}
