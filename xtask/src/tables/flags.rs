//! The flags of the kubelet and of the control plane's components, with their types: found in the source of every supported
//! release, kept as text in the form of [`Types`], and made Rust source.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

use super::merge::Printed;
use super::modules::{APISERVER, CLOUD_PROVIDER, CONTROLLER_MANAGER, KUBERNETES, Sources};
use super::source::{self, Flags};
use super::types::{Minors, Types};

/// The table of all releases, below the repository's root.
pub const TEXT: &str = "xtask/types/flags.txt";

/// What stands above it.
pub const ABOUT: &str = "\
# Flags of the components: how their values are read, and the releases that have them. Of the control plane's components only
# flags whose values have a form. Written by `cargo xtask tables` from the source of the modules below; `cargo xtask generate`
# makes planner/src/kubeadm/flags/table.rs of it.
";

/// The Rust source.
pub const RUST: &str = "planner/src/kubeadm/flags/table.rs";

const COMPONENT_BASE: &str = "k8s.io/component-base";

/// Where a component registers flags.
struct Component {
    name: &'static str,
    /// Modules, each with a file or a directory.
    places: &'static [(&'static str, &'static str)],
    /// Whether the places have all its flags, and no others.
    exact: bool,
}

const COMPONENTS: &[Component] = &[
    Component {
        name: "kube-apiserver",
        places: &[
            (KUBERNETES, "cmd/kube-apiserver"),
            (KUBERNETES, "pkg/controlplane/apiserver/options"),
            (KUBERNETES, "pkg/kubeapiserver/options"),
            (APISERVER, "pkg/server/options"),
            (COMPONENT_BASE, ""),
        ],
        exact: false,
    },
    Component {
        name: "kube-controller-manager",
        places: &[
            (KUBERNETES, "cmd/kube-controller-manager"),
            (APISERVER, "pkg/server/options"),
            (CLOUD_PROVIDER, "options"),
            (CONTROLLER_MANAGER, "options"),
            (COMPONENT_BASE, ""),
        ],
        exact: false,
    },
    Component {
        name: "kube-scheduler",
        places: &[
            (KUBERNETES, "cmd/kube-scheduler"),
            (APISERVER, "pkg/server/options"),
            (COMPONENT_BASE, ""),
        ],
        exact: false,
    },
    Component {
        name: "kubelet",
        places: &[
            (KUBERNETES, "cmd/kubelet/app/options/options.go"),
            (KUBERNETES, "cmd/kubelet/app/options/globalflags.go"),
            (KUBERNETES, "cmd/kubelet/app/options/globalflags_linux.go"),
            (KUBERNETES, "pkg/kubelet/config/flags.go"),
            (COMPONENT_BASE, "logs/api/v1/options.go"),
        ],
        exact: true,
    },
];

/// Flags of the kubelet that are registered without their name: by verflag and by cobra.
const UNNAMED: &[&str] = &["help", "version"];

/// Constants of modules that are not read, which stand for the names of the kubelet's flags.
const CONSTANTS: &[(&str, &str)] = &[(
    "cadvisorflags.HousekeepingInterval",
    "housekeeping-interval",
)];

/// Parameters of functions that register flags for the kubelet.
const PARAMETERS: &[&str] = &["globalName", "name"];

/// The flags of one release, in the form that [`merge`](super::merge::merge) reads.
///
/// # Errors
/// If source cannot be read, or has none of a component's flags.
pub fn print(sources: &Sources) -> Result<Printed> {
    let mut text = String::new();
    for component in COMPONENTS {
        let flags = read(sources, component)?;
        ensure!(!flags.names.is_empty(), "{} has no flags", component.name);
        text.push_str(&format!("k8s.io/kubernetes/flags.{}\n", component.name));
        let mut rows: BTreeMap<&str, &str> = flags
            .names
            .iter()
            .map(|(name, ways)| (name.as_str(), ty(ways.iter().map(String::as_str))))
            .collect();
        if component.exact {
            let is_parameter = |name: &&String| PARAMETERS.contains(&name.as_str());
            for name in flags.computed.iter().filter(|name| !is_parameter(name)) {
                let constant = CONSTANTS.iter().find(|(constant, _)| constant == name);
                let (_, flag) = constant.with_context(|| {
                    format!(
                        "the name of a flag of {} is `{name}` in 1.{}: add it to CONSTANTS in xtask/src/tables/flags.rs",
                        component.name, sources.minor
                    )
                })?;
                rows.insert(flag, "text");
            }
            rows.extend(UNNAMED.iter().map(|name| (*name, "text")));
        } else {
            rows.retain(|_, ty| *ty != "text");
        }
        for (name, ty) in rows {
            text.push_str(&format!("  {name} {ty}\n"));
        }
    }
    Ok(Printed {
        minor: sources.minor,
        modules: vec![(KUBERNETES.to_owned(), sources.version().to_owned())],
        text,
    })
}

