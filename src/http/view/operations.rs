//! The description of the API as a page shows it: pure functions over the `OpenAPI` document.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// The operations about one noun.
#[derive(Debug, Clone)]
pub struct Group {
    /// The noun.
    pub name: String,
    /// What it is, in a sentence.
    pub description: String,
    /// What can be done with it.
    pub operations: Vec<Operation>,
}

/// A method of a path.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its name in the document, for links.
    pub id: String,
    /// The method, in capitals.
    pub method: String,
    /// The path, with the gaps in braces.
    pub path: String,
    /// What it does, in a line.
    pub summary: String,
    /// What else there is to say.
    pub description: String,
    /// The scope that a token needs; empty where nothing is needed.
    pub scope: String,
    /// The least role that a person needs.
    pub role: String,
    /// What stands in the path and the query string.
    pub parameters: Vec<Parameter>,
    /// The members or fields of the body.
    pub fields: Vec<Parameter>,
    /// What may be answered.
    pub answers: Vec<Reply>,
    /// A request as a line for the shell.
    pub request: String,
    /// What comes back when all is well; empty where nothing does.
    pub response: String,
}

/// Something that a request holds.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What kind of value.
    pub kind: String,
    /// What it means.
    pub description: String,
    /// Whether it must be there.
    pub required: bool,
}

/// One possible answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: String,
    /// What it means.
    pub description: String,
}

/// All operations, grouped by noun in the order of the document's tags.
#[must_use]
pub fn groups(document: &Value, base: &str) -> Vec<Group> {
    let reader = Reader { document, base };
    let all = reader.operations();
    let group = |tag: &Value| {
        let name = text(&tag["name"]);
        let own = |(tag, _): &&(String, Operation)| *tag == name;
        let operations = all.iter().filter(own).map(|(_, operation)| operation.clone());
        let operations = operations.collect();
        Group { description: text(&tag["description"]), name, operations }
    };
    document["tags"].as_array().into_iter().flatten().map(group).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[derive(Debug, Clone, Copy)]
struct Reader<'a> {
    document: &'a Value,
    base: &'a str,
}

impl<'a> Reader<'a> {
    fn operations(self) -> Vec<(String, Operation)> {
        let mut all = Vec::new();
        for (path, item) in self.document["paths"].as_object().into_iter().flatten() {
            for method in ["get", "post", "patch", "delete"] {
                if let Some(operation) = item.get(method) {
                    let tag = text(&operation["tags"][0]);
                    all.push((tag, self.operation(path, method, item, operation)));
                }
            }
        }
        all
    }

