//! Documents as YAML text, the same content in ever different dress.
//!
//! In: documents and a source of choices. Out: text with block and flow collections, plain, quoted and literal scalars,
//! shuffled fields and comments, that reads as the same values in YAML 1.1 as kubeadm understands it. Never anchors,
//! merge keys or tags.

use serde_json::{Map, Value};

use super::random::Random;

/// Writes `documents` with choices from `random`; the plainest block style without.
#[must_use]
pub fn text(documents: &[Value], random: Option<Random>) -> String {
    let mut writer = Writer {
        out: String::new(),
        random,
    };
    for (at, document) in documents.iter().enumerate() {
        if at > 0 || writer.chance(30) {
            writer.out.push_str("---\n");
        }
        writer.comment(0);
        match document {
            Value::Object(fields) if !fields.is_empty() => writer.block_mapping(fields, 0, false),
            other => {
                writer.flow(other);
                writer.out.push('\n');
            }
        }
    }
    writer.out
}

struct Writer {
    out: String,
    random: Option<Random>,
}

impl Writer {
    fn chance(&mut self, percent: usize) -> bool {
        self.random
            .as_mut()
            .is_some_and(|random| random.chance(percent))
    }

    fn comment(&mut self, indent: usize) {
        if self.chance(4) {
            let random = self.random.as_mut();
            let words = random.map_or("", |random| {
                random.pick(&["a comment", "- not: a list", "\"quoted", "key: value"])
            });
            self.out
                .push_str(&format!("{}# {words}\n", " ".repeat(indent)));
        }
    }

    fn ordered<'a>(&mut self, fields: &'a Map<String, Value>) -> Vec<(&'a String, &'a Value)> {
        let mut fields: Vec<_> = fields.iter().collect();
        if self.chance(60)
            && let Some(random) = &mut self.random
        {
            random.shuffle(&mut fields);
        }
        fields
    }

    /// Fields at `indent`; the first one follows on the current line if `inline`.
    fn block_mapping(&mut self, fields: &Map<String, Value>, indent: usize, inline: bool) {
        for (at, (key, value)) in self.ordered(fields).into_iter().enumerate() {
            if !(inline && at == 0) {
                self.comment(indent);
                self.out.push_str(&" ".repeat(indent));
            }
            self.key(key);
            self.out.push(':');
            self.block_value(value, indent);
        }
    }

    /// The value of a field whose key stands at `indent`; ends the line.
    fn block_value(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(fields) if !fields.is_empty() && !self.chance(15) => {
                self.end_line();
                self.block_mapping(fields, indent + 2, false);
            }
            Value::Array(items) if !items.is_empty() && !self.chance(20) => {
                self.end_line();
                let at = if self.chance(40) { indent + 2 } else { indent };
                for item in items {
                    self.comment(at);
                    self.out.push_str(&" ".repeat(at));
                    self.out.push_str("- ");
                    match item {
                        Value::Object(fields) if !fields.is_empty() && !self.chance(30) => {
                            self.block_mapping(fields, at + 2, true);
                        }
                        other => {
                            self.flow(other);
                            self.end_line();
                        }
                    }
                }
            }
            Value::String(text) if literal_fits(text) && self.chance(50) => {
                self.literal(text, indent + 2);
            }
            other => {
                self.out.push(' ');
                self.flow(other);
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        if self.chance(3) {
            self.out.push_str("  # and more");
        }
        self.out.push('\n');
    }

    fn flow(&mut self, value: &Value) {
        match value {
            Value::Null => {
                let null = if self.chance(30) { "~" } else { "null" };
                self.out.push_str(null);
            }
            Value::Bool(value) => self.bool(*value),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.scalar(text),
            Value::Array(items) => {
                self.out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.out.push_str(", ");
                    }
                    self.flow(item);
                }
                self.out.push(']');
            }
            Value::Object(fields) => {
                self.out.push('{');
                for (at, (key, value)) in self.ordered(fields).into_iter().enumerate() {
                    if at > 0 {
                        self.out.push_str(", ");
                    }
                    self.key(key);
                    self.out.push_str(": ");
                    self.flow(value);
                }
                self.out.push('}');
            }
        }
    }

    fn bool(&mut self, value: bool) {
        let words: &[&str] = if value {
            &["True", "TRUE", "yes", "on", "y", "Yes"]
        } else {
            &["False", "FALSE", "no", "off", "n", "No"]
        };
        let plain = if value { "true" } else { "false" };
        let other = self.chance(20);
        let word = match &mut self.random {
            Some(random) if other => random.pick(words),
            _ => plain,
        };
        self.out.push_str(word);
    }

    fn number(&mut self, number: &serde_json::Number) {
        let text = match number.as_u64() {
            Some(value) if value > 0 && self.chance(10) => {
                let form = self.random.as_mut().map_or(0, |random| random.below(4));
                match form {
                    0 => format!("0x{value:x}"),
                    1 => format!("+{value}"),
                    2 => format!("0{value:o}"),
                    _ if value >= 1000 => format!("{}_{:03}", value / 1000, value % 1000),
                    _ => format!("0b{value:b}"),
                }
            }
            _ => number.to_string(),
        };
        self.out.push_str(&text);
    }

    fn key(&mut self, key: &str) {
        if is_plain(key) && !self.chance(5) {
            self.out.push_str(key);
        } else {
            self.out.push_str(&double_quoted(key));
        }
    }

    fn scalar(&mut self, text: &str) {
        let single = text.chars().all(|c| (' '..='~').contains(&c));
        let form = match &mut self.random {
            Some(random) => random.below(3),
            None => 0,
        };
        if form < 2 && is_plain(text) {
            self.out.push_str(text);
        } else if form == 1 && single {
            self.out
                .push_str(&format!("'{}'", text.replace('\'', "''")));
        } else {
            self.out.push_str(&double_quoted(text));
        }
    }

    /// A literal block scalar, its text at column `indent`.
    fn literal(&mut self, text: &str, indent: usize) {
        let keeps = text.ends_with('\n');
        self.out.push_str(if keeps { " |\n" } else { " |-\n" });
        for line in text.lines() {
            if !line.is_empty() {
                self.out.push_str(&" ".repeat(indent));
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
    }
}

/// Whether a literal block scalar without indentation indicator holds exactly `text`.
fn literal_fits(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with("\n\n")
        && !text.contains("---")
        && text.chars().all(|c| c == '\n' || (' '..='~').contains(&c))
}

/// Whether `text` may stand unquoted in block and flow context and reads as a string: deliberately narrow.
fn is_plain(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf",
    ];
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let ends = text.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    let inside = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._=:-+%$@ ".contains(c));
    starts
        && ends
        && inside
        && !text.contains(": ")
        && !text.contains("---")
        && !WORDS.contains(&text.to_lowercase().as_str())
}

/// A double-quoted scalar; everything outside printable ASCII is escaped half of the time by its kind.
fn double_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            ' '..='~' => quoted.push(c),
            'à'..='ÿ' | '一'..='龥' => quoted.push(c),
            c if u32::from(c) < 0x100 => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if u32::from(c) < 0x1_0000 => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}
