//! The document in which a configuration describes discovery, and its fields, each of a known kind.

use kubeplan_bundle::secret::SecretBytes;
use serde_json::Value;

use super::super::Token;
use super::{CONFIGURATION, SettingsError, wrong};
use crate::kubeadm::protocol::{CONFIG_KIND, CONFIG_VERSIONS};
use crate::net::json::Json;
use crate::yaml;

/// The one `JoinConfiguration` among the documents.
pub(super) fn join_configuration(text: &SecretBytes) -> Result<Json, SettingsError> {
    let broken = |problem: &str| wrong(CONFIGURATION, problem);
    let text = std::str::from_utf8(text.expose()).map_err(|_| broken("it is not UTF-8"))?;
    // The parser's own words repeat the text, which holds a token.
    let documents: Vec<Value> =
        yaml::from_multiple(text).map_err(|error| broken(&yaml::without_text(&error)))?;
    let mut found = None;
    for document in documents {
        let document = Json::new(document);
        if document.text(["kind"]) != CONFIG_KIND {
            continue;
        }
        let version = document.text(["apiVersion"]);
        if !CONFIG_VERSIONS.contains(&version) {
            return Err(wrong(
                "apiVersion",
                format!(
                    "`{}` is not supported; use {}",
                    version.escape_debug(),
                    CONFIG_VERSIONS[0]
                ),
            ));
        }
        if found.replace(document).is_some() {
            return Err(broken(&format!("it has more than one {CONFIG_KIND}")));
        }
    }
    found.ok_or_else(|| broken(&format!("it has no {CONFIG_KIND}")))
}

/// The fields of one object of the configuration.
pub(super) struct Fields<'a> {
    path: String,
    fields: &'a serde_json::Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value, path: &str) -> Result<Self, SettingsError> {
        match value.get(path) {
            Some(Value::Object(fields)) => Ok(Self {
                path: path.to_owned(),
                fields,
            }),
            _ => Err(wrong(path, "it is needed, with fields")),
        }
    }

    pub(super) fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    pub(super) fn only(&self, known: &[&str]) -> Result<(), SettingsError> {
        match self
            .fields
            .keys()
            .find(|name| !known.contains(&name.as_str()))
        {
            Some(name) => Err(wrong(
                self.at(&name.escape_debug().take(80).collect::<String>()),
                format!("unknown field; known are {}", known.join(", ")),
            )),
            None => Ok(()),
        }
    }

    pub(super) fn child(&self, name: &str) -> Result<Option<Self>, SettingsError> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self {
                path: self.at(name),
                fields,
            })),
            Some(_) => Err(wrong(self.at(name), "it must have fields")),
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str, SettingsError> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(wrong(self.at(name), "it must be text; put it into quotes")),
        }
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, SettingsError> {
        let list = match self.fields.get(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(wrong(self.at(name), "it must be a list")),
        };
        list.iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| wrong(self.at(name), "its items must be text"))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, SettingsError> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(wrong(self.at(name), "it must be true or false")),
        }
    }

    pub(super) fn token(&self, name: &str) -> Result<Option<Token>, SettingsError> {
        match self.text(name)? {
            "" => Ok(None),
            text => Token::parse(&SecretBytes::from_text(text.to_owned()))
                .map(Some)
                .map_err(|problem| wrong(self.at(name), problem)),
        }
    }
}
