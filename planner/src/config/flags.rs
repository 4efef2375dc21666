//! kubeadm init's command-line flags that stand for configuration fields.
//!
//! In: flags as given, name and text. Out: the fields they stand for, set in the documents, with the flag as origin; a
//! finding for every text a flag does not take. Which flags may stand beside a configuration file is kubeadm's rule
//! (v1.36.2, cmd/kubeadm/app/apis/kubeadm/validation/validation.go, isAllowedFlag); names and fields are those of
//! cmd/kubeadm/app/cmd/init.go and app/cmd/options. Secrets are never taken: other users can read a command line.

mod join;

pub use join::of_join;

use serde_json::{Map, Value, json};

use super::draft::Draft;
use super::provenance::Origin;
use crate::kubeadm::duration::GoDuration;
use crate::schema::Kind;

/// How a flag's text becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The text itself.
    Text,
    /// A 32-bit integer.
    Int32,
    /// `true` or `false`; the flag alone means `true`.
    Bool,
    /// A Go duration.
    Duration,
    /// Texts, separated by commas or in several flags.
    List,
    /// As [`Form::List`]; an empty list leaves the configuration file's alone.
    Override,
    /// As [`Form::List`], lower-cased and added to what the configuration file lists.
    Union,
    /// `NAME=true|false`, separated by commas.
    Gates,
    /// Refused.
    Secret,
}

/// One flag of `kubeadm init`.
#[derive(Debug)]
pub struct Flag {
    /// Its name, without dashes.
    pub name: &'static str,
    /// What stands for its value in help.
    pub value_name: &'static str,
    /// What it sets, for help.
    pub help: &'static str,
    /// How its text is read.
    pub form: Form,
    /// Whether it may stand beside a configuration file.
    pub beside_file: bool,
    /// Whether it holds for nodes that join, too: `kubeadm join` has it, and it is about no node in particular.
    every_node: bool,
    kind: Kind,
    path: &'static str,
}

pub(super) const fn flag(
    name: &'static str,
    value_name: &'static str,
    form: Form,
    kind: Kind,
    path: &'static str,
    help: &'static str,
) -> Flag {
    Flag {
        name,
        value_name,
        help,
        form,
        beside_file: false,
        every_node: false,
        kind,
        path,
    }
}

impl Flag {
    pub(super) const fn beside_file(mut self) -> Self {
        self.beside_file = true;
        self
    }

    const fn every_node(mut self) -> Self {
        self.every_node = true;
        self
    }

    /// The field it stands for, such as `ClusterConfiguration.imageRepository`.
    #[must_use]
    pub fn field(&self) -> String {
        format!("{}.{}", self.kind.name(), self.path)
    }
}

use Form::{Bool, Duration, Gates, Int32, List, Override, Secret, Text, Union};
use Kind::{Cluster, Init};

/// Every flag, in alphabetical order.
#[rustfmt::skip]
pub static FLAGS: &[Flag] = &[
    flag("apiserver-advertise-address", "IP", Text, Init, "localAPIEndpoint.advertiseAddress", "Address at which the API server is reached"),
    flag("apiserver-bind-port", "PORT", Int32, Init, "localAPIEndpoint.bindPort", "Port of the API server"),
    flag("apiserver-cert-extra-sans", "NAMES", List, Cluster, "apiServer.certSANs", "More names and addresses in the API server's certificate"),
    flag("cert-dir", "DIR", Text, Cluster, "certificatesDir", "Folder of the certificates on the host"),
    flag("certificate-key", "KEY", Secret, Init, "certificateKey", "Refused, as others can read a command line: use a configuration file"),
    flag("control-plane-endpoint", "HOST[:PORT]", Text, Cluster, "controlPlaneEndpoint", "Stable name or address of the control plane"),
    flag("cri-socket", "SOCKET", Text, Init, "nodeRegistration.criSocket", "Socket of the container runtime"),
    flag("dry-run", "BOOL", Bool, Init, "dryRun", "InitConfiguration.dryRun").beside_file(),
    flag("feature-gates", "GATE=BOOL", Gates, Cluster, "featureGates", "kubeadm's own feature gates, separated by commas"),
    flag("ignore-preflight-errors", "CHECKS", Union, Init, "nodeRegistration.ignorePreflightErrors", "Checks that may fail, added to those of the file").beside_file().every_node(),
    flag("image-repository", "REPOSITORY", Text, Cluster, "imageRepository", "Registry and path of the control plane's images"),
    flag("kubernetes-version", "VERSION", Text, Cluster, "kubernetesVersion", "Exact version, such as v1.36.2"),
    flag("node-name", "NAME", Text, Init, "nodeRegistration.name", "Name of the node, before that of the file").beside_file(),
    flag("patches", "DIR", Text, Init, "patches.directory", "Folder of patches named target[suffix][+patchtype].extension, before that of the file").beside_file().every_node(),
    flag("pod-network-cidr", "CIDRS", Text, Cluster, "networking.podSubnet", "Network of the Pods, one or two of different families"),
    flag("service-cidr", "CIDRS", Text, Cluster, "networking.serviceSubnet", "Network of the Services, one or two of different families"),
    flag("service-dns-domain", "DOMAIN", Text, Cluster, "networking.dnsDomain", "DNS domain of the Services"),
    flag("skip-phases", "PHASES", Override, Init, "skipPhases", "Phases of kubeadm init left out, in place of those of the file").beside_file(),
    flag("token", "TOKEN", Secret, Init, "bootstrapTokens[0].token", "Refused, as others can read a command line: use a configuration file"),
    flag("token-ttl", "DURATION", Duration, Init, "bootstrapTokens[0].ttl", "Life of the bootstrap token; 0s means for ever"),
];

