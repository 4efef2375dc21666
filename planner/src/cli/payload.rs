//! `kubeplan payload`: reads container images, and compares them with what a plan needs.

use std::path::PathBuf;

use clap::Subcommand;
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::{CliError, Format, Io, Progress, Text, table_with_open_end};
use serde::Serialize;
use serde_json::{Value, json};

use super::Surroundings;
use super::failed::failed;
use super::input::Configuration;
use super::reading::{count, read_text};
use crate::engine::images::{Extra, Needed};
use crate::engine::{Choices, Prospect, Session};
use crate::payload::completeness::{Finding, Need, Report, completeness};
use crate::payload::contents::{self, Opened};
use crate::payload::image::Name;
use crate::payload::open::open;
use crate::payload::{Contents, Given, Image, Platform, Reference, Refusal, Variant};

/// Read container images, and compare them with what a plan needs
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(Box<CheckArgs>),
}

/// Check image archives, and with -f that they have every image of a plan
///
/// Reads OCI layouts, OCI archives and docker archives, plain or compressed with gzip or zstd. Compares every digest,
/// size and diff_id, and lists the images. With a configuration, also lists the images that its nodes need and no
/// source has. Writes nothing.
#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// Archives and directories with images
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    #[command(flatten)]
    config: Configuration,
    /// File with objects that are applied to the cluster besides the plan's;
    /// may be repeated
    #[arg(long = "manifest", value_name = "FILE")]
    manifests: Vec<PathBuf>,
    /// Name of an image that has none; FILE may end with @sha256:… to choose
    /// one of several; may be repeated
    #[arg(long = "image", value_name = "FILE=REFERENCE", value_parser = given)]
    names: Vec<Given>,
    /// Image that no source needs to have, such as what only looks like an
    /// image in a manifest; may be repeated
    #[arg(long = "ignore", value_name = "REFERENCE")]
    ignored: Vec<String>,
    /// Architectures of the nodes [default: those of the configuration, or
    /// amd64]
    #[arg(long, value_name = "ARCH", value_delimiter = ',', value_parser = arch)]
    arch: Vec<Platform>,
    /// Output format of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Reads `FILE=REFERENCE` or `FILE@sha256:DIGEST=REFERENCE`.
fn given(text: &str) -> Result<Given, String> {
    let (source, name) = text
        .rsplit_once('=')
        .ok_or("write FILE=REFERENCE, such as app.tar=registry.example.com/app:1")?;
    let reference =
        Reference::parse(name).ok_or_else(|| format!("`{name}` is not a valid image reference"))?;
    let (source, digest) = match source.rsplit_once("@sha256:") {
        Some((source, hex)) => {
            let digest: Sha256Digest = hex.parse().map_err(|error| format!("{error}"))?;
            (source, Some(digest))
        }
        None => (source, None),
    };
    Ok(Given {
        source: source.to_owned(),
        digest,
        name: Name {
            written: name.to_owned(),
            reference,
        },
    })
}

/// Reads an architecture, with an optional variant: `amd64`, `arm/v6`.
fn arch(text: &str) -> Result<Platform, String> {
    let (arch, variant) = text.split_once('/').unwrap_or((text, ""));
    let is_word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric());
    if arch.is_empty() || !is_word(arch) || !is_word(variant) {
        return Err("write an architecture as Go names it, such as amd64 or arm64".to_owned());
    }
    Ok(Platform::new("linux", arch, variant))
}

pub(super) fn run(args: &Args, around: &Surroundings, io: &mut Io) -> Result<Exit, CliError> {
    match &args.command {
        Command::Check(args) => check(args, around, io),
    }
}

fn check(args: &CheckArgs, around: &Surroundings, io: &mut Io) -> Result<Exit, CliError> {
    let needed = needed(args, around, io)?;
    let platforms = platforms(args, needed.as_ref());
    let (contents, refusals) = read_sources(args, &platforms, io);
    if let Some(unused) = contents.unused.first() {
        return Err(CliError::usage(format!(
            "--image: {} has no image without a name that `{}` could name",
            unused.source, unused.name.written
        ))
        .hint("name the source exactly as among the other arguments; add @sha256:… if it has several images"));
    }
    let report = needed
        .as_ref()
        .map(|needed| completeness(&needed.needs, &contents, &args.ignored));
    match args.format {
        Format::Json => io.document(
            "payload check",
            1,
            &document(&contents, &refusals, report.as_ref()),
        )?,
        Format::Text => {
            io.print(&images(&contents))?;
            for skipped in &contents.skipped {
                io.say(format_args!(
                    "note: {}: {} is not an image, but {}",
                    skipped.source, skipped.name, skipped.what
                ));
            }
        }
    }
    if !refusals.is_empty() {
        return Err(refused(&refusals, io));
    }
    if let Some(needed) = &needed {
        for (object, operator) in &needed.unseen {
            io.say(format_args!(
                "warning: {object}: {operator} chooses images that no manifest names; find out which, and name them with --ignore or add them"
            ));
        }
    }
    let Some(report) = report else {
        return Ok(Exit::Done);
    };
    Ok(judge(&report, io))
}

