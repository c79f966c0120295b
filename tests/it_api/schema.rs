//! Holds answers against the description: as much of JSON Schema as that document uses.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::server::Answer;

pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| espalier::http::api::description().clone());

/// The answer is one that the document describes for this path, method and status.
#[track_caller]
pub fn check(method: &str, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap_or_default();
    let Some(operation) = operation(path, &method.to_ascii_lowercase()) else {
        let expected = if answer.status == 405 { 405 } else { 404 };
        assert_eq!(answer.status, expected, "{method} {path} is not described");
        return fits(&answer.json(), named("Problem"), "problem");
    };
    let response = &operation["responses"][answer.status.to_string()];
    let response = resolve(response);
    assert!(response.is_object(), "{method} {path}: {} is not described", answer.status);
    let Some(content) = response.get("content") else {
        assert_eq!(answer.body, "", "{method} {path}: a body is not described");
        return;
    };
    let kind = answer.header("content-type").unwrap();
    let schema = &content[kind]["schema"];
    assert!(schema.is_object(), "{method} {path}: {kind} is not described");
    fits(&answer.json(), schema, "answer");
    for header in response["headers"].as_object().into_iter().flatten() {
        let name = header.0.to_ascii_lowercase();
        assert!(name == "link" || answer.header(&name).is_some(), "{method} {path}: no {name}");
    }
}

/// The description of a method of a path, if there is one.
fn operation(path: &str, method: &str) -> Option<&'static Value> {
    let segments = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let wanted = segments(path);
    let fits = |template: &str| {
        let template = segments(template);
        let same = |(a, b): (&String, &String)| a.starts_with('{') && !b.is_empty() || a == b;
        template.len() == wanted.len() && template.iter().zip(&wanted).all(same)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let (_, item) = paths.iter().find(|(template, _)| fits(template))?;
    item.get(method)
}

fn named(name: &str) -> &'static Value {
    &DOCUMENT["components"]["schemas"][name]
}

pub fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(target) => DOCUMENT.pointer(target.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

#[track_caller]
fn fits(value: &Value, schema: &'static Value, place: &str) {
    if let Err(why) = matches(value, schema, place) {
        panic!("{why}\n{value:#}");
    }
}

/// What JSON Schema (2020-12) says about the value, as far as the document uses it.
pub fn matches(value: &Value, schema: &'static Value, place: &str) -> Result<(), String> {
    if let Some(keyword) =
        schema.as_object().into_iter().flat_map(Map::keys).find(|keyword| unknown(keyword))
    {
        return Err(format!("{place}: this test does not know the keyword {keyword}"));
    }
    if schema["$ref"].is_string() {
        matches(value, resolve(schema), place)?;
    }
    choose(value, schema, place)?;
    if schema.get("type").is_some_and(|allowed| !has_type(value, allowed)) {
        return Err(format!("{place} is {value}, not {}", schema["type"]));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{place} is {value}, none of {words:?}"));
    }
    within(value, schema, place)?;
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        matches(item, &schema["items"], &format!("{place}[{index}]"))?;
    }
    members(value, schema, place)
}

/// A keyword that neither is held here, nor says anything about what is valid.
fn unknown(keyword: &str) -> bool {
    let known = [
        "$ref",
        "anyOf",
        "oneOf",
        "type",
        "enum",
        "items",
        "properties",
        "required",
        "format",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "additionalProperties",
        // Held by the server and its own tests.
        "pattern",
        // Words about the value.
        "description",
        "default",
        "example",
        "examples",
        "contentMediaType",
    ];
    !known.contains(&keyword)
}

fn choose(value: &Value, schema: &'static Value, place: &str) -> Result<(), String> {
    for (keyword, most) in [("oneOf", 1), ("anyOf", usize::MAX)] {
        let Some(choices) = schema[keyword].as_array() else { continue };
        let tries: Vec<_> = choices.iter().map(|choice| matches(value, choice, place)).collect();
        let fitting = tries.iter().filter(|attempt| attempt.is_ok()).count();
        if !(1..=most).contains(&fitting) {
            let why = tries.into_iter().filter_map(Result::err).collect::<Vec<_>>().join("; ");
            return Err(format!("{place} fits {fitting}: {why}"));
        }
    }
    Ok(())
}

fn has_type(value: &Value, allowed: &Value) -> bool {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    allowed.as_array().map_or_else(|| allowed == kind, |kinds| kinds.iter().any(|own| own == kind))
}

fn within(value: &Value, schema: &Value, place: &str) -> Result<(), String> {
    if let (Some(text), Some("date-time")) = (value.as_str(), schema["format"].as_str()) {
        let moment: Result<jiff::Timestamp, _> = text.parse();
        if moment.is_err() || !text.ends_with('Z') {
            return Err(format!("{place} is {text}, no time in UTC"));
        }
    }
    let length = value.as_str().map(|text| text.chars().count() as u64);
    for (size, least, most) in
        [(value.as_u64(), "minimum", "maximum"), (length, "minLength", "maxLength")]
    {
        let too_small = schema[least].as_u64().zip(size).is_some_and(|(least, own)| own < least);
        let too_large = schema[most].as_u64().zip(size).is_some_and(|(most, own)| own > most);
        if too_small || too_large {
            return Err(format!("{place} is {value}, out of bounds"));
        }
    }
    Ok(())
}

/// What a schema lists is complete, whether it says so or not; but beside a reference it only adds.
fn members(value: &Value, schema: &'static Value, place: &str) -> Result<(), String> {
    let (Some(members), Some(known)) = (value.as_object(), schema["properties"].as_object()) else {
        return Ok(());
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        if !members.contains_key(name.as_str().unwrap()) {
            return Err(format!("{place} lacks {name}"));
        }
    }
    for (name, member) in members {
        match known.get(name) {
            Some(schema) => matches(member, schema, &format!("{place}.{name}"))?,
            None if schema["$ref"].is_string() => {}
            None => return Err(format!("{place} has {name}, which is not described")),
        }
    }
    Ok(())
}