    fn operation(self, path: &str, method: &str, item: &'a Value, spec: &'a Value) -> Operation {
        let both = [&item["parameters"], &spec["parameters"]];
        let parameters = both.into_iter().filter_map(Value::as_array).flatten();
        let parameters = parameters.map(|parameter| self.parameter(self.resolve(parameter)));
        let (kind, schema) = self.content(&spec["requestBody"]);
        let answers = spec["responses"].as_object().into_iter().flatten();
        let answers = answers.map(|(status, reply)| {
            let description = text(&self.resolve(reply)["description"]);
            Reply { status: status.clone(), description }
        });
        Operation {
            id: text(&spec["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&spec["summary"]),
            description: text(&spec["description"]),
            scope: text(&spec["x-scope"]),
            role: text(&spec["x-role"]),
            parameters: parameters.collect(),
            fields: schema.map(|schema| self.fields(schema)).unwrap_or_default(),
            answers: answers.collect(),
            request: self.request(path, method, spec, kind, schema),
            response: Self::response(spec),
        }
    }

    fn resolve(self, value: &'a Value) -> &'a Value {
        let target = value["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
        target.and_then(|target| self.document.pointer(target)).unwrap_or(value)
    }

    /// The kind and the schema of a body.
    fn content(self, body: &'a Value) -> (&'a str, Option<&'a Value>) {
        let content = self.resolve(body)["content"].as_object();
        let first = content.and_then(|content| content.iter().next());
        first.map_or(("", None), |(kind, media)| (kind, Some(self.resolve(&media["schema"]))))
    }

    fn parameter(self, spec: &'a Value) -> Parameter {
        Parameter {
            name: text(&spec["name"]),
            kind: self.kind(&spec["schema"]),
            description: text(&spec["description"]),
            required: spec["required"] == true,
        }
    }

    fn fields(self, schema: &'a Value) -> Vec<Parameter> {
        let required = schema["required"].as_array();
        let is_required =
            |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
        let members = schema["properties"].as_object().into_iter().flatten();
        let field = |(name, spec): (&String, &'a Value)| Parameter {
            name: name.clone(),
            kind: self.kind(spec),
            description: text(&spec["description"]),
            required: is_required(name),
        };
        members.map(field).collect()
    }

    /// The kind of a value, in words.
    fn kind(self, schema: &'a Value) -> String {
        let schema = self.resolve(schema);
        if let Some(words) = schema["enum"].as_array()
            && words.len() <= 8
        {
            let words = words.iter().map(|word| word.as_str().unwrap_or("null"));
            return words.collect::<Vec<_>>().join(" | ");
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            return choices.iter().map(|one| self.kind(one)).collect::<Vec<_>>().join(" or ");
        }
        match &schema["type"] {
            Value::String(kind) if kind == "array" => {
                format!("list of {}", self.kind(&schema["items"]))
            }
            Value::String(kind) => kind.clone(),
            Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
            _ => "object".to_owned(),
        }
    }

    fn request(
        self,
        path: &str,
        method: &str,
        spec: &'a Value,
        kind: &str,
        schema: Option<&'a Value>,
    ) -> String {
        let mut line = vec!["curl -fsS".to_owned()];
        if !text(&spec["x-scope"]).is_empty() {
            line.push("-H \"Authorization: Bearer $ESPALIER_TOKEN\"".to_owned());
        }
        let usual = if schema.is_some() { "post" } else { "get" };
        if method != usual {
            line.push(format!("-X {}", method.to_uppercase()));
        }
        let example = &spec["requestBody"]["content"][kind]["example"];
        if kind == "multipart/form-data" {
            let fields = example.as_object().into_iter().flatten();
            line.extend(fields.map(|(name, value)| {
                let file = if name == "file" { "@" } else { "" };
                format!("-F {name}={file}{}", text(value))
            }));
        } else if schema.is_some() {
            line.push(format!("--json '{example}'"));
        }
        line.push(format!("{}{}", self.base, self.address(path, spec)));
        line.join(" ")
    }

    /// The path with examples in its gaps, and with the parameters that must be there.
    fn address(self, path: &str, spec: &'a Value) -> String {
        let mut address = path.to_owned();
        let parameters = spec["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.map(|parameter| self.resolve(parameter)) {
            let example =
                parameter.get("example").unwrap_or_else(|| &parameter["schema"]["examples"][0]);
            let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
            let example = utf8_percent_encode(&example, NON_ALPHANUMERIC);
            let name = text(&parameter["name"]);
            if parameter["in"] == "path" {
                address = address.replace(&format!("{{{name}}}"), &example.to_string());
            } else if parameter["required"] == true {
                address = format!("{address}?{name}={example}");
            }
        }
        address
    }

    fn response(spec: &Value) -> String {
        let replies = spec["responses"].as_object().into_iter().flatten();
        let good = replies.filter(|(status, _)| status.starts_with('2')).map(|(_, reply)| reply);
        let mut all = good.map(|reply| &reply["content"]["application/json"]["example"]);
        // What is made new comes last.
        let example = all.rfind(|example| example.is_object());
        let pretty = example.map(serde_json::to_string_pretty);
        pretty.and_then(Result::ok).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::api;

    #[test]
    fn every_operation_is_shown_with_its_answers_and_an_example() {
        let groups = groups(api::description(), "http://pi.lan:8000");
        let all: Vec<_> = groups.iter().flat_map(|group| &group.operations).collect();
        let paths = api::description()["paths"].as_object().unwrap();
        let described: usize = paths
            .values()
            .map(|item| item.as_object().unwrap().keys().filter(|key| *key != "parameters").count())
            .sum();
        assert_eq!(all.len(), described);
        for operation in all {
            assert!(
                !operation.summary.is_empty() && !operation.answers.is_empty(),
                "{operation:?}"
            );
            assert!(operation.request.starts_with("curl -fsS"), "{operation:?}");
            assert!(!operation.request.contains('{') || operation.request.contains("--json"));
            let good = operation.answers.iter().any(|answer| answer.status.starts_with('2'));
            assert!(good, "{operation:?}");
            let open = operation.path.ends_with("openapi.json");
            assert_eq!(operation.scope.is_empty(), open, "{operation:?}");
        }
    }

    #[test]
    fn requests_and_answers_are_shown_by_their_examples() {
        let groups = groups(api::description(), "http://pi.lan:8000");
        let find = |id: &str| {
            let mut all = groups.iter().flat_map(|group| &group.operations);
            all.find(|operation| operation.id == id).unwrap().clone()
        };
        let create = find("createToken");
        assert_eq!((create.scope.as_str(), create.role.as_str()), ("admin", "administrator"));
        assert!(create.request.contains(r#""scopes":["upload:chase","publish:chase"]"#));
        assert!(create.response.contains("\"expires_at\": \"2026-03-01T12:00:00Z\""));
        let name = create.fields.iter().find(|field| field.name == "name").unwrap();
        assert!(name.required && name.kind == "string");
        assert!(find("deletePlatform").response.is_empty());
        assert!(find("showGroup").request.ends_with("/api/v1/groups/Ground%20floor"));
        assert!(find("decode").request.contains("/api/v1/decoder?line=Error%20"));
        let upload = find("uploadRelease").request;
        assert!(upload.contains("-F file=@firmware.bin -F platform=chase"), "{upload}");
        let pinned = find("changeDevice").fields.into_iter().find(|field| field.name == "pinned");
        assert_eq!(pinned.unwrap().kind, "string or integer or null");
    }
}