fn read(sources: &Sources, component: &Component) -> Result<Flags> {
    let mut files = Vec::new();
    let mut constants = BTreeMap::new();
    for (module, place) in component.places {
        let path = sources.directory(module)?.join(place);
        // Not every release has every file.
        let texts = if path.is_file() {
            vec![sources.read(module, place)?]
        } else {
            source::files(&path)?.into_values().collect()
        };
        for text in texts {
            constants.extend(source::constants(&text));
            files.push(text);
        }
    }
    let mut flags = Flags::default();
    for text in files {
        flags.add(&text, &constants);
    }
    Ok(flags)
}

/// The word for a type, from the ways that a flag is registered: `text` if nothing is checked, also where they differ.
fn ty<'a>(ways: impl Iterator<Item = &'a str>) -> &'static str {
    let mut types = ways.map(|way| match way {
        "Bool" => "bool",
        "Int32" => "int32",
        "Int" | "Int64" => "int64",
        "Uint16" => "uint16",
        "Uint32" => "uint32",
        "Uint" | "Uint64" => "uint64",
        "Float32" | "Float64" => "float",
        "Duration" => "duration",
        "IP" => "ip",
        "IPVar" => "sloppy_ip",
        "VerbosityLevelPflag" => "level",
        "NewMapStringBool" => "truths",
        "NewMapStringString" => "pairs",
        "NewLangleSeparatedMapStringString" => "thresholds",
        _ => "text",
    });
    let first = types.next().unwrap_or("text");
    if types.all(|ty| ty == first) {
        first
    } else {
        "text"
    }
}

/// The Rust source of the table.
///
/// # Errors
/// If a component is missing.
pub fn rust(types: &Types) -> Result<String> {
    let mut text = String::from(
        "//! Flags of the components, by name; generated by `cargo xtask generate` from `xtask/types/flags.txt`.\n\n\
         use super::Type::{Bool, Duration, Float, Int, Ip, Level, Pairs, SloppyIp, Text, Thresholds, Truths, Uint};\n\
         use super::{Flag, flag};\nuse crate::kubeadm::releases::Span;\n",
    );
    for component in COMPONENTS {
        let structure = types
            .structs
            .get(&format!("flags.{}", component.name))
            .with_context(|| format!("{TEXT} has no {}", component.name))?;
        text.push_str(&format!(
            "\n/// Flags of {}{}.\npub(super) const {}: &[Flag] = &[\n",
            component.name,
            if component.exact {
                ""
            } else {
                " whose values have a form"
            },
            component.name.to_uppercase().replace('-', "_")
        ));
        for row in &structure.rows {
            text.push_str(&format!(
                "    flag(\"{}\", {}, {}),\n",
                row.name,
                variant(&row.ty).with_context(|| row.name.clone())?,
                span(row.span)
            ));
        }
        text.push_str("];\n");
    }
    Ok(text)
}

fn variant(ty: &str) -> Result<&'static str> {
    Ok(match ty {
        "bool" => "Bool",
        "int32" => "Int(32)",
        "int64" => "Int(64)",
        "uint16" => "Uint(16)",
        "uint32" => "Uint(32)",
        "uint64" => "Uint(64)",
        "float" => "Float",
        "duration" => "Duration",
        "ip" => "Ip",
        "sloppy_ip" => "SloppyIp",
        "level" => "Level",
        "truths" => "Truths",
        "pairs" => "Pairs",
        "thresholds" => "Thresholds",
        "text" => "Text",
        other => anyhow::bail!("there is no word for the type {other}"),
    })
}

fn span(span: Minors) -> String {
    match (span.since, span.until) {
        (None, None) => "Span::ALL".to_owned(),
        (Some(since), None) => format!("Span::since({since})"),
        (None, Some(until)) => format!("Span::ALL.until({until})"),
        (Some(since), Some(until)) => format!("Span::since({since}).until({until})"),
    }
}
