//! `cargo xtask release 1.38`: prints what a new minor needs, and what differs from the minor before it.

mod checklist;
mod compare;

use anyhow::{Context as _, Result, ensure};
use kubeplan::kubeadm::releases;

use self::checklist::CHECKLIST;
use crate::tables::modules::{Newest, Sources, WITH_FLAGS};

/// Options of `cargo xtask release`.
#[derive(clap::Args)]
pub struct Args {
    /// The new minor, such as 1.38
    #[arg(value_name = "MINOR")]
    minor: String,
    /// Print the checklist only, without fetching modules
    #[arg(long)]
    offline: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let new = minor(&args.minor)?;
    let old = new - 1;
    ensure!(
        releases::find(old).is_some(),
        "1.{old} is not supported; minors are added one after the other"
    );
    print!("{}", checklist(old, new));
    if args.offline {
        return Ok(());
    }
    let hint = "the checklist above is complete; `--offline` prints it alone";
    let fetch = |minor| {
        Sources::fetch(minor, Newest::OrBefore, WITH_FLAGS)
            .with_context(|| format!("reading the modules of 1.{minor} ({hint})"))
    };
    print!("\n{}", compare::compare(&fetch(old)?, &fetch(new)?)?);
    Ok(())
}

/// 38 for `1.38`.
fn minor(text: &str) -> Result<u64> {
    let (major, minor) = text.split_once('.').unwrap_or_default();
    ensure!(major == "1", "`{text}` is not a minor; write it as 1.38");
    minor
        .parse()
        .with_context(|| format!("`{text}` is not a minor; write it as 1.38"))
}

fn checklist(old: u64, new: u64) -> String {
    let mut text = format!("# Kubernetes 1.{new}\n\n");
    for (number, item) in CHECKLIST.iter().enumerate() {
        let what = item
            .what
            .replace("{new}", &new.to_string())
            .replace("{old}", &old.to_string());
        text.push_str(&format!("{}. {what}\n", number + 1));
        for file in item.files {
            text.push_str(&format!("   - {file}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minor_is_written_with_its_major() {
        assert_eq!(minor("1.38").unwrap(), 38);
        for wrong in ["38", "2.38", "1.38.0", "1.x", ""] {
            assert!(minor(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_checklist_speaks_of_both_minors() {
        let text = checklist(37, 38);
        assert!(text.starts_with("# Kubernetes 1.38\n\n1. Add one row"));
        assert!(text.contains("the row of 1.37") && !text.contains('{'));
    }
}
