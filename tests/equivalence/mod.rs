//! Equivalence with the real kubeadm on random configurations.
//!
//! In: a kubeadm, a seed, how many cases. Out: a [`Summary`], and a file for every case where the two differ in a way that
//! [`differences`] does not list. The same seed gives the same cases; nothing here needs a network. [`check_file`] compares on
//! a configuration that is there.
//!
//! | module | concern |
//! |---|---|
//! | [`random`], [`words`], [`flags`] | choices, and the words configurations are made of |
//! | [`grammar`], [`component`], [`patches`] | valid documents and patches |
//! | [`mutation`], [`intended`], [`change`] | documents with one mistake, or with what only one program refuses |
//! | [`generate`], [`style`], [`case`], [`host`] | a case from a seed, the text both programs read, and the host they are told of |
//! | [`kubeadm`], [`planner`] | running both |
//! | [`compare`], [`certificates`], [`objects`], [`warnings`], [`differences`] | what counts as equal |
//! | [`shrink`] | making a failing case small |

pub mod case;
pub mod certificates;
pub mod change;
pub mod compare;
pub mod component;
pub mod differences;
pub mod flags;
pub mod generate;
pub mod grammar;
pub mod host;
pub mod intended;
pub mod kubeadm;
pub mod mutation;
pub mod objects;
pub mod patches;
pub mod planner;
pub mod random;
pub mod shrink;
pub mod style;
pub mod warnings;
pub mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use case::Case;
use generate::Drawn;
use kubeadm::Kubeadm;
use planner::Planned;

use crate::tree;

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The kubeadm to compare with.
    pub kubeadm: PathBuf,
    /// Chooses the cases.
    pub seed: u64,
    /// The first case's number.
    pub first: u64,
    /// How many valid cases are run.
    pub valid: u64,
    /// How many cases with one mistake are run.
    pub invalid: u64,
    /// How many cases are drawn for an intended difference; they take turns.
    pub intended: u64,
    /// Where failing cases are written.
    pub failures: PathBuf,
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both take it and write the same.
    Equal,
    /// Both refuse it; the planner's first reason.
    Refused(String),
    /// One refuses it, for reasons that the list of differences has under these names.
    Intended(Vec<&'static str>),
    /// They differ; why.
    Different(String),
}

/// How the cases ended.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Valid cases where both wrote the same.
    pub equal: u64,
    /// Valid cases that both refused: the grammar's mistake, not the planner's; by the planner's first reason.
    pub refused: BTreeMap<String, u64>,
    /// Broken cases that both refused.
    pub invalid_refused: u64,
    /// Broken cases that both took and wrote the same for, by mutation.
    pub invalid_equal: BTreeMap<&'static str, u64>,
    /// Valid cases that one refused for an intended difference: the grammar's mistake, too.
    pub strayed: BTreeMap<&'static str, u64>,
    /// Intended differences that were drawn and met, by name.
    pub intended: BTreeMap<&'static str, u64>,
    /// Cases that were drawn for an intended difference and did not meet it, by its name.
    pub missed: BTreeMap<&'static str, u64>,
    /// Files with failing cases, and the first lines of why.
    pub failures: Vec<(PathBuf, String)>,
}

/// Runs the cases; `progress` is told after each.
///
/// # Errors
/// If kubeadm cannot be run or a failing case cannot be written; never because the two differ.
pub fn run(options: &Options, mut progress: impl FnMut(u64, &Summary)) -> Result<Summary> {
    let kubeadm = Kubeadm::new(&options.kubeadm)?;
    let mut summary = Summary::default();
    for (count, drawn) in [
        (options.valid, Drawn::Valid),
        (options.invalid, Drawn::Broken),
        (options.intended, Drawn::Intended),
    ] {
        for number in options.first..options.first.saturating_add(count) {
            let case = generate::case(
                options.seed,
                number,
                kubeadm.host(),
                kubeadm.can_vary_host(),
                drawn,
            );
            let verdict = compare_case(&kubeadm, &case)?;
            if let Some(why) = summary.count(&case, verdict) {
                let kind = match drawn {
                    Drawn::Valid => "valid",
                    Drawn::Broken => "invalid",
                    Drawn::Intended => "intended",
                };
                let name = format!("{kind}-{}-{number}.yaml", options.seed);
                let failure = save(&kubeadm, &case, &why, &options.failures.join(name))?;
                summary.failures.push(failure);
            }
            progress(number, &summary);
        }
    }
    Ok(summary)
}

