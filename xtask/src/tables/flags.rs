//! The flags of the kubelet and of the control plane's components, with their types: found in the source of every supported
//! release, kept as text in the form of [`Types`], and made Rust source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::merge::Printed;
use super::modules::{APISERVER, CLOUD_PROVIDER, CONTROLLER_MANAGER, KUBERNETES, Sources};
use super::source::{self, Flags};
use super::types::{Minors, Types};

/// The table of all releases, below the repository's root.
pub const TEXT: &str = "xtask/types/flags.txt";

/// What stands above it.
pub const ABOUT: &str = "\
# Flags of the components: how their values are read, and the releases that have them. Those of the control plane's components may
# be more than the component has, and are not fewer. Written by `cargo xtask tables` from the source of the modules below; `cargo xtask generate`
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
    /// Whether the places have no flags but its own.
    exact: bool,
}

const COMPONENTS: &[Component] = &[
    Component {
        name: "kube-apiserver",
        places: &[
            (KUBERNETES, "cmd/kube-apiserver"),
            (KUBERNETES, "pkg/controlplane/apiserver/options"),
            (KUBERNETES, "pkg/kubeapiserver/options"),
            (KUBERNETES, "plugin/pkg/admission/defaulttolerationseconds"),
            (APISERVER, "pkg/server/options"),
            (COMPONENT_BASE, ""),
        ],
        exact: false,
    },
    Component {
        name: "kube-controller-manager",
        places: &[
            (KUBERNETES, "cmd/kube-controller-manager"),
            (APISERVER, "pkg/server/options/authentication.go"),
            (APISERVER, "pkg/server/options/authorization.go"),
            (APISERVER, "pkg/server/options/serving.go"),
            (APISERVER, "pkg/server/options/serving_with_loopback.go"),
            (CLOUD_PROVIDER, "options"),
            (CONTROLLER_MANAGER, "options"),
            (CONTROLLER_MANAGER, "pkg/leadermigration"),
            (COMPONENT_BASE, ""),
        ],
        exact: false,
    },
    Component {
        name: "kube-scheduler",
        places: &[
            (KUBERNETES, "cmd/kube-scheduler"),
            (APISERVER, "pkg/server/options/authentication.go"),
            (APISERVER, "pkg/server/options/authorization.go"),
            (APISERVER, "pkg/server/options/serving.go"),
            (APISERVER, "pkg/server/options/serving_with_loopback.go"),
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

/// Flags that are registered without their name: by verflag and by cobra.
const UNNAMED: &[&str] = &["help", "version"];

/// Constants of modules that are not read, which stand for the names of the kubelet's flags.
const CONSTANTS: &[(&str, &str)] = &[(
    "cadvisorflags.HousekeepingInterval",
    "housekeeping-interval",
)];

/// Parameters of functions that register flags, and the flags of klog that are taken over: `v` and `vmodule`, which have their names
/// elsewhere.
const PARAMETERS: &[&str] = &["globalName", "name", "f.Name"];

/// Names of flags that kube-apiserver's library puts together of a text with `%s`, and what takes its place.
const PUT_TOGETHER: (&str, &str, &[&str]) =
    ("fmt.Sprintf(\"", "\", pluginName)", &["log", "webhook"]);

/// etcd, whose versions are its own. The newest patch release of each minor that kubeadm uses: a cluster may have another one than
/// kubeadm's, so the flags of all are taken together.
const ETCD: &str = "go.etcd.io/etcd/server/v3";
const ETCD_VERSIONS: &[&str] = &["v3.5.24", "v3.6.8", "v3.7.3"];
const ETCD_PLACES: &[&str] = &["etcdmain/config.go", "embed/config.go"];
/// Its name in the table.
const ETCD_NAME: &str = "etcd";

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
        let is_parameter = |name: &&String| PARAMETERS.contains(&name.as_str());
        let mut together = Vec::new();
        for name in flags.computed.iter().filter(|name| !is_parameter(name)) {
            if let Some(names) = put_together(name) {
                together.extend(names);
                continue;
            }
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
        rows.extend(together.iter().map(|name| (name.as_str(), "text")));
        for (name, ty) in rows {
            text.push_str(&format!("  {name} {ty}\n"));
        }
    }
    text.push_str(&format!("k8s.io/kubernetes/flags.{ETCD_NAME}\n"));
    for name in of_etcd()? {
        text.push_str(&format!("  {name} text\n"));
    }
    Ok(Printed {
        minor: sources.minor,
        modules: vec![(KUBERNETES.to_owned(), sources.version().to_owned())],
        text,
    })
}

/// The names that stand for `fmt.Sprintf("audit-%s-mode", pluginName)`.
fn put_together(expression: &str) -> Option<Vec<String>> {
    let (start, end, words) = PUT_TOGETHER;
    let name = expression.strip_prefix(start)?.strip_suffix(end)?;
    Some(words.iter().map(|word| name.replace("%s", word)).collect())
}

/// The flags of etcd, and names of those that it ignores.
fn of_etcd() -> Result<BTreeSet<String>> {
    let mut found: BTreeSet<String> = ["help".to_owned(), "h".to_owned()].into();
    for version in ETCD_VERSIONS {
        let directory = Sources::of_version(ETCD, version)?;
        let mut flags = Flags::default();
        for place in ETCD_PLACES {
            let path = directory.join(place);
            let text =
                fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            flags.add(&text, &source::constants(&text));
            found.extend(source::words_with_hyphens(&text));
        }
        ensure!(flags.names.len() > 50, "etcd {version} has too few flags");
        found.extend(flags.names.into_keys());
    }
    Ok(found)
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
            let is_example = |name: &str| name.split('/').any(|part| part == "example");
            let files = source::files(&path)?.into_iter();
            let files = files.filter(|(name, _)| !is_example(name));
            files.map(|(_, text)| text).collect()
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
    let components = COMPONENTS
        .iter()
        .map(|component| (component.name, component.exact));
    for (name, exact) in components.chain([(ETCD_NAME, false)]) {
        let structure = types
            .structs
            .get(&format!("flags.{name}"))
            .with_context(|| format!("{TEXT} has no {name}"))?;
        text.push_str(&format!(
            "\n/// Flags of {name}{}.\npub(super) const {}: &[Flag] = &[\n",
            if exact {
                ""
            } else {
                ", and some that it may not have"
            },
            name.to_uppercase().replace('-', "_")
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
