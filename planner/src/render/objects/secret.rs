//! Secrets: text whose secret values never pass through the serialiser.
//!
//! In: metadata, `data`, one secret value. Out: an [`ApiObject`] of class `secret-object`. `data` is built as JSON and not as
//! k8s-openapi's type, which could hold neither a placeholder nor `null`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kubeplan_bundle::index::SecretClass;
use kubeplan_bundle::secret::SecretBytes;
use serde_json::{Map, Value, json};

use super::{ApiObject, ObjectError, ObjectHole};
use crate::plan::{PlannedContent, ValueSource};
use crate::render::secret_text::insert_base64;
use crate::yaml::write::to_go_yaml;

/// Stands for a secret value until it is put in; also what a text without secrets shows.
pub(crate) const SEALED: &str = "<sealed>";

const KIND: &str = "Secret";

/// A Secret.
pub(crate) struct SecretObject<'a> {
    pub(crate) metadata: ObjectMeta,
    pub(crate) type_: Option<&'a str>,
    /// Values in base64, `null`, or placeholders.
    pub(crate) data: Map<String, Value>,
    pub(crate) holes: Vec<ObjectHole>,
    pub(crate) sources: Vec<ValueSource>,
}

impl SecretObject<'_> {
    /// The text that is sealed; `secret` takes the place of [`SEALED`], if there is one.
    pub(crate) fn sealed(self, secret: Option<&SecretBytes>) -> Result<ApiObject, ObjectError> {
        let name = self.metadata.name.clone().unwrap_or_default();
        let text = self.text()?;
        let bytes = match secret {
            Some(secret) => insert_base64(&text, SEALED, secret)
                .ok_or_else(|| ObjectError::NoPlace(name.clone()))?,
            None => SecretBytes::from_text(text),
        };
        let content = PlannedContent::Secret {
            class: SecretClass::SecretObject,
            bytes,
            spki: None,
        };
        Ok(self.object(content))
    }

    /// The text for a review without key store: what is secret is not known.
    pub(crate) fn without_secrets(self) -> Result<ApiObject, ObjectError> {
        let content = PlannedContent::Public(self.text()?.into_bytes());
        Ok(self.object(content))
    }

    fn text(&self) -> Result<String, ObjectError> {
        let metadata =
            serde_json::to_value(&self.metadata).map_err(|source| ObjectError::Serialise {
                kind: KIND,
                name: self.metadata.name.clone().unwrap_or_default(),
                source,
            })?;
        let mut document = json!({
            "apiVersion": "v1",
            "kind": KIND,
            "metadata": metadata,
            "data": self.data,
        });
        if let (Value::Object(fields), Some(type_)) = (&mut document, self.type_) {
            fields.insert("type".to_owned(), type_.into());
        }
        Ok(to_go_yaml(&document))
    }

    fn object(self, content: PlannedContent) -> ApiObject {
        ApiObject {
            kind: KIND,
            namespace: self.metadata.namespace,
            name: self.metadata.name.unwrap_or_default(),
            content,
            holes: self.holes,
            sources: self.sources,
            unknown: Vec::new(),
        }
    }
}