/// Runs one case of an earlier run again.
///
/// # Errors
/// If the file is no case, or kubeadm cannot be run.
pub fn repeat(kubeadm: &Path, file: &Path) -> Result<Verdict> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    compare_case(&Kubeadm::new(kubeadm)?, &Case::from_file(&text)?)
}

/// Compares on a configuration that is there. The host has what [`Kubeadm::host`] says, and the file's directory of patches.
///
/// # Errors
/// If the file or its patches cannot be read, or kubeadm cannot be run.
pub fn check_file(kubeadm: &Kubeadm, file: &Path) -> Result<Verdict> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let mut host = kubeadm.host().clone();
    if let Some(directory) = planner::patches_dir(&text) {
        ensure!(
            kubeadm.can_vary_host(),
            "patches need root, for a root directory of kubeadm's own"
        );
        for (name, bytes) in tree::read(Path::new(&directory))
            .with_context(|| format!("reading the patches of {}", file.display()))?
        {
            host.patches.insert(name, String::from_utf8(bytes)?);
        }
        host.patches_dir = Some(directory);
    }
    compare_case(kubeadm, &Case::of_text(text, host))
}

/// Runs both programs on one case.
///
/// # Errors
/// If kubeadm cannot be run.
pub fn compare_case(kubeadm: &Kubeadm, case: &Case) -> Result<Verdict> {
    let ours = planner::run(&case.planner_text(), &case.host);
    if let Planned::Panicked(message) = &ours {
        return Ok(Verdict::Different(format!(
            "the planner panicked: {message}"
        )));
    }
    let theirs = kubeadm.run(&case.kubeadm_text(), &case.host)?;
    Ok(match (theirs.accepted, ours) {
        (true, Planned::Accepted { files, settings }) => {
            let diff = compare::diff((&theirs.files, &theirs.settings), (&files, &settings));
            match diff {
                Ok(diff) if diff.is_empty() => Verdict::Equal,
                Ok(diff) => Verdict::Different(diff),
                Err(error) => Verdict::Different(format!("{error:#}")),
            }
        }
        (true, Planned::Refused(findings)) => match differences::stricter(&findings) {
            Some(names) => Verdict::Intended(names),
            None => Verdict::Different(format!(
                "kubeadm takes it, the planner refuses it:\n{}\n",
                findings.join("\n")
            )),
        },
        (false, Planned::Accepted { .. }) => {
            let names = differences::laxer(&theirs.said, &case.kubeadm_text());
            if names.is_empty() {
                Verdict::Different(format!(
                    "the planner takes it, kubeadm refuses it:\n{}\n",
                    theirs.said
                ))
            } else {
                Verdict::Intended(names)
            }
        }
        (false, Planned::Refused(findings)) => {
            Verdict::Refused(findings.into_iter().next().unwrap_or_default())
        }
        (_, Planned::Panicked(message)) => Verdict::Different(message),
    })
}

/// Shrinks a failing case and writes it down with the reason beside it.
fn save(kubeadm: &Kubeadm, case: &Case, why: &str, file: &Path) -> Result<(PathBuf, String)> {
    let kind = failure_kind(why);
    let mut reason = why.to_owned();
    let small = shrink::shrink(case, |candidate| match compare_case(kubeadm, candidate) {
        Ok(Verdict::Different(why)) if failure_kind(&why) == kind => {
            reason = why;
            true
        }
        _ => false,
    });
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    }
    fs::write(file, small.to_file()?).with_context(|| format!("writing {}", file.display()))?;
    let mutation = case
        .mutation
        .map_or_else(String::new, |mutation| format!("broken: {mutation}\n"));
    let reason = format!("{mutation}{reason}");
    fs::write(file.with_extension("why"), &reason)?;
    Ok((file.to_owned(), reason))
}

