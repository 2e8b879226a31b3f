//! Writing one JSON value as a protobuf field, in whichever of its forms it came.

use std::fmt;

use serde::de::Error;

use crate::otlp::schema::{Field, Kind};
use crate::otlp::wire::{FIXED32, FIXED64, LEN, VARINT, put_varint, varint_len};

/// A value to be appended as field `number`.
pub(super) struct Value<'a> {
    pub field: &'static Field,
    pub number: u8,
    /// Whether it is one of the elements of a repeated field.
    pub element: bool,
    pub out: &'a mut Vec<u8>,
    pub depth: u32,
}

impl Value<'_> {
    pub fn misfit<E: Error>(&self, what: impl fmt::Display) -> E {
        E::custom(format_args!("{} cannot be {what}", self.field.json))
    }

    pub fn is_list(&self) -> bool {
        self.field.repeated && !self.element
    }

    fn put_tag(&mut self, wire: u8) {
        put_varint(self.out, u64::from(self.number) << 3 | u64::from(wire));
    }

    pub fn put_varint(&mut self, value: u64) {
        self.put_tag(VARINT);
        put_varint(self.out, value);
    }

    pub fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_tag(LEN);
        put_varint(self.out, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// Begins a message; returns where its length goes, for [`close`].
    pub fn open(&mut self) -> usize {
        self.put_tag(LEN);
        // Room for the length of most messages; `close` makes more where it takes more.
        self.out.push(0);
        self.out.len() - 1
    }

    pub fn put_hex<E: Error>(mut self, text: &str, length: usize) -> Result<(), E> {
        let text = text.as_bytes();
        if !text.is_empty() && text.len() != length * 2 {
            return Err(self.misfit(format_args!("{} characters (must be {} hex digits)", text.len(), length * 2)));
        }
        let digits = text.chunks_exact(2).map(|pair| Some(hex_digit(pair[0])? << 4 | hex_digit(pair[1])?));
        let id: Option<Vec<u8>> = digits.collect();
        let id = id.ok_or_else(|| self.misfit("anything but hex digits"))?;
        self.put_bytes(&id);
        Ok(())
    }

    /// Appends an integer, whichever way JSON had it.
    pub fn put_integer<E: Error>(mut self, value: i128) -> Result<(), E> {
        let fits = match self.field.kind {
            Kind::Int64 => i64::try_from(value).is_ok(),
            Kind::Fixed64 => u64::try_from(value).is_ok(),
            Kind::Uint32 | Kind::Fixed32 => u32::try_from(value).is_ok(),
            Kind::Enum(_) => i32::try_from(value).is_ok(),
            #[expect(clippy::cast_precision_loss, reason = "a double is what the field holds")]
            Kind::Double => return self.put_double(value as f64),
            _ => false,
        };
        if !fits || self.is_list() {
            return Err(self.misfit(value));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range; two's complement")]
        let (word, half) = (value as u64, value as u32);
        match self.field.kind {
            Kind::Fixed64 => self.put_fixed(FIXED64, &word.to_le_bytes()),
            Kind::Fixed32 => self.put_fixed(FIXED32, &half.to_le_bytes()),
            _ => self.put_varint(word),
        }
        Ok(())
    }

    fn put_fixed(&mut self, wire: u8, bytes: &[u8]) {
        self.put_tag(wire);
        self.out.extend_from_slice(bytes);
    }

    pub fn put_double<E: Error>(mut self, value: f64) -> Result<(), E> {
        /// More than any integer field holds.
        const BEYOND: f64 = 1.9e19;
        if matches!(self.field.kind, Kind::Double) {
            self.put_fixed(FIXED64, &value.to_le_bytes());
            return Ok(());
        }
        if value.fract() != 0.0 || value.abs() > BEYOND {
            return Err(self.misfit(value));
        }
        #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
        self.put_integer(value as i128)
    }

    /// Appends a number that JSON has as a string.
    pub fn put_number<E: Error>(self, text: &str) -> Result<(), E> {
        if let Ok(value) = text.parse::<i64>() {
            return self.put_integer(i128::from(value));
        }
        if let Ok(value) = text.parse::<u64>() {
            return self.put_integer(i128::from(value));
        }
        match text.parse::<f64>() {
            Ok(value) if is_number(text) => self.put_double(value),
            _ => Err(self.misfit(format_args!("{text:?}"))),
        }
    }

    pub fn put_name<E: Error>(mut self, names: &[&str], text: &str) -> Result<(), E> {
        match names.iter().position(|name| *name == text) {
            Some(value) => {
                self.put_varint(value as u64);
                Ok(())
            }
            None => self.put_number(text),
        }
    }
}

/// Writes the length of the message whose length byte is at `start`.
pub(super) fn close(out: &mut Vec<u8>, start: usize) {
    let end = out.len();
    let length = (end - start - 1) as u64;
    let more = varint_len(length) - 1;
    if more > 0 {
        out.resize(end + more, 0);
        out.copy_within(start + 1..end, start + 1 + more);
    }
    let mut rest = length;
    for byte in &mut out[start..=start + more] {
        *byte = (rest & 0x7f) as u8 | 0x80;
        rest >>= 7;
    }
    out[start + more] &= 0x7f;
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Returns whether `text`, which Rust takes for a double, is one in the protobuf JSON mapping.
fn is_number(text: &str) -> bool {
    let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    plain || matches!(text, "NaN" | "Infinity" | "-Infinity")
}
