//! The user's patches of rendered files, as `kubeadm init --patches` applies them.
//!
//! In: the texts of the files in a directory (the command line reads them), a rendered document. Out: the patched document, and
//! where its changed values come from. Files apply in order, and the documents of a file in order. A patched Pod or Deployment is
//! then normalised as Go does: unknown fields are dropped and reported, and a value of the wrong type is an error.
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/util/patches.

mod document;
pub mod file_name;
pub mod json;
pub(crate) mod provenance;
pub mod strategic;

use kubeplan_bundle::yaml_budget::{Budget, OverBudget};
use serde_json::Value;

use crate::kubeadm::go_types::tables::{apps_v1::DEPLOYMENT, core_v1::POD};
use crate::kubeadm::go_types::{self, Object, TypeMismatch};
use crate::kubeadm::releases::Release;
use crate::plan::ValueSource;
use crate::schema::Kind;
use crate::yaml::read::ReadError;
pub use file_name::{Ignored, PatchType, Target, UnknownPatchType};
use json::JsonPatchError;
use strategic::{Schema, StrategicError};

/// The files of a directory of patches, in the order in which they apply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patches {
    files: Vec<PatchFile>,
}

/// One patch file.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchFile {
    /// Its path relative to the directory, for messages and provenance.
    pub name: String,
    /// What the file patches.
    pub target: Target,
    /// The type of the patches.
    pub patch_type: PatchType,
    /// The documents of the file, each one patch.
    documents: Vec<Value>,
}

/// Why a patch file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PatchFileError {
    /// The patch type does not exist.
    #[error("patch file `{0}`: {1}")]
    Name(String, UnknownPatchType),
    /// The file is not valid YAML or JSON.
    #[error("patch file `{file}`{} cannot be read", at_line(.source))]
    Read {
        /// The patch file.
        file: String,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// A key occurs twice.
    #[error(
        "patch file `{file}`, line {line}: `{key}` is set twice; kubeadm would silently use the last value"
    )]
    Duplicate {
        /// The patch file.
        file: String,
        /// The key.
        key: String,
        /// The line of the second one.
        line: u64,
    },
    /// A number that JSON cannot represent.
    #[error("patch file `{file}`, line {line}: JSON cannot represent the number")]
    Number {
        /// The patch file.
        file: String,
        /// Its line.
        line: u64,
    },
}

/// Why a patch cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// A JSON patch or merge patch does not apply.
    #[error("patch `{file}` (document {document}) does not apply to {target}")]
    Json {
        /// The patch file.
        file: String,
        /// The document's number in the file, from 1.
        document: usize,
        /// The target.
        target: &'static str,
        /// Why.
        #[source]
        source: JsonPatchError,
    },
    /// A strategic merge patch does not apply.
    #[error("patch `{file}` (document {document}) does not apply to {target}")]
    Strategic {
        /// The patch file.
        file: String,
        /// The document's number in the file, from 1.
        document: usize,
        /// The target.
        target: &'static str,
        /// Why.
        #[source]
        source: StrategicError,
    },
    /// The patches of one target exceed a limit of the budget.
    #[error("patch `{file}` cannot be applied: the patches of {target} together are too large")]
    OverBudget {
        /// The patch file.
        file: String,
        /// The target.
        target: &'static str,
        /// Which limit is exceeded.
        #[source]
        source: OverBudget,
    },
    /// A strategic merge patch that is not a mapping.
    #[error("patch `{file}` (document {document}): a strategic merge patch must be a mapping")]
    NoMapping {
        /// The patch file.
        file: String,
        /// The document's number in the file, from 1.
        document: usize,
    },
    /// The patched document no longer fits its Kubernetes type.
    #[error("with the patches {files}, {target} is not a valid {kind}")]
    Type {
        /// The target.
        target: &'static str,
        /// The kind of Kubernetes object that it must remain.
        kind: &'static str,
        /// The files with the patches.
        files: String,
        /// The value that does not fit.
        #[source]
        source: TypeMismatch,
    },
    /// A Deployment without a field that the API requires.
    #[error("with the patches {files}, {target} has no {field}")]
    Nameless {
        /// The target.
        target: &'static str,
        /// The files with the patches.
        files: String,
        /// `metadata.name` or `metadata.namespace`.
        field: &'static str,
    },
    /// A patch changed `apiVersion` or `kind`.
    #[error("with the patches {files}, {target} has {field} `{found}` instead of `{expected}`")]
    Identity {
        /// The target.
        target: &'static str,
        /// The files with the patches.
        files: String,
        /// `apiVersion` or `kind`.
        field: &'static str,
        /// The value after the patches.
        found: String,
        /// The value before the patches.
        expected: &'static str,
    },
}