/// The kind of a failure, so that shrinking does not wander off to another: the first file that differs, or the field that
/// is refused.
fn failure_kind(why: &str) -> String {
    let header = why.lines().find(|line| line.starts_with("--- "));
    let mut lines = why.lines();
    match (header, lines.next(), lines.next()) {
        (Some(header), ..) => header.to_owned(),
        (None, Some(verdict), Some(first)) => {
            let field = first.split(": ").next().unwrap_or_default();
            format!("{verdict} {field}")
        }
        (None, verdict, _) => verdict.unwrap_or_default().to_owned(),
    }
}

impl Summary {
    /// Counts a case; gives back why the two differ.
    fn count(&mut self, case: &Case, verdict: Verdict) -> Option<String> {
        let drawn = (case.mutation, case.intended, verdict);
        match drawn {
            (.., Verdict::Different(why)) => return Some(why),
            (_, Some(name), Verdict::Intended(names)) if names.contains(&name) => {
                *self.intended.entry(name).or_default() += 1;
            }
            (_, Some(name), _) => *self.missed.entry(name).or_default() += 1,
            (None, None, Verdict::Equal) => self.equal += 1,
            (None, None, Verdict::Refused(why)) => *self.refused.entry(why).or_default() += 1,
            (Some(_), None, Verdict::Refused(_)) => self.invalid_refused += 1,
            (Some(name), None, Verdict::Equal) => {
                *self.invalid_equal.entry(name).or_default() += 1;
            }
            (mutation, None, Verdict::Intended(names)) => {
                let name = names.first().copied().unwrap_or_default();
                let counted = match mutation {
                    None => &mut self.strayed,
                    Some(_) => &mut self.intended,
                };
                *counted.entry(name).or_default() += 1;
            }
        }
        None
    }

    /// Whether the run shows equivalence: nothing differs, the grammar hardly ever makes what one of the two refuses, and
    /// every intended difference that was drawn was met.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let refused: u64 = self.refused.values().chain(self.strayed.values()).sum();
        self.failures.is_empty()
            && refused * 10 <= self.equal + refused
            && self.unmet().next().is_none()
    }

    /// The intended differences that were drawn and never met.
    fn unmet(&self) -> impl Iterator<Item = &'static str> {
        let missed = self.missed.keys().copied();
        missed.filter(|name| !self.intended.contains_key(name))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused: u64 = self.refused.values().sum();
        writeln!(f, "valid: {} equal, {refused} refused by both", self.equal)?;
        for (why, count) in &self.refused {
            writeln!(f, "  refused by both: {count} with {why}")?;
        }
        for (name, count) in &self.strayed {
            writeln!(f, "  refused by one: {count} with `{name}`")?;
        }
        let taken: u64 = self.invalid_equal.values().sum();
        writeln!(
            f,
            "broken: {} refused by both, {taken} taken by both with equal results",
            self.invalid_refused
        )?;
        for (name, count) in &self.invalid_equal {
            writeln!(f, "  taken by both: {count} with `{name}`")?;
        }
        let met: u64 = self.intended.values().sum();
        let missed: u64 = self.missed.values().sum();
        writeln!(f, "intended differences: {met} met, {missed} not met")?;
        for (name, count) in &self.intended {
            writeln!(f, "  met: {count} with `{name}`")?;
        }
        for (name, count) in &self.missed {
            writeln!(f, "  not met: {count} with `{name}`")?;
        }
        write!(f, "different: {}", self.failures.len())
    }
}
