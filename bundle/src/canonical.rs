//! The one byte form of a JSON document: a subset of RFC 8785.
//!
//! In: a value, or bytes that claim to be canonical. Out: bytes, or the value. Keys are sorted, integers
//! lie between 0 and 2^53 - 1, there are no floats and no nulls, nothing is indented, and one line feed
//! ends the document. A reader serialises again what it parsed and compares, so two texts never mean
//! the same document (that also catches duplicate keys).

mod budget;

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use budget::{Counter, check as check_budget};
use budget::{MAX_DEPTH, MAX_VALUES};

/// The largest integer a document may hold, 2^53 - 1 (exact in every JSON implementation).
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Why a document has no canonical form, or is not in it.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// A float, a negative or an oversized integer.
    #[error("number `{0}` is not an integer between 0 and 2^53 - 1")]
    Number(String),
    /// A null.
    #[error("a canonical document cannot hold null")]
    Null,
    /// A key that is empty or not printable ASCII (RFC 8785 would sort it by UTF-16).
    #[error("key `{0}` is not printable ASCII")]
    Key(String),
    /// Nested too deep.
    #[error("the document nests deeper than {MAX_DEPTH} levels")]
    Depth,
    /// Too many values.
    #[error("the document has more than {MAX_VALUES} values")]
    Values,
    /// Valid JSON in another byte form.
    #[error("the document is not in canonical form (first difference at byte {at})")]
    NotCanonical {
        /// Offset of the first byte that differs.
        at: usize,
    },
    /// Not JSON, or not of the expected shape.
    #[error("the document cannot be read")]
    Json(#[from] serde_json::Error),
}

/// The canonical bytes of `value`, with the final line feed.
///
/// # Errors
/// [`CanonicalError`] if the value holds what a canonical document cannot.
pub fn to_vec<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let mut text = Vec::new();
    write_value(&mut text, &serde_json::to_value(value)?, 0)?;
    end(text)
}

/// The end of a document, and the checks of the whole.
fn end(mut text: Vec<u8>) -> Result<Vec<u8>, CanonicalError> {
    text.push(b'\n');
    budget::check(&text)?;
    Ok(text)
}

/// The fields of an object in their canonical form, each written once: documents that differ in a few fields share the others.
pub(crate) struct Fields(BTreeMap<String, Vec<u8>>);

impl Fields {
    /// The fields of `value`, which has to be an object.
    ///
    /// # Errors
    /// [`CanonicalError`] as of [`to_vec`], or if the value is not an object.
    pub(crate) fn of<T: Serialize>(value: &T) -> Result<Self, CanonicalError> {
        let fields: BTreeMap<String, Value> = serde_json::from_value(serde_json::to_value(value)?)?;
        let written = fields
            .into_iter()
            .map(|(key, value)| Ok((key, field(&value)?)));
        Ok(Self(written.collect::<Result<_, CanonicalError>>()?))
    }

    /// Sets one field to another value, or removes it.
    ///
    /// # Errors
    /// [`CanonicalError`] as of [`to_vec`].
    pub(crate) fn set<T: Serialize>(
        &mut self,
        key: &str,
        value: Option<&T>,
    ) -> Result<(), CanonicalError> {
        match value {
            Some(value) => {
                let text = field(&serde_json::to_value(value)?)?;
                self.0.insert(key.to_owned(), text);
            }
            None => drop(self.0.remove(key)),
        }
        Ok(())
    }

    /// The document of all fields but `left_out`: the same bytes as [`to_vec`] writes.
    ///
    /// # Errors
    /// [`CanonicalError`] as of [`to_vec`].
    pub(crate) fn to_vec(&self, left_out: &[&str]) -> Result<Vec<u8>, CanonicalError> {
        let size: usize = self
            .0
            .iter()
            .map(|(key, text)| key.len() + text.len() + 4)
            .sum();
        let mut document = Vec::with_capacity(size + 3);
        let fields = self.0.iter();
        let fields = fields.filter(|(key, _)| !left_out.contains(&key.as_str()));
        write_object(&mut document, fields, |out, text| {
            out.extend_from_slice(text);
            Ok(())
        })?;
        end(document)
    }
}

/// The text of one field of a document.
fn field(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut text = Vec::new();
    write_value(&mut text, value, 1)?;
    Ok(text)
}

/// Parses `bytes`, which must be exactly what [`to_vec`] writes for the value.
///
/// # Errors
/// [`CanonicalError`] if they are not JSON, not of type `T`, or not canonical.
pub fn from_slice<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, CanonicalError> {
    from_slice_checked(bytes, |_| Ok(()))
}

/// As [`from_slice`], with a check of the value before it is written again, which takes several times its memory.
///
/// # Errors
/// What `check` says, or a [`CanonicalError`] as of [`from_slice`].
pub(crate) fn from_slice_checked<T, E>(
    bytes: &[u8],
    check: impl FnOnce(&T) -> Result<(), E>,
) -> Result<T, E>
where
    T: DeserializeOwned + Serialize,
    E: From<CanonicalError>,
{
    // Before the parser: serde keeps every field of a tagged enum, also of an unknown one, until it has seen the tag.
    budget::check(bytes)?;
    let value: T = serde_json::from_slice(bytes).map_err(CanonicalError::from)?;
    check(&value)?;
    let again = to_vec(&value)?;
    if again == bytes {
        return Ok(value);
    }
    let common = again.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    Err(CanonicalError::NotCanonical { at: common }.into())
}

