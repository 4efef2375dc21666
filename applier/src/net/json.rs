//! JSON values that may hold secrets: every text in them is zeroised when they are dropped.
//!
//! In: the text of an object, or an answer of the API server. Out: values to look at and to change.

use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use kubeplan_bundle::secret::SecretBytes;
use serde_json::Value;
use zeroize::Zeroize as _;

use crate::yaml;

/// A JSON value whose texts are zeroised on drop.
pub(crate) struct Json(Value);

impl Json {
    /// Takes a value.
    pub(crate) const fn new(value: Value) -> Self {
        Self(value)
    }

    /// Parses JSON.
    ///
    /// # Errors
    /// The parser's, without any of the text.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes).map(Self)
    }

    /// Parses one YAML document. The error says where, and nothing of the text.
    ///
    /// # Errors
    /// If it is not UTF-8, not YAML, or unfolds to too much.
    pub(crate) fn parse_yaml(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        yaml::from_str(text)
            .map(Self)
            .map_err(|error| yaml::without_text(&error))
    }

    /// The value at `path`, whose parts are keys and list positions.
    pub(crate) fn at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Value> {
        path.into_iter()
            .try_fold(&self.0, |value, part| match value {
                Value::Array(items) => items.get(part.parse::<usize>().ok()?),
                _ => value.get(part),
            })
    }

    /// As [`Json::at`], to change it.
    pub(crate) fn at_mut<'a>(
        &mut self,
        path: impl IntoIterator<Item = &'a str>,
    ) -> Option<&mut Value> {
        path.into_iter()
            .try_fold(&mut self.0, |value, part| match value {
                Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?),
                _ => value.get_mut(part),
            })
    }

    /// The text at `path`; empty if there is none.
    pub(crate) fn text<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> &str {
        self.at(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// The value as a body of a request, zeroised once it was sent.
    pub(crate) fn to_body(&self) -> Bytes {
        secret_body(self.0.to_string())
    }
}

/// A text as a body of a request, zeroised once it was sent.
pub(crate) fn secret_body(text: String) -> Bytes {
    struct Owner(SecretBytes);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            self.0.expose()
        }
    }
    Bytes::from_owner(Owner(SecretBytes::from_text(text)))
}

impl Deref for Json {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl DerefMut for Json {
    fn deref_mut(&mut self) -> &mut Value {
        &mut self.0
    }
}

impl Drop for Json {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Zeroises every text of a value; keys are not secrets.
pub(crate) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_found_and_wiped() {
        let mut value = Json::new(json!({"a": [{"b": "secret"}], "n": 1}));
        assert_eq!(value.text(["a", "0", "b"]), "secret");
        assert_eq!(value.text(["a", "1", "b"]), "");
        assert_eq!(value.text(["n"]), "");
        if let Some(found) = value.at_mut(["a", "0", "b"]) {
            *found = Value::from("other");
        }
        assert_eq!(value.to_body().as_ref(), br#"{"a":[{"b":"other"}],"n":1}"#);
        wipe(&mut value);
        assert_eq!(*value, json!({"a": [{"b": ""}], "n": 1}));
    }

    #[test]
    fn an_error_says_where_and_nothing_of_the_text() {
        let error = Json::parse_yaml(b"a: hunter2\nb: [hunter2\n")
            .err()
            .unwrap();
        assert!(
            error.contains("line") && !error.contains("hunter2"),
            "{error}"
        );
        assert!(Json::parse_yaml(&[0xff]).is_err());
    }
}