/// What the configuration and extra manifests need; `None` without either.
fn needed(
    args: &CheckArgs,
    around: &Surroundings,
    io: &mut Io,
) -> Result<Option<Needed>, CliError> {
    if !args.config.is_given() && args.manifests.is_empty() {
        return Ok(None);
    }
    let mut needed = Needed::default();
    let mut platforms = args.arch.iter().cloned().collect();
    if args.config.is_given() {
        let session: Session = args.config.open(&Choices::default(), io)?;
        // Which images are rendered does not depend on the time, so any clock will do.
        let now = (around.clock)().or(Timestamp::from_unix_seconds(0));
        let prospect = Prospect::of_new_keys(now.unwrap_or(Timestamp::MAX));
        needed = session
            .needed_images(prospect)
            .map_err(|error| failed(error, io))?;
        platforms = session.platforms();
    } else if args.arch.is_empty() {
        platforms.insert(Platform::linux("amd64"));
    }
    for path in &args.manifests {
        let text = read_text(path, "manifest")?;
        let file = path.display().to_string();
        let extra = Extra {
            file: &file,
            text: &text,
        };
        needed
            .add_extra(extra, &platforms)
            .map_err(|error| CliError::usage(format!("{file}: {error}")))?;
    }
    Ok(Some(needed))
}

/// The platforms to read images for.
fn platforms(args: &CheckArgs, needed: Option<&Needed>) -> Vec<Platform> {
    if !args.arch.is_empty() {
        return args.arch.clone();
    }
    let needs = needed.into_iter().flat_map(|needed| &needed.needs);
    let mut platforms: Vec<Platform> = needs
        .flat_map(|need: &Need| need.platforms.clone())
        .collect();
    platforms.sort();
    platforms.dedup();
    if platforms.is_empty() {
        platforms.push(Platform::linux("amd64"));
    }
    platforms
}

fn read_sources(args: &CheckArgs, platforms: &[Platform], io: &mut Io) -> (Contents, Vec<Refusal>) {
    let mut opened: Vec<Opened> = Vec::with_capacity(args.sources.len());
    let mut refusals = Vec::new();
    for path in &args.sources {
        let mut announce = |form: &str| {
            io.say(format_args!(
                "note: {}: copying {form} into a temporary file",
                path.display()
            ));
        };
        match open(path, &mut announce) {
            Ok(source) => opened.push(source),
            Err(refusal) => refusals.push(refusal),
        }
    }
    let progress = Progress::new(io, "checking layers");
    let (contents, more) = contents::read(&opened, platforms, &args.names, &|done, total| {
        progress.show(done, total);
    });
    drop(progress);
    refusals.extend(more);
    (contents, refusals)
}

/// Prints every refusal, and returns the error that ends the run.
fn refused(refusals: &[Refusal], io: &mut Io) -> CliError {
    let error = |refusal: &Refusal| {
        let hint = refusal.hint();
        hint.into_iter()
            .fold(CliError::usage(refusal.to_string()), CliError::hint)
    };
    match refusals {
        [only] => error(only),
        several => {
            for refusal in several {
                io.error(&error(refusal));
            }
            CliError::usage(format!(
                "the sources have {}",
                count(several.len(), "error")
            ))
        }
    }
}

/// Says what is missing.
fn judge(report: &Report, io: &mut Io) -> Exit {
    for image in &report.unused {
        io.say(format_args!(
            "warning: --ignore {image}: nothing needs this image"
        ));
    }
    for finding in &report.findings {
        let mut text = Text::of(format_args!(
            "{}: {finding}",
            if finding.kind.is_error() {
                "error"
            } else {
                "warning"
            }
        ));
        for by in &finding.by {
            text.line(format_args!("  needed by {by}"));
        }
        text.line(format_args!("  hint: {}", hint(finding)));
        io.tell(&text);
    }
    let errors = report
        .findings
        .iter()
        .filter(|finding| finding.kind.is_error());
    let lacking = errors.count();
    if lacking == 0 {
        io.say(format_args!(
            "the sources have all {} that the nodes need",
            count(report.needed, "image")
        ));
        return Exit::Done;
    }
    io.say(format_args!(
        "{} to resolve, of {} that the nodes need",
        lacking,
        count(report.needed, "image")
    ));
    Exit::Differs
}

