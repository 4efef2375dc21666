//! What a signature is given for: the bundle that was read and shown, once.
//!
//! In: a bundle's path. Out: the same bundle with a signature more, in the place of the file that was read. The file is opened
//! once; its index is held in memory from then on, is shown, is agreed to, and is what is signed. A file that was put in
//! its place meanwhile is neither signed nor overwritten.

use std::io::Write;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::index::{Content, Index};
use kubeplan_bundle::reader::{Bundle, Intact};
use kubeplan_bundle::signature::Fingerprint;
use kubeplan_bundle::writer::WriteError;
use kubeplan_review::{Standing, shown_recipient};
use kubeplan_terminal::{CliError, Format, Io, quote};
use serde_json::json;

use super::error::io_error;
use super::input::count;
use super::open::BundleFile;
use crate::output;

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 80;

/// What agrees to a bundle where there is no terminal to ask on, and how the result is printed.
#[derive(Debug, clap::Args)]
pub(super) struct AgreementArgs {
    /// Go on without asking if the bundle has this plan digest, which was
    /// reviewed; needed where there is no terminal
    #[arg(long, value_name = "SHA256", value_parser = digest)]
    plan_digest: Option<Sha256Digest>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The whole digest, perhaps with the name of the algorithm before it.
fn digest(text: &str) -> Result<Sha256Digest, String> {
    let hex = ["sha256:", "sha256/"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix));
    hex.unwrap_or(text)
        .parse()
        .map_err(|error| format!("{error}; give the whole digest"))
}

/// What about a file on the disk tells that it is still the one that was read.
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

/// A bundle that was read, and that is to be signed or approved.
pub(super) struct Reviewed {
    file: BundleFile,
    seen: Seen,
    path: PathBuf,
    bundle: Bundle<Intact>,
}

impl Reviewed {
    /// Reads the bundle at `path`, once.
    ///
    /// # Errors
    /// [`CliError`] of kind `Refused` if it is not a whole bundle.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let file = BundleFile::open(path)?;
        let metadata = file.file().metadata();
        let seen = Seen::of(&metadata.map_err(io_error("inspecting bundle", path))?);
        Ok(Self {
            bundle: file.intact()?,
            file,
            seen,
            path: path.to_owned(),
        })
    }

    /// The bytes of its index, which are signed.
    pub(super) fn index_bytes(&self) -> &[u8] {
        self.bundle.index_bytes()
    }

    /// The keys that signed it.
    pub(super) fn signers(&self) -> impl Iterator<Item = Fingerprint> {
        let signatures = self.bundle.signatures().iter();
        signatures.map(|signature| signature.public_key().fingerprint())
    }

    /// Shows what was read and asks whether to `verb` it; or compares its plan digest with the one that was reviewed.
    ///
    /// # Errors
    /// [`CliError`] of kind `Refused` if the digest is another one, `Usage` if there is none and no terminal, `Failed` if the
    /// answer is not `yes`.
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
                    "bundle {} has the plan digest {found}, and {reviewed} was reviewed",
                    self.path.display()
                ),
            )
            .hint(format!("this is another plan: {show}")));
        }
        if !(io.terminals().stderr && io.terminals().stdin) {
            return Err(CliError::usage(format!(
                "nothing says that this bundle was reviewed, and there is no terminal to ask on whether to {verb} it"
            ))
            .hint(format!("{show} and give the plan digest that was reviewed with --plan-digest")));
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
                "the answer was not `yes`: did not {verb} {}",
                self.path.display()
            ),
        ))
    }

    /// What a signer should know, one line each.
    fn summary(&self) -> Vec<String> {
        let index = self.bundle.index();
        let standing = Standing::unjudged(self.bundle.signatures(), self.bundle.approvals());
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
                "  holds        {}, {} of them sealed; {}",
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

    /// Writes what `add` makes of the bundle to `output`, or in the place of the file that was read.
    ///
    /// # Errors
    /// [`CliError`] if it cannot be written, or another file is in that place by now; nothing is changed then.
    pub(super) fn write(
        self,
        output: Option<&Path>,
        add: impl FnOnce(Bundle<Intact>, &mut dyn Write) -> Result<(), CliError>,
    ) -> Result<Signed, CliError> {
        let Self {
            file,
            seen,
            path,
            bundle,
        } = self;
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
                    "bundle {} was changed or replaced since it was read; it is left as it is",
                    path.display()
                ),
            )
            .hint("look at it again, and run the command again"))
        };
        let still = || match output {
            Some(_) => Ok(()),
            None => unchanged(),
        };
        output::replace_if(&signed.bundle, 0o644, |out| add(bundle, out), still)?;
        Ok(signed)
    }
}

/// Why a bundle has not got a signature or approval more.
pub(super) fn not_added(message: &str, error: WriteError) -> CliError {
    let is_there = matches!(
        error,
        WriteError::AlreadySigned(_) | WriteError::AlreadyApproved(_)
    );
    let error = CliError::caused(Exit::Refused, message, error);
    if is_there {
        error.hint(
            "there is nothing to do for this key; for one more of a kind, use another person's",
        )
    } else {
        error
    }
}

/// A bundle with a signature more.
pub(super) struct Signed {
    bundle: PathBuf,
    document: serde_json::Value,
}

impl Signed {
    /// Says which key did what: `command` is now `done`.
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
