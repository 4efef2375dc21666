//! The flags of `kubeadm init` that set fields of the configuration.
//!
//! In: flags as given, name and text. Out: the fields that they set, in the documents, with the flag as origin; a
//! finding for every text that a flag does not accept. Which flags may stand beside a configuration file is kubeadm's rule
//! (v1.36.2, cmd/kubeadm/app/apis/kubeadm/validation/validation.go, isAllowedFlag); names and fields are those of
//! cmd/kubeadm/app/cmd/init.go and app/cmd/options. Secrets are refused, because other users can read a command line.

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
    /// `true` or `false`; the flag without a value means `true`.
    Bool,
    /// A Go duration.
    Duration,
    /// Texts, separated by commas or in several flags.
    List,
    /// As [`Form::List`]; an empty list keeps that of the configuration file.
    Override,
    /// As [`Form::List`], lower-cased and added to what the configuration file lists.
    Union,
    /// `NAME=true|false`, separated by commas.
    Gates,
    /// A secret, which is refused.
    Secret,
}

/// One flag of `kubeadm init`.
#[derive(Debug)]
pub struct Flag {
    /// The flag's name, without dashes.
    pub name: &'static str,
    /// The placeholder of its value in help.
    pub value_name: &'static str,
    /// Its help: what it sets.
    pub help: &'static str,
    /// How its text is parsed.
    pub form: Form,
    /// Whether kubeadm accepts it together with a configuration file.
    pub beside_file: bool,
    /// Whether it also applies to joining nodes: `kubeadm join` has it, and it is not about a particular node.
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

    /// The field that it sets, such as `ClusterConfiguration.imageRepository`.
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
    flag("apiserver-advertise-address", "IP", Text, Init, "localAPIEndpoint.advertiseAddress", "Address that the API server advertises"),
    flag("apiserver-bind-port", "PORT", Int32, Init, "localAPIEndpoint.bindPort", "Port of the API server"),
    flag("apiserver-cert-extra-sans", "NAMES", List, Cluster, "apiServer.certSANs", "Additional names and addresses for the API server's certificate"),
    flag("cert-dir", "DIR", Text, Cluster, "certificatesDir", "Directory of the certificates on the host"),
    flag("certificate-key", "KEY", Secret, Init, "certificateKey", "Refused, because other users can read a command line; set it in a configuration file"),
    flag("control-plane-endpoint", "HOST[:PORT]", Text, Cluster, "controlPlaneEndpoint", "Stable name or address of the control plane"),
    flag("cri-socket", "SOCKET", Text, Init, "nodeRegistration.criSocket", "Socket of the container runtime"),
    flag("dry-run", "BOOL", Bool, Init, "dryRun", "Set InitConfiguration.dryRun").beside_file(),
    flag("feature-gates", "GATE=BOOL", Gates, Cluster, "featureGates", "kubeadm's own feature gates, separated by commas"),
    flag("ignore-preflight-errors", "CHECKS", Union, Init, "nodeRegistration.ignorePreflightErrors", "Preflight checks that may fail, in addition to those of the file").beside_file().every_node(),
    flag("image-repository", "REPOSITORY", Text, Cluster, "imageRepository", "Registry and path to pull control-plane images from"),
    flag("kubernetes-version", "VERSION", Text, Cluster, "kubernetesVersion", "Exact Kubernetes version, such as v1.36.2"),
    flag("node-name", "NAME", Text, Init, "nodeRegistration.name", "Name of the node; replaces that of the file").beside_file(),
    flag("patches", "DIR", Text, Init, "patches.directory", "Directory of patches named target[suffix][+patchtype].extension; replaces that of the file").beside_file().every_node(),
    flag("pod-network-cidr", "CIDRS", Text, Cluster, "networking.podSubnet", "Network of the Pods, or two of different families"),
    flag("service-cidr", "CIDRS", Text, Cluster, "networking.serviceSubnet", "Network of the Services, or two of different families"),
    flag("service-dns-domain", "DOMAIN", Text, Cluster, "networking.dnsDomain", "DNS domain of the Services"),
    flag("skip-phases", "PHASES", Override, Init, "skipPhases", "Phases of kubeadm init to skip; replaces those of the file").beside_file(),
    flag("token", "TOKEN", Secret, Init, "bootstrapTokens[0].token", "Refused, because other users can read a command line; set it in a configuration file"),
    flag("token-ttl", "DURATION", Duration, Init, "bootstrapTokens[0].ttl", "Lifetime of the bootstrap token; 0s means that it never expires"),
];

/// kubeadm's description of the token if there is no configuration file.
const TOKEN_DESCRIPTION: &str = "The default bootstrap token generated by 'kubeadm init'.";

/// How to set a value of the draft's node that kubeadm reads from the host: with the flag `name`, or the field `of_entry` in a
/// Cluster document, as far as the command takes them.
pub(super) fn hint_to_set(draft: &Draft, of_entry: &str, name: &str) -> String {
    let flag = FLAGS.iter().find(|flag| flag.name == name);
    let usage = flag.map_or_else(String::new, |flag| {
        format!("--{} {}", flag.name, flag.value_name)
    });
    let refused = flag.is_none_or(|flag| !flag.beside_file);
    let mut means = draft.means;
    means.facts &=
        !(means.several && flag.is_some_and(|flag| flag.path == "nodeRegistration.name"));
    means.hint(of_entry, &usage, refused)
}

/// A flag on the command line.
#[derive(Clone, Debug)]
pub struct Given {
    /// The flag.
    pub flag: &'static Flag,
    /// Its texts, in order; empty for a secret.
    pub texts: Vec<String>,
}

/// Sets the fields of the flags in `given`. `files` says whether there is a configuration file as well.
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

/// Sets the field of a flag.
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
            // Origins of the file's items must not remain for those of the flag.
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

/// A text that a flag does not accept.
struct Wrong {
    message: String,
    hint: &'static str,
}

fn wrong(text: &str, what: &str, hint: &'static str) -> Wrong {
    let message = format!("`{}` is not {what}", text.escape_debug());
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
                .map_err(|_| wrong(last, "a 32-bit integer", ""))?;
            number.into()
        }
        Form::Bool => boolean(last)
            .ok_or_else(|| wrong(last, "a boolean", "use true or false"))?
            .into(),
        Form::Duration => {
            let hint = "for example `24h0m0s`";
            let duration =
                GoDuration::parse(last).ok_or_else(|| wrong(last, "a valid duration", hint))?;
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
                    "kubeplan does not accept a secret on the command line, where other users can read it"
                        .to_owned(),
                hint: "set the field in a configuration file, and treat the value that you gave as disclosed",
            });
        }
    })
}

fn gates(text: &str) -> Result<Map<String, Value>, Wrong> {
    let hint = "for example `PublicKeysECDSA=true`";
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| wrong(part, "of the form GATE=true|false", hint))?;
            let on = boolean(value.trim())
                .ok_or_else(|| wrong(part, "of the form GATE=true|false", hint))?;
            Ok((name.trim().to_owned(), Value::Bool(on)))
        })
        .collect()
}

/// Parses a boolean as Go's `strconv.ParseBool` does.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
