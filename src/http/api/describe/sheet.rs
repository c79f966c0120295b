//! An operation while it is described.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::schemas::not_null;
use super::{Example, INTERNAL, Operation, Refusal, SHARED, Schemas};
use super::{FORBIDDEN, UNAUTHORIZED};
use crate::domain::access::{Need, Where};
use crate::http::api::problem;

/// What stands in a path behind a noun: what it is, and an example.
const PLACES: [(&str, &str, &str); 7] = [
    ("platforms", "The platform’s name, in any case.", "chase"),
    ("groups", "The group’s name, in any case.", "Ground floor"),
    ("devices", "The MAC address, in any notation.", "5ccf7f1ca1a5"),
    ("releases", "The number of the release.", "7"),
    ("images", "The number of the image.", "9"),
    ("rollouts", "The number of the rollout.", "3"),
    ("tokens", "The number of the token.", "2"),
];

/// An operation while it is described.
#[derive(Debug)]
pub(in crate::http::api) struct Sheet<'a> {
    pub(super) operation: &'a Operation,
    pub(super) schemas: &'a mut Schemas,
    path: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Value>,
    refusals: Vec<Refusal>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(
        operation: &'a Operation,
        schemas: &'a mut Schemas,
        path: &'static str,
    ) -> Self {
        let (parameters, answers) = (Vec::new(), BTreeMap::new());
        let refusals = operation.refusals.to_vec();
        Self { operation, schemas, path, parameters, body: None, answers, refusals }
    }

    /// Adds the gaps of the path, whose values have this schema.
    pub(super) fn segments(&mut self, schema: &Value) {
        let mut noun = "";
        let mut gaps = Vec::new();
        for part in self.path.split('/') {
            if let Some(name) = part.strip_prefix('{') {
                gaps.push((name.trim_end_matches('}'), noun));
            }
            noun = part;
        }
        for (at, (name, noun)) in gaps.into_iter().enumerate() {
            let (_, text, example) =
                PLACES.into_iter().find(|place| place.0 == noun).unwrap_or_default();
            let own = schema["prefixItems"].get(at).unwrap_or(schema);
            let example = example.parse().map_or_else(
                |_| json!(example),
                |number: i64| {
                    if own["type"] == "integer" { json!(number) } else { json!(example) }
                },
            );
            self.parameters.push(json!({
                "name": name, "in": "path", "required": true,
                "description": text, "schema": own, "example": example,
            }));
        }
    }

    /// Adds the members of a schema as parameters of the query string.
    pub(super) fn query(&mut self, schema: &Value) {
        let required = schema["required"].as_array();
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let mut parameter = json!({"name": name, "in": "query"});
            let mut member = member.clone();
            not_null(&mut member);
            if let Some(text) = member.as_object_mut().and_then(|own| own.remove("description")) {
                parameter["description"] = text;
            }
            if required.is_some_and(|names| names.iter().any(|known| known == name)) {
                parameter["required"] = json!(true);
            }
            parameter["schema"] = member;
            self.parameters.push(parameter);
        }
    }

    /// Adds a parameter that many operations share.
    pub(super) fn shared_parameter(&mut self, name: &str) {
        self.parameters.push(json!({"$ref": format!("#/components/parameters/{name}")}));
    }

    /// Adds a parameter of this operation's own.
    pub(super) fn parameter(&mut self, parameter: Value) {
        self.parameters.push(parameter);
    }

    /// Says what is sent.
    pub(super) fn body(&mut self, kind: &str, schema: &Value, example: Option<&Value>) {
        let mut media = json!({"schema": schema});
        if let Some(example) = example {
            media["example"] = example.clone();
        }
        self.body = Some(json!({"required": true, "content": {kind: media}}));
    }

    /// Adds an answer without a body.
    pub(super) fn empty(&mut self, status: u16) {
        self.answers.insert(status, json!({"description": self.operation.answer}));
    }

    /// Adds an answer in JSON.
    pub(in crate::http::api) fn json(
        &mut self,
        status: u16,
        schema: &Value,
        example: &impl Serialize,
    ) {
        let media = json!({"schema": schema, "example": example});
        let text = self.operation.answer;
        let answer = json!({"description": text, "content": {"application/json": media}});
        self.answers.insert(status, answer);
    }

    /// Adds an answer like another one, with another meaning.
    pub(in crate::http::api) fn also(&mut self, status: u16, like: u16, text: &str) {
        let mut answer = self.answers.get(&like).cloned().unwrap_or_default();
        answer["description"] = json!(text);
        self.answers.insert(status, answer);
    }

    /// Adds an answer that is one or the other.
    pub(in crate::http::api) fn either<A, B>(&mut self, status: u16, text: &str)
    where
        A: JsonSchema + Serialize + Example,
        B: JsonSchema + Serialize + Example,
    {
        let one_of = [self.schemas.shown::<A>(), self.schemas.shown::<B>()];
        let answer = json!({
            "description": text,
            "content": {"application/json": {
                "schema": {"oneOf": one_of}, "example": B::example(),
            }},
        });
        self.answers.insert(status, answer);
    }

    /// Adds a header to an answer.
    pub(in crate::http::api) fn header(&mut self, status: u16, name: &str, text: &str) {
        if let Some(answer) = self.answers.get_mut(&status) {
            answer["headers"][name] = json!({"description": text, "schema": {"type": "string"}});
        }
    }

    /// Adds a way to refuse.
    pub(in crate::http::api) fn refuses(&mut self, refusal: Refusal) {
        self.refusals.push(refusal);
    }

    /// The finished description.
    pub(super) fn finish(mut self, need: Need) -> Value {
        let Operation { tag, id, summary, more, .. } = self.operation;
        let mut whole = json!({"operationId": id, "tags": [tag], "summary": summary});
        if !more.is_empty() {
            whole["description"] = json!(more);
        }
        if need == Need::Public {
            whole["security"] = json!([]);
        } else {
            whole["x-scope"] = json!(need.scope(Where::Somewhere));
            whole["x-role"] = json!(need.role().word());
            whole["security"] = json!([{"token": []}, {"session": []}]);
            self.refusals.extend([UNAUTHORIZED, FORBIDDEN, INTERNAL]);
        }
        if !self.parameters.is_empty() {
            whole["parameters"] = Value::Array(self.parameters);
        }
        if let Some(body) = self.body {
            whole["requestBody"] = body;
        }
        let mut responses: Map<String, Value> =
            self.answers.into_iter().map(|(status, answer)| (status.to_string(), answer)).collect();
        for (status, refusals) in by_status(&self.refusals) {
            let answer = match refusals[..] {
                [Refusal { name: Some(name), .. }] => {
                    json!({"$ref": format!("#/components/responses/{name}")})
                }
                _ => refused(status, &refusals),
            };
            responses.insert(status.to_string(), answer);
        }
        whole["responses"] = Value::Object(responses);
        whole
    }
}