/// A document, patched or not, and where its values come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    /// The document.
    pub document: Value,
    /// Where its values come from.
    pub sources: Vec<ValueSource>,
    /// Which patches removed values. Later patches may have set them again.
    pub removed: Vec<ValueSource>,
    /// Fields in patches that Kubernetes does not have, and that are dropped.
    pub unknown: Vec<String>,
}

impl Patched {
    /// Returns a document that is not patched yet.
    #[must_use]
    pub const fn of(document: Value, sources: Vec<ValueSource>) -> Self {
        Self {
            document,
            sources,
            removed: Vec::new(),
            unknown: Vec::new(),
        }
    }
}

impl PatchFile {
    /// Parses a file with the text of its patches. `name` is its path relative to the directory of patches. The inner error says
    /// why kubeadm would ignore the file.
    ///
    /// # Errors
    /// [`PatchFileError`] if the file is for a known target and cannot be parsed.
    pub fn read(name: &str, text: &str) -> Result<Result<Self, Ignored>, PatchFileError> {
        Self::read_within(name, text, &mut Budget::default())
    }

    /// As [`read`](Self::read). Expanded values are subtracted from `budget`, which all files of a directory share.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_within(
        name: &str,
        text: &str,
        budget: &mut Budget,
    ) -> Result<Result<Self, Ignored>, PatchFileError> {
        let base = name.rsplit('/').next().unwrap_or(name);
        let (target, patch_type) = match file_name::parse(base)
            .map_err(|problem| PatchFileError::Name(name.to_owned(), problem))?
        {
            Ok(parsed) => parsed,
            Err(ignored) => return Ok(Err(ignored)),
        };
        if text.is_empty() {
            return Ok(Err(Ignored::Empty));
        }
        Ok(Ok(Self {
            name: name.to_owned(),
            target,
            patch_type,
            documents: document::read(name, text, budget)?,
        }))
    }
}

impl Patches {
    /// The patches of a directory, in the order in which they apply.
    #[must_use]
    pub const fn new(files: Vec<PatchFile>) -> Self {
        Self { files }
    }

    /// The files.
    #[must_use]
    pub fn files(&self) -> &[PatchFile] {
        &self.files
    }

    fn for_target(&self, target: Target) -> impl Iterator<Item = &PatchFile> {
        self.files.iter().filter(move |file| file.target == target)
    }

    /// The names of the files that patch `target`, in the order in which they apply.
    #[must_use]
    pub fn names(&self, target: Target) -> Vec<&str> {
        self.for_target(target)
            .map(|file| file.name.as_str())
            .collect()
    }

    /// Applies the patches to a static Pod or to CoreDNS's Deployment, as kubeadm of `release` does. Fields that Kubernetes of
    /// `release` does not have are dropped and listed in [`Patched::unknown`].
    ///
    /// # Errors
    /// [`PatchError`] if a patch does not apply, or the result is not a valid object of the same kind.
    pub fn typed(
        &self,
        release: &'static Release,
        target: Target,
        rendered: Patched,
    ) -> Result<Patched, PatchError> {
        let files = self.names(target);
        if files.is_empty() {
            return Ok(rendered);
        }
        let form = Form::of(target, release);
        let before = rendered.document.clone();
        let mut patched = self.apply(target, form.schema(), rendered, &|document| {
            form.normal(document)
        })?;
        let (name, files) = (target.as_str(), files.join(", "));
        let empty = serde_json::Map::new();
        let document = patched.document.as_object().unwrap_or(&empty);
        let normal = go_types::normalise(form.object, document, release).map_err(|source| {
            PatchError::Type {
                target: name,
                kind: form.object.name,
                files: files.clone(),
                source,
            }
        })?;
        for (field, expected) in [("apiVersion", form.api_version), ("kind", form.object.name)] {
            let found = normal.document.get(field).and_then(Value::as_str);
            if found != Some(expected) {
                return Err(PatchError::Identity {
                    target: name,
                    files,
                    field,
                    found: found.unwrap_or_default().to_owned(),
                    expected,
                });
            }
        }
        patched.document = normal.document.into();
        patched.unknown = normal.unknown;
        for field in form.named_by {
            let pointer = format!("/{}", field.replace('.', "/"));
            if patched.document.pointer(&pointer).is_none() {
                return Err(PatchError::Nameless {
                    target: name,
                    files,
                    field,
                });
            }
        }
        // Values that were dropped are not in the file.
        provenance::forget_unchanged(&before, &patched.document, &mut patched.sources);
        Ok(patched)
    }

