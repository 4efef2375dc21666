//! The types of several releases as one table with spans.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

use super::types::{Minors, Row, Struct, Types};

/// What the Go program printed for one release.
pub struct Printed {
    /// The minor.
    pub minor: u64,
    /// The modules that were read, with their versions.
    pub modules: Vec<(String, String)>,
    /// What was printed.
    pub text: String,
}

/// Merges what was printed for each release, oldest first.
///
/// # Errors
/// If a line is not of the program's form, two packages have the same short name, or a field went and came again.
pub fn merge(printed: &[Printed]) -> Result<Types> {
    let mut types = Types::default();
    // The structs of each release, in the releases' order.
    let mut found: BTreeMap<String, Vec<(u64, Vec<Row>)>> = BTreeMap::new();
    for release in printed {
        types
            .releases
            .insert(release.minor, release.modules.clone());
        for (name, rows) in read(&release.text, &mut types.packages)? {
            found.entry(name).or_default().push((release.minor, rows));
        }
    }
    let minors: Vec<u64> = types.releases.keys().copied().collect();
    for (name, releases) in found {
        let having: Vec<u64> = releases.iter().map(|(minor, _)| *minor).collect();
        let span = span(&having, &minors).with_context(|| name.clone())?;
        let rows = rows(&releases, &having).with_context(|| name.clone())?;
        types.structs.insert(name, Struct { span, rows });
    }
    Ok(types)
}

/// The structs that the program printed, with short names.
fn read(text: &str, packages: &mut BTreeMap<String, String>) -> Result<Vec<(String, Vec<Row>)>> {
    let mut structs: Vec<(String, Vec<Row>)> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().context("an empty line")?;
        if !line.starts_with(' ') {
            structs.push((shortened(first, packages)?, Vec::new()));
            continue;
        }
        let ty = words.next().with_context(|| format!("no type: {line}"))?;
        let (_, rows) = structs.last_mut().context("a field of no struct")?;
        rows.push(Row {
            name: first.to_owned(),
            ty: shortened(ty, packages)?,
            options: words.map(str::to_owned).collect(),
            span: Minors::default(),
        });
    }
    Ok(structs)
}

/// `[]k8s.io/api/core/v1.Container` as `[]core_v1.Container`; what names no package as it is.
fn shortened(ty: &str, packages: &mut BTreeMap<String, String>) -> Result<String> {
    let Some((before, name)) = ty.rsplit_once('.') else {
        return Ok(ty.to_owned());
    };
    let start = before.find("k8s.io").context("no package of Kubernetes")?;
    let (prefix, path) = before.split_at(start);
    let short = short(path);
    let known = packages
        .entry(short.clone())
        .or_insert_with(|| path.to_owned());
    ensure!(known == path, "{known} and {path} are both {short}");
    Ok(format!("{prefix}{short}.{name}"))
}

/// `core_v1` for `k8s.io/api/core/v1`.
fn short(path: &str) -> String {
    let mut segments = path
        .split('/')
        .filter(|segment| !matches!(*segment, "api" | "apis" | "config" | "pkg"))
        .rev();
    let last = segments.next().unwrap_or_default();
    let is_version = last
        .strip_prefix('v')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let short = match segments.next() {
        Some(group) if is_version => format!("{group}_{last}"),
        _ => last.to_owned(),
    };
    short.replace('-', "_")
}

/// The span of `having` among `all`.
fn span(having: &[u64], all: &[u64]) -> Result<Minors> {
    let first = having.first().copied().context("in no release")?;
    let last = having.last().copied().context("in no release")?;
    let between = all.iter().filter(|minor| (first..=last).contains(*minor));
    ensure!(
        between.count() == having.len(),
        "it went and came again: it is in {having:?}"
    );
    Ok(Minors {
        since: (all.first() != Some(&first)).then_some(first),
        until: (all.last() != Some(&last)).then_some(last),
    })
}

/// The rows of a struct, in the order of its newest release; what that no more has stands behind what it stood behind.
fn rows(releases: &[(u64, Vec<Row>)], having: &[u64]) -> Result<Vec<Row>> {
    let mut order: Vec<Row> = Vec::new();
    for (_, rows) in releases.iter().rev() {
        let mut place = 0;
        for row in rows {
            match order.iter().position(|known| known.form() == row.form()) {
                Some(known) => place = known + 1,
                None => {
                    order.insert(place, row.clone());
                    place += 1;
                }
            }
        }
    }
    for row in &mut order {
        let form = row.form();
        let minors: Vec<u64> = releases
            .iter()
            .filter(|(_, rows)| rows.iter().any(|row| row.form() == form))
            .map(|(minor, _)| *minor)
            .collect();
        row.span = span(&minors, having).with_context(|| row.name.clone())?;
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(minor: u64, fields: &[&str]) -> Printed {
        let fields: String = fields.iter().map(|field| format!("  {field}\n")).collect();
        Printed {
            minor,
            modules: vec![("k8s.io/api".into(), format!("v0.{minor}.0"))],
            text: format!("k8s.io/api/core/v1.Pod\n{fields}"),
        }
    }

    #[test]
    fn fields_that_come_go_and_change_have_spans() {
        let types = merge(&[
            printed(33, &["a string", "gone int32", "t Time omitempty"]),
            printed(34, &["a string", "t Time omitempty omitzero"]),
            printed(
                35,
                &[
                    "new []k8s.io/api/core/v1.Pod",
                    "a string",
                    "t Time omitempty omitzero",
                ],
            ),
        ])
        .unwrap();
        let text = types.to_string();
        let (_, table) = text.split_once("\n\n").unwrap();
        assert_eq!(
            table,
            "type core_v1.Pod\n  new []core_v1.Pod since=35\n  a string\n  gone int32 until=33\n  t Time omitempty until=33\n  \
             t Time omitempty omitzero since=34\n"
        );
        assert_eq!(Types::parse(&text).unwrap(), types);
    }

    #[test]
    fn a_field_that_comes_again_is_an_error() {
        let releases = [
            printed(33, &["a string"]),
            printed(34, &[]),
            printed(35, &["a string"]),
        ];
        let error = format!("{:#}", merge(&releases).unwrap_err());
        assert!(
            error.contains("core_v1.Pod: a: it went and came again"),
            "{error}"
        );
    }

    #[test]
    fn packages_have_short_names() {
        for (path, expected) in [
            ("k8s.io/api/core/v1", "core_v1"),
            ("k8s.io/apimachinery/pkg/apis/meta/v1", "meta_v1"),
            ("k8s.io/apimachinery/pkg/api/resource", "resource"),
            ("k8s.io/component-base/logs/api/v1", "logs_v1"),
            ("k8s.io/kube-proxy/config/v1alpha1", "kube_proxy_v1alpha1"),
            (
                "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta4",
                "kubeadm_v1beta4",
            ),
        ] {
            assert_eq!(short(path), expected);
        }
    }
}
