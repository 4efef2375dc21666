//! The user's patches of rendered files, as `kubeadm init --patches` applies them.
//!
//! In: the files of a folder as text (the command line reads it), a rendered document. Out: the patched document,
//! and where its changed values come from. Files apply in their order, the documents of a file in theirs; a Pod and a Deployment
//! become what Go makes of them afterwards, so unknown fields vanish (and are named) and a wrong type is an error.
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/util/patches.

mod document;
pub mod file_name;
pub mod json;
mod provenance;
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

/// The files of a folder of patches, in the order they apply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patches {
    files: Vec<PatchFile>,
}

/// One patch file.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchFile {
    /// Its path relative to the folder, for messages and provenance.
    pub name: String,
    /// What it patches.
    pub target: Target,
    /// How.
    pub patch_type: PatchType,
    /// Its documents.
    documents: Vec<Value>,
}

/// A file that is no patch.
#[derive(Debug, thiserror::Error)]
pub enum PatchFileError {
    /// A type that does not exist.
    #[error("patch file `{0}`: {1}")]
    Name(String, UnknownPatchType),
    /// Not YAML or JSON.
    #[error("patch file `{file}`{} cannot be read", at_line(.source))]
    Read {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// A key occurs twice.
    #[error(
        "patch file `{file}`, line {line}: `{key}` is set twice; kubeadm would take the last one silently"
    )]
    Duplicate {
        /// The file.
        file: String,
        /// The key.
        key: String,
        /// The line of the second one.
        line: u64,
    },
    /// A number JSON has no word for.
    #[error("patch file `{file}`, line {line}: the number cannot be written in JSON")]
    Number {
        /// The file.
        file: String,
        /// Its line.
        line: u64,
    },
}

/// A patch that does not apply.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// A JSON patch or merge patch.
    #[error("patch `{file}` (document {document}) does not apply to {target}")]
    Json {
        /// The file.
        file: String,
        /// Which of its documents, from 1.
        document: usize,
        /// What was to be patched.
        target: &'static str,
        /// Why.
        #[source]
        source: JsonPatchError,
    },
    /// A strategic merge patch.
    #[error("patch `{file}` (document {document}) does not apply to {target}")]
    Strategic {
        /// The file.
        file: String,
        /// Which of its documents, from 1.
        document: usize,
        /// What was to be patched.
        target: &'static str,
        /// Why.
        #[source]
        source: StrategicError,
    },
    /// The patches of one target handle more than the budget has.
    #[error("patch `{file}` cannot be applied: all patches of {target} together handle too much")]
    OverBudget {
        /// The file.
        file: String,
        /// What was to be patched.
        target: &'static str,
        /// Which limit is passed.
        #[source]
        source: OverBudget,
    },
    /// A strategic merge patch that is no mapping.
    #[error("patch `{file}` (document {document}): a strategic merge patch is a mapping")]
    NoMapping {
        /// The file.
        file: String,
        /// Which of its documents, from 1.
        document: usize,
    },
    /// The result does not have the type of what was patched.
    #[error("after its patches ({files}) {target} is no {kind} of Kubernetes")]
    Type {
        /// What was patched.
        target: &'static str,
        /// What it must stay.
        kind: &'static str,
        /// The files that patched it.
        files: String,
        /// What does not fit.
        #[source]
        source: TypeMismatch,
    },
    /// A Deployment that the API has no place for.
    #[error("after its patches ({files}) {target} has no {field}")]
    Nameless {
        /// What was patched.
        target: &'static str,
        /// The files that patched it.
        files: String,
        /// `metadata.name` or `metadata.namespace`.
        field: &'static str,
    },
    /// Another kind, or another component's name.
    #[error(
        "after its patches ({files}) {target} has {field} `{found}`; it must stay `{expected}`"
    )]
    Identity {
        /// What was patched.
        target: &'static str,
        /// The files that patched it.
        files: String,
        /// `apiVersion` or `kind`.
        field: &'static str,
        /// What it is now.
        found: String,
        /// What it was.
        expected: &'static str,
    },
}

/// A document and where its values come from, patched or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    /// The document.
    pub document: Value,
    /// Where its values come from.
    pub sources: Vec<ValueSource>,
    /// Fields that the patches set and that vanish, because Kubernetes does not have them.
    pub unknown: Vec<String>,
}

impl Patched {
    /// A document that is not patched yet.
    #[must_use]
    pub const fn of(document: Value, sources: Vec<ValueSource>) -> Self {
        Self {
            document,
            sources,
            unknown: Vec::new(),
        }
    }
}

impl PatchFile {
    /// Reads a file; `name` is its path relative to the folder of patches. The inner error says why kubeadm would
    /// leave it aside.
    ///
    /// # Errors
    /// [`PatchFileError`] if the file is for a known target and cannot be understood.
    pub fn read(name: &str, text: &str) -> Result<Result<Self, Ignored>, PatchFileError> {
        Self::read_within(name, text, &mut Budget::default())
    }

    /// As [`read`](Self::read); what the text unfolds to is taken from `budget`, which is one for all files of a folder.
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
    /// The patches of a folder, in the order they apply.
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

    /// Patches a static Pod, or CoreDNS's Deployment, as kubeadm of `release` does. Fields that Kubernetes of `release` does not have
    /// vanish and are named in [`Patched::unknown`].
    ///
    /// # Errors
    /// [`PatchError`] if a patch does not apply, or what comes out is of another kind.
    pub fn typed(
        &self,
        release: &'static Release,
        target: Target,
        rendered: Patched,
    ) -> Result<Patched, PatchError> {
        let files: Vec<&str> = self
            .for_target(target)
            .map(|file| file.name.as_str())
            .collect();
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
        // What vanished again is no value of the file.
        provenance::forget_unchanged(&before, &patched.document, &mut patched.sources);
        Ok(patched)
    }

    /// Patches the kubelet's configuration; it stays untyped, as in kubeadm.
    ///
    /// # Errors
    /// [`PatchError`] if a patch does not apply.
    pub fn kubelet(
        &self,
        release: &'static Release,
        config: Patched,
    ) -> Result<Patched, PatchError> {
        self.apply(
            Target::KubeletConfiguration,
            Schema::Object(Kind::Kubelet.object(), release),
            config,
            &Value::clone,
        )
    }

    /// Applies every patch of `target`; `seen` is how a document looks to readers, for provenance.
    fn apply(
        &self,
        target: Target,
        schema: Schema,
        mut patched: Patched,
        seen: &dyn Fn(&Value) -> Value,
    ) -> Result<Patched, PatchError> {
        // One for all patches of the target. Each file looks at the whole document, so it takes that too.
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
            let from = format!("patch {}", file.name);
            let after = seen(&patched.document);
            provenance::record(&before, &after, &from, &mut patched.sources);
        }
        Ok(patched)
    }
}

/// What a typed target is before and after its patches.
#[derive(Clone, Copy)]
struct Form {
    release: &'static Release,
    object: &'static Object,
    api_version: &'static str,
    /// Fields without which it cannot be sent to the API.
    named_by: &'static [&'static str],
}

impl Form {
    /// That of `target`; all but one of the typed targets are static Pods.
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

    /// How a document looks once it is typed; as it is when it does not fit.
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