/// Each status with the refusals that have it; one that adds no code to those before is left out.
fn by_status(refusals: &[Refusal]) -> BTreeMap<u16, Vec<Refusal>> {
    let mut all: BTreeMap<u16, Vec<Refusal>> = BTreeMap::new();
    for refusal in refusals {
        for code in refusal.codes {
            let known = all.entry(code.status()).or_default();
            if known.iter().all(|known| !known.codes.contains(code)) {
                known.push(*refusal);
            }
        }
    }
    all
}

/// An answer that refuses.
fn refused(status: u16, refusals: &[Refusal]) -> Value {
    let (mut sentences, mut words) = (Vec::new(), Vec::new());
    for Refusal { text, codes, .. } in refusals {
        let own = codes.iter().filter(|code| code.status() == status);
        let own: Vec<&str> = own.map(|code| code.word()).collect();
        let said = own.iter().all(|word| text.contains(&format!("`{word}`")));
        let list = if said { String::new() } else { format!(": `{}`", own.join("`, `")) };
        sentences.push(format!("{text}{list}."));
        let new = own.into_iter().filter(|word| !words.contains(word)).collect::<Vec<_>>();
        words.extend(new);
    }
    let codes = refusals.iter().flat_map(|refusal| refusal.codes);
    let code = codes.copied().find(|code| code.status() == status);
    let example = code.map(|code| problem::example(code, refusals[0].text));
    json!({
        "description": sentences.join(" "),
        "content": {"application/problem+json": {
            "schema": {
                "$ref": "#/components/schemas/Problem",
                "properties": {"code": {"enum": words}},
            },
            "example": example,
        }},
    })
}

/// The answers that many operations share, by name.
pub(in crate::http::api) fn shared_answers() -> Value {
    let mut all = Map::new();
    for refusal in SHARED {
        if let (Some(name), Some(code)) = (refusal.name, refusal.codes.first()) {
            all.insert(name.to_owned(), refused(code.status(), &[refusal]));
        }
    }
    if let Some(answer) = all.get_mut("Unauthorized") {
        answer["headers"]["WWW-Authenticate"] =
            json!({"description": "`Bearer`.", "schema": {"type": "string"}});
    }
    Value::Object(all)
}
