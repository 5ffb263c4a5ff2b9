//! A value held against the JSON Schema of the type it should be: faults with places, and the type.
//!
//! The schema comes from the type, as for editors. What is at fault is told and then taken out or
//! replaced by something neutral, so that the rest can still be checked for what it means, in one run.
//! Types read here have an `Option` for each key, required ones too (`#[schemars(required)]`).

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Fault;
use super::yaml::{self, Places, child};

/// The JSON Schema of `T` (draft 2020-12), pretty, with a line end: what is committed for editors.
pub(crate) fn schema_text<T: JsonSchema>() -> String {
    let mut text = serde_json::to_string_pretty(&schema::<T>()).expect("a schema is JSON");
    text.push('\n');
    text
}

fn schema<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12()
        .with_transform(no_null)
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

/// A key that may be left out may not be there without a value: takes `null` out of `Option`'s schema.
fn no_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|word| word != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type") != Some(&json!("null")));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                schema.insert(key, value);
            }
        }
    }
    if schema.get("default") == Some(&Value::Null) {
        schema.remove("default");
    }
    transform_subschemas(&mut no_null, schema);
}

/// Reads files of one kind.
pub(crate) struct Reader<T> {
    schema: Value,
    validator: Validator,
    /// Keys that people will try, and what to say of each.
    hints: &'static [(&'static str, &'static str)],
    kind: std::marker::PhantomData<fn() -> T>,
}

/// A file's value and where its parts stand.
#[derive(Debug)]
pub(crate) struct Written<T> {
    /// The value, without what was at fault.
    pub(crate) value: T,
    file: String,
    places: Places,
    /// Pointers of what was at fault: nothing more is said of these, or of what is in them.
    faulted: Vec<String>,
}

