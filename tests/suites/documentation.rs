//! The pages say what is there: links, anchors and paths of the repository that they name exist, and the tables of steps
//! have a row for every kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::step::Step;
use kubeplan_testsuite::programs::repository;
use libtest_mimic::Trial;

use super::case;

/// Directories that are not pages of the project.
const NO_PAGES: &[&str] = &["target", ".git"];

/// A path in backquotes that begins with one of these is one of the repository.
const TOP: &[&str] = &[
    "applier/",
    "bundle/",
    "contrib/",
    "docs/",
    "fixtures/",
    "golden/",
    "planner/",
    "review/src/",
    "terminal/",
    "tests/",
    "xtask/",
];

pub fn cases() -> Vec<Trial> {
    vec![
        case("documentation::links_lead_somewhere", links),
        case("documentation::paths_that_pages_name_exist", paths),
        case("documentation::a_dead_link_is_noticed", notices),
        case("documentation::tables_of_steps_have_every_step", steps),
    ]
}

fn links() -> Result<()> {
    let root = repository();
    let pages = pages(&root)?;
    let dead = dead_links(&root, &pages);
    ensure!(pages.len() > 40, "only {} pages were found", pages.len());
    ensure!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
    Ok(())
}

/// What changed in the past may name what is gone.
fn paths() -> Result<()> {
    let root = repository();
    let (mut named, mut dead) = (0, Vec::new());
    for (page, text) in pages(&root)? {
        if page == Path::new("CHANGELOG.md") {
            continue;
        }
        for path in backquoted(&text).filter(|text| is_path(text)) {
            named += 1;
            if !root.join(path).exists() {
                dead.push(format!("{}: `{path}`", page.display()));
            }
        }
    }
    ensure!(named > 50, "only {named} paths were found");
    ensure!(
        dead.is_empty(),
        "paths that are not there:\n{}",
        dead.join("\n")
    );
    Ok(())
}

/// Whether a text names one path of the repository; `<case>`, `{a,b}` and `*` stand for several.
fn is_path(text: &str) -> bool {
    TOP.iter().any(|top| text.starts_with(top)) && !text.contains(['<', '{', '*', ' '])
}

fn notices() -> Result<()> {
    let page = |name: &str, text: &str| (PathBuf::from(name), text.to_owned());
    let pages = BTreeMap::from([
        page(
            "a.md",
            "# One `two`, three!\n[x](docs/b.md#four-five) [y](docs/b.md) [z](#one-two-three)",
        ),
        page(
            "docs/b.md",
            "## Four five\n```\n[no link](nowhere.md)\n```\n[up](../a.md) [web](https://example.com/x.md)",
        ),
        page("bad.md", "[x](docs/b.md#five) [y](docs/c.md) `[z](d.md)`"),
    ]);
    let dead = dead_links(Path::new("/nowhere"), &pages);
    ensure!(
        dead == ["bad.md: docs/b.md#five", "bad.md: docs/c.md"],
        "{dead:?}"
    );
    Ok(())
}

/// Every page, by its path below `root`.
/// The example of every step, which a unit test of the bundle crate keeps complete, beside the two tables.
fn steps() -> Result<()> {
    let root = repository();
    let text = |path: &str| {
        let path = root.join(path);
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    };
    let steps: Vec<Step> = serde_json::from_str(&text("fixtures/steps/every-step.json")?)?;
    let words = |wanted: fn(&Step) -> bool| -> BTreeSet<&str> {
        let steps = steps.iter().filter(|step| wanted(step));
        steps.map(|step| step.kind().word()).collect()
    };
    for (page, heading, wanted) in [
        ("docs/bundle-format.md", "## Steps", words(|_| true)),
        (
            "docs/live-steps.md",
            "## What each step does",
            words(Step::is_live),
        ),
    ] {
        let text = text(page)?;
        let rows = first_cells(&text, heading);
        ensure!(
            rows == wanted,
            "{page}, `{heading}`: the table has {rows:?}, the steps are {wanted:?}"
        );
    }
    Ok(())
}

/// What stands in backquotes in the first cells of the table below `heading`.
fn first_cells<'a>(page: &'a str, heading: &str) -> BTreeSet<&'a str> {
    let section = page.lines().skip_while(|line| *line != heading);
    let table = section.skip_while(|line| !line.starts_with('|'));
    table
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(backquoted)
        .collect()
}

fn pages(root: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut pages = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
            let entry = entry?;
            let path = entry.path();
            let name = entry.file_name();
            if entry.file_type()?.is_dir() {
                if !NO_PAGES.iter().any(|skipped| name == *skipped) {
                    directories.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                pages.insert(path.strip_prefix(root)?.to_owned(), text);
            }
        }
    }
    Ok(pages)
}

/// Links to files that are not there, and to headings that the linked page does not have.
fn dead_links(root: &Path, pages: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let anchors: BTreeMap<&Path, BTreeSet<String>> = pages
        .iter()
        .map(|(page, text)| (page.as_path(), anchors(text)))
        .collect();
    let mut dead = Vec::new();
    for (page, text) in pages {
        for link in linked(text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                _ => normalised(&page.parent().unwrap_or(Path::new("")).join(file)),
            };
            let good = match anchors.get(target.as_path()) {
                Some(anchors) => anchor.is_empty() || anchors.contains(anchor),
                None => anchor.is_empty() && root.join(&target).exists(),
            };
            if !good {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    dead
}

/// Lines outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// What stands in backquotes, in a line each.
fn backquoted(text: &str) -> impl Iterator<Item = &str> {
    prose(text).flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Destinations of links.
fn linked(text: &str) -> impl Iterator<Item = &str> {
    prose(text)
        .flat_map(|line| line.split('`').step_by(2))
        .flat_map(|text| text.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link)
}

/// The anchors that GitHub makes of headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for heading in prose(text).filter(|line| line.starts_with('#')) {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let anchor: String = words
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        anchors.insert(anchor);
    }
    anchors
}

/// The path without `.` and `..`.
fn normalised(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::CurDir => {}
            other => parts.push(other),
        }
    }
    parts
}
