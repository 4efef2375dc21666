//! Writes a JSON value as YAML, byte for byte as kubeadm does.
//!
//! In: a [`Value`]. Out: the text that `sigs.k8s.io/yaml` v1.6.0 (the one kubeadm 1.36 is built with; it
//! writes with `go.yaml.in/yaml/v2` v2.4.3, a descendant of libyaml) prints for the same JSON: keys in
//! its natural order, two columns of indentation, list dashes in the column of their key, text folded
//! at the first space after column 80. Byte equality matters: operators diff manifests, and the
//! component-config hash is taken over such text.
//!
//! `fixtures/go-yaml/corpus.json` holds values with what the Go library printed for them. One input has
//! no counterpart: kubeadm sends its JSON through a YAML parser first, which changes U+0085 in a text
//! and refuses some other control characters. Here they come out escaped, as the library's writer does.

mod implicit;
mod number;
mod order;
mod scalar;

use serde_json::{Map, Value};

use scalar::Scalar;

/// The longest key, in bytes, that is written as `key:`; a longer one needs the `? key` form.
const LONGEST_SIMPLE_KEY: usize = 128;

/// Columns one level of nesting takes.
const INDENT: usize = 2;

/// The YAML document for `value`, ending in a line feed.
#[must_use]
pub fn to_go_yaml(value: &Value) -> String {
    let mut writer = Writer::default();
    match value {
        Value::Object(fields) if !fields.is_empty() => writer.mapping(fields, 0),
        Value::Array(items) if !items.is_empty() => writer.sequence(items, 0),
        leaf => writer.leaf(leaf, INDENT),
    }
    writer.end_line();
    writer.out
}

/// Text under construction and the column its next character goes to.
#[derive(Default)]
struct Writer {
    out: String,
    column: usize,
}

impl Writer {
    fn text(&mut self, text: &str) {
        text.chars().for_each(|c| self.char(c));
    }

    fn char(&mut self, c: char) {
        self.out.push(c);
        if scalar::is_break(c) {
            self.column = 0;
        } else {
            self.column += 1;
        }
    }

    /// Ends the line unless a literal block just did.
    fn end_line(&mut self) {
        if self.column > 0 {
            self.char('\n');
        }
    }

    /// Starts a line at column `indent`.
    fn new_line(&mut self, indent: usize) {
        self.end_line();
        self.pad(indent);
    }

    /// Spaces up to column `indent`.
    fn pad(&mut self, indent: usize) {
        while self.column < indent {
            self.char(' ');
        }
    }

    /// A mapping whose first key goes where the writer stands and whose others start at column `indent`.
    fn mapping(&mut self, fields: &Map<String, Value>, indent: usize) {
        for (position, (key, value)) in order::sorted(fields).into_iter().enumerate() {
            if position > 0 {
                self.new_line(indent);
            }
            let scalar = Scalar::of(key);
            if key.len() <= LONGEST_SIMPLE_KEY && !scalar.has_breaks() {
                scalar.write_key(self);
                self.char(':');
                self.after_colon(value, indent);
            } else {
                self.text("? ");
                scalar.write(self, indent + INDENT);
                self.new_line(indent);
                self.text(": ");
                self.nested(value, indent + INDENT);
            }
        }
    }

    /// A list whose first dash goes where the writer stands and whose others start at column `indent`.
    fn sequence(&mut self, items: &[Value], indent: usize) {
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                self.new_line(indent);
            }
            self.text("- ");
            self.nested(item, indent + INDENT);
        }
    }

    /// A value behind `key:` of a mapping at column `indent`: collections on their own lines, a list's
    /// dashes in the column of the key.
    fn after_colon(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                self.new_line(indent + INDENT);
                self.mapping(fields, indent + INDENT);
            }
            Value::Array(items) if !items.is_empty() => {
                self.new_line(indent);
                self.sequence(items, indent);
            }
            leaf => {
                self.char(' ');
                self.leaf(leaf, indent + INDENT);
            }
        }
    }

    /// A value behind `- ` or `: `, on the same line, at column `indent`.
    fn nested(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(fields) if !fields.is_empty() => self.mapping(fields, indent),
            Value::Array(items) if !items.is_empty() => self.sequence(items, indent),
            leaf => self.leaf(leaf, indent),
        }
    }

    /// A scalar or an empty collection; further lines of it start at column `indent`.
    fn leaf(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => self.text("null"),
            Value::Bool(flag) => self.text(if *flag { "true" } else { "false" }),
            Value::Number(number) => self.text(&number::text(number)),
            Value::String(text) => Scalar::of(text).write(self, indent),
            Value::Array(_) => self.text("[]"),
            Value::Object(_) => self.text("{}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        json: Value,
        yaml: String,
    }

    #[test]
    fn every_value_of_the_corpus_is_written_as_go_does() {
        let corpus: Vec<Case> =
            serde_json::from_str(include_str!("../../../fixtures/go-yaml/corpus.json")).unwrap();
        assert!(corpus.len() > 300, "{} cases", corpus.len());
        for case in corpus {
            assert_eq!(to_go_yaml(&case.json), case.yaml, "{}", case.json);
        }
    }

    #[test]
    fn lists_stay_in_the_column_of_their_key() {
        assert_eq!(
            to_go_yaml(&json!({"b": [{"x": [], "y": {}}, [1, [null]]], "a": {"c": true}})),
            "a:\n  c: true\nb:\n- x: []\n  \"y\": {}\n- - 1\n  - - null\n"
        );
    }

    #[test]
    fn what_is_written_reads_as_the_same_value() {
        for value in [
            json!({"k": "a: b # c", "n": "y", "t": "2026-01-02", "m": "one\ntwo\n", "e": ""}),
            json!({"long": "word ".repeat(60), "quoted": "# ".repeat(60)}),
            json!([1, -1, 0.5, "1", "0x10", "~", [[]], {"a": {}}]),
        ] {
            let text = to_go_yaml(&value);
            let again: Value = serde_yaml::from_str(&text).unwrap();
            assert_eq!(again, value, "{text}");
        }
    }
}