    /// Applies the patches to the kubelet's configuration, which is not checked against its type, as in kubeadm. Fields that the kubelet
    /// of `release` does not have stay in it, and are listed in [`Patched::unknown`].
    ///
    /// # Errors
    /// [`PatchError`] if a patch does not apply.
    pub fn kubelet(
        &self,
        release: &'static Release,
        config: Patched,
    ) -> Result<Patched, PatchError> {
        let target = Target::KubeletConfiguration;
        if self.for_target(target).next().is_none() {
            return Ok(config);
        }
        let object = Kind::Kubelet.object();
        let unknown = |document: &Value| {
            let fields = document.as_object();
            let normal =
                fields.and_then(|fields| go_types::normalise(object, fields, release).ok());
            normal.map_or_else(Vec::new, |normal| normal.unknown)
        };
        let before = unknown(&config.document);
        let schema = Schema::Object(object, release);
        let mut patched = self.apply(target, schema, config, &Value::clone)?;
        patched.unknown = unknown(&patched.document);
        patched.unknown.retain(|field| !before.contains(field));
        Ok(patched)
    }

    /// Applies every patch of `target`. `seen` converts a document to the form in which provenance compares it.
    fn apply(
        &self,
        target: Target,
        schema: Schema,
        mut patched: Patched,
        seen: &dyn Fn(&Value) -> Value,
    ) -> Result<Patched, PatchError> {
        // All patches of the target share the budget. Each file reads the whole document, so its size is subtracted too.
        let mut budget = Budget::default();
        for file in self.for_target(target) {
            let cost = json::Cost::of(&patched.document);
            cost.take(&mut budget, 0)
                .map_err(|source| PatchError::OverBudget {
                    file: file.name.clone(),
                    target: target.as_str(),
                    source,
                })?;
            let before = seen(&patched.document);
            for (position, patch) in file.documents.iter().enumerate() {
                let document = &mut patched.document;
                apply_one(file, position + 1, patch, schema, document, &mut budget)?;
            }
            let after = seen(&patched.document);
            let (sources, removed) = (&mut patched.sources, &mut patched.removed);
            provenance::record(&before, &after, &file.name, sources, removed);
        }
        Ok(patched)
    }
}

/// What a typed target must be before and after its patches.
#[derive(Clone, Copy)]
struct Form {
    release: &'static Release,
    object: &'static Object,
    api_version: &'static str,
    /// Fields that the API requires.
    named_by: &'static [&'static str],
}

impl Form {
    /// The form of `target`. All typed targets but one are static Pods.
    const fn of(target: Target, release: &'static Release) -> Self {
        match target {
            Target::CoreDnsDeployment => Self {
                release,
                object: &DEPLOYMENT,
                api_version: "apps/v1",
                named_by: &["metadata.name", "metadata.namespace"],
            },
            Target::Etcd
            | Target::KubeApiserver
            | Target::KubeControllerManager
            | Target::KubeScheduler
            | Target::KubeletConfiguration => Self {
                release,
                object: &POD,
                api_version: "v1",
                named_by: &[],
            },
        }
    }

    const fn schema(self) -> Schema {
        Schema::Object(self.object, self.release)
    }

    /// The document in its normal form; unchanged if it does not fit its type.
    fn normal(self, document: &Value) -> Value {
        document
            .as_object()
            .and_then(|document| go_types::normalise(self.object, document, self.release).ok())
            .map_or_else(|| document.clone(), |normal| normal.document.into())
    }
}

fn apply_one(
    file: &PatchFile,
    position: usize,
    patch: &Value,
    schema: Schema,
    document: &mut Value,
    budget: &mut Budget,
) -> Result<(), PatchError> {
    let target = file.target.as_str();
    let json = |source| PatchError::Json {
        file: file.name.clone(),
        document: position,
        target,
        source,
    };
    match file.patch_type {
        PatchType::Json => json::json_patch(document, patch, budget).map_err(json),
        PatchType::Merge => json::merge_patch(document, patch).map_err(json),
        PatchType::Strategic => {
            let (Value::Object(before), Value::Object(patch)) = (document.take(), patch.clone())
            else {
                return Err(PatchError::NoMapping {
                    file: file.name.clone(),
                    document: position,
                });
            };
            *document = strategic::merge(before, patch, schema)
                .map_err(|source| PatchError::Strategic {
                    file: file.name.clone(),
                    document: position,
                    target,
                    source,
                })?
                .into();
            Ok(())
        }
    }
}

fn at_line(error: &ReadError) -> String {
    error
        .position()
        .map(|position| format!(", line {}", position.line))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