fn hint(finding: &Finding) -> &'static str {
    use crate::payload::completeness::Kind;
    match finding.kind {
        Kind::Missing => {
            "add an archive that has it; `docker save`, `skopeo copy` or `crane pull` write one"
        }
        Kind::Suspect => "add an archive that has it, or say that it is not needed with --ignore",
        Kind::Invalid => "correct the name in the configuration or the manifest",
        Kind::PullsAlways => {
            "set imagePullPolicy: IfNotPresent, or the Pod fails on a node without a registry"
        }
        Kind::Latest => "use a tag or a digest that always means the same image",
    }
}

/// The images as a table.
fn images(contents: &Contents) -> Text {
    let mut rows = Vec::new();
    for image in &contents.images {
        for variant in &image.variants {
            for name in &image.names {
                rows.push(vec![
                    name.reference.to_string(),
                    variant.platform.to_string(),
                    variant.layers.len().to_string(),
                    size(variant.size()),
                    image.source.clone(),
                    image.target.oci_digest(),
                ]);
            }
        }
    }
    if rows.is_empty() {
        return Text::new();
    }
    let headings = ["IMAGE", "PLATFORM", "LAYERS", "SIZE", "SOURCE", "DIGEST"];
    table_with_open_end(&headings, &rows)
}

/// A size for people, with one decimal.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes.saturating_mul(10) / 1024;
    for unit in UNITS {
        if tenths < 10240 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        tenths /= 1024;
    }
    format!("{} PiB", tenths / 10)
}

/// What `--format json` prints for a platform of an image.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlatformLine {
    platform: String,
    manifest: String,
    config: String,
    layers: Vec<String>,
    size: u64,
}

impl PlatformLine {
    fn of(variant: &Variant) -> Self {
        let layers = variant.layers.iter().map(|layer| layer.blob.oci_digest());
        Self {
            platform: variant.platform.to_string(),
            manifest: variant.manifest.oci_digest(),
            config: variant.config.oci_digest(),
            layers: layers.collect(),
            size: variant.size(),
        }
    }
}

fn document(contents: &Contents, refusals: &[Refusal], report: Option<&Report>) -> Value {
    let image = |image: &Image| {
        json!({
            "names": image.names.iter().map(|name| name.reference.to_string()).collect::<Vec<_>>(),
            "source": image.source,
            "digest": image.target.oci_digest(),
            "mediaType": image.target.media_type,
            "fromRegistry": image.is_original,
            "platforms": image.variants.iter().map(PlatformLine::of).collect::<Vec<_>>(),
        })
    };
    let refusal = |refusal: &Refusal| {
        json!({
            "source": refusal.source,
            "entry": refusal.entry,
            "message": refusal.fault.to_string(),
            "hint": refusal.hint(),
        })
    };
    let finding = |finding: &Finding| {
        json!({
            "kind": finding.kind.word(),
            "image": finding.image,
            "platforms": finding.platforms.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "neededBy": finding.by,
            "message": finding.to_string(),
        })
    };
    let skipped = contents.skipped.iter().map(
        |skipped| json!({"source": skipped.source, "name": skipped.name, "what": skipped.what}),
    );
    let mut document = serde_json::Map::new();
    let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
    put("images", contents.images.iter().map(image).collect());
    put("skipped", skipped.collect());
    put("refused", refusals.iter().map(refusal).collect());
    if let Some(report) = report {
        put(
            "complete",
            json!(report.is_complete() && refusals.is_empty()),
        );
        put("findings", report.findings.iter().map(finding).collect());
    }
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_decimal() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "1638 PiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn a_name_is_given_to_a_file_or_to_one_image_of_it() {
        let digest = Sha256Digest::of(b"x");
        let one = given("a=b.tar=app:1").unwrap();
        assert_eq!((one.source.as_str(), one.digest), ("a=b.tar", None));
        assert_eq!(one.name.reference.stored(), "docker.io/library/app:1");
        let two = given(&format!("a.tar@sha256:{digest}=app")).unwrap();
        assert_eq!((two.source.as_str(), two.digest), ("a.tar", Some(digest)));
        for wrong in ["a.tar", "a.tar=", "a.tar=A B", "a.tar@sha256:0=app"] {
            assert!(given(wrong).is_err(), "{wrong}");
        }
        assert_eq!(arch("arm64").unwrap().to_string(), "linux/arm64");
        assert_eq!(arch("arm/v6").unwrap().to_string(), "linux/arm/v6");
        assert!(arch("linux amd64").is_err() && arch("").is_err());
    }
}
