//! `kubeplan verify --receipt`: checks that a host installed exactly this bundle, and that the receipt is from that host.
//!
//! In: an intact bundle, a receipt, and optionally a signature over it. Out: a verdict. A receipt counts as the host's only if
//! it is signed by a host key that the bundle names (in its target, or as an SSH recipient), or that the user named.

use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::Index;
use kubeplan_bundle::reader::{Bundle, Public};
use kubeplan_bundle::receipt::{EntryState, MAX_SIZE, Receipt};
use kubeplan_bundle::seal::Recipient;
use kubeplan_bundle::signature::{MAX_ARMOR_SIZE, PublicKey, Signature};
use kubeplan_terminal::{CliError, Text};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::reading::read_limited;

/// Arguments that name a receipt and the host that signed it.
#[derive(Debug, clap::Args)]
pub(super) struct ReceiptArgs {
    /// Receipt that `kubeapply install` wrote for this bundle
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// The host's signature over the receipt [default: the receipt's name with
    /// .sig appended, if that file exists]
    #[arg(long, value_name = "FILE", requires = "receipt")]
    receipt_signature: Option<PathBuf>,
    /// Fingerprint of the SSH host key that must have signed the receipt
    /// [default: the host keys that the bundle names]
    #[arg(long, value_name = "SHA256:…", requires = "receipt")]
    host_key: Option<String>,
}

/// A receipt that was compared with a bundle.
pub(super) struct Checked {
    receipt: Receipt,
    signer: Signer,
    open: Vec<(String, EntryState)>,
}

/// Who signed a receipt.
enum Signer {
    /// The receipt has no signature.
    Unsigned,
    /// A key that is not one of the host's keys.
    Unknown(String),
    /// A key of the host.
    Host(String),
}

impl ReceiptArgs {
    /// Reads the receipt and compares it with the bundle; `None` if the user named no receipt.
    ///
    /// # Errors
    /// [`CliError`] of kind `Usage` if a file cannot be read, `Refused` if the signature is not valid or the receipt is
    /// about another bundle.
    pub(super) fn check(&self, bundle: &Bundle<Public>) -> Result<Option<Checked>, CliError> {
        let Some(path) = &self.receipt else {
            return Ok(None);
        };
        let refused = |error| {
            let what = format!("the receipt {} is refused", path.display());
            CliError::caused(Exit::Refused, what, error)
        };
        let bytes = read_limited(path, "receipt", MAX_SIZE as u64)?;
        let signature = self.signature(path)?;
        let (receipt, key) = Receipt::read(&bytes, signature.as_ref()).map_err(refused)?;
        let index = bundle.index();
        receipt
            .check(index, bundle.index_bytes())
            .map_err(refused)?;
        let signer = match key {
            None => Signer::Unsigned,
            Some(key) => self.judge(&key, index),
        };
        let open = receipt
            .open_points(index)
            .map(|(name, state)| (name.to_string(), state))
            .collect();
        Ok(Some(Checked {
            receipt,
            signer,
            open,
        }))
    }

    fn signature(&self, receipt: &Path) -> Result<Option<Signature>, CliError> {
        let beside = {
            let mut name = receipt.as_os_str().to_owned();
            name.push(".sig");
            PathBuf::from(name)
        };
        let path = match &self.receipt_signature {
            Some(path) => path,
            None if beside.exists() => &beside,
            None => return Ok(None),
        };
        let what = || format!("the signature {}", path.display());
        let bytes = read_limited(path, "signature", MAX_ARMOR_SIZE as u64)?;
        Signature::parse_any(&bytes)
            .map(Some)
            .map_err(|error| CliError::caused(Exit::Refused, what(), error))
    }

    fn judge(&self, key: &PublicKey, index: &Index) -> Signer {
        let found = key.fingerprint().to_string();
        let known = match &self.host_key {
            Some(named) => *named == found,
            None => host_keys(index).contains(&found),
        };
        if known {
            Signer::Host(found)
        } else {
            Signer::Unknown(found)
        }
    }
}

/// Fingerprints of the host keys that the bundle names.
fn host_keys(index: &Index) -> Vec<String> {
    let sealed = index.sealed.as_ref();
    let recipients = sealed.map(|part| part.recipients.as_slice());
    let ssh = recipients
        .unwrap_or_default()
        .iter()
        .filter_map(|text| Recipient::parse(text).ok())
        .map(|recipient| recipient.fingerprint());
    index
        .target
        .r#match
        .ssh_host_key
        .clone()
        .into_iter()
        .chain(ssh)
        .collect()
}

impl Checked {
    /// The verdict for people.
    pub(super) fn text(&self) -> Text {
        let host = match (&self.receipt.host.hostname, &self.receipt.host.ssh_host_key) {
            (Some(name), _) => format!("host {name}"),
            (None, Some(key)) => format!("the host with key {key}"),
            (None, None) => "a host".to_owned(),
        };
        let signer = match &self.signer {
            Signer::Unsigned => "UNSIGNED".to_owned(),
            Signer::Unknown(key) => {
                format!("signed by {key}, which is not a known key of the host")
            }
            Signer::Host(key) => format!("signed by the host ({key})"),
        };
        let mut text = Text::of(format_args!(
            "receipt: installed on {host} at {} by {} {}, {signer}",
            self.receipt.finished, self.receipt.applier.name, self.receipt.applier.version
        ));
        let overrides = self.receipt.overrides.iter();
        text.extend(overrides.map(|allowed| format!("  allowed: {allowed}")));
        let open = self.open.iter();
        text.extend(open.map(|(name, state)| format!("  {}: {name}", word(*state))));
        text
    }

    /// The verdict for machines.
    fn json(&self) -> Value {
        let (signed_by, is_host) = match &self.signer {
            Signer::Unsigned => (None, false),
            Signer::Unknown(key) => (Some(key), false),
            Signer::Host(key) => (Some(key), true),
        };
        let open = self
            .open
            .iter()
            .map(|(name, state)| json!({"entry": name, "state": state}));
        json!({
            "receipt": self.receipt,
            "signedBy": signed_by,
            "signedByHost": is_host,
            "open": open.collect::<Vec<_>>(),
        })
    }

    /// The error if the receipt is not signed by the host (refused) or lists differences from the bundle.
    pub(super) fn objection(&self) -> Option<CliError> {
        let hint = "sign receipts on the host with `kubeapply install --sign-receipt`";
        match &self.signer {
            Signer::Unsigned => Some(
                CliError::new(
                    Exit::Refused,
                    "the receipt is not signed, so it may not be from the host",
                )
                .hint(hint),
            ),
            Signer::Unknown(key) => Some(
                CliError::new(
                    Exit::Refused,
                    format!("the receipt is signed by {key}, which is not a known key of the host"),
                )
                .hint("compare the fingerprint with that of the host's key; if they are equal, give it with --host-key"),
            ),
            Signer::Host(_) if !self.open.is_empty() => Some(CliError::new(
                Exit::Differs,
                format!(
                    "{} of the bundle's entries are not on the host as planned",
                    self.open.len()
                ),
            )),
            Signer::Host(_) => None,
        }
    }
}

const fn word(state: EntryState) -> &'static str {
    match state {
        EntryState::Installed => "installed",
        EntryState::Left => "changed on the host, left as it is",
        EntryState::Remaining => "not installed yet",
    }
}

impl Serialize for Checked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}
