//! Shows a bundle, asks the user whether to sign or approve it, and writes it with the signature added.
//!
//! In: a bundle's path. Out: the same bundle with one more signature or approval, in place of the file that was read. The
//! file is opened once and its index stays in memory, so the index that the user agrees to is the index that is signed. If
//! another file takes the bundle's place meanwhile, that file is neither signed nor overwritten.

use std::io::Write;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use kubeplan_bundle::approval::Approval;
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::{Content, Index};
use kubeplan_bundle::reader::{Bundle, Public};
use kubeplan_bundle::signature::Fingerprint;
use kubeplan_bundle::writer::WriteError;
use kubeplan_review::{Standing, shown_recipient};
use kubeplan_terminal::{CliError, Format, Io, quote};
use serde_json::json;

use super::error::io_error;
use super::open::{BundleFile, open_readable};
use super::reading::count;
use crate::output;

/// The longest answer that the prompt reads, in bytes.
const MAX_ANSWER: usize = 80;

/// Arguments of the commands that ask for agreement: the answer for runs without a terminal, and the output format.
#[derive(Debug, clap::Args)]
pub(super) struct AgreementArgs {
    /// Do not ask: continue if the bundle has this plan digest, which you
    /// reviewed, and fail otherwise; required without a terminal
    #[arg(long, value_name = "SHA256", value_parser = digest)]
    plan_digest: Option<Sha256Digest>,
    /// Output format of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Parses a complete SHA-256 digest in hexadecimal, with or without the prefix `sha256:` or `sha256/`.
fn digest(text: &str) -> Result<Sha256Digest, String> {
    let hex = ["sha256:", "sha256/"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix));
    hex.unwrap_or(text)
        .parse()
        .map_err(|error| format!("{error}; give the complete digest"))
}

/// The metadata by which a file on disk is recognised as the one that was read.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    place: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Seen {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            place: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// A bundle that was read and that the user is asked to sign or approve.
pub(super) struct Reviewed {
    file: BundleFile,
    seen: Seen,
    path: PathBuf,
    bundle: Bundle<Public>,
}