impl<T> Written<T> {
    /// The file's name, as faults give it.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// Adds a fault at the value at `pointer`, unless one has been told there.
    pub(crate) fn fault(&self, faults: &mut Vec<Fault>, pointer: &str, message: impl Into<String>) {
        let told = self.faulted.iter().any(|faulted| {
            pointer
                .strip_prefix(faulted.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        if !told {
            let (line, column) = self.places.value(pointer);
            faults.push(Fault {
                file: self.file.clone(),
                line,
                column,
                message: message.into(),
            });
        }
    }

    /// Adds a fault at the key of the member at `pointer`.
    pub(crate) fn fault_at_key(
        &self,
        faults: &mut Vec<Fault>,
        pointer: &str,
        message: impl Into<String>,
    ) {
        let (line, column) = self.places.key(pointer);
        faults.push(Fault {
            file: self.file.clone(),
            line,
            column,
            message: message.into(),
        });
    }

    /// Whether something at or inside `pointer` was at fault.
    pub(crate) fn is_faulted_within(&self, pointer: &str) -> bool {
        self.faulted.iter().any(|faulted| {
            faulted
                .strip_prefix(pointer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// Whether the key of the member at `a` stands before the one at `b`.
    pub(crate) fn is_before(&self, a: &str, b: &str) -> bool {
        self.places.key(a) < self.places.key(b)
    }

    /// The line of the value at `pointer`.
    pub(crate) fn line(&self, pointer: &str) -> usize {
        self.places.value(pointer).0
    }
}

impl<T: DeserializeOwned + JsonSchema> Reader<T> {
    /// A reader that says `hints` of keys that are not known.
    pub(crate) fn new(hints: &'static [(&'static str, &'static str)]) -> Self {
        let schema = schema::<T>();
        let validator =
            jsonschema::draft202012::new(&schema).expect("a schema made from a type is valid");
        Self {
            schema,
            validator,
            hints,
            kind: std::marker::PhantomData,
        }
    }

    /// Reads `text`; adds every fault of its structure. `None` where nothing can be made of it.
    pub(crate) fn read(
        &self,
        file: &str,
        text: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<Written<T>> {
        let (mut value, places) = yaml::parse(file, text, faults)?;
        let errors: Vec<ValidationError<'static>> = self
            .validator
            .iter_errors(&value)
            .map(ValidationError::to_owned)
            .collect();
        let mut faulted = Vec::new();
        let mut missing: Vec<(String, Vec<String>)> = Vec::new();
        let mut say = |(line, column): yaml::Place, message: String| {
            faults.push(Fault {
                file: file.to_owned(),
                line,
                column,
                message,
            });
        };
        for error in &errors {
            let pointer = error.instance_path().as_str().to_owned();
            let node = self.node(error);
            #[expect(
                clippy::wildcard_enum_match_arm,
                reason = "another crate's enum; our schemas use no other keyword, and a fault told plainly is safe"
            )]
            match error.kind() {
                ValidationErrorKind::AdditionalProperties { unexpected } => {
                    for name in unexpected {
                        let pointer = child(&pointer, name);
                        say(places.key(&pointer), self.unknown_key(name, node));
                        faulted.push(pointer);
                    }
                }
                ValidationErrorKind::Required { property } => {
                    let name = property.as_str().unwrap_or_default().to_owned();
                    match missing.iter_mut().find(|(at, _)| *at == pointer) {
                        Some((_, names)) => names.push(name),
                        None => missing.push((pointer, vec![name])),
                    }
                }
                // Another type than text has been told as such.
                ValidationErrorKind::Enum { .. } | ValidationErrorKind::Constant { .. }
                    if !error.instance().is_string() => {}
                ValidationErrorKind::Type { .. }
                | ValidationErrorKind::Enum { .. }
                | ValidationErrorKind::Constant { .. }
                | ValidationErrorKind::Pattern { .. }
                | ValidationErrorKind::MinItems { .. }
                | ValidationErrorKind::MaxItems { .. }
                | ValidationErrorKind::MinLength { .. }
                | ValidationErrorKind::MaxLength { .. }
                | ValidationErrorKind::MinProperties { .. }
                | ValidationErrorKind::MaxProperties { .. }
                | ValidationErrorKind::AnyOf { .. }
                | ValidationErrorKind::Minimum { .. }
                | ValidationErrorKind::Maximum { .. } => {
                    // A key without a value has no place for it.
                    let place = if error.instance().is_null() {
                        places.key(&pointer)
                    } else {
                        places.value(&pointer)
                    };
                    say(place, describe(error, &pointer, node, &self.schema));
                    faulted.push(pointer);
                }
                ValidationErrorKind::PropertyNames { error } => {
                    let name = error.instance().as_str().unwrap_or_default();
                    let pointer = child(&pointer, name);
                    let node = self.node(error);
                    say(
                        places.key(&pointer),
                        describe(error, &pointer, node, &self.schema),
                    );
                    faulted.push(pointer);
                }
                _ => {
                    say(places.value(&pointer), error.to_string());
                    faulted.push(pointer);
                }
            }
        }
        for (pointer, names) in missing {
            let names = names
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ");
            say(
                places.key(&pointer),
                format!("{} is missing {names}", name_of(&pointer)),
            );
        }
        for error in &errors {
            neutralise(&mut value, error);
        }
        match serde_json::from_value(value) {
            Ok(value) => Some(Written {
                value,
                file: file.to_owned(),
                places,
                faulted,
            }),
            Err(error) => {
                // Only where a type and its schema differ, which the tests of each type would show.
                say((1, 1), format!("not read: {error}"));
                None
            }
        }
    }

    /// The schema's part that `error` comes from.
    fn node(&self, error: &ValidationError<'_>) -> &Value {
        let path = error.schema_path().as_str();
        let node = path.rsplit_once('/').map_or("", |(node, _)| node);
        self.schema.pointer(node).unwrap_or(&Value::Null)
    }

    fn unknown_key(&self, name: &str, node: &Value) -> String {
        if let Some((_, hint)) = self.hints.iter().find(|(key, _)| *key == name) {
            return format!("`{name}`: {hint}");
        }
        let known: Vec<&str> = node
            .get("properties")
            .and_then(Value::as_object)
            .map(|known| known.keys().map(String::as_str).collect())
            .unwrap_or_default();
        let all = known.join(", ");
        match nearest(name, &known) {
            Some(near) => {
                format!("unknown key `{name}`; did you mean `{near}`? The keys here are {all}")
            }
            None => format!("unknown key `{name}`; the keys here are {all}"),
        }
    }
}

/// Takes what `error` is about out of `value`, or puts something neutral of the right type in its place.
fn neutralise(value: &mut Value, error: &ValidationError<'_>) {
    let pointer = error.instance_path().as_str();
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "another crate's enum; the rest leaves a value of the right type"
    )]
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            if let Some(members) = value.pointer_mut(pointer).and_then(Value::as_object_mut) {
                for name in unexpected {
                    members.shift_remove(name);
                }
            }
        }
        ValidationErrorKind::Type { kind } => {
            if let Some(place) = value.pointer_mut(pointer) {
                *place = neutral(kind);
            }
        }
        ValidationErrorKind::Enum { .. }
        | ValidationErrorKind::Constant { .. }
        | ValidationErrorKind::Minimum { .. }
        | ValidationErrorKind::Maximum { .. } => {
            if let Some((parent, name)) = pointer.rsplit_once('/')
                && let Some(members) = value.pointer_mut(parent).and_then(Value::as_object_mut)
            {
                members.shift_remove(name);
            } else if let ValidationErrorKind::Enum { options } = error.kind()
                && let Some(place) = value.pointer_mut(pointer)
                && let Some(first) = options.as_array().and_then(|options| options.first())
            {
                // An element of a list, whose neighbours keep their places.
                *place = first.clone();
            }
        }
        _ => {}
    }
}

fn neutral(kind: &TypeKind) -> Value {
    match first_type(kind) {
        JsonType::Array => json!([]),
        JsonType::Boolean => json!(false),
        JsonType::Integer | JsonType::Number => json!(0),
        JsonType::Null => Value::Null,
        JsonType::Object => json!({}),
        JsonType::String => json!(""),
    }
}

fn first_type(kind: &TypeKind) -> JsonType {
    match kind {
        TypeKind::Single(kind) => *kind,
        TypeKind::Multiple(kinds) => kinds.iter().next().unwrap_or(JsonType::String),
    }
}

/// One sentence for a fault of one value: what it is, what it has to be.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "another crate's enum; called for the kinds that are named"
)]
fn describe(error: &ValidationError<'_>, pointer: &str, node: &Value, schema: &Value) -> String {
    let name = name_of(pointer);
    let example = example(node, schema)
        .map(|text| format!("; write for example {text}"))
        .unwrap_or_default();
    match error.kind() {
        ValidationErrorKind::Type { kind } => {
            let wanted = match first_type(kind) {
                JsonType::Array => "a list",
                JsonType::Boolean => "true or false",
                JsonType::Integer => "a whole number",
                JsonType::Number => "a number",
                JsonType::Null => "empty",
                JsonType::Object => "a mapping (`key: value`)",
                JsonType::String => "text",
            };
            let found = match error.instance().as_ref() {
                Value::Null => "empty",
                Value::Bool(_) => "true or false",
                Value::Number(_) => "a number",
                Value::String(_) => "text",
                Value::Array(_) => "a list",
                Value::Object(_) => "a mapping",
            };
            format!("{name} is {found}; it has to be {wanted}{example}")
        }
        ValidationErrorKind::Enum { options } => {
            let words: Vec<&str> = options
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            one_of(&name, error, &words)
        }
        ValidationErrorKind::Constant { expected_value } => {
            one_of(&name, error, &[expected_value.as_str().unwrap_or_default()])
        }
        ValidationErrorKind::Pattern { .. } => {
            let form = node
                .get("x-form")
                .and_then(Value::as_str)
                .unwrap_or("of another form");
            format!("{name} is not {form}{example}")
        }
        ValidationErrorKind::MinItems { limit } if *limit > 1 => {
            format!("{name} is too short; write at least {limit}{example}")
        }
        ValidationErrorKind::MaxProperties { limit } => {
            format!("{name} has too many keys; at most {limit} stand here{example}")
        }
        ValidationErrorKind::AnyOf { .. } => {
            let examples = node.get("examples").and_then(Value::as_array);
            let examples: Vec<String> = examples.into_iter().flatten().map(flow).collect();
            match examples.as_slice() {
                [] => format!("{name} is nothing that may stand here{example}"),
                [..] => format!(
                    "{name} is nothing that may stand here; write for example {}",
                    examples.join(" or ")
                ),
            }
        }
        ValidationErrorKind::MinItems { .. }
        | ValidationErrorKind::MinLength { .. }
        | ValidationErrorKind::MinProperties { .. } => {
            format!("{name} is empty{example}")
        }
        ValidationErrorKind::MaxItems { limit } | ValidationErrorKind::MaxLength { limit } => {
            format!("{name} is too long; at most {limit} are read")
        }
        ValidationErrorKind::Minimum { limit } => {
            format!("{name} is too small; the least is {limit}")
        }
        ValidationErrorKind::Maximum { limit } => {
            format!("{name} is too large; the most is {limit}")
        }
        _ => error.to_string(),
    }
}

