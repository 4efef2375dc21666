//! What kube-proxy starts: nft, iptables and conntrack, taken from the Debian tree of hosts with every library they load.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::layer::Layer;
use crate::command;

/// What kube-proxy starts, in the host tree.
const PACKET_FILTER_PROGRAMS: &[&str] = &[
    "usr/sbin/nft",
    "usr/sbin/xtables-nft-multi",
    "usr/sbin/conntrack",
];
/// The names by which kube-proxy starts iptables.
const IPTABLES_NAMES: &[&str] = &[
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
];

/// The programs that kube-proxy starts, with every library they load, and their other names.
pub(super) fn add(layer: &mut Layer, tree: &Path) -> Result<()> {
    let mut files: Vec<String> = PACKET_FILTER_PROGRAMS
        .iter()
        .map(|program| (*program).to_owned())
        .collect();
    let extensions = "usr/lib/".to_owned() + std::env::consts::ARCH + "-linux-gnu/xtables";
    for entry in
        fs::read_dir(tree.join(&extensions)).context("looking for the extensions of iptables")?
    {
        files.push(format!(
            "{extensions}/{}",
            entry?.file_name().to_string_lossy()
        ));
    }
    let mut libraries = BTreeSet::new();
    for file in &files {
        let listed = command::text(
            Command::new("chroot")
                .arg(tree)
                .arg("ldd")
                .arg(format!("/{file}")),
        )?;
        libraries.extend(loaded(&listed));
    }
    files.sort();
    files.extend(libraries);
    for file in files {
        // `/lib` and `/lib64` are links into `/usr` on the host tree; in the image they are directories.
        layer.program(&tree.join(&file), &file)?;
    }
    for name in IPTABLES_NAMES {
        layer.link(&format!("usr/sbin/{name}"), "xtables-nft-multi")?;
    }
    Ok(())
}

/// The files that `ldd` lists, as paths below the root.
fn loaded(listed: &str) -> Vec<String> {
    listed
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(|path| path.trim_start_matches('/').to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_ldd() {
        let listed = "\tlinux-vdso.so.1 (0x7f)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x7f)\n\t/lib64/ld-linux-x86-64.so.2 (0x7f)\n";
        assert_eq!(
            loaded(listed),
            [
                "lib/x86_64-linux-gnu/libc.so.6",
                "lib64/ld-linux-x86-64.so.2"
            ]
        );
    }
}
