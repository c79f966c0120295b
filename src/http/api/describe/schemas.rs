//! Schemas of what is asked and shown, made from the types.

use schemars::generate::{Contract, SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

/// Where named schemas stand in the document.
const PLACE: &str = "/components/schemas";

/// The schemas, as they are collected.
#[derive(Debug)]
pub(in crate::http::api) struct Schemas {
    asked: SchemaGenerator,
    shown: SchemaGenerator,
}

impl Schemas {
    /// None yet.
    pub(in crate::http::api) fn new() -> Self {
        let generator = |contract| {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = PLACE.into();
            settings.contract = contract;
            settings.into_generator()
        };
        Self { asked: generator(Contract::Deserialize), shown: generator(Contract::Serialize) }
    }

    /// The schema of what a request holds.
    pub(super) fn asked<T: JsonSchema>(&mut self) -> Value {
        self.asked.subschema_for::<T>().to_value()
    }

    /// The same, written out where it is used.
    pub(super) fn asked_inline<T: JsonSchema>(&mut self) -> Value {
        let mut schema = T::json_schema(&mut self.asked).to_value();
        tidy(&mut schema);
        schema
    }

    /// The schema of what an answer holds.
    pub(in crate::http::api) fn shown<T: JsonSchema>(&mut self) -> Value {
        self.shown.subschema_for::<T>().to_value()
    }

    /// All that have names.
    pub(in crate::http::api) fn finish(mut self) -> Value {
        let mut all: Map<String, Value> = self.asked.take_definitions(true);
        for (name, schema) in self.shown.take_definitions(true) {
            let other = all.insert(name, schema);
            debug_assert!(other.is_none(), "two types of one name: {other:?}");
        }
        let mut all = Value::Object(all);
        tidy(&mut all);
        all
    }
}

/// Makes one line of each doc comment: where it was broken says nothing.
fn tidy(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => *text = text.replace('\n', " "),
                    _ => tidy(member),
                }
            }
        }
        _ => {}
    }
}

/// Takes away that members may be null, where none is: it is left out instead.
pub(in crate::http::api) fn never_null(schema: &mut Schema) {
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (_, member) in members.into_iter().flatten() {
        not_null(member);
    }
}

/// The same of one value; a query string has no null either.
pub(super) fn not_null(schema: &mut Value) {
    let null = json!("null");
    let Some(own) = schema.as_object_mut() else { return };
    if let Some(Value::Array(kinds)) = own.get_mut("type") {
        kinds.retain(|kind| *kind != null);
        if let [kind] = &kinds[..] {
            let kind = kind.clone();
            own.insert("type".to_owned(), kind);
        }
    }
    if let Some(words) = own.get_mut("enum").and_then(Value::as_array_mut) {
        words.retain(|word| !word.is_null());
    }
    if own.get("default").is_some_and(Value::is_null) {
        own.remove("default");
    }
    let Some(Value::Array(mut choices)) = own.remove("anyOf") else { return };
    choices.retain(|choice| choice["type"] != null);
    match (choices.pop(), choices.is_empty()) {
        (Some(Value::Object(only)), true) => own.extend(only),
        (last, _) => {
            choices.extend(last);
            own.insert("anyOf".to_owned(), Value::Array(choices));
        }
    }
}