fn one_of(name: &str, error: &ValidationError<'_>, words: &[&str]) -> String {
    let near = error
        .instance()
        .as_str()
        .and_then(|word| nearest(word, words));
    let words = words.join(", ");
    match near {
        Some(near) => {
            format!("{name} has an unknown word; did you mean `{near}`? This version has {words}")
        }
        None => format!("{name} has an unknown word; this version has {words}"),
    }
}

/// An example from the schema, or made from its items', as it would be written in YAML.
fn example(node: &Value, schema: &Value) -> Option<String> {
    if let Some(example) = node.pointer("/examples/0") {
        return Some(flow(example));
    }
    let items = node.get("items")?;
    let items = match items.get("$ref").and_then(Value::as_str) {
        Some(reference) => schema.pointer(reference.trim_start_matches('#'))?,
        None => items,
    };
    Some(format!("[{}]", flow(items.pointer("/examples/0")?)))
}

/// Flow style YAML, quoted only where plain text would be read as something else.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains(['[', ']', '{', '}', ',', '#', '*', '"']) => {
            value.to_string()
        }
        Value::String(text) => text.clone(),
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(flow).collect::<Vec<_>>().join(", ")
        ),
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(key, value)| format!("{key}: {}", flow(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// What a pointer's end is called in a sentence.
fn name_of(pointer: &str) -> String {
    let Some((parent, last)) = pointer.rsplit_once('/') else {
        return "the file".to_owned();
    };
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        let list = parent.rsplit_once('/').map_or("the file", |(_, list)| list);
        format!("an element of `{list}`")
    } else {
        format!("`{}`", last.replace("~1", "/").replace("~0", "~"))
    }
}

/// The word of `known` that `word` was probably meant to be: at most a third differs.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().div_ceil(3))
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, in characters, of texts cut at 64.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(left != *right))
                .min(above + 1)
                .min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_only_where_it_is_near() {
        let known = ["starts", "review", "ends"];
        assert_eq!(nearest("start", &known), Some("starts"));
        assert_eq!(nearest("reviwe", &known), Some("review"));
        assert_eq!(nearest("expires", &known), None);
        assert_eq!(nearest("", &known), None);
    }

    #[test]
    fn distances_are_levenshteins() {
        for (a, b, expected) in [
            ("", "", 0),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("é", "e", 1),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
