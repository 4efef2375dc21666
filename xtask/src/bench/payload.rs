//! Throughput of the bundle format: one payload item, written and read in constant memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{
    ClusterRef, HostMatch, NodeRef, NodeRole, Operation, Platform, Target, Tool,
};
use kubeplan_bundle::payload::PayloadSource;
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::seal::CommitSalt;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_bundle::writer::{Draft, DraftEntry};
use nix::sys::resource::{UsageWho, getrusage};

use super::Figures;

/// Size of the item, in bytes.
const SIZE: u64 = 64 * 1024 * 1024;

/// What the item is called in the bundle.
const NAME: &str = "payload/item.bin";

/// A file whose bytes are neither all alike nor random: each 16-byte word counts its place.
struct Item(PathBuf);

impl PayloadSource for Item {
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(BufReader::new(File::open(&self.0)?)))
    }
}

/// Makes the item in `directory`, piece by piece: what this process once held counts as the peak of those it starts.
pub fn make_item(directory: &Path) -> Result<()> {
    let path = directory.join("item.bin");
    let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
    let mut out = BufWriter::new(file);
    for place in 0..SIZE / 16 {
        out.write_all(&place.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())?;
        out.write_all(b"kubeplan")?;
    }
    Ok(out.flush()?)
}

/// Writes a bundle with the item.
pub fn write(directory: &Path) -> Result<Figures> {
    let key = PrivateKey::generate_ed25519("bench")?;
    measured(|| {
        let path = directory.join("bundle.tar.gz");
        let mut out = File::create(&path).with_context(|| format!("making {}", path.display()))?;
        draft(directory)?
            .prepare()?
            .write(1, &[], &[&key], &mut out)?;
        Ok(())
    })
}

/// Verifies the bundle and reads the item, chunk by checked chunk.
pub fn read(directory: &Path) -> Result<Figures> {
    measured(|| {
        let path = directory.join("bundle.tar.gz");
        let file = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
        let mut bundle = Bundle::open(file)?.into_intact()?;
        let (_, size) = Sha256Digest::of_reader(&mut bundle.payload(&NAME.parse()?)?)?;
        ensure!(size == SIZE, "read {size} bytes");
        Ok(())
    })
}

fn draft(directory: &Path) -> Result<Draft> {
    let item = Box::new(Item(directory.join("item.bin")));
    Ok(Draft {
        operation: Operation::Join,
        sources: None,
        cluster: ClusterRef {
            name: "bench".parse()?,
            id: Sha256Digest::of(b"bench"),
        },
        node: NodeRef {
            name: "bench".parse()?,
            role: NodeRole::Worker,
        },
        target: Target {
            r#match: HostMatch::default(),
            platform: Platform {
                os: "linux".into(),
                arch: "amd64".into(),
            },
        },
        created: "2026-01-01T00:00:00Z".parse()?,
        apply_after: "2026-01-01T00:00:00Z".parse()?,
        apply_before: "2027-01-01T00:00:00Z".parse()?,
        test_only: true,
        planner: Tool {
            name: "bench".into(),
            version: "0".into(),
        },
        api: None,
        annotations: BTreeMap::new(),
        entries: vec![DraftEntry::payload("payload".parse()?, NAME.parse()?, item)],
        transactions: vec![],
        steps: vec![],
        commit_salt: CommitSalt::new(SecretBytes::new(vec![7; 32]))?,
    })
}

fn measured(work: impl FnOnce() -> Result<()>) -> Result<Figures> {
    let begin = Instant::now();
    work()?;
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(Figures {
        wall: begin.elapsed().as_secs_f64(),
        cpu: seconds(usage.user_time()) + seconds(usage.system_time()),
        peak: usage.max_rss() as f64 / 1024.0,
        bytes: SIZE,
    })
}