/// The description kubeadm gives its token when there is no configuration file.
const TOKEN_DESCRIPTION: &str = "The default bootstrap token generated by 'kubeadm init'.";

/// A flag on the command line.
#[derive(Clone, Debug)]
pub struct Given {
    /// Which one.
    pub flag: &'static Flag,
    /// Its texts, in order; none for a secret.
    pub texts: Vec<String>,
}

/// Sets the fields that `given` stands for; `files` tells whether there is a configuration file as well.
pub(super) fn apply(draft: &mut Draft, given: &[Given], files: bool) {
    if !files {
        draft.set(Init, "bootstrapTokens", json!([{}]));
        let rule = "kubeadm's default without a configuration file";
        let origin = Origin::Default {
            rule: rule.to_owned(),
        };
        let path = "bootstrapTokens[0].description";
        draft.set_from(Init, path, TOKEN_DESCRIPTION.into(), origin);
    }
    for given in given {
        set(draft, given);
    }
}

/// Sets the fields of a node that joins.
pub(super) fn apply_to_joining(draft: &mut Draft, given: &[Given]) {
    for given in given.iter().filter(|given| given.flag.every_node) {
        set(draft, given);
    }
}

/// Sets the field that a flag stands for.
pub(super) fn set(draft: &mut Draft, Given { flag, texts }: &Given) {
    let origin = Origin::Flag {
        name: flag.name.to_owned(),
    };
    let before = draft.texts(flag.kind, flag.path);
    let given = texts
        .iter()
        .any(|text| text.split(',').any(|part| !part.is_empty()));
    if flag.form == Form::Override && !given {
        return;
    }
    let items = before
        .iter()
        .map(|(path, _)| format!("{}.{path}", flag.kind.name()));
    let items: Vec<String> = items.collect();
    match value(flag.form, texts, before.into_iter().map(|(_, text)| text)) {
        Ok(value) => {
            // Items of the file would speak for those of the flag.
            for item in items {
                draft.provenance.remove(&item);
            }
            draft.set_from(flag.kind, flag.path, value, origin);
        }
        Err(wrong) => {
            draft.provenance.record(flag.field(), origin);
            draft.error(flag.kind, flag.path, wrong.message, wrong.hint);
        }
    }
}

/// A text that a flag does not take.
struct Wrong {
    message: String,
    hint: &'static str,
}

fn wrong(text: &str, what: &str, hint: &'static str) -> Wrong {
    let message = format!("`{}` is no {what}", text.escape_debug());
    Wrong { message, hint }
}

fn value(
    form: Form,
    texts: &[String],
    before: impl Iterator<Item = String>,
) -> Result<Value, Wrong> {
    // Of a flag that is repeated the last one counts, as with kubeadm.
    let last = texts.last().map(String::as_str).unwrap_or_default();
    let parts = || texts.iter().flat_map(|text| text.split(','));
    let full = |part: &&str| !part.is_empty();
    Ok(match form {
        Form::Text => last.into(),
        Form::Int32 => {
            let number: i32 = last
                .parse()
                .map_err(|_| wrong(last, "integer of 32 bits", ""))?;
            number.into()
        }
        Form::Bool => boolean(last)
            .ok_or_else(|| wrong(last, "boolean", "write true or false"))?
            .into(),
        Form::Duration => {
            let hint = "such as `24h0m0s`";
            let duration = GoDuration::parse(last).ok_or_else(|| wrong(last, "duration", hint))?;
            duration.to_string().into()
        }
        Form::List | Form::Override => parts().filter(full).collect(),
        Form::Union => {
            let mut all: Vec<String> = before
                .chain(parts().filter(full).map(str::to_owned))
                .map(|name| name.to_lowercase())
                .collect();
            all.sort();
            all.dedup();
            all.into()
        }
        Form::Gates => gates(last)?.into(),
        Form::Secret => {
            return Err(Wrong {
                message:
                    "a secret does not belong on a command line, where other users can read it"
                        .to_owned(),
                hint: "set the field in a configuration file, and treat the value given here as disclosed",
            });
        }
    })
}

fn gates(text: &str) -> Result<Map<String, Value>, Wrong> {
    let hint = "such as `PublicKeysECDSA=true`";
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| wrong(part, "feature gate with a value", hint))?;
            let on = boolean(value.trim())
                .ok_or_else(|| wrong(part, "feature gate that is true or false", hint))?;
            Ok((name.trim().to_owned(), Value::Bool(on)))
        })
        .collect()
}

/// As Go's `strconv.ParseBool`.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
