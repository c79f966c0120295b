//! The description itself: whole, with examples that fit.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use crate::schema::{DOCUMENT, matches, resolve};

/// A method of a path.
struct Operation {
    name: String,
    spec: &'static Value,
}

fn operations() -> Vec<Operation> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &'static Value)| {
        let own = item.as_object().unwrap().iter();
        own.map(|(method, spec)| Operation {
            name: format!("{} {path}", method.to_uppercase()),
            spec,
        })
        .collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

/// Every value in the document.
fn values() -> Vec<&'static Value> {
    let (mut all, mut open) = (Vec::new(), vec![&*DOCUMENT]);
    while let Some(value) = open.pop() {
        all.push(value);
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.values()),
            _ => {}
        }
    }
    all
}

#[test]
fn every_route_is_an_operation_and_every_operation_a_route() {
    let described: BTreeSet<String> = operations().into_iter().map(|own| own.name).collect();
    let routes = espalier::http::api::routes();
    let routed = routes.table().iter().map(|route| {
        let method = route.method.as_ref().unwrap();
        format!("{method} {}", route.path)
    });
    assert_eq!(described, routed.collect());
}

#[test]
fn every_operation_is_told_apart_and_explained() {
    let tags: HashSet<_> =
        DOCUMENT["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let mut names = HashSet::new();
    for Operation { name, spec } in operations() {
        assert!(names.insert(spec["operationId"].as_str().unwrap()), "{name}: its name is taken");
        assert!(tags.contains(&spec["tags"][0]), "{name}: {}", spec["tags"]);
        assert!(spec["summary"].as_str().is_some_and(|text| text.len() > 8), "{name}");
        for parameter in spec["parameters"].as_array().into_iter().flatten().map(resolve) {
            let text = parameter["description"].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{name}: {parameter}");
        }
    }
}

#[test]
fn every_operation_has_its_success_its_errors_and_examples_that_fit() {
    for Operation { name, spec } in operations() {
        let mut examples = 0;
        for (kind, media) in spec["requestBody"]["content"].as_object().into_iter().flatten() {
            fits(media, &format!("{name} takes {kind}"));
            examples += 1;
        }
        let responses = spec["responses"].as_object().unwrap();
        let (good, bad): (Vec<_>, Vec<_>) =
            responses.iter().partition(|(status, _)| status.starts_with('2'));
        assert!(!good.is_empty(), "{name} has no success");
        assert!(!bad.is_empty() || spec["security"] == serde_json::json!([]), "{name}: no errors");
        for (status, response) in responses {
            let response = resolve(response);
            assert!(response["description"].as_str().is_some_and(|text| text.len() > 3), "{name}");
            for (kind, media) in response["content"].as_object().into_iter().flatten() {
                fits(media, &format!("{name} gives {status} {kind}"));
                examples += 1;
            }
        }
        assert!(examples > 0, "{name} has no example");
    }
}

#[track_caller]
fn fits(media: &'static Value, place: &str) {
    let (schema, example) = (&media["schema"], &media["example"]);
    assert!(example.is_object(), "{place}: no example");
    if schema.get("$ref").is_some() || schema.get("oneOf").is_some() {
        matches(example, schema, place).unwrap();
    }
}

#[test]
fn examples_of_single_values_fit_too() {
    let mut held = 0;
    for schema in values() {
        let own = schema.get("examples").and_then(Value::as_array).into_iter().flatten();
        for example in own {
            matches(example, schema, "an example").unwrap();
            held += 1;
        }
        if let (Some(example), Some(schema)) = (schema.get("example"), schema.get("schema"))
            && schema["type"] != "object"
        {
            matches(example, schema, "an example").unwrap();
            held += 1;
        }
    }
    assert!(held > 20, "{held}");
}

#[test]
fn every_reference_leads_somewhere_and_everything_named_is_used() {
    let mut used = HashSet::new();
    for value in values() {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            assert!(DOCUMENT.pointer(target.trim_start_matches('#')).is_some(), "{target}");
            used.insert(target);
        }
    }
    for sort in ["schemas", "responses", "parameters"] {
        for name in DOCUMENT["components"][sort].as_object().unwrap().keys() {
            let target = format!("#/components/{sort}/{name}");
            assert!(used.contains(target.as_str()), "{target} is not used");
        }
    }
}

#[test]
fn every_member_of_a_request_or_answer_is_explained() {
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name}");
        assert!(schema["type"].is_string(), "{name}");
        for (member, own) in schema["properties"].as_object().into_iter().flatten() {
            let text = resolve_through_null(own);
            assert!(text.is_some_and(|text| text.len() > 3), "{name}.{member}");
            let kind = own.get("type").is_none_or(|kind| kind.is_string() || kind.is_array());
            assert!(kind, "{name}.{member}");
        }
    }
}

/// The words about a member: its own, or those of the type that it has.
fn resolve_through_null(schema: &'static Value) -> Option<&'static str> {
    let choice = schema["anyOf"].as_array().and_then(|choices| choices.first());
    let types = [schema, resolve(schema), choice.map_or(schema, resolve)];
    types.into_iter().find_map(|schema| schema["description"].as_str())
}

#[test]
fn requests_refuse_what_they_do_not_know() {
    let mut bodies = 0;
    for Operation { name, spec } in operations() {
        for media in
            spec["requestBody"]["content"].as_object().into_iter().flat_map(|own| own.values())
        {
            assert_eq!(resolve(&media["schema"])["additionalProperties"], false, "{name}");
            bodies += 1;
        }
    }
    assert!(bodies > 15, "{bodies}");
}