fn write_value(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<(), CanonicalError> {
    if depth >= MAX_DEPTH && (value.is_array() || value.is_object()) {
        return Err(CanonicalError::Depth);
    }
    match value {
        Value::Null => return Err(CanonicalError::Null),
        Value::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Number(number) => match number.as_u64().filter(|n| *n <= MAX_INTEGER) {
            Some(integer) => serde_json::to_writer(out, &integer)?,
            None => return Err(CanonicalError::Number(number.to_string())),
        },
        Value::String(text) => write_string(out, text)?,
        Value::Array(items) => {
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                write_value(out, item, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            // Sorted here and not by trust in the map type: a cargo feature of another crate can turn
            // serde_json's map into an insertion-ordered one.
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
            write_object(out, sorted.into_iter(), |out, item| {
                write_value(out, item, depth + 1)
            })?;
        }
    }
    Ok(())
}

/// An object of fields that are sorted by their keys.
fn write_object<'a, T: 'a>(
    out: &mut Vec<u8>,
    fields: impl Iterator<Item = (&'a String, &'a T)>,
    mut write: impl FnMut(&mut Vec<u8>, &'a T) -> Result<(), CanonicalError>,
) -> Result<(), CanonicalError> {
    out.push(b'{');
    for (position, (key, item)) in fields.enumerate() {
        if key.is_empty() || !key.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Err(CanonicalError::Key(key.escape_debug().take(80).collect()));
        }
        if position > 0 {
            out.push(b',');
        }
        write_string(out, key)?;
        out.push(b':');
        write(out, item)?;
    }
    out.push(b'}');
    Ok(())
}

/// serde_json escapes as RFC 8785 asks: the two-character escapes, lower-case `\u00xx` for other control
/// characters, everything else as it is.
fn write_string(out: &mut Vec<u8>, text: &str) -> Result<(), CanonicalError> {
    Ok(serde_json::to_writer(out, text)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_and_nothing_is_indented() {
        let bytes = to_vec(&json!({"b": [1, true, "x"], "a": {"d": 0, "c": "é\n\u{1}"}})).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "{\"a\":{\"c\":\"é\\n\\u0001\",\"d\":0},\"b\":[1,true,\"x\"]}\n"
        );
    }

    #[test]
    fn fields_that_are_set_make_the_document_that_is_written_at_once() {
        let before = json!({"b": 1, "list": [{"z": 1, "a": "x"}], "c": {"d": 2}});
        let mut fields = Fields::of(&before).unwrap();
        assert_eq!(fields.to_vec(&[]).unwrap(), to_vec(&before).unwrap());
        fields.set("b", Some(&json!(["é"]))).unwrap();
        fields.set("a", Some(&7)).unwrap();
        fields.set::<u8>("c", None).unwrap();
        let after = json!({"b": ["é"], "list": [{"z": 1, "a": "x"}], "a": 7});
        assert_eq!(fields.to_vec(&[]).unwrap(), to_vec(&after).unwrap());
        let without = json!({"list": [{"z": 1, "a": "x"}]});
        assert_eq!(
            fields.to_vec(&["b", "a"]).unwrap(),
            to_vec(&without).unwrap()
        );
        assert!(Fields::of(&json!([1])).is_err());
        assert!(matches!(
            Fields::of(&json!({"a": null})),
            Err(CanonicalError::Null)
        ));
        // As deep as a document may be, and one level more.
        let deep = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({"a": inner}));
        for levels in [16, 17] {
            let both = (Fields::of(&deep(levels)), to_vec(&deep(levels)));
            assert_eq!(both.0.is_ok(), levels == 16);
            assert_eq!(both.1.is_ok(), levels == 16);
        }
        let empty = json!({"": 1});
        assert!(Fields::of(&empty).unwrap().to_vec(&[]).is_err());
    }

    #[test]
    fn what_has_no_canonical_form_is_refused() {
        assert!(matches!(
            to_vec(&json!(1.5)),
            Err(CanonicalError::Number(_))
        ));
        assert!(matches!(to_vec(&json!(-1)), Err(CanonicalError::Number(_))));
        assert!(matches!(
            to_vec(&json!(1_u64 << 53)),
            Err(CanonicalError::Number(_))
        ));
        assert!(matches!(to_vec(&json!([null])), Err(CanonicalError::Null)));
        assert!(matches!(
            to_vec(&json!({"é": 1})),
            Err(CanonicalError::Key(_))
        ));
        let deep = (0..20).fold(json!(1), |inner, _| json!([inner]));
        assert!(matches!(to_vec(&deep), Err(CanonicalError::Depth)));
        assert_eq!(
            to_vec(&json!((1_u64 << 53) - 1)).unwrap(),
            b"9007199254740991\n"
        );
    }

    #[test]
    fn only_the_canonical_bytes_parse() {
        let parse = |text: &str| from_slice::<Value>(text.as_bytes());
        assert!(parse("{\"a\":1,\"b\":2}\n").is_ok());
        for other in [
            "{\"a\":1,\"b\":2}",
            "{\"b\":2,\"a\":1}\n",
            "{\"a\":1, \"b\":2}\n",
            "{\"a\":1,\"a\":1}\n",
            "{\"a\":1}\n\n",
            " {\"a\":1}\n",
            "{\"a\":\"\\u0041\"}\n",
            "{\"a\":1e0}\n",
            "",
        ] {
            assert!(parse(other).is_err(), "{other:?}");
        }
    }
}
