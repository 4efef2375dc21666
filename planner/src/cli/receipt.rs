//! `kubeplan verify --receipt`: whether a host installed exactly this bundle, and whether that host says so.
//!
//! In: a bundle that is whole, a receipt, perhaps a signature over it. Out: a verdict. A receipt counts as the host's only if
//! it is signed by a key that the bundle names as the host's (its target, or an SSH recipient), or that the reader named.

use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::Index;
use kubeplan_bundle::reader::{Bundle, Intact};
use kubeplan_bundle::receipt::{EntryState, MAX_SIZE, Receipt};
use kubeplan_bundle::seal::Recipient;
use kubeplan_bundle::signature::{MAX_ARMOR_SIZE, PublicKey, Signature};
use kubeplan_terminal::{CliError, Text};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::input::read_limited;

/// Which receipt, and whose.
#[derive(Debug, clap::Args)]
pub(super) struct ReceiptArgs {
    /// A receipt that `kubeapply install` wrote for this bundle
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// The host's signature over it [default: the receipt's name with .sig, if
    /// there is such a file]
    #[arg(long, value_name = "FILE", requires = "receipt")]
    receipt_signature: Option<PathBuf>,
    /// The SSH host key that must have signed it [default: those the bundle
    /// names]
    #[arg(long, value_name = "SHA256:…", requires = "receipt")]
    host_key: Option<String>,
}

/// What a receipt says of a bundle.
pub(super) struct Checked {
    receipt: Receipt,
    signer: Signer,
    open: Vec<(String, EntryState)>,
}

/// Who signed a receipt.
enum Signer {
    /// Nobody.
    Nobody,
    /// A key that is not known as the host's.
    Unknown(String),
    /// The host.
    Host(String),
}

impl ReceiptArgs {
    /// Reads the receipt and compares it with the bundle; `None` if none was named.
    ///
    /// # Errors
    /// [`CliError`] of kind `Usage` if a file cannot be read, `Refused` if the signature does not hold or the receipt is
    /// about another bundle.
    pub(super) fn check(&self, bundle: &Bundle<Intact>) -> Result<Option<Checked>, CliError> {
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
            None => Signer::Nobody,
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

/// Fingerprints of the keys that the bundle knows as the host's.
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
            Signer::Nobody => "UNSIGNED".to_owned(),
            Signer::Unknown(key) => format!("signed by {key}, which is not known as the host's"),
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
            Signer::Nobody => (None, false),
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

    /// What keeps the receipt from counting: nobody vouches for it (refused), or it tells of differences.
    pub(super) fn objection(&self) -> Option<CliError> {
        let vouch = "sign receipts on the host with `kubeapply install --sign-receipt`";
        match &self.signer {
            Signer::Nobody => Some(
                CliError::new(
                    Exit::Refused,
                    "the receipt is not signed, so nobody vouches for it",
                )
                .hint(vouch),
            ),
            Signer::Unknown(key) => Some(
                CliError::new(
                    Exit::Refused,
                    format!("the receipt is signed by {key}, which nothing says is the host's"),
                )
                .hint("compare the fingerprint with the host's and name it with --host-key"),
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
        EntryState::Left => "left as others changed it",
        EntryState::Remaining => "not installed yet",
    }
}

impl Serialize for Checked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}
