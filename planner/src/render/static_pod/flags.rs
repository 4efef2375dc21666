//! Command lines: the default flags of a component as a table, and the rules by which user flags win.
//!
//! In: a component's rows, the configuration, the user's extra arguments. Out: the command and where each
//! flag comes from. A release-specific flag is a row with its [`Span`]; nothing else looks at versions.
//! Rules (kubeadm v1.36.2, `cmd/kubeadm/app/util/arguments.go`): defaults are sorted by name and value;
//! a default whose name the user gives is dropped; the user's follow in their order, duplicates kept. Older
//! patch releases sort the user's in as well ([`ArgumentOrder`]).

use super::PodContext;
use crate::config::kubeadm::Arg;
use crate::kubeadm::releases::{ArgumentOrder, Span};
use crate::plan::ValueSource;

/// What kubeadm sets whatever the configuration says.
pub const KUBEADM_DEFAULT: &str = "default: kubeadm sets it on every cluster";

/// A flag kubeadm sets.
pub struct FlagRow {
    /// The flag without its dashes.
    pub name: &'static str,
    /// Its value; `None` when the flag is not set.
    pub value: fn(&PodContext<'_>) -> Option<FlagValue>,
    /// Configuration fields the value is made from, or `default: …`.
    pub sources: &'static [&'static str],
    /// The releases that have it.
    pub releases: Span,
}

/// The value of a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagValue {
    /// The value itself.
    pub text: String,
    /// Where it comes from, if not from the row's sources.
    pub instead_from: Option<String>,
}

impl<T: Into<String>> From<T> for FlagValue {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            instead_from: None,
        }
    }
}

impl FlagRow {
    /// A row that holds in every release.
    pub(crate) const fn new(
        name: &'static str,
        sources: &'static [&'static str],
        value: fn(&PodContext<'_>) -> Option<FlagValue>,
    ) -> Self {
        Self {
            name,
            value,
            sources,
            releases: Span::ALL,
        }
    }

    /// The same row, for `1.<minor>` and later.
    #[must_use]
    pub const fn since(self, minor: u64) -> Self {
        Self {
            releases: Span::since(minor),
            ..self
        }
    }
}

/// One flag of a finished command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The flag without its dashes.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Where the value comes from.
    pub sources: Vec<String>,
}

impl Flag {
    /// `--name=value`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("--{}={}", self.name, self.value)
    }

    /// Provenance of this flag.
    pub fn value_sources(&self) -> impl Iterator<Item = ValueSource> {
        self.sources.iter().map(|source| ValueSource {
            value: format!("--{}", self.name),
            from: source.clone(),
        })
    }
}

/// The default flags of a component.
#[must_use]
pub fn defaults(rows: &[FlagRow], context: &PodContext<'_>) -> Vec<Flag> {
    rows.iter()
        .filter(|row| row.releases.contains(context.config.release))
        .filter_map(|row| {
            let value = (row.value)(context)?;
            Some(Flag {
                name: row.name.to_owned(),
                value: value.text,
                sources: value.instead_from.map_or_else(
                    || row.sources.iter().map(|s| (*s).to_owned()).collect(),
                    |source| vec![source],
                ),
            })
        })
        .collect()
}

/// `defaults` with the user's `extra` arguments, which stand at configuration path `extra_path`.
#[must_use]
pub fn merge(
    mut defaults: Vec<Flag>,
    extra: &[Arg],
    extra_path: &str,
    order: ArgumentOrder,
) -> Vec<Flag> {
    let by_name_and_value = |a: &Flag, b: &Flag| (&a.name, &a.value).cmp(&(&b.name, &b.value));
    defaults.sort_by(by_name_and_value);
    defaults.retain(|flag| extra.iter().all(|arg| arg.name != flag.name));
    defaults.extend(extra.iter().enumerate().map(|(position, arg)| Flag {
        name: arg.name.clone(),
        value: arg.value.clone(),
        sources: vec![format!("{extra_path}[{position}]")],
    }));
    if order == ArgumentOrder::AllSorted {
        defaults.sort_by(by_name_and_value);
    }
    defaults
}

