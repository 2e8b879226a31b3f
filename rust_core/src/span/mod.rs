//! Spans as encoded bytes: attributes, events and links as they are set, framed as OTLP at the end.

mod attributes;
mod entries;
mod event;
mod frame;
mod value;

pub use attributes::Attributes;
pub use entries::Entries;
pub use frame::{Header, StatusCode, frame_span, framed_len};
pub use value::{Value, put_any_value, put_array_element, put_key_value};

/// The field of a span, event, link, resource and scope that attributes are written to.
pub mod field {
    /// `Span.attributes`.
    pub const SPAN_ATTRIBUTES: u8 = 9;
    /// `Span.events`.
    pub const SPAN_EVENTS: u8 = 11;
    /// `Span.links`.
    pub const SPAN_LINKS: u8 = 13;
    /// `Span.Event.attributes`.
    pub const EVENT_ATTRIBUTES: u8 = 3;
    /// `Span.Link.attributes`.
    pub const LINK_ATTRIBUTES: u8 = 4;
    /// `Resource.attributes`.
    pub const RESOURCE_ATTRIBUTES: u8 = 1;
    /// `InstrumentationScope.attributes`.
    pub const SCOPE_ATTRIBUTES: u8 = 3;
}

/// How much a span may hold; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attributes of a span.
    pub attributes: Option<u32>,
    /// Events of a span.
    pub events: Option<u32>,
    /// Links of a span.
    pub links: Option<u32>,
    /// Attributes of an event.
    pub event_attributes: Option<u32>,
    /// Attributes of a link.
    pub link_attributes: Option<u32>,
    /// Characters of a string value of an event or link.
    pub attribute_length: Option<u32>,
    /// Characters of a string value of a span.
    pub span_attribute_length: Option<u32>,
}

/// The growing part of a recording span.
#[derive(Debug)]
pub struct Body {
    /// The span's attributes.
    pub attributes: Attributes,
    /// The span's events.
    pub events: Entries,
    /// The span's links.
    pub links: Entries,
}

impl Default for Body {
    fn default() -> Self {
        Self {
            attributes: Attributes::new(field::SPAN_ATTRIBUTES),
            events: Entries::new(field::SPAN_EVENTS),
            links: Entries::new(field::SPAN_LINKS),
        }
    }
}

impl Body {
    /// Empties the body and keeps its buffers.
    pub fn clear(&mut self) {
        self.attributes.clear();
        self.events.clear();
        self.links.clear();
    }

    /// Returns the bytes that its buffers hold on to.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.attributes.capacity() + self.events.capacity() + self.links.capacity()
    }
}