impl Reviewed {
    /// Reads the bundle at `path`, once.
    ///
    /// # Errors
    /// [`CliError`] of kind `Refused` if the file is not a bundle, or is damaged.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let file = BundleFile::open(path)?;
        let metadata = file.file().metadata();
        let seen = Seen::of(&metadata.map_err(io_error("inspecting bundle", path))?);
        Ok(Self {
            bundle: file.readable()?,
            file,
            seen,
            path: path.to_owned(),
        })
    }

    /// The bytes of the bundle's index: what a signature signs.
    pub(super) fn index_bytes(&self) -> &[u8] {
        self.bundle.index_bytes()
    }

    /// Fingerprints of the keys that signed the bundle.
    pub(super) fn signers(&self) -> impl Iterator<Item = Fingerprint> {
        let signatures = self.bundle.signatures().iter();
        signatures.map(|signature| signature.public_key().fingerprint())
    }

    /// Fingerprints of the keys that approved the bundle.
    pub(super) fn approvers(&self) -> impl Iterator<Item = Fingerprint> {
        self.bundle.approvals().iter().map(Approval::fingerprint)
    }

    /// Shows the bundle, then asks on the terminal whether to `verb` it or compares its plan digest with `--plan-digest`.
    ///
    /// # Errors
    /// [`CliError`] of kind `Refused` if the digests differ, `Usage` without `--plan-digest` and without a terminal, `Failed`
    /// if the answer is not `yes`.
    pub(super) fn agree(
        &self,
        verb: &str,
        args: &AgreementArgs,
        io: &mut Io,
    ) -> Result<(), CliError> {
        for line in self.summary() {
            io.say(line);
        }
        let found = self.bundle.index().plan_digest;
        let show = format!(
            "look at it with `kubeplan show {}`",
            quote(&self.path.to_string_lossy())
        );
        if let Some(reviewed) = args.plan_digest {
            if reviewed == found {
                return Ok(());
            }
            return Err(CliError::new(
                Exit::Refused,
                format!(
                    "bundle {} has the plan digest {found}, not {reviewed} as given with --plan-digest",
                    self.path.display()
                ),
            )
            .hint(format!("this is not the plan that you reviewed: {show}")));
        }
        if !(io.terminals().stderr && io.terminals().stdin) {
            return Err(CliError::usage(format!(
                "cannot ask whether to {verb} this bundle: there is no terminal"
            ))
            .hint(format!(
                "{show}, then give the plan digest that you reviewed with --plan-digest"
            )));
        }
        io.say(format_args!(
            "Type `yes` to {verb} it; anything else stops."
        ));
        let answer = io.answer(MAX_ANSWER);
        if answer
            .map_err(|error| error.with_exit(Exit::Failed))?
            .trim()
            == "yes"
        {
            return Ok(());
        }
        Err(CliError::new(
            Exit::Failed,
            format!(
                "the answer was not `yes`: {} is unchanged",
                self.path.display()
            ),
        ))
    }

    /// What a signer needs to know about the bundle, one fact per line.
    fn summary(&self) -> Vec<String> {
        let index = self.bundle.index();
        let standing = Standing::unjudged(self.bundle.signatures(), self.bundle.approvals())
            .of_public_part(self.bundle.is_public_part());
        let sealed = |index: &Index| {
            let entries = index.entries.iter();
            entries
                .filter(|entry| matches!(entry.content, Content::Sealed(_)))
                .count()
        };
        let mut lines = vec![
            format!("bundle {}", self.path.display()),
            format!(
                "  node         {} ({}) of cluster {}",
                index.node.name, index.node.role, index.cluster.name
            ),
            format!("  cluster id   {}", index.cluster.id),
            format!("  plan digest  {}", index.plan_digest),
            format!("  index        {}", Sha256Digest::of(self.index_bytes())),
            format!("  serial       {}", index.serial),
            format!(
                "  apply        after {}, before {}",
                index.apply_after, index.apply_before
            ),
            format!(
                "  contents     {}, {} of them sealed; {}",
                count(index.entries.len(), "item"),
                sealed(index),
                count(index.steps.len(), "step")
            ),
        ];
        for recipient in index.sealed.iter().flat_map(|sealed| &sealed.recipients) {
            lines.push(format!("  sealed for   {}", shown_recipient(recipient)));
        }
        lines.push(format!("  signatures   {}", standing.line()));
        for approval in self.bundle.approvals() {
            lines.push(format!("  approved by  {}", approval.fingerprint()));
        }
        if index.test_only {
            lines.push(
                "  TEST ONLY    made with public test keys; kubeapply refuses it on a real host"
                    .to_owned(),
            );
        }
        lines
    }

    /// Writes the bundle that `add` returns to `output`, or in place of the file that was read.
    ///
    /// # Errors
    /// [`CliError`] if the file cannot be written, or if the file that was read has changed since. Nothing is changed then.
    pub(super) fn write(
        self,
        output: Option<&Path>,
        add: impl FnOnce(Bundle<Public>, &mut dyn Write) -> Result<(), CliError>,
    ) -> Result<Signed, CliError> {
        let Self {
            file,
            seen,
            path,
            bundle,
        } = self;
        if let Some(output) = output
            && bundle.is_public_part()
            && open_readable(output).is_ok_and(|there| !there.is_public_part())
        {
            return Err(CliError::usage(format!(
                "{} is a whole bundle, and {} is a public part: without its sealed part it could not be installed any more",
                output.display(),
                path.display()
            ))
            .hint("name another file with --output; `kubeplan approve --add COPY BUNDLE` adds the approvals of a copy to the whole bundle"));
        }
        let index = bundle.index();
        let signed = Signed {
            bundle: output.unwrap_or(&path).to_owned(),
            document: json!({
                "node": index.node.name.as_str(),
                "cluster": index.cluster.name.as_str(),
                "clusterId": index.cluster.id,
                "serial": index.serial,
                "planDigest": index.plan_digest,
                "indexSha256": Sha256Digest::of(bundle.index_bytes()),
            }),
        };
        let unchanged = || {
            let now = |metadata: std::io::Result<std::fs::Metadata>| {
                metadata.is_ok_and(|metadata| Seen::of(&metadata) == seen)
            };
            if now(std::fs::metadata(&path)) && now(file.file().metadata()) {
                return Ok(());
            }
            Err(CliError::new(
                Exit::Refused,
                format!(
                    "bundle {} was changed or replaced since it was read: it was not written",
                    path.display()
                ),
            )
            .hint("review the bundle again, then run this command again"))
        };
        let still = || match output {
            Some(_) => Ok(()),
            None => unchanged(),
        };
        output::replace_if(&signed.bundle, 0o644, |out| add(bundle, out), still)?;
        Ok(signed)
    }
}

/// The error for a signature or approval that cannot be added to a bundle.
pub(super) fn not_added(message: &str, error: WriteError) -> CliError {
    let is_there = matches!(
        error,
        WriteError::AlreadySigned(_) | WriteError::AlreadyApproved(_)
    );
    let error = CliError::caused(Exit::Refused, message, error);
    if is_there {
        error.hint(
            "this key needs to do nothing more; to add another signature or approval, use another person's key",
        )
    } else {
        error
    }
}

/// A bundle that was written with a signature or approval added.
pub(super) struct Signed {
    bundle: PathBuf,
    document: serde_json::Value,
}

impl Signed {
    /// Reports that the bundle is now `done` (`signed`, `approved`) by `key`, as text or as the JSON document of `command`.
    ///
    /// # Errors
    /// [`CliError`] if the result cannot be printed.
    pub(super) fn report(
        mut self,
        command: &'static str,
        done: &str,
        key: &str,
        args: &AgreementArgs,
        io: &mut Io,
    ) -> Result<Exit, CliError> {
        io.say(format_args!("{} is {done} by {key}", self.bundle.display()));
        if args.format == Format::Json {
            if let Some(fields) = self.document.as_object_mut() {
                let bundle = self.bundle.display().to_string();
                fields.insert("bundle".to_owned(), bundle.into());
                fields.insert(done.to_owned() + "By", key.into());
            }
            io.document(command, 1, &self.document)?;
        }
        Ok(Exit::Done)
    }
}