/// The last value of `name` in `args`, with its position.
#[must_use]
pub fn last_value<'a>(args: &'a [Arg], name: &str) -> Option<(usize, &'a str)> {
    args.iter()
        .enumerate()
        .rev()
        .find(|(_, arg)| arg.name == name)
        .map(|(position, arg)| (position, arg.value.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeadm::releases::{RELEASES, Release};
    use crate::render::static_pod::{
        etcd, kube_apiserver, kube_controller_manager, kube_scheduler,
    };

    fn flag(name: &str, value: &str) -> Flag {
        Flag {
            name: name.into(),
            value: value.into(),
            sources: vec![],
        }
    }

    fn arg(name: &str, value: &str) -> Arg {
        Arg {
            name: name.into(),
            value: value.into(),
        }
    }

    #[test]
    fn user_flags_replace_defaults_and_follow_in_their_order() {
        let merged = |order| {
            merge(
                vec![
                    flag("c", "2"),
                    flag("b", "1"),
                    flag("a", "1"),
                    flag("c", "1"),
                ],
                &[arg("z", "1"), arg("b", "x"), arg("b", ""), arg("a0", "")],
                "X.extraArgs",
                order,
            )
        };
        let texts = |flags: &[Flag]| flags.iter().map(Flag::text).collect::<Vec<_>>();
        let kept = merged(ArgumentOrder::DefaultsSorted);
        assert_eq!(
            texts(&kept),
            ["--a=1", "--c=1", "--c=2", "--z=1", "--b=x", "--b=", "--a0="]
        );
        assert_eq!(kept[5].sources, ["X.extraArgs[2]"]);
        assert_eq!(
            texts(&merged(ArgumentOrder::AllSorted)),
            ["--a=1", "--a0=", "--b=", "--b=x", "--c=1", "--c=2", "--z=1"]
        );
    }

    #[test]
    fn the_last_of_several_values_counts() {
        let args = [arg("a", "1"), arg("b", "2"), arg("a", "3")];
        assert_eq!(last_value(&args, "a"), Some((2, "3")));
        assert_eq!(last_value(&args, "c"), None);
    }

    #[test]
    fn a_row_for_a_new_minor_is_rendered_for_that_minor_only() {
        static NEXT: Release = Release {
            minor: 38,
            ..*RELEASES.last().unwrap()
        };
        let rows = [
            FlagRow::new("old", &[KUBEADM_DEFAULT], |_| Some("1".into())),
            FlagRow::new("new", &[KUBEADM_DEFAULT], |_| Some("2".into())).since(38),
        ];
        let texts = |release: &'static Release| {
            let mut config = crate::testing::default_config();
            config.release = release;
            let context = PodContext::of_addresses(&config);
            let flags = merge(defaults(&rows, &context), &[], "X", release.argument_order);
            flags.iter().map(Flag::text).collect::<Vec<_>>()
        };
        assert_eq!(texts(&NEXT), ["--new=2", "--old=1"]);
        for release in RELEASES {
            assert_eq!(texts(release), ["--old=1"]);
        }
    }

    #[test]
    fn every_row_has_a_source_and_no_release_has_a_flag_twice() {
        for rows in [
            etcd::FLAGS,
            kube_apiserver::FLAGS,
            kube_controller_manager::FLAGS,
            kube_scheduler::FLAGS,
        ] {
            for row in rows {
                assert!(!row.sources.is_empty(), "{}", row.name);
                assert!(row.releases.is_possible(), "{}", row.name);
                for release in RELEASES {
                    let same = rows
                        .iter()
                        .filter(|r| r.name == row.name && r.releases.contains(release));
                    assert!(same.count() <= 1, "{} in 1.{}", row.name, release.minor);
                }
            }
        }
    }
}
