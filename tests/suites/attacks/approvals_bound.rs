//! Signing and approving something else than what was shown.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::reader::Bundle;
use kubeplan_testsuite::forge::Forge;
use kubeplan_testsuite::planned::{Planned, text};
use kubeplan_testsuite::programs::{kubeplan, kubeplan_typed, kubeplan_with};
use libtest_mimic::Trial;

use super::super::case;

pub fn cases() -> Vec<Trial> {
    vec![
        case(
            "attacks::approvals_bound::a_bundle_swapped_after_it_was_shown",
            swapped_after_show,
        ),
        case(
            "attacks::approvals_bound::a_bundle_swapped_while_the_terminal_asks",
            swapped_while_asking,
        ),
        case(
            "attacks::approvals_bound::an_answer_that_is_not_given_on_a_terminal",
            unasked,
        ),
    ]
}

/// What signs, and which key signs for it.
const COMMANDS: [[&str; 2]; 2] = [["approve", "reviewer"], ["sign", "second"]];

/// A bundle, another of the same author for the same node, and keys that have not signed yet.
struct Site {
    planned: Planned,
    genuine: Vec<u8>,
    other: Vec<u8>,
}

impl Site {
    fn new() -> Result<Self> {
        let planned = Planned::fixture("single-node-ecdsa")?;
        for [_, key] in COMMANDS {
            kubeplan(&["keygen", "-o", text(&planned.path(key))?]).expect(0)?;
        }
        let mut forge = Forge::of(&planned)?;
        let note = ("note".to_owned(), "another plan".to_owned());
        forge.draft.annotations.insert(note.0, note.1);
        let other = forge.write(&planned, "other.tar.gz")?;
        Ok(Self {
            genuine: fs::read(&planned.bundle)?,
            other: fs::read(other)?,
            planned,
        })
    }

    fn args(&self, [command, key]: [&str; 2], more: &[&str]) -> Result<Vec<String>> {
        let mut args = vec![command.to_owned(), "--key".to_owned()];
        args.push(text(&self.planned.path(key))?.to_owned());
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        args.push(text(&self.planned.bundle)?.to_owned());
        Ok(args)
    }

    /// Puts a bundle in the place that is signed.
    fn put(&self, bytes: &[u8]) -> Result<()> {
        Ok(fs::write(&self.planned.bundle, bytes)?)
    }

    fn there(&self) -> Result<Vec<u8>> {
        Ok(fs::read(&self.planned.bundle)?)
    }

    /// The bundle in that place is the genuine one, with one signature or approval more.
    fn is_signed(&self, command: &str) -> Result<()> {
        let index = |path: &Path| -> Result<_> {
            let bundle = Bundle::open(fs::File::open(path)?)?.into_intact()?;
            let counts = (bundle.signatures().len(), bundle.approvals().len());
            Ok((Sha256Digest::of(bundle.index_bytes()), counts))
        };
        let before = self.planned.path("genuine.tar.gz");
        fs::write(&before, &self.genuine)?;
        let expected = if command == "approve" { (1, 1) } else { (2, 0) };
        let (genuine, _) = index(&before)?;
        let (found, counts) = index(&self.planned.bundle)?;
        ensure!(found == genuine, "{command} changed the index");
        ensure!(counts == expected, "{command}: {counts:?}");
        Ok(())
    }

    /// The plan digest that `show` prints, and the digest of the index.
    fn digests(&self) -> Result<[String; 2]> {
        let shown = kubeplan(&["show", "--format", "json", text(&self.planned.bundle)?]);
        let shown: serde_json::Value = serde_json::from_slice(&shown.expect(0)?.out)?;
        let plan = shown["index"]["planDigest"].as_str().unwrap_or_default();
        let bundle = Bundle::open(fs::File::open(&self.planned.bundle)?)?.into_intact()?;
        let index = Sha256Digest::of(bundle.index_bytes()).to_string();
        Ok([plan.to_owned(), index])
    }
}

fn swapped_after_show() -> Result<()> {
    let site = Site::new()?;
    let [reviewed, index] = site.digests()?;
    for command in COMMANDS {
        site.put(&site.other)?;
        let args = site.args(command, &["--plan-digest", &reviewed])?;
        let run = kubeplan(&args).expect(4)?;
        ensure!(
            run.err.contains("as given with --plan-digest"),
            "{}",
            run.err
        );
        ensure!(site.there()? == site.other, "{command:?} changed the file");
        site.put(&site.genuine)?;
        let with_prefix = format!("sha256/{reviewed}");
        let args = site.args(command, &["--format=json", "--plan-digest", &with_prefix])?;
        let run = kubeplan(&args).expect(0)?;
        for digest in [&reviewed, &index] {
            ensure!(run.err.contains(digest), "no {digest} in {}", run.err);
        }
        let said: serde_json::Value = serde_json::from_slice(&run.out)?;
        ensure!(
            said["planDigest"] == reviewed.as_str() && said["indexSha256"] == index.as_str(),
            "{said}"
        );
        site.is_signed(command[0])?;
    }
    Ok(())
}

/// A terminal at which something happens before the answer is typed.
struct Terminal<F> {
    before: Option<F>,
    answer: &'static [u8],
}

impl<F: FnOnce() -> io::Result<()>> Read for Terminal<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(before) = self.before.take() {
            before()?;
        }
        self.answer.read(buffer)
    }
}

/// Puts a bundle in the place of another.
type Swap = fn(&PathBuf, &[u8]) -> io::Result<()>;

fn swapped_while_asking() -> Result<()> {
    let site = Site::new()?;
    let swap_by_rename = |path: &PathBuf, bytes: &[u8]| {
        let new = path.with_extension("new");
        fs::write(&new, bytes)?;
        fs::rename(new, path)
    };
    let swap_in_place = |path: &PathBuf, bytes: &[u8]| fs::write(path, bytes);
    let leave = |_: &PathBuf, _: &[u8]| Ok(());
    let ways: [(Swap, u8); 3] = [(swap_by_rename, 4), (swap_in_place, 4), (leave, 0)];
    for command in COMMANDS {
        for (swap, code) in ways {
            site.put(&site.genuine)?;
            let (path, other) = (site.planned.bundle.clone(), site.other.clone());
            let terminal = Terminal {
                before: Some(move || swap(&path, &other)),
                answer: b"yes\n",
            };
            let args = site.args(command, &[])?;
            let run = kubeplan_with(&args, Box::new(terminal), true).expect(code)?;
            if code == 0 {
                site.is_signed(command[0])?;
                continue;
            }
            ensure!(
                site.there()? == site.other,
                "{command:?} changed what was put there: {}",
                run.err
            );
        }
    }
    Ok(())
}

fn unasked() -> Result<()> {
    let site = Site::new()?;
    let [digest, _] = site.digests()?;
    let short = digest.get(..12).unwrap_or_default();
    for command in COMMANDS {
        site.put(&site.genuine)?;
        let args = site.args(command, &[])?;
        // What a pipe says is no answer.
        let piped = kubeplan_with(&args, Box::new(&b"yes\n"[..]), false).expect(2)?;
        ensure!(piped.err.contains("--plan-digest"), "{}", piped.err);
        for answer in ["", "\n", "y\n", "no\n", "yes please\n"] {
            kubeplan_typed(&args, answer).expect(1)?;
        }
        kubeplan(&site.args(command, &["--plan-digest", short])?).expect(2)?;
        ensure!(
            site.there()? == site.genuine,
            "{command:?} changed the file"
        );
        kubeplan_typed(&args, "yes\n").expect(0)?;
        site.is_signed(command[0])?;
    }
    Ok(())
}
