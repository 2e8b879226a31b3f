//! The OTLP trace schema as tables: what the walk checks and what the JSON transcoder reads and writes.
//!
//! Source: opentelemetry-proto 1.x, `collector/trace/v1`, `trace/v1`, `common/v1` and `resource/v1`.

/// How deep messages may nest below the request. Protobuf decoders refuse more than 100 levels by default, so a body
/// that passes here is not refused behind us for its depth.
pub const MAX_DEPTH: u32 = 98;

/// A protobuf message: its fields by number, densely from 1.
#[derive(Debug)]
pub struct Message {
    /// `fields[n - 1]` describes field `n`.
    pub fields: &'static [Field],
    /// Whether at most one of the fields is set, and then written even when it holds its default.
    pub oneof: bool,
}

/// A field of a message.
#[derive(Debug)]
pub struct Field {
    /// The name in the .proto files.
    pub name: &'static str,
    /// The name in OTLP/JSON.
    pub json: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may occur several times.
    pub repeated: bool,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A number that the schema gave up; skipped like an unknown one.
    Reserved,
    /// UTF-8 text.
    String,
    /// Any bytes, base64 in JSON.
    Bytes,
    /// 16 bytes, hex in JSON.
    TraceId,
    /// 8 bytes, hex in JSON.
    SpanId,
    /// A varint of 0 or 1.
    Bool,
    /// A signed varint, a string in JSON.
    Int64,
    /// A varint below 2^32.
    Uint32,
    /// Four bytes, a number in JSON.
    Fixed32,
    /// Eight bytes, a string in JSON.
    Fixed64,
    /// A double.
    Double,
    /// A varint with names, from 0 on.
    Enum(&'static [&'static str]),
    /// A message within.
    Message(&'static Message),
}

impl Message {
    /// Returns the description of field `number`, if there is one.
    #[inline]
    #[must_use]
    pub fn field(&self, number: u32) -> Option<&'static Field> {
        self.fields.get((number as usize).wrapping_sub(1))
    }

    /// Returns number and description of the field called `name`, in camelCase or `snake_case`.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<(u8, &'static Field)> {
        let index = self.fields.iter().position(|field| field.json == name || field.name == name)?;
        let field = &self.fields[index];
        #[expect(clippy::cast_possible_truncation, reason = "no message here has more than 16 fields")]
        (!matches!(field.kind, Kind::Reserved)).then_some((index as u8 + 1, field))
    }
}

const fn one(name: &'static str, json: &'static str, kind: Kind) -> Field {
    Field { name, json, kind, repeated: false }
}

const fn many(name: &'static str, json: &'static str, message: &'static Message) -> Field {
    Field { name, json, kind: Kind::Message(message), repeated: true }
}

const fn message(fields: &'static [Field]) -> Message {
    Message { fields, oneof: false }
}

/// `ExportTraceServiceRequest`, the same on the wire as `TracesData`.
pub static REQUEST: Message = message(&[many("resource_spans", "resourceSpans", &RESOURCE_SPANS)]);

/// `ResourceSpans`.
pub static RESOURCE_SPANS: Message = message(&[
    one("resource", "resource", Kind::Message(&RESOURCE)),
    many("scope_spans", "scopeSpans", &SCOPE_SPANS),
    one("schema_url", "schemaUrl", Kind::String),
]);

/// `Resource`.
pub static RESOURCE: Message = message(&[
    many("attributes", "attributes", &KEY_VALUE),
    one("dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
    many("entity_refs", "entityRefs", &ENTITY_REF),
]);

static ENTITY_REF: Message = message(&[
    one("schema_url", "schemaUrl", Kind::String),
    one("type", "type", Kind::String),
    Field { name: "id_keys", json: "idKeys", kind: Kind::String, repeated: true },
    Field { name: "description_keys", json: "descriptionKeys", kind: Kind::String, repeated: true },
]);

/// `ScopeSpans`.
pub static SCOPE_SPANS: Message = message(&[
    one("scope", "scope", Kind::Message(&SCOPE)),
    many("spans", "spans", &SPAN),
    one("schema_url", "schemaUrl", Kind::String),
]);

/// `InstrumentationScope`.
pub static SCOPE: Message = message(&[
    one("name", "name", Kind::String),
    one("version", "version", Kind::String),
    many("attributes", "attributes", &KEY_VALUE),
    one("dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
]);

/// `Span`.
pub static SPAN: Message = message(&[
    one("trace_id", "traceId", Kind::TraceId),
    one("span_id", "spanId", Kind::SpanId),
    one("trace_state", "traceState", Kind::String),
    one("parent_span_id", "parentSpanId", Kind::SpanId),
    one("name", "name", Kind::String),
    one("kind", "kind", Kind::Enum(SPAN_KINDS)),
    one("start_time_unix_nano", "startTimeUnixNano", Kind::Fixed64),
    one("end_time_unix_nano", "endTimeUnixNano", Kind::Fixed64),
    many("attributes", "attributes", &KEY_VALUE),
    one("dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
    many("events", "events", &EVENT),
    one("dropped_events_count", "droppedEventsCount", Kind::Uint32),
    many("links", "links", &LINK),
    one("dropped_links_count", "droppedLinksCount", Kind::Uint32),
    one("status", "status", Kind::Message(&STATUS)),
    one("flags", "flags", Kind::Fixed32),
]);

/// `Span.Event`.
pub static EVENT: Message = message(&[
    one("time_unix_nano", "timeUnixNano", Kind::Fixed64),
    one("name", "name", Kind::String),
    many("attributes", "attributes", &KEY_VALUE),
    one("dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
]);

/// `Span.Link`.
pub static LINK: Message = message(&[
    one("trace_id", "traceId", Kind::TraceId),
    one("span_id", "spanId", Kind::SpanId),
    one("trace_state", "traceState", Kind::String),
    many("attributes", "attributes", &KEY_VALUE),
    one("dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
    one("flags", "flags", Kind::Fixed32),
]);

/// `Status`.
pub static STATUS: Message = message(&[
    one("", "", Kind::Reserved),
    one("message", "message", Kind::String),
    one("code", "code", Kind::Enum(STATUS_CODES)),
]);

/// `KeyValue`.
pub static KEY_VALUE: Message =
    message(&[one("key", "key", Kind::String), one("value", "value", Kind::Message(&ANY_VALUE))]);

/// `AnyValue`.
pub static ANY_VALUE: Message = Message {
    oneof: true,
    fields: &[
        one("string_value", "stringValue", Kind::String),
        one("bool_value", "boolValue", Kind::Bool),
        one("int_value", "intValue", Kind::Int64),
        one("double_value", "doubleValue", Kind::Double),
        one("array_value", "arrayValue", Kind::Message(&ARRAY_VALUE)),
        one("kvlist_value", "kvlistValue", Kind::Message(&KEY_VALUE_LIST)),
        one("bytes_value", "bytesValue", Kind::Bytes),
    ],
};

static ARRAY_VALUE: Message = message(&[many("values", "values", &ANY_VALUE)]);
static KEY_VALUE_LIST: Message = message(&[many("values", "values", &KEY_VALUE)]);

static SPAN_KINDS: &[&str] = &[
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
static STATUS_CODES: &[&str] = &["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];
