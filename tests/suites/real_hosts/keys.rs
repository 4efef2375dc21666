//! SSH host keys of test hosts: every host has one, and bundles can be sealed for it.

use anyhow::{Context as _, Result};
use kubeplan_testhosts::hosts::Host;

use super::text;

/// The host's public SSH key, `ssh-ed25519 …` without a comment; made if it has none, as a first boot does.
pub(super) fn host_key(host: &Host) -> Result<String> {
    let line = text(
        host,
        "key=/etc/ssh/ssh_host_ed25519_key; \
         [ -e $key ] || ssh-keygen -q -t ed25519 -N '' -f $key && cat $key.pub",
    )?;
    let mut words = line.split_whitespace();
    let kind = words.next().context("the host's SSH key is empty")?;
    let key = words.next().context("the host's SSH key has no key")?;
    Ok(format!("{kind} {key}"))
}
